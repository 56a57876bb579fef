"""A trial that is hopeless ends: what is tracked is compared with the bounds that it was given.

The bounds come from the trials that ended before this one began, so that the same search prunes
the same trials, and nobody is asked while a run goes on.
"""

from __future__ import annotations

import bisect
import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from expt.ground.trials import Pruning

    OnTracked = Callable[[str, Any, float, Any], None]


class TrialPruned(BaseException):
    """Ends a run whose trial is hopeless; no `except Exception` of the experiment's stops it."""


class Pruner:
    """Hears of each tracked value, after it was stored. Raises `TrialPruned`."""

    def __init__(self, pruning: Pruning, then: OnTracked | None) -> None:
        self._pruning = pruning
        self._then = then
        self._sign = 1.0 if pruning.direction == "minimize" else -1.0
        self._best = math.inf

    def __call__(self, name: str, kind: Any, step: float, value: Any) -> None:
        if self._then is not None:
            self._then(name, kind, step, value)
        pruning = self._pruning
        if name != pruning.series or not isinstance(value, (int, float)):
            return
        self._best = min(self._best, self._sign * value)  # nan is never the smaller one
        place = bisect.bisect_right(pruning.steps, step) - 1
        if place >= 0 and self._best > self._sign * pruning.bounds[place]:
            raise TrialPruned(f"pruned at step {step:g}: {name} is worse than half of the trials")
