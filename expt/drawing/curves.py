"""A series as the few points that its pixels need, and what is worth marking on it.

    steps, values ──► sorted by step ──► columns (min, max of each) ──► Curve
                                             └── means ──► smoothed

The rules, which the documentation repeats:
- A series of more than four points a pixel column is drawn as its envelope, the lowest
  and the highest value of every column: nothing that could be seen is lost.
- A logarithmic axis where every value is positive, they span three decades, and the median is
  below a tenth of the largest: a linear axis would press half of the points into its lowest tenth.
- A smoothed line over the faint raw one where the series is noise: see `smoothing`.
- The best value is the lowest or highest one if the name says which (`loss`, `accuracy`) or the
  option `best` does; otherwise the lowest and the highest are marked as that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from expt.drawing.smoothing import FEW, Floats, is_noise, smoothed
from expt.ground.ranges import is_flat, widened
from expt.ground.text import direction
from expt.ground.value_classes import evolve, frozen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

COLUMNS: Final = 700  # of a line plot: about one a pixel
MOST_POINTS: Final = 4 * COLUMNS
DRAWN_LIMIT: Final = 1e300  # beyond it, sums and differences overflow
LARGE_POWER: Final = 100  # what goes beyond it is drawn divided by 10 to this
_LOG_RANGE: Final = (1e-250, 1e250)  # of a log axis, whose decades must not overflow
_SAMPLES: Final = 4096


@frozen(eq=False)
class MarkedPoint:
    """A point worth naming: the last entry, the best, the lowest or the highest value."""

    word: str
    step: Any
    value: Any


@frozen(eq=False)
class Curve:
    """One series as it is drawn. `y` has NaN for gaps; `above` and `below` are the steps of ±inf.

    Of a long series `band` is the step, the lowest and the highest value of every column, one
    array for each stretch without a gap, and there is no line. `low`, `high`, `first` and `end`
    bound the finite values and the steps; they are NaN where there is nothing. Values are divided
    by 10^`power`, which is 0 but for values that matplotlib could not add up; those of `marks` are
    exact. `whole` says that the steps are whole numbers.
    """

    x: Floats
    y: Floats
    band: tuple[Floats, ...]
    smooth: tuple[Floats, Floats] | None
    dots: tuple[Floats, Floats]
    above: Floats
    below: Floats
    marks: tuple[MarkedPoint, ...]
    log: bool
    low: float
    high: float
    first: float
    end: float
    count: int
    missing: int
    infinite: int
    power: int = 0
    whole: bool = True


def make_curve(
    steps: Any,
    values: Any,
    *,
    name: str = "",
    scale: str | None = None,
    best: str | None = None,
    smooth: bool | None = None,
) -> Curve:
    """The curve of a series of numbers: ints and floats of any size, NaN and infinities.

    `scale` is "log" or "linear", `best` "min" or "max"; None leaves either to the rules above.
    """
    entered, exact = np.asarray(steps).reshape(-1), np.asarray(values).reshape(-1)
    last = (MarkedPoint("last", entered[-1], exact[-1]),) if exact.size else ()
    if entered.size > 1 and not (entered[1:] >= entered[:-1]).all():
        order = np.argsort(entered, kind="stable")
        entered, exact = entered[order], exact[order]
    y = _floats(exact)
    low, high, finite = _bounds(y)
    power = LARGE_POWER if max(abs(low), abs(high)) > DRAWN_LIMIT else 0
    if power:
        y, low, high = y / 10.0**power, low / 10.0**power, high / 10.0**power
    above = below = np.empty(0)
    missing = infinite = 0
    if finite is not None:
        above, below = _thin(entered[y == np.inf]), _thin(entered[y == -np.inf])
        missing = int(np.count_nonzero(np.isnan(y)))
        infinite = int(np.count_nonzero(~finite)) - missing
        y = np.where(finite, y, np.nan)
    y, low, high, log = _cut(y, low, high, scale)
    marks = _marks(exact, y, entered, best or direction(name), low, high)
    if smooth is None:
        smooth = is_noise(y, log=log)
    line, band, means = _strokes(entered, y, means=smooth)
    return Curve(
        x=line[0],
        y=line[1],
        band=band,
        smooth=(means[0], smoothed(means[1], log=log)) if smooth else None,
        dots=line if y.size <= FEW else _isolated(*line),
        above=above,
        below=below,
        marks=last + marks,
        log=log,
        low=low,
        high=high,
        first=float(entered[0]) if y.size else np.nan,
        end=float(entered[-1]) if y.size else np.nan,
        count=int(y.size),
        missing=missing,
        infinite=infinite,
        power=power,
        whole=entered.dtype.kind in "iu" or not entered.size,
    )


def at_power(curve: Curve, power: int) -> Curve:
    """The curve with its values divided by 10^`power`, as another one beside it needs."""
    if curve.power == power:
        return curve
    share = 10.0 ** (curve.power - power)
    return evolve(
        curve,
        y=curve.y * share,
        band=tuple(part * [1.0, share, share] for part in curve.band),
        smooth=curve.smooth and (curve.smooth[0], curve.smooth[1] * share),
        dots=(curve.dots[0], curve.dots[1] * share),
        low=curve.low * share,
        high=curve.high * share,
        power=power,
    )


def limits(
    curves: Sequence[Curve], *, log: bool
) -> tuple[tuple[float, float], tuple[float, float]]:
    """The limits of the step axis and of the value axis that show all of `curves`."""
    lows = [curve.low for curve in curves if curve.low == curve.low]
    highs = [curve.high for curve in curves if curve.high == curve.high]
    firsts = [curve.first for curve in curves if curve.first == curve.first]
    ends = [curve.end for curve in curves if curve.end == curve.end]
    across = widened(min(firsts), max(ends), 0.0) if firsts else (0.0, 1.0)
    if not lows:
        return across, (0.0, 1.0)
    low, high = min(lows), max(highs)
    if log and not is_flat(low, high):
        low, high = widened(float(np.log10(low)), float(np.log10(high)), 0.06)
        return across, (10.0**low, 10.0**high)
    return across, widened(low, high, 0.06)


def _floats(values: NDArray[Any]) -> Floats:
    if values.dtype.kind in "biuf":
        return values.astype(np.float64, copy=False)
    return np.array([_float(value) for value in values], dtype=np.float64)


def _float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def _bounds(y: Floats) -> tuple[float, float, NDArray[np.bool_] | None]:
    """Lowest and highest finite value, and which are finite (None where all are)."""
    if not y.size:
        return np.nan, np.nan, None
    low, high = float(y.min()), float(y.max())
    if np.isfinite(low) and np.isfinite(high):
        return low, high, None
    finite = np.isfinite(y)
    if not finite.any():
        return np.nan, np.nan, finite
    return float(y[finite].min()), float(y[finite].max()), finite


def on_axis(values: Any, scale: str | None) -> tuple[Any, float, float, bool]:
    """Numbers as the axis of their picture has them, its ends, and whether it is logarithmic.

    NaN, and NaN for the ends, where nothing is drawn; logarithms where that is so.
    """
    y = _floats(np.asarray(values).reshape(-1))
    low, high, finite = _bounds(y)
    y = y if finite is None else np.where(finite, y, np.nan)
    y, low, high, log = _cut(y, low, high, scale)
    return np.log10(y) if log else y, low, high, log


def _cut(
    y: Floats, low: float, high: float, scale: str | None
) -> tuple[Floats, float, float, bool]:
    """The values that an axis can have, their ends, and whether it is logarithmic."""
    log = _is_log(y, low, high, scale)
    if log and not (low >= _LOG_RANGE[0] and high <= _LOG_RANGE[1]):
        y = np.where((y >= _LOG_RANGE[0]) & (y <= _LOG_RANGE[1]), y, np.nan)
        low, high = float(np.nanmin(y)), float(np.nanmax(y))
    return y, low, high, log


def _is_log(y: Floats, low: float, high: float, scale: str | None) -> bool:
    if scale is not None:
        return scale == "log" and bool(((y >= _LOG_RANGE[0]) & (y <= _LOG_RANGE[1])).any())
    if not (low >= _LOG_RANGE[0] and 1e3 * low <= high <= _LOG_RANGE[1]):
        return False
    sample = y[:: max(1, y.size // _SAMPLES)]
    return float(np.nanmedian(sample)) < 0.1 * high if np.isfinite(sample).any() else True


def _strokes(
    steps: NDArray[Any], y: Floats, *, means: bool
) -> tuple[tuple[Floats, Floats], tuple[Floats, ...], tuple[Floats, Floats]]:
    """The line (of a short series), the band (of a long one), and what a smoothed line is of."""
    if y.size <= MOST_POINTS:
        line = steps.astype(np.float64), y
        return line, (), line
    starts, ends = _columns(steps)
    x = (steps[starts].astype(np.float64) + steps[ends]) / 2
    nothing = np.empty(0)
    averages = _means(y, starts, ends) if means else nothing
    return (nothing, nothing), _envelope(x, y, starts), (x, averages)


def _columns(steps: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The first and the last point of each column that holds one; `steps` are sorted."""
    edges = np.linspace(float(steps[0]), float(steps[-1]), COLUMNS + 1)[:-1]
    if steps.dtype.kind == "i":  # else searchsorted would make floats of all steps
        edges = np.ceil(np.minimum(edges, 9.2e18)).astype(np.int64)
    starts = np.searchsorted(steps, edges).clip(max=steps.size - 1)  # floats may exceed the last
    starts[0] = 0
    starts = np.unique(starts)
    return starts, np.append(starts[1:], steps.size) - 1


