"""The list: a line a run, in the width that there is."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

from expt.cli.show.columns import Column, table_lines, value_cell
from expt.ground.layout import EXPERIMENT_PREFIX
from expt.ground.screen import cells, results_text
from expt.ground.text import human_age, human_duration, visible
from expt.reading import MISSING, Runs, field_value

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from expt.ground.screen import Screen, Style
    from expt.reading import Run

STATUS_STYLES: Final[dict[str, Style]] = {
    "running": "name",
    "completed": "good",
    "failed": "bad",
    "interrupted": "warn",
    "skipped": "dim",
    "lost": "warn",
}


def listing_lines(
    runs: Sequence[Run], screen: Screen, columns: Sequence[str] | None = None
) -> Iterator[str]:
    """The head and a line for each run. Raises `UsageError` for a column that no run has."""
    shown = _usual_columns(runs) if columns is None else _value_columns(runs, columns)
    yield from table_lines(shown, screen, screen.width)


def _usual_columns(runs: Sequence[Run]) -> list[Column]:
    now = dt.datetime.now(dt.UTC)
    [now - run.started for run in runs]
    ages = [dt.datetime.now(dt.UTC) - run.started for run in runs]
    statuses = tuple(run.status for run in runs)
    columns = [
        Column("id", tuple(run.short_id for run in runs), "name"),
        Column(
            "experiment",
            tuple(visible(run.experiment) for run in runs),
            gives=True,
            shorten=lambda row, width: end_of_node_id(runs[row].experiment, width),
        ),
        Column("case", tuple(visible(run.case or "") for run in runs), gives=True),
        Column("status", statuses, tuple(STATUS_STYLES[status] for status in statuses)),
        Column("age", tuple(human_age(age.total_seconds()) for age in ages), right=True),
        Column("took", tuple(_duration(run) for run in runs), right=True),
        Column(
            "results",
            tuple(_told(run) for run in runs),
            _told_styles(runs),
            gives=True,
            shorten=lambda row, width: _told(runs[row], width),
        ),
    ]
    return [column for column in columns if any(column.texts)]


def _duration(run: Run) -> str:
    seconds = run.duration
    return "" if seconds is None else human_duration(seconds)


def _told(run: Run, width: int | None = None) -> str:
    """Results so far, as many as fit; or why there are none."""
    if run.failure:
        return visible(run.failure)
    values = run.results or run.last
    return results_text(values, width) or results_text(values)


def end_of_node_id(experiment: str, width: int) -> str:
    """The longest end of a node id that fits: without its first folders, its path, its prefix."""
    text = visible(experiment)
    place, colons, name = text.rpartition("::")
    while cells(text) > width and place:
        _, _, place = place.partition("/")
        text = f"{place}{colons}{name}" if place else name
    return text if cells(text) <= width else text.removeprefix(EXPERIMENT_PREFIX)


def _told_styles(runs: Sequence[Run]) -> tuple[Style | None, ...]:
    return tuple("bad" if run.status == "failed" else None for run in runs)


def _value_columns(runs: Sequence[Run], names: Sequence[str]) -> list[Column]:
    Runs(runs).table(names)  # refuses a name that no run has
    columns = []
    for name in names:
        values = [field_value(run, name) for run in runs]
        numbers = all(isinstance(v, (int, float)) or v is MISSING or v is None for v in values)
        texts = [run.short_id for run in runs] if name == "id" else map(value_cell, values)
        columns.append(Column(visible(name), tuple(texts), None, numbers, name != "id"))
    return columns
