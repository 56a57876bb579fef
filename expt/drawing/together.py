"""One series of many runs in one figure, and results against the values that were swept.

    colour   the value that explains most of where the curves end, or the one asked for: a number
             is a scale of colours, other values a legend, or a scale with names where there are
             many; no two have one colour
    band     the values over which is averaged, such as a seed: a line is the mean of the runs that
             differ in nothing else, the band around it one standard deviation

Runs are compared where both have steps; a grid of the pixels there are, where their steps differ.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import attrs
import matplotlib as mpl
import numpy as np
from matplotlib.colors import to_hex
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from expt.drawing.arrays import PLAIN, bar_ticks, plain_axes
from expt.drawing.curves import COLUMNS, MOST_POINTS, Curve, make_curve
from expt.drawing.frames import Palette
from expt.drawing.numbers import number_texts, whole_tick_texts
from expt.drawing.panels import LARGE, Cell, Panel, Surround
from expt.drawing.sheets import new_figure, write_titles
from expt.drawing.smoothing import smoothed
from expt.drawing.styles import Style, fitted, neutral
from expt.drawing.ticks import NumberFormatter, RoundLocator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from expt.drawing.configured import Configured

_WIDTH, _HEIGHT = 7.6, 4.2
_BESIDE: Final = 1.7  # inches for the legend or the scale of colours
_MOST_RESULTS, _MOST_SWEPT = 6, 4
_CELL: Final = (2.6, 1.9)
_MOST_LEGEND: Final = 8
_FEW_TICKS: Final = 4
_WIDE_RANGE: Final = 10.0  # from the lowest to the highest, and most of them low: then a scale
_LOW_MEDIAN: Final = 0.35  # of numbers is logarithmic
BAND_NAMES: Final = ("seed", "repeat")


@attrs.frozen(eq=False)
class Member:
    """One run: what it is called, the values that may differ, and its series."""

    label: str
    values: Mapping[str, Any]
    steps: Any
    series: Any


@attrs.frozen(eq=False)
class _Group:
    """Runs that are one line: the value that colours it, and mean and spread at each step."""

    value: Any
    steps: NDArray[Any]
    mean: NDArray[np.float64]
    spread: NDArray[np.float64] | None


def together_figure(
    members: Sequence[Member],
    style: Style,
    *,
    name: str,
    color: str | None = None,
    band: Sequence[str] | None = None,
    options: Configured = PLAIN,
) -> Figure:
    """The series `name` of all members; without `color` or `band`, what seems best.

    Raises `ValueError` for a color or a band that no member has a value of.
    """
    varying = varying_values([member.values for member in members])
    for asked in (*(band or ()), *([color] if color else ())):
        if not any(asked in member.values for member in members):
            raise ValueError(f"no run has a value {asked!r}")
    if band is None:
        band = [value for value in BAND_NAMES if value in varying and value != color]
    rest = [value for value in varying if value not in band]
    if color is None:
        color = explaining(rest, members)
    groups = _groups(members, rest if band else None, color)
    several = any(group.spread is not None for group in groups)
    curves = [
        make_curve(
            group.steps, group.mean, name=name, scale=options.scale,
            smooth=options.smooth if options.smooth is not None else None,
        )
        for group in groups
    ]  # fmt: skip
    if len(curves) > 1:
        curves = [_without_raw(curve) for curve in curves]
    with neutral():
        figure = new_figure(style, _WIDTH, _HEIGHT)
        panel = Panel(figure, style, LARGE, live=True)
        colours, beside = _colours([group.value for group in groups], style)
        room = _BESIDE if len(groups) > 1 else 0.0
        around = Surround(options.xlabel or "step", options.upright, "", options.vmin, options.vmax)
        cell = Cell(0, 0, _WIDTH - room, _HEIGHT)
        panel.show(cell, curves, title="", around=around, marks=False, colours=colours)
        for group, curve, colour in zip(groups, curves, colours, strict=True):
            _add_band(panel.axes, group, curve, colour)
        told = [f"{len(members):,} runs"]
        if color and len(groups) > 1:
            told.append(f"coloured by {color}")
        if several:
            told.append(f"mean ± std over {', '.join(band)}")
        write_titles(figure, style, options.heading(name), "    ".join(told))
        if room:
            beside(figure, _WIDTH - room, color or "")
    return figure


def varying_values(values: Sequence[Mapping[str, Any]]) -> list[str]:
    """The names under which not all have the same, in order of first use."""
    names = dict.fromkeys(name for known in values for name in known)
    return [name for name in names if len({_key(known.get(name)) for known in values}) > 1]


def explaining(names: Sequence[str], members: Sequence[Member]) -> str | None:
    """The name whose values explain most of where the series end; None for no names.

    By the share of variance between the groups, less what as many groups explain by chance.
    """
    ends = np.array([_last(member) for member in members])
    known = np.isfinite(ends)
    if not names or known.sum() < 2:
        return names[0] if names else None
    ends = ends[known]
    if _is_geometric(ends.tolist()):
        ends = np.log10(ends)
    total = float(ends.var()) * ends.size

    def explained(name: str) -> float:
        keys = [_key(member.values.get(name)) for member in members]
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


def _last(member: Member) -> float:
    values = np.asarray(member.series, dtype=object).reshape(-1)
    try:
        return float(values[-1]) if values.size else math.nan
    except (TypeError, ValueError, OverflowError):
        return math.nan


def _key(value: Any) -> Any:
    """Something that can be hashed and is the same for equal values."""
    try:
        hash(value)
    except TypeError:
        return repr(value)
    return repr(value) if isinstance(value, float) and value != value else value


def _groups(
    members: Sequence[Member], names: Sequence[str] | None, color: str | None
) -> list[_Group]:
    """The lines: one for each combination of `names`; with None, one for each member."""
    found: dict[Any, list[Member]] = {}
    for index, member in enumerate(members):
        key = index if names is None else tuple(_key(member.values.get(name)) for name in names)
        found.setdefault(key, []).append(member)
    groups = []
    for those in found.values():
        value = those[0].values.get(color) if color else those[0].label
        groups.append(_average(value, those))
    return sorted(groups, key=lambda group: _order(group.value))


def _order(value: Any) -> tuple[int, float, str]:
    number = _number(value)
    return (1, 0.0, str(value)) if number is None else (0, number, "")


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)):
        return None
    try:
        number = float(value)
    except (OverflowError, TypeError):
        return None
    return number if math.isfinite(number) else None


def _is_geometric(numbers: Sequence[float]) -> bool:
    low, high = min(numbers), max(numbers)
    if low <= 0 or high < _WIDE_RANGE * low:
        return False
    return float(np.median(sorted(set(numbers)))) - low < _LOW_MEDIAN * (high - low)


def _average(value: Any, members: Sequence[Member]) -> _Group:
    if len(members) == 1:
        steps, series = np.asarray(members[0].steps), np.asarray(members[0].series)
        return _Group(value, steps, series, None)
    lines = [_line(member) for member in members]
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


def _line(member: Member) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Steps in order and finite values of one run, of a long one the mean of every column."""
    steps = np.asarray(member.steps, dtype=np.float64).reshape(-1)
    values = np.asarray(member.series, dtype=np.float64).reshape(-1)
    order = np.argsort(steps, kind="stable")
    steps, values = steps[order], values[order]
    if steps.size > MOST_POINTS:
        starts = np.unique(np.linspace(0, steps.size, COLUMNS + 1).astype(int)[:-1])
        sizes = np.diff(np.append(starts, steps.size))
        steps = np.add.reduceat(steps, starts) / sizes
        values = np.add.reduceat(values, starts) / sizes
    return (steps, values) if steps.size else (np.zeros(1), np.full(1, np.nan))


