"""The records of scalars as columns: sorted by series once, each column read when it is asked for.

The file is read and not mapped: a run that ends meanwhile cuts it, and a map would be a SIGBUS.
"""

from __future__ import annotations

import errno
import mmap
import os
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Final

from expt.archive.scalar_records import (
    COLUMN_TYPES,
    FLOAT_STEP,
    ID_SHIFT,
    KIND_FLOAT,
    KIND_INT,
    KIND_MASK,
    RECORD_KINDS,
    RECORD_SIZE,
)
from expt.ground.errors import DamagedArchive, told_as_damage
from expt.ground.files import open_inside
from expt.ground.layout import SCALARS_FILE
from expt.ground.value_classes import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedReader
    from pathlib import Path

    import numpy as np

    from expt.archive.series_lines import NameTable

    Array = np.ndarray[Any, Any]

BLOCK: Final = 1 << 19  # stays in the processor's cache, and is a whole number of records
_NOT_AT_FLOAT: Final = KIND_MASK ^ FLOAT_STEP
WHOLE: Final = 1  # in the column of kinds, an int as value
AT_FLOAT: Final = 2  # and a float as step
_MOST_TURNS: Final = 256  # series that are looked for turn by turn
_AT_FIRST: Final = 1 << 22  # records for which columns have room at once
_WITH_TIMES: Final = 1 << 16  # records whose times are taken along: of more, if asked for first
_HOLES: Final = getattr(os, "SEEK_DATA", None)


@frozen(eq=False)
class SoundRecords:
    """The sound records of the block that begins at byte `place` of the file.

    Those of series `numbers[i]` are from `starts[i]` to `ends[i]`.

    `order` are their places in the block, None where all of them stand as they should. Records
    of one series stay in the order of the file.
    """

    place: int
    order: Array | None
    kinds: Array  # WHOLE, AT_FLOAT, both or none
    numbers: list[int]
    starts: list[int]
    ends: list[int]

    @property
    def kind(self) -> int | None:
        """What all of `kinds` are, where that was seen at once."""
        return int(self.kinds[0]) if self.order is None else None

    @property
    def last_place(self) -> int:
        """Index in the block of the last of them."""
        return self.ends[-1] - 1 if self.order is None else int(self.order.max())

    def take(self, column: Array) -> Array:
        return column if self.order is None else column[self.order]


class Columns:
    """The records of a file as they are when the first column is read, by number of the series."""

    def __init__(self, folder: Path, names: NameTable, damage: list[str]) -> None:
        self._folder = folder
        self._names = names
        self._damage = damage
        self._blocks: list[SoundRecords] | None = None
        self._ranges: dict[int, list[tuple[int, int]]] = {}
        self._columns: dict[str, Array] = {}
        self._kind: int | None = 0  # of every record, where it is the same

    def count(self, numbers: list[int]) -> int:
        """How many records bear one of `numbers`."""
        self._column("bits")
        return sum(end - start for start, end in self._ranges_of(numbers))

    def steps(self, numbers: list[int]) -> Array:
        """As `values`: int64 where all are ints."""
        at_int = self._have(AT_FLOAT, numbers) ^ True
        return make_numbers(self._gather("step", numbers), at_int)

    def times(self, numbers: list[int]) -> Array:
        return self._gather("time", numbers)

    def values(self, numbers: list[int]) -> Array:
        """int64 where all are ints, else float64 where that is exact, else Python numbers."""
        whole = self._have(WHOLE, numbers)
        return make_numbers(self._gather("bits", numbers), whole)

    def _have(self, flag: int, numbers: list[int]) -> Array | np.bool:
        """Which records have a flag; one answer for all where no two records differ."""
        import numpy  # loaded with the columns

        self._column("bits")
        if self._kind is not None:
            return numpy.bool_(self._kind & flag)
        flagged: Array = (self._gather("kind", numbers) & flag) != 0
        return flagged

    def _gather(self, name: str, numbers: list[int]) -> Array:
        import numpy  # loaded with the columns

        column = self._column(name)
        ranges = self._ranges_of(numbers)
        if len(ranges) == 1:
            return column[slice(*ranges[0])]
        return numpy.concatenate([column[:0], *(column[start:end] for start, end in ranges)])

    def _ranges_of(self, numbers: list[int]) -> list[tuple[int, int]]:
        return [bounds for number in numbers for bounds in self._ranges.get(number, ())]

    def _column(self, name: str) -> Array:
        if self._blocks is None:
            self._read_first(with_times=name == "time")
        if name not in self._columns:
            self._columns[name] = self._read_again(name)
        return self._columns[name]

    def _read_first(self, *, with_times: bool) -> None:
        """Find which records are whose, and take along what is nearly always wanted."""
        import numpy  # slow: only once there are records to read

        limit = _count_records(self._folder)
        types = {"step": "i8", "bits": "i8"}
        if with_times or limit <= _WITH_TIMES:
            types["time"] = "f8"
        columns = {name: numpy.empty(min(limit, _AT_FIRST), types[name]) for name in types}
        used = 0
        self._blocks = []
        for records, sound in sound_blocks(self._folder, self._names, self._damage, limit):
            self._blocks.append(sound)
            start, used = used, used + sound.ends[-1]
            if used > len(columns["bits"]):  # never by what the file says of itself
                columns = {name: numpy.resize(columns[name], 2 * used) for name in columns}
            for name, column in columns.items():
                column[start:used] = sound.take(records[name])
            for number, first, last in zip(sound.numbers, sound.starts, sound.ends, strict=True):
                ranges = self._ranges.setdefault(number, [])
                if ranges and ranges[-1][1] == start + first:
                    ranges[-1] = ranges[-1][0], start + last
                else:
                    ranges.append((start + first, start + last))
        self._columns = {name: column[:used] for name, column in columns.items()}
        kinds = {sound.kind for sound in self._blocks}
        if len(kinds) > 1 or None in kinds:
            self._kind = None
            self._columns["kind"] = numpy.concatenate([sound.kinds for sound in self._blocks])
        elif kinds:
            self._kind = kinds.pop()

    def _read_again(self, name: str) -> Array:
        """One more column of the records that were found, also where more have followed them."""
        import numpy  # loaded with the first column

        column, used = numpy.empty(len(self._columns["bits"]), dict(COLUMN_TYPES)[name]), 0
        if not self._blocks:
            return column
        buffer = _make_buffer()
        what = f"{SCALARS_FILE} cannot be read"
        with told_as_damage(what, str(self._folder.parent)), _open_records(self._folder) as file:
            for sound in self._blocks:
                file.seek(sound.place)
                records = _block(buffer, file.readinto(buffer))
                start, used = used, used + sound.ends[-1]
                if sound.last_place >= len(records):
                    raise _cut(self._folder)
                column[start:used] = sound.take(records[name])[: used - start]
        return column


