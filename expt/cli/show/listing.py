"""The list: a table for each experiment, what varies as columns, what does not said once."""

from __future__ import annotations

import contextlib
import datetime as dt
from typing import TYPE_CHECKING, Any, Final

from expt.ground.clock import on_local_clock
from expt.ground.encoding import is_same
from expt.ground.errors import ReadingError
from expt.ground.screen import STATUS_STYLES, Column, Piece, Prose
from expt.ground.text import (
    case_text,
    human_age,
    human_duration,
    number_text,
    number_texts,
    short_text,
    some_of,
    spark,
    value_text,
    without_shared_folder,
)
from expt.reading.differences import find_undetermined
from expt.reading.fields import MISSING, field_value, leaf_values
from expt.reading.runs import Runs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from expt.ground.screen import Screen
    from expt.reading.run import Run
    from expt.reading.series.tracked import Series

_SPARK: Final = 10
_MOST_COMPARED: Final = 2000  # runs that are looked through for pairs that should be alike
_MOST_POINTS: Final = 1_000_000  # more are not read for the sake of a spark line
_LASTS: Final = 3  # series whose last values stand for results where there are none
_FEW: Final = 200  # numbers that are told apart: no eye compares more
_OLD: Final = 86_400  # seconds from which on a date says more than an age