def _without_raw(curve: Curve) -> Curve:
    """A smoothed line alone: the faint ones of many runs hide each other."""
    if curve.smooth is None:
        return curve
    nothing = np.empty(0)
    return attrs.evolve(curve, x=nothing, y=nothing, band=())


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


# Colours, and what says what they mean


def _colours(values: Sequence[Any], style: Style) -> tuple[list[str], Any]:
    """A colour for each value, and a function that draws what they mean at a place."""
    numbers = [_number(value) for value in values]
    distinct = list(dict.fromkeys(_key(value) for value in values))
    if len(values) > 1 and len(distinct) > 1 and None not in numbers:
        known = [number for number in numbers if number is not None]
        return _number_colours(known, style)
    by_key = {_key(value): _text(value) for value in values}
    names = [by_key[key] for key in distinct]
    if len(distinct) <= min(_MOST_LEGEND, len(style.colours)):
        table = list(style.colours[: len(distinct)])
    else:
        shares = np.linspace(0.02, 0.95, len(distinct))
        table = [to_hex(colour) for colour in mpl.colormaps[style.colormap](shares)]
    colour_of = dict(zip(distinct, table, strict=True))

    def draw(figure: Figure, left: float, color: str) -> None:
        _draw_names(figure, style, left, color, names, table)

    return [colour_of[_key(value)] for value in values], draw