def make_numbers(bits: Array, whole: Array | np.bool) -> Array:
    """Numbers, the `whole` of them ints: int64 where all are, else float64 if exact, or objects.

    One answer may stand for all.
    """
    if not whole.any():
        return bits.view("f8")
    if whole.all():
        return bits
    values = bits.view("f8").copy()
    ints = bits[whole].tolist()
    values[whole] = ints
    if values[whole].tolist() != ints:  # Python compares an int and a float exactly
        values = values.astype(object)
        values[whole] = ints
    return values


def sound_blocks(
    folder: Path, names: NameTable, damage: list[str], limit: int = 2**58
) -> Iterator[tuple[Array, SoundRecords]]:
    """The first `limit` records by blocks, and which of each are sound; empty blocks are left out.

    A block is valid until the next is asked for.
    """
    lost = 0
    try:
        for place, records in _read_blocks(folder, limit):
            sound, damaged = _select(place, records, names)
            lost += damaged
            if sound is not None:
                yield records, sound
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError as error:
        damage.append(f"{SCALARS_FILE}: {error.strerror or error}")
    if lost:
        damage.append(f"{SCALARS_FILE}: {lost} damaged record(s) left out")


def _count_records(folder: Path) -> int:
    try:
        return (folder / SCALARS_FILE).lstat().st_size // RECORD_SIZE
    except OSError:
        return 0


def _open_records(folder: Path) -> BufferedReader:
    return open_inside(folder.parent, f"{folder.name}/{SCALARS_FILE}")


