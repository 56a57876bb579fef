"""The records of scalars as columns: sorted by series once, each column read when it is asked for.

The file is read and not mapped: a run that ends meanwhile cuts it, and a map would be a SIGBUS.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from expt.ground.encoding import FLOAT_STEP, KIND_INT, RECORD_KINDS, SCALAR_RECORD
from expt.ground.errors import DamagedArchive
from expt.ground.layout import SCALARS_FILE
from expt.reading.series.journal import open_regular

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np

    from expt.reading.series.journal import NameTable

    Array = np.ndarray[Any, Any]

BLOCK: Final = 1 << 20  # stays in the processor's cache, and is a whole number of records
FIELDS: Final = [
    ("step", "<i8"),  # of either kind
    ("time", "<f8"),
    ("bits", "<i8"),  # the value, of either kind
    ("tag", "<u8"),  # kind and id: compared at once
]
KIND_MASK: Final = 0xFFFFFFFF
ID_SHIFT: Final = 32
_NOT_AT_FLOAT: Final = KIND_MASK ^ FLOAT_STEP
WHOLE: Final = 1  # in the column of kinds, an int as value
AT_FLOAT: Final = 2  # and a float as step


@attrs.frozen(eq=False)
class Selection:
    """The sound records of a block, those of `numbers[i]` from `starts[i]` to `ends[i]`.

    `order` are their places in the block, None where all of them stand as they should. Records
    of one series stay in the order of the file.
    """

    order: Array | None
    kinds: Array  # WHOLE, AT_FLOAT, both or none
    numbers: list[int]
    starts: list[int]
    ends: list[int]

    def take(self, column: Array) -> Array:
        return column if self.order is None else column[self.order]


class Columns:
    """The records of a file as they are when the first column is read, by number of the series."""

    def __init__(self, folder: Path, names: NameTable, damage: list[str]) -> None:
        self._folder = folder
        self._names = names
        self._damage = damage
        self._selections: list[Selection | None] | None = None
        self._ranges: dict[int, list[tuple[int, int]]] = {}
        self._columns: dict[str, Array] = {}

    def count(self, numbers: list[int]) -> int:
        """How many records bear one of `numbers`."""
        self._column("bits")
        return sum(end - start for start, end in self._ranges_of(numbers))

    def steps(self, numbers: list[int]) -> Array:
        """As `values`: int64 where all are ints."""
        at_float = self._gather("kind", numbers) & AT_FLOAT
        return make_numbers(self._gather("step", numbers), at_float == 0)

    def times(self, numbers: list[int]) -> Array:
        return self._gather("time", numbers)

    def values(self, numbers: list[int]) -> Array:
        """int64 where all are ints, else float64 where that is exact, else Python numbers."""
        whole = self._gather("kind", numbers) & WHOLE
        return make_numbers(self._gather("bits", numbers), whole != 0)

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
        if self._selections is None:
            self._read_first()
        if name not in self._columns:
            self._columns[name] = self._read_again(name)
        return self._columns[name]

    def _read_first(self) -> None:
        """Find which records are whose, and take along what is nearly always wanted."""
        import numpy  # slow: only once there are records to read

        limit = _count_records(self._folder)
        steps, bits, kinds = (numpy.empty(limit, dtype) for dtype in ("i8", "i8", "u1"))
        used = 0
        self._selections = []
        for records, selection in select_blocks(self._folder, self._names, self._damage, limit):
            self._selections.append(selection)
            if selection is None:
                continue
            start, used = used, used + selection.ends[-1]
            steps[start:used] = selection.take(records["step"])
            bits[start:used] = selection.take(records["bits"])
            kinds[start:used] = selection.kinds
            bounds = zip(selection.numbers, selection.starts, selection.ends, strict=True)
            for number, first, last in bounds:
                ranges = self._ranges.setdefault(number, [])
                if ranges and ranges[-1][1] == start + first:
                    ranges[-1] = ranges[-1][0], start + last
                else:
                    ranges.append((start + first, start + last))
        self._columns = {"step": steps[:used], "bits": bits[:used], "kind": kinds[:used]}

    def _read_again(self, name: str) -> Array:
        """One more column of the records that were found, also where more have followed them."""
        import numpy  # loaded with the first column

        column, used = numpy.empty(len(self._columns["bits"]), dict(FIELDS)[name]), 0
        blocks = _read_blocks(self._folder, 2**58)
        for selection, records in zip(self._selections or (), blocks, strict=False):
            if selection is not None:
                start, used = used, used + selection.ends[-1]
                taken = selection.take(records[name])[: used - start]
                if len(taken) < used - start:
                    break
                column[start:used] = taken
        else:
            if used == len(column):
                return column
        raise DamagedArchive(f"{SCALARS_FILE} was cut while it was read", str(self._folder.parent))


def make_numbers(bits: Array, whole: Array) -> Array:
    """Numbers, the `whole` of them ints: int64 where all are, else float64 if exact, or objects."""
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


def select_blocks(
    folder: Path, names: NameTable, damage: list[str], limit: int = 2**58
) -> Iterator[tuple[Array, Selection | None]]:
    """The first `limit` records by blocks, and which of each are sound, None where none is.

    A block is valid until the next is asked for.
    """
    lost = 0
    try:
        for records in _read_blocks(folder, limit):
            selection, damaged = _select(records, names)
            lost += damaged
            yield records, selection
    except OSError as error:
        damage.append(f"{SCALARS_FILE}: {error.strerror or error}")
    if lost:
        damage.append(f"{SCALARS_FILE}: {lost} damaged record(s) left out")


def _count_records(folder: Path) -> int:
    try:
        return (folder / SCALARS_FILE).lstat().st_size // SCALAR_RECORD.size
    except OSError:
        return 0


def _read_blocks(folder: Path, limit: int) -> Iterator[Array]:
    import numpy  # slow: only once there are records to read

    file = open_regular(folder / SCALARS_FILE)
    if file is None:
        return
    dtype, buffer = numpy.dtype(FIELDS), bytearray(BLOCK)
    with file:
        while limit and (size := file.readinto(buffer)) >= SCALAR_RECORD.size:
            count = min(size // SCALAR_RECORD.size, limit)
            limit -= count
            yield numpy.frombuffer(buffer, dtype, count)


def _select(records: Array, names: NameTable) -> tuple[Selection | None, int]:
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
            kinds = numpy.broadcast_to(numpy.uint8(kind), tags.shape)
            return Selection(None, kinds, [number], [0], [len(tags)]), 0
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
    unknown = [place for place, number in enumerate(numbers) if not _is_scalar(number, names)]
    if unknown:
        keep = numpy.ones(len(order), bool)
        for place in unknown:
            keep[starts[place] : ends[place]] = False
        order = order[keep]
        numbers, starts, ends = _find_groups(ids[order])
    damaged = int(numpy.count_nonzero(ids)) - len(order)
    if not numbers:
        return None, damaged
    kinds = (kinds & KIND_INT) | (at_float * numpy.uint32(AT_FLOAT))
    return Selection(order, kinds[order].astype("u1"), numbers, starts, ends), damaged


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
