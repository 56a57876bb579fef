"""A recorder that goes on where another run's checkpoint left off.

    sizes at the checkpoint ─► the other's files, cut to them ─► here ─► names, kinds, counts

Names come first and what bears their numbers after them, so that a kill in between leaves fewer
entries and never an entry under another name.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Final

from expt.archive.lines import parse_line
from expt.archive.scalar_records import COLUMN_TYPES, ID_SHIFT
from expt.archive.series_lines import check_entry, read_names
from expt.ground.files import open_inside, write_atomically
from expt.ground.layout import ENTRIES_FILE, NAMES_FILE, RESULTS_FILE, SCALARS_FILE
from expt.ground.value_classes import define

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from expt.archive.series_lines import NameTable
    from expt.ground.model import Kind

_FOLLOWING: Final = (SCALARS_FILE, ENTRIES_FILE, RESULTS_FILE)
_FILES: Final = (NAMES_FILE, *_FOLLOWING)


@define
class Known:
    """One series as far as it was carried over; `files` are the numbers that its files have."""

    number: int
    kind: Kind | None
    count: int = 0
    files: int = 0


def carry_over(source: Path, sizes: Mapping[str, int], folder: Path) -> dict[str, Known]:
    """Make `folder` hold what the series folder `source` held at these sizes; its series by name.

    What `folder` had is gone. Raises `OSError`, and `ValueError` for a file that became shorter.
    """
    for name in _FOLLOWING:
        (folder / name).unlink(missing_ok=True)
    content = {name: _read_beginning(source, name, sizes.get(name, 0)) for name in _FILES}
    write_atomically(folder / NAMES_FILE, content[NAMES_FILE])
    table = read_names(folder, [])
    known = {one.name: Known(one.numbers[-1], one.kind) for one in table.by_name.values()}
    _copy_entries(content[ENTRIES_FILE], table, known, source, folder)
    _count_records(content[SCALARS_FILE], table, known)
    for name in _FOLLOWING:
        if content[name]:
            write_atomically(folder / name, content[name])
    return known


def _read_beginning(source: Path, name: str, size: int) -> bytes:
    if not size:
        return b""
    with open_inside(source.parent, f"{source.name}/{name}") as file:
        content = file.read(size)
    if len(content) < size:
        raise ValueError(f"{name} has {len(content):,} bytes, and had {size:,}")
    return content


def _copy_entries(
    lines: bytes, table: NameTable, known: Mapping[str, Known], source: Path, folder: Path
) -> None:
    """Copy the pictures and arrays that the lines name, and count the entries."""
    for line in lines.splitlines(keepends=True):
        name, entry = check_entry(parse_line(line) or {}, table, source)
        if isinstance(entry, str):
            continue
        known[name].count += 1
        if entry.file is not None:
            known[name].files = max(known[name].files, int(entry.file.stem) + 1)
            copy = folder / entry.file.relative_to(source)
            copy.parent.mkdir(exist_ok=True)
            shutil.copyfile(entry.file, copy, follow_symlinks=False)


def _count_records(records: bytes, table: NameTable, known: Mapping[str, Known]) -> None:
    if not records:
        return
    import numpy  # the run has scalars and random states, which needed it

    ids = numpy.frombuffer(records, COLUMN_TYPES)["tag"] >> numpy.uint64(ID_SHIFT)
    for number, count in zip(*numpy.unique(ids, return_counts=True), strict=True):
        if (name := table.by_number.get(int(number))) is not None:
            known[name.name].count += int(count)
