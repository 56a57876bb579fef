"""Every archive below a root, through the index that earlier listings left in `.index.sqlite`.

    scan the folders ─► stamps ─► unchanged: from the shelves of the index
                                  changed:   read its run.json, and tell the index
                                  vanished:  out of the index

It is a cache and never the truth. The scan sees every archive each time; what the index says of
one counts only while the stamp of its `run.json` is the same.
"""

from __future__ import annotations

import contextlib
import heapq
import os
from functools import cache, cached_property, partial
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from expt.archive.headline import read_headline
from expt.archive.run_labels import Labels, read_labels
from expt.ground.clock import microseconds
from expt.ground.errors import DamagedArchive, ReadingError
from expt.ground.layout import INDEX_FILE
from expt.ground.side_by_side import work_side_by_side
from expt.ground.value_classes import define
from expt.reading.cells import NUMBERS, values_of
from expt.reading.index_file import IndexFile, open_index
from expt.reading.narrowing import SURE
from expt.reading.outlines import Outlined, summarise
from expt.reading.scanning import (
    DOUBT,
    FEWEST,
    LABELLED,
    LEADS_OUT,
    ask_stamps,
    find_archives,
    stamps_of,
)
from expt.reading.shelves import SIZE, Row, Shelf

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from expt.reading.narrowing import Narrowing

_AGE: Final = attrgetter("started", "id")
_PORTION: Final = 50  # archives that are read at a time
_FEWEST: Final = 500  # archives that are worth a process to read them


@define(eq=False)
class Catalogue:
    """Every archive below one root, and their summaries on demand.

    `fresh` are the summaries of what was read now, by folder. There are `more` archives, where
    these are not all. `shorten` makes of an id the beginning that tells it from all others.
    """

    root: Path
    shelves: Sequence[Shelf]
    _fresh: Mapping[str, Outlined]
    _index: IndexFile | None
    more: int = 0
    shorten: Callable[[str], str] = lambda whole: whole

    def path_of(self, row: Row) -> str:
        """The archive's folder."""
        return f"{self.root}/{row.folder}" if row.folder != "." else str(self.root)

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """Of every archive that can be read, newest first."""
        return tuple(_ordered(row for shelf in self.shelves for row in shelf.rows()))

    @cached_property
    def problems(self) -> tuple[Row, ...]:
        """Of every archive that cannot be read."""
        return tuple(_ordered(row for shelf in self.shelves for row in shelf.problems()))

    @property
    def stamps(self) -> dict[str, str]:
        """Folder → stamp of every archive, also of those that cannot be read."""
        return {
            shelf.folders[place]: shelf.head("stamp")[place]
            for shelf in self.shelves
            for place in shelf.places
        }

    @property
    def ids(self) -> list[str]:
        """The ids of all archives that can be read."""
        return [run_id for shelf in self.shelves for run_id in shelf.ids()]

    def narrowed(self, narrowing: Narrowing | None) -> tuple[Sequence[Row], set[str]]:
        """The rows, newest first, less those of runs that ended and of which `narrowing` says that
        they do not match; and the folders of those of which it says that they do."""
        if narrowing is None:
            return self.rows, set()
        found: list[Row] = []
        sure: set[str] = set()
        for shelf in self.shelves:
            answers = narrowing(shelf)
            found.extend(shelf.rows(answers))
            if answers is not None:
                sure.update(shelf.folders_told(answers, SURE))
        return _ordered(found), sure

    def numbers(self, columns: Sequence[str]) -> dict[str, Any]:
        """Folder → the number that the first of `columns` has which has any value for a run, of
        runs that ended."""
        return {
            folder: number
            for shelf in self.shelves
            for folder, number in zip(shelf.folders, shelf.firsts(columns), strict=True)
            if number.__class__ in NUMBERS
        }

    def summaries(self, rows: Sequence[Row]) -> Iterator[tuple[Row, Outlined | None]]:
        """Each row with its summary, or with None where the index cannot tell it."""
        folders = [row.folder for row in rows if row.folder not in self._fresh]
        stored: dict[str, Outlined] = {}
        if self._index is not None and folders:
            stored = self._index.summaries(folders, sum(map(len, self.shelves)))
        for row in rows:
            yield row, self._fresh.get(row.folder) or stored.get(row.folder)


@contextlib.contextmanager
def open_catalogue(root: Path) -> Iterator[Catalogue]:
    """The archives below `root`, through its index where there can be one."""
    root = root.absolute()
    file = root / INDEX_FILE
    index = open_index(file) if os.path.lexists(file) else None
    try:
        shelves = index.shelves if index is not None else []
        there, unknown = _look_over(root, shelves)
        read = _read_rows(root, list(unknown.items()))
        settled = _shelf_of(each for each in read if not each[0].stamp.startswith(DOUBT))
        doubtful = _shelf_of(each for each in read if each[0].stamp.startswith(DOUBT))
        if index is None and settled and not os.path.lexists(file):
            index = open_index(file)
        summaries = {row.folder: summary for row, summary, _ in read if row.problem is None}
        if index is not None:
            index.renew(settled, summaries, there)
        fresh = [shelf for shelf in (settled, doubtful) if shelf is not None]
        yield Catalogue(root, [*shelves, *fresh], summaries, index)
    finally:
        if index is not None:
            index.close()


