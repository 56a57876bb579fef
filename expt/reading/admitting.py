"""The runs of one catalogue that a query admits: the index excludes, and the runs decide.

rows that may match ─► read a few at a time ─► runs
                       with their outlines:    what the index is sure of is told as it has it,
                                               of many others each process tells a part
"""

from __future__ import annotations

import heapq
from functools import partial
from typing import TYPE_CHECKING, Final

from expt.ground.errors import ReadingError
from expt.ground.side_by_side import work_side_by_side
from expt.reading.narrowing import narrow, number_columns
from expt.reading.query import name_filter
from expt.reading.run import Run

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence, Set

    from expt.reading.index import Catalogue
    from expt.reading.outlines import Outlined
    from expt.reading.query import Query
    from expt.reading.shelves import Row

_FIRST: Final = 20  # runs that are read in any case
_PORTION: Final = 100  # runs that are told at a time
_FEWEST: Final = 500  # runs that are worth a process to tell them


def select(
    catalogue: Catalogue, query: Query, limit: int | None, best: tuple[str, int] | None = None
) -> Iterator[tuple[int, Run]]:
    """`(started, run)` of what the query admits, newest first, read a few at a time.

    With `best`, what is sorted by and how many are wanted, those that the index knows to come
    after so many others may be missing.
    """
    rows, _ = narrowed(catalogue, query)
    if best is not None and query.condition is None and not query.session:
        beyond = _beyond(catalogue, {row.folder for row in rows}, *best)
        rows = [row for row in rows if row.folder not in beyond]
    some = len(rows) if limit is None else max(2 * limit, 50)
    for start in range(0, len(rows), some or 1):
        for row, run in read_rows(catalogue, rows[start : start + some]):
            if query.admits(run):
                yield row.started, run


def select_outlined(catalogue: Catalogue, query: Query) -> Iterator[tuple[int, Run]]:
    """As `select`, with the outlines of the runs: those that the index has, where nothing else of
    them needs to be asked. Of many others, other processes tell a part."""
    rows, sure = narrowed(catalogue, query)
    there = list(catalogue.summaries(rows))
    tell = partial(_tell, catalogue, query)
    tell(there[:_FIRST])  # so that the names that runs have are known
    if query.condition is None:
        sure = {row.folder for row in rows}
    if query.session or query.unknown_names():
        sure = set()
    asked = [pair for pair in there if pair[0].folder not in sure or not _has_outline(*pair)]
    portions = [asked[start : start + _PORTION] for start in range(0, len(asked), _PORTION)]
    told: dict[str, str] = {}
    found = work_side_by_side(tell, portions, fewest=_FEWEST // _PORTION)
    for portion, answer in zip(portions, found, strict=True):
        texts, seen = answer or tell(portion)
        told |= texts
        query.seen.update(seen)
    left_out = {row.folder for row, _ in asked} - told.keys()
    for row, summary in there:
        if row.folder not in left_out:
            path = catalogue.path_of(row)
            outline = told.get(row.folder) or (summary and summary.outline_at(path))
            run = _run_of(catalogue, row, summary, outline)
            if run is not None:
                yield row.started, run


def _has_outline(row: Row, summary: Outlined | None) -> bool:
    """Whether the index has an outline, and of this run."""
    begin = f'{{"id": "{row.id}", '
    return summary is not None and summary.told > len(begin) and summary.text.startswith(begin)


def _tell(
    catalogue: Catalogue, query: Query, rows: Sequence[tuple[Row, Outlined | None]]
) -> tuple[dict[str, str], list[str]]:
    """Folder → outline of those that are admitted, and the names that were seen so far."""
    told = {}
    for row, summary in rows:
        run = _run_of(catalogue, row, summary)
        if run is not None and query.admits(run):
            told[row.folder] = run.outline_text
    return told, list(query.seen)


def narrowed(catalogue: Catalogue, query: Query) -> tuple[list[Row], set[str]]:
    """The rows of what the query may admit, newest first; and the folders of those that match
    its condition for sure."""
    admits_name = name_filter(query.keyword)
    narrowing = None if query.condition is None else narrow(query.condition.tree)
    rows, sure = catalogue.narrowed(narrowing)
    return [
        row for row in rows if query.admits_row(row) and admits_name(row.experiment, row.case)
    ], sure


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


def read_rows(catalogue: Catalogue, rows: Sequence[Row]) -> Iterator[tuple[Row, Run]]:
    for row, summary in catalogue.summaries(rows):
        run = _run_of(catalogue, row, summary)
        if run is not None:
            yield row, run


def _run_of(
    catalogue: Catalogue, row: Row, summary: Outlined | None, outline: str | None = None
) -> Run | None:
    """The run of a row and its summary; None where it vanished meanwhile."""
    path, text = catalogue.path_of(row), summary and summary.text
    try:
        shorten, labelled = catalogue.shorten, row.is_labelled
        return Run(path, text, shorten, labelled=labelled, outline_text=outline)
    except ReadingError:
        return None
