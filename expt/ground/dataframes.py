"""Data frames and labelled columns of any library, by what they show in public.

    frame    named columns, each of which can be listed: pandas, polars, pyarrow
    column   one of them: a Series, with a name and, in pandas, an index

An index that only counts the rows says nothing and is left out; any other becomes columns in front
of the others, as `reset_index` makes them.
"""

from __future__ import annotations

import contextlib
import io
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from expt.ground.errors import UsageError
from expt.ground.objects import ask, is_of, type_name

if TYPE_CHECKING:
    from collections.abc import Callable

_LISTS: Final = ("to_list", "to_pylist", "tolist")
UNNAMED: Final = "value"
"""The column of a series that has no name."""


def is_frame(value: Any) -> bool:
    """Whether `value` is a data frame."""
    cls = type(value)
    shows = ask(cls, "__array__") or ask(cls, "__arrow_c_stream__")
    if not callable(shows) or is_of(value, "numpy", "ndarray"):
        return False
    return callable(ask(cls, "__getitem__")) and _names(value) is not None


def is_column(value: Any) -> bool:
    """Whether `value` is a column of a frame on its own: a Series."""
    cls = type(value)
    listed = callable(ask(cls, "to_frame")) and callable(ask(cls, "to_list"))
    return listed and not is_of(value, "pandas", "Index")


def is_tabular(value: Any) -> bool:
    """Whether `value` has names for its columns or rows, which an array of it would lose."""
    return is_frame(value) or is_column(value)


def is_labelled(value: Any) -> bool:
    """Whether the rows of `value`, a frame or a column, have names of their own."""
    return not _only_counts(ask(value, "index"))


def _names(frame: Any) -> list[Any] | None:
    names = ask(frame, "column_names")  # of pyarrow, whose `columns` are the columns
    names = ask(frame, "columns") if names is None else names
    if names is None or isinstance(names, (str, bytes)) or callable(names):
        return None
    try:
        return list(names)
    except Exception:  # the user's object
        return None


def _only_counts(index: Any) -> bool:
    """Whether an index is 0, 1, 2 … without a name, or there is none."""
    if index is None or callable(index):
        return True
    start, step = ask(index, "start"), ask(index, "step")
    return start == 0 and step == 1 and ask(index, "name") is None


def with_index(value: Any) -> Any:
    """A frame or column as a frame, its index among its columns."""
    if is_column(value):
        value = value.to_frame() if ask(value, "name") else value.to_frame(name=UNNAMED)
    return value.reset_index() if is_labelled(value) else value


def frame_columns(value: Any) -> dict[str, list[Any]]:
    """The columns of a frame, or of a series, as lists; missing values are None.

    Raises `TypeError` or `ValueError` for names that are no texts or stand there twice, and for
    nanoseconds, which no date of Python's has.
    """
    frame = with_index(value)
    return {name: _list_column(name, frame[name]) for name in _checked_names(frame)}


def _checked_names(frame: Any) -> list[str]:
    names = _names(frame) or []
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"a column's name must be a text, not {name!r}")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"the column '{twice[0]}' stands there {names.count(twice[0])} times")
    return names


def _list_column(name: str, column: Any) -> list[Any]:
    for method in _LISTS:
        if callable(ask(column, method)):
            break
    else:
        raise TypeError(f"the column '{name}' is of type '{type_name(column)}', which is no list")
    if ask(ask(column, "dtype"), "time_unit") == "ns":  # polars lists what it has cut off
        _refuse_nanoseconds(column.to_numpy(), f"the column '{name}'")
    return [None if is_missing(item) else item for item in getattr(column, method)()]


def is_missing(value: Any) -> bool:
    """Whether it is what pandas puts where there is no value: `NA` or `NaT`."""
    return type(value).__name__ in ("NAType", "NaTType") and type(value).__module__.startswith(
        "pandas."
    )


def _refuse_nanoseconds(times: Any, where: str) -> None:
    import numpy  # the caller has an array

    known = times[~numpy.isnat(times)] if times.dtype.kind == "M" else times[:0].astype("M8[us]")
    if (known.astype("M8[us]") != known).any():
        raise ValueError(
            f"{where} has nanoseconds, which no date of Python's has; round it to microseconds, "
            "or keep the frame as a file: archive.save('NAME.csv', frame)"
        )


def frame_to_csv(value: Any) -> str:
    """A frame or series as CSV: a header, the index in front where it says something.

    As its library writes it; where that refuses, as lists in cells, as its columns list them.
    Raises `TypeError` or `ValueError` where neither does.
    """
    frame = with_index(value) if is_column(value) else value
    with contextlib.suppress(Exception):  # another library's code
        if callable(ask(frame, "to_csv")):
            return str(frame.to_csv(index=is_labelled(frame), lineterminator="\n"))
        if callable(ask(frame, "write_csv")):
            return str(frame.write_csv())
    return _columns_to_csv(frame_columns(frame))


def _columns_to_csv(columns: dict[str, list[Any]]) -> str:
    import csv

    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return stream.getvalue()


def frame_to_parquet(value: Any) -> bytes:
    """A frame or series as Parquet, with every type. Raises `TypeError` where that cannot be."""
    frame = with_index(value) if is_column(value) else value
    stream = io.BytesIO()
    write: Callable[..., Any] | None = ask(frame, "to_parquet") or ask(frame, "write_parquet")
    if not callable(write):
        raise TypeError(f"a '{type_name(value)}' that writes no Parquet")
    try:
        write(stream)
    except Exception as error:  # another library's code, or the lack of one
        told = " ".join(str(error).split())
        raise TypeError(f"a '{type_name(value)}' that cannot be Parquet: {told}") from error
    return stream.getvalue()


def frame_arrays(value: Any) -> dict[str, Any]:
    """The columns of a frame as arrays with the types that they have there.

    Raises `TypeError` for a column that has no numpy array of its own type.
    """
    import numpy  # slow: only for whoever saves arrays

    frame = with_index(value)
    names = _checked_names(frame)
    arrays = {}
    for name in names:
        column = frame[name]
        array = numpy.asarray(column)
        if array.dtype.hasobject and all(isinstance(item, str) for item in array.flat):
            array = array.astype(str)
        told = str(ask(column, "dtype", array.dtype)).lower().replace("boolean", "bool")
        if array.dtype.kind not in "U" and told.partition("(")[0] not in (
            str(array.dtype),
            array.dtype.name.partition("[")[0],
        ):
            raise TypeError(
                f"the column '{name}' is of type '{ask(column, 'dtype')}', for which numpy has none"
            )
        arrays[name] = array
    return arrays


def import_theirs(name: str, what: str) -> Any:
    """What is not ours to require: pandas, say. Raises `UsageError` for `what`, where it lacks."""
    try:
        return import_module(name)
    except ImportError:
        told = f"{what} needs {name}, which is not installed"
        raise UsageError(told, None, f"pip install {name}") from None
