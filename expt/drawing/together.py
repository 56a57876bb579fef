"""One series of many runs in one figure.

    colour   the value that explains most of where the curves end, or the one asked for: a number
             is a scale of colours, other values are names
    band     the values over which is averaged, such as a seed: a line is the mean of the runs that
             differ in nothing else, the band around it one standard deviation

Where the runs of a line have unlike steps, they are compared on a grid of the pixels there are.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from expt.drawing.arrays import USUAL
from expt.drawing.curves import COLUMNS, MOST_POINTS, Curve, make_curve
from expt.drawing.legends import BESIDE, colours_of
from expt.drawing.panels import LARGE, Box, Panel, Surround
from expt.drawing.sheets import Sheet, Titles
from expt.drawing.smoothing import smoothed
from expt.drawing.styles import Style, neutral
from expt.drawing.varying import as_number, is_geometric, key_of, varying_values, with_unit
from expt.ground.value_classes import evolve, frozen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from expt.drawing.configured import Configured

_WIDTH, _HEIGHT = 7.6, 4.2
BAND_NAMES: Final = ("seed", "repeat")


@frozen(eq=False)
class RunSeries:
    """One run: what it is called, the values that may differ, its series, and whether it is whole.

    The series of a run that did not complete ends wherever it was stopped.
    """

    label: str
    values: Mapping[str, Any]
    steps: Any
    series: Any
    is_whole: bool = True


@frozen(eq=False)
class _Group:
    """Runs that are one line: the value that colours it, and mean and spread at each step."""

    value: Any
    steps: NDArray[Any]
    mean: NDArray[np.float64]
    spread: NDArray[np.float64] | None


def together_figure(
    runs: Sequence[RunSeries],
    style: Style,
    *,
    name: str,
    color: str | None = None,
    band: Sequence[str] | None = None,
    options: Configured = USUAL,
    units: Mapping[str, str] | None = None,
) -> Figure:
    """The series `name` of all runs; without `color` or `band`, what seems best.

    `units` are those of their values.

    Raises `ValueError` for a color or a band that no run has a value of.
    """
    varying = varying_values([run.values for run in runs])
    for asked in (*(band or ()), *([color] if color else ())):
        if not any(asked in run.values for run in runs):
            raise ValueError(f"no run has a value {asked!r}")
    if band is None:
        band = [value for value in BAND_NAMES if value in varying and value != color]
    rest = [value for value in varying if value not in band]
    if color is None:
        color = explaining(rest, runs)
    groups = _groups(runs, rest if band else None, color)
    several = any(group.spread is not None for group in groups)
    curves = _curves(groups, name, options.scale, options.smooth)
    noisy = sum(curve.smooth is not None for curve in curves)
    if 0 < noisy < len(curves):  # alike, or one would look calmer than another for nothing
        curves = _curves(groups, name, options.scale, 2 * noisy > len(curves))
    if len(curves) > 1:
        curves = [_without_raw(curve) for curve in curves]
    with neutral():
        sheet = Sheet(style, _WIDTH, _HEIGHT)
        panel = Panel(sheet.figure, style, LARGE, live=True)
        colours, beside = colours_of([group.value for group in groups], style)
        room = BESIDE if len(groups) > 1 else 0.0
        around = Surround(options.xlabel or "step", options.upright, "", options.vmin, options.vmax)
        cell = Box(0, 0, _WIDTH - room, _HEIGHT)
        panel.show(cell, curves, title="", around=around, marks=False, colours=colours)
        for group, curve, colour in zip(groups, curves, colours, strict=True):
            _add_band(panel.axes, group, curve, colour)
        told = [f"{len(runs):,} runs"]
        if color and len(groups) > 1:
            told.append(f"coloured by {with_unit(color, units or {})}")
        if several:
            told.append(f"mean ± std over {', '.join(band)}")
        sheet.write_titles(Titles(options.heading(name), "    ".join(told)))
        if room:
            beside(sheet, _WIDTH - room, with_unit(color, units or {}) if color else "")
    return sheet.figure


def explaining(names: Sequence[str], runs: Sequence[RunSeries]) -> str | None:
    """The name whose values explain most of where the series end; None for no names.

    By the share of variance between the groups, less what as many groups explain by chance; of
    whole series, where there are several.
    """
    ends = np.array([_last(run) for run in runs])
    known = np.isfinite(ends)
    whole = known & [run.is_whole for run in runs]
    if whole.sum() > 1:
        known = whole
    if not names or known.sum() < 2:
        return names[0] if names else None
    ends = ends[known]
    if is_geometric(ends.tolist()):
        ends = np.log10(ends)
    ends = ends / (np.abs(ends).max() or 1.0)  # whose squares are finite
    total = float(ends.var()) * ends.size

    def explained(name: str) -> float:
        keys = [key_of(run.values.get(name)) for run in runs]
        groups: dict[Any, list[float]] = {}
        for key, end in zip(
            [k for k, ok in zip(keys, known, strict=True) if ok], ends, strict=True
        ):
            groups.setdefault(key, []).append(float(end))
        free = ends.size - len(groups)
        if total <= 0 or free <= 0:
            return 0.0
        within = sum(float(np.var(group)) * len(group) for group in groups.values())
        return float(1 - (within / free) / (total / (ends.size - 1)))

    return max(names, key=explained)


def _last(run: RunSeries) -> float:
    values = np.asarray(run.series, dtype=object).reshape(-1)
    try:
        return float(values[-1]) if values.size else math.nan
    except (TypeError, ValueError, OverflowError):
        return math.nan


def _groups(
    runs: Sequence[RunSeries], names: Sequence[str] | None, color: str | None
) -> list[_Group]:
    """The lines: one for each combination of `names`; with None, one for each run."""
    found: dict[Any, list[RunSeries]] = {}
    for index, run in enumerate(runs):
        key = index if names is None else tuple(key_of(run.values.get(name)) for name in names)
        found.setdefault(key, []).append(run)
    groups = []
    for those in found.values():
        value = those[0].values.get(color) if color else those[0].label
        groups.append(_average(value, those))
    return sorted(groups, key=lambda group: _order(group.value))


def _order(value: Any) -> tuple[int, float, list[tuple[int, str]]]:
    """Numbers as they are, names with the numbers in them: `layer2` before `layer10`."""
    number = as_number(value)
    if number is not None:
        return 0, number, []
    parts = re.findall(r"(\d{1,15})|(\D+|\d+)", str(value))
    return 1, 0.0, [(int(digits or 0), text) for digits, text in parts]


def _average(value: Any, runs: Sequence[RunSeries]) -> _Group:
    if len(runs) == 1:
        steps, series = np.asarray(runs[0].steps), np.asarray(runs[0].series)
        return _Group(value, steps, series, None)
    lines = [_line(run) for run in runs]
    first = lines[0][0]
    if all(steps.size == first.size and (steps == first).all() for steps, _ in lines):
        grid = first
    else:
        low, high = min(float(s[0]) for s, _ in lines), max(float(s[-1]) for s, _ in lines)
        longest = max(steps.size for steps, _ in lines)
        grid = np.linspace(low, high, min(longest, COLUMNS))
    stack = np.stack([np.interp(grid, *line, left=np.nan, right=np.nan) for line in lines])
    known = np.isfinite(stack)
    count = known.sum(axis=0)
    filled = np.where(known, stack, 0.0)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        mean = np.where(count > 0, filled.sum(axis=0) / count, np.nan)
        squares = np.where(known, (stack - mean) ** 2, 0.0).sum(axis=0)
        spread = np.where(count > 1, np.sqrt(squares / np.maximum(count - 1, 1)), 0.0)
    return _Group(value, grid, mean, spread)


def _line(run: RunSeries) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Steps in order and finite values of one run, of a long one the mean of every column."""
    steps = np.asarray(run.steps, dtype=np.float64).reshape(-1)
    values = np.asarray(run.series, dtype=np.float64).reshape(-1)
    order = np.argsort(steps, kind="stable")
    steps, values = steps[order], values[order]
    if steps.size > MOST_POINTS:
        starts = np.unique(np.linspace(0, steps.size, COLUMNS + 1).astype(int)[:-1])
        sizes = np.diff(np.append(starts, steps.size))
        steps = np.add.reduceat(steps, starts) / sizes
        values = np.add.reduceat(values, starts) / sizes
    return (steps, values) if steps.size else (np.zeros(1), np.full(1, np.nan))


def _curves(
    groups: Sequence[_Group], name: str, scale: str | None, smooth: bool | None
) -> list[Curve]:
    return [
        make_curve(group.steps, group.mean, name=name, scale=scale, smooth=smooth)
        for group in groups
    ]


def _without_raw(curve: Curve) -> Curve:
    """A smoothed line alone: the faint ones of many runs hide each other."""
    if curve.smooth is None:
        return curve
    nothing = np.empty(0)
    return evolve(curve, x=nothing, y=nothing, band=())


def _add_band(axes: Axes, group: _Group, curve: Curve, colour: str) -> None:
    """The spread around the line that is drawn, smoothed where that is."""
    if group.spread is None or not np.isfinite(group.mean).any() or curve.power:
        return
    mean, spread = group.mean, group.spread
    if curve.smooth is not None and curve.smooth[1].size == spread.size:
        mean, spread = curve.smooth[1], np.abs(smoothed(spread, log=False))
    low, high = mean - spread, mean + spread
    if axes.get_yscale() == "log":
        low = np.where(low > 0, low, axes.get_ylim()[0])
    axes.fill_between(group.steps, low, high, color=colour, alpha=0.18, linewidth=0, zorder=1)
