"""How good the best of 60 trials is, by sampler and by how many trials are under way at once.

    expt experiments/benchmarks/searches.py

No runs are made: a study is asked and told, as a session does it. The medians over forty seeds, of
the network over ten, are what `expt --search 60` reaches on the same functions.
"""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING, Final

import numpy as np

import expt
from expt.ground.trials import Dimension, Objective, SearchTerms
from expt.searching.ended import Ended
from expt.searching.samplers import make_sampler
from expt.searching.study import Study

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TRIALS: Final = 60
SEEDS: Final = {"branin": range(40), "rosenbrock": range(40), "network": range(10)}


def branin(x: float, y: float) -> float:
    """Lowest 0.3979."""
    bowl = (y - 5.1 / (4 * math.pi**2) * x * x + 5 / math.pi * x - 6) ** 2
    return bowl + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10


def rosenbrock(x: float, y: float) -> float:
    """Lowest 0, at the end of a bent valley."""
    return (1 - x) ** 2 + 100 * (y - x * x) ** 2


_rng = np.random.default_rng(0)
_POINTS: Final = np.column_stack([_rng.standard_normal((96, 2)), np.ones(96)])
_CLASSES: Final = (np.hypot(_POINTS[:, :1], _POINTS[:, 1:2]) > 1.2).astype(float)
_START: Final = (_rng.standard_normal((3, 8)), _rng.standard_normal((8, 1)))


def network(x: float, y: float) -> float:
    """Loss on points that it has not seen of a network of eight units after 120 steps.

    `x` is the decimal logarithm of the rate of learning, `y` that of the decay of weights.
    """
    first, second = (weights.copy() for weights in _START)
    seen, classes = _POINTS[:64], _CLASSES[:64]
    rate, decay = 10**x, 10**y
    for _ in range(120):
        hidden = np.tanh(seen @ first)
        error = (1 / (1 + np.exp(-np.clip(hidden @ second, -30, 30))) - classes) / len(seen)
        back = error @ second.T * (1 - hidden**2)
        first -= rate * (seen.T @ back + decay * first)
        second -= rate * (hidden.T @ error + decay * second)
    told = np.clip(np.tanh(_POINTS[64:] @ first) @ second, -30, 30)
    return float(np.mean(np.log1p(np.exp(told)) - _CLASSES[64:] * told))


FUNCTIONS: Final[Mapping[str, tuple[Callable[[float, float], float], tuple[float, ...]]]] = {
    "branin": (branin, (-5.0, 10.0, 0.0, 15.0)),
    "rosenbrock": (rosenbrock, (-2.0, 2.0, -1.0, 3.0)),
    "network": (network, (-3.0, 2.0, -6.0, 0.0)),
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


@expt.sweep(function=["branin", "rosenbrock", "network"])
def experiment_best_of_sixty(function: str):
    """The median over the seeds of the best of 60 trials."""
    seeds = SEEDS[function]
    found = {
        "random": [search(function, "random", seed, 1) for seed in seeds],
        "tpe": [search(function, "tpe", seed, 1) for seed in seeds],
        "tpe_four_at_once": [search(function, "tpe", seed, 4) for seed in seeds],
    }
    medians = {name: statistics.median(values) for name, values in found.items()}
    return {**medians, "tpe_spread": statistics.stdev(found["tpe"])}
