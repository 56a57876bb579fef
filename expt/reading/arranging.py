"""Runs arranged by their values: a table of two of them, an array of all that vary."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from expt.ground.dataframes import import_theirs
from expt.ground.errors import UsageError
from expt.ground.spread import as_float, is_number, spread_of
from expt.ground.text import number_text, value_text
from expt.ground.value_classes import frozen
from expt.reading.fields import MISSING, field_value, leaf_values, sort_key, unknown_field
from expt.reading.groups import spelled

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from expt.ground.spread import Spread
    from expt.reading.run import Run

_LATEX: Final = str.maketrans(
    {c: f"\\{c}" for c in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
)
_REPEAT: Final = "repeat"


@frozen
class Cell:
    """The runs of one pair of values, and the mean, std, min and max of what was asked for."""

    runs: tuple[Run, ...] = ()
    spread: Spread | None = None

    @property
    def ids(self) -> list[str]:
        """Of the runs, newest first."""
        return [run.id for run in self.runs]

    def text(self) -> str:
        """`0.91 ± 0.02`; the mean alone of one run, nothing where there is none."""
        if self.spread is None or self.spread["mean"] is None:
            return ""
        mean, std = number_text(self.spread["mean"]), self.spread["std"]
        return mean if std is None else f"{mean} ± {number_text(std, 2)}"


@frozen(repr=False)
class Pivot:
    """A table of `value`: a row for each value of one name, a column for each of another."""

    names: tuple[str, str]
    value: str
    rows: tuple[Any, ...]
    columns: tuple[Any, ...]
    cells: tuple[tuple[Cell, ...], ...]

    def __repr__(self) -> str:
        return self.to_markdown()

    def to_markdown(self) -> str:
        """A table of GitHub's Markdown; the ids of each cell are comments below it."""
        down, across = (_markdown(name) for name in self.names)
        heads = [f"{down} \\ {across}", *(_markdown(_told(value)) for value in self.columns)]
        lines = [_row(heads), _row(["---", *["--:"] * len(self.columns)])]
        for value, cells in zip(self.rows, self.cells, strict=True):
            lines.append(_row([_markdown(_told(value)), *(cell.text() for cell in cells)]))
        told = "".join(f"{line.replace('--', '- -')}\n" for line in self._told_ids())
        return "\n".join(lines) + f"\n\n<!-- {self.value}\n{told}-->\n"

    def to_latex(self) -> str:
        """A `tabular`; the ids of each cell are comments."""
        down, across = (_latex(name) for name in self.names)
        heads = [f"{down} / {across}", *(_latex(_told(value)) for value in self.columns)]
        lines = [f"% {_one_line(self.value)}", *(f"% {line}" for line in self._told_ids())]
        lines += [f"\\begin{{tabular}}{{l{'r' * len(self.columns)}}}", "\\hline"]
        lines += [f"{' & '.join(heads)} \\\\", "\\hline"]
        for value, cells in zip(self.rows, self.cells, strict=True):
            texts = [cell.text().replace("±", "$\\pm$") for cell in cells]
            lines.append(f"{' & '.join([_latex(_told(value)), *texts])} \\\\")
        return "\n".join([*lines, "\\hline", "\\end{tabular}", ""])

    def outline(self) -> list[dict[str, Any]]:
        """An object a cell: the two values, `n`, mean, std, min and max, `ids`."""
        return [
            {
                **{n: v for n, v in zip(self.names, pair, strict=True) if v is not MISSING},
                "n": len(cell.runs),
                **(cell.spread or {}),
                "ids": cell.ids,
            }
            for row, cells in zip(self.rows, self.cells, strict=True)
            for pair, cell in zip(((row, column) for column in self.columns), cells, strict=True)
            if cell.runs
        ]

    def _told_ids(self) -> Iterable[str]:
        for row, cells in zip(self.rows, self.cells, strict=True):
            for column, cell in zip(self.columns, cells, strict=True):
                if cell.runs:
                    pair = f"{self.names[0]}={_told(row)} {self.names[1]}={_told(column)}"
                    yield f"{_one_line(pair)}: {' '.join(cell.ids)}"


