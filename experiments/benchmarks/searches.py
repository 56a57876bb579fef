"""How good the best of 60 trials is, by sampler and by how many trials are under way at once.

    expt experiments/benchmarks/searches.py

No runs are made: a study is asked and told, as a session does it. The medians over ten seeds are
what `expt --search 60` reaches on the same functions.
"""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING, Final

import expt
from expt.ground.model import Dimension, Objective, SearchTerms
from expt.searching import Ended, Study, make_sampler

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TRIALS: Final = 60
SEEDS: Final = range(10)


def branin(x: float, y: float) -> float:
    """Lowest 0.3979."""
    bowl = (y - 5.1 / (4 * math.pi**2) * x * x + 5 / math.pi * x - 6) ** 2
    return bowl + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10


def rosenbrock(x: float, y: float) -> float:
    """Lowest 0, at the end of a bent valley."""
    return (1 - x) ** 2 + 100 * (y - x * x) ** 2


FUNCTIONS: Final[Mapping[str, tuple[Callable[[float, float], float], tuple[float, ...]]]] = {
    "branin": (branin, (-5.0, 10.0, 0.0, 15.0)),
    "rosenbrock": (rosenbrock, (-2.0, 2.0, -1.0, 3.0)),
}


def search(function: str, sampler: str, seed: int, at_once: int) -> float:
    """The lowest value that a search found."""
    formula, (left, right, bottom, top) = FUNCTIONS[function]
    space = (Dimension("x", "float", left, right), Dimension("y", "float", bottom, top))
    objectives = (Objective("results.value", "minimize"),)
    terms = SearchTerms(space, objectives, TRIALS, sampler, seed=seed)
    study = Study(terms, make_sampler(terms))
    running = []
    while True:
        while len(running) < at_once and (point := study.ask()) is not None:
            running.append(point)
        if not running:
            return min(one.goals[0] for one in study.ended if one.goals)
        point = running.pop(0)
        value = formula(point.values["x"], point.values["y"])
        study.tell(Ended(point.number, point.values, "completed", (value,)))


@expt.sweep(function=["branin", "rosenbrock"])
def experiment_best_of_sixty(function: str):
    """The median over ten seeds of the best of 60 trials."""
    found = {
        "random": [search(function, "random", seed, 1) for seed in SEEDS],
        "tpe": [search(function, "tpe", seed, 1) for seed in SEEDS],
        "tpe_four_at_once": [search(function, "tpe", seed, 4) for seed in SEEDS],
    }
    medians = {name: statistics.median(values) for name, values in found.items()}
    return {**medians, "tpe_spread": statistics.stdev(found["tpe"])}
