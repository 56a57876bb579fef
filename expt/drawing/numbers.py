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
_FIRST_POWER, _LAST_POWER = 5, -3  # from 10^5 up and below 10^-3 a power of ten is written
_EXACT_DIGITS: Final = 20  # every int of 64 bits is told in full


def number_text(value: Any, digits: int = 4) -> str:
    """`0.01234`, `1.5×10⁻⁷`, `9007199254740993`: an int in full, a float to `digits` digits.

    A power of ten stands where an axis has one, see `tick_texts`.
    """
    if isinstance(value, int) or getattr(getattr(value, "dtype", None), "kind", "f") in "biu":
        text = str(int(value))
        return text.replace("-", MINUS) if len(text) <= _EXACT_DIGITS else f"{text[:6]}…"
    number = float(value)
    if not math.isfinite(number):
        return str(number).replace("-", MINUS)
    if not number:
        return "0"
    mantissa, exponent = f"{number:.{digits - 1}e}".split("e")
    power = int(exponent)
    if _FIRST_POWER > power >= _LAST_POWER:
        text = f"{number:.{max(digits - 1 - power, 0)}f}"
        return (text.rstrip("0").rstrip(".") if "." in text else text).replace("-", MINUS)
    mantissa = (mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa).replace(
        "-", MINUS
    )
    return f"{mantissa}{_power_text(power)}"


def number_texts(values: Sequence[Any]) -> list[str]:
    """The texts of numbers that stand beside each other: different where the numbers differ."""
    for more in range(4, 18):
        texts = [number_text(value, more) for value in values]
        told = dict(zip(texts, values, strict=True))
        if all(
            told[text] == value or value != value for text, value in zip(texts, values, strict=True)
        ):
            break
    return texts


def tick_texts(
    values: Sequence[float], *, log: bool = False, power: int = 0
) -> tuple[list[str], str]:
    """The texts of the ticks of one axis, and the power of ten that is common to them, or ''.

    As many decimals as tell the ticks apart; from 10^5 up and below 10^-3 a common power.
    `values` are those of the axis divided by 10^`power`.
    """
    if log:
        return [_log_text(value, power) for value in values], ""
    largest = max((abs(value) for value in values), default=0.0)
    if not largest:
        return ["0" for _ in values], ""
    exponent = math.floor(math.log10(largest))
    divided = power
    power = exponent if divided or exponent >= _FIRST_POWER or exponent < _LAST_POWER else 0
    gaps = [abs(b - a) for a, b in pairwise(values) if a != b]
    gap = min(gaps, default=largest)
    decimals = min(max(power - math.floor(math.log10(gap) + 1e-9), 0), 17)
    scaled = [_divide(value, power) for value in values]
    if any(abs(round(value, decimals) - value) > 1e-3 * _divide(gap, power) for value in scaled):
        decimals += 1  # a gap of 2.5 needs one more than a gap of 2
    texts = [_signed(f"{value:.{decimals}f}") for value in scaled]
    return texts, _power_text(power + divided) if power + divided else ""


def whole_tick_texts(values: Sequence[float], *, power: int = 0) -> list[str]:
    """The texts of ticks that carry their power of ten themselves: `2×10⁻⁵`."""
    texts, common = tick_texts(values, power=power)
    return [f"{text}{common}" if text.strip("0.") else "0" for text in texts] if common else texts


def step_texts(steps: Sequence[float]) -> list[str]:
    """The texts of a step axis: `0`, `250k`, `500k`; one unit for all of them."""
    largest = max((abs(step) for step in steps), default=0.0)
    if largest < 10_000 or largest >= 1e15:
        texts, power = tick_texts(steps)
        return [f"{text}{power}" for text in texts] if power else texts
    size, unit = next((size, unit) for size, unit in _UNITS if largest >= size)
    texts, _ = tick_texts([step / size for step in steps])
    return [f"{text}{unit}" if step else "0" for step, text in zip(steps, texts, strict=True)]


def step_text(step: Any, largest: float) -> str:
    """One step in full, in the unit of an axis that goes to `largest`: `249.731k`."""
    if largest < 10_000 or largest >= 1e15:
        return number_text(step, 7)
    size, unit = next((size, unit) for size, unit in _UNITS if largest >= size)
    return f"{float(step) / size:.15g}{unit}".replace("-", MINUS) if step else "0"


def round_ticks(low: float, high: float, most: int, *, whole: bool = False) -> list[float]:
    """At most `most` round numbers from `low` to `high`, two at least: 0, 2000, 4000.

    Their distance is 1, 2, 2.5 or 5 times a power of ten; with `whole` they are whole numbers, of
    which a short axis may have fewer.
    """
    if not high > low:
        return [low]
    coarse = math.floor(math.log10(high / 2 - low / 2)) + 1
    best: list[float] = []
    for exponent in range(coarse, coarse - 5, -1):
        for base in (5.0, 2.5, 2.0, 1.0):
            if whole and (exponent < 0 or (base == 2.5 and exponent < 1)):
                continue
            ticks = _multiples(low, high, base, exponent, most if len(best) > 1 else most + 3)
            if ticks is None or (len(ticks) > most and len(best) > 1):
                return best
            best = ticks
    return best


def _multiples(
    low: float, high: float, base: float, exponent: int, most: int
) -> list[float] | None:
    """Multiples of `base` × 10^`exponent`; None for more than `most`."""
    step = float(f"{base}e{exponent}")
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    if last - first >= most:
        return None
    return [float(f"{number * base:.1f}e{exponent}") for number in range(first, last + 1)]


def log_ticks(low: float, high: float, most: int) -> list[float]:
    """Round numbers of a logarithmic axis: powers of ten, or 1, 2 and 5 times them."""
    first, last = math.log10(low), math.log10(high)
    if last - first < 1:
        return round_ticks(low, high, most)
    bases = (1.0, 2.0, 5.0) if last - first <= 2.5 else (1.0,)
    stride = 1 if len(bases) > 1 else max(math.ceil((last - first) / most), 1)
    while True:
        exponents = range(math.floor(first), math.ceil(last) + 1)
        ticks = [
            float(f"{base}e{exponent}")
            for exponent in exponents
            for base in bases
            if exponent % stride == 0 and exponent > -308
        ]
        inside = [tick for tick in ticks if low <= tick <= high]
        if len(inside) > 1 or stride == 1:
            return inside
        stride -= 1


def _power_text(power: int) -> str:
    return f"×10{str(power).translate(_SUPERSCRIPTS)}"


def _divide(value: float, power: int) -> float:
    """`value / 10**power` without the overflow of 10**-324."""
    half = power // 2
    return value / 10.0**half / 10.0 ** (power - half)


def _signed(text: str) -> str:
    return text.lstrip("-") if not text.strip("-0.") else text.replace("-", MINUS)


def _log_text(value: float, power: int) -> str:
    if 10.0**_LAST_POWER <= value < 10.0**_FIRST_POWER and not power:
        return f"{value:.12g}"
    exponent = math.floor(math.log10(value) + 1e-9)
    mantissa = _divide(value, exponent)
    text = f"10{str(exponent + power).translate(_SUPERSCRIPTS)}"
    return text if abs(mantissa - 1) < 1e-6 else f"{mantissa:.3g}×{text}"
