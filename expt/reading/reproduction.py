"""Whether a run came out as another did: results and series, bit for bit or within a tolerance.

Times are not compared, nor what surrounds the runs: `differences` does that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final

from expt.ground.encoding import is_same
from expt.ground.errors import ReadingError
from expt.ground.layout import OWN_SERIES
from expt.ground.spread import is_number
from expt.ground.text import value_text
from expt.reading.fields import MISSING, leaf_values
from expt.reading.saved import content_of

if TYPE_CHECKING:
    from expt.reading.run import Run
    from expt.reading.series.tracked import Series

_SHOWN: Final = 3
_NUMBERS: Final = "biufc"  # numpy's kinds


def find_unlike(old: Run, new: Run, rtol: float | None = None) -> list[str]:
    """What came out otherwise, a line each; empty where `new` reproduces `old`.

    Without `rtol` values are the same bit for bit, and of one type; with it two numbers are alike
    where they differ by no more than `rtol` times the larger. What cannot be read is unlike.
    """
    unlike = []
    if old.status != new.status:
        because = f": {new.failure}" if new.failure else ""
        unlike.append(f"status {old.status} → {new.status}{because}")
    try:
        unlike += _unlike_results(old, new, rtol)
        unlike += _unlike_series(old, new, rtol)
    except (ReadingError, OSError) as error:
        unlike.append(f"not compared: {getattr(error, 'what', error)}")
    return unlike


def _unlike_results(old: Run, new: Run, rtol: float | None) -> Iterator[str]:
    one, other = dict(leaf_values(old.results)), dict(leaf_values(new.results))
    for name in dict.fromkeys((*one, *other)):
        pair = one.get(name, MISSING), other.get(name, MISSING)
        if MISSING in pair:
            yield f"results.{name} only in the {'new' if pair[0] is MISSING else 'old'} run"
        elif not is_like(content_of(old.path, pair[0]), content_of(new.path, pair[1]), rtol):
            yield f"results.{name}  {_told(pair[0])} → {_told(pair[1])}"


def _told(value: Any) -> str:
    return f"what is in {value}" if isinstance(value, PurePath) else value_text(value)


def _unlike_series(old: Run, new: Run, rtol: float | None) -> Iterator[str]:
    for name in dict.fromkeys((*old.series, *new.series)):
        if name.startswith(OWN_SERIES):
            continue  # no two runs take the same of the machine
        one, other = old.series.get(name), new.series.get(name)
        if one is None or other is None:
            yield f"series {name} only in the {'new' if one is None else 'old'} run"
            continue
        unlike = _unlike_entries(one, other, rtol)
        if unlike:
            yield f"series {name}: {unlike}"
    for which, run in (("old", old), ("new", new)):
        yield from (f"damaged in the {which} run: {what}" for what in run.series.damage)


def _unlike_entries(one: Series, other: Series, rtol: float | None) -> str:
    if one.kind != other.kind:
        return f"{one.kind} → {other.kind}"
    if len(one) != len(other):
        return f"{len(one)} entries → {len(other)}"
    steps = [index for index, pair in enumerate(_pairs(one.steps, other.steps)) if pair]
    if steps:
        at = steps[0]
        return f"entry {at} at step {one.steps[at]} → {other.steps[at]}"
    if one.kind == "scalar" and _is_alike_array(one.values, other.values, rtol):
        return ""
    unlike = [
        index
        for index, (a, b) in enumerate(zip(one.values, other.values, strict=True))
        if not is_like(a, b, rtol)
    ]
    if not unlike:
        return ""
    told = [
        f"step {one.steps[at]} {_short(one.values[at])} → {_short(other.values[at])}"
        for at in unlike[:_SHOWN]
    ]
    more = f" and {len(unlike) - _SHOWN} more of {len(one)}" if len(unlike) > _SHOWN else ""
    return f"{', '.join(told)}{more}"


def _pairs(one: Any, other: Any) -> Iterator[bool]:
    """For each entry of two arrays of numbers whether they differ."""
    return (not is_same(a, b) for a, b in zip(one.tolist(), other.tolist(), strict=True))


def _short(value: Any) -> str:
    plain = value.item() if getattr(value, "ndim", None) == 0 else value
    return f"an array {value.shape}" if getattr(plain, "ndim", 0) else value_text(plain)


def is_like(one: Any, other: Any, rtol: float | None) -> bool:
    """Whether two values are the same bit for bit, or all their numbers within `rtol`."""
    if hasattr(one, "dtype") and hasattr(other, "dtype"):
        return _is_alike_array(one, other, rtol)
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(is_like(one[k], other[k], rtol) for k in one)
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        pairs = zip(one, other, strict=False)
        return len(one) == len(other) and all(is_like(a, b, rtol) for a, b in pairs)
    if is_same(one, other):
        return True
    return rtol is not None and is_number(one) and is_number(other) and _is_near(one, other, rtol)


def _is_near(one: float, other: float, rtol: float) -> bool:
    try:
        return one == other or abs(one - other) <= rtol * max(abs(one), abs(other))
    except OverflowError:  # ints beyond float64
        return False


def _is_alike_array(one: Any, other: Any, rtol: float | None) -> bool:
    if one.shape != other.shape:
        return False
    import numpy  # slow: only where arrays are compared

    one, other = numpy.asarray(one), numpy.asarray(other)
    if one.dtype.hasobject or other.dtype.hasobject:
        return all(is_like(a, b, rtol) for a, b in zip(one.flat, other.flat, strict=True))
    if one.dtype == other.dtype and one.tobytes() == other.tobytes():
        return True
    if rtol is None or not {one.dtype.kind, other.dtype.kind} <= set(_NUMBERS):
        return False
    with numpy.errstate(invalid="ignore", over="ignore"):
        apart = numpy.abs(one - other) if one.dtype.kind != "b" else one != other
        near = apart <= rtol * numpy.maximum(numpy.abs(one), numpy.abs(other))
        both_nan = (one != one) & (other != other)
        return bool((near | (one == other) | both_nan).all())