def _envelope(x: Floats, y: Floats, starts: NDArray[np.int64]) -> tuple[Floats, ...]:
    """Step, lowest and highest value of every column, cut where a column has no finite value."""
    band = np.stack([x, np.fmin.reduceat(y, starts), np.fmax.reduceat(y, starts)], axis=1)
    gap = np.isnan(band[:, 1])
    cuts = np.flatnonzero(gap[1:] != gap[:-1]) + 1
    return tuple(part for part in np.split(band, cuts) if part[0, 1] == part[0, 1])


def _means(y: Floats, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> Floats:
    """The mean of every column, NaN where it holds no finite value."""
    sums = np.add.reduceat(y, starts)
    if np.isfinite(sums).all():
        return np.asarray(sums / (ends - starts + 1))
    finite = np.isfinite(y)
    counts = np.add.reduceat(finite.astype(np.int64), starts)
    sums = np.add.reduceat(np.where(finite, y, 0.0), starts)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def _isolated(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Values between two gaps, which no line shows."""
    finite = np.concatenate([[False], np.isfinite(y), [False]])
    alone = finite[1:-1] & ~finite[:-2] & ~finite[2:]
    return x[alone], y[alone]


def _thin(steps: NDArray[Any]) -> Floats:
    kept = steps[_columns(steps)[0]] if steps.size > COLUMNS else steps
    return kept.astype(np.float64)


def _marks(
    exact: NDArray[Any], y: Floats, steps: NDArray[Any], best: str | None, low: float, high: float
) -> tuple[MarkedPoint, ...]:
    if low != low:
        return ()
    ends = {"min": low, "max": high}
    words = {"best": best} if best in ends else {} if low == high else {"min": "min", "max": "max"}
    found = [(word, int((y == ends[end]).argmax())) for word, end in words.items()]
    return tuple(MarkedPoint(word, steps[index], exact[index]) for word, index in found)
