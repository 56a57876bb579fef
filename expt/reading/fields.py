"""Names of what a run holds, as they are typed: `lr`, `optimizer.name`, `results.x`, `min.loss`.

    id  experiment  case  status  started  …     the fields of the run
    lr  optimizer.name  params.status            parameters, dotted into tables
    results.accuracy                             results
    last.loss  min.loss  max.eval/acc            of each scalar series
    lineage.rerun_of  lineage.session            where a run comes from

A name without a prefix is a field, else a parameter, else a result, else the last of a series. Of a
parameter it is what the function got: the name of a choice's member, what a provider made of it;
with `params.` it is the plain value.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from expt.ground.errors import UsageError, did_you_mean
from expt.ground.text import visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from expt.reading.run import Run

FIELDS: Final = (
    *("id", "experiment", "case", "status", "started", "finished", "duration", "setup"),
    *("description", "tags", "note", "session", "path"),
)
PARTS: Final = ("params", "results", "last", "min", "max", "lineage")
"""What a name may begin with."""
UNPREFIXED: Final = ("choices", "made", "params", "results", "last")
"""Where a name without it is looked for, in this order."""
MISSING: Final = object()
"""Stands for the value of a name that a run does not have."""

_GAP: Final = 3  # NaN, which is no place on a scale
_LAST: Final = 4
_NAMED: Final = 40


def field_value(run: Run, name: str) -> Any:
    """The value of `name` in `run`, or `MISSING`."""
    if name in FIELDS:
        return getattr(run, name)
    prefix, dot, rest = name.partition(".")  # the rest may be empty, as any name may
    if dot and prefix in PARTS:
        value = dotted_value(_part(run, prefix), rest)
        if value is not MISSING:
            return value
    for part in UNPREFIXED:
        value = dotted_value(_part(run, part), name)
        if value is not MISSING:
            return value
    return MISSING


def known_names(runs: Iterable[Run]) -> set[str]:
    """Every name that `field_value` finds in any of `runs`, to suggest the closest of them."""
    names = set(FIELDS)
    for run in runs:
        for part in PARTS:
            names.update(f"{part}.{name}" for name in leaf_names(_part(run, part)))
        names.update(leaf_names(run.params))
        names.update(leaf_names(run.made))
    return names


def sort_runs(runs: Iterable[Run], name: str) -> list[Run]:
    """The runs by `name`, smallest first, or by `-name`, largest first; those without it last.

    Numbers come before texts, texts before anything else. Raises `UsageError` for a name that no
    run has.
    """
    plain = name.removeprefix("-")
    keyed = [(sort_key(field_value(run, plain)), run) for run in runs]
    there = [pair for pair in keyed if pair[0][0] < _GAP]
    if keyed and plain not in FIELDS and all(rank == _LAST for (rank, _), _ in keyed):
        raise unknown_field([run for _, run in keyed], plain)
    there.sort(key=lambda pair: pair[0], reverse=plain != name)
    return [run for _, run in (*there, *(pair for pair in keyed if pair[0][0] >= _GAP))]


def unknown_field(runs: Iterable[Run], name: str) -> UsageError:
    """The error for a name that no run has, with the closest ones."""
    known = known_names(runs)
    hint = did_you_mean(name, known) or f"there are: {', '.join(sorted(known)[:_NAMED])}"
    return UsageError(f"no run has a value '{visible(name)}'", None, visible(hint))


def sort_key(value: Any) -> tuple[int, Any]:
    """What values of any types are sorted by."""
    if isinstance(value, (int, float)):
        return (0, value) if value == value else (_GAP, 0)
    if isinstance(value, dt.datetime):
        return 0, value.timestamp()
    if isinstance(value, str):
        return 1, value
    return (_LAST, 0) if value is MISSING or value is None else (2, repr(value))


def leaf_names(values: Mapping[Any, Any]) -> Iterator[str]:
    """Dotted names of the values in nested mappings; an empty mapping is a value."""
    for name, value in values.items():
        if isinstance(value, Mapping) and value and all(type(key) is str for key in value):
            yield from (f"{name}.{inner}" for inner in leaf_names(value))
        else:
            yield str(name)


def leaf_values(values: Mapping[Any, Any]) -> Iterator[tuple[str, Any]]:
    """Dotted name and value of what `leaf_names` names."""
    for name in leaf_names(values):
        yield name, dotted_value(values, name)


def dotted_value(values: Mapping[Any, Any], name: str) -> Any:
    """The value that a dotted name reaches in nested mappings, or `MISSING`.

    A key that holds dots itself comes first.
    """
    if name in values:
        return values[name]
    head, dot, rest = name.partition(".")
    while dot:
        inner = values.get(head)
        if isinstance(inner, Mapping):
            value = dotted_value(inner, rest)
            if value is not MISSING:
                return value
        more, dot, rest = rest.partition(".")
        head = f"{head}.{more}"
    return MISSING


def _part(run: Run, part: str) -> Mapping[str, Any]:
    if part in ("min", "max"):
        return run.extreme(part)
    values: Mapping[str, Any] = getattr(run, "listed_lineage" if part == "lineage" else part)
    return values
