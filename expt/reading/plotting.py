"""Series to figures: what `run.plot(name)` and `runs.plot(name)` give. Imports matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from expt.drawing.configured import read_options
from expt.drawing.numbers import number_text
from expt.drawing.pictures import Pictures
from expt.drawing.sheets import Titles
from expt.drawing.stills import table_figure
from expt.drawing.styles import find_style
from expt.drawing.together import RunSeries, together_figure
from expt.ground.errors import suggestion

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from matplotlib.figure import Figure

    from expt.reading.series.tracked import Series


def plot_series(tracked: Mapping[str, Series], name: str, whose: str = "") -> Figure:
    """One series as its stored picture shows it; a text, and what has no picture, as a table.

    Raises `KeyError`, with the closest names, for a series that the run does not have.
    """
    series, style = tracked[name], find_style("light")
    for drawing in Pictures(style, live=True).draw(series, whose):
        return drawing.figure
    rows = [
        [number_text(step), str(value)]
        for step, value in zip(series.steps, series.values, strict=True)
    ]
    return table_figure(["step", name], rows, style, Titles(name, whose=whose))


def plot_together(
    runs: Iterable[tuple[str, Mapping[str, Any], Mapping[str, Series], bool]],
    name: str,
    color: str | None = None,
    band: str | Sequence[str] | None = None,
    style: str = "light",
    units: Mapping[str, str] | None = None,
) -> Figure:
    """One scalar series of every run that has it, in one figure.

    A run is its label, its parameters by dotted name, its series, and whether it completed; `units`
    are those of parameters. Raises `KeyError`, with the closest names, where no run has the series,
    and for a `color` or a `band` that no run has a value of.
    """
    shown: list[RunSeries] = []
    known: set[str] = set()
    options: dict[str, Any] = {}
    for label, values, tracked, completed in runs:
        known.update(tracked)
        series = tracked.get(name)
        if series is not None and series.kind == "scalar":
            shown.append(RunSeries(label, values, series.steps, series.values, completed))
            options = series.options
    if not shown:
        hint = suggestion(name, known, "there are")
        raise KeyError(f"no run has a scalar series {name!r}; {hint}")
    over = [band] if isinstance(band, str) else band
    for asked in (*(over or ()), *([color] if color else ())):
        if not any(asked in run.values for run in shown):
            there = {value for run in shown for value in run.values}
            hint = suggestion(asked, there, "there are")
            raise KeyError(f"no run has a parameter {asked!r}; {hint}")
    return together_figure(
        shown, find_style(style), name=name, color=color, band=over,
        options=read_options(options), units=units,
    )  # fmt: skip
