"""The range of an axis; where numbers differ by what rounding adds alone, that of a flat line.

The page has these numbers from here, and the same lines in `assets/ranges.js`.
"""

from __future__ import annotations

from typing import Final

ROUNDING: Final = 1e-9  # of the largest: by so little differ numbers that are meant to be equal
SMALLEST: Final = 1e-290  # a distance whose parts are still told apart
AROUND: Final = 0.05  # of the size of equal numbers, that is shown above and below them
AROUND_ZERO: Final = 0.5


def is_flat(low: float, high: float) -> bool:
    """Whether finite numbers from `low` to `high` are equal but for rounding."""
    return high - low <= max(max(abs(low), abs(high)) * ROUNDING, SMALLEST)


def widened(low: float, high: float, share: float) -> tuple[float, float]:
    """`low` and `high` with `share` of their distance around them, and never equal."""
    if is_flat(low, high):
        size = max(abs(low), abs(high))
        margin = max(size * AROUND, SMALLEST) if size else AROUND_ZERO
        margin = max(margin, 1.0) if share == 0 else margin
    else:
        margin = (high - low) * share
    return low - margin, high + margin
