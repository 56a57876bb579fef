"""`params.toml` as layers: its values, the line of each, and the reserved table `[expt]`."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Any, Final

from expt.ground.encoding import from_json
from expt.ground.errors import ParameterError, UsageError, suggestion
from expt.ground.layout import EXPERIMENT_PREFIX, RESERVED_TABLE
from expt.ground.model import LAYER_PARAMS
from expt.ground.text import MASK, python_name
from expt.ground.toml_lines import Comment, KeyPath, find_keys
from expt.ground.toml_reading import read_toml
from expt.ground.value_classes import evolve, field, frozen
from expt.parameters.environment import FileText
from expt.parameters.layers import Layer, Where
from expt.parameters.search_tables import read_search
from expt.parameters.sweeps import Together, axes_from_table, read_zip
from expt.parameters.typed_text import NO_VALUE, parse_name, read_toml_value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from expt.ground.model import Axis
    from expt.ground.options import SearchWords

RESERVED_KEYS: Final = (
    "choices", "extends", "marks", "repeat", "search", "smoke", "sweep", "use", "variants", "zip"
)  # fmt: skip
REMINDER: Final = f"parameters stand above the first table, not below [{RESERVED_TABLE}]"

_JSON: Final = json.JSONDecoder(parse_constant=int)  # int("NaN") refuses what is no strict JSON
_LEFT_OUT: Final = re.compile(r"#\s*([^=#]+?)\s*=\s*(\S.*)")


@frozen
class ParamsFile:
    """A `params.toml`; `path` is relative to the root directory, `lines` by folded key path.

    `values` are the top level without `[expt]`, `reserved` is `[expt]` checked: `extends`, `use`
    and `marks` as tuples of texts, the others as they stand. `remarks` are the comments beside
    keys, without their marks, by folded key path.
    """

    path: str
    values: Mapping[str, Any]
    lines: Mapping[KeyPath, int]
    reserved: Mapping[str, Any] = field(factory=dict)
    remarks: Mapping[KeyPath, str] = field(factory=dict)

    def where(self, keys: KeyPath) -> str:
        """`experiments/params.toml:3`: the line of a key, or of the nearest table around it."""
        folded = tuple(map(python_name, keys))
        for size in range(len(folded), 0, -1):
            line = self.lines.get(folded[:size])
            if line is not None:
                return f"{self.path}:{line}"
        return self.path

    def below(self, *table: str) -> Callable[[KeyPath], str]:
        """`where` of the keys of a table."""
        return lambda keys: self.where((*table, *keys))

    def axes(self, seed: Callable[[], int] | None = None) -> tuple[list[Axis], list[Together]]:
        """What `sweep` and `zip` of `[expt]` say: axes, and groups of names that go in step.

        `seed` gives what random points are drawn from. Raises `ParameterError`.
        """
        swept, zipped = (self.below(RESERVED_TABLE, key) for key in ("sweep", "zip"))
        axes = axes_from_table(self.reserved.get("sweep", {}), swept, (), seed)
        if "zip" not in self.reserved:
            return axes, []
        groups, own = read_zip(self.reserved["zip"], zipped, seed)
        known = {name for axis in axes for name in axis.names}
        for name in (name for axis in own for name in axis.names):
            if name in known:
                what = f"the axis '{name}' is swept twice"
                raise ParameterError(what, zipped((name,)), f"the other: {swept((name,))}")
        return [*axes, *own], [(names, zipped(())) for names in groups]


def folder_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a table that go to every experiment: all but `[experiment_*]` tables."""
    return {name: value for name, value in values.items() if not _is_experiment(name, value)}


def experiment_values(values: Mapping[str, Any], function: str) -> dict[str, Any]:
    """The parameters of a table that go to one experiment alone."""
    value: Any = values.get(function)
    return value if _is_experiment(function, value) else {}


def table_remarks(file: ParamsFile, functions: Iterable[str]) -> dict[KeyPath, str]:
    """The remarks on the parameters that a file gives to an experiment, by key path.

    `functions` are as for `table_layers`: what stands in the last of their tables counts most.
    """
    tables = {name for name, value in file.values.items() if _is_experiment(name, value)}
    said = {
        path: text
        for path, text in file.remarks.items()
        if path[0] != RESERVED_TABLE and path[0] not in tables
    }
    for function in functions:
        if function in tables:
            own = {p[1:]: text for p, text in file.remarks.items() if p[0] == function and p[1:]}
            said |= own
    return said


def _is_experiment(name: str, value: Any) -> bool:
    return name.startswith(EXPERIMENT_PREFIX) and isinstance(value, dict)


