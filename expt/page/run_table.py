"""The table of runs, as the page is told of it: by columns, as strict JSON.

Columns rather than rows, since ten thousand runs have the same names ten thousand times. They are
those of the index; only of runs of which it does not tell everything is each asked by itself.
"""

from __future__ import annotations

import contextlib
import math
from typing import TYPE_CHECKING, Any, Final

from expt.ground.encoding import from_json, to_json
from expt.ground.errors import DamagedArchive
from expt.ground.layout import OWN_SERIES
from expt.reading.fields import FIELDS, leaf_values

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from expt.reading.listed import Listing, Values
    from expt.reading.run import Run

    Pieces = dict[tuple[str, str], list[Values]]

_FIELDS: Final = tuple(name for name in FIELDS if name not in ("id", "path"))
"""Names that any run has: an id stands before the columns, and a report may go anywhere."""
_EMPTY: Final = {"description": ""}  # of fields: what stands there where nothing was said
_EXACT: Final = 2**53
_NUMBERS: Final = frozenset({int, float})


def tell_table(listing: Listing) -> dict[str, Any]:
    """Every run by columns: `{"ids", "short", "columns": [{"name", "part", "values"}], "series",
    "units", "fields", "damaged"}`; `fields` are the names of what is no part, `damaged` the places
    of archives that cannot be read, and why.

    `part` is run, params, results, lineage, last, min, max, or series for the kind of one that is
    no scalar; a run that lacks a value has null there, and `missing` lists the rows that have
    none at all, so that null the value is told from null the gap. What is the same in every run
    is told once, as `every` in place of `values`.
    """
    sources = [listing.columns, _ask(listing.runs)]  # the newest says how names are ordered
    pieces: Pieces = {}
    for source in sources[::-1] if 0 in listing.runs else sources:
        for key, values in source.items():
            pieces.setdefault(key, []).extend(values)
    pieces["run", "session"] = pieces.get(("lineage", "session"), [])
    kinds: dict[str, str] = {}
    units: dict[str, str] = {}
    count = len(listing.ids)
    columns = [_tell_column("run", name, pieces.get(("run", name), ()), count) for name in _FIELDS]
    for (part, name), values in sorted(pieces.items(), key=_is_own):
        if part == "unit":
            units[name] = values[0][1][0]
        elif part != "run":
            if part in ("last", "series"):
                kinds.setdefault(name, "scalar" if part == "last" else values[0][1][0])
            if there := values if part != "series" else [*filter(None, map(_others, values))]:
                columns.append(_tell_column(part, name, there, count))
    return {
        "ids": listing.ids,
        "short": listing.short,
        "columns": columns,
        "series": kinds,
        "units": units,
        "fields": _FIELDS,
        "damaged": [[error.at or "", error.what] for error in listing.damaged],
    }


def _is_own(piece: tuple[tuple[str, str], Any]) -> bool:
    """Series that expt measured come last."""
    return piece[0][1].startswith(OWN_SERIES)


def _others(kinds: Values) -> Values | None:
    """Of kinds those that are no scalars, where there are any."""
    there = [(row, kind) for row, kind in zip(*kinds, strict=True) if kind != "scalar"]
    return ([row for row, _ in there], [kind for _, kind in there]) if there else None


def _tell_column(part: str, name: str, pieces: Sequence[Values], count: int) -> dict[str, Any]:
    """The values of a name, which each of the `pieces` has of some rows."""
    values: list[Any] = [_EMPTY.get(name) if part == "run" else None] * count
    missing: set[int] = set()
    if part != "run" and sum(len(rows) for rows, _ in pieces) < count:
        missing = set(range(count)).difference(*(rows for rows, _ in pieces))
    for rows, there in pieces:
        for row, value in zip(rows, there, strict=True):
            values[row] = value
    if not _NUMBERS.isdisjoint(map(type, values)):
        values = [_exact(value) if type(value) in _NUMBERS else value for value in values]
    told = {"name": name, "part": part, "missing": sorted(missing)}
    first = values[0] if values else None
    if not missing and values.count(first) == count and len(set(map(repr, values))) == 1:
        return told | {"every": first}  # and no 1 among 1.0 and True, no -0.0 among 0.0
    return told | {"values": values}


def _ask(runs: Mapping[int, Run]) -> Mapping[tuple[str, str], Sequence[Values]]:
    """What runs hold that tell it by themselves, as a listing has it."""
    told: dict[tuple[str, str], list[tuple[list[int], list[Any]]]] = {}
    for row, run in runs.items():
        for part, values in _parts_of(run):
            for name, value in values.items():
                ((rows, there),) = told.setdefault((part, name), [([], [])])
                rows.append(row)
                there.append(value)
        run.let_go()
    return told


def _parts_of(run: Run) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """What a run has in each part: dotted name → value as JSON."""
    outline = run.outline()
    told = {**outline, "setup": run.setup}
    yield "run", {name: told[name] for name in _FIELDS if name != "session"}
    for part in ("params", "results", "lineage"):
        yield part, _leaves(outline[part])
    for which in ("last", "min", "max"):
        yield which, run.extreme(which)
    yield "series", run.series_kinds
    with contextlib.suppress(DamagedArchive):
        units = {name: said.get("unit") for name, said in run.words.items()}
        yield "unit", {name: unit for name, unit in units.items() if type(unit) is str}


def _leaves(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Dotted name → value, as `leaf_values` finds them, of strict JSON."""
    if dict not in map(type, values.values()) and not any(key[:1] == "$" for key in values):
        return values
    leaves: dict[str, Any] = {}
    if _gather_leaves(values, "", leaves):
        return leaves
    return {name: to_json(value) for name, value in leaf_values(from_json(values))}


def _gather_leaves(values: Mapping[str, Any], prefix: str, leaves: dict[str, Any]) -> bool:
    """Whether there was no tag, of which only `from_json` knows what it holds."""
    for key, value in values.items():
        if key.startswith("$"):
            return False
        name = prefix + key
        if type(value) is dict and value:
            if not _gather_leaves(value, f"{name}.", leaves):
                return False
        elif not (prefix and name in leaves):  # a key that holds dots itself comes first
            leaves[name] = value
    return True


def _exact(value: float) -> Any:
    """A number for a browser, whose numbers are exact up to 2^53 alone; a number
    that is not finite becomes strict JSON here."""
    if type(value) is int:
        return value if -_EXACT <= value <= _EXACT else {"$int": str(value)}
    return value if math.isfinite(value) else to_json(value)
