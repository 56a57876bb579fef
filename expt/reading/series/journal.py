"""The line files of `series/`: the names, the entries of every kind but scalars, the results.

A last line without its newline was torn by a kill and is no damage. Any other line that is not
what it should be is left out and told of.
"""

from __future__ import annotations

import math
import os
import stat
from typing import TYPE_CHECKING, Any, Final, TypeGuard

import attrs

from expt.ground.encoding import from_json, parse_strict
from expt.ground.layout import ENTRIES_FILE, NAMES_FILE, RESULTS_FILE
from expt.ground.model import KINDS, Kind
from expt.tracking import find_entry_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from io import BufferedReader
    from pathlib import Path

FILE_KINDS: Final = frozenset({"image", "figure", "array"})
_INT64: Final = range(-(2**63), 2**63)
_FLAGS: Final = (
    os.O_RDONLY
    | getattr(os, "O_NONBLOCK", 0)  # a FIFO would block
    | getattr(os, "O_NOFOLLOW", 0)  # a link may lead anywhere
    | getattr(os, "O_BINARY", 0)
)


@attrs.define(eq=False)
class Name:
    """What `names.jsonl` says of one name. It has several numbers where it was written twice."""

    name: str
    kind: Kind | None
    numbers: list[int]
    options: dict[str, Any] = attrs.field(factory=dict)


@attrs.frozen
class Entry:
    """One line of `entries.jsonl`: a file that exists, or a value still in its JSON form."""

    step: float
    time: float
    file: Path | None
    value: Any
    table: bool


def open_regular(path: Path) -> BufferedReader | None:
    """A regular file opened for reading; None for a missing one. `OSError` for anything else."""
    if path.parent.is_symlink():
        raise OSError(0, "its folder is a link", str(path))
    try:
        descriptor = os.open(path, _FLAGS)
    except (FileNotFoundError, NotADirectoryError):
        return None
    file = os.fdopen(descriptor, "rb")
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        file.close()
        raise OSError(0, "not a regular file", str(path))
    return file


def read_lines(path: Path, damage: list[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    """The JSON objects of a file with their line numbers; one line at a time in memory."""
    try:
        file = open_regular(path)
        if file is None:
            return
        with file:
            for number, line in enumerate(file, start=1):
                if not line.endswith(b"\n"):
                    return
                content = parse_line(line)
                if content is None:
                    damage.append(f"{path.name}:{number}: not a JSON object, left out")
                else:
                    yield number, content
    except OSError as error:
        damage.append(f"{path.name}: {error.strerror or error}")


def parse_line(line: bytes) -> dict[str, Any] | None:
    """The strict JSON object of a line, or None."""
    try:
        content = parse_strict(line)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


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
            options = line["options"]
            if known is None or not isinstance(options, dict):
                return "options of no series"
            known.options.update(from_json(options))
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


def read_names(folder: Path, damage: list[str]) -> NameTable:
    """Every name that was used, with its kind, numbers and options."""
    table = NameTable()
    for number, line in read_lines(folder / NAMES_FILE, damage):
        wrong = table.add(line)
        if wrong is not None:
            damage.append(f"{NAMES_FILE}:{number}: {wrong}, left out")
    return table


def read_entries(folder: Path, names: NameTable, damage: list[str]) -> Iterator[tuple[str, Entry]]:
    """Each sound entry with the name of its series, in the order in which they were tracked."""
    for number, line in read_lines(folder / ENTRIES_FILE, damage):
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
    step, time = line.get("step"), line.get("time")
    if not _is_step(step) or not isinstance(time, (int, float)):
        return "", "no step and time"
    file = None
    if series.kind in FILE_KINDS:
        file = find_entry_file(folder, line.get("file"))
        if file is None:
            return "", f"{line.get('file')!r} is no file of this archive"
    elif "value" not in line or (series.kind == "text" and not isinstance(line["value"], str)):
        return "", "no value"
    value = line.get("value")
    return series.name, Entry(step, float(time), file, value, line.get("table") is True)


def _is_step(value: Any) -> TypeGuard[float]:
    return (is_int(value) and value in _INT64) or (type(value) is float and math.isfinite(value))


def is_int(value: Any) -> TypeGuard[int]:
    return type(value) is int


def read_results_journal(folder: Path) -> dict[str, Any]:
    """The results that were set during the run; of each name the last."""
    results: dict[str, Any] = {}
    for _, line in read_lines(folder / RESULTS_FILE, []):
        if isinstance(line.get("name"), str) and "value" in line:
            results[line["name"]] = from_json(line["value"])
    return results