def _text(value: Any) -> str:
    return value if isinstance(value, str) else repr(value)


def _number_colours(numbers: Sequence[float], style: Style) -> tuple[list[str], Any]:
    low, high = min(numbers), max(numbers)
    log = _is_geometric(numbers)
    palette = Palette(style.colormap, style.missing, low, high, log=log)
    # the last tenth of the map is too bright for a line on white
    palette.table[:256] = palette.table[(np.arange(256) * 0.92).astype(int)]
    frame = palette.colour(np.array([numbers]))[0]
    colours = ["#{:02x}{:02x}{:02x}".format(*colour) for colour in frame.tolist()]
    distinct = sorted(set(numbers))

    def draw(figure: Figure, left: float, color: str) -> None:
        places, texts, power = bar_ticks(palette, 6)
        if len(distinct) <= _MOST_LEGEND:  # then the scale tells the values themselves
            scaled = np.log10(distinct) if log else np.array(distinct)
            places = ((scaled - scaled[0]) / (scaled[-1] - scaled[0])).tolist()
            texts, power = number_texts(distinct), ""
            places, texts = _apart(places, texts)
        ramp = palette.table[255::-1][:, np.newaxis, :]
        _draw_bar(figure, style, left, "  ".join(filter(None, [color, power])), ramp, places, texts)

    return colours, draw


def _apart(places: Sequence[float], texts: Sequence[str]) -> tuple[list[float], list[str]]:
    """Those of the texts on a scale that do not touch; the first and the last among them."""
    kept = [len(places) - 1]
    for index in range(len(places) - 2, -1, -1):
        while len(kept) > 1 and index == 0 and places[kept[-1]] - places[0] < 0.07:
            kept.pop()
        if places[kept[-1]] - places[index] >= 0.07:
            kept.append(index)
    return [places[index] for index in kept], [texts[index] for index in kept]


def _draw_names(
    figure: Figure,
    style: Style,
    left: float,
    color: str,
    names: Sequence[str],
    colours: Sequence[str],
) -> None:
    """Names in their colours; where there is no room for all, a scale that names some."""
    if len(names) > _MOST_LEGEND:
        ramp = np.array([[[int(c[i : i + 2], 16) for i in (1, 3, 5)]] for c in colours[::-1]])
        middles = ((np.arange(len(names)) + 0.5) / len(names)).tolist()
        places, texts = _apart(middles, names)
        _draw_bar(figure, style, left, color, ramp.astype(np.uint8), places, texts)
        return
    width, height = figure.get_size_inches()
    font: dict[str, Any] = {
        "size": LARGE.text, "family": list(style.families), "va": "top", "parse_math": False,
    }  # fmt: skip
    top = height - 0.84
    room = _BESIDE - 0.2
    figure.text(
        left / width, (top + 0.22) / height, fitted(color, room, LARGE.text), color=style.muted,
        **font,
    )  # fmt: skip
    for index, (name, colour) in enumerate(zip(names, colours, strict=True)):
        shown = fitted(f"━ {name}", room, LARGE.text)
        place = (top - 0.22 * index) / height
        figure.text(left / width, place, shown, color=colour, **font)


def _draw_bar(
    figure: Figure,
    style: Style,
    left: float,
    color: str,
    ramp: NDArray[np.uint8],
    places: Sequence[float],
    texts: Sequence[str],
) -> None:
    width, height = figure.get_size_inches()
    bottom, top = LARGE.footer, height - 0.84
    axes = figure.add_axes((left / width, bottom / height, 0.14 / width, (top - bottom) / height))
    axes.imshow(ramp, aspect="auto", extent=(0, 1, 0, 1), interpolation="nearest")
    plain_axes(axes, style)
    axes.xaxis.set_visible(False)
    axes.yaxis.tick_right()
    axes.yaxis.set_major_locator(FixedLocator(list(places)))
    room = _BESIDE - 0.45
    axes.yaxis.set_major_formatter(
        FixedFormatter([fitted(text, room, LARGE.text) for text in texts])
    )
    figure.text(
        left / width, (top + 0.06) / height, fitted(color, _BESIDE - 0.2, LARGE.text),
        color=style.muted, size=LARGE.text, va="bottom", family=list(style.families),
        parse_math=False,
    )  # fmt: skip


# Results against what was swept


