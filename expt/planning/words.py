"""What people say of parameters: `Annotated[float, "step size", "1/s"]`, a docstring, a remark.

Args:                              Parameters          of a params.toml:
    lr: Step size [1/s].           ----------              lr = 0.1  # step size [1/s]
    epochs (int): Passes.          lr : float
                                       Step size [1/s].
"""

from __future__ import annotations

import inspect
import re
import typing
from typing import TYPE_CHECKING, Any, Final

from expt.ground.text import dotted
from expt.parameters.coercion.annotations import alternatives, resolve_annotations
from expt.parameters.coercion.plain import key_fields
from expt.parameters.params_files import table_remarks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from expt.parameters.params_files import ParamsFile

Words = dict[str, str]
"""`description` and `unit`, those that are said."""

_GOOGLE: Final = re.compile(r"(?:Args|Arguments|Parameters):\s*")
_NUMPY: Final = re.compile(r"(?:Other )?Parameters\s*")
_ENTRY: Final = re.compile(r"\*{0,2}(\w+)\s*(?:\([^)]*\))?\s*:\s*(.*)")
_NAMES: Final = re.compile(r"\*{0,2}(\w+(?:\s*,\s*\w+)*)\s*(?::.*)?")
_UNIT: Final = re.compile(r"\s*\[([^\[\]]+)\]\.?$")
_DEEPEST: Final = 5  # classes in classes: one may hold itself


def words_of(call: Callable[..., Any], annotations: Mapping[str, Any]) -> dict[str, Words]:
    """What a function says of its arguments, by dotted name; an annotation before the docstring."""
    said = {name: _split_unit(text) for name, text in _documented(inspect.getdoc(call) or "")}
    for name, annotation in annotations.items():
        said.update(_annotated((name,), annotation))
    return said


def first_line(call: Callable[..., Any]) -> str:
    """Of its docstring."""
    return (inspect.getdoc(call) or "").partition("\n")[0]


def prose_of(call: Callable[..., Any]) -> str:
    """A docstring without its first line and what it says of the arguments."""
    lines = (inspect.getdoc(call) or "").splitlines()[1:]
    kept: list[str] = []
    while lines:
        line = lines.pop(0)
        if _GOOGLE.fullmatch(line):
            while lines and not lines[0][:1].strip():
                lines.pop(0)
        elif _NUMPY.fullmatch(line) and lines and _ruled(lines[0]):
            lines.pop(0)
            while lines and not (len(lines) > 1 and lines[0].strip() and _ruled(lines[1])):
                lines.pop(0)
        else:
            kept.append(line)
    return "\n".join(kept).strip()


def words_of_files(
    files: Iterable[ParamsFile], tables: Iterable[tuple[str, ...]]
) -> dict[str, Words]:
    """What comments beside keys say, by dotted name: of two files, weakest first, the nearer."""
    return {
        dotted(path): _split_unit(text)
        for file, functions in zip(files, tables, strict=True)
        for path, text in table_remarks(file, functions).items()
    }


def words_together(said: Iterable[Mapping[str, Words]]) -> dict[str, Words]:
    """What is said in all of them, the last ones before the first."""
    merged: dict[str, Words] = {}
    for words in said:
        for name, own in words.items():
            merged[name] = {**merged.get(name, {}), **own}
    return merged


def _annotated(path: tuple[str, ...], annotation: Any) -> Iterator[tuple[str, Words]]:
    texts = [text for text in getattr(annotation, "__metadata__", ()) if isinstance(text, str)]
    if texts:
        yield dotted(path), dict(zip(("description", "unit"), texts, strict=False))
    for part in alternatives(annotation) if len(path) < _DEEPEST else ():
        cls = typing.get_origin(part) or part
        fields = key_fields(cls)
        hints = resolve_annotations(cls) if fields else {}
        for key, name in fields.items():
            if name in hints:
                yield from _annotated((*path, key), hints[name])


def _split_unit(text: str) -> Words:
    unit = _UNIT.search(text)
    if unit is None:
        return {"description": text}
    return {"description": text[: unit.start()], "unit": unit[1]}


def _documented(doc: str) -> Iterator[tuple[str, str]]:
    """The names of a docstring's section and what is said of each, on one line."""
    lines = doc.splitlines()
    for index, line in enumerate(lines):
        if _GOOGLE.fullmatch(line):
            yield from _entries(_indented(lines[index + 1 :]))
        elif _NUMPY.fullmatch(line) and lines[index + 1 : index + 2] and _ruled(lines[index + 1]):
            yield from _numpy_entries(lines[index + 2 :])


def _ruled(line: str) -> bool:
    return len(line.strip()) > 2 and set(line.strip()) == {"-"}


def _indented(lines: list[str]) -> list[str]:
    """The lines of a section: until one that stands at the margin."""
    end = next((i for i, line in enumerate(lines) if line[:1].strip()), len(lines))
    return inspect.cleandoc("\n" + "\n".join(lines[:end])).splitlines()


def _entries(lines: list[str]) -> Iterator[tuple[str, str]]:
    name, texts = "", [""]
    for line in [*lines, "end: "]:
        entry = None if line[:1].isspace() else _ENTRY.fullmatch(line)
        if entry is None:
            texts.append(line.strip())
            continue
        if name:
            yield name, " ".join(filter(None, texts))
        name, texts = entry[1], [entry[2].strip()]


def _numpy_entries(lines: list[str]) -> Iterator[tuple[str, str]]:
    names: list[str] = []
    texts: list[str] = []
    for index, line in enumerate([*lines, "end"]):
        if line[:1].isspace() or not line:
            texts.append(line.strip())
            continue
        for name in names:
            yield name, " ".join(filter(None, texts))
        entry = _NAMES.fullmatch(line)
        if entry is None or (lines[index + 1 : index + 2] and _ruled(lines[index + 1])):
            return  # the next section
        names, texts = [name.strip() for name in entry[1].split(",")], []
