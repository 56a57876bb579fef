"""Arrays of numbers as pictures: heat map, line, histogram over time.

Of an array with more than two dimensions, the middle slice along the first ones is shown, and
the subtitle says which. A heat map of values on both sides of zero has its colours centred on
zero. Up to 12 × 12 cells show their numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from matplotlib.colors import to_rgb as colour_to_rgb
from matplotlib.ticker import FuncFormatter, MaxNLocator

from expt.drawing.curves import make_curve, widened
from expt.drawing.frames import Palette, finite_range, real, reduced
from expt.drawing.numbers import number_text, step_texts, tick_texts
from expt.drawing.panels import LARGE, Cell, NumberFormatter, Panel
from expt.drawing.sheets import HEIGHT, WIDTH, new_figure
from expt.drawing.styles import Style, fitted, mixed, neutral

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

_MOST_CELLS: Final = 1000  # a side of a heat map: more than its pixels
_NUMBERED: Final = 12
_BINS: Final = 60
_MOST_COLUMNS: Final = 200  # of a histogram over time
_MOST_VALUES: Final = 20_000  # of one array that a histogram looks at


def array_figure(
    array: Any, style: Style, *, title: str, subtitle: str = "", colormap: str | None = None
) -> Figure:
    """The picture of one array of numbers: a line for one dimension, else a heat map."""
    values, where = middle_slice(np.asarray(array))
    values = real(values)  # of what is drawn alone
    shape = " × ".join(str(side) for side in np.shape(array))
    texts = [subtitle, f"{shape}  {np.asarray(array).dtype}", where]
    told = "    ".join(text for text in texts if text)
    if values.ndim > 1:
        return _heat_map(values, style, title, told, colormap)
    with neutral():
        figure = new_figure(style)
        curve = make_curve(np.arange(values.size), values)
        whole = Cell(0, 0, WIDTH, HEIGHT)
        panel = Panel(figure, style, LARGE, live=True)
        panel.show(whole, [curve], title=title, subtitle=told, across="index", marks=False)
    return figure


def middle_slice(values: NDArray[Any]) -> tuple[NDArray[Any], str]:
    """The last two dimensions in the middle of the others, and how that is written."""
    if values.ndim <= 2:
        return values, ""
    index = tuple(side // 2 for side in values.shape[:-2])
    return values[index], f"slice [{', '.join(map(str, index))}, :, :]"


def palette_for(
    low: float, high: float, style: Style, colormap: str | None, *, missing: str | None = None
) -> Palette:
    """The colours of values from `low` to `high`: centred on zero where both sides matter."""
    if colormap is None and low < 0 < high and min(-low, high) > 0.2 * max(-low, high):
        size = max(-low, high)
        return Palette(style.diverging, missing or style.missing, -size, size)
    return Palette(colormap or style.colormap, missing or style.missing, low, high)


def _heat_map(
    values: NDArray[np.float64], style: Style, title: str, subtitle: str, colormap: str | None
) -> Figure:
    rows, columns = values.shape
    palette = palette_for(*finite_range(values), style, colormap)
    with neutral():
        figure = new_figure(style, WIDTH, 4.8)
        width, height = figure.get_size_inches()
        tall, wide = height - 1.25, width - 1.55
        ratio = rows / columns
        if 1 / 6 < ratio < 6:  # else the cells are stretched, or nothing could be seen
            wide, tall = min(wide, tall / ratio), min(tall, wide * ratio)
        left, bottom = 0.62, 0.42 + (height - 1.25 - tall) / 2
        axes = figure.add_axes((left / width, bottom / height, wide / width, tall / height))
        axes.imshow(
            palette.colour(reduced(values, _MOST_CELLS, stretch=True)),
            aspect="auto",
            interpolation="nearest" if max(values.shape) <= 400 else "antialiased",
            extent=(-0.5, columns - 0.5, rows - 0.5, -0.5),
        )
        _plain_axes(axes, style)
        axes.xaxis.set_major_locator(_index_locator())
        axes.yaxis.set_major_locator(_index_locator())
        if max(rows, columns) <= _NUMBERED:
            _number_cells(axes, values, palette, wide / columns, style)
        place = ((left + wide + 0.14) / width, bottom / height, 0.13 / width, tall / height)
        _colour_bar(figure.add_axes(place), palette, style)
        _titles(figure, style, title, subtitle)
    return figure


def _plain_axes(axes: Axes, style: Style) -> None:
    axes.tick_params(length=0, pad=4, labelsize=LARGE.text, labelcolor=style.muted)
    axes.tick_params(labelfontfamily=list(style.families))
    for spine in axes.spines.values():
        spine.set_visible(False)


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


def _colour_bar(axes: Axes, palette: Palette, style: Style) -> None:
    ramp = palette.table[255::-1][:, np.newaxis, :]
    axes.imshow(ramp, aspect="auto", extent=(0, 1, palette.low, palette.high))
    _plain_axes(axes, style)
    axes.xaxis.set_visible(False)
    axes.yaxis.tick_right()
    _value_axis(axes, style)


def _index_locator() -> MaxNLocator:
    return MaxNLocator(7, integer=True, min_n_ticks=1, steps=[1, 2, 5, 10])


def _value_axis(axes: Axes, style: Style) -> None:
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_formatter(NumberFormatter(tick_texts))
    axes.yaxis.offsetText.set(color=style.muted, size=LARGE.text)


def _titles(figure: Figure, style: Style, title: str, subtitle: str) -> None:
    width, height = figure.get_size_inches()
    font: dict[str, Any] = {"parse_math": False, "va": "top", "family": list(style.families)}
    room, left = width - 2 * LARGE.padding, LARGE.padding / width
    top = height - LARGE.padding
    shown = fitted(title, room, LARGE.title, bold=True)
    figure.text(
        left, top / height, shown, color=style.text, size=LARGE.title, weight="bold", **font
    )
    top -= LARGE.title * 1.5 / 72
    shown = fitted(subtitle, room, LARGE.text)
    figure.text(left, top / height, shown, color=style.muted, size=LARGE.text, **font)


def chosen_entries(count: int) -> list[int]:
    """The entries that a histogram over time shows: all, or 200 of them, evenly."""
    if count <= _MOST_COLUMNS:
        return list(range(count))
    return [round(place) for place in np.linspace(0, count - 1, _MOST_COLUMNS)]


def histogram_figure(
    arrays: Iterable[Any], steps: Sequence[int], style: Style, *, title: str
) -> Figure | None:
    """How the values of arrays are spread, one column an array; None where no value is finite."""
    samples = [_sample(array) for array in arrays]
    known = [values for values in samples if values.size]
    if not known:
        return None
    low, high = min(float(v.min()) for v in known), max(float(v.max()) for v in known)
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        low, high = widened(low, high, 0.0)
    edges = np.linspace(low, high, _BINS + 1)
    counts = np.stack([np.histogram(values, edges)[0] for values in samples], axis=1)
    shares = np.sqrt(counts / np.maximum(counts.sum(axis=0), 1))  # the root shows rare values too
    inks = [colour_to_rgb(mixed(style.face, style.colours[0], share / 255)) for share in range(256)]
    table = np.rint(np.array(inks) * 255).astype(np.uint8)
    with neutral():
        figure = new_figure(style)
        width, height = figure.get_size_inches()
        left = 0.85
        axes = figure.add_axes(
            (left / width, 0.52 / height, (width - left - 0.3) / width, (height - 1.3) / height)
        )
        axes.imshow(
            table[np.rint(shares / shares.max() * 255).astype(int)][::-1],
            aspect="auto",
            interpolation="nearest",
            extent=(-0.5, len(samples) - 0.5, low, high),
        )
        _plain_axes(axes, style)
        _value_axis(axes, style)
        axes.xaxis.set_major_locator(_index_locator())
        axes.xaxis.set_major_formatter(FuncFormatter(_StepTexts(steps)))
        figure.text(
            1 - 0.3 / width, 0.1 / height, "step", color=style.muted, size=LARGE.text,
            ha="right", family=list(style.families),
        )  # fmt: skip
        _titles(figure, style, title, f"how the values are spread    {len(samples)} entries")
    return figure


class _StepTexts:
    """The step of the entry that stands at a place of the axis."""

    def __init__(self, steps: Sequence[int]) -> None:
        self._steps = [float(step) for step in steps]

    def __call__(self, place: float, _: int | None = None) -> str:
        index = round(place)
        return step_texts([self._steps[index]])[0] if 0 <= index < len(self._steps) else ""


def _sample(array: Any) -> NDArray[np.float64]:
    """At most some ten thousand finite values of an array, evenly taken."""
    flat = np.asarray(array).reshape(-1)
    values = real(flat[:: max(1, flat.size // _MOST_VALUES)])
    return values[np.abs(values) < 1e300]
