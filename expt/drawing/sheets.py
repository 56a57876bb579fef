"""Whole pictures made of panels, and their way into a PNG file."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, Final

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from expt.drawing.numbers import number_texts, step_text
from expt.drawing.panels import LARGE, PLAIN, Box, Panel, Surround
from expt.drawing.styles import Style, fitted, neutral
from expt.ground.value_classes import frozen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from expt.drawing.curves import Curve

DPI: Final = 150
WIDTH, HEIGHT = 6.4, 3.6
_SHADES: Final = 160  # of a few inks on one ground: no eye sees more, in a third of the bytes
_SMALL_PRINT: Final = LARGE.text - 1.5


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


@frozen
class Titles:
    """What is written on a picture: a title, a muted line below it, in small print whose it is."""

    title: str
    subtitle: str = ""
    whose: str = ""


class Sheet:
    """A figure of its own in a style; places on it are inches from the lower left corner."""

    def __init__(self, style: Style, width: float = WIDTH, height: float = HEIGHT) -> None:
        self.style, self.width, self.height = style, width, height
        self.figure = new_figure(style, width, height)

    def axes(self, place: Box) -> Axes:
        """Axes without lines, their texts in the style."""
        width, height = self.width, self.height
        left, bottom = place.left / width, place.bottom / height
        axes = self.figure.add_axes((left, bottom, place.width / width, place.height / height))
        axes.set_facecolor(self.style.face)
        axes.tick_params(length=0, pad=4, labelsize=LARGE.text, labelcolor=self.style.muted)
        axes.tick_params(labelfontfamily=list(self.style.families))
        for spine in axes.spines.values():
            spine.set_visible(False)
        for axis in (axes.xaxis, axes.yaxis):
            axis.offsetText.set(color=self.style.muted, size=LARGE.text)
        return axes

    def write(
        self, x: float, y: float, text: str, room: float, size: float = LARGE.text, **font: Any
    ) -> None:
        """A text at a place, muted where no colour is named, cut to `room` inches."""
        shown = fitted(text, room, size, bold=font.get("weight") == "bold")
        usual: dict[str, Any] = {"color": self.style.muted, "ha": "left", "va": "bottom"}
        self.figure.text(
            x / self.width, y / self.height, shown, size=size, family=list(self.style.families),
            parse_math=False, **usual | font,
        )  # fmt: skip

    def write_titles(self, titles: Titles) -> None:
        """The title and what stands below it, and at the bottom whose the picture is."""
        left, top = LARGE.padding, self.height - LARGE.padding
        room = self.width - 2 * left
        bold: dict[str, Any] = {"color": self.style.text, "weight": "bold", "va": "top"}
        self.write(left, top, titles.title, room, LARGE.title, **bold)
        self.write(left, top - LARGE.title * 1.5 / 72, titles.subtitle, room, va="top")
        if titles.whose:
            self.write(left, 0.1, titles.whose, room, _SMALL_PRINT)


def encode_png(figure: Figure, *, photo: bool = False) -> bytes:
    """The PNG of a figure; with `photo`, every colour exactly."""
    canvas = figure.canvas
    assert isinstance(canvas, FigureCanvasAgg)  # noqa: S101 - new_figure made it
    with neutral():
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


def whole_cell(figure: Figure) -> Box:
    """The whole of a figure as the place of a panel."""
    width, height = figure.get_size_inches()
    return Box(0, 0, float(width), float(height))


class LinePlots:
    """Line plots in one style: on one figure, made once and given new data for each picture.

    With `live`, each has a figure of its own, with matplotlib's own axes, for a person to change.
    """

    def __init__(self, style: Style, *, live: bool = False) -> None:
        self._style, self._live = style, live
        self._kept: tuple[Figure, Panel] | None = None

    def draw(
        self, curves: Sequence[Curve], title: str, subtitle: str = "", around: Surround = PLAIN
    ) -> Figure:
        """A line plot, 960 × 540 pixels; below the title, what is known of its one curve."""
        with neutral():
            figure, panel = self._kept or self._make()
            if not self._live:
                self._kept = figure, panel
            told = subtitle or (summary(curves[0]) if len(curves) == 1 else "")
            panel.show(whole_cell(figure), curves, title=title, subtitle=told, around=around)
        return figure

    def _make(self) -> tuple[Figure, Panel]:
        figure = new_figure(self._style)
        return figure, Panel(figure, self._style, LARGE, live=self._live)


def summary(curve: Curve) -> str:
    """`● last 0.0123   ○ best 0.0119 at 87   1,000 points`: what stands below a title."""
    parts = []
    texts = number_texts([mark.value for mark in curve.marks])
    for mark, text in zip(curve.marks, texts, strict=True):
        if mark.word == "last":
            parts.append(f"● last {text}")
        else:
            parts.append(f"○ {mark.word} {text} at {step_text(mark.step, curve.end)}")
    parts.append("1 point" if curve.count == 1 else f"{curve.count:,} points")
    if curve.missing:
        parts.append(f"{curve.missing:,} NaN")
    if curve.infinite:
        parts.append(f"{curve.infinite:,} infinite")
    return "    ".join(parts)
