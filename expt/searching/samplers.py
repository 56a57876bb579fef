"""Who chooses the next trial: a `Sampler` has `ask` and `tell`.

    random  grid             here                tpe  qmc  cmaes   Optuna's, with the extra `search`

What is asked for depends on the seed, the number of the trial and what was told, and on nothing
else: a search that goes on in another session asks for what it would have asked for in this one.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any, Final, Protocol

from expt.ground.errors import UsageError, suggestion
from expt.ground.value_classes import evolve
from expt.parameters.seeds import seed_words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from expt.ground.trials import Dimension, SearchTerms
    from expt.searching.ended import Ended

_TELLING: Final = 10  # trials, before which nothing is known of what matters
SAMPLERS: Final = ("cmaes", "grid", "qmc", "random", "tpe")


class Sampler(Protocol):
    """Chooses the points of one terms."""

    def ask(self, number: int, /) -> Mapping[str, Any] | None:
        """The values of a trial by the names of the space; None where all have been tried."""

    def tell(self, ended: Ended, /) -> None:
        """Know of a trial that ended: one that was asked for, or one of before."""


def make_sampler(terms: SearchTerms) -> Sampler:
    """The sampler that a search names. Raises `UsageError` where it is none, or cannot be had."""
    name = terms.sampler
    if name not in SAMPLERS:
        hint = suggestion(name, SAMPLERS, "samplers", whole=True)
        raise UsageError(f"there is no sampler '{name}'", f"--sampler {name}", hint)
    if name == "random":
        return _Random(terms)
    if name == "grid":
        return _Grid(terms)
    try:
        from expt.searching.optuna_samplers import OptunaSampler  # slow, and an extra

        return OptunaSampler(terms)
    except ImportError as error:
        raise UsageError(
            f"the sampler '{name}' needs {error.name or 'optuna'}",
            f"--sampler {name}",
            "pip install 'expt-runner[search]', or take --sampler random",
        ) from None


def find_importances(terms: SearchTerms, ended: Sequence[Ended]) -> dict[str, float]:
    """How much each name mattered to the first objective, together 1.

    Empty where too little is known or all are alike, or Optuna is not installed. See
    `OptunaSampler.importances`.
    """
    try:
        from expt.searching.optuna_samplers import OptunaSampler  # slow, and an extra
    except ImportError:
        return {}
    whole = [one for one in ended if one.state == "completed"]
    if len(whole) < _TELLING or len({one.goals[0] for one in whole if one.goals}) < 2:
        return {}
    sampler = OptunaSampler(evolve(terms, sampler="tpe"))
    for one in whole:
        sampler.tell(one)
    return sampler.importances()


class _Random:
    def __init__(self, terms: SearchTerms) -> None:
        self._terms = terms

    def ask(self, number: int) -> Mapping[str, Any] | None:
        from numpy.random import default_rng  # slow, and few sessions search

        draw = default_rng([*seed_words(self._terms.seed, "search"), number])
        return {one.name: _at(one, draw.random()) for one in self._terms.space}

    def tell(self, ended: Ended) -> None:
        """What was found changes nothing."""


def _at(one: Dimension, share: float) -> Any:
    """The value of a dimension at a share of it from 0 up to 1."""
    if one.kind == "choice":
        return one.choices[int(share * len(one.choices))]
    if one.step:
        steps = math.floor((one.high - one.low) / one.step + 1e-9)
        value = one.low + one.step * int(share * (steps + 1))
    elif one.kind == "int":
        low, high = math.log(one.low - 0.5), math.log(one.high + 0.5)
        value = round(math.exp(low + share * (high - low)))
    elif one.log:
        value = one.low * (one.high / one.low) ** share
    else:
        value = one.low + share * (one.high - one.low)
    value = min(max(value, one.low), one.high)
    return int(value) if one.kind == "int" else float(value)


class _Grid:
    """Every point once, the last name fastest; those that are known are left out."""

    def __init__(self, terms: SearchTerms) -> None:
        self._names = [one.name for one in terms.space]
        self._points = itertools.product(*map(_grid_of, terms.space))
        self._known: set[str] = set()

    def ask(self, number: int) -> Mapping[str, Any] | None:
        for point in self._points:
            if repr(point) not in self._known:
                return dict(zip(self._names, point, strict=True))
        return None

    def tell(self, ended: Ended) -> None:
        self._known.add(repr(tuple(ended.values[name] for name in self._names)))


def _grid_of(one: Dimension) -> list[Any]:
    if one.kind == "choice":
        return list(one.choices)
    if not one.step and one.kind == "float":
        hint = f"write {{float = [{one.low:g}, {one.high:g}], step = …}}"
        raise UsageError(f"'{one.name}' has no grid: it has no step", one.where, hint)
    step = one.step or 1
    count = math.floor((one.high - one.low) / step + 1e-9) + 1
    return [one.low + step * place for place in range(count)]
