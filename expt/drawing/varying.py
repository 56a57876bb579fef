"""Values that may differ between runs: which do, and whether they are numbers on a scale."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_WIDE_RANGE: Final = 10.0  # from the lowest to the highest, and most of them low: then a scale
_LOW_MEDIAN: Final = 0.35  # of numbers is logarithmic


def with_unit(name: str, units: Mapping[str, str]) -> str:
    """A name with its unit, where it has one: `lr [1/s]`."""
    unit = units.get(name)
    return f"{name} [{unit}]" if unit else name


def varying_values(values: Sequence[Mapping[str, Any]]) -> list[str]:
    """The names under which not all have the same, in order of first use."""
    names = dict.fromkeys(name for known in values for name in known)
    return [name for name in names if len({key_of(known.get(name)) for known in values}) > 1]


def key_of(value: Any) -> Any:
    """Something that can be hashed and is the same for equal values."""
    try:
        hash(value)
    except TypeError:
        return repr(value)
    return repr(value) if isinstance(value, float) and value != value else value


def as_number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)):
        return None
    try:
        number = float(value)
    except (OverflowError, TypeError):
        return None
    return number if math.isfinite(number) else None


def is_geometric(numbers: Sequence[float]) -> bool:
    low, high = min(numbers), max(numbers)
    if low <= 0 or high < _WIDE_RANGE * low:
        return False
    return float(np.median(sorted(set(numbers)))) - low < _LOW_MEDIAN * (high - low)


def value_text(value: Any) -> str:
    """A text as it is, anything else by its `repr`."""
    return value if isinstance(value, str) else repr(value)
