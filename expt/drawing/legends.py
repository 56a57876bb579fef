"""Colours for values, and what says what they mean: a scale of numbers, or names.

No legend is cut, and no two values have one colour: where names are many, they stand on a scale.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import matplotlib as mpl
import numpy as np
from matplotlib.colors import to_hex

from expt.drawing.arrays import bar_ticks, show_ramp
from expt.drawing.frames import Palette
from expt.drawing.numbers import number_texts
from expt.drawing.panels import LARGE, Box
from expt.drawing.styles import Style, fitted, is_dark
from expt.drawing.ticks import keep_apart
from expt.drawing.varying import as_number, is_geometric, key_of, value_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from expt.drawing.sheets import Sheet

    Ticks = Iterable[tuple[float, str]]
    Draw = Callable[[Sheet, float, str], None]

BESIDE: Final = 1.7  # inches for the legend or the scale of colours
_HALF: Final = 0.035  # of a scale, that the text of a tick takes to each side
_MOST_LEGEND: Final = 8


def colours_of(values: Sequence[Any], style: Style) -> tuple[list[str], Draw]:
    """A colour for each value, and a function that draws what they mean at a place."""
    numbers = [as_number(value) for value in values]
    distinct = list(dict.fromkeys(key_of(value) for value in values))
    if len(values) > 1 and len(distinct) > 1 and None not in numbers:
        known = [number for number in numbers if number is not None]
        return _number_colours(known, style)
    by_key = {key_of(value): value_text(value) for value in values}
    names = [by_key[key] for key in distinct]
    if len(distinct) <= min(_MOST_LEGEND, len(style.colours)):
        table = list(style.colours[: len(distinct)])
    else:
        shares = np.linspace(*_seen(style), len(distinct))
        table = [to_hex(colour) for colour in mpl.colormaps[style.colormap](shares)]
    colour_of = dict(zip(distinct, table, strict=True))

    def draw(sheet: Sheet, left: float, color: str) -> None:
        _draw_names(sheet, left, color, names, table)

    return [colour_of[key_of(value)] for value in values], draw


def _seen(style: Style) -> tuple[float, float]:
    """The part of a colour map whose lines are seen on the ground."""
    return (0.25, 1.0) if is_dark(style) else (0.0, 0.92)


def _number_colours(numbers: Sequence[float], style: Style) -> tuple[list[str], Draw]:
    low, high = min(numbers), max(numbers)
    log = is_geometric(numbers)
    palette = Palette(style.colormap, style.missing, low, high, log=log)
    first, last = _seen(style)
    palette.table[:256] = palette.table[np.linspace(first * 255, last * 255, 256).astype(int)]
    frame = palette.colour(np.array([numbers]))[0]
    colours = ["#{:02x}{:02x}{:02x}".format(*colour) for colour in frame.tolist()]
    distinct = sorted(set(numbers))

    def draw(sheet: Sheet, left: float, color: str) -> None:
        places, texts, power = bar_ticks(palette, 6)
        if len(distinct) <= _MOST_LEGEND:  # then the scale tells the values themselves
            scaled = np.log10(distinct) if log else np.array(distinct)
            places = ((scaled - scaled[0]) / (scaled[-1] - scaled[0])).tolist()
            texts, power = number_texts(distinct), ""
            places, texts = keep_apart(places, texts, [_HALF] * len(texts))
        ramp = palette.table[255::-1][:, np.newaxis, :]
        above = "  ".join(filter(None, [color, power]))
        _draw_bar(sheet, left, above, ramp, zip(places, texts, strict=True))

    return colours, draw


def _draw_names(
    sheet: Sheet, left: float, color: str, names: Sequence[str], colours: Sequence[str]
) -> None:
    """Names in their colours; where there is no room for all, a scale that names some."""
    if len(names) > _MOST_LEGEND:
        ramp = np.array([[[int(c[i : i + 2], 16) for i in (1, 3, 5)]] for c in colours[::-1]])
        middles = ((np.arange(len(names)) + 0.5) / len(names)).tolist()
        places, texts = keep_apart(middles, names, [_HALF] * len(names))
        _draw_bar(sheet, left, color, ramp.astype(np.uint8), zip(places, texts, strict=True))
        return
    top = sheet.height - 0.84
    room = BESIDE - 0.2
    sheet.write(left, top + 0.22, color, room, va="top")
    for index, (name, colour) in enumerate(zip(names, colours, strict=True)):
        sheet.write(left, top - 0.22 * index, f"━ {name}", room, color=colour, va="top")


def _draw_bar(sheet: Sheet, left: float, above: str, ramp: NDArray[np.uint8], ticks: Ticks) -> None:
    bottom, top = LARGE.footer, sheet.height - 0.84
    axes = sheet.axes(Box(left, bottom, 0.14, top - bottom))
    places, texts = zip(*ticks, strict=True)
    shown = [fitted(text, BESIDE - 0.45, LARGE.text) for text in texts]
    show_ramp(axes, ramp, places, shown, "nearest")
    sheet.write(left, top + 0.06, above, BESIDE - 0.2)
