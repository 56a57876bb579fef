"""How a number stands in a picture: on an axis, and in a line of text."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

MINUS: Final = "\N{MINUS SIGN}"
_SUPERSCRIPTS: Final = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_UNITS: Final = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_EXACT_DIGITS: Final = 20  # every int of 64 bits is told in full


def number_text(value: Any, digits: int = 4) -> str:
    """`0.01234`, `1.5e−07`, `9007199254740993`: an int in full, a float to `digits` digits."""
    if isinstance(value, int) or getattr(getattr(value, "dtype", None), "kind", "f") in "biu":
        text = str(int(value))
        return text.replace("-", MINUS) if len(text) <= _EXACT_DIGITS else f"{text[:6]}…"
    number = float(value)
    if not math.isfinite(number):
        return str(number).replace("-", MINUS)
    return f"{number:.{digits}g}".replace("e+", "e").replace("-", MINUS)


def tick_texts(values: Sequence[float], *, log: bool = False) -> tuple[list[str], str]:
    """The texts of the ticks of one axis, and the power of ten that is common to them, or ''.

    As many decimals as tell the ticks apart; from 10^5 up and below 10^-3 a common power.
    """
    if log:
        return [_log_text(value) for value in values], ""
    largest = max((abs(value) for value in values), default=0.0)
    if not largest:
        return ["0" for _ in values], ""
    exponent = math.floor(math.log10(largest))
    power = exponent if exponent >= 5 or exponent < -3 else 0
    gaps = [abs(b - a) for a, b in pairwise(values) if a != b]
    gap = min(gaps, default=largest)
    decimals = min(max(power - math.floor(math.log10(gap) + 1e-9), 0), 17)
    scaled = [_divide(value, power) for value in values]
    if any(abs(round(value, decimals) - value) > 1e-3 * _divide(gap, power) for value in scaled):
        decimals += 1  # a gap of 2.5 needs one more than a gap of 2
    texts = [_signed(f"{value:.{decimals}f}") for value in scaled]
    return texts, f"×10{str(power).translate(_SUPERSCRIPTS)}" if power else ""


def step_texts(steps: Sequence[float]) -> list[str]:
    """The texts of a step axis: `0`, `250k`, `500k`; one unit for all of them."""
    largest = max((abs(step) for step in steps), default=0.0)
    if largest < 10_000 or largest >= 1e15:
        texts, power = tick_texts(steps)
        return [f"{text}{power}" for text in texts] if power else texts
    size, unit = next((size, unit) for size, unit in _UNITS if largest >= size)
    texts, _ = tick_texts([step / size for step in steps])
    return [f"{text}{unit}" if step else "0" for step, text in zip(steps, texts, strict=True)]


def _divide(value: float, power: int) -> float:
    """`value / 10**power` without the overflow of 10**-324."""
    half = power // 2
    return value / 10.0**half / 10.0 ** (power - half)


def _signed(text: str) -> str:
    return text.lstrip("-") if not text.strip("-0.") else text.replace("-", MINUS)


def _log_text(value: float) -> str:
    if 1e-4 <= value < 1e5:
        return f"{value:.12g}"
    exponent = math.floor(math.log10(value) + 1e-9)
    mantissa = _divide(value, exponent)
    power = f"10{str(exponent).translate(_SUPERSCRIPTS)}"
    return power if abs(mantissa - 1) < 1e-6 else f"{mantissa:.3g}×{power}"
