"""One value of any kind, made ready to be stored: a number, a file or fields of a line."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from expt.ground.dataframes import is_tabular
from expt.ground.model import KINDS
from expt.ground.ndarrays import as_array, storable_array
from expt.ground.objects import type_name
from expt.ground.real_numbers import exact_number
from expt.ground.value_classes import field, frozen
from expt.tracking.images import encode_figure, encode_image
from expt.tracking.kinds import plain_structure, recognise_value, table_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from expt.ground.model import Kind, Recognise

_KINDS_TOLD: Final = (
    "one real number, a text, an image, an array, a figure, a dict, a list, a data frame, "
    "attrs, a dataclass or a pydantic model"
)


@frozen(eq=False)
class Encoded:
    """A value that will be stored, since nothing about it can be refused any more.

    `value` is what an observer hears; `number` a scalar's record; `png` or `array` the content of
    a file; `fields` what else stands on the entry's line.
    """

    kind: Kind
    value: Any
    number: float | int | None = None
    png: bytes | None = None
    array: Any = None
    fields: Mapping[str, Any] = field(factory=dict)
    notice: str | None = None


def find_kind(value: Any, known: Kind | None, recognise: Recognise | None) -> tuple[Kind, Any]:
    """The kind of a value that was not named, and the value to store.

    `known` is the kind of the series so far: an array in a series of arrays is one, also where it
    would by itself pass for a picture or a number; a series of tables takes one of a single row.
    Raises `TypeError` or `ValueError`.
    """
    if known == "array" and (array := as_array(value)) is not None:
        return "array", array
    if known == "structured" and is_tabular(value):
        return "structured", value
    found = recognise_value(value)
    if found is None and recognise is not None:
        found = recognise(value)
        if found is not None and found[0] not in KINDS:
            raise TypeError(f"a plugin took it for the unknown kind {found[0]!r}")
    if found is None:
        raise TypeError(
            f"a value of type '{type_name(value)}' has no kind; tracked can be {_KINDS_TOLD}"
        )
    return found


def encode_value(kind: Kind, value: Any, *, table: bool = False) -> Encoded:
    """`value` as an entry of `kind`. Raises `TypeError` or `ValueError` where it cannot be one."""
    return _encode_table(value) if table else _ENCODERS[kind](value)


def _encode_scalar(value: Any) -> Encoded:
    number = exact_number(value)
    if number is None:
        raise TypeError(f"a value of type '{type_name(value)}' is no single real number")
    return Encoded("scalar", number, number=number)


def _encode_picture(
    kind: Kind, encode: Callable[[Any], tuple[bytes, str | None]], value: Any
) -> Encoded:
    png, notice = encode(value)
    return Encoded(kind, value, png=png, notice=notice)


def _encode_array(value: Any) -> Encoded:
    array = as_array(value)
    if array is None:
        import numpy  # only here: whoever tracks arrays needs it anyway

        array = numpy.asarray(value)
    stored, notice = storable_array(array)
    return Encoded("array", array, array=stored, notice=notice)


def _encode_text(value: Any) -> Encoded:
    if not isinstance(value, str):
        raise TypeError(f"a value of type '{type_name(value)}' is no text")
    text = str.__str__(value)
    return Encoded("text", text, fields={"value": text})


def _encode_structured(value: Any) -> Encoded:
    if is_tabular(value):
        return _encode_table(value)
    return Encoded("structured", value, fields={"value": plain_structure(value, "value")})


def _encode_table(value: Any) -> Encoded:
    columns = table_columns(value, "table")
    return Encoded("structured", value, fields={"value": columns, "table": True})


_ENCODERS: Final[dict[Kind, Callable[[Any], Encoded]]] = {
    "scalar": _encode_scalar,
    "image": partial(_encode_picture, "image", encode_image),
    "figure": partial(_encode_picture, "figure", encode_figure),
    "array": _encode_array,
    "text": _encode_text,
    "structured": _encode_structured,
}
