"""The lines of `series/`: the names, the entries of every kind but scalars, the results.

names.jsonl    {"id": 1, "name": "loss", "kind": "scalar"}    kind null until a value comes
               {"id": 1, "options": {"scale": "log"}}
entries.jsonl  {"id": 2, "step": 0, "time": 1.7e9, "value": "a text"}        "table": true
               {"id": 3, "step": 0, "time": 1.7e9, "file": "0003-img/000000.png"}
results.jsonl  {"name": "accuracy", "value": 0.9}
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, TypeGuard

from expt.archive.entry_files import FILE_KINDS, find_entry_file
from expt.archive.lines import make_line, read_lines
from expt.ground.encoding import from_json
from expt.ground.layout import ENTRIES_FILE, NAMES_FILE, RESULTS_FILE
from expt.ground.model import KINDS, Kind
from expt.ground.value_classes import define, field, frozen

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_INT64: Final = range(-(2**63), 2**63)


@define(eq=False)
class Name:
    """What `names.jsonl` says of one name. It has several numbers where it was written twice."""

    name: str
    kind: Kind | None
    numbers: list[int]
    options: dict[str, Any] = field(factory=dict)


@frozen
class Entry:
    """One line of `entries.jsonl`: a file that exists, or a value."""

    step: float
    time: float
    file: Path | None
    value: Any
    table: bool


def name_line(number: int, name: str, kind: Kind | None) -> bytes:
    """A name's first line, or, once its first value came, the one that adds its kind."""
    return make_line({"id": number, "name": name, "kind": kind})


def options_line(number: int, options: Any) -> bytes:
    """How a series is to be shown; `options` is the JSON form of a dict."""
    return make_line({"id": number, "options": options})


def entry_line(number: int, step: float, time: float, fields: Mapping[str, Any]) -> bytes:
    """An entry; `fields` are `file`, or `value` in its JSON form and `table`."""
    return make_line({"id": number, "step": step, "time": time, **fields})


def result_line(name: str, value: Any) -> bytes:
    """A result, its value in its JSON form."""
    return make_line({"name": name, "value": value})


class NameTable:
    """The names as far as they have been read, by name in order of first use and by number."""

    def __init__(self) -> None:
        self.by_name: dict[str, Name] = {}
        self.by_number: dict[int, Name] = {}

    def add(self, line: Mapping[str, Any]) -> str | None:
        """Take in one line of `names.jsonl`; returns what is wrong with it."""
        number, known = line.get("id"), None
        if not is_int(number) or not 0 < number < 2**32:
            return "no number of a series"
        known = self.by_number.get(number)
        if "options" in line:
            options = _decoded(line["options"])
            if known is None or not isinstance(options, dict):
                return "options of no series"
            known.options.update((str(key), value) for key, value in options.items())
            return None
        name, kind = line.get("name"), line.get("kind")
        if not isinstance(name, str) or not (kind is None or kind in KINDS):
            return "no name and kind of a series"
        if known is not None and (known.name != name or known.kind not in (None, kind)):
            return f"the number {number} of another series"
        entry = self.by_name.get(name)
        if entry is None:
            entry = self.by_name[name] = Name(name, kind, [])
        elif entry.kind is None:
            entry.kind = kind
        elif entry.kind != kind:
            return f"a second kind of {name!r}"
        if known is None:
            entry.numbers.append(number)
            self.by_number[number] = entry
        return None


def read_names(folder: Path, damage: list[str], content: bytes | None = None) -> NameTable:
    """Every name that was used, with its kind, numbers and options.

    `content` is that of the file, where somebody has read it already.
    """
    table = NameTable()
    for number, line in read_lines(folder, NAMES_FILE, damage, content):
        wrong = table.add(line)
        if wrong is not None:
            damage.append(f"{NAMES_FILE}:{number}: {wrong}, left out")
    return table


def read_entries(folder: Path, names: NameTable, damage: list[str]) -> Iterator[tuple[str, Entry]]:
    """Each sound entry with the name of its series, in the order in which they were tracked."""
    for number, line in read_lines(folder, ENTRIES_FILE, damage):
        name, entry = check_entry(line, names, folder)
        if isinstance(entry, str):
            damage.append(f"{ENTRIES_FILE}:{number}: {entry}, left out")
        else:
            yield name, entry


def check_entry(line: Mapping[str, Any], names: NameTable, folder: Path) -> tuple[str, Entry | str]:
    """The series and the entry of a line, or in its place what is wrong."""
    series = names.by_number.get(line["id"]) if is_int(line.get("id")) else None
    if series is None or series.kind in (None, "scalar"):
        return "", "an entry of no series"
    step, time = line.get("step"), _finite(line.get("time"))
    if not _is_step(step) or time is None:
        return "", "no step and time"
    if series.kind in FILE_KINDS:
        file = find_entry_file(folder, line.get("file"))
        if file is None:
            return "", f"{line.get('file')!r} is no file of this archive"
        return series.name, Entry(step, time, file, None, table=False)
    value = _decoded(line["value"]) if "value" in line else _DAMAGED
    if value is _DAMAGED or (series.kind == "text" and not isinstance(value, str)):
        return "", "no value"
    return series.name, Entry(step, time, None, value, line.get("table") is True)


def value_of(line: Mapping[str, Any]) -> Any:
    """The value of an entry's line, None where it has none."""
    value = _decoded(line.get("value"))
    return None if value is _DAMAGED else value


def _finite(value: Any) -> float | None:
    try:
        number = float(value) if type(value) in (int, float) else math.nan
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _decoded(value: Any) -> Any:
    """What a tagged JSON form stands for, `_DAMAGED` where that is nothing."""
    try:
        return from_json(value)
    except ValueError:
        return _DAMAGED


def _is_step(value: Any) -> TypeGuard[float]:
    return (is_int(value) and value in _INT64) or (type(value) is float and math.isfinite(value))


def is_int(value: Any) -> TypeGuard[int]:
    return type(value) is int


def read_results(folder: Path) -> dict[str, Any]:
    """The results that were set during the run; of each name the last."""
    results: dict[str, Any] = {}
    for _, line in read_lines(folder, RESULTS_FILE, []):
        if isinstance(line.get("name"), str) and "value" in line:
            value = _decoded(line["value"])
            if value is not _DAMAGED:
                results[line["name"]] = value
    return results


_DAMAGED: Final = object()