def table_layers(
    file: ParamsFile, functions: Iterable[str], table: KeyPath = (), layer: str = LAYER_PARAMS
) -> list[Layer]:
    """The layers that one table of a file gives to an experiment, strongest first.

    `functions` are the names of the experiment and its bases, weakest first. `table` is `()` for
    the file itself, `("smoke",)` or `("variants", "big")` for those of `[expt]`. Empty where the
    file has no such table.
    """
    values: Any = file.reserved if table else file.values
    for key in table:
        values = values.get(key)
        if values is None:
            return []
    path = (RESERVED_TABLE, *table) if table else ()
    choices = {} if table else file.reserved.get("choices", {})
    chosen = {name: member for name, member in choices.items() if isinstance(member, str)}
    own = folder_values(values)
    layers = [Layer(layer, own, file.below(*path), chosen)]
    defaults = {
        name: choice["default"]
        for name, choice in choices.items()
        if isinstance(choice, dict) and isinstance(choice.get("default"), str)
    }
    if defaults:
        below = file.below(RESERVED_TABLE, "choices")
        layers.insert(0, Layer(layer, defaults, lambda keys: below((keys[0], "default"))))
    for function in functions:
        own = experiment_values(values, function)
        if own:
            layers.append(Layer(layer, own, file.below(*path, function)))
    return layers[::-1]


# Reading


def read_params_file(path: Path, root: Path) -> ParamsFile:
    """The `params.toml` at `path`. Raises `ParameterError`, with the line where there is one."""
    shown = os.path.relpath(path, root).replace(os.sep, "/")
    values, text = read_toml(path, shown, ParameterError)
    lines, comments = _find_lines(text)
    reserved = values.pop(RESERVED_TABLE, {})
    file = ParamsFile(shown, values, lines, remarks=_remarks(comments))
    named = _with_python_names(values, file.where)
    marked = {key: _mark(value, file, (key,), path.parent) for key, value in named.items()}
    return evolve(file, values=marked, reserved=_read_reserved(reserved, file, path.parent))


def _find_lines(text: str) -> tuple[dict[KeyPath, int], list[Comment]]:
    lines, comments = find_keys(text)
    return {tuple(map(python_name, path)): line for path, line in lines.items()}, comments


def _remarks(comments: Iterable[Comment]) -> dict[KeyPath, str]:
    told = {
        tuple(map(python_name, comment.beside)): comment.text.lstrip("#").strip()
        for comment in comments
        if comment.beside is not None
    }
    return {path: text for path, text in told.items() if text}


def _with_python_names(
    values: Mapping[str, Any], where: Where, table: KeyPath = ()
) -> dict[str, Any]:
    """`values` by their names as Python reads them; keys of nested tables are no names.

    Raises `ParameterError` for two that are one name.
    """
    named: dict[str, Any] = {}
    for key, value in values.items():
        name = python_name(key)
        if name in named:
            what = f"two keys are one name, '{name}'"
            raise ParameterError(what, where((*table, key)), "leave one of them out")
        is_table = _is_experiment(name, value)
        named[name] = _with_python_names(value, where, (*table, key)) if is_table else value
    return named


def _mark(value: Any, file: ParamsFile, keys: KeyPath, folder: Path) -> Any:
    """`value` with every text marked, so that it can be settled when it counts."""
    if isinstance(value, str):
        return FileText.mark(value, file.where(keys), folder)
    if isinstance(value, dict):
        return {key: _mark(item, file, (*keys, key), folder) for key, item in value.items()}
    if isinstance(value, list):
        return [_mark(item, file, keys, folder) for item in value]
    return value


def _read_reserved(table: Any, file: ParamsFile, folder: Path) -> dict[str, Any]:
    if not isinstance(table, dict):
        told = f"'{RESERVED_TABLE}' is reserved for the table [{RESERVED_TABLE}]"
        raise ParameterError(told, file.where((RESERVED_TABLE,)), "give the parameter another name")
    for key in table:
        if key not in RESERVED_KEYS:
            hint = suggestion(key, RESERVED_KEYS, "keys", whole=True)
            what = f"[{RESERVED_TABLE}] has no key '{key}'"
            raise ParameterError(what, file.where((RESERVED_TABLE, key)), f"{hint}\n{REMINDER}")
    read = {key: _READERS[key](table[key], key, file.below(RESERVED_TABLE, key)) for key in table}
    for key in ("choices", "smoke", "sweep", "variants", "zip"):
        if key in read:
            read[key] = _mark(read[key], file, (RESERVED_TABLE, key), folder)
    return read


def _read_texts(value: Any, key: str, where: Where) -> tuple[str, ...]:
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not all(isinstance(item, str) for item in values):
        raise _wrong_shape(key, "a text or a list of texts", where)
    return tuple(map(python_name, values)) if key == "marks" else tuple(values)


def _read_extends(value: Any, key: str, where: Where) -> tuple[str, ...]:
    texts = _read_texts(value, key, where)
    for text in texts:
        place, _, function = text.partition("::")
        if not place or not function.startswith(EXPERIMENT_PREFIX):
            raise _wrong_shape(key, "'PATH::experiment_name' or a list of them", where)
    return tuple("::".join((p, python_name(f))) for p, _, f in (t.partition("::") for t in texts))


def _read_table(value: Any, key: str, where: Where) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _wrong_shape(key, "a table", where)
    return value


