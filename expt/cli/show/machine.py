"""Runs for machines: a strict JSON array, or CSV."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from expt.archive import record_to_json
from expt.ground.encoding import to_json
from expt.reading import Runs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from expt.reading import Run

_COLUMNS = ("id", "experiment", "case", "status", "started", "duration")


def json_text(runs: Sequence[Run], *, whole: bool) -> str:
    """An array with an object a run; with `whole` everything that `run.json` says."""
    told = (
        json.dumps(
            _whole(run) if whole else run.outline(), allow_nan=False, indent=1 if whole else None
        )
        for run in runs
    )
    return "[\n" + ",\n".join(told) + "\n]\n" if runs else "[]\n"


def _whole(run: Run) -> dict[str, Any]:
    """`run.json` with what a reader knows better: a lost run's status, a running run's values."""
    return {
        **record_to_json(run.record),
        **run.outline(),
        "series": to_json(run.series_summaries),
    }


def csv_text(runs: Sequence[Run], *, columns: Sequence[str] | None) -> str:
    """A header and a line a run: the columns asked for, or every value that any of them has."""
    many = Runs(runs)
    if columns is None:
        columns = [*_COLUMNS, *many.names("params", "results", "last"), "tags", "path"]
    return many.table(columns).to_csv()