def pivot_runs(runs: Sequence[Run], down: str, across: str, value: str | None = None) -> Pivot:
    """The runs by their values of `down` and `across`; in each cell the numbers of `value`.

    `value` is by default the first result that is a number, or the last of the first series.
    Raises `UsageError` for a name that no run has.
    """
    value = value or _first_number(runs)
    for name in (down, across, value):
        if runs and all(field_value(run, name) is MISSING for run in runs):
            raise unknown_field(runs, name)
    cells: dict[tuple[str, str], list[Run]] = {}
    found: list[dict[str, Any]] = [{}, {}]
    for run in runs:
        values = [field_value(run, name) for name in (down, across)]
        keys = [spelled(each) for each in values]
        for known, key, each in zip(found, keys, values, strict=True):
            known.setdefault(key, each)
        cells.setdefault((keys[0], keys[1]), []).append(run)
    rows, columns = (sorted(known, key=lambda key: sort_key(known[key])) for known in found)
    return Pivot(
        (down, across),
        value,
        tuple(found[0][key] for key in rows),
        tuple(found[1][key] for key in columns),
        tuple(
            tuple(_cell(cells.get((row, column), ()), value) for column in columns) for row in rows
        ),
    )


def _cell(runs: Sequence[Run], name: str) -> Cell:
    numbers = [value for run in runs if is_number(value := field_value(run, name))]
    return Cell(tuple(runs), spread_of(numbers) if numbers else None)


def _first_number(runs: Sequence[Run]) -> str:
    for part in ("results", "last"):
        for run in runs:
            for name, value in leaf_values(getattr(run, part)):
                if is_number(value):
                    return f"{part}.{name}"
    raise UsageError("no run has a number to put into the cells", "--value", "--value NAME")


def _told(value: Any) -> str:
    return "-" if value is MISSING else value if isinstance(value, str) else value_text(value)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _row(texts: Iterable[str]) -> str:
    return f"| {' | '.join(texts)} |"


def _markdown(text: str) -> str:
    """A text as nothing but text."""
    escaped = "".join(f"\\{c}" if c in "\\`*_{}[]()#+!|~" else c for c in _one_line(text))
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _latex(text: str) -> str:
    return _one_line(text).translate(_LATEX)


# An array


def runs_to_xarray(runs: Sequence[Run], value: str, over: Sequence[str] | None = None) -> Any:
    """`Runs.to_xarray`."""
    xarray = import_theirs("xarray", "to_xarray")
    import numpy

    if not runs:
        raise UsageError("there are no runs to make an array of")
    if all(field_value(run, value) is MISSING for run in runs):
        raise unknown_field(runs, value)
    names = list(over) if over is not None else varying_names(runs)
    scales: dict[str, dict[str, Any]] = {name: {} for name in names}
    members: dict[tuple[str, ...], list[Run]] = {}
    for run in runs:
        values = {name: field_value(run, name) for name in names}
        for name, each in values.items():
            scales[name].setdefault(spelled(each), each)
        members.setdefault(tuple(map(spelled, values.values())), []).append(run)
    ordered = {
        name: sorted(known, key=lambda key, known=known: sort_key(known[key]))  # type: ignore[misc]
        for name, known in scales.items()
    }
    most = max(map(len, members.values()))
    shape = [len(keys) for keys in ordered.values()]
    data = numpy.full([*shape, most], numpy.nan)
    ids = numpy.full([*shape, most], "", dtype="U10")
    for keys, there in members.items():
        place = tuple(ordered[name].index(key) for name, key in zip(names, keys, strict=True))
        for index, run in enumerate(there):
            number = field_value(run, value)
            data[(*place, index)] = as_float(number) if is_number(number) else numpy.nan
            ids[(*place, index)] = run.id
    dims = [*names, _REPEAT]
    scale = {n: [_coordinate(scales[n][key]) for key in keys] for n, keys in ordered.items()}
    array = xarray.DataArray(data, scale | {"id": (dims, ids)}, dims, name=value)
    return array if most > 1 else array.isel({_REPEAT: 0}, drop=True)


def _coordinate(value: Any) -> Any:
    plain = value is None or isinstance(value, (str, int, float))
    return value if plain and value is not MISSING else _told(value)


def varying_names(runs: Sequence[Run]) -> list[str]:
    """The parameters in which runs differ, but for a seed that each run has of its own."""
    rows = [dict(leaf_values(run.params)) for run in runs]
    names = []
    for name in dict.fromkeys(name for row in rows for name in row):
        count = len({spelled(row.get(name, MISSING)) for row in rows})
        drawn = name == "seed" and count == len(rows) and len(rows) > 1
        if count > 1 and not drawn:
            names.append(name)
    return names
