"""The built-in plugin that draws stills of what was tracked, and an overview of a run.

| kind | files |
|---|---|
| scalar | `loss.png`, a line plot |
| array | `weights.png`, the last one; `weights~histogram.png`, values over time |
| structured | `eval.png`, its numbers as small line plots; `eval~table.png` |
| image, figure | `lattice.png`, the first, the middle and the last |

Text is listed in `plots/index.json` without a file. How a series is drawn is `drawing.pictures`.
"""

from __future__ import annotations

import warnings
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from expt.ground.hookspecs import hook
from expt.ground.layout import OVERVIEW_FILE
from expt.reading.fields import leaf_values
from expt.rendering.renderer import file_stems

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from expt.drawing.overview import Heading, Tile
    from expt.drawing.pictures import Pictures
    from expt.drawing.styles import Style
    from expt.reading.run import Run
    from expt.reading.runs import Runs
    from expt.reading.series.tracked import Series

_PICTURES: Final = ("image", "figure")
_MOST_CURVES: Final = 48  # series of a session that are drawn


class Plots:
    """Draws in one style: "light", "dark" or one of matplotlib's names."""

    def __init__(self, style: str = "light") -> None:
        self._style_name = style

    @hook
    def expt_render_series(
        self, run: Run, series: Series, folder: Path, stem: str
    ) -> list[Path] | None:
        from expt.drawing.sheets import encode_png  # imports matplotlib

        files = []
        for drawing in self._drawn.draw(series, run.caption):
            path = folder / f"{stem}{drawing.detail}.png"
            path.write_bytes(encode_png(drawing.figure, photo=drawing.exact))
            files.append(path)
        return files or None

    @hook
    def expt_render_run(self, run: Run, folder: Path) -> list[Path] | None:
        """`overview.png`, where there are several series of numbers, or one and pictures."""
        kinds = [run.series[name].kind for name in run.series]
        scalars = kinds.count("scalar")
        if not scalars or scalars + sum(kind in _PICTURES for kind in kinds) < 2:
            return None
        from expt.drawing.sheets import encode_png  # imports matplotlib

        path = folder / OVERVIEW_FILE
        sheet = self._drawn.sheets.draw(*overview_of(run, self._style))
        path.write_bytes(encode_png(sheet))
        return [path]

    @hook
    def expt_render_session(self, runs: Runs, folder: Path) -> list[Path] | None:
        """A figure for each scalar series of the runs of an experiment, and their results."""
        from expt.drawing.results import results_figure
        from expt.drawing.sheets import encode_png  # imports matplotlib
        from expt.reading.runs import Runs

        files = []
        for experiment, those in alike(runs).items():
            before = f"{experiment.rpartition('::')[2]} " if len(alike(runs)) > 1 else ""
            names = curves_of(those)
            stems = file_stems(f"{before}{name}" for name in names)
            for name, stem in zip(names, stems.values(), strict=True):
                figure = Runs(those).plot(name, style=self._style.name)
                files.append(folder / f"{stem}.png")
                files[-1].write_bytes(encode_png(figure))
            sheet = results_figure(
                [dict(leaf_values(run.params)) for run in those],
                [dict(leaf_values(run.results)) for run in those],
                self._style,
                title=experiment.rpartition("::")[2],
                units=Runs(those).units,
            )
            if sheet is not None:
                (stem,) = file_stems([f"{before}results"]).values() if before else ("results",)
                files.append(folder / f"{stem}.png")
                files[-1].write_bytes(encode_png(sheet))
        return files or None

    @cached_property
    def _drawn(self) -> Pictures:
        from expt.drawing.pictures import Pictures  # imports matplotlib

        return Pictures(self._style)

    @cached_property
    def _style(self) -> Style:
        from expt.drawing.styles import LIGHT, find_style  # imports matplotlib

        try:
            return find_style(self._style_name)
        except ValueError as error:
            warnings.warn(str(error), stacklevel=2)
            return LIGHT


def alike(runs: Iterable[Run]) -> dict[str, list[Run]]:
    """The runs of each experiment that has several."""
    found: dict[str, list[Run]] = {}
    for run in runs:
        found.setdefault(run.experiment, []).append(run)
    return {experiment: those for experiment, those in found.items() if len(those) > 1}


def curves_of(runs: Iterable[Run]) -> list[str]:
    """The scalar series that are more than a point in any of the runs, 48 at most."""
    summaries = [run.series_summaries for run in runs]
    names = dict.fromkeys(
        name
        for known in summaries
        for name, about in known.items()
        if about.get("kind") == "scalar" and about.get("count", 0) > 1
    )
    return list(names)[:_MOST_CURVES]


def overview_of(run: Run, style: Style) -> tuple[Heading, list[Tile]]:
    """What stands on the overview of a run: series of one point as numbers, pictures as well."""
    from expt.drawing.arrays import picture_of  # imports matplotlib
    from expt.drawing.overview import MOST_TILES, Heading, share_panels

    kinds = {name: run.series[name].kind for name in run.series}
    scalars = [name for name, kind in kinds.items() if kind == "scalar"]
    pictures = [name for name, kind in kinds.items() if kind in _PICTURES]
    arrays = [run.series[name] for name, kind in kinds.items() if kind == "array"]
    arrays = [each for each in arrays if len(each) and picture_of(each.values[-1], style)]
    pictures += [each.name for each in arrays]
    numbers = {name: run.series[name].last for name in scalars if len(run.series[name]) == 1}
    panels = share_panels(name for name in scalars if name not in numbers)
    tiles = [_panel(run, title, members) for title, members in panels[:MOST_TILES]]
    room = MOST_TILES - len(tiles)
    tiles += [_thumbnail(run.series[name], style) for name in pictures[:room]]
    left_out = len(panels) + len(pictures) - len(tiles)
    title = run.experiment.rpartition("::")[2]
    return Heading(title, run.case or "", run.id, numbers, left_out), tiles


def _panel(run: Run, title: str, members: dict[str, str]) -> Tile:
    from expt.drawing.overview import Tile  # imports matplotlib
    from expt.drawing.pictures import curve_of, surround_of

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # told of where the series itself is drawn
        asked = {label: _options(run.series[name]) for label, name in members.items()}
    curves = {label: curve_of(run.series[name], asked[label]) for label, name in members.items()}
    first = next(iter(asked.values()))
    return Tile(first.heading(title), curves, around=surround_of(first))


def _thumbnail(series: Series, style: Style) -> Tile:
    from expt.drawing.arrays import oriented, picture_of  # imports matplotlib
    from expt.drawing.overview import Tile
    from expt.drawing.pictures import frames_of

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        asked = _options(series)
    last = len(series) - 1
    found = picture_of(series.values[last], style) if series.kind == "array" else None
    if found is not None:
        frame = oriented(found[0], asked)
    else:
        (frame,) = frames_of(series, [last], style, asked)
    caption = f"the last of {len(series):,}" if last else "1 entry"
    return Tile(asked.heading(series.name), frame=frame, caption=caption)


def _options(series: Series) -> Any:
    from expt.drawing.configured import read_options  # imports matplotlib

    return read_options(series.options)
