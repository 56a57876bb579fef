"""What the runs below a root hold, by columns: of a hundred thousand in seconds.

rows, newest first ─┬─► sheets   what the columns of the index tell of the archives of a shelf
                    └─► runs     those of which columns do not tell everything
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

from expt.ground.encoding import parse_strict
from expt.ground.value_classes import field, frozen
from expt.reading.admitting import read_rows
from expt.reading.cells import EXTREMES, IS_TABLE, TEXT_FIELDS, TIMES, UNTOLD

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence, Set

    from expt.ground.errors import ReadingError
    from expt.reading.index import Catalogue
    from expt.reading.run import Run
    from expt.reading.shelves import Row, Shelf

    Values = tuple[Sequence[int], Sequence[Any]]
    """Places in a listing, and the value, as strict JSON, that each of them has."""
    Sheet = dict[tuple[str, str], Sequence[Any]]

_HEADS: Final = ("experiment", "case", "status", "tags")
_GAP: Final = object()
_NO_VALUES: Final = frozenset({list, type(None)})
_WHOLE: Final = frozenset({*_HEADS, *TEXT_FIELDS, *TIMES})  # columns whose name is that of a field


@frozen(eq=False)
class Listing:
    """Runs, newest first, each by its place.

    `columns` maps part and dotted name to the values that there are, a pair for each sheet: parts
    are `run` (its fields), params, results, lineage, last, min, max, `series` (the kind of one
    whose last value is no number) and `unit` (of a parameter). `runs` tell by themselves what they
    hold. `stamps` are those of every archive below the root, listed or not, by folder; `more` runs
    are not listed yet. `damaged` are the archives that cannot be read, each with its reason.
    """

    ids: Sequence[str]
    short: Sequence[str]
    columns: Mapping[tuple[str, str], Sequence[Values]] = field(factory=dict)
    runs: Mapping[int, Run] = field(factory=dict)
    stamps: Mapping[str, str] = field(factory=dict)
    more: int = 0
    damaged: Sequence[ReadingError] = ()


def list_of(
    runs: Iterable[Run],
    stamps: Mapping[str, str] | None = None,
    more: int = 0,
    damaged: Sequence[ReadingError] = (),
) -> Listing:
    """The listing of runs in their order, of which each tells by itself what it holds."""
    there = list(runs)
    ids, short = [run.id for run in there], [run.short_id for run in there]
    return Listing(ids, short, {}, dict(enumerate(there)), stamps or {}, more, damaged)


def list_rows(catalogue: Catalogue, rows: Sequence[Row]) -> Listing:
    """What rows of a catalogue are of, told by its columns as far as they can."""
    asked = {row.folder for row in rows}
    sheets = [(shelf, *_sheet_of(shelf, asked)) for shelf in catalogue.shelves]
    told = {shelf.folders[place] for shelf, _, places in sheets for place in places}
    alone = [row for row in rows if row.folder not in told]
    runs = {row.folder: run for row, run in read_rows(catalogue, alone)}
    there = [row for row in rows if row.folder in told or row.folder in runs]
    order = {row.folder: place for place, row in enumerate(there)}
    columns: dict[tuple[str, str], list[Values]] = {}
    for shelf, sheet, places in sorted(
        (each for each in sheets if each[2]),
        key=lambda each: min(order[each[0].folders[place]] for place in each[2]),
    ):
        at = [order[shelf.folders[place]] for place in places]
        for key, column in sheet.items():
            if (values := _chosen(column, places, at))[0]:
                columns.setdefault(key, []).append(values)
    ids = [row.id for row in there]
    return Listing(
        ids,
        [*map(catalogue.shorten, ids)],
        columns,
        {order[folder]: run for folder, run in runs.items()},
        catalogue.stamps,
        catalogue.more,
    )


def _chosen(column: Sequence[Any], places: Sequence[int], at: Sequence[int]) -> Values:
    """The values that a column has at `places`, which are listed `at` others."""
    values = column if len(places) == len(column) else [column[place] for place in places]
    if _GAP not in values:
        return at, values
    there = [(where, value) for where, value in zip(at, values, strict=True) if value is not _GAP]
    return [where for where, _ in there], [value for _, value in there]


def _sheet_of(shelf: Shelf, asked: Set[str]) -> tuple[Sheet, Sequence[int]]:
    """The columns of a shelf by part and name, and the places of those that were asked for and of
    which columns tell everything."""
    folders, unsure = shelf.folders, shelf.unsure
    places = [place for place in shelf.places if folders[place] in asked and not unsure[place]]
    sheet: Sheet = {("run", name): shelf.head(name) for name in _HEADS}
    untold: set[int] = set()
    for name in shelf.names if places else ():
        key = _key_of(name)
        if key is None:
            continue
        column = shelf.column(name)
        if column is None or key in sheet:  # it is damaged, or a name holds a dot
            return sheet, []
        try:
            sheet[key] = _as_json(column, untold)
        except (ValueError, TypeError):
            return sheet, []
    return sheet, [place for place in places if place not in untold] if untold else places


@cache
def _key_of(column: str) -> tuple[str, str] | None:
    """The part and the dotted name of what a column has; None for what a listing does not tell."""
    part, *path = column.split("\0")
    if not path:
        return ("run", part) if part in _WHOLE else None
    if part == "series":
        return (path[-1] if path[-1] in EXTREMES else "series", path[0])
    return None if part == "made" else (part, ".".join(path))


def _as_json(column: Sequence[Any], untold: set[int]) -> Sequence[Any]:
    """The values of a column as strict JSON, a gap where there is none; places of those that are
    not told come to `untold`. Raises `ValueError`, `TypeError` for what was not made of a value."""
    kinds = set(map(type, column))
    if kinds.isdisjoint(_NO_VALUES):
        return column
    if UNTOLD in column:
        untold.update(place for place, value in enumerate(column) if value == UNTOLD)
    known: dict[str, Any] = {"": _GAP}
    for value in column:
        if type(value) is list and value != IS_TABLE and value[0] not in known:
            known[value[0]] = parse_strict(value[0])
    return [
        _GAP if value is None else known["".join(value)] if type(value) is list else value
        for value in column
    ]
