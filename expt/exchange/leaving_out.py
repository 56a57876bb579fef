"""What a format cannot hold of some runs, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from expt.ground.files import list_inside
from expt.ground.layout import CODE_DIR, LOG_FILE
from expt.ground.text import counted, some_of

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
        for name, summary in run.listed_series.items():
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
    """The steps of a series for a format that takes whole ones: where one is none, the count."""
    steps = series.steps.tolist()
    if any(type(step) is float and not step.is_integer() for step in steps):
        return list(range(len(steps)))
    return list(map(int, steps))


def numbers_left_out(runs: Sequence[Run], rounded: str = "rounded") -> Iterator[str]:
    """What `whole_steps` did to steps, and that a double does not hold every whole number."""
    broken: dict[str, None] = {}
    large: dict[str, None] = {}
    for run in runs:
        for name, series in run.series.items():
            if series.steps.dtype.kind == "f" and (series.steps % 1 != 0).any():
                broken[name] = None
        for name, summary in run.listed_series.items():
            extremes = [summary.get(key) for key in ("min", "max", "last")]
            if any(type(one) is int and abs(one) > 2**53 for one in extremes):
                large[name] = None
    if broken:
        yield f"steps that are no whole numbers (in their place the count): {named(broken)}"
    if large:
        yield f"whole numbers beyond 2^53, {rounded}: {named(large)}"


def named(names: Iterable[str]) -> str:
    """`a, b, c and 4 more`."""
    return some_of(names, _NAMED)
