"""Numbers that several runs have: what counts as one, their mean and their spread."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypedDict, TypeGuard

if TYPE_CHECKING:
    from collections.abc import Sequence


class Spread(TypedDict):
    """What one or more numbers have in common; no standard deviation of a single one."""

    mean: float
    std: float | None
    min: float
    max: float


def is_number(value: Any) -> TypeGuard[int | float]:
    """Whether a plain value is a number, finite or not; a truth value is none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def as_float(number: float) -> float:
    """The nearest float; infinite for an int that is beyond all of them."""
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def mean(numbers: Sequence[float]) -> float:
    """The mean of one or more numbers; nan or infinite where one is."""
    values = [as_float(number) for number in numbers]
    if values.count(values[0]) == len(values):  # seven times 0.1 is not 0.7
        return values[0]
    return _sum(values, len(values))


def spread_of(numbers: Sequence[float]) -> Spread:
    """Their spread, the standard deviation with n - 1 below it.

    NaN is in the mean, and is neither smallest nor largest.
    """
    values = [as_float(number) for number in numbers]
    middle = mean(values)
    std = None
    if len(values) > 1:
        # ** would raise where a square is infinite
        squares = [(value - middle) * (value - middle) for value in values]
        std = math.sqrt(_sum(squares, len(values) - 1))
    ordered = [value for value in values if value == value] or values
    return {"mean": middle, "std": std, "min": min(ordered), "max": max(ordered)}


def _sum(values: Sequence[float], over: int) -> float:
    """The sum of floats divided by `over`."""
    try:
        return math.fsum(values) / over
    except (OverflowError, ValueError):  # beyond float64 on the way, or inf - inf
        return sum(value / over for value in values)
