"""`Runs`: many archives at once, as tables, groups, comparisons and plots."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, overload

from expt.ground.encoding import is_same
from expt.ground.errors import DamagedArchive, ExptError
from expt.reading.fields import MISSING, field_value, leaf_names, leaf_values, unknown_field
from expt.reading.run import Run
from expt.reading.tables import Table

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.figure import Figure

    from expt.ground.errors import ReadingError
    from expt.reading.arranging import Pivot
    from expt.reading.groups import Groups

_SHOWN: Final = 100  # runs of a table in a notebook
_ALWAYS: Final = ("id", "experiment", "case", "status", "started", "duration")


class Runs(Sequence[Run]):
    """Archived runs, newest first where they were found by `find_runs`.

    `damaged` are the archives below the same root that cannot be read, each with its reason.
    """

    def __init__(
        self, runs: Iterable[Run], damaged: Iterable[ReadingError] = (), folder: Path | None = None
    ) -> None:
        self._runs = tuple(runs)
        self._folder = folder
        self.damaged = tuple(damaged)

    @overload
    def __getitem__(self, index: int) -> Run: ...
    @overload
    def __getitem__(self, index: slice) -> Runs: ...
    def __getitem__(self, index: int | slice) -> Run | Runs:
        if isinstance(index, slice):
            return type(self)(self._runs[index], self.damaged)
        return self._runs[index]

    def __len__(self) -> int:
        return len(self._runs)

    def __repr__(self) -> str:
        lines = [f"<{len(self)} runs>", repr(self[:20].table()) if self else ""]
        lines.append(f"… and {len(self) - 20} more" if len(self) > 20 else "")
        lines += [f"damaged: {error.at}: {error.what}" for error in self.damaged[:5]]
        return "\n".join(filter(None, lines))

    def _repr_html_(self) -> str:
        """Results first, then what differs; what is the same in all of several is folded away."""
        from expt.reading.notebook_views import runs_html  # for notebooks alone

        shown = self[:_SHOWN]
        params = {name: [field_value(run, name) for run in shown] for name in shown.names("params")}
        same = {
            name: values[0]
            for name, values in params.items()
            if len(shown) > 1 and all(is_same(value, values[0]) for value in values)
        }
        varying = [name for name in params if name not in same]
        about = ["experiment"] if len({run.experiment for run in shown}) > 1 else []
        about += [] if varying else ["case"]
        names = ["id", *about, *shown.names("results"), *varying, "status", "started", "duration"]
        return runs_html(shown.table(names), len(self) - len(shown), same)

    def save(self, name: str, value: Any) -> Path:
        """Add a file to the folder of the session, for `analysis_session_…`; its path.

        The suffix of `name` says how it is written. Raises `ExptError` for other runs.
        """
        if self._folder is None:
            raise ExptError("these runs have no folder", None, "run.save keeps a file with a run")
        from expt.archive.writer import Archive  # slow, and few add to a session

        return Archive(self._folder, "").save(name, value)

    def filter(self, accept: Callable[[Run], bool]) -> Runs:
        """The runs for which `accept(run)` is true."""
        return type(self)((run for run in self if accept(run)), self.damaged)

    def table(self, columns: Sequence[str] | None = None) -> Table:
        """One row a run. Columns are names such as `lr`, `results.accuracy`, `min.loss`.

        Without `columns`: id, experiment, case, status, started, duration, and every parameter
        and result. Raises `UsageError` for a name that no run has, with the closest ones.
        """
        names = (
            tuple(columns) if columns is not None else (*_ALWAYS, *self.names("params", "results"))
        )
        rows = [
            {name: value for name in names if (value := field_value(run, name)) is not MISSING}
            for run in self
        ]
        if columns is not None:
            for name in names:
                if name not in _ALWAYS and rows and not any(name in row for row in rows):
                    raise unknown_field(self, name)
        return Table(names, tuple(rows))

    def names(self, *parts: str) -> list[str]:
        """`params.lr`, `results.accuracy` …: every value that any run has in `parts`, which are
        some of params, results, last."""
        names: dict[str, None] = {}
        for part in parts:
            for run in self:
                leaves = leaf_names(getattr(run, part))
                names.update(dict.fromkeys(f"{part}.{name}" for name in leaves))
        return list(names)

    def to_pandas(self) -> Any:
        """`table()` as a `DataFrame`, where pandas is installed.

        `started` is a time with zone; experiment, case and status are categories.
        """
        frame = self.table().to_pandas()
        types = dict.fromkeys(("experiment", "case", "status"), "category")
        return frame.astype({**types, "started": "datetime64[us, UTC]"})

    def to_xarray(self, value: str, over: Sequence[str] | None = None) -> Any:
        """A result, or the last of a series, as a `DataArray` over the parameters that vary.

        `over` names other dimensions. Runs with the same values lie along `repeat`; the
        coordinate `id` says which run a number is of, and NaN stands where there is none. A seed
        that each run has of its own is no dimension unless it is named. Raises `UsageError` for
        a name that no run has, and where xarray is not installed.
        """
        from expt.reading.arranging import runs_to_xarray  # a list of runs waits for none of it

        return runs_to_xarray(self, value, over)

    def pivot(self, down: str, across: str, value: str | None = None) -> Pivot:
        """A table of a result: rows by one value, columns by another, mean ± std in each cell.

        `value` is by default the first result that is a number. It has `to_markdown()` and
        `to_latex()`; `cells[i][j].ids` are the runs. Raises `UsageError` for unknown names.
        """
        from expt.reading.arranging import pivot_runs

        return pivot_runs(self, down, across, value)

    def compare(self, *, every: bool = False) -> Table:
        """What differs between the runs, a column each; with `every`, also what does not."""
        names = ["experiment", "case", "status", *self.names("params", "results", "last")]
        heads = [run.short_id for run in self]
        rows = []
        for name in names:
            values = [field_value(run, name) for run in self]
            if every or any(not is_same(value, values[0]) for value in values[1:]):
                pairs = zip(heads, values, strict=True)
                row = {head: value for head, value in pairs if value is not MISSING}
                rows.append({"name": name, **row})
        return Table(("name", *heads), tuple(rows))

    def group_by(self, *names: str) -> Groups[Runs]:
        """The runs by their values of `names`: `runs.group_by("lr").table()` has n, mean, std …

        Values may be of any type; a run that lacks one is in a group of its own. Raises
        `UsageError` for a name that no run has, with the closest ones.
        """
        from expt.reading.groups import group_runs

        return group_runs(self, names, type(self))

    def best(self, name: str, choose: Callable[..., Any] = min) -> Run:
        """The run whose `name` is the smallest, or with `max` the largest.

        `name` is a result, else the last value of a series, else as in `table`. Runs without a
        number there are passed over. Raises `UsageError` where no run has one.
        """
        numbers = []
        for run in self:
            values = (field_value(run, full) for full in (f"results.{name}", f"last.{name}", name))
            value = next((value for value in values if value is not MISSING), None)
            if isinstance(value, (int, float)) and value == value:
                numbers.append((value, run))
        if not numbers:
            raise unknown_field(self, name)
        best: tuple[float, Run] = choose(numbers, key=lambda pair: pair[0])
        return best[1]

    def plot(
        self,
        name: str,
        *,
        color: str | None = None,
        band: str | Sequence[str] | None = None,
        style: str = "light",
    ) -> Figure:
        """One series of every run that has it, in one figure.

        `color` is a parameter, by default the one that explains most of where the curves end. A
        line is the mean of the runs that differ in nothing but `band` (by default `seed` and
        `repeat`), the band around it one standard deviation. `style` is "light", "dark" or one of
        matplotlib's names. Raises `KeyError`, with the closest names, for a series or a parameter
        that no run has.
        """
        from expt.reading.plotting import plot_together  # matplotlib is slow to import

        told = (
            (
                run.short_id if run.case is None else f"{run.case} {run.short_id}",
                dict(leaf_values(run.params)),
                run.series,
                run.status == "completed",
            )
            for run in self
        )
        return plot_together(told, name, color, band, style, self.units)

    @property
    def units(self) -> dict[str, str]:
        """Dotted name → unit of the parameters that have one, in any of the runs."""
        units: dict[str, str] = {}
        for run in self:
            try:
                words = run.words
            except DamagedArchive:
                continue
            units.update((name, said["unit"]) for name, said in words.items() if said.get("unit"))
        return units
