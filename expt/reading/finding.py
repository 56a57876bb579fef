"""Which runs are asked for: the one question that every verb, the page and `expt.runs` ask.

    words ─► Query ─► rows of the index ─► runs ─► what the condition accepts ─► sorted, limited

The index alone excludes what it can; whether a run is shown is decided on the run.
"""

from __future__ import annotations

import bisect
import contextlib
import heapq
import sys
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from expt.ground.errors import DamagedArchive, UsageError
from expt.ground.value_classes import evolve
from expt.reading.admitting import narrowed, read_rows, select, select_outlined
from expt.reading.fields import MISSING, field_value, sort_runs, unknown_field
from expt.reading.index import Catalogue, open_catalogue, open_newest
from expt.reading.listed import Listing, list_of, list_rows
from expt.reading.query import Query, make_query, name_filter
from expt.reading.runs import Runs
from expt.reading.scanning import roots_beside, scan_archives

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator
    from pathlib import Path

    from expt.ground.errors import ReadingError
    from expt.reading.run import Run

SHORTEST_ID: Final = 4
_OF_RUNS: Final = ("where", "session", "sort", "limit", "smoke", "scratch")
"""Words that are asked of runs, and not of columns."""
LATEST: Final = "latest"


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
    limit = _most(limit)
    roots = [root, *roots_beside(root, smoke=smoke, scratch=scratch)]
    with contextlib.ExitStack() as stack:
        catalogues = [stack.enter_context(open_catalogue(place)) for place in roots]
        damaged = [error for catalogue in catalogues for error in damages(catalogue)]
        shorten = id_shortener(run_id for catalogue in catalogues for run_id in catalogue.ids)
        for catalogue in catalogues:
            catalogue.shorten = shorten
        if query.session == LATEST:
            query = evolve(query, session=_latest_session(catalogues))
        first = None if sort else limit
        best = (sort, limit) if sort and limit else None
        found = [
            select_outlined(catalogue, query)
            if outlined and not sort and not limit
            else select(catalogue, query, first, best)
            for catalogue in catalogues
        ]
        merged = heapq.merge(*found, key=lambda pair: pair[0], reverse=True)
        runs = [run for _, run in islice(merged, first)]
        _reject_unknown(
            query, lambda: (run for one in catalogues for _, run in read_rows(one, one.rows))
        )
    if sort:
        runs = sort_runs(runs, sort)[:limit]
    return Runs(runs, damaged)


def list_runs(root: Path, *, first: int, **words: Any) -> Iterator[Listing]:
    """What the runs hold that `find_runs` finds, by columns; of ten times as many as `first` or
    more so many of the newest before, in no time. Raises `UsageError`.
    """
    if any(words.get(name) for name in _OF_RUNS):
        stamps = scan_archives(root)
        runs = find_runs(root, **words)
        if len(runs) >= 10 * first:
            yield list_of(runs[:first], more=len(runs) - first)
        yield list_of(runs, stamps, damaged=runs.damaged)
        return
    asked = {name: value for name, value in words.items() if value and name not in _OF_RUNS}
    query = make_query(**asked)
    if not asked:
        with open_newest(root, first) as newest:
            if newest is not None:
                yield _listing_of(newest, query)
    with open_catalogue(root) as catalogue:
        yield _listing_of(catalogue, query)


def _listing_of(catalogue: Catalogue, query: Query) -> Listing:
    rows, _ = narrowed(catalogue, query)
    catalogue.shorten = id_shortener(catalogue.ids)
    return evolve(list_rows(catalogue, rows), damaged=tuple(damages(catalogue)))


def find_runs_of(root: Path, experiments: Container[str]) -> list[Run]:
    """The runs of experiments, by their node ids without a case, below `root`; newest first."""
    with open_catalogue(root) as catalogue:
        rows = [row for row in catalogue.rows if row.experiment in experiments]
        return [run for _, run in read_rows(catalogue, rows)]


def choose_runs(
    runs: Iterable[Run], *, sort: str | None = None, limit: int | None = None, **words: Any
) -> Runs:
    """Those of `runs` that the same words leave, in their order or sorted. Raises `UsageError`."""
    query = make_query(**words)
    there = list(runs)
    if query.session == LATEST:
        newest = sorted(there, key=lambda run: run.started, reverse=True)
        query = evolve(query, session=_session_of(newest))
    admits_name = name_filter(query.keyword)
    found = [run for run in there if admits_name(run.experiment, run.case) and query.admits(run)]
    _reject_unknown(query, lambda: there)
    return Runs((sort_runs(found, sort) if sort else found)[: _most(limit)])


def _most(limit: int | None) -> int | None:
    """How many runs there may be, at most; None for all. Raises `UsageError`."""
    if limit is not None and (type(limit) is not int or limit < 0):
        raise UsageError(f"'{limit}' is no number of runs", "--limit", "0 is all")
    return min(limit, sys.maxsize) if limit else None


def _reject_unknown(query: Query, every: Callable[[], Iterable[Run]]) -> None:
    """Raise for a name of the condition that no run has; where there are no runs, do not."""
    for name in query.unknown_names():
        known = (field_value(run, name) is not MISSING for run in every())
        if any(known):
            continue
        runs = list(every())
        if runs:
            raise unknown_field(runs, name)


def _latest_session(catalogues: Iterable[Catalogue]) -> str:
    """The session of the newest run that has one."""
    found = [
        (row.started, catalogue, row) for catalogue in catalogues for row in catalogue.rows[:50]
    ]
    found.sort(key=lambda each: each[0], reverse=True)
    return _session_of(run for _, one, row in found for _, run in read_rows(one, [row]))


def _session_of(runs: Iterable[Run]) -> str:
    return next((run.session for run in runs if run.session), LATEST)


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
