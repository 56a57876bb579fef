"""The records of scalars as columns: read by blocks, split by series, joined when asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from expt.encoding import KIND_FLOAT, KIND_INT, SCALAR_RECORD
from expt.layout import SCALARS_FILE
from expt.reading.series.lines import NameTable, open_regular

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np

BLOCK: Final = 1 << 20  # stays in the processor's cache, and is a whole number of records
FIELDS: Final = [
    ("step", "<i8"),
    ("time", "<f8"),
    ("bits", "<i8"),  # the value, of either kind
    ("kind", "<u4"),
    ("id", "<u4"),
]


@attrs.frozen(eq=False)
class Part:
    """The records of one series in one block. `kinds` is an array only where they differ."""

    steps: np.ndarray[Any, Any]
    times: np.ndarray[Any, Any]
    bits: np.ndarray[Any, Any]
    kinds: int | np.ndarray[Any, Any]


def read_blocks(folder: Path, damage: list[str]) -> Iterator[np.ndarray[Any, Any]]:
    """The file's whole records, a block at a time; a block is valid until the next is asked for.

    Read and not mapped: a run that ends meanwhile cuts the file, and a map would be a SIGBUS.
    """
    import numpy  # slow: only once there are records to read

    try:
        file = open_regular(folder / SCALARS_FILE)
        if file is None:
            return
        dtype, buffer = numpy.dtype(FIELDS), bytearray(BLOCK)
        with file:
            while size := file.readinto(buffer):
                whole = size // SCALAR_RECORD.size
                yield numpy.frombuffer(buffer, dtype, whole)
                if whole * SCALAR_RECORD.size < size:
                    damage.append(f"{SCALARS_FILE}: ends inside a record, which is left out")
                    return
    except OSError as error:
        damage.append(f"{SCALARS_FILE}: {error.strerror or error}")


def sound_records(
    block: np.ndarray[Any, Any], names: NameTable, damage: Damage
) -> np.ndarray[Any, Any]:
    """The records of a block that were written, whole, and by a series of scalars."""
    import numpy  # the caller has an array

    ids = block["id"]
    if not ids.any():
        return block[:0]
    present = numpy.unique(ids) if (ids != ids[0]).any() else ids[:1]
    unknown = [
        number
        for number in present.tolist()
        if number and getattr(names.by_number.get(number), "kind", None) != "scalar"
    ]
    used = ids != 0
    sound = used & (block["kind"] <= KIND_INT) & numpy.isfinite(block["time"])
    if unknown:
        sound &= ~numpy.isin(ids, unknown)
    if sound.all():
        return block
    damage.records += int(used.sum() - sound.sum())
    return block[sound]


@attrs.define
class Damage:
    """Counts records that were used and cannot be read."""

    records: int = 0

    def texts(self) -> list[str]:
        if not self.records:
            return []
        plural = "record was" if self.records == 1 else "records were"
        return [f"{SCALARS_FILE}: {self.records} damaged {plural} left out"]


def read_parts(folder: Path, names: NameTable, damage: list[str]) -> dict[int, list[Part]]:
    """The records of every series, by its number, in the order of the file."""
    parts: dict[int, list[Part]] = {}
    lost = Damage()
    for block in read_blocks(folder, damage):
        for number, records in split_by_id(sound_records(block, names, lost)):
            parts.setdefault(number, []).append(_take_part(records))
    damage.extend(lost.texts())
    return parts


def split_by_id(
    records: np.ndarray[Any, Any],
) -> Iterator[tuple[int, np.ndarray[Any, Any]]]:
    """The records of each series, in their order."""
    import numpy  # the caller has an array

    if not len(records):
        return
    ids = records["id"]
    if (ids == ids[0]).all():
        yield int(ids[0]), records
        return
    # numpy sorts 16 bits by radix, an order of magnitude faster
    small = ids.astype("u2") if ids.max() < 2**16 else ids
    order = numpy.argsort(small, kind="stable")
    ordered = records[order]
    starts = numpy.flatnonzero(numpy.diff(ordered["id"], prepend=ordered["id"][:1] + 1))
    ends = [*starts[1:].tolist(), len(ordered)]
    for start, end in zip(starts.tolist(), ends, strict=True):
        yield int(ordered["id"][start]), ordered[start:end]


def _take_part(records: np.ndarray[Any, Any]) -> Part:
    kinds = records["kind"]
    first = int(kinds[0])
    return Part(
        records["step"].copy(),
        records["time"].copy(),
        records["bits"].copy(),
        first if (kinds == first).all() else kinds.copy(),
    )


def join_values(parts: list[Part]) -> np.ndarray[Any, Any]:
    """The values of a series: int64 where all are ints, else float64 where exact, else objects."""
    import numpy  # the caller has arrays

    bits = join([part.bits for part in parts], "i8")
    kinds = {part.kinds if isinstance(part.kinds, int) else None for part in parts}
    if kinds <= {KIND_FLOAT}:
        return bits.view(numpy.float64)
    if kinds == {KIND_INT}:
        return bits
    whole = numpy.concatenate(
        [numpy.broadcast_to(part.kinds, part.bits.shape) for part in parts]
    ).astype(bool)
    floats = bits.view(numpy.float64).copy()
    ints = bits[whole]
    floats[whole] = ints
    if all(
        int(rounded) == exact for rounded, exact in zip(floats[whole], ints.tolist(), strict=True)
    ):
        return floats
    values = floats.astype(object)
    values[whole] = ints.tolist()
    return values


def join(arrays: list[np.ndarray[Any, Any]], dtype: str) -> np.ndarray[Any, Any]:
    """One array of the given ones, empty and of type `dtype` of none."""
    import numpy  # slow: only once columns are asked for

    if len(arrays) == 1:
        return arrays[0]
    return numpy.concatenate(arrays) if arrays else numpy.empty(0, dtype)
