"""`Runs`: many archives at once, found through the index, as tables, comparisons and plots."""

from __future__ import annotations

import bisect
import contextlib
import datetime as dt
import heapq
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, overload

import attrs

from expt.ground.encoding import is_same
from expt.ground.errors import DamagedArchive, ReadingError, UsageError, did_you_mean
from expt.ground.expression import Expression, compile_expression, keyword_matcher
from expt.ground.model import STATUSES
from expt.reading.fields import MISSING, field_value, leaf_names, leaf_values, unknown_field
from expt.reading.index import Catalogue, Row, open_catalogue
from expt.reading.moments import parse_moment
from expt.reading.run import Run
from expt.reading.scanning import roots_beside
from expt.reading.tables import Table

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.figure import Figure

SHORTEST_ID: Final = 4
_ALWAYS: Final = ("id", "experiment", "case", "status", "started", "duration")
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class Runs(Sequence[Run]):
    """Archived runs, newest first where they were found by `find_runs`.

    `damaged` are the archives below the same root that cannot be read, each with its reason.
    """

    def __init__(self, runs: Iterable[Run], damaged: Iterable[ReadingError] = ()) -> None:
        self._runs = tuple(runs)
        self.damaged = tuple(damaged)

    @overload
    def __getitem__(self, index: int) -> Run: ...
    @overload
    def __getitem__(self, index: slice) -> Runs: ...
    def __getitem__(self, index: int | slice) -> Run | Runs:
        if isinstance(index, slice):
            return Runs(self._runs[index], self.damaged)
        return self._runs[index]

    def __len__(self) -> int:
        return len(self._runs)

    def __repr__(self) -> str:
        lines = [f"<{len(self)} runs>", repr(self[:20].table()) if self else ""]
        lines.append(f"… and {len(self) - 20} more" if len(self) > 20 else "")
        lines += [f"damaged: {error.at}: {error.what}" for error in self.damaged[:5]]
        return "\n".join(filter(None, lines))

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()

    def filter(self, accept: Callable[[Run], bool]) -> Runs:
        """The runs for which `accept(run)` is true."""
        return Runs((run for run in self if accept(run)), self.damaged)

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
        """`table()` as a `DataFrame`, where pandas is installed."""
        return self.table().to_pandas()

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
        matplotlib's names. Raises `KeyError`, with the closest
        names, for a series or a parameter that no run has.
        """
        from expt.reading.plotting import plot_together  # matplotlib is slow to import

        told = (
            (
                run.short_id if run.case is None else f"{run.case} {run.short_id}",
                dict(leaf_values(run.params)),
                run.series,
            )
            for run in self
        )
        return plot_together(told, name, color, band, style)


# Finding


@attrs.frozen
class Query:
    """What a run must be to be found. Times are microseconds since 1970."""

    keyword: Expression
    statuses: frozenset[str]
    tags: frozenset[str]
    since: int | None = None
    until: int | None = None

    @property
    def _written_statuses(self) -> frozenset[str]:
        """A lost run says in its file that it is running."""
        return self.statuses | {"running"} if "lost" in self.statuses else self.statuses

    def admits_row(self, row: Row) -> bool:
        """False for what the index alone can exclude; `-k` is asked elsewhere."""
        if self.since is not None and row.started < self.since:
            return False
        if self.until is not None and row.started > self.until:
            return False
        if self.statuses and row.status not in self._written_statuses:
            return False
        return not self.tags or self.tags <= set(json.loads(row.tags))

    def admits_run(self, run: Run) -> bool:
        """Whether the status is the one asked for, `lost` runs told from running ones."""
        return not self.statuses or run.status in self.statuses


def find_runs(
    root: Path,
    *,
    k: str = "",
    status: str | Iterable[str] | None = None,
    tag: str | Iterable[str] | None = None,
    since: str | dt.datetime | None = None,
    until: str | dt.datetime | None = None,
    limit: int | None = None,
    smoke: bool = False,
    scratch: bool = False,
) -> Runs:
    """The runs below the archive root `root`, newest first.

    `k` selects by the names of the node id as `-k` does; a run has one of the statuses and all of
    the tags; `since` and `until` are times, or texts such as `2 days ago`. Archives of `--smoke`
    and `--scratch` come along only when asked for. Archives that cannot be read are in `damaged`.
    """
    limit = None if limit is None else min(limit, sys.maxsize)
    query = Query(
        compile_expression(k, "-k"),
        _known_statuses(_texts(status)),
        frozenset(_texts(tag)),
        _as_microseconds(since, "--since"),
        _as_microseconds(until, "--until"),
    )
    roots = [root, *roots_beside(root, smoke=smoke, scratch=scratch)]
    with contextlib.ExitStack() as stack:
        catalogues = [stack.enter_context(open_catalogue(place)) for place in roots]
        damaged = [error for catalogue in catalogues for error in damages(catalogue)]
        shorten = id_shortener(row.id for catalogue in catalogues for row in catalogue.rows)
        found = [_select(catalogue, query, limit, shorten) for catalogue in catalogues]
        merged = heapq.merge(*found, key=lambda pair: pair[0], reverse=True)
        return Runs([run for _, run in islice(merged, limit)], damaged)


def _select(
    catalogue: Catalogue, query: Query, limit: int | None, shorten: Callable[[str], str]
) -> Iterator[tuple[int, Run]]:
    """`(started, run)` of what the query admits, newest first, read a few at a time."""
    admits_name = _name_filter(query.keyword)
    rows = [
        row
        for row in catalogue.rows
        if query.admits_row(row) and admits_name(row.experiment, row.case)
    ]
    some = len(rows) if limit is None else max(2 * limit, 50)
    for start in range(0, len(rows), some or 1):
        for row, text in catalogue.summaries(rows[start : start + some]):
            with contextlib.suppress(ReadingError):  # it vanished meanwhile
                run = Run(catalogue.path_of(row), text, shorten(row.id))
                if query.admits_run(run):
                    yield row.started, run


def _name_filter(keyword: Expression) -> Callable[[str, str | None], bool]:
    """Whether `-k` selects an experiment's case; each is asked once."""
    known: dict[tuple[str, str | None], bool] = {}

    def admits(experiment: str, case: str | None) -> bool:
        key = (experiment, case)
        if key not in known:
            names = experiment.replace("::", "/").split("/")
            matches = keyword_matcher([*names, *([case] if case else [])], complete=True)
            known[key] = keyword.evaluate(matches) is True
        return known[key]

    return admits if keyword.text.strip() else lambda *_: True


