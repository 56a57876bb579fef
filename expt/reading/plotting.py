"""Series to figures: what `run.plot(name)` and `runs.plot(name)` give. Imports matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from expt.drawing.arrays import array_figure
from expt.drawing.curves import Curve, make_curve
from expt.drawing.frames import is_numeric, to_rgb
from expt.drawing.sheets import grid_figure, line_figure
from expt.drawing.stills import Picture, contact_sheet, table_figure
from expt.drawing.styles import Style, find_style
from expt.ground.errors import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from matplotlib.figure import Figure

    from expt.reading.series import Series

_CURVE_OPTIONS: Final = ("scale", "best", "smooth")


def plot_series(tracked: Mapping[str, Series], name: str) -> Figure:
    """One series by its kind.

    A scalar is a line, an array the picture of its last entry, images and figures the first, the
    middle and the last of them, a structured series a small line for every number in it, a text a
    table. Raises `KeyError`, with the closest names, for a series that the run does not have.
    """
    series, style = tracked[name], find_style("light")
    count = len(series)
    if series.kind == "scalar":
        return line_figure({name: _curve(series)}, style, name)
    if series.kind in ("image", "figure") and count:
        chosen = sorted({0, count // 2, count - 1})
        return contact_sheet(
            [_picture(series, index, style) for index in chosen], style, title=name
        )
    if series.kind == "array" and count and is_numeric(series.last):
        return array_figure(
            series.last,
            style,
            title=name,
            subtitle=f"step {series.steps[-1]}",
            colormap=series.options.get("colormap"),
        )
    if series.leaves:
        curves = {path: _curve(leaf) for path, leaf in series.leaves.items()}
        return grid_figure(curves, style, name)
    rows = [
        [step, str(value)] for step, value in zip(series.steps.tolist(), series.values, strict=True)
    ]
    return table_figure(["step", name], rows, style, title=name)


def plot_together(runs: Iterable[tuple[str, Mapping[str, Series]]], name: str) -> Figure:
    """One scalar series of every run that has it, a curve each; a run is its label and its series.

    Raises `KeyError`, with the closest names, where no run has it.
    """
    curves: dict[str, Curve] = {}
    known: set[str] = set()
    for label, tracked in runs:
        known.update(tracked)
        series = tracked.get(name)
        if series is not None and series.kind == "scalar":
            curves[label] = _curve(series)
    if not curves:
        hint = did_you_mean(name, known) or f"there are: {', '.join(sorted(known))}"
        raise KeyError(f"no run has a scalar series {name!r}; {hint}")
    return line_figure(curves, find_style("light"), name)


def _curve(series: Series) -> Curve:
    options: dict[str, Any] = {
        key: series.options[key] for key in _CURVE_OPTIONS if key in series.options
    }
    return make_curve(series.steps, series.values, name=series.name, **options)


def _picture(series: Series, index: int, style: Style) -> Picture:
    frame = to_rgb(series.values[index], style.background)
    return Picture(f"step {series.steps[index]}", frame)
