"""Trials that have ended, from the archives of their runs."""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING, Any, Final, Literal

from expt.ground.value_classes import frozen
from expt.reading.fields import MISSING, dotted_value, field_value
from expt.reading.finding import find_runs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from expt.ground.model import Search
    from expt.ground.trials import Objective, SearchTerms
    from expt.reading.run import Run

ENDED: Final = ("completed", "failed", "skipped")
"""The statuses of runs that a search counts; one is skipped where a run that it needs failed."""

_POINTS: Final = 200  # of a curve, that are kept to compare others with


@frozen
class Ended:
    """How one trial ended; `number` is None where it was run by hand.

    `goals` are the values of the objectives, the mean over its runs; None where it was pruned or
    failed. `curve` holds step and value of the series that prunes, in order of the steps.
    """

    number: int | None
    values: Mapping[str, Any]
    state: Literal["completed", "pruned", "failed"]
    goals: tuple[float, ...] | None = None
    curve: tuple[tuple[float, float], ...] = ()


def find_points(root: Path, search: Search) -> list[tuple[Run, dict[str, Any]]]:
    """The ended runs of the search's experiment at points of its space, oldest first.

    A name that the experiment does not take is one of a run that it was given.
    """
    found = []
    runs = find_runs(root, status=ENDED)
    by_id = {run.id: run for run in runs}
    for run in reversed(runs):
        if run.experiment != search.case.experiment.id:
            continue
        values = {one.name: searched_value(run, one.name, by_id) for one in search.terms.space}
        if all(one.holds(values[one.name]) for one in search.terms.space):
            found.append((run, values))
    return found


def searched_value(run: Run, name: str, by_id: Mapping[str, Run] | None = None) -> Any:
    """The value of a name in a run; of one that it does not take, in the runs that it was given.

    `MISSING` where it has none; `by_id` are the runs that may have been given.
    """
    value = dotted_value(run.params, name)
    swept, needs = run.listed_lineage.get("sweep"), run.listed_lineage.get("needs")
    if value is MISSING and isinstance(swept, dict):
        value = swept.get(name, MISSING)
    if value is not MISSING or not by_id or not isinstance(needs, dict):
        return value
    given = [by_id[id_] for id_ in needs.values() if id_ in by_id]
    found = (searched_value(other, name, by_id) for other in given)
    return next((value for value in found if value is not MISSING), MISSING)


def judge_runs(
    runs: Sequence[Run], terms: SearchTerms, values: Mapping[str, Any], number: int | None
) -> Ended:
    """What a trial came to, from all of its runs."""
    curve = curve_of(runs[0], terms.prune) if terms.prune else ()
    states = [state_of(run) for run in runs]
    if "failed" in states:
        return Ended(number, values, "failed", None, curve)
    if "pruned" in states:
        return Ended(number, values, "pruned", None, curve)
    means = []
    for objective in terms.objectives:
        goals = [goal_of(run, objective) for run in runs]
        numbers = [goal for goal in goals if goal is not None]
        if len(numbers) < len(goals):
            return Ended(number, values, "failed", None, curve)
        means.append(statistics.fmean(numbers))
    return Ended(number, values, "completed", tuple(means), curve)


def state_of(run: Run) -> Literal["completed", "pruned", "failed"]:
    """The state of the trial that a run is, as its archive says."""
    if run.status != "completed":
        return "failed"
    return "pruned" if search_facts(run).get("state") == "pruned" else "completed"


def search_facts(run: Run) -> dict[str, Any]:
    """What a run's archive says of the search that it is a trial of; empty for any other."""
    facts = run.listed_lineage.get("search")
    return facts if isinstance(facts, dict) else {}


def goal_of(run: Run, objective: Objective) -> float | None:
    """The finite number that an objective names; None where the run has none."""
    value = field_value(run, objective.name)
    if value is MISSING or not isinstance(value, (int, float)):
        return None
    return float(value) if math.isfinite(value) else None


def curve_of(run: Run, series: str) -> tuple[tuple[float, float], ...]:
    """Steps and values of a series of numbers, thinned; empty where the run has none."""
    if series not in run.last:
        return ()
    tracked = run.series[series]
    pairs = sorted(zip(tracked.steps.tolist(), tracked.values.tolist(), strict=True))
    thin = max(1, -(-len(pairs) // _POINTS))
    return (*pairs[:-1:thin], pairs[-1])
