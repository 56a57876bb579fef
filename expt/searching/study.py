"""One search as it goes on: what is known of it, which trial comes next, which one was the best."""

from __future__ import annotations

from typing import TYPE_CHECKING

from expt.ground.trials import SpacePoint
from expt.searching.bounds import make_pruning

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from expt.ground.trials import Objective, SearchTerms
    from expt.searching.ended import Ended
    from expt.searching.samplers import Sampler


class Study:
    """Asks a sampler for trials until there are as many as the search wants.

    `ended` are the trials that are known when it begins: they count, those run by hand too.
    A number whose trial did not end is given again, so that a search which was killed goes on as
    if it had not been.
    """

    def __init__(self, terms: SearchTerms, sampler: Sampler, ended: Iterable[Ended] = ()) -> None:
        self.terms = terms
        self.ended: list[Ended] = []
        self._sampler = sampler
        self._running: dict[int, Mapping[str, Any]] = {}
        self._is_exhausted = False
        for one in sorted(ended, key=lambda one: -1 if one.number is None else one.number):
            self._take(one)

    @property
    def left(self) -> int:
        """How many trials are still to begin."""
        if self._is_exhausted:
            return 0
        return max(0, self.terms.trials - len(self.ended) - len(self._running))

    def ask(self) -> SpacePoint | None:
        """The next trial; None where there is none, now or ever."""
        if not self.left:
            return None
        taken = {one.number for one in self.ended} | self._running.keys()
        number = next(n for n in range(len(taken) + 1) if n not in taken)
        values = self._sampler.ask(number)
        if values is None:
            self._is_exhausted = True
            return None
        self._running[number] = values
        prune, objectives = self.terms.prune, self.terms.objectives
        pruning = make_pruning(prune, objectives[0], self.ended) if prune else None
        return SpacePoint(number, values, pruning=pruning)

    def values_of(self, number: int) -> Mapping[str, Any]:
        """The point of a trial that runs."""
        return self._running[number]

    def tell(self, ended: Ended) -> None:
        """Know how a trial ended that was asked for."""
        if ended.number is not None:
            self._running.pop(ended.number, None)
        self._take(ended)

    def best(self) -> list[Ended]:
        """The trials that no other is better than; of one objective the first of the best."""
        return best_of(self.ended, self.terms.objectives)

    def _take(self, ended: Ended) -> None:
        self.ended.append(ended)
        self._sampler.tell(ended)


def best_of(ended: Sequence[Ended], objectives: Sequence[Objective]) -> list[Ended]:
    """Those of `ended` that no other one is better than; of one objective the first of the best."""
    whole = [one for one in ended if one.goals is not None]
    front = [
        one
        for one in whole
        if not any(is_better(other.goals, one.goals, objectives) for other in whole)
    ]
    return front[:1] if len(objectives) == 1 else front


def is_better(
    one: Sequence[float] | None, other: Sequence[float] | None, objectives: Sequence[Objective]
) -> bool:
    """Whether `one` is as good in every objective, and better in some."""
    if one is None or other is None:
        return one is not None and other is None
    signs = [1 if objective.direction == "minimize" else -1 for objective in objectives]
    gains = [sign * (b - a) for a, b, sign in zip(one, other, signs, strict=True)]
    return min(gains) >= 0 and max(gains) > 0