def damages(catalogue: Catalogue) -> Iterator[ReadingError]:
    """The archives that cannot be read, as errors that name them."""
    for row in catalogue.problems:
        yield DamagedArchive(row.problem or "", catalogue.path_of(row))


def id_shortener(ids: Iterable[str]) -> Callable[[str], str]:
    """A function that gives the shortest beginning of an id that no other of `ids` shares."""
    ordered = sorted(ids)

    def shorten(whole: str) -> str:
        place = bisect.bisect_left(ordered, whole)
        neighbours = ordered[max(place - 1, 0) : place] + ordered[place + 1 : place + 2]
        for length in range(SHORTEST_ID, len(whole)):
            if not any(other.startswith(whole[:length]) for other in neighbours):
                return whole[:length]
        return whole

    return shorten


def _texts(value: str | Iterable[str] | None) -> list[str]:
    return [] if value is None else [value] if isinstance(value, str) else list(value)


def _known_statuses(statuses: Iterable[str]) -> frozenset[str]:
    for status in statuses:
        if status not in STATUSES:
            hint = did_you_mean(status, STATUSES) or f"there are: {', '.join(sorted(STATUSES))}"
            raise UsageError(f"there is no status '{status}'", "--status", hint)
    return frozenset(statuses)


def _as_microseconds(moment: str | dt.datetime | None, option: str) -> int | None:
    if moment is None:
        return None
    if isinstance(moment, str):
        moment = parse_moment(moment, option, dt.datetime.now().astimezone())
    try:
        return (moment.astimezone(dt.UTC) - _EPOCH) // dt.timedelta(microseconds=1)
    except (ValueError, OverflowError):
        raise UsageError(f"'{moment}' is too far from here", option) from None
