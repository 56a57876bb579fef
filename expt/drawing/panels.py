"""Axes that show curves: one panel of a line plot, of an overview or of small multiples.

A panel makes its artists once and gives them new data for every picture, which costs a tenth of
new axes. On a still, ticks are drawn as quick texts and one collection of lines, since
matplotlib's own axes take twice the time of everything else; a figure that a person gets has
matplotlib's own, so that it can be zoomed and changed.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.ticker import NullLocator
from matplotlib.transforms import ScaledTranslation, blended_transform_factory

from expt.drawing.curves import Curve, at_power, limits
from expt.drawing.numbers import log_ticks, round_ticks, step_texts, tick_texts, whole_tick_texts
from expt.drawing.quick_text import QuickText
from expt.drawing.styles import Style, fitted, mixed, text_width
from expt.drawing.ticks import NumberFormatter, RoundLocator
from expt.ground.value_classes import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.transforms import Transform

_CHARACTER: Final = 0.0086  # inches a point of font size that one digit is wide
MOST_STROKES: Final = 64  # curves that have artists of their own
_DENSE: Final = 300  # points from which on a line is drawn thinner


@frozen
class Box:
    """The place of a panel with its titles, in inches from the lower left corner of the figure."""

    left: float
    bottom: float
    width: float
    height: float


@frozen
class Sizes:
    """The sizes of a panel: fonts in points, distances in inches, how many ticks to aim at."""

    title: float = 13
    text: float = 9
    header: float = 0.84
    footer: float = 0.52
    padding: float = 0.18
    ticks: tuple[int, int] = (7, 5)
    line: float = 1.8
    step_label: bool = True


LARGE: Final = Sizes()
SMALL: Final = Sizes(
    title=9, text=7, header=0.5, footer=0.24, padding=0.1, ticks=(3, 3), line=1.2, step_label=False
)


@frozen
class Surround:
    """What stands around curves: texts at the axes, whose they are, and limits of the values."""

    across: str = "step"
    upright: str = ""
    whose: str = ""
    vmin: float | None = None
    vmax: float | None = None


PLAIN: Final = Surround()


class _Strokes:
    """The artists of one curve."""

    def __init__(self, axes: Axes, colour: str, style: Style, sizes: Sizes) -> None:
        ring = {"markerfacecolor": style.face, "markeredgecolor": colour, "markeredgewidth": 1.3}
        plain = {"linestyle": "none", "color": colour, "clip_on": False}
        self._sizes, self.colour, self._face = sizes, colour, style.face
        self._faint = mixed(style.face, colour, 0.38)
        self.band = PolyCollection([], zorder=2)
        axes.add_collection(self.band, autolim=False)
        self.raw = _add(axes, zorder=2, solid_joinstyle="bevel")
        self.smooth = _add(axes, color=colour, linewidth=sizes.line, zorder=3)
        self.dots = _add(axes, marker="o", markersize=sizes.line * 2, zorder=3, **plain)
        self.ring = _add(axes, marker="o", markersize=sizes.text * 0.75, zorder=4, **plain | ring)
        self.last = _add(axes, marker="o", markersize=sizes.text * 0.6, zorder=5, **plain)
        edge = axes.get_xaxis_transform()
        self.above = _add(axes, marker="^", markersize=5, transform=edge, **plain)
        self.below = _add(axes, marker="v", markersize=5, transform=edge, **plain)

    def show(self, curve: Curve, colour: str, *, marks: bool, clipped: bool) -> None:
        if colour != self.colour:
            self._paint(colour)
        for line in (self.dots, self.ring, self.last):
            line.set_clip_on(clipped)
        faint = curve.smooth is not None
        dense = curve.x.size > _DENSE or bool(curve.band)
        colour = self._faint if faint else self.colour
        width = self._sizes.line * (0.5 if faint else 0.7 if dense else 1)
        self.raw.set(color=colour, linewidth=width)
        _give(self.raw, curve.x, curve.y)
        outlines = [np.concatenate([part[:, [0, 1]], part[::-1][:, [0, 2]]]) for part in curve.band]
        self.band.set(verts=outlines, facecolor=colour, edgecolor=colour, linewidth=width)
        self.band.set_visible(bool(outlines))
        _give(self.smooth, *(curve.smooth or ((), ())))
        _give(self.dots, *curve.dots)
        _give(self.above, curve.above, np.full(curve.above.size, 0.985))
        _give(self.below, curve.below, np.full(curve.below.size, 0.015))
        named = {
            mark.word: (float(mark.step), _height(mark.value, curve.power)) for mark in curve.marks
        }
        _give(self.last, *_points([named["last"]] if marks and "last" in named else []))
        rings = [point for word, point in named.items() if word != "last"]
        _give(self.ring, *_points(rings if marks else []))

    def _paint(self, colour: str) -> None:
        self.colour, self._faint = colour, mixed(self._face, colour, 0.38)
        for line in (self.smooth, self.dots, self.last, self.above, self.below):
            line.set_color(colour)
        self.ring.set(color=colour, markeredgecolor=colour)

    def hide(self) -> None:
        for artist in vars(self).values():
            if isinstance(artist, (Line2D, PolyCollection)):
                artist.set_visible(False)


def _give(line: Line2D, x: Any, y: Any) -> None:
    """New points for a line; one without any costs nothing where it is not visible."""
    line.set_data(x, y)
    line.set_visible(len(x) > 0)


def _add(axes: Axes, **properties: Any) -> Line2D:
    line = Line2D([], [], **properties)
    axes.add_artist(line) if "transform" in properties else axes.add_line(line)
    return line


def _height(value: Any, power: int) -> float:
    try:
        number = float(value) / 10.0**power
    except (TypeError, OverflowError):
        return float("nan")
    return number if np.isfinite(number) else float("nan")


def _points(points: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [x for x, _ in points], [y for _, y in points]


class Panel:
    """One pair of axes with a title; `show` gives it other curves."""

    def __init__(
        self, figure: Figure, style: Style, sizes: Sizes = LARGE, *, live: bool = False
    ) -> None:
        self._figure, self._style, self._sizes, self._live = figure, style, sizes, live
        self.axes = axes = figure.add_axes((0.1, 0.1, 0.8, 0.8))
        axes.set_facecolor(style.face)
        for side in ("top", "right", "left"):
            axes.spines[side].set_visible(False)
        axes.spines["bottom"].set_color(style.muted)
        self._strokes: list[_Strokes] = []
        self._title = self._text(style.text, sizes.title, weight="bold", va="top")
        self._subtitle = self._text(style.muted, sizes.text, va="top")
        self._empty = self._text(style.muted, sizes.text + 1, ha="center", va="center_baseline")
        self._empty.set(position=(0.5, 0.5), transform=axes.transAxes)
        self._power = self._text(style.muted, sizes.text, ha="left", va="bottom")
        self._step = self._text(style.muted, sizes.text, ha="right", va="bottom")
        self._upright = self._text(style.muted, sizes.text, ha="left", va="bottom")
        self._whose = self._text(style.muted, sizes.text - 1.5, ha="left", va="bottom")
        self._labels: list[Text] = []
        self._whole, self._unit_power = True, 0
        if live:
            self._style_ticks()
        else:
            self._make_ticks()

    def _text(self, colour: str, size: float, **properties: Any) -> Text:
        make = Text if self._live else QuickText
        text = make(
            0, 0, "", color=colour, fontsize=size, parse_math=False,
            fontfamily=list(self._style.families), transform=self._figure.transFigure, **properties,
        )  # fmt: skip
        self._figure.add_artist(text)
        return text

    def _style_ticks(self) -> None:
        axes, style = self.axes, self._style
        axes.tick_params(length=0, pad=5, labelsize=self._sizes.text, labelcolor=style.muted)
        axes.tick_params(labelfontfamily=list(style.families))
        axes.grid(axis="y", color=style.grid, linewidth=0.8)
        axes.set_axisbelow(True)
        axes.xaxis.set_major_formatter(NumberFormatter(lambda steps: (step_texts(steps), "")))
        axes.yaxis.offsetText.set(color=style.muted, size=self._sizes.text)
        axes.xaxis.offsetText.set(color=style.muted, size=self._sizes.text)

    def _make_ticks(self) -> None:
        axes, style = self.axes, self._style
        axes.xaxis.set_visible(False)
        axes.yaxis.set_visible(False)
        self._grid = LineCollection([], colors=style.grid, linewidths=0.8, zorder=0.5)
        self._grid.set_transform(axes.get_yaxis_transform())
        axes.add_artist(self._grid)
        beside = ScaledTranslation(-5 / 72, 0, self._figure.dpi_scale_trans)
        below = ScaledTranslation(0, -5 / 72, self._figure.dpi_scale_trans)
        upright = blended_transform_factory(axes.transAxes, axes.transData) + beside
        across = axes.get_xaxis_transform() + below
        size = self._sizes.text
        self._y_ticks = _TickTexts(
            lambda: self._text(style.muted, size, ha="right", va="center_baseline"), upright
        )
        self._x_ticks = _TickTexts(
            lambda: self._text(style.muted, size, ha="center", va="top"), across
        )

    def hide(self) -> None:
        """Show nothing until the next `show`."""
        self.axes.set_visible(False)
        texts = (self._title, self._subtitle, self._step, self._empty, self._power)
        for text in (*texts, self._upright, self._whose, *self._labels):
            text.set_text("")
        self._x_ticks.show([], [])
        self._y_ticks.show([], [])

    def show(
        self,
        cell: Box,
        curves: Sequence[Curve],
        *,
        title: str,
        subtitle: str = "",
        around: Surround = PLAIN,
        marks: bool = True,
        colours: Sequence[str] = (),
        labels: Sequence[str] = (),
    ) -> None:
        """Show `curves` in `cell`. Titles are plain text, whatever characters they have.

        `labels` are written in the colours of their curves, below the title. More than
        `MOST_STROKES` curves are for a panel that is shown once.
        """
        self.axes.set_visible(True)
        power = max((curve.power for curve in curves), default=0)
        curves = [at_power(curve, power) for curve in curves]
        log = any(curve.log for curve in curves) and all(
            curve.low > 0 for curve in curves if curve.low == curve.low
        )
        palette = colours or self._style.colours
        stroked = curves if len(curves) <= MOST_STROKES else []
        if len(stroked) < len(curves):
            self.axes.add_collection(_bundle(curves, palette), autolim=False)
        while len(self._strokes) < len(stroked):
            self._strokes.append(_Strokes(self.axes, palette[0], self._style, self._sizes))
        clipped = around.vmin is not None or around.vmax is not None
        for index, (strokes, curve) in enumerate(zip(self._strokes, stroked, strict=False)):
            colour = palette[index % len(palette)]
            strokes.show(curve, colour, marks=marks, clipped=clipped)
        for strokes in self._strokes[len(stroked) :]:
            strokes.hide()
        shown = any(curve.low == curve.low for curve in curves)
        self._empty.set_text("" if shown else "no finite value" if curves else "no entries")
        self._whole = all(curve.whole for curve in curves)
        self._unit_power = power
        across, upright = limits(curves, log=log)
        self._set_axes(cell, across, _asked(upright, around, power, log=log), log)
        self._set_around(cell, around)
        self._set_titles(cell, title, subtitle)
        self._set_labels(cell, labels, palette)

    def _set_axes(
        self, cell: Box, across: tuple[float, float], upright: tuple[float, float], log: bool
    ) -> None:
        axes, sizes = self.axes, self._sizes
        if (axes.get_yscale() == "log") != log:
            axes.set_yscale("log" if log else "linear")
        axes.set_xlim(*across)
        axes.set_ylim(*upright)
        shown = not self._empty.get_text()
        find = log_ticks if log else round_ticks
        values = find(*upright, sizes.ticks[1]) if shown else []
        texts, power = tick_texts(values, log=log, power=self._unit_power)
        if power and not sizes.step_label:  # no room above
            texts, power = whole_tick_texts(values, power=self._unit_power), ""
        widest = max((len(text) for text in texts), default=0)
        margin = min(widest * sizes.text * _CHARACTER + 0.12, cell.width * 0.45)
        left = cell.left + sizes.padding + margin
        right = cell.left + cell.width - sizes.padding * 1.6
        bottom, top = cell.bottom + sizes.footer, cell.bottom + cell.height - sizes.header
        width, height = self._figure.get_size_inches()
        axes.set_position(
            (left / width, bottom / height, (right - left) / width, (top - bottom) / height)
        )
        if self._live:
            axes.xaxis.set_major_locator(RoundLocator(sizes.ticks[0], whole=self._whole))
            axes.yaxis.set_major_locator(RoundLocator(sizes.ticks[1], log=log))
            axes.yaxis.set_minor_locator(NullLocator())
            format_values = partial(tick_texts, log=log, power=self._unit_power)
            axes.yaxis.set_major_formatter(NumberFormatter(format_values))
            return
        self._grid.set_segments([[(0, value), (1, value)] for value in values])
        self._y_ticks.show([(0, value) for value in values], texts)
        self._power.set_text(power)
        self._power.set_position(((cell.left + sizes.padding) / width, (top + 0.06) / height))
        steps = round_ticks(*across, sizes.ticks[0], whole=self._whole)
        names = step_texts(steps)
        size = sizes.text * _CHARACTER
        while len(steps) > 2 and sum(len(name) + 2 for name in names) * size > right - left:
            steps, names = steps[::2], names[::2]
        self._x_ticks.show([(step, 0) for step in steps], names)

    def _set_around(self, cell: Box, around: Surround) -> None:
        sizes, place = self._sizes, self.axes.get_position()
        width, height = self._figure.get_size_inches()
        room = cell.width / 2 - sizes.padding * 1.6
        foot = (cell.bottom + 0.1) / height
        self._step.set_text(fitted(around.across, room, sizes.text) if sizes.step_label else "")
        self._step.set_position((place.x1, foot))
        self._whose.set_text(fitted(around.whose, room, sizes.text - 1.5) if around.whose else "")
        self._whose.set_position(((cell.left + sizes.padding) / width, foot))
        self._upright.set_text("")
        if sizes.step_label and around.upright:
            self._upright.set_text(fitted(around.upright, cell.width / 2, sizes.text))
            power = text_width(self._power.get_text(), sizes.text)
            beside = cell.left + sizes.padding + power + 0.1
            left = place.x0 + 0.35 / width if self._live else max(place.x0, beside / width)
            self._upright.set_position((left, place.y1 + 0.06 / height))  # beside the power of ten

    def _set_labels(self, cell: Box, labels: Sequence[str], palette: Sequence[str]) -> None:
        sizes = self._sizes
        while len(self._labels) < len(labels):
            self._labels.append(self._text(self._style.muted, sizes.text, va="top"))
        width, height = self._figure.get_size_inches()
        left, room = cell.left + sizes.padding, cell.width - 2 * sizes.padding
        top = cell.bottom + cell.height - sizes.padding - sizes.title * 1.5 / 72
        for index, text in enumerate(self._labels):
            name = labels[index] if index < len(labels) else ""
            text.set_text(
                fitted(name, room / max(len(labels), 1) - 0.1, sizes.text) if name else ""
            )
            text.set_color(palette[index % len(palette)])
            text.set_position((left / width, top / height))
            left += text_width(text.get_text(), sizes.text) + 0.12 if name else 0

    def _set_titles(self, cell: Box, title: str, subtitle: str) -> None:
        sizes = self._sizes
        width, height = self._figure.get_size_inches()
        room = cell.width - 2 * sizes.padding
        left, top = (cell.left + sizes.padding) / width, cell.bottom + cell.height - sizes.padding
        self._title.set_text(fitted(title, room, sizes.title, bold=True))
        self._title.set_position((left, top / height))
        self._subtitle.set_text(fitted(subtitle, room, sizes.text))
        self._subtitle.set_position((left, (top - sizes.title * 1.5 / 72) / height))


def _bundle(curves: Sequence[Curve], colours: Sequence[str]) -> LineCollection:
    """Many curves as one artist: thin, and none always above the others."""
    order = np.random.default_rng(0).permutation(len(curves))
    lines = []
    for index in order:
        curve = curves[index]
        parts = [(part[:, 0], part[:, 1:].mean(axis=1)) for part in curve.band]
        x, y = curve.smooth or (parts[0] if parts else (curve.x, curve.y))
        lines.append(np.stack([x, y], axis=1))
    chosen = [colours[index % len(colours)] for index in order]
    return LineCollection(lines, colors=chosen, linewidths=0.7, alpha=0.7, zorder=3)


class _TickTexts:
    """The tick texts of one axis of a still."""

    def __init__(self, make: Callable[[], Text], transform: Transform) -> None:
        self._make, self._transform = make, transform
        self._texts: list[Text] = []

    def show(self, places: Sequence[tuple[float, float]], texts: Sequence[str]) -> None:
        while len(self._texts) < len(texts):
            self._texts.append(self._make())
            self._texts[-1].set_transform(self._transform)
        for index, text in enumerate(self._texts):
            text.set_visible(index < len(texts))
            if index < len(texts):
                text.set_text(texts[index])
                text.set_position(places[index])


def _asked(
    upright: tuple[float, float], around: Surround, power: int, *, log: bool
) -> tuple[float, float]:
    """The limits of the values, of which either may have been asked for."""
    low, high = (
        found if asked is None or (log and asked <= 0) else asked / 10.0**power
        for found, asked in zip(upright, (around.vmin, around.vmax), strict=True)
    )
    if low < high:
        return low, high
    return (low, low + abs(low) + 1) if around.vmin is not None else (high - abs(high) - 1, high)
