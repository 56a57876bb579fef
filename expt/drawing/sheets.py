"""Whole pictures made of panels, and their way into a PNG file."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING, Any, Final

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from expt.drawing.numbers import number_text
from expt.drawing.panels import LARGE, SMALL, Cell, Panel
from expt.drawing.styles import Style, fitted, neutral

if TYPE_CHECKING:
    from collections.abc import Mapping

    from expt.drawing.curves import Curve

DPI: Final = 150
WIDTH, HEIGHT = 6.4, 3.6
MOST_PANELS: Final = 48
_SHADES: Final = 160  # of a few inks on one ground: no eye sees more, in a third of the bytes
_CELL_WIDTH, _CELL_HEIGHT, _HEADING = 3.1, 1.75, 0.55
_MOST_LEGENDS: Final = 12


class ShownFigure(Figure):
    """A figure that a notebook shows, also where pyplot was never imported."""

    def _repr_png_(self) -> bytes:
        file = io.BytesIO()
        self.savefig(file, format="png", dpi="figure")
        return file.getvalue()


def new_figure(style: Style, width: float = WIDTH, height: float = HEIGHT) -> Figure:
    """A figure with a canvas of its own, which pyplot never hears of; sizes in inches."""
    figure = ShownFigure(figsize=(width, height), dpi=DPI, facecolor=style.background)
    FigureCanvasAgg(figure)
    return figure


def encode_png(figure: Figure, *, photo: bool = False) -> bytes:
    """The PNG of a figure; with `photo`, every colour exactly."""
    canvas = figure.canvas
    assert isinstance(canvas, FigureCanvasAgg)  # noqa: S101 - new_figure made it
    canvas.draw()  # type: ignore[no-untyped-call]
    width, height = canvas.get_width_height()
    buffer = canvas.buffer_rgba()  # type: ignore[no-untyped-call]
    pixels = Image.frombuffer("RGBA", (width, height), buffer, "raw", "RGBA", 0, 1)
    picture = pixels.convert("RGB")
    if not photo:
        picture = _quantised(picture)
    file = io.BytesIO()
    picture.save(file, "png", compress_level=3)
    return file.getvalue()


def _quantised(picture: Image.Image) -> Image.Image:
    """The picture in few colours, of which that of the ground is exact."""
    few = picture.quantize(_SHADES, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    corner = (0, 0, 1, 1)
    (index,), ground = few.crop(corner).tobytes(), picture.crop(corner).tobytes()
    palette = few.getpalette() or []
    palette[3 * index : 3 * index + 3] = ground
    few.putpalette(palette)
    return few


class Painter:
    """Paints line plots in one style, on figures that it makes once and keeps."""

    def __init__(self, style: Style) -> None:
        self.style = style
        self._line: tuple[Figure, Panel] | None = None
        self._grid: tuple[Figure, list[Panel]] | None = None

    def line(self, curve: Curve, title: str) -> bytes:
        """The PNG of a line plot, 960 × 540 pixels."""
        with neutral():
            if self._line is None:
                figure = new_figure(self.style)
                self._line = figure, Panel(figure, self.style)
            figure, panel = self._line
            panel.show(_WHOLE, [curve], title=title, subtitle=summary(curve))
            return encode_png(figure)

    def grid(
        self, curves: Mapping[str, Curve], title: str, subtitle: str = "", *, total: int = 0
    ) -> bytes:
        """The PNG of small line plots on one sheet, `MOST_PANELS` at most, of `total` in all."""
        with neutral():
            if self._grid is None:
                self._grid = new_figure(self.style), []
            _show_grid(*self._grid, self.style, curves, title, subtitle, total)
            return encode_png(self._grid[0])


_WHOLE: Final = Cell(0, 0, WIDTH, HEIGHT)


def line_figure(curves: Mapping[str, Curve], style: Style, title: str) -> Figure:
    """Curves in one line plot of their own, with matplotlib's own axes; a legend for several."""
    with neutral():
        figure = new_figure(style)
        panel = Panel(figure, style, LARGE, live=True)
        shown = list(curves.values())
        several = len(shown) > 1
        subtitle = f"{len(shown)} series" if several or not shown else summary(shown[0])
        panel.show(_WHOLE, shown, title=title, subtitle=subtitle, marks=not several)
        if several:
            panel.add_legend([fitted(name, 2.2, LARGE.text) for name in curves][:_MOST_LEGENDS])
    return figure


