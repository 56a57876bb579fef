"""What a format cannot hold of some runs, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from expt.ground.files import list_inside
from expt.ground.layout import CODE_DIR, LOG_FILE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from expt.ground.model import Kind
    from expt.reading.run import Run

_NAMED: Final = 8


def kinds_left_out(runs: Sequence[Run], kinds: Collection[Kind]) -> Iterator[str]:
    """A sentence for each of `kinds` that any run has series of."""
    names: dict[str, dict[str, None]] = {}
    for run in runs:
        for name, summary in run.listed_series.items():
            names.setdefault(str(summary.get("kind")), {})[name] = None
    for kind in kinds:
        if kind in names:
            yield f"series of kind {kind}: {named(names[kind])}"


def files_left_out(
    runs: Sequence[Run], *, artifacts: bool = True, code: bool = True, log: bool = True
) -> Iterator[str]:
    """What of the archives' files is left out, as far as there is any."""
    if artifacts and (count := sum(len(run.artifacts) for run in runs)):
        yield f"artifacts: {count} {'file' if count == 1 else 'files'}"
    if code and any(next(list_inside(run.path, CODE_DIR), None) for run in runs):
        yield "code"
    if log and any((run.path / LOG_FILE).is_file() for run in runs):
        yield "output"
    yield "environments, origins of values, lineage"


def broken_steps(runs: Sequence[Run]) -> list[str]:
    """Numbers, texts and pictures that have a step which is no whole number."""
    found: dict[str, None] = {}
    for run in runs:
        for name, series in run.series.items():
            if series.steps.dtype.kind == "f" and (series.steps % 1 != 0).any():
                found[name] = None
    return list(found)


def large_numbers(runs: Sequence[Run]) -> list[str]:
    """Series with whole numbers that a double does not hold."""
    found: dict[str, None] = {}
    for run in runs:
        for name, summary in run.listed_series.items():
            extremes = [summary.get(key) for key in ("min", "max", "last")]
            if any(type(one) is int and abs(one) > 2**53 for one in extremes):
                found[name] = None
    return list(found)


def named(names: Iterable[str]) -> str:
    """`a, b, c and 4 more`."""
    every = list(names)
    more = f" and {len(every) - _NAMED} more" if len(every) > _NAMED else ""
    return ", ".join(every[:_NAMED]) + more