def _read_variants(value: Any, key: str, where: Where) -> dict[str, Any]:
    for name, table in _read_table(value, key, where).items():
        if not isinstance(table, dict):
            hint = f"write [{RESERVED_TABLE}.variants.{name}] with its parameters below"
            raise ParameterError(f"the variant '{name}' must be a table", where((name,)), hint)
    return {name: _with_python_names(table, where, (name,)) for name, table in value.items()}


def _read_sweep(value: Any, key: str, where: Where) -> dict[str, Any]:
    axes_from_table(_read_table(value, key, where), where)
    return dict(value)


def _read_repeat(value: Any, key: str, where: Where) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise _wrong_shape(key, "a whole number from 1", where)
    return value


def _read_search(value: Any, key: str, where: Where) -> SearchWords:
    return read_search(_read_table(value, key, where), where)


def _read_choices(value: Any, key: str, where: Where) -> dict[str, Any]:
    choices = _read_table(value, key, where)
    for name, choice in choices.items():
        if not isinstance(choice, dict):
            what = f"the choice '{name}' must be a table of its members"
            hint = f"write [{RESERVED_TABLE}.choices.{name}.MEMBER] with its values below"
            raise ParameterError(what, where((name,)), hint)
        for member, table in choice.items():
            if not isinstance(table, dict) and (member != "default" or not isinstance(table, str)):
                raise ParameterError(
                    f"the member '{member}' of the choice '{name}' must be a table",
                    where((name, member)),
                    f"write [{RESERVED_TABLE}.choices.{name}.{member}] with its values below, or "
                    'default = "MEMBER"',
                )
    return choices


def _read_zip(value: Any, _: str, where: Where) -> Any:
    read_zip(value, where)
    return value


def _wrong_shape(key: str, expected: str, where: Where) -> ParameterError:
    return ParameterError(f"'{key}' of [{RESERVED_TABLE}] must be {expected}", where(()))


_READERS: Final[Mapping[str, Callable[[Any, str, Where], Any]]] = {
    "choices": _read_choices,
    "extends": _read_extends,
    "marks": _read_texts,
    "repeat": _read_repeat,
    "search": _read_search,
    "smoke": lambda value, key, where: _with_python_names(_read_table(value, key, where), where),
    "sweep": _read_sweep,
    "use": _read_texts,
    "variants": _read_variants,
    "zip": _read_zip,
}


def read_values_file(path: Path, cwd: Path, folder: Path | None = None) -> ParamsFile:
    """A file for `--params`: parameters, an archive's `params.toml` among them.

    Paths in it are relative to `folder`, by default its own. What TOML cannot say is taken
    from the comments that an archive leaves for it (`docs/decisions/0002-none-in-toml.md`), and a
    masked secret is no value. Raises `ParameterError`.
    """
    below = path.is_relative_to(cwd)
    shown = (path.relative_to(cwd) if below else path).as_posix()
    values, text = read_toml(path, shown, ParameterError)
    lines, comments = _find_lines(text)
    file = ParamsFile(shown, values, lines)
    chosen = _read_chosen(values.pop(RESERVED_TABLE, {}), file)
    for name in chosen:
        values.setdefault(name, {})
    for comment in comments:
        _take_comment(comment, values, lines)
    kept = _without_masks(_with_python_names(values, file.where))
    return evolve(
        file,
        values={
            key: _mark(value, file, (key,), folder or path.parent) for key, value in kept.items()
        },
        reserved={"choices": chosen},
    )


def _read_chosen(table: Any, file: ParamsFile) -> dict[str, str]:
    """The members of choices that the values of an archive are: `[expt.choices] db = "mysql"`."""
    choices: Any = table.get("choices", {}) if isinstance(table, dict) else None
    said = isinstance(choices, dict) and all(isinstance(name, str) for name in choices.values())
    if not said or not table.keys() <= {"choices"}:
        what = f"[{RESERVED_TABLE}] means nothing in a file of values"
        at = file.where((RESERVED_TABLE,))
        raise ParameterError(what, at, "it belongs into the params.toml of a folder")
    return dict(choices)


def _take_comment(comment: Comment, values: dict[str, Any], lines: dict[KeyPath, int]) -> None:
    """Add `# name = null`, or any JSON that is no TOML. Every other comment is a comment."""
    match = _LEFT_OUT.fullmatch(comment.text)
    if match is None or comment.table is None or comment.beside is not None:
        return
    try:
        value, end = _JSON.raw_decode(match[2])
        keys = (*comment.table, *parse_name(match[1], ""))
    except (ValueError, RecursionError, UsageError):
        return
    is_reason = not match[2][end:] or match[2].startswith(": ", end)
    if not is_reason or read_toml_value(match[2][:end]) is not NO_VALUE:
        return
    table: Any = values
    for key in keys[:-1]:
        table = table.setdefault(key, {})
        if not isinstance(table, dict):
            return
    if keys[-1] not in table:
        table[keys[-1]] = from_json(value)
        lines[keys] = comment.line


def _without_masks(values: dict[str, Any]) -> dict[str, Any]:
    """`values` without what an archive has in the place of a secret."""
    return {
        key: _without_masks(value) if isinstance(value, dict) else value
        for key, value in values.items()
        if value != MASK
    }
