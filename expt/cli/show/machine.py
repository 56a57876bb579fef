"""Runs for machines: a strict JSON array, or CSV."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from expt.archive.record import record_to_json
from expt.ground.encoding import to_json
from expt.ground.errors import UsageError, suggestion
from expt.reading.runs import Runs
from expt.reading.tables import Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from expt.reading.run import Run
    from expt.reading.series.tracked import Series

_ENTRY = ("id", "series", "step", "time", "value")
_COLUMNS = ("id", "experiment", "case", "status", "started", "duration")


def json_text(runs: Sequence[Run], *, whole: bool) -> str:
    """An array with an object a run; with `whole` everything that `run.json` says."""
    told = (
        json.dumps(_whole(run), allow_nan=False, indent=1) if whole else run.outline_text
        for run in runs
    )
    return "[\n" + ",\n".join(told) + "\n]\n" if runs else "[]\n"


def _whole(run: Run) -> dict[str, Any]:
    """`run.json` with what a reader knows better: a lost run's status, a running run's values."""
    return {**record_to_json(run.record), **run.outline(), "series": to_json(run.series_summaries)}


def csv_text(runs: Sequence[Run], *, columns: Sequence[str] | None) -> str:
    """A header and a line a run: the columns asked for, or every value that any of them has."""
    many = Runs(runs)
    if columns is None:
        columns = [*_COLUMNS, *many.names("params", "results", "last"), "tags", "path"]
    return many.table(columns).to_csv()


def series_csv(runs: Sequence[Run], names: Sequence[str]) -> Iterator[str]:
    """Every entry of the series called `names`, a line each: id, series, step, time, value.

    Of images, figures and arrays the value is the path of the file in the archive. Raises
    `UsageError` for a name that is a series of no run, with the closest.
    """
    known = dict.fromkeys(name for run in runs for name in run.listed_series)
    for name in names:
        if runs and not any(name in run.series for run in runs):
            hint = suggestion(name, known, "series")
            raise UsageError(f"no run has a series '{name}'", "--series", hint)
    yield "id,series,step,time,value\n"
    for run in runs:
        for name in names:
            series = run.series.get(name)
            if series is not None:
                yield Table(_ENTRY, tuple(_entries(run, series))).to_csv().partition("\n")[2]


def _entries(run: Run, series: Series) -> Iterator[dict[str, Any]]:
    values = [path.relative_to(run.path) for path in series.files] or series.values
    values = values.tolist() if hasattr(values, "tolist") else values
    rows = zip(series.steps.tolist(), series.times.tolist(), values, strict=True)
    for row in rows:
        yield dict(zip(_ENTRY, (run.id, series.name, *row), strict=True))
