"""One series to its figures: what is stored, and what a person gets, is drawn here.

    scalar         a line plot
    array          the last one; of several, also how their values are spread
    image, figure  the first, the middle and the last
    structured     its numbers as small line plots, and a table

`Pictures` keeps what it can use again, for a process that draws many; with `live` every figure is
a new one, with matplotlib's own axes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from expt.drawing import arrays, histograms, stills
from expt.drawing.configured import Configured, read_options
from expt.drawing.curves import Curve, make_curve
from expt.drawing.frames import is_numeric, picture_span, to_rgb
from expt.drawing.numbers import number_text
from expt.drawing.overview import Heading, Sheets, Tile
from expt.drawing.panels import Surround
from expt.drawing.sheets import LinePlots, Titles
from expt.drawing.structures import table_of
from expt.ground.value_classes import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from matplotlib.figure import Figure

    from expt.drawing.frames import Frame
    from expt.drawing.styles import Style

_MOST_SPANNED: Final = 32  # pictures that are read for the values of black and white


class Plotted(Protocol):
    """A series as plain data: `values[i]` was tracked at `steps[i]`."""

    name: str
    kind: Any
    options: Any

    def __len__(self) -> int: ...
    @property
    def values(self) -> Any: ...
    @property
    def steps(self) -> Any: ...
    @property
    def leaves(self) -> Mapping[str, Any]: ...


@frozen(eq=False)
class Drawing:
    """A figure, and what goes between the stem and the suffix of its file.

    The colours of an `exact` one are those of data. It may be drawn over by the next.
    """

    figure: Figure
    detail: str = ""
    exact: bool = False


class Pictures:
    """Draws in one style."""

    def __init__(self, style: Style, *, live: bool = False) -> None:
        self.style = style
        self._lines, self.sheets = LinePlots(style, live=live), Sheets(style, live=live)

    def draw(self, series: Plotted, whose: str = "") -> Iterator[Drawing]:
        """The figures of a series, the one that says most first; none where nothing can be seen.

        `whose` is written in small print. Options that mean nothing are warned of.
        """
        draw = {
            "scalar": self._draw_scalars,
            "array": self._draw_arrays,
            "structured": self._draw_structures,
            "image": self._draw_pictures,
            "figure": self._draw_pictures,
        }.get(series.kind)
        if draw is None or not len(series):
            return
        yield from draw(series, read_options(series.options), whose)

    def _draw_scalars(self, series: Plotted, asked: Configured, whose: str) -> Iterator[Drawing]:
        curve = curve_of(series, asked)
        around = surround_of(asked, whose)
        yield Drawing(self._lines.draw([curve], asked.heading(series.name), around=around))

    def _draw_arrays(self, series: Plotted, asked: Configured, whose: str) -> Iterator[Drawing]:
        last = series.values[-1]
        if not is_numeric(last):
            return
        # the scale of colours has the unit
        title = asked.heading(series.name) if last.ndim < 2 else asked.title or series.name
        told = f"step {number_text(series.steps[-1])}"
        titles = Titles(title, told, whose)
        yield Drawing(arrays.array_figure(last, self.style, titles, asked), exact=True)
        if len(series) == 1 or arrays.picture_of(last, self.style) is not None:
            return
        chosen = histograms.chosen_entries(len(series))
        loaded = ((index, series.values[index]) for index in chosen)
        known = [(index, array) for index, array in loaded if is_numeric(array)]
        spread = histograms.histogram_figure(
            (array for _, array in known),
            [float(series.steps[index]) for index, _ in known],
            self.style,
            Titles(title, whose=whose),
        )
        if spread is not None:
            yield Drawing(spread, "~histogram")

    def _draw_structures(self, series: Plotted, asked: Configured, whose: str) -> Iterator[Drawing]:
        leaves = series.leaves
        title = asked.heading(series.name)
        if leaves and len(series) > 1:
            tiles = [
                Tile(name, {name: curve_of(leaf, asked, name)}, around=surround_of(asked))
                for path, leaf in leaves.items()
                for name in (path.removeprefix(f"{series.name}/"),)
            ]
            yield Drawing(self.sheets.draw(Heading(title, whose), tiles))
        columns, rows, told = table_of(series.values, series.steps)
        if columns:
            titles = Titles(title, told, whose)
            yield Drawing(stills.table_figure(columns, rows, self.style, titles), "~table")

    def _draw_pictures(self, series: Plotted, asked: Configured, whose: str) -> Iterator[Drawing]:
        chosen = sorted({0, len(series) // 2, len(series) - 1})
        frames = frames_of(series, chosen, self.style, asked)
        pictures = [
            stills.Picture(f"step {number_text(series.steps[index])}", frame)
            for index, frame in zip(chosen, frames, strict=True)
        ]
        first = pictures[0].frame.shape
        told = f"{len(series):,} {'entry' if len(series) == 1 else 'entries'}"
        titles = Titles(asked.heading(series.name), f"{told}    {first[1]} × {first[0]}", whose)
        side = 960 if series.kind == "figure" else 480
        yield Drawing(stills.contact_sheet(pictures, self.style, titles, side), exact=True)


def frames_of(
    series: Plotted, chosen: Sequence[int], style: Style, asked: Configured
) -> Iterator[Frame]:
    """The pictures of some entries; black and white are the same values in all of a series."""
    span = None
    if asked.vmin is not None and asked.vmax is not None:
        span = asked.vmin, asked.vmax
    elif series.values[chosen[0]].dtype != np.uint8:
        entries = np.unique(np.linspace(0, len(series) - 1, _MOST_SPANNED).astype(int))
        span = picture_span([series.values[index] for index in entries])
    for index in chosen:
        picture = series.values[index]
        plain = picture.dtype == np.uint8 and asked.vmin is None
        frame = to_rgb(picture, style.background, style.missing, None if plain else span)
        yield arrays.oriented(frame, asked)


def curve_of(series: Plotted, asked: Configured, name: str | None = None) -> Curve:
    """The curve of a scalar series, as its options ask."""
    return make_curve(
        series.steps,
        series.values,
        name=series.name if name is None else name,
        scale=asked.scale,
        best=asked.best,
        smooth=asked.smooth,
    )


def surround_of(asked: Configured, whose: str = "") -> Surround:
    """What the options ask to stand around a curve."""
    return Surround(asked.xlabel or "step", asked.upright, whose, asked.vmin, asked.vmax)
