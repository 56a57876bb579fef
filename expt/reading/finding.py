"""Which runs are asked for: the one question that every verb, the page and `expt.runs` ask.

    words ─► Query ─► rows of the index ─► runs ─► what the condition accepts ─► sorted, limited

The index alone excludes what it can; whether a run is shown is decided on the run.
"""

from __future__ import annotations

import bisect
import contextlib
import datetime as dt
import heapq
import sys
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from expt.ground.clock import local_now
from expt.ground.errors import DamagedArchive, ReadingError, UsageError, did_you_mean
from expt.ground.expression import Expression, compile_expression, keyword_matcher
from expt.ground.model import STATUSES
from expt.ground.side_by_side import work_side_by_side
from expt.ground.value_classes import evolve, field, frozen
from expt.reading.fields import FIELDS, MISSING, field_value, sort_runs, unknown_field
from expt.reading.index import Catalogue, open_catalogue
from expt.reading.moments import parse_day, parse_moment
from expt.reading.narrowing import narrow, number_columns
from expt.reading.run import Run
from expt.reading.runs import Runs
from expt.reading.scanning import roots_beside
from expt.reading.where import UNKNOWN, Condition, compile_condition

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Sequence, Set
    from pathlib import Path

    from expt.reading.shelves import Row

SHORTEST_ID: Final = 4
LATEST: Final = "latest"
_PORTION: Final = 100  # runs that are told at a time
_FEWEST: Final = 500  # runs that are worth a process to tell them
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND: Final = dt.timedelta(microseconds=1)


@frozen
class Query:
    """What a run must be to be found. Times are microseconds since 1970, `end` is not included."""

    keyword: Expression
    statuses: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    begin: int | None = None
    end: int | None = None
    session: str = ""
    condition: Condition | None = None
    seen: set[str] = field(factory=set)
    """Names of the condition that a run had."""

    @property
    def _written_statuses(self) -> frozenset[str]:
        """A lost run says in its file that it is running."""
        return self.statuses | {"running"} if "lost" in self.statuses else self.statuses

    def admits_row(self, row: Row) -> bool:
        """False for what the index alone can exclude; `-k` is asked elsewhere."""
        if self.statuses and row.status not in self._written_statuses:
            return False
        if self.tags and not self.tags <= set(row.tags):
            return False
        return self._is_in_time(row.started)

    def admits(self, run: Run) -> bool:
        """Whether a run is what is asked for, names aside."""
        if self.statuses and run.status not in self.statuses:
            return False
        if not self._is_any_time and not self._is_in_time(_since_epoch(run.started)):
            return False
        if self.session and not (run.session or "").startswith(self.session):
            return False
        if self.tags and not self.tags <= set(run.tags):
            return False
        return self.condition is None or self.condition.matches(lambda name: self._look(run, name))

    @property
    def _is_any_time(self) -> bool:
        return self.begin is None and self.end is None

    def _is_in_time(self, started: int) -> bool:
        if self.begin is not None and started < self.begin:
            return False
        return self.end is None or started < self.end

    def _look(self, run: Run, name: str) -> Any:
        value = field_value(run, name)
        if value is MISSING:
            return UNKNOWN
        self.seen.add(name)
        return value

    def unknown_names(self) -> list[str]:
        """Names of the condition that no run had that was asked for them."""
        names = frozenset() if self.condition is None else self.condition.names
        return sorted(names - self.seen - set(FIELDS))


def make_query(
    *,
    k: str = "",
    where: str = "",
    status: str | Iterable[str] | None = None,
    tag: str | Iterable[str] | None = None,
    on: str | None = None,
    session: str | None = None,
    since: str | dt.datetime | None = None,
    until: str | dt.datetime | None = None,
) -> Query:
    """The query that words such as those of `find_runs` mean. Raises `UsageError`."""
    now = local_now()
    begins = [_microseconds(since, "--since", now)]
    ends = [_microseconds(until, "--until", now, later=1)]
    if on is not None:
        day = parse_day(on, "--on", now)
        begins.append(_microseconds(day[0], "--on", now))
        ends.append(_microseconds(day[1], "--on", now))
    return Query(
        compile_expression(k, "-k"),
        _known_statuses(_texts(status)),
        frozenset(_texts(tag)),
        max((begin for begin in begins if begin is not None), default=None),
        min((end for end in ends if end is not None), default=None),
        session or "",
        compile_condition(where, now) if where.strip() else None,
    )


