"""Where the values, steps and times of one series come from: records, lines with files, leaves."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol, overload

import attrs

from expt.ground.encoding import from_json
from expt.ground.errors import DamagedArchive
from expt.reading.series.journal import FILE_KINDS, Entry, open_regular

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from expt.ground.model import Kind
    from expt.reading.series.sorted_records import Columns

    Array = np.ndarray[Any, Any]


class Source(Protocol):
    """The columns of one series, each read when it is asked for."""

    def __len__(self) -> int: ...
    def values(self) -> Any: ...
    def steps(self) -> Array: ...
    def times(self) -> Array: ...
    def files(self) -> tuple[Path, ...]: ...


@attrs.frozen(eq=False)
class RecordSource:
    """A series of scalars: the records with any of `numbers`."""

    read: Callable[[], Columns]
    numbers: list[int]

    def __len__(self) -> int:
        return self.read().count(self.numbers)

    def values(self) -> Array:
        return self.read().values(self.numbers)

    def steps(self) -> Array:
        return self.read().steps(self.numbers)

    def times(self) -> Array:
        return self.read().times(self.numbers)

    def files(self) -> tuple[Path, ...]:
        return ()


@attrs.frozen(eq=False)
class EntrySource:
    """A series of any other kind."""

    kind: Kind
    read: Callable[[], list[Entry]]

    def __len__(self) -> int:
        return len(self.read())

    def values(self) -> Sequence[Any]:
        if self.kind in FILE_KINDS:
            return FileValues(self.files())
        return [_decode(entry) for entry in self.read()]

    def steps(self) -> Array:
        return _exact_numbers([entry.step for entry in self.read()])

    def times(self) -> Array:
        return _array((entry.time for entry in self.read()), "f8", len(self))

    def files(self) -> tuple[Path, ...]:
        return tuple(entry.file for entry in self.read() if entry.file is not None)


@attrs.define(eq=False)
class LeafSource:
    """The numbers at one place inside the values of a structured series."""

    rows: list[tuple[float, float, float]] = attrs.field(factory=list)

    def __len__(self) -> int:
        return len(self.rows)

    def values(self) -> Array:
        return _exact_numbers([row[2] for row in self.rows])

    def steps(self) -> Array:
        return _exact_numbers([row[0] for row in self.rows])

    def times(self) -> Array:
        return _array((row[1] for row in self.rows), "f8", len(self))

    def files(self) -> tuple[Path, ...]:
        return ()


# what numpy and PIL raise for a file that is not what it should be
_UNREADABLE: Final = (OSError, ValueError, SyntaxError, EOFError, MemoryError, TypeError)


class FileValues(Sequence[Any]):
    """The arrays in some files, each read whenever it is asked for; a slice is as lazy."""

    def __init__(self, files: tuple[Path, ...]) -> None:
        self._files = files

    def __len__(self) -> int:
        return len(self._files)

    def __repr__(self) -> str:
        return f"<{len(self)} arrays, read on demand>"

    @overload
    def __getitem__(self, index: int) -> Array: ...
    @overload
    def __getitem__(self, index: slice) -> FileValues: ...
    def __getitem__(self, index: int | slice) -> Array | FileValues:
        if isinstance(index, slice):
            return FileValues(self._files[index])
        return read_array(self._files[index])


def read_array(path: Path) -> Array:
    """The array of a `.npy` or `.png`; no pickle. Raises `DamagedArchive` for what is neither."""
    try:
        file = open_regular(path)
        if file is None:
            raise FileNotFoundError("the file is missing")
        with file:
            return _read_npy(file) if path.suffix == ".npy" else _read_png(file)
    except (*_UNREADABLE, struct.error) as error:
        place = f"{path.parent.name}/{path.name}"
        raise DamagedArchive(f"{place} cannot be read: {error}", str(path.parents[2])) from None


def _read_npy(file: Any) -> Array:
    import numpy.lib.format  # slow: only once an array is asked for

    array: Array = numpy.lib.format.read_array(file, allow_pickle=False, max_header_size=1 << 20)
    return array


def _read_png(file: Any) -> Array:
    import numpy
    from PIL import Image  # slow: only once a picture is asked for

    data = file.read()
    _check_png(data)
    with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
        if image.mode != "P":
            return numpy.asarray(image)
        return numpy.asarray(image.convert("RGBA" if "transparency" in image.info else "RGB"))


def _check_png(data: bytes) -> None:
    """Raise `ValueError` where a checksum is wrong or the end is missing, which PIL forgives."""
    place, kind = 8, b""
    while kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", data, place)
        end = place + 8 + length
        (checksum,) = struct.unpack_from(">I", data, end)
        if zlib.crc32(data[place + 4 : end]) != checksum:
            raise ValueError(f"the checksum of its {kind!r} is wrong")
        place = end + 4


def _decode(entry: Entry) -> Any:
    if not entry.table or not isinstance(entry.value, Mapping):
        return from_json(entry.value)
    columns = from_json(entry.value)
    return {name: _column(values) for name, values in columns.items()}


def _column(values: Any) -> Any:
    """A column of numbers of one type as an array, any other as it is."""
    types = {type(value) for value in values} if isinstance(values, list) else set()
    if types == {float} or types == {bool} or (types == {int} and _fit_int64(values)):
        import numpy  # slow: only once a table is asked for

        return numpy.array(values)
    return values


def _fit_int64(values: list[int]) -> bool:
    return min(values) >= -(2**63) and max(values) < 2**63


def _exact_numbers(values: Sequence[float]) -> Array:
    """int64 where all are ints that fit, else float64 where that is exact, else objects."""
    import numpy  # slow: only once values or steps are asked for

    exact = all(type(value) is float or -(2**53) <= value <= 2**53 for value in values)
    whole = all(type(value) is int for value in values)
    fits = whole and all(-(2**63) <= value < 2**63 for value in values)
    return numpy.array(values, dtype="i8" if fits else "f8" if exact else object)


def _array(values: Any, dtype: str, count: int) -> Array:
    import numpy  # slow: only once times are asked for

    return numpy.fromiter(values, dtype, count)
