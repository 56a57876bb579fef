"""What a format cannot hold of some runs, in sentences."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from expt.exchange.readable import held_series
from expt.ground.files import list_inside
from expt.ground.layout import CODE_DIR, LOG_FILE
from expt.ground.spread import as_float, is_number
from expt.ground.text import counted, some_of
from expt.reading.fields import leaf_values

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from expt.ground.model import Kind
    from expt.reading.run import Run
    from expt.reading.series.tracked import Series

_NAMED: Final = 8


def kinds_left_out(runs: Sequence[Run], kinds: Collection[Kind]) -> Iterator[str]:
    """A sentence for each of `kinds` that any run has series of."""
    names: dict[str, dict[str, None]] = {}
    for run in runs:
        for name, summary in held_series(run).items():
            names.setdefault(str(summary.get("kind")), {})[name] = None
    for kind in kinds:
        if kind in names:
            yield f"series of kind {kind}: {named(names[kind])}"


def files_left_out(runs: Sequence[Run]) -> Iterator[str]:
    """What of the archives' files is left out, as far as there is any."""
    if count := sum(len(run.artifacts) for run in runs):
        yield f"artifacts: {counted(count, 'file')}"
    if any(next(list_inside(run.path, CODE_DIR), None) for run in runs):
        yield "code"
    if any((run.path / LOG_FILE).is_file() for run in runs):
        yield "output"
    yield "environments, origins of values, lineage"


def whole_steps(series: Series) -> list[int]:
    """The steps of a series for a format that takes whole ones of 64 bits: where one is none, the
    count."""
    steps = series.steps.tolist()
    return list(map(int, steps)) if _are_whole(series) else list(range(len(steps)))


def _are_whole(series: Series) -> bool:
    steps = series.steps
    return steps.dtype.kind != "f" or bool(((steps % 1 == 0) & (abs(steps) < 2.0**63)).all())


def has_double(value: Any) -> bool:
    """Whether a value is a number that a double has, rounded or not."""
    return type(value) is float or (is_number(value) and math.isfinite(as_float(value)))


def numbers_left_out(runs: Sequence[Run], rounded: str = "rounded") -> Iterator[str]:
    """What `whole_steps` did to steps, and that a double does not hold every whole number."""
    broken: dict[str, None] = {}
    large: dict[str, None] = {}
    huge: dict[str, None] = {}
    for run in runs:
        broken |= {name: None for name, series in run.series.items() if not _are_whole(series)}
        for name, summary in held_series(run).items():
            extremes = [summary.get(key) for key in ("min", "max", "last")]
            if any(type(one) is int and abs(one) > 2**53 for one in extremes):
                large[name] = None
        for name, value in leaf_values(run.results):
            if type(value) is int and abs(value) > 2**53:
                (large if has_double(value) else huge)[f"results.{name}"] = None
    if broken:
        yield f"steps that are no whole numbers (in their place the count): {named(broken)}"
    if large:
        yield f"whole numbers beyond 2^53, {rounded}: {named(large)}"
    if huge:
        yield f"results that no double holds: {named(huge)}"


def named(names: Iterable[str]) -> str:
    """`a, b, c and 4 more`."""
    return some_of(names, _NAMED)
