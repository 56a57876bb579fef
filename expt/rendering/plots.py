"""The built-in plugin that draws stills of what was tracked, and an overview of a run.

| kind | files |
|---|---|
| scalar | `loss.png`, a line plot |
| array | `weights.png`, the last as heat map or line; `weights~histogram.png`, values over time |
| structured | `eval.png`, its numbers as small line plots; `eval~table.png` |
| image, figure | `lattice.png`, the first, the middle and the last |

Text is listed in `plots/index.json` without a file. Options of `track.configure` that count here:
`unit`, `scale` ("log", "linear"), `best` ("min", "max"), `smooth` (true, false), `colormap`.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from expt.ground.hookspecs import hook
from expt.ground.layout import OVERVIEW_FILE

if TYPE_CHECKING:
    from pathlib import Path

    from expt.drawing.curves import Curve
    from expt.drawing.sheets import Painter
    from expt.drawing.styles import Style
    from expt.reading import Run
    from expt.reading.series import Series

_MOST_LEAVES: Final = 48
_TABLE_ENTRIES: Final = 20
_OPTIONS: Final[Mapping[str, tuple[Any, ...]]] = {
    "scale": ("log", "linear"),
    "best": ("min", "max"),
    "smooth": (True, False),
}


class Plots:
    """Draws in one style: "light", "dark" or one of matplotlib's names."""

    def __init__(self, style: str = "light") -> None:
        self._style_name = style

    @hook
    def expt_render_series(self, series: Series, folder: Path, stem: str) -> list[Path] | None:
        draw = {
            "scalar": self._draw_scalars,
            "array": self._draw_arrays,
            "structured": self._draw_structures,
            "image": self._draw_pictures,
            "figure": self._draw_pictures,
        }.get(series.kind)
        if draw is None or not len(series):
            return None
        files = []
        for name, content in draw(series).items():
            path = folder / f"{stem}{name}.png"
            path.write_bytes(content)
            files.append(path)
        return files

    @hook
    def expt_render_run(self, run: Run, folder: Path) -> list[Path] | None:
        """`overview.png`, where there are several scalar series."""
        from expt.drawing.sheets import MOST_PANELS  # imports matplotlib

        names = [name for name in run.series if run.series[name].kind == "scalar"]
        if len(names) < 2:
            return None
        curves = {name: self._curve(run.series[name]) for name in names[:MOST_PANELS]}
        path = folder / OVERVIEW_FILE
        title = run.node_id.rpartition("::")[2]
        path.write_bytes(self._painter.grid(curves, title, run.id, total=len(names)))
        return [path]

    @cached_property
    def _style(self) -> Style:
        from expt.drawing.styles import LIGHT, find_style  # imports matplotlib

        try:
            return find_style(self._style_name)
        except ValueError as error:
            warnings.warn(str(error), stacklevel=2)
            return LIGHT

    @cached_property
    def _painter(self) -> Painter:
        from expt.drawing.sheets import Painter  # imports matplotlib

        return Painter(self._style)

    # One kind each: what goes between the stem and `.png`, and the picture

    def _draw_scalars(self, series: Series) -> dict[str, bytes]:
        return {"": self._painter.line(self._curve(series), title_of(series))}

    def _draw_arrays(self, series: Series) -> dict[str, bytes]:
        from expt.drawing import arrays, frames, sheets  # imports matplotlib

        last = series.values[-1]
        if not frames.is_numeric(last):
            return {}
        told = f"step {series.steps[-1]}"
        figure = arrays.array_figure(
            last, self._style, title=title_of(series), subtitle=told, colormap=colormap_of(series)
        )
        pictures = {"": sheets.encode_png(figure, photo=True)}
        if len(series) > 1:
            chosen = arrays.chosen_entries(len(series))
            loaded = (series.values[index] for index in chosen)
            spread = arrays.histogram_figure(
                (array for array in loaded if frames.is_numeric(array)),
                series.steps[chosen].tolist(),
                self._style,
                title=title_of(series),
            )
            if spread is not None:
                pictures["~histogram"] = sheets.encode_png(spread)
        return pictures

    def _draw_structures(self, series: Series) -> dict[str, bytes]:
        from expt.drawing import sheets, stills  # imports matplotlib

        pictures = {}
        leaves = series.leaves
        curves = {
            name.removeprefix(f"{series.name}/"): self._curve(leaves[name])
            for name in list(leaves)[:_MOST_LEAVES]
        }
        if curves and len(series) > 1:
            pictures[""] = self._painter.grid(curves, title_of(series), total=len(leaves))
        columns, rows, told = table_of(series)
        if columns:
            figure = stills.table_figure(
                columns, rows, self._style, title=title_of(series), subtitle=told
            )
            pictures["~table"] = sheets.encode_png(figure)
        return pictures

    def _draw_pictures(self, series: Series) -> dict[str, bytes]:
        from expt.drawing import frames, sheets, stills  # imports matplotlib

        chosen = sorted({0, len(series) // 2, len(series) - 1})
        pictures = [
            stills.Picture(f"step {series.steps[index]}", frames.to_rgb(series.values[index]))
            for index in chosen
        ]
        first = pictures[0].frame.shape
        told = f"{len(series):,} {'entry' if len(series) == 1 else 'entries'}"
        figure = stills.contact_sheet(
            pictures,
            self._style,
            title=title_of(series),
            subtitle=f"{told}    {first[1]} × {first[0]}",
            side=960 if series.kind == "figure" else 480,
        )
        return {"": sheets.encode_png(figure, photo=True)}

    def _curve(self, series: Series) -> Curve:
        from expt.drawing.curves import make_curve  # imports numpy

        options = {
            name: series.options[name]
            for name, choices in _OPTIONS.items()
            if name in series.options and _is_choice(series, name, choices)
        }
        return make_curve(series.steps, series.values, name=series.name, **options)


def _is_choice(series: Series, name: str, choices: Sequence[Any]) -> bool:
    if series.options[name] in choices:
        return True
    told = ", ".join(map(repr, choices))
    warnings.warn(f"the option {name} is {series.options[name]!r}; it can be {told}", stacklevel=2)
    return False


def title_of(series: Series) -> str:
    """The name, with the unit that `track.configure(name, unit="K")` gave."""
    unit = series.options.get("unit")
    return f"{series.name} [{unit}]" if unit else series.name


def colormap_of(series: Series) -> str | None:
    """The colour map that was asked for, if matplotlib knows it; else None, with a warning."""
    import matplotlib as mpl  # slow, and here already loaded

    asked = series.options.get("colormap")
    if asked is None or (isinstance(asked, str) and asked in mpl.colormaps):
        return asked
    warnings.warn(f"there is no colour map {asked!r} in matplotlib", stacklevel=2)
    return None


def table_of(series: Series) -> tuple[list[str], list[list[Any]], str]:
    """Columns and rows that show a structured series, and a word on what they are.

    A table, given as columns or as a list of rows, is that of the last entry. Anything else gives
    a row for each of the last entries.
    """
    last = series.values[-1]
    lengths = {_length(column) for column in last.values()} if isinstance(last, Mapping) else set()
    if len(lengths) == 1 and None not in lengths:
        columns = {str(name): list(column) for name, column in last.items()}
        rows = [list(row) for row in zip(*columns.values(), strict=True)]
        return list(columns), rows, f"step {series.steps[-1]}"
    if isinstance(last, list) and last and all(isinstance(row, (Mapping, list)) for row in last):
        names, rows = _rows(last)
        return names, rows, f"step {series.steps[-1]}"
    names, rows = _rows(series.values[-_TABLE_ENTRIES:])
    steps = series.steps[-len(rows) :].tolist() if rows else []
    told = f"the last {len(rows)} of {len(series):,}" if len(rows) < len(series) else ""
    return ["step", *names], [[step, *row] for step, row in zip(steps, rows, strict=True)], told


def _length(column: Any) -> int | None:
    if isinstance(column, (str, Mapping)) or not hasattr(column, "__len__"):
        return None
    return len(column)


def _rows(values: Sequence[Any]) -> tuple[list[str], list[list[Any]]]:
    records = [
        dict(_flat(value, ""))
        if isinstance(value, Mapping)
        else {str(index): item for index, item in enumerate(value)}
        if isinstance(value, list)
        else {"value": value}
        for value in values
    ]
    names = list(dict.fromkeys(name for record in records for name in record))
    return names, [[record.get(name) for name in names] for record in records]


def _flat(value: Mapping[Any, Any], prefix: str) -> list[tuple[str, Any]]:
    pairs: list[tuple[str, Any]] = []
    for key, item in value.items():
        pairs += (
            _flat(item, f"{prefix}{key}/")
            if isinstance(item, Mapping)
            else [(f"{prefix}{key}", item)]
        )
    return pairs