@contextlib.contextmanager
def open_newest(root: Path, most: int) -> Iterator[Catalogue | None]:
    """At `most` so many of the newest archives, as the index knew them and as far as they still
    are so; None where there is no index that knows ten times as many.

    Nobody looks for archives: those that are new are not among them.
    """
    root = root.absolute()
    file = root / INDEX_FILE
    index = open_index(file) if os.path.lexists(file) else None
    if index is None:
        yield None
        return
    try:
        ages = [
            (started, run_id, number, place)
            for number, shelf in enumerate(index.shelves)
            for place, (started, run_id) in enumerate(
                zip(shelf.head("started"), shelf.head("id"), strict=True)
            )
        ]
        newest: dict[int, list[int]] = {}
        for *_, number, place in heapq.nlargest(most, ages):
            newest.setdefault(number, []).append(place)
        for number, shelf in enumerate(index.shelves):
            shelf.places = sorted(newest.get(number, ()))
            stamps = stamps_of(root, [shelf.folders[place] for place in shelf.places])
            known = (shelf.head("stamp")[place] for place in shelf.places)
            pairs = zip(shelf.places, stamps, known, strict=True)
            shelf.places = [place for place, stamp, before in pairs if stamp == before]
        catalogue = Catalogue(root, index.shelves, {}, index)
        catalogue.more = len(ages) - len(catalogue.rows)
        yield catalogue if len(ages) >= 10 * most else None
    finally:
        index.close()


def _look_over(root: Path, shelves: Sequence[Shelf]) -> tuple[set[str], dict[str, str]]:
    """Have shelves count what is as it was; the folders of archives, and the stamps of those that
    no shelf counts. Where others ask for stamps, this process finds archives meanwhile."""
    found = cache(lambda: find_archives(root))

    def look(shelf: Shelf) -> dict[int, str]:
        return shelf.changes(partial(stamps_of, root))

    looks = work_side_by_side(look, shelves, fewest=FEWEST // SIZE, first=found)
    there, refused = found()
    left = there.copy()
    changed: dict[str, str] = {}
    for shelf, seen in zip(shelves, looks, strict=True):
        changes = look(shelf) if seen is None else seen
        changes |= dict.fromkeys(shelf.take_from(left), "")
        shelf.leave_out(changes)
        changed.update((shelf.folders[place], stamp) for place, stamp in changes.items() if stamp)
    return there, changed | ask_stamps(root, sorted(left)) | refused


_Read = tuple[Row, Outlined, dict[str, Any]]
"""The row of an archive, its summary, and the values of its columns."""


def _read_rows(root: Path, unknown: Sequence[tuple[str, str]]) -> list[_Read]:
    """What archives say, of folders and their stamps; of many, other processes read a part."""
    portions = [unknown[start : start + _PORTION] for start in range(0, len(unknown), _PORTION)]

    def read(portion: Sequence[tuple[str, str]]) -> list[_Read]:
        return [_read_row(root, *each) for each in portion]

    found = work_side_by_side(
        read,
        portions,
        fewest=_FEWEST // _PORTION,
        pack=lambda rows: [(*map(tuple, each[:2]), each[2]) for each in rows],
        unpack=lambda rows: [(Row(*row), Outlined(*told), values) for row, told, values in rows],
    )
    return [
        each
        for portion, rows in zip(portions, found, strict=True)
        for each in rows or read(portion)
    ]


def _shelf_of(read: Iterable[_Read]) -> Shelf | None:
    found = list(read)
    return Shelf.of([row for row, _, _ in found], [each for _, _, each in found]) if found else None


def _read_row(root: Path, folder: str, stamp: str) -> _Read:
    if stamp.startswith(LEADS_OUT):
        return _problem(folder, stamp, stamp.removeprefix(LEADS_OUT))
    try:
        _, data = read_headline(f"{root}/{folder}")
    except ReadingError as error:
        return _problem(folder, stamp, error.what)
    labelled = LABELLED in stamp
    summary = summarise(data, labelled=labelled)
    labels = _labels_of(f"{root}/{folder}") if labelled else Labels()
    tags = labels.add_to(data.get("tags") or ()) if labelled else data.get("tags") or ()
    names = (data["id"], data["experiment"], data.get("case"), data["status"])
    values = values_of(data if labels.note is None else {**data, "note": labels.note})
    started = microseconds(data["started"])
    row = Row(folder, stamp, *names, started, list(tags), None, values is not None)
    return row, summary, values or {}


def _labels_of(archive: str) -> Labels:
    try:
        return read_labels(Path(archive))
    except DamagedArchive:
        return Labels()  # the archive itself is whole


def _problem(folder: str, stamp: str, what: str) -> _Read:
    name = folder.rpartition("/")[2].rpartition("_")[2]
    return Row(folder, stamp, name, "", None, "", 0, [], what, True), Outlined("", 0), {}


def _ordered(rows: Iterable[Row]) -> list[Row]:
    return sorted(rows, key=_AGE, reverse=True)
