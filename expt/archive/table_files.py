"""Values as tables and as TOML: the text formats that a person opens."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Any

from expt.ground.objects import field_values, type_name


def array_rows(array: Any) -> list[list[Any]]:
    """The rows of an array of at most two dimensions; of a structured one under their names."""
    if array.dtype.names is not None:
        if array.ndim != 1 or any(array.dtype[name].names for name in array.dtype.names):
            raise ValueError(f"records of shape {array.shape}; a table is one row of plain ones")
        columns = [_texts_of_times(array[name]).tolist() for name in array.dtype.names]
        return [list(array.dtype.names), *map(list, zip(*columns, strict=True))]
    if array.ndim > 2:
        raise ValueError(f"an array of {array.ndim} dimensions; a table has 2")
    rows: list[list[Any]] = (
        _texts_of_times(array).reshape(array.shape[0] if array.ndim else 1, -1).tolist()
    )
    return rows


def _texts_of_times(array: Any) -> Any:
    """Python's dates would cut off what numpy's have."""
    return array.astype(str) if array.dtype.kind in "Mm" else array


def rows_of(value: Any) -> list[list[Any]]:
    """A table from a dict of columns, a list of dicts or a list of rows."""
    if isinstance(value, Mapping):
        columns = [list(column) for column in value.values()]
        if len({len(column) for column in columns}) > 1:
            raise ValueError("its columns differ in length")
        return [list(value), *map(list, zip(*columns, strict=True))]
    if not isinstance(value, Iterable):
        raise TypeError(f"a value of type '{type_name(value)}' is no table")
    rows = list(value)
    if rows and all(isinstance(row, Mapping) for row in rows):
        header = list(dict.fromkeys(key for row in rows for key in row))
        return [header, *([row.get(key, "") for key in header] for row in rows)]
    return [
        list(row) if isinstance(row, Iterable) and not isinstance(row, str) else [row]
        for row in rows
    ]


def rows_to_csv(rows: list[list[Any]], delimiter: str) -> bytes:
    """RFC 4180, with single newlines; floats in as many digits as they need."""
    stream = io.StringIO(newline="")
    csv.writer(stream, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return stream.getvalue().encode("utf-8", "surrogatepass")


def mapping_to_toml(value: Any) -> bytes:
    """A dict, or the fields of an object, as TOML."""
    table = value if isinstance(value, Mapping) else field_values(value)
    if table is None:
        raise TypeError(f"a value of type '{type_name(value)}'; TOML is a dict")
    import tomli_w  # slow for what most runs never do

    return tomli_w.dumps(table).encode()