def grid_figure(curves: Mapping[str, Curve], style: Style, title: str) -> Figure:
    """Small line plots on one sheet of their own, as `Painter.grid` draws them."""
    with neutral():
        figure = new_figure(style)
        _show_grid(figure, [], style, curves, title, "", 0)
    return figure


def _show_grid(
    figure: Figure,
    panels: list[Panel],
    style: Style,
    curves: Mapping[str, Curve],
    title: str,
    subtitle: str,
    total: int,
) -> None:
    shown = list(curves.items())[:MOST_PANELS]
    columns = min(max(math.ceil(math.sqrt(len(shown))), 1), 4)
    rows = max(math.ceil(len(shown) / columns), 1)
    width, height = max(columns * _CELL_WIDTH, WIDTH), rows * _CELL_HEIGHT + _HEADING
    figure.set_size_inches(width, height)
    while len(panels) < len(shown):
        panels.append(Panel(figure, style, SMALL))
    for index, (name, curve) in enumerate(shown):
        row, column = divmod(index, columns)
        cell = Cell(
            column * width / columns,
            height - _HEADING - (row + 1) * _CELL_HEIGHT,
            width / columns,
            _CELL_HEIGHT,
        )
        panels[index].show(cell, [curve], title=name, subtitle=_short_summary(curve))
    for panel in panels[len(shown) :]:
        panel.hide()
    left_out = max(total, len(curves)) - len(shown)
    if left_out:
        subtitle = f"{left_out:,} more are not shown    {subtitle}"
    heading(figure, style, title, subtitle.strip())


def heading(figure: Figure, style: Style, title: str, subtitle: str) -> None:
    """The title of a sheet at its top left, and a muted text beside it."""
    for text in list(figure.texts):
        if text.get_gid() == "heading":
            text.remove()
    width, height = figure.get_size_inches()
    top = 1 - LARGE.padding / height
    font: dict[str, Any] = {
        "family": list(style.families),
        "parse_math": False,
        "va": "top",
        "gid": "heading",
    }
    left, room = SMALL.padding / width, width - 2 * SMALL.padding
    shown = fitted(title, room * (0.6 if subtitle else 1), LARGE.title, bold=True)
    figure.text(left, top, shown, color=style.text, size=LARGE.title, weight="bold", **font)
    shown = fitted(subtitle, room * 0.38, LARGE.text)
    figure.text(1 - left, top, shown, color=style.muted, size=LARGE.text, ha="right", **font)


def summary(curve: Curve) -> str:
    """`● last 0.0123   ○ best 0.0119 at 87   1,000 points`: what stands below a title."""
    parts = []
    for mark in curve.marks:
        if mark.word == "last":
            parts.append(f"● last {number_text(mark.value)}")
        else:
            parts.append(f"○ {mark.word} {number_text(mark.value)} at {number_text(mark.step)}")
    parts.append("1 point" if curve.count == 1 else f"{curve.count:,} points")
    if curve.missing:
        parts.append(f"{curve.missing:,} NaN")
    if curve.infinite:
        parts.append(f"{curve.infinite:,} infinite")
    return "    ".join(parts)


def _short_summary(curve: Curve) -> str:
    parts = [
        f"{'●' if mark.word == 'last' else '○'} {mark.word} {number_text(mark.value)}"
        for mark in curve.marks
        if mark.word in ("last", "best")
    ]
    return "    ".join(parts) if curve.count else "no entries"
