"""How the values of arrays are spread, and how that changes: one column an array."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from matplotlib.colors import to_rgb as colour_to_rgb

from expt.drawing.arrays import fix_ticks, show_ramp
from expt.drawing.frames import real
from expt.drawing.numbers import round_ticks, step_texts, tick_texts
from expt.drawing.panels import Box
from expt.drawing.sheets import Sheet, Titles
from expt.drawing.styles import Style, is_dark, mixed, neutral
from expt.drawing.ticks import NumberFormatter, RoundLocator
from expt.ground.ranges import is_flat, widened
from expt.ground.value_classes import evolve

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from matplotlib.figure import Figure
    from numpy.typing import NDArray

_BINS: Final = 60
_MOST_COLUMNS: Final = 200
_MOST_VALUES: Final = 20_000  # of one array that a histogram looks at
_FAINTEST: Final = 0.12  # the ink of one value: rare ones are seen beside many
_CROWDED: Final = 0.9  # of all values in one bin: then the bins are of where most values are
_SEEN: Final = 5  # bins that hold a value: with more there is something to see
_RAMP: Final = 256


def chosen_entries(count: int) -> list[int]:
    """The entries that a histogram over time shows: all, or 200 of them, evenly."""
    if count <= _MOST_COLUMNS:
        return list(range(count))
    return [round(place) for place in np.linspace(0, count - 1, _MOST_COLUMNS)]


def histogram_figure(
    arrays: Iterable[Any], steps: Sequence[float], style: Style, titles: Titles
) -> Figure | None:
    """How the values of arrays are spread, one column an array; None where no value is finite.

    The darkest ink is that of the bin with the largest share, but where one bin dominates: then
    it is that of the largest share of all others, and the scale says "or more". Inks follow the
    root of the share, so that rare values are seen.
    """
    samples = [_sample(array) for array in arrays]
    known = [values for values in samples if values.size]
    if not known:
        return None
    low, high, outside = _bounds(known)
    edges = np.linspace(low, high, _BINS + 1)
    counts = np.stack([np.histogram(values, edges)[0] for values in samples], axis=1)
    shares = counts / np.maximum([values.size for values in samples], 1)
    top = _darkest(shares)
    inks = np.where(
        shares > 0, _FAINTEST + (1 - _FAINTEST) * np.sqrt((shares / top).clip(0, 1)), 0.0
    )
    table = _ink_table(style)
    ink = "brighter" if is_dark(style) else "darker"
    told = [f"{len(samples)} entries", f"{ink}: more of its values"]
    if outside:
        told.append(f"{outside:,} values are outside")
    with neutral():
        sheet = Sheet(style)
        width, tall = sheet.width, sheet.height - 1.36
        left, right = 0.85, 1.08
        axes = sheet.axes(Box(left, 0.52, width - left - right, tall))
        axes.imshow(
            table[np.rint(inks * (_RAMP - 1)).astype(int)][::-1],
            aspect="auto",
            interpolation="nearest",
            extent=(-0.5, len(samples) - 0.5, low, high),
        )
        axes.yaxis.set_major_locator(RoundLocator(6))
        axes.yaxis.set_major_formatter(NumberFormatter(tick_texts))
        fix_ticks(axes.xaxis, *_step_ticks(steps))
        sheet.write(width - right, 0.1, "step", 1.0, ha="right", va="baseline")
        most = f"{'≥ ' if top < shares.max() else ''}{top * 100:.2g} %"
        ramp = table[round(_FAINTEST * (_RAMP - 1)) :][::-1, np.newaxis, :]
        show_ramp(
            sheet.axes(Box(width - 0.9, 0.52, 0.13, tall)),
            ramp,
            [0, 0.5, 1],
            ["0 %", f"{top * 25:.2g} %", most],
        )
        sheet.write_titles(evolve(titles, subtitle="    ".join(told)))
    return sheet.figure


def _bounds(known: Sequence[NDArray[np.float64]]) -> tuple[float, float, int]:
    """The range of the bins, and how many values are outside of it.

    That of all values, but where nearly all would share one bin and few others have any: then
    that of the middle 98 %.
    """
    low, high = min(float(v.min()) for v in known), max(float(v.max()) for v in known)
    values = np.concatenate(known)
    if is_flat(low, high):
        return *widened(low, high, 0.0), 0
    counts = np.histogram(values, np.linspace(low, high, _BINS + 1))[0]
    if counts.max() < _CROWDED * values.size or np.count_nonzero(counts) > _SEEN:
        return low, high, 0
    first, last = (float(edge) for edge in np.quantile(values, [0.01, 0.99]))
    if not 0 < last - first < (high - low) / 4:
        return low, high, 0
    low, high = widened(first, last, 0.1)
    return low, high, int(np.count_nonzero((values < low) | (values > high)))


def _darkest(shares: NDArray[np.float64]) -> float:
    """The share that has the darkest ink."""
    ordered = np.sort(shares, axis=0)
    first, second = float(ordered[-1].max()), float(ordered[-2].max())
    return second if 0 < second < first / 4 else first


def _ink_table(style: Style) -> NDArray[np.uint8]:
    inks = [
        colour_to_rgb(mixed(style.face, style.colours[0], place / (_RAMP - 1)))
        for place in range(_RAMP)
    ]
    table: NDArray[np.uint8] = np.rint(np.array(inks) * 255).astype(np.uint8)
    return table


def _step_ticks(steps: Sequence[float]) -> tuple[list[float], list[str]]:
    """Where round steps stand among the columns; where steps go to and fro, the columns' own."""
    known = np.asarray(steps, dtype=np.float64)
    if known.size > 1 and (np.diff(known) > 0).all():
        whole = bool((known == np.rint(known)).all())
        ticks = round_ticks(float(known[0]), float(known[-1]), 7, whole=whole)
        return np.interp(ticks, known, np.arange(known.size)).tolist(), step_texts(ticks)
    places = [int(place) for place in round_ticks(-0.5, known.size - 0.5, 7, whole=True)]
    return list(map(float, places)), step_texts([steps[place] for place in places])


def _sample(array: Any) -> NDArray[np.float64]:
    """At most some ten thousand finite values of an array, evenly taken."""
    flat = np.asarray(array).reshape(-1)
    values = real(flat[:: max(1, flat.size // _MOST_VALUES)])
    return values[np.abs(values) < 1e308]
