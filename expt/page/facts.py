"""What the page is told of runs, as strict JSON: the table by columns, one run in full, a series.

Columns rather than rows, since ten thousand runs have the same names ten thousand times, and a
series as its envelope where it has more points than there are pixels: the lowest and the highest
value of every stretch of steps, so that nothing is lost that could be seen.
"""

from __future__ import annotations

import base64
import contextlib
import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from expt.ground.encoding import from_json, to_json
from expt.ground.errors import DamagedArchive, ReadingError
from expt.ground.layout import SERIES_DIR
from expt.ground.value_classes import field, frozen
from expt.page.run_panels import take_panels
from expt.reading.fields import FIELDS, leaf_values

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from expt.reading.run import Run
    from expt.reading.series.tracked import Series

    Array = np.ndarray[Any, Any]

_FIELDS: Final = tuple(name for name in FIELDS if name not in ("id", "path"))
"""Names that any run has: an id stands before the columns, and a report may go anywhere."""
_WORDS: Final = ("unit", "title", "xlabel", "ylabel", "scale")  # of `track.configure`
_EXACT: Final = 2**53
_NUMBERS: Final = frozenset({int, float})
_LARGEST_TEXT: Final = 200_000  # characters of a log or a file of code that are sent at once


def tell_table(runs: Iterable[Run]) -> dict[str, Any]:
    """Every run by columns: `{"ids", "short", "columns": [{"name", "part", "values"}], "series",
    "units", "fields"}`; `fields` are the names of what is no part.

    `part` is run, params, results, lineage, last, min, max, or series for the kind of one that is
    no scalar; a run that lacks a value has null there, and `missing` lists the rows that have
    none at all, so that null the value is told from null the gap. What is the same in every run
    is told once, as `every` in place of `values`.
    """
    ids: list[str] = []
    short: list[str] = []
    alike: dict[tuple[str, tuple[str, ...]], _Alike] = {}
    kinds: dict[str, str] = {}
    units: dict[str, str] = {}
    for row, run in enumerate(runs):
        ids.append(run.id)
        short.append(run.short_id)
        run_kinds = run.series_kinds
        for part, names, values in _parts_of(run, run_kinds):
            found = alike.get((part, names))
            if found is None:
                found = alike[part, names] = _Alike()
            found.rows.append(row)
            found.values.append(values)
        for name, kind in run_kinds.items():
            kinds.setdefault(name, kind)
        with contextlib.suppress(DamagedArchive):
            units.update((name, said["unit"]) for name, said in run.words.items() if "unit" in said)
        run.let_go()
    columns = _tell_columns(alike, len(ids))
    return {
        "ids": ids,
        "short": short,
        "columns": columns,
        "series": kinds,
        "units": units,
        "fields": _FIELDS,
    }


@frozen
class _Alike:
    """The rows that have the same names in one part, which most have in a sweep."""

    rows: list[int] = field(factory=list)
    values: list[tuple[Any, ...]] = field(factory=list)


def _tell_columns(
    alike: Mapping[tuple[str, tuple[str, ...]], _Alike], count: int
) -> list[dict[str, Any]]:
    """The columns of what is `alike`, by part and names."""
    columns: dict[tuple[str, str], list[tuple[list[int], tuple[Any, ...]]]] = {}
    for (part, names), found in alike.items():
        for name, values in zip(names, zip(*found.values, strict=True), strict=True):
            columns.setdefault((part, name), []).append((found.rows, values))
    return [
        {"name": name, "part": part, **_tell_column(pieces, count)}
        for (part, name), pieces in columns.items()
    ]


def _tell_column(pieces: Sequence[tuple[list[int], tuple[Any, ...]]], count: int) -> dict[str, Any]:
    """The values of a name, which `pieces` have of some rows each."""
    values: list[Any] = [None] * count
    missing: set[int] = set()
    if sum(len(rows) for rows, _ in pieces) < count:
        missing = set(range(count)).difference(*(rows for rows, _ in pieces))
    for rows, there in pieces:
        for row, value in zip(rows, there, strict=True):
            values[row] = value
    if not _NUMBERS.isdisjoint(map(type, values)):
        values = [_exact(value) if type(value) in _NUMBERS else value for value in values]
    first = values[0]
    if not missing and values.count(first) == count and len(set(map(repr, values))) == 1:
        return {"every": first, "missing": []}  # and no 1 among 1.0 and True, no -0.0 among 0.0
    return {"values": values, "missing": sorted(missing)}


