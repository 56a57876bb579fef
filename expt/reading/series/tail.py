"""What a run has tracked so far, looked at a few times a second while it goes on.

Takes no numpy: the process that draws the screen has no other need of it.
"""

from __future__ import annotations

import array
import sys
from collections import Counter
from typing import IO, TYPE_CHECKING, Any, Final

from expt.archive.lines import LONGEST_LINE, parse_line
from expt.archive.scalar_records import RECORD_SIZE, read_number, read_point
from expt.archive.series_lines import NameTable, is_int, value_of
from expt.ground.files import open_inside
from expt.ground.layout import ENTRIES_FILE, NAMES_FILE, SCALARS_FILE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedReader
    from pathlib import Path

AT_ONCE: Final = 4 * 1024 * 1024
"""Bytes of a file that one poll takes in: a hundred thousand records, some twenty milliseconds.
The record file grows by no more than that at a time."""

RECENT: Final = 2048 * RECORD_SIZE
"""Bytes at the end that are looked at for last values where the counts lag behind."""

IN_FLIGHT: Final = 64
"""Records at the end before which another thread may have claimed one and not yet written it."""


class SeriesTail:
    """Counts and last values of a run's series, brought up to date by `poll`.

    `fresh` are step, time and value of each record that the last poll found, by name, where it
    found no more than so many `points`.
    """

    def __init__(self, folder: Path, points: int = 0) -> None:
        self.fresh: dict[str, list[tuple[float, float, float]]] = {}
        self._points = points
        self._folder = folder
        self._names = NameTable()
        self._places = dict.fromkeys((NAMES_FILE, ENTRIES_FILE, SCALARS_FILE), 0)
        self._hole = -1
        self._found: dict[str, tuple[int, Any]] = {}

    def poll(self) -> dict[str, tuple[int, Any]]:
        """Name → number of entries and last value, which is None for files; numbers come first.

        Reads only what is new, and a bounded part of that: where a run writes faster, the counts
        lag behind while last values stay recent.
        """
        self.fresh = {}
        for line in self._new_lines(NAMES_FILE):
            self._names.add(line)
        for line in self._new_lines(ENTRIES_FILE):
            if is_int(number := line.get("id")):
                self._add(number, 1, value_of(line))
        file = self._open(SCALARS_FILE)
        if file is not None:
            with file:
                self._take_records(file)
        return dict(
            sorted(self._found.items(), key=lambda found: not isinstance(found[1][1], (int, float)))
        )

    def _open(self, name: str) -> BufferedReader | None:
        """A file of the folder; None where there is none, or one that must not be opened."""
        try:
            return open_inside(self._folder.parent, f"{self._folder.name}/{name}")
        except (OSError, ValueError):
            return None

    def _add(self, number: int, count: int, last: Any) -> None:
        known = self._names.by_number.get(number)
        if known is not None and known.kind is not None:
            before = self._found.get(known.name, (0, None))[0]
            self._found[known.name] = before + count, last

    def _new_lines(self, name: str) -> Iterator[dict[str, Any]]:
        file = self._open(name)
        if file is None:
            return
        with file:
            file.seek(self._places[name])
            data = file.read(AT_ONCE)
            while b"\n" not in data and len(data) < LONGEST_LINE and (more := file.read(AT_ONCE)):
                data += more
        whole = data[: data.rfind(b"\n") + 1]
        self._places[name] += len(whole)
        for line in whole.splitlines():
            content = parse_line(line)
            if content is not None:
                yield content

    def _take_records(self, file: IO[bytes]) -> None:
        place = self._places[SCALARS_FILE]
        file.seek(place)
        data = _used(file.read(AT_ONCE))
        ids = _ids(data)
        hole = _first_hole(ids)
        if hole < len(ids) and place + hole * RECORD_SIZE != self._hole:
            self._hole = (
                place + hole * RECORD_SIZE
            )  # it may be written until the next poll, or never is
            ids = ids[:hole]
        counts = Counter(ids)
        self._take_last(data, ids, counts)
        if len(ids) <= self._points:
            self._take_fresh(data, len(ids))
        self._places[SCALARS_FILE] = place + len(ids) * RECORD_SIZE
        if len(data) == AT_ONCE:
            self._look_at_end(file, place + AT_ONCE)

    def _take_fresh(self, data: bytes, count: int) -> None:
        for place in range(0, count * RECORD_SIZE, RECORD_SIZE):
            step, time, value, number = read_point(data, place)
            known = self._names.by_number.get(number)
            if value is not None and known is not None and known.kind == "scalar":
                self.fresh.setdefault(known.name, []).append((step, time, value))

    def _look_at_end(self, file: IO[bytes], place: int) -> None:
        """Take last values, not counts, from behind `place`."""
        end = file.seek(0, 2) // RECORD_SIZE * RECORD_SIZE
        for start in (end - AT_ONCE, end - 2 * AT_ONCE):
            file.seek(max(start, place))
            recent = _used(file.read(AT_ONCE))[-RECENT:]
            if recent:
                self._take_last(recent, _ids(recent), Counter())
                return

    def _take_last(self, data: bytes, ids: array.array[int], counts: Counter[int]) -> None:
        places = dict(zip(ids, range(0, len(ids) * RECORD_SIZE, RECORD_SIZE), strict=True))
        for number, place in places.items():
            value, _ = read_number(data, place)
            if value is not None:  # else damaged
                self._add(number, counts[number], value)


def _used(data: bytes) -> bytes:
    """`data` up to the last record that was written: what is not yet used is zero."""
    records = -(-len(data.rstrip(b"\0")) // RECORD_SIZE)
    return data[: min(records, len(data) // RECORD_SIZE) * RECORD_SIZE]


def _ids(data: bytes) -> array.array[int]:
    words = array.array("I", data)
    if sys.byteorder == "big":
        words.byteswap()
    return words[RECORD_SIZE // 4 - 1 :: RECORD_SIZE // 4]


def _first_hole(ids: array.array[int]) -> int:
    """The index of the first unused record among the last few; the length where there is none."""
    start = max(len(ids) - IN_FLIGHT, 0)
    recent = ids[start:]
    return start + recent.index(0) if 0 in recent else len(ids)