def find_runs(
    root: Path,
    *,
    sort: str | None = None,
    limit: int | None = None,
    smoke: bool = False,
    scratch: bool = False,
    outlined: bool = False,
    **words: Any,
) -> Runs:
    """The runs below the archive root `root`, newest first, or sorted by `sort`.

    `words` are those of `make_query`: `k` selects by the names of the node id as `-k` does,
    `where` by a condition such as `lr < 0.1 and results.accuracy > 0.9`; a run has one of the
    statuses and all of the tags; `on` is a day, `since` and `until` are times, or texts such as
    `2 days ago`; `session` the beginning of a session's id, or `latest`. Archives of `--smoke`
    and `--scratch` come along only when asked for. Archives that cannot be read are in `damaged`.
    `outlined` has other processes make `Run.outline_text` of a part of very many.
    Raises `UsageError`, also for a name in `where` that no run has.
    """
    query = make_query(**words)
    limit = min(limit, sys.maxsize) if limit else None
    roots = [root, *roots_beside(root, smoke=smoke, scratch=scratch)]
    with contextlib.ExitStack() as stack:
        catalogues = [stack.enter_context(open_catalogue(place)) for place in roots]
        damaged = [error for catalogue in catalogues for error in damages(catalogue)]
        shorten = id_shortener(run_id for catalogue in catalogues for run_id in catalogue.ids)
        if query.session == LATEST:
            query = evolve(query, session=_latest_session(catalogues, shorten))
        first = None if sort else limit
        best = (sort, limit) if sort and limit else None
        found = [
            _select_outlined(catalogue, query, shorten)
            if outlined and not sort and not limit
            else _select(catalogue, query, first, shorten, best)
            for catalogue in catalogues
        ]
        merged = heapq.merge(*found, key=lambda pair: pair[0], reverse=True)
        runs = [run for _, run in islice(merged, first)]
        _reject_unknown(query, lambda: _every_run(catalogues, shorten))
    if sort:
        runs = sort_runs(runs, sort)[:limit]
    return Runs(runs, damaged)


def find_runs_of(root: Path, experiments: Container[str]) -> list[Run]:
    """The runs of experiments, by their node ids without a case, below `root`; newest first."""
    with open_catalogue(root) as catalogue:
        rows = [row for row in catalogue.rows if row.experiment in experiments]
        return [run for _, run in _read_rows(catalogue, rows, lambda whole: whole)]


def choose_runs(
    runs: Iterable[Run], *, sort: str | None = None, limit: int | None = None, **words: Any
) -> Runs:
    """Those of `runs` that the same words leave, in their order or sorted. Raises `UsageError`."""
    query = make_query(**words)
    there = list(runs)
    if query.session == LATEST:
        newest = sorted(there, key=lambda run: run.started, reverse=True)
        query = evolve(query, session=_session_of(newest))
    admits_name = _name_filter(query.keyword)
    found = [run for run in there if admits_name(run.experiment, run.case) and query.admits(run)]
    _reject_unknown(query, lambda: there)
    return Runs(sort_runs(found, sort)[: limit or None] if sort else found[: limit or None])


def _reject_unknown(query: Query, every: Callable[[], Iterable[Run]]) -> None:
    """Raise for a name of the condition that no run has; where there are no runs, do not."""
    for name in query.unknown_names():
        known = (field_value(run, name) is not MISSING for run in every())
        if any(known):
            continue
        runs = list(every())
        if runs:
            raise unknown_field(runs, name)


def _every_run(catalogues: Iterable[Catalogue], shorten: Callable[[str], str]) -> Iterator[Run]:
    for catalogue in catalogues:
        for _, run in _read_rows(catalogue, catalogue.rows, shorten):
            yield run


def _latest_session(catalogues: Iterable[Catalogue], shorten: Callable[[str], str]) -> str:
    """The session of the newest run that has one."""
    found = [
        (row.started, catalogue, row) for catalogue in catalogues for row in catalogue.rows[:50]
    ]
    found.sort(key=lambda each: each[0], reverse=True)
    return _session_of(
        run for _, catalogue, row in found for _, run in _read_rows(catalogue, [row], shorten)
    )


def _session_of(runs: Iterable[Run]) -> str:
    return next((run.session for run in runs if run.session), LATEST)