def _parts_of(
    run: Run, kinds: Mapping[str, str]
) -> Iterable[tuple[str, tuple[str, ...], tuple[Any, ...]]]:
    """Names and values of what a run has in each part, by dotted names, as JSON."""
    outline = run.outline()
    told = {**outline, "session": run.session, "setup": run.setup}
    yield "run", _FIELDS, tuple(map(told.__getitem__, _FIELDS))
    for part in ("params", "results", "lineage"):
        leaves = _leaves(outline[part])
        yield part, tuple(leaves), tuple(leaves.values())
    scalars = run.scalars
    for which in ("last", "min", "max"):
        found = [(name, summary.get(which)) for name, summary in scalars]
        there = [each for each in found if type(each[1]) in _NUMBERS]
        yield which, tuple(name for name, _ in there), tuple(value for _, value in there)
    others = {name: kind for name, kind in kinds.items() if kind != "scalar"}
    yield "series", tuple(others), tuple(others.values())


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


def tell_run(run: Run, panels: Iterable[Any] = ()) -> dict[str, Any]:
    """One run in full: its outline, origins, lineage, environment, code, log, error and files.

    `panels` are what plugins add to it. `damage` is section → why, of the sections that cannot
    be read: those are empty.
    """
    told = {**run.outline(), "short": run.short_id, "setup": run.setup}
    damage: dict[str, str] = {}
    for name, (tell, empty) in _SECTIONS.items():
        try:
            told[name] = tell(run)
        except ReadingError as error:
            told[name], damage[name] = empty(), error.what
    return {**told, "damage": damage, "panels": take_panels(run, panels)}


def _tell_origins(run: Run) -> dict[str, Any]:
    return {
        name: [{"layer": o.layer, "where": o.where, "value": to_json(o.value)} for o in chain]
        for name, chain in run.origins.items()
    }


def _tell_error(run: Run) -> dict[str, str] | None:
    error = run.error
    if error is None:
        return None
    return {"type": error.type, "message": error.message, "traceback": error.traceback}


def _tell_pictures(run: Run) -> dict[str, list[str]]:
    return {
        name: [path.relative_to(run.path).as_posix() for path in paths]
        for name, paths in run.plots.items()
    }


_SECTIONS: Final[dict[str, tuple[Callable[[Run], Any], Callable[[], Any]]]] = {
    "origins": (_tell_origins, dict),
    "words": (lambda run: run.words, dict),
    "inputs": (lambda run: to_json(dict(run.inputs)), dict),
    "error": (_tell_error, lambda: None),
    "notices": (lambda run: list(run.notices), list),
    "environment": (lambda run: to_json(run.environment), dict),
    "code": (lambda run: {name: text[:_LARGEST_TEXT] for name, text in run.code.items()}, dict),
    "log": (lambda run: run.log[-_LARGEST_TEXT:], str),
    "series": (lambda run: {n: dict(to_json(s)) for n, s in run.series_summaries.items()}, dict),
    "artifacts": (lambda run: {name: found.size for name, found in run.artifacts.items()}, dict),
    "pictures": (_tell_pictures, dict),
}


