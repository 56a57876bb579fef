"""Arrays of numbers as pictures: line, heat map, points, pictures.

    1-D                                     a line
    2-D                                     a heat map; (n, 2) with n large: points in a plane
    floats of 0–1, (h, w, 3 or 4)           a picture
    (n, h, w) of uint8, (n, h, w, 1, 3, 4)  a batch of pictures, beside each other
    any other                               the middle slice along the first dimensions
    complex                                 the magnitude, and the phase beside it

The subtitle says what was left out. A heat map of values on both sides of zero has its colours
centred on zero. Up to 12 × 12 cells show their numbers.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from matplotlib.ticker import FixedFormatter, FixedLocator

from expt.drawing.configured import Configured
from expt.drawing.curves import DRAWN_LIMIT, LARGE_POWER, make_curve
from expt.drawing.frames import Frame, Palette, finite_range, real, reduced, to_rgb
from expt.drawing.numbers import log_ticks, number_text, round_ticks, step_texts, tick_texts
from expt.drawing.panels import LARGE, Box, Panel, Surround
from expt.drawing.sheets import HEIGHT, WIDTH, Sheet, Titles
from expt.drawing.stills import Picture, contact_sheet
from expt.drawing.styles import Style, neutral
from expt.drawing.ticks import NumberFormatter, RoundLocator
from expt.ground.ranges import widened
from expt.ground.value_classes import evolve

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

_MOST_CELLS: Final = 1000  # a side of a heat map: more than its pixels
_NUMBERED: Final = 12
_MANY_POINTS: Final = 20
_PLANE: Final = (600, 400)  # pixels in which points are told apart
_MOST_PICTURES: Final = 64  # of a batch
_TILE: Final = 480  # pixels of a batch's longer side, at least
USUAL: Final = Configured()


def array_figure(array: Any, style: Style, titles: Titles, options: Configured = USUAL) -> Figure:
    """The picture of one array of numbers; see above for which."""
    array = np.asarray(array)
    shape = " × ".join(str(side) for side in array.shape)
    told = "    ".join(filter(None, [titles.subtitle, f"{shape}  {array.dtype}"]))
    picture = picture_of(array, style)
    if picture is not None:
        frame, which = picture
        shown = oriented(frame, options)
        told = f"{told}    {which}" if which else told
        return contact_sheet([Picture("", shown)], style, evolve(titles, subtitle=told), side=720)
    values, where = middle_slice(array)
    told = f"{told}    {where}" if where else told
    parts = [("", real(values))]
    if values.dtype.kind == "c":
        parts = [("|z|", real(values)), ("phase", np.angle(values))]
    with neutral():
        width = WIDTH * (1.6 if len(parts) > 1 else 1)
        sheet = Sheet(style, width, HEIGHT if values.ndim == 1 else 4.8)
        sheet.write_titles(evolve(titles, subtitle=told))
        draw = _line if values.ndim == 1 else _points if is_cloud(values) else _heat_map
        for index, (label, part) in enumerate(parts):
            cell = Box(index * width / len(parts), 0, width / len(parts), sheet.height)
            draw(sheet, cell, part, options, label)
    return sheet.figure


def picture_of(array: Any, style: Style) -> tuple[Frame, str] | None:
    """The frame of an array that is a picture or a batch of them, and what of a batch is shown.

    None for every other array.
    """
    array = np.asarray(array)
    if array.ndim == 3 and array.shape[2] in (3, 4) and _is_bright(array):
        return to_rgb(array, style.background, style.missing), ""
    batch = _batch_of(array)
    if batch is None or not len(batch):
        return None
    shown = batch[:_MOST_PICTURES]
    frames = [
        to_rgb(one, style.background, style.missing, (0, 1) if one.dtype.kind == "f" else None)
        for one in shown
    ]
    which = f"the first {len(shown)} of {len(batch)}" if len(batch) > len(shown) else ""
    return _side_by_side(frames, style), which


def _batch_of(array: NDArray[Any]) -> NDArray[Any] | None:
    """(n, h, w, c) or (n, h, w); None for what is no batch of pictures."""
    if array.ndim == 3 and array.dtype == np.uint8 and 1 not in array.shape and array.shape[2] > 4:
        return array
    if array.ndim != 4 or not (array.dtype == np.uint8 or _is_bright(array)):
        return None
    if array.shape[3] in (1, 3, 4) and array.shape[2] > 1:
        return array
    if array.shape[1] in (1, 3) and min(array.shape[2:]) > 4:  # channels first, as torch has them
        return np.moveaxis(array, 1, 3)
    return None


def _is_bright(array: NDArray[Any]) -> bool:
    """Whether an array holds floats from 0 to 1 alone, NaN aside."""
    if array.dtype.kind != "f" or not array.size:
        return False
    low, high = float(np.nanmin(array, initial=1.0)), float(np.nanmax(array, initial=0.0))
    return low >= 0 and high <= 1


def _side_by_side(frames: list[Frame], style: Style) -> Frame:
    """Pictures of one size in rows, a line of ground between them."""
    height, width = frames[0].shape[:2]
    columns = max(round(math.sqrt(len(frames) * height / width)), 1)
    rows = -(-len(frames) // columns)
    grow = max(_TILE // max(rows * height, columns * width), 1)
    empty = to_rgb(np.zeros((1, 1, 4), np.uint8), style.background)[0, 0]
    gap = max(2, grow // 2)
    tall, wide = height * grow + gap, width * grow + gap
    whole = np.full((rows * tall - gap, columns * wide - gap, 3), empty, np.uint8)
    for index, frame in enumerate(frames):
        row, column = divmod(index, columns)
        large = frame.repeat(grow, axis=0).repeat(grow, axis=1)
        whole[row * tall : row * tall + tall - gap, column * wide : column * wide + wide - gap] = (
            large
        )
    return whole


def oriented(frame: Frame, options: Configured) -> Frame:
    """The frame, turned where its first row is the lowest."""
    return frame[::-1] if options.origin == "lower" else frame


def middle_slice(values: NDArray[Any]) -> tuple[NDArray[Any], str]:
    """The last two dimensions in the middle of the others, and how that is written.

    A last dimension of one, the only channel of a picture, is left out.
    """
    if values.ndim > 2 and values.shape[-1] == 1:
        sliced, where = middle_slice(values[..., 0])
        return sliced, where.replace("]", ", 0]") if where else "channel [:, :, 0]"
    if values.ndim <= 2:
        return values, ""
    index = tuple(side // 2 for side in values.shape[:-2])
    return values[index], f"slice [{', '.join(map(str, index))}, :, :]"


def is_cloud(values: NDArray[Any]) -> bool:
    """Whether an array is a list of points in a plane: (n, 2) with n large."""
    return values.ndim == 2 and values.shape[1] == 2 and values.shape[0] >= _MANY_POINTS


def palette_for(
    low: float,
    high: float,
    style: Style,
    options: Configured = USUAL,
    *,
    positive: float = 0.0,
) -> Palette:
    """The colours of values from `low` to `high`, or as asked for: centred on zero where both
    sides matter. `positive` is the lowest value above zero, for a logarithmic scale."""
    asked = options.vmin is not None or options.vmax is not None
    log = options.scale == "log" and high > 0 and positive > 0
    if log and low <= 0:
        low = positive
    low = low if options.vmin is None or (log and options.vmin <= 0) else options.vmin
    high = high if options.vmax is None or (log and options.vmax <= 0) else options.vmax
    balanced = low < 0 < high and min(-low, high) > 0.2 * max(-low, high)
    if options.colormap is None and balanced and not asked:
        size = max(-low, high)
        return Palette(style.diverging, style.missing, -size, size)
    return Palette(options.colormap or style.colormap, style.missing, low, high, log=log)


def lowest_positive(values: NDArray[np.float64]) -> float:
    """The lowest finite value above zero; 0 where there is none."""
    known = values[(values > 0) & np.isfinite(values)]
    return float(known.min()) if known.size else 0.0


def _line(sheet: Sheet, cell: Box, values: NDArray[Any], options: Configured, label: str) -> None:
    steps: Any = np.arange(values.size)
    if options.extent is not None:
        left, right = options.extent[:2]
        steps = np.linspace(left, right, values.size)
    curve = make_curve(steps, values, scale=options.scale, smooth=options.smooth)
    panel = Panel(sheet.figure, sheet.style, LARGE, live=True)
    upright = options.upright or label
    around = Surround(options.xlabel or "index", upright, "", options.vmin, options.vmax)
    panel.show(cell, [curve], title="", around=around, marks=False)


def _points(
    sheet: Sheet, cell: Box, values: NDArray[np.float64], options: Configured, _: str
) -> None:
    known = values[np.isfinite(values).all(axis=1)]
    power = LARGE_POWER if known.size and np.abs(known).max() > DRAWN_LIMIT else 0
    known = known / 10.0**power
    axes = sheet.axes(Box(cell.left + 0.75, 0.52, cell.width - 1.05, cell.height - 1.35))
    axes.grid(color=sheet.style.grid, linewidth=0.8)
    axes.set_axisbelow(True)
    if known.size:
        seen = _told_apart(known)
        size = max(1.2, 5.0 - math.log10(len(known)))
        axes.plot(*seen.T, "o", color=sheet.style.colours[0], markersize=size, markeredgewidth=0,
                  alpha=0.75 if len(seen) < 2000 else 0.45)  # fmt: skip
        axes.set_xlim(*widened(*finite_range(known[:, 0]), 0.05))
        axes.set_ylim(*widened(*finite_range(known[:, 1]), 0.05))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(RoundLocator(6))
        axis.set_major_formatter(NumberFormatter(lambda ticks: tick_texts(ticks, power=power)))
    _name_axes(sheet, axes, options.xlabel or "[:, 0]", options.upright or "[:, 1]")


def _told_apart(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """One of the points of each pixel."""
    low, high = points.min(axis=0), points.max(axis=0)
    reach = np.where(high > low, high - low, 1.0)
    places = ((points - low) / reach * np.array(_PLANE)).astype(np.int64)
    _, first = np.unique(places[:, 0] * (_PLANE[1] + 1) + places[:, 1], return_index=True)
    return points[np.sort(first)]


def _heat_map(
    sheet: Sheet, cell: Box, values: NDArray[np.float64], options: Configured, label: str
) -> None:
    style = sheet.style
    rows, columns = values.shape
    if label == "phase":
        palette = Palette("twilight", style.missing, -math.pi, math.pi)
    else:
        palette = palette_for(
            *finite_range(values), style, options, positive=lowest_positive(values)
        )
    tall, wide = cell.height - 1.4, cell.width - 1.55
    ratio = rows / columns
    if 1 / 6 < ratio < 6:  # else the cells are stretched, or nothing could be seen
        wide, tall = min(wide, tall / ratio), min(tall, wide * ratio)
    left, bottom = cell.left + 0.62, 0.5 + (cell.height - 1.4 - tall) / 2
    axes = sheet.axes(Box(left, bottom, wide, tall))
    lower = options.origin == "lower"
    edges = (-0.5, columns - 0.5, *((-0.5, rows - 0.5) if lower else (rows - 0.5, -0.5)))
    axes.imshow(
        palette.colour(reduced(values, _MOST_CELLS, stretch=True)),
        aspect="auto",
        interpolation="nearest" if max(values.shape) <= 400 else "antialiased",
        extent=options.extent or edges,
        origin="lower" if lower else "upper",
    )
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(RoundLocator(6, whole=options.extent is None))
        axis.set_major_formatter(NumberFormatter(lambda steps: (step_texts(steps), "")))
    if max(rows, columns) <= _NUMBERED and options.extent is None:
        _number_cells(axes, values, palette, wide / columns, style)
    _name_axes(sheet, axes, options.xlabel or "", options.ylabel or "")
    place = Box(left + wide + 0.14, bottom, 0.13, tall)
    named = label if label == "phase" else "  ".join(filter(None, [label, options.unit]))
    _colour_bar(sheet, place, cell.left + cell.width, palette, named)


def _name_axes(sheet: Sheet, axes: Axes, across: str, upright: str) -> None:
    """What the axes are: at the lower right, and above the upper left."""
    place = axes.get_position()
    room = place.width * sheet.width / 2
    below = max(place.y0 * sheet.height - 0.4, 0.1)
    sheet.write(place.x1 * sheet.width, below, across, room, ha="right")
    sheet.write(place.x0 * sheet.width, place.y1 * sheet.height + 0.06, upright, room)


def _number_cells(
    axes: Axes, values: NDArray[np.float64], palette: Palette, inches: float, style: Style
) -> None:
    texts = [[number_text(value, 3) for value in row] for row in values.tolist()]
    if bool((values == np.rint(values)).all()) and np.abs(values).max() < 1e6:
        texts = [[number_text(int(value)) for value in row] for row in values.tolist()]
    longest = max(len(text) for row in texts for text in row)
    size = min(LARGE.text, inches * 72 / (longest * 0.66))
    if size < 4.5:
        return
    brightness = palette.colour(values) @ np.array([0.299, 0.587, 0.114])
    for (row, column), light in np.ndenumerate(brightness):
        axes.text(
            column, row, texts[row][column], ha="center", va="center_baseline", size=size,
            color="#1b1f24" if light > 140 else "#ffffff", family=list(style.families),
            parse_math=False,
        )  # fmt: skip


def bar_ticks(palette: Palette, most: int) -> tuple[list[float], list[str], str]:
    """Places from 0 to 1 on a colour bar, their texts, and the power of ten above them."""
    if palette.log:
        ticks = log_ticks(palette.low, palette.high, most)
        low, high = math.log10(palette.low), math.log10(palette.high)
        places = [(math.log10(tick) - low) / (high - low) for tick in ticks]
        return places, *tick_texts(ticks, log=True)
    power = LARGE_POWER if max(abs(palette.low), abs(palette.high)) > DRAWN_LIMIT else 0
    low, high = palette.low / 10.0**power, palette.high / 10.0**power
    ticks = round_ticks(low, high, most)
    return [(tick - low) / (high - low) for tick in ticks], *tick_texts(ticks, power=power)


def _colour_bar(sheet: Sheet, place: Box, end: float, palette: Palette, unit: str) -> None:
    """The colours of a heat map with round numbers beside them, and the unit above."""
    places, texts, power = bar_ticks(palette, 6)
    show_ramp(sheet.axes(place), palette.table[255::-1][:, np.newaxis, :], places, texts)
    above = "  ".join(filter(None, [power, unit]))
    top = place.bottom + place.height + 0.06
    sheet.write(place.left, top, above, end - 0.08 - place.left)


def show_ramp(
    axes: Axes,
    ramp: NDArray[np.uint8],
    places: Sequence[float],
    texts: Sequence[str],
    interpolation: str | None = None,
) -> None:
    """A column of colours, from the top to the bottom, with texts beside it at places from 0 to
    1."""
    axes.imshow(ramp, aspect="auto", extent=(0, 1, 0, 1), interpolation=interpolation)
    axes.xaxis.set_visible(False)
    axes.yaxis.tick_right()
    fix_ticks(axes.yaxis, places, texts)


def fix_ticks(axis: Axis, places: Iterable[float], texts: Sequence[str]) -> None:
    axis.set_major_locator(FixedLocator(list(places)))
    axis.set_major_formatter(FixedFormatter(texts))