def _select(
    catalogue: Catalogue,
    query: Query,
    limit: int | None,
    shorten: Callable[[str], str],
    best: tuple[str, int] | None = None,
) -> Iterator[tuple[int, Run]]:
    """`(started, run)` of what the query admits, newest first, read a few at a time.

    With `best`, what is sorted by and how many are wanted, those that the index knows to come
    after so many others may be missing.
    """
    rows = _rows_that_may(catalogue, query)
    if best is not None and query.condition is None and not query.session:
        beyond = _beyond(catalogue, {row.folder for row in rows}, *best)
        rows = [row for row in rows if row.folder not in beyond]
    some = len(rows) if limit is None else max(2 * limit, 50)
    for start in range(0, len(rows), some or 1):
        for row, run in _read_rows(catalogue, rows[start : start + some], shorten):
            if query.admits(run):
                yield row.started, run


def _select_outlined(
    catalogue: Catalogue, query: Query, shorten: Callable[[str], str]
) -> Iterator[tuple[int, Run]]:
    """As `_select`, with the outlines of the runs; of many, other processes make a part."""
    rows = list(catalogue.summaries(_rows_that_may(catalogue, query)))
    portions = [rows[start : start + _PORTION] for start in range(0, len(rows), _PORTION)]

    def tell(portion: Sequence[tuple[Row, str | None]]) -> tuple[list[str | None], list[str]]:
        """The outline of each that is admitted, and the names that were seen so far."""
        texts: list[str | None] = []
        for row, text in portion:
            run = _run_of(catalogue, row, text, shorten)
            texts.append(run.outline_text if run and query.admits(run) else None)
        return texts, list(query.seen)

    told = work_side_by_side(tell, portions, fewest=_FEWEST // _PORTION)
    for portion, there in zip(portions, told, strict=True):
        outlines, seen = there or tell(portion)
        query.seen.update(seen)
        for (row, text), outline in zip(portion, outlines, strict=True):
            run = outline and _run_of(catalogue, row, text, shorten, outline)
            if run:
                yield row.started, run


def _rows_that_may(catalogue: Catalogue, query: Query) -> list[Row]:
    """The rows of what the query may admit, newest first."""
    admits_name = _name_filter(query.keyword)
    narrowing = None if query.condition is None else narrow(query.condition.tree)
    return [
        row
        for row in (catalogue.rows if narrowing is None else catalogue.rows_that_may(narrowing))
        if query.admits_row(row) and admits_name(row.experiment, row.case)
    ]


def _beyond(catalogue: Catalogue, asked: Set[str], sort: str, limit: int) -> frozenset[str]:
    """The folders of those asked for that come after `limit` others in the order of `sort`."""
    name = sort.removeprefix("-")
    columns = number_columns(name)
    if not columns or len(asked) <= limit:
        return frozenset()
    sign = 1 if name == sort else -1
    numbers = catalogue.numbers(columns)
    order = {folder: sign * numbers[folder] for folder in numbers.keys() & asked}
    if len(order) <= limit:
        return frozenset()
    last = heapq.nsmallest(limit, order.values())[-1]
    return frozenset(folder for folder, number in order.items() if number > last)


def _read_rows(
    catalogue: Catalogue, rows: Sequence[Row], shorten: Callable[[str], str]
) -> Iterator[tuple[Row, Run]]:
    for row, text in catalogue.summaries(rows):
        run = _run_of(catalogue, row, text, shorten)
        if run is not None:
            yield row, run


def _run_of(
    catalogue: Catalogue,
    row: Row,
    text: str | None,
    shorten: Callable[[str], str],
    outline_text: str | None = None,
) -> Run | None:
    """The run of a row and its summary; None where it vanished meanwhile."""
    path, labelled = catalogue.path_of(row), row.is_labelled
    try:
        return Run(path, text, shorten, labelled=labelled, outline_text=outline_text)
    except ReadingError:
        return None


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
    known = list(ids)
    ordered: list[str] = []

    def shorten(whole: str) -> str:
        if not ordered:
            ordered.extend(sorted(known))
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


def _since_epoch(moment: dt.datetime) -> int:
    return (moment.astimezone(dt.UTC) - _EPOCH) // _MICROSECOND


def _microseconds(
    moment: str | dt.datetime | None, option: str, now: dt.datetime, *, later: int = 0
) -> int | None:
    if moment is None:
        return None
    if isinstance(moment, str):
        moment = parse_moment(moment, option, now)
    try:
        return _since_epoch(moment) + later
    except (ValueError, OverflowError):
        raise UsageError(f"'{moment}' is too far from here", option) from None
