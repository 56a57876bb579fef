"""Cases that are chosen one after the other: what is known, what to try next, when to stop one.

    archives ─ find_points ─► runs in the space ─┐
                                                 ▼
    sampler ── ask ──► Study ── ask ──► SpacePoint ─ ─ ► cases, runs
       ▲                 │                                     │
       └───── tell ──────┴──────────── tell ◄──────────────────┘

The archives are the study: nothing is kept beside them, and the next session finds what this one
knew.
"""

from expt.searching.ended import (
    ENDED,
    Ended,
    find_points,
    goal_of,
    judge_runs,
    searched_value,
    state_of,
)
from expt.searching.samplers import SAMPLERS, Sampler, find_importances, make_sampler
from expt.searching.study import Study, best_of, is_better

__all__ = [
    "ENDED",
    "SAMPLERS",
    "Ended",
    "Sampler",
    "Study",
    "best_of",
    "find_importances",
    "find_points",
    "goal_of",
    "is_better",
    "judge_runs",
    "make_sampler",
    "searched_value",
    "state_of",
]
