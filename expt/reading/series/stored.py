"""Where the values, steps and times of one series come from: records, lines with files, leaves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, overload

from expt.archive.entry_files import FILE_KINDS, read_entry_file
from expt.ground.value_classes import define, field, frozen

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from expt.archive.series_lines import Entry
    from expt.ground.model import Kind
    from expt.reading.series.sorted_records import Columns

    Array = np.ndarray[Any, Any]


class SeriesSource(Protocol):
    """The columns of one series, each read when it is asked for."""

    def __len__(self) -> int: ...
    def values(self) -> Any: ...
    def steps(self) -> Array: ...
    def times(self) -> Array: ...
    def files(self) -> tuple[Path, ...]: ...


@frozen(eq=False)
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


@frozen(eq=False)
class EntrySource:
    """A series of any other kind."""

    kind: Kind
    read: Callable[[], list[Entry]]

    def __len__(self) -> int:
        return len(self.read())

    def values(self) -> Sequence[Any]:
        if self.kind in FILE_KINDS:
            return FileValues(self.files())
        return [_as_tracked(entry) for entry in self.read()]

    def steps(self) -> Array:
        return _exact_numbers([entry.step for entry in self.read()])

    def times(self) -> Array:
        return _array((entry.time for entry in self.read()), len(self))

    def files(self) -> tuple[Path, ...]:
        return tuple(entry.file for entry in self.read() if entry.file is not None)


@define(eq=False)
class LeafSource:
    """The numbers at one place inside the values of a structured series."""

    rows: list[tuple[float, float, float]] = field(factory=list)

    def __len__(self) -> int:
        return len(self.rows)

    def values(self) -> Array:
        return _exact_numbers([row[2] for row in self.rows])

    def steps(self) -> Array:
        return _exact_numbers([row[0] for row in self.rows])

    def times(self) -> Array:
        return _array((row[1] for row in self.rows), len(self))

    def files(self) -> tuple[Path, ...]:
        return ()


class FileValues(Sequence[Any]):
    """The arrays in some files, as one array of which each is read when it is asked for.

    `values[3]`, `values[2:5]` (as lazy), `values[3, :, 0]`, `np.asarray(values)` (reads them all).
    `shape` and `dtype` are told by the first; `np.asarray` raises `ValueError` where they differ.
    """

    def __init__(self, files: tuple[Path, ...]) -> None:
        self._files = files

    def __len__(self) -> int:
        return len(self._files)

    def __repr__(self) -> str:
        return f"<{len(self)} arrays, read on demand>"

    @property
    def shape(self) -> tuple[int, ...]:
        """The count of arrays, then the shape of the first."""
        return (len(self), *(self[0].shape if self._files else ()))

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the first."""
        import numpy  # slow: only once it is asked for

        return self[0].dtype if self._files else numpy.dtype("f8")

    @property
    def ndim(self) -> int:
        """The number of dimensions of all of them as one array."""
        return len(self.shape)

    @overload
    def __getitem__(self, index: int) -> Array: ...
    @overload
    def __getitem__(self, index: slice) -> FileValues: ...
    @overload
    def __getitem__(self, index: tuple[Any, ...]) -> Any: ...
    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, tuple):
            first, *rest = index or (slice(None),)
            if first is Ellipsis or first is None:
                return self.__array__()[index]
            if isinstance(first, slice):
                return self[first].__array__()[(slice(None), *rest)]
            return self[first][tuple(rest)]
        if isinstance(index, slice):
            return FileValues(self._files[index])
        return read_entry_file(self._files[index])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        import numpy  # slow: only once an array is asked for

        if copy is False:
            raise ValueError("the arrays are read from files, which is a copy")
        if not self._files:
            return numpy.empty((0,), dtype or "f8")
        stacked = numpy.stack([read_entry_file(file) for file in self._files])
        return stacked if dtype is None else stacked.astype(dtype)


def _as_tracked(entry: Entry) -> Any:
    if not entry.table or not isinstance(entry.value, Mapping):
        return entry.value
    return {name: _column(values) for name, values in entry.value.items()}


def _column(values: Any) -> Any:
    """A column of numbers of one type as an array, any other as it is."""
    types = {type(value) for value in values} if isinstance(values, list) else set()
    fits = types in ({float}, {bool})
    if fits or (types == {int} and -(2**63) <= min(values) <= max(values) < 2**63):
        import numpy  # slow: only once a table is asked for

        return numpy.array(values)
    return values


def _exact_numbers(values: Sequence[float]) -> Array:
    """int64 where all are ints that fit, else float64 where that is exact, else objects."""
    import numpy  # slow: only once values or steps are asked for

    exact = all(type(value) is float or -(2**53) <= value <= 2**53 for value in values)
    whole = all(type(value) is int for value in values)
    fits = whole and all(-(2**63) <= value < 2**63 for value in values)
    return numpy.array(values, dtype="i8" if fits else "f8" if exact else object)


def _array(values: Any, count: int) -> Array:
    import numpy  # slow: only once times are asked for

    return numpy.fromiter(values, "f8", count)