def results_figure(
    values: Sequence[Mapping[str, Any]],
    results: Sequence[Mapping[str, Any]],
    style: Style,
    *,
    title: str,
) -> Figure | None:
    """Every numeric result against each value that differs: a dot a run, a line the mean.

    None where no value differs, or no result is a number. At most six results and four values.
    """
    swept = [name for name in varying_values(values) if name not in BAND_NAMES]
    swept = (swept or varying_values(values))[:_MOST_SWEPT]
    names = dict.fromkeys(
        name for known in results for name, value in known.items() if _number(value) is not None
    )
    shown = list(names)[:_MOST_RESULTS]
    if not swept or not shown:
        return None
    wide, tall = _CELL
    with neutral():
        figure = new_figure(style, max(len(swept) * wide + 0.2, 5.2), len(shown) * tall + 0.9)
        width, height = figure.get_size_inches()
        for row, result in enumerate(shown):
            for column, name in enumerate(swept):
                pairs = [
                    (known.get(name), number)
                    for known, made in zip(values, results, strict=True)
                    if (number := _number(made.get(result))) is not None and name in known
                ]
                place = (
                    (column * wide + 0.75) / width,
                    (height - 0.85 - (row + 1) * tall + 0.55) / height,
                    (wide - 0.95) / width,
                    (tall - 0.8) / height,
                )
                if pairs:
                    axes = figure.add_axes(place)
                    _scatter(figure, axes, pairs, style, name, result)
        told = f"{len(values):,} runs    line: mean"
        write_titles(figure, style, title, told)
    return figure


def _scatter(
    figure: Figure,
    axes: Axes,
    pairs: Sequence[tuple[Any, float]],
    style: Style,
    name: str,
    result: str,
) -> None:
    plain_axes(axes, style)
    axes.grid(axis="y", color=style.grid, linewidth=0.8)
    axes.set_axisbelow(True)
    numbers = [_number(value) for value, _ in pairs]
    known = [number for number in numbers if number is not None]
    if len(known) == len(pairs):
        log = _is_geometric(known)
        across = np.log10(known) if log else np.array(known)
        distinct = sorted(set(known))
        if log or len(distinct) <= _FEW_TICKS:  # then the axis tells the values themselves
            told = distinct[:: -(-len(distinct) // _FEW_TICKS)]
            places = np.log10(told) if log else np.array(told)
            axes.xaxis.set_major_locator(FixedLocator(places.tolist()))
            axes.xaxis.set_major_formatter(FixedFormatter(number_texts(told)))
        else:
            axes.xaxis.set_major_locator(RoundLocator(4))
            axes.xaxis.set_major_formatter(NumberFormatter(_tick_texts))
    else:
        members = sorted({_text(value) for value, _ in pairs})
        across = np.array([float(members.index(_text(value))) for value, _ in pairs])
        axes.xaxis.set_major_locator(FixedLocator(range(len(members))))
        room = 1.5 / len(members)
        axes.xaxis.set_major_formatter(
            FixedFormatter([fitted(member, room, LARGE.text) for member in members])
        )
    axes.xaxis.set_minor_locator(NullLocator())
    heights = np.array([number for _, number in pairs])
    axes.plot(across, heights, "o", color=style.colours[0], markersize=3.5, alpha=0.6,
              markeredgewidth=0)  # fmt: skip
    groups = np.unique(across)
    means = [heights[across == place].mean() for place in groups]
    axes.plot(groups, means, color=style.colours[0], linewidth=1.4)
    axes.margins(0.12)
    axes.yaxis.set_major_locator(RoundLocator(4))
    axes.yaxis.set_major_formatter(NumberFormatter(_tick_texts))
    for axis in (axes.xaxis, axes.yaxis):
        axis.offsetText.set(color=style.muted, size=LARGE.text)
    width, height = figure.get_size_inches()
    place = axes.get_position()
    font: dict[str, Any] = {"size": LARGE.text, "family": list(style.families), "parse_math": False}
    room = place.width * width
    figure.text(
        place.x1, place.y0 - 0.24 / height, fitted(name, room, LARGE.text), color=style.muted,
        ha="right", va="top", **font,
    )  # fmt: skip
    figure.text(
        place.x0, place.y1 + 0.05 / height, fitted(result, room, LARGE.text), color=style.text,
        va="bottom", **font,
    )  # fmt: skip


def _tick_texts(values: Sequence[float]) -> tuple[list[str], str]:
    return whole_tick_texts(values), ""
