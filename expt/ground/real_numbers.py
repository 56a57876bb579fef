"""One real number of any type as the float or int that equals it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from expt.ground.dataframes import is_labelled
from expt.ground.ndarrays import is_masked
from expt.ground.objects import HOSTILE, ask, is_of, type_name

INT64_MIN: Final = -(2**63)
INT64_MAX: Final = 2**63 - 1


def exact_number(value: Any) -> float | int | None:
    """The float or int64 that `value` equals, or None where it is no single real number.

    Raises `ValueError` for a real number that neither float64 nor int64 holds.
    """
    if isinstance(value, int):
        return _fit_int(int(value), value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, (str, bytes, type, Mapping)):
        return None
    if is_of(value, "numpy", "generic") or is_of(value, "numpy", "ndarray"):
        return _numpy_number(value)
    if is_of(value, "decimal", "Decimal") or is_of(value, "numbers", "Real"):
        return _fit_real(value, value)
    if callable(ask(value, "item")) and _holds_one(value) and not is_labelled(value):
        return _number_of_item(value)
    return None


def _number_of_item(value: Any) -> float | int | None:
    """Of torch, jax, cupy and whatever follows them."""
    try:
        item = value.item()
    except HOSTILE:  # another library's code
        return None
    return exact_number(item) if isinstance(item, (bool, int, float)) else None


def _fit_int(number: int, value: Any) -> float | int:
    return number if INT64_MIN <= number <= INT64_MAX else _fit_real(number, value)


def _fit_real(number: Any, value: Any) -> float | int:
    """The float64 that equals `number`, else the int64. NaN counts as equal to NaN."""
    try:
        rounded = float(number)
        if rounded == number or number != number:
            return rounded
        if (whole := int(number)) == number and INT64_MIN <= whole <= INT64_MAX:
            return whole
    except (OverflowError, ValueError, ArithmeticError):
        pass  # beyond any float, or a signalling NaN
    raise ValueError(
        f"a number of type '{type_name(value)}' that neither float64 nor int64 holds exactly; "
        "float(value) rounds it"
    )


def _numpy_number(value: Any) -> float | int | None:
    if value.shape not in ((), (1,)) or value.dtype.kind not in "biufV" or is_masked(value):
        return None
    item = value.item()
    if isinstance(item, (bool, int)):
        return _fit_int(int(item), value)
    if type(item) is float:
        return item
    # a longdouble's item is itself; a quantity's has a unit, which must not vanish
    return _fit_real(item, value) if is_of(item, "numpy", "longdouble") else None


def _holds_one(value: Any) -> bool:
    try:
        return tuple(ask(value, "shape", ())) in ((), (1,))
    except Exception:  # the user's object
        return False
