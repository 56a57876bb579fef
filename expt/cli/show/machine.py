"""Runs for machines: a strict JSON array, or CSV."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TextIO

from expt.archive import record_to_json
from expt.ground.encoding import to_json
from expt.ground.text import visible
from expt.reading import Runs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from expt.reading import Run

_COLUMNS = ("id", "experiment", "case", "status", "started", "duration")


def write_json(runs: Sequence[Run], stream: TextIO, *, whole: bool) -> None:
    """An array with an object a run; with `whole` everything that `run.json` says."""
    stream.write("[")
    for index, run in enumerate(runs):
        data = _whole(run) if whole else run.outline()
        stream.write(",\n" if index else "\n")
        stream.write(json.dumps(data, allow_nan=False, indent=1 if whole else None))
    stream.write("\n]\n" if runs else "]\n")
    stream.flush()


def _whole(run: Run) -> dict[str, Any]:
    """`run.json` with what a reader knows better: a lost run's status, a running run's values."""
    return {
        **record_to_json(run.record),
        **run.outline(),
        "series": to_json(run.series_summaries),
    }


def write_csv(runs: Sequence[Run], stream: TextIO, *, columns: Sequence[str] | None) -> None:
    """A header and a line a run: the columns asked for, or every value that any of them has."""
    many = Runs(runs)
    if columns is None:
        columns = [*_COLUMNS, *many.names("params", "results", "last"), "tags", "path"]
    text = many.table(columns).to_csv()
    if stream.isatty():
        text = visible(text, lines=True)
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
    stream.flush()
