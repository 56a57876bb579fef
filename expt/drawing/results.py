"""Results against the values that were swept: a small plot for each pair."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from matplotlib.ticker import NullLocator

from expt.drawing.arrays import fix_ticks
from expt.drawing.numbers import log_ticks, number_texts, round_ticks, tick_texts, whole_tick_texts
from expt.drawing.panels import LARGE, Box
from expt.drawing.sheets import Sheet, Titles
from expt.drawing.styles import Style, fitted, neutral, text_width
from expt.drawing.ticks import NumberFormatter, RoundLocator, keep_apart
from expt.drawing.together import BAND_NAMES
from expt.drawing.varying import as_number, is_geometric, value_text, varying_values, with_unit
from expt.ground.ranges import widened

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

_MOST_RESULTS, _MOST_SWEPT = 6, 4
_CELL: Final = (2.6, 1.9)
_FEW_TICKS: Final = 4
_MARGIN: Final = 0.12  # of the axes, at each end
_GAP: Final = 0.08  # inches between two texts below an axis


def results_figure(
    values: Sequence[Mapping[str, Any]],
    results: Sequence[Mapping[str, Any]],
    style: Style,
    *,
    title: str,
    units: Mapping[str, str] | None = None,
) -> Figure | None:
    """Every numeric result against each value that differs: a dot a run, a line the mean of many.

    `units` are those of the values. None where no value differs, or no result is a number. At most
    six results and four values.
    """
    swept = [name for name in varying_values(values) if name not in BAND_NAMES]
    swept = (swept or varying_values(values))[:_MOST_SWEPT]
    names = dict.fromkeys(
        name for known in results for name, value in known.items() if as_number(value) is not None
    )
    shown = list(names)[:_MOST_RESULTS]
    if not swept or not shown:
        return None
    wide, tall = _CELL
    with neutral():
        sheet = Sheet(style, max(len(swept) * wide + 0.2, 5.2), len(shown) * tall + 0.9)
        for row, result in enumerate(shown):
            for column, name in enumerate(swept):
                pairs = [
                    (known.get(name), number)
                    for known, made in zip(values, results, strict=True)
                    if (number := as_number(made.get(result))) is not None and name in known
                ]
                bottom = sheet.height - 0.85 - (row + 1) * tall + 0.55
                place = Box(column * wide + 0.75, bottom, wide - 0.95, tall - 0.8)
                if pairs:
                    _scatter(sheet, place, pairs, with_unit(name, units or {}), result)
        drawn = sum(
            any(as_number(made.get(name)) is not None for name in shown) for made in results
        )
        sheet.write_titles(Titles(title, f"{drawn:,} runs    line: mean"))
    return sheet.figure


def _scatter(
    sheet: Sheet, place: Box, pairs: Sequence[tuple[Any, float]], name: str, result: str
) -> None:
    axes, style = sheet.axes(place), sheet.style
    axes.grid(axis="y", color=style.grid, linewidth=0.8)
    axes.set_axisbelow(True)
    across = _place_across(axes, [value for value, _ in pairs], place.width)
    numbers = [number for _, number in pairs]
    heights = np.array(numbers)
    axes.plot(across, heights, "o", color=style.colours[0], markersize=3.5, alpha=0.6,
              markeredgewidth=0)  # fmt: skip
    groups = np.unique(across)
    if 2 * groups.size <= across.size:  # else a mean of hardly more than one
        means = [heights[across == group].mean() for group in groups]
        axes.plot(groups, means, color=style.colours[0], linewidth=1.4)
    axes.set_xlim(*widened(float(across.min()), float(across.max()), _MARGIN))
    axes.set_ylim(*widened(min(numbers), max(numbers), _MARGIN))
    axes.yaxis.set_major_locator(RoundLocator(4))
    axes.yaxis.set_major_formatter(NumberFormatter(lambda values: (whole_tick_texts(values), "")))
    right, top = place.left + place.width, place.bottom + place.height
    sheet.write(right, place.bottom - 0.24, name, place.width, ha="right", va="top")
    sheet.write(place.left, top + 0.05, result, place.width, color=style.text)


def _place_across(axes: Axes, values: Sequence[Any], room: float) -> NDArray[np.float64]:
    """Where values stand on the lower axis of `room` inches, whose ticks are set.

    Numbers stand on a scale, others by name.
    """
    numbers = [as_number(value) for value in values]
    known = [number for number in numbers if number is not None]
    if len(known) == len(values):
        log = is_geometric(known)
        across = np.log10(known) if log else np.array(known)
        distinct = sorted(set(known))
        if len(distinct) <= _FEW_TICKS:  # then the axis tells the values themselves
            ticks, texts = distinct, number_texts(distinct)
        elif log:
            ticks = log_ticks(min(known), max(known), _FEW_TICKS)
            texts = tick_texts(ticks, log=True)[0]
        else:
            ticks = round_ticks(min(known), max(known), _FEW_TICKS)
            texts = whole_tick_texts(ticks)
        places = (np.log10(ticks) if log else np.array(ticks)).tolist()
        inch = float(np.ptp(across)) * (1 + 2 * _MARGIN) / room
        halves = [(text_width(text, LARGE.text) + _GAP) / 2 * inch for text in texts]
        fix_ticks(axes.xaxis, *keep_apart(places, texts, halves))
    else:
        names = sorted({value_text(value) for value in values})
        across = np.array([float(names.index(value_text(value))) for value in values])
        every = -(-len(names) // _FEW_TICKS)
        each = 1.5 / min(len(names), _FEW_TICKS)
        shown = [fitted(one, each, LARGE.text) for one in names[::every]]
        fix_ticks(axes.xaxis, range(0, len(names), every), shown)
    axes.xaxis.set_minor_locator(NullLocator())
    return across