def _read_blocks(folder: Path, limit: int) -> Iterator[tuple[int, Array]]:
    """Where each block begins, and its records. What was never written, a hole, is stepped over:
    a file may say that it is a terabyte long."""
    with _open_records(folder) as file:
        place, buffer = 0, _make_buffer()
        while limit and (size := file.readinto(buffer)) >= RECORD_SIZE:
            records = _block(buffer, size)[:limit]
            limit -= len(records)
            tags = records["tag"]
            is_hole = not tags[0] and not tags[-1] and not tags.any()
            if not is_hole:
                yield place, records
            place += len(records) * RECORD_SIZE
            if is_hole and (skipped := _after_hole(file, place) - place) > 0:
                limit = max(limit - skipped // RECORD_SIZE, 0)
                place += skipped


def _after_hole(file: BufferedReader, place: int) -> int:
    """Where the first record is from `place` on that may have been written; `file` stands there."""
    if _HOLES is None:
        return place
    try:
        data = os.lseek(file.fileno(), place, _HOLES)
    except OSError as error:
        if error.errno != errno.ENXIO:  # a file system that knows of no holes
            return file.seek(place)
        data = os.fstat(file.fileno()).st_size
    return file.seek(max(place, data - data % RECORD_SIZE))


def _make_buffer() -> mmap.mmap:
    """Room for a block that begins with a page: copying from the file takes three times as long
    to an address that is no multiple of 64, as those of a large `bytearray` are."""
    return mmap.mmap(-1, BLOCK)


def _block(data: mmap.mmap, size: int) -> Array:
    """The whole records in the first `size` bytes of `data`."""
    import numpy  # slow: only once there are records to read

    return numpy.frombuffer(data, _record_type(), size // RECORD_SIZE)


@cache
def _record_type() -> np.dtype[Any]:
    import numpy  # the caller is about to have records

    return numpy.dtype(COLUMN_TYPES)


def _cut(folder: Path) -> DamagedArchive:
    return DamagedArchive(f"{SCALARS_FILE} was cut while it was read", str(folder.parent))


def _select(place: int, records: Array, names: NameTable) -> tuple[SoundRecords | None, int]:
    """The sound records, and the number of those that were written and are not sound."""
    import numpy  # the caller has an array

    tags, times = records["tag"], records["time"]
    tag = int(tags[0])
    if (tags == tag).all():
        if tag == 0:
            return None, 0
        kind, number = tag & KIND_MASK, tag >> ID_SHIFT
        is_sound = kind in RECORD_KINDS and _is_scalar(number, names)
        if is_sound and not kind & FLOAT_STEP and numpy.isfinite(times).all():
            # one byte for all, made thirty times as fast as by `broadcast_to`
            kinds = numpy.ndarray(tags.shape, "u1", bytes([kind]), strides=(0,))
            return SoundRecords(place, None, kinds, [number], [0], [len(tags)]), 0
    if (found := _select_turns(place, tags, times, names)) is not None:
        return found, 0
    ids, kinds = (tags >> ID_SHIFT).astype("u4"), tags.astype("u4")
    sound = ((kinds & _NOT_AT_FLOAT) <= KIND_INT) & numpy.isfinite(times) & (ids != 0)
    at_float = kinds & FLOAT_STEP != 0
    if at_float.any():
        sound &= ~at_float | numpy.isfinite(records["step"].view("f8"))
    chosen = numpy.flatnonzero(sound)
    # 16 bits are sorted by radix, an order of magnitude faster
    keys = ids[chosen].astype("u2") if ids.max() < 2**16 else ids[chosen]
    order = chosen[numpy.argsort(keys, kind="stable")]
    numbers, starts, ends = _find_groups(ids[order])
    unknown = [group for group, number in enumerate(numbers) if not _is_scalar(number, names)]
    if unknown:
        keep = numpy.ones(len(order), bool)
        for group in unknown:
            keep[starts[group] : ends[group]] = False
        order = order[keep]
        numbers, starts, ends = _find_groups(ids[order])
    damaged = int(numpy.count_nonzero(ids)) - len(order)
    if not numbers:
        return None, damaged
    kinds = (kinds & KIND_INT) | (at_float * numpy.uint32(AT_FLOAT))
    return SoundRecords(place, order, kinds[order].astype("u1"), numbers, starts, ends), damaged


def _select_turns(place: int, tags: Array, times: Array, names: NameTable) -> SoundRecords | None:
    """The records where the same few series have one each, turn by turn, as a loop tracks them;
    None where it is not so, and where one may not be sound."""
    import numpy  # the caller has an array

    again = numpy.flatnonzero(tags[1 : _MOST_TURNS + 1] == tags[0])
    count = int(again[0]) + 1 if len(again) else len(tags)
    if count > len(tags) // 2 or not (tags[count:] == tags[:-count]).all():
        return None
    turn = tags[:count].tolist()
    numbers = [tag >> ID_SHIFT for tag in turn]
    if not all(tag & KIND_MASK in (KIND_FLOAT, KIND_INT) for tag in turn) or not (
        len(set(numbers)) == count
        and all(_is_scalar(number, names) for number in numbers)
        and numpy.isfinite(times).all()
    ):
        return None
    order, ends = _turns(len(tags), count)
    kinds = numpy.repeat(numpy.array(turn, "u8").astype("u1") & WHOLE, numpy.diff(ends, prepend=0))
    return SoundRecords(place, order, kinds, numbers, [0, *ends[:-1]], ends)


@lru_cache(8)
def _turns(size: int, count: int) -> tuple[Array, list[int]]:
    """The places of `size` records, of which every `count`th is of one series, series by series;
    and where each ends."""
    import numpy  # the caller has an array

    places = [numpy.arange(first, size, count) for first in range(count)]
    return numpy.concatenate(places), numpy.cumsum([len(some) for some in places]).tolist()


def _find_groups(ids: Array) -> tuple[list[int], list[int], list[int]]:
    """The distinct numbers of sorted `ids`, where each begins and where it ends."""
    import numpy  # the caller has arrays

    if not len(ids):
        return [], [], []
    starts = numpy.flatnonzero(numpy.append(True, ids[1:] != ids[:-1]))
    return ids[starts].tolist(), starts.tolist(), [*starts[1:].tolist(), len(ids)]


def _is_scalar(number: int, names: NameTable) -> bool:
    known = names.by_number.get(number)
    return known is not None and known.kind == "scalar"
