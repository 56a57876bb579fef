"""One run in MLflow's words: what a file store and a server are both told, and what neither holds.

    params     text, up to 6,000 characters         metrics    double at a millisecond and a step
    tags       text, up to 8,000                    artifacts  files

Pictures, arrays, code, output and environment go along as files; `expt/run.json` has what MLflow
has no place for, other series too, so that a run that comes back is what it was.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, Final

from expt.exchange import leaving_out
from expt.exchange.leaving_out import has_double
from expt.exchange.own_facts import tell_facts
from expt.exchange.own_files import own_files
from expt.exchange.readable import git_of, held_series
from expt.exchange.text_values import text_of_value
from expt.ground.files import list_inside
from expt.ground.layout import ARTIFACTS_DIR
from expt.ground.model import folders_down_to
from expt.ground.value_classes import frozen
from expt.reading.fields import leaf_values

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from expt.ground.model import Kind
    from expt.reading.run import Run

ID_TAG: Final = "expt.id"
NOT_HELD: Final[tuple[Kind, ...]] = ("image", "figure", "array", "text", "structured")
_STATUSES: Final = {
    **dict.fromkeys(("completed", "skipped"), "FINISHED"),
    "failed": "FAILED",
    "running": "RUNNING",
}
_LONGEST_PARAM: Final = 6000
_LONGEST_TAG: Final = 8000
_LONGEST_KEY: Final = 240  # characters, of 250
_LONGEST_PART: Final = 240  # bytes between two slashes, of 255
_UNSAFE: Final = re.compile(r"[^\w.\- /]")


@frozen
class Metric:
    """One value of a metric; `when` in milliseconds."""

    key: str
    value: float
    when: int
    step: int


@frozen(eq=False)
class MlflowRun:
    """What MLflow is told of a run; times in milliseconds. An artifact is a file, or its bytes."""

    id: str
    experiment: str
    name: str
    status: str
    start: int
    end: int | None
    params: Mapping[str, str]
    metrics: Iterable[Metric]
    tags: Mapping[str, str]
    artifacts: Mapping[str, Path | bytes]


def tell_run(run: Run) -> MlflowRun:
    numbers = {
        f"results.{name}": float(value)
        for name, value in leaf_values(run.results)
        if has_double(value) and f"results.{name}" not in run.listed_series
    }
    metrics = _metric_names(run)
    keys = safe_keys([*metrics, *numbers])
    leaves = set(metrics).difference(run.series)  # of structured series, which come back whole
    facts = tell_facts(run, [keys[name] for name in (*numbers, *leaves)], keys, NOT_HELD)
    params = dict(leaf_values(run.params))
    param_keys = safe_keys(params)
    return MlflowRun(
        id=run.id,
        experiment=run.experiment,
        name=run.case or run.short_id,
        status=_STATUSES.get(run.status, "KILLED"),
        start=_milliseconds(run.started.timestamp()),
        end=_milliseconds(run.finished.timestamp()) if run.finished else None,
        params={
            param_keys[name]: text_of_value(value)[:_LONGEST_PARAM]
            for name, value in params.items()
        },
        metrics=_metrics(run, metrics, numbers, keys),
        tags=_tags(run),
        artifacts=_artifacts(run, facts),
    )


def tell_left_out(runs: Sequence[Run]) -> Iterator[str]:
    """What MLflow cannot hold of them."""
    for told in leaving_out.kinds_left_out(runs, NOT_HELD):
        yield f"{told} (as files alone)"
    yield from leaving_out.numbers_left_out(runs)
    renamed = {
        name: None
        for run in runs
        for names in (_metric_names(run), dict(leaf_values(run.params)))
        for name, key in safe_keys(names).items()
        if name != key
    }
    if renamed:
        yield f"names, written otherwise: {leaving_out.named(renamed)}"
    long = [
        name
        for run in runs
        for name, value in leaf_values(run.params)
        if len(text_of_value(value)) > _LONGEST_PARAM
    ]
    if long:
        cut = leaving_out.named(dict.fromkeys(long))
        yield f"values longer than {_LONGEST_PARAM} characters, cut: {cut}"
    yield "times finer than a millisecond"


def safe_keys(names: Iterable[str]) -> dict[str, str]:
    """The key of each name: a path that no two share and that no other goes through."""
    keys: dict[str, str] = {}
    taken: set[str] = set()
    folders: set[str] = set()
    for name in names:
        parts = map(_shortened, _UNSAFE.sub("_", name)[:_LONGEST_KEY].split("/"))
        key = "/".join(part for part in parts if part.strip(".")) or "_"
        if taken.intersection(folders_down_to(key)[1:-1]):
            key = key.replace("/", "_")
        while key in taken or key in folders:
            key += "_"
        taken.add(key)
        folders.update(folders_down_to(key)[1:-1])
        keys[name] = key
    return keys


def _shortened(part: str) -> str:
    """A part of a path that a file system takes as a name, with room to tell it from others."""
    return part.encode("utf-8", "replace")[:_LONGEST_PART].decode("utf-8", "ignore")


def _metric_names(run: Run) -> list[str]:
    """Scalars, and the numbers inside of structured series."""
    return [name for name, one in held_series(run).items() if one.get("kind") == "scalar"]


def _metrics(
    run: Run, names: Sequence[str], numbers: Mapping[str, float], keys: Mapping[str, str]
) -> Iterator[Metric]:
    for name in names:
        series = run.series[name]
        values = series.values.astype("f8").tolist()
        for value, time, step in zip(
            values, series.times.tolist(), leaving_out.whole_steps(series), strict=True
        ):
            yield Metric(keys[name], value, _milliseconds(time), step)
    end = _milliseconds((run.finished or run.started).timestamp())
    for name, number in numbers.items():
        yield Metric(keys[name], number, end, 0)


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000) if math.isfinite(seconds) else 0


def _tags(run: Run) -> dict[str, str]:
    tags: dict[str, Any] = {
        ID_TAG: run.id,
        "expt.tags": ", ".join(run.tags),
        "mlflow.runName": run.case or run.short_id,
        "mlflow.note.content": run.note or run.description,
        "mlflow.source.name": run.experiment.partition("::")[0],
        "mlflow.source.type": "LOCAL",
        "mlflow.source.git.commit": git_of(run).get("commit"),
    }
    return {name: str(value)[:_LONGEST_TAG] for name, value in tags.items() if value}


def _artifacts(run: Run, facts: str) -> dict[str, Path | bytes]:
    names = list_inside(run.path, ARTIFACTS_DIR)
    return {n: run.path / ARTIFACTS_DIR / n for n in names} | own_files(run, facts)
