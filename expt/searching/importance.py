"""How much each name of a search's space mattered.

PED-ANOVA (Watanabe et al., IJCAI 2023, Algorithm 1) with Optuna's choices: a name's values are laid
on a grid, where the density of the best tenth of the trials and that of all are estimated; what
mattered more is what brings them farther apart. Optuna's own would import scikit-learn beside it.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy import ndarray

    from expt.ground.trials import Dimension, SearchTerms
    from expt.searching.ended import Ended

_TELLING: Final = 10  # trials, before which nothing is known of what matters
_BEST: Final = 0.1  # of the trials
_PLACES: Final = 50  # of a grid, at most
_NARROWEST: Final = 0.5 / 1.64  # places: nine tenths of such a bell lie in one


def find_importances(terms: SearchTerms, ended: Sequence[Ended]) -> dict[str, float]:
    """How much each name mattered to the first objective, together 1.

    Empty where too little is known: there are too few trials, or all are alike.
    """
    sign = 1 if terms.objectives[0].direction == "minimize" else -1
    told = [
        (sign * one.goals[0], one.values)
        for one in ended
        if one.goals
        and math.isfinite(one.goals[0])
        and all(dimension.holds(one.values[dimension.name]) for dimension in terms.space)
    ]
    if len(told) < _TELLING:
        return {}
    limit = sorted(goal for goal, _ in told)[math.ceil(_BEST * len(told)) - 1]
    found = {}
    for one in terms.space:
        every = [values[one.name] for _, values in told]
        best = [values[one.name] for goal, values in told if goal <= limit]
        found[one.name] = _divergence(_density(one, best), _density(one, every))
    whole = sum(found.values())
    return {name: value / whole for name, value in found.items()} if whole else {}


def _divergence(one: ndarray, other: ndarray) -> float:
    """Pearson's, of one density from another."""
    return float(other @ (one / other - 1) ** 2)


def _density(one: Dimension, values: Sequence[Any]) -> ndarray:
    """The share of each place of the grid: a kernel at each place that has values, and one for
    what would have been thought without them."""
    import numpy as np  # slow, and the verb says what it has to say of bad words without it

    count = _size_of_grid(one)
    weights = np.bincount([_place(one, value, count) for value in values], minlength=count)
    (places,) = weights.nonzero()
    weights = weights[places]
    if one.kind == "choice":
        kernels = np.full((len(places) + 1, count), 1 / (len(places) + 1))
        kernels[np.arange(len(places)), places] += 1
    else:
        widths = [_width_of(places, weights)] * len(places)
        edges = np.arange(count + 1) - 0.5
        centres, widths = [*places, (count - 1) / 2], [*widths, count]
        kernels = np.array([_bell(edges, *bell) for bell in zip(centres, widths, strict=True)])
    kernels /= kernels.sum(axis=1, keepdims=True)
    shares: ndarray = np.append(weights, 1) @ kernels / (len(values) + 1)
    return shares


def _size_of_grid(one: Dimension) -> int:
    if one.kind == "choice":
        return len(one.choices)
    if one.low == one.high:
        return 1
    if one.kind == "int" and one.log:
        return min(_PLACES, math.ceil(math.log2(one.high - one.low + 1)) + 1)
    return min(_PLACES, one.steps + 1) if one.step else _PLACES


def _place(one: Dimension, value: Any, count: int) -> int:
    if one.kind == "choice":
        return one.place_of(value)
    if count == 1:
        return 0
    ends = one.low, one.highest
    low, high, at = map(math.log, (*ends, value)) if one.log else (*ends, value)
    return min(max(math.ceil((at - low) / (high - low) * (count - 1) - 0.5), 0), count - 1)


def _width_of(places: ndarray, weights: ndarray) -> float:
    """Of the kernels, by the rule of Scott (1992) with the quarters of what was found."""
    sums = weights.cumsum()
    whole = int(sums[-1])
    mean = places @ weights / whole
    deviation = math.sqrt((places - mean) ** 2 @ weights / max(1, whole - 1))
    first = int(sums.searchsorted(whole // 4))
    third = int(sums.searchsorted(whole * 3 // 4, side="right"))
    between = int(places[min(third, len(places) - 1)] - places[first])
    return max(1.059 * min(between / 1.34, deviation) * float(whole**-0.2), _NARROWEST)


def _bell(edges: ndarray, centre: float, width: float) -> list[float]:
    """How much of a normal distribution lies between each two edges."""
    below = [math.erf((edge - centre) / width / math.sqrt(2)) for edge in edges.tolist()]
    return [(high - low) / 2 for low, high in pairwise(below)]
