"""When a trial is hopeless: the median rule, from the trials that ran to their ends.

At each step, the best that a trial has reached is compared with the median of what those had
reached by then (Golovin et al., "Google Vizier", 2017, section 3.1.2).
"""

from __future__ import annotations

import bisect
import itertools
import math
import statistics
from typing import TYPE_CHECKING, Final, Literal

from expt.ground.trials import Pruning

if TYPE_CHECKING:
    from collections.abc import Sequence

    from expt.ground.trials import Objective
    from expt.searching.ended import Ended

_ENOUGH: Final = 4  # completed trials, before which none is pruned
_STEPS: Final = 200
_CLEAR: Final = 0.3  # rank correlation from which a series tells what is good

Direction = Literal["minimize", "maximize"]


def make_pruning(series: str, objective: Objective, ended: Sequence[Ended]) -> Pruning | None:
    """The bounds of a trial that begins now; None as long as too little is known."""
    whole = [one for one in ended if one.goals is not None and one.curve]
    if len(whole) < _ENOUGH:
        return None
    direction = direction_of(series, objective, whole)
    if direction is None:
        return None
    better = min if direction == "minimize" else max
    steps = sorted({step for one in whole for step, _ in one.curve})
    steps = steps[1 :: max(1, len(steps) // _STEPS)]  # the first value says little
    reached = []
    for one in whole:
        best = list(itertools.accumulate((value for _, value in one.curve), better))
        at = [bisect.bisect_right(one.curve, (step, math.inf)) - 1 for step in steps]
        reached.append([best[place] if place >= 0 else None for place in at])
    columns = [[v for v in column if v is not None] for column in zip(*reached, strict=True)]
    bounds = tuple(float(statistics.median(column)) for column in columns)
    return Pruning(series, direction, tuple(map(float, steps)), bounds) if steps else None


def direction_of(series: str, objective: Objective, whole: Sequence[Ended]) -> Direction | None:
    """Which values of a series are good: those of the objective where it is of that series.

    Of another series, those that went with good values of the objective; None where that is
    unclear.
    """
    if objective.name in (series, f"last.{series}", f"min.{series}", f"max.{series}"):
        return objective.direction
    goals = [one.goals[0] for one in whole if one.goals is not None]
    ends = [one.curve[-1][1] for one in whole]
    try:
        together = statistics.correlation(_ranks(goals), _ranks(ends))
    except statistics.StatisticsError:  # all alike
        return None
    if abs(together) < _CLEAR:
        return None
    is_alike = together > 0
    return "minimize" if is_alike == (objective.direction == "minimize") else "maximize"


def _ranks(values: Sequence[float]) -> list[float]:
    ordered = sorted(values)
    return [float(bisect.bisect_left(ordered, value)) for value in values]