def tell_series(
    series: Series, points: int = 2000, first: float | None = None, end: float | None = None
) -> dict[str, Any]:
    """A series between the steps `first` and `end`: at most `points` of a scalar, else entries.

    Of a scalar with more, `envelope` is true and the points are the lowest and the highest of
    every stretch of steps. Of images, figures and arrays, `files` are relative to the archive.
    """
    steps = series.steps
    told: dict[str, Any] = {"name": series.name, "kind": series.kind, "count": len(series)}
    told["words"] = {
        name: str(series.options[name]) for name in _WORDS if series.options.get(name) is not None
    }
    if series.kind == "scalar":
        values = _as_floats(series.values)
        chosen, is_envelope = thin_out(steps, values, points, first, end)
        told |= {"envelope": is_envelope, "values": _plain(values[chosen])}
    else:
        low = -np.inf if first is None else first
        high = np.inf if end is None else end
        chosen = np.flatnonzero((steps >= low) & (steps <= high))
        if series.files:
            names = [f"{SERIES_DIR}/{path.parent.name}/{path.name}" for path in series.files]
            told["files"] = [names[index] for index in chosen]
        else:
            told["values"] = [to_json(series.values[index]) for index in chosen]
    return told | {"steps": steps[chosen].tolist(), "times": series.times[chosen].tolist()}


def thin_out(
    steps: Array, values: Array, points: int, first: float | None, end: float | None
) -> tuple[Array, bool]:
    """Which entries from `first` to `end` are drawn, by step, and whether they are an envelope."""
    order = None
    if not (steps[1:] >= steps[:-1]).all():
        order = np.argsort(steps, kind="stable")
        steps, values = steps[order], values[order]
    low = 0 if first is None else int(np.searchsorted(steps, first, "left"))
    high = len(steps) if end is None else int(np.searchsorted(steps, end, "right"))
    stretches = max(1, points // 2)
    is_envelope = high - low > 2 * stretches
    places = (
        _find_extremes(values[low:high], stretches)
        if is_envelope
        else np.arange(max(0, high - low))
    )
    chosen = low + places
    return (chosen if order is None else order[chosen]), is_envelope


def _find_extremes(values: Array, stretches: int) -> Array:
    """Where the first, the last, and the lowest and the highest of each stretch stand."""
    width = -(-values.size // stretches)
    rest = values.size % width
    gaps = np.isnan(values)
    ends = np.array([0, values.size - 1])
    found = [ends]
    for fill, find in ((np.inf, np.argmin), (-np.inf, np.argmax)):
        filled = np.where(gaps, fill, values) if gaps.any() else values
        whole = filled[: values.size - rest].reshape(-1, width)
        found.append(np.arange(len(whole)) * width + find(whole, axis=1))
        if rest:
            found.append(values.size - rest + find(filled[-rest:], keepdims=True))
    return np.unique(np.concatenate(found))


def tell_array(array: Any, most: int = 256) -> dict[str, Any]:
    """A numeric array as a picture can show it: `{"shape", "low", "high", "width", "pixels"}`.

    At most `most` rows and columns are taken. `pixels` are bytes in base64, row by row: 0 for
    what is not finite, and 1 to 255 from `low` to `high`. Of complex numbers it is the magnitude.
    """
    flat = np.abs(array) if np.iscomplexobj(array) else np.asarray(array, dtype=float)
    shape = list(flat.shape)
    flat = flat.reshape(-1, flat.shape[-1]) if flat.ndim > 1 else flat.reshape(1, -1)
    flat = flat[tuple(slice(None, None, max(1, -(-size // most))) for size in flat.shape)]
    finite = np.isfinite(flat)
    low, high = (float(flat[finite].min()), float(flat[finite].max())) if finite.any() else (0, 0)
    share = np.zeros(flat.shape)
    np.divide(flat - low, high - low, out=share, where=finite & (high > low))
    pixels = np.where(finite, np.round(1 + 254 * share), 0).astype(np.uint8)
    told = {"shape": shape, "low": low, "high": high, "width": pixels.shape[1]}
    return told | {"pixels": base64.b64encode(pixels.tobytes()).decode()}


def _as_floats(values: Any) -> Array:
    array = np.asarray(values)
    if array.dtype == object:
        return np.array([float(value) for value in values])
    return array


def _plain(values: Array) -> Sequence[Any]:
    """Numbers as JSON has them; what is not finite is tagged."""
    listed: list[Any] = values.tolist()
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        return [to_json(value) for value in listed]
    return listed
