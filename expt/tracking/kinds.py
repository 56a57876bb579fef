"""What a tracked value is: its kind, and the form in which it is stored exactly.

    one real number ─► scalar   uint8 picture, PIL image ─► image   other array ─► array
    str ─► text                 matplotlib Figure ─► figure         dict, list, frame ─► structured

numpy, PIL and matplotlib are looked up among the modules that are loaded and never imported to
recognise a value: a value of theirs cannot exist without them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from expt.ground.dataframes import frame_columns, is_labelled, is_tabular
from expt.ground.encoding import Unstorable, to_json
from expt.ground.ndarrays import as_array, is_masked
from expt.ground.objects import class_fields, field_values, is_of, is_row, type_name
from expt.ground.real_numbers import exact_number

if TYPE_CHECKING:
    from expt.ground.model import Kind

INLINE_NUMBERS: Final = 1000
"""Arrays of at most so many numbers may stand inside a structured value, as lists."""


def recognise_value(value: Any) -> tuple[Kind, Any] | None:
    """The kind of `value` and its storable form, or None where nothing built in takes it.

    Raises `ValueError` for a number that neither float64 nor int64 holds exactly, and `TypeError`
    for what looks like a kind and cannot be stored as one.
    """
    if isinstance(value, str):
        return "text", str.__str__(value)
    if isinstance(value, Mapping):
        return "structured", value
    number = exact_number(value)
    if number is not None:
        return "scalar", number
    if isinstance(value, type):
        return None
    array = as_array(value)
    if array is not None:
        if array.ndim == 0:
            return None
        return ("image" if is_picture(array) else "array"), array
    if is_pil_image(value):
        return "image", value
    if is_figure(value):
        return "figure", value
    if isinstance(value, (list, tuple)) or is_tabular(value) or class_fields(type(value)):
        return "structured", value
    return None


def is_picture(array: Any) -> bool:
    """Whether an array passes for a picture without being called one: uint8, HxW, HxWx3, HxWx4."""
    if array.dtype != "uint8" or not array.size:
        return False
    return array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))


def is_pil_image(value: Any) -> bool:
    return is_of(value, "PIL.Image", "Image")


def is_figure(value: Any) -> bool:
    return is_of(value, "matplotlib.figure", "Figure")


def plain_structure(value: Any, where: str) -> Any:
    """The JSON form of a structured value; small numeric arrays inside it become lists.

    Raises `TypeError` with the place inside the value of what JSON cannot hold.
    """
    try:
        return to_json(value, where)
    except Unstorable as refused:
        try:
            listed = _list_small_arrays(value)
        except RecursionError:
            raise refused from None
    return to_json(listed, where)


def _list_small_arrays(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _list_small_arrays(item) for key, item in value.items()}
    if is_row(value):
        return [_list_small_arrays(item) for item in value]
    if is_tabular(value):
        return frame_columns(value)
    if fields := field_values(value):
        return {name: _list_small_arrays(item) for name, item in fields.items()}
    array = as_array(value)
    if array is None or array.size > INLINE_NUMBERS or array.dtype.kind not in "biufU":
        return value
    return value if is_masked(array) else array.tolist()


def table_columns(rows: Any, where: str) -> dict[str, Any]:
    """The columns of a table: from rows (a list of dicts), columns, a data frame, a record array.

    A key that a row lacks is None there. Raises `TypeError` or `ValueError` for anything else.
    """
    array = None if isinstance(rows, Mapping) else as_array(rows)
    if array is not None and array.dtype.names is not None:
        columns: dict[Any, Any] = {name: array[name] for name in array.dtype.names}
    elif isinstance(rows, Mapping):
        columns = dict(rows)
    elif is_tabular(rows):
        columns = dict(frame_columns(rows))
    elif isinstance(rows, (list, tuple)) and all(isinstance(row, Mapping) for row in rows):
        keys = dict.fromkeys(key for row in rows for key in row)
        columns = {key: [row.get(key) for row in rows] for key in keys}
    else:
        raise TypeError(
            f"a value of type '{type_name(rows)}' is no table: give a list of dicts, "
            "a dict of columns or a data frame"
        )
    listed = {name: _list_column(name, column) for name, column in columns.items()}
    lengths = sorted({len(column) for column in listed.values()})
    if len(lengths) > 1:
        raise ValueError(f"the columns of a table differ in length: {lengths}")
    return dict(to_json(listed, where))


def _list_column(name: Any, column: Any) -> list[Any]:
    if not isinstance(name, str):
        raise TypeError(f"a column's name must be a text, not {name!r}")
    array = as_array(column)
    if array is not None and array.ndim == 1 and not is_masked(array):
        listed: list[Any] = array.tolist()
        return listed
    if is_tabular(column) and not is_labelled(column):
        return next(iter(frame_columns(column).values()), [])
    if isinstance(column, (list, tuple, range)):
        return list(column)
    raise TypeError(f"the column '{name}' is of type '{type_name(column)}', which is no list")
