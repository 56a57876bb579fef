"""The name and the step that a value is tracked under, whatever was given for them."""

from __future__ import annotations

import math
import operator
from typing import Any

from expt.ground.objects import type_name
from expt.ground.real_numbers import INT64_MAX, INT64_MIN, exact_number


def plain_name(name: Any) -> str:
    """The name of a series as a plain text. Raises `TypeError`."""
    if not isinstance(name, str):
        raise TypeError(f"the name of a series must be a text, not {name!r}")
    return str.__str__(name)


def plain_step(step: Any) -> float | None:
    """An int64, or a finite float; None stays None. Raises `TypeError` or `ValueError`."""
    if step is None or (type(step) is int and INT64_MIN <= step <= INT64_MAX):
        return step
    plain: float | None
    try:
        plain = None if isinstance(step, bool) else operator.index(step)
    except Exception:  # the user's object
        plain = exact_number(step)
    if isinstance(plain, float) and not math.isfinite(plain):
        raise ValueError(f"a step must be finite, not {plain}")
    if plain is None:
        raise TypeError(f"a step must be an int or a finite float, not a '{type_name(step)}'")
    if isinstance(plain, int) and not INT64_MIN <= plain <= INT64_MAX:
        raise ValueError("a step beyond int64")
    return plain