def show_listing(runs: Sequence[Run], screen: Screen, *, sort: str | None, flat: bool) -> None:
    """A table for each experiment, or with `flat` one for all."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault("" if flat else run.experiment, []).append(run)
    for index, (experiment, members) in enumerate(groups.items()):
        if index:
            screen.line()
        if experiment:
            _show_title(screen, experiment, members)
        columns, same = _columns_of(members, screen, sort)
        if not experiment:
            names = [run.experiment for run in members]
            if screen.draws:
                short = without_shared_folder(names)
                names = [short[name] for name in names]
            columns.insert(1, Column("experiment", names))
        screen.table(columns, else_by="--columns chooses")
        if same and len(members) > 1:
            screen.lines([Prose([("the same in all: ", "dim"), case_text(same)])])


def show_undetermined(runs: Sequence[Run], screen: Screen) -> None:
    """Which runs of one fingerprint and one seed came out differently; a line for each pair."""
    if len(runs) > _MOST_COMPARED:
        return
    for one, other, names in find_undetermined(runs):
        told = some_of((f"results.{name}" for name in names), _LASTS)
        screen.line(
            ("not deterministic: ", "yellow"),
            f"{one.short_id} and {other.short_id} have the same code, values and seed, and differ "
            f"in {told}",
        )


def show_columns(runs: Sequence[Run], screen: Screen, names: Sequence[str]) -> None:
    """The values asked for as columns. Raises `UsageError` for a name that no run has."""
    Runs(runs).table(names)
    screen.table(
        [
            _ids(runs, screen)
            if name == "id"
            else value_column(name, [field_value(run, name) for run in runs], style="")
            for name in names
        ]
    )


def _show_title(screen: Screen, experiment: str, runs: Sequence[Run]) -> None:
    facts = [f"{len(runs)} runs" if len(runs) > 1 else "1 run"]
    shared = set.intersection(*(set(run.tags) for run in runs))
    facts += [f"tag {tag}" for tag in sorted(shared)]
    facts.append(age_text(runs[0]))
    screen.line((experiment, "bold"), (f"  {' · '.join(facts)}", "dim"))


def age_text(run: Run, *, dated: bool = True) -> str:
    """`3m ago`; a date where the run is older than a day, unless that is told already."""
    seconds = (dt.datetime.now(dt.UTC) - run.started).total_seconds()
    if dated and seconds >= _OLD:
        return f"{on_local_clock(run.started):%Y-%m-%d}"
    age = human_age(seconds)
    return age if age == "now" else f"{age} ago"


def _ids(runs: Sequence[Run], screen: Screen) -> Column:
    names: list[Piece] = [run.short_id for run in runs]
    if screen.draws:  # no link is made ten thousand times for nobody
        names = [screen.run(run.short_id, run.id, run.path, "cyan") for run in runs]
    return Column("id", names, whole=True)


def _columns_of(
    runs: Sequence[Run], screen: Screen, sort: str | None
) -> tuple[list[Column], dict[str, Any]]:
    """The columns of runs that are listed together, and what is the same in all of them."""
    columns = [_ids(runs, screen)]
    varying, same = split_values([_values_of(run) for run in runs])
    if not varying and len({run.case for run in runs}) > 1:
        varying["case"] = [run.case or "" for run in runs]
    columns += [value_column(name, values, sort=sort) for name, values in varying.items()]
    statuses = [run.status for run in runs]
    if any(status != "completed" for status in statuses):
        told: list[Piece] = [(status, STATUS_STYLES[status]) for status in statuses]
        columns.append(Column("status", told, whole=True))
    found = _results_of(runs)
    columns += [value_column(name, values, style="", sort=sort) for name, values in found.items()]
    columns += _spark_column(runs) if screen.draws else []
    took = ["" if run.duration is None else human_duration(run.duration) for run in runs]
    ages = [age_text(run).removesuffix(" ago") for run in runs]
    columns += [Column("took", took, right=True), Column("age", ages, right=True)]
    if any(run.failure for run in runs):
        columns.append(Column("error", [run.failure or "" for run in runs], "red"))
    return columns, same


def _values_of(run: Run) -> Mapping[str, Any]:
    """The parameters, and what the sweep adds to them (`repeat`)."""
    values: Mapping[str, Any] = run.params
    if any(isinstance(value, dict) for value in values.values()):
        values = dict(leaf_values(values))
    sweep = run.listed_lineage.get("sweep") if run.case is not None else None
    added = {n: v for n, v in (sweep or {}).items() if n.partition(".")[0] not in run.params}
    return {**values, **added} if added else values


def split_values(rows: Sequence[Mapping[str, Any]]) -> tuple[dict[str, list[Any]], dict[str, Any]]:
    """By name what differs between the rows (`MISSING` where one lacks it), and what does not."""
    varying: dict[str, list[Any]] = {}
    same: dict[str, Any] = {}
    for name, values in _by_name(rows).items():
        first = values[0]
        if all(value is first or is_same(value, first) for value in values):
            same[name] = first
        else:
            varying[name] = values
    return varying, same


def _results_of(runs: Sequence[Run]) -> dict[str, list[Any]]:
    """Each result of the runs; where there is none, the last of the first series."""
    rows = [dict(leaf_values(run.results)) for run in runs]
    if not any(rows):
        rows = [dict(list(run.last.items())[:_LASTS]) for run in runs]
    return _by_name(rows)


def _by_name(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name, MISSING) for row in rows] for name in names}


def value_column(
    name: str, values: Sequence[Any], *, style: str = "cyan", sort: str | None = None
) -> Column:
    """A column of values: numbers to the right, in digits enough to tell them apart."""
    numeric = all(v is MISSING or v is None or isinstance(v, (int, float)) for v in values)
    texts = told_values(values, missing="", tell=_cell_text)
    arrow = ""
    if sort is not None and sort.lstrip("-").rpartition(".")[2] == name.rpartition(".")[2]:
        arrow = " ↓" if sort.startswith("-") else " ↑"
    return Column(f"{name}{arrow}", texts, style, right=numeric)


def _cell_text(value: Any) -> str:
    if isinstance(value, dt.datetime):
        with contextlib.suppress(OverflowError, ValueError):  # at the ends of the calendar
            value = on_local_clock(value)
        return str(value.isoformat(" ", "seconds"))[:19]
    if isinstance(value, tuple):  # tags
        return ", ".join(map(str, value))
    return value if isinstance(value, str) else short_text(value)


def _spark_column(runs: Sequence[Run]) -> list[Column]:
    """The course of the first scalar series that the runs have."""
    kinds = (name for run in runs for name in run.last)
    name = next(kinds, None)
    if name is None:
        return []
    sparks = [spark_of(run, name, _SPARK) for run in runs]
    return [Column(name, sparks, "cyan")] if any(sparks) else []


def spark_of(run: Run, name: str, width: int) -> str:
    """A spark line of a scalar series; nothing where there is none to be drawn."""
    series = scalar_of(run, name)
    return spark(series.values, width) if series else ""


def scalar_of(run: Run, name: str) -> Series | None:
    """A scalar series with its values, but one that is too long to be read for a glance."""
    if int(run.listed_series.get(name, {}).get("count") or 0) > _MOST_POINTS:
        return None
    try:
        found = run.series.get(name)
        return found if found and found.kind == "scalar" and len(found.values) else None
    except (ReadingError, OSError):  # the archive is told by those who look into it
        return None


def told_values(
    values: Sequence[Any], *, missing: str = "-", tell: Callable[[Any], str] = value_text
) -> list[str]:
    """Values beside each other: numbers that differ look different, unless there are many."""
    numbers = [value for value in values if type(value) in (int, float)]
    texts = number_texts(numbers) if len(numbers) < _FEW else map(number_text, numbers)
    told = iter(texts)
    return [
        missing if v is MISSING or v is None else next(told) if type(v) in (int, float) else tell(v)
        for v in values
    ]
