"""Optuna's samplers behind `ask` and `tell`. Optuna keeps nothing: its study is in memory."""

from __future__ import annotations

import contextlib
import math
import sys
import warnings
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState, create_trial

from expt.parameters.seeds import seed_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial, Trial

    from expt.ground.trials import Dimension, SearchTerms
    from expt.searching.ended import Ended

_STATES: Final = {
    "completed": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "failed": TrialState.FAIL,
}


class OptunaSampler:
    """tpe, cmaes: a sampler made anew for each trial, from the seed and the trial's number.

    qmc is a sequence that depends on nothing that is told. Raises `ImportError` where the sampler
    needs a library that is not there.
    """

    def __init__(self, terms: SearchTerms) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._terms = terms
        self._space = {one.name: _distribution(one) for one in terms.space}
        self._study = optuna.create_study(directions=[one.direction for one in terms.objectives])
        self._asked: dict[int, Trial] = {}
        self._sequence: _Sequence | None = None
        if terms.sampler == "qmc":
            import_module("scipy")  # Optuna looks for it at the first trial
            self._sequence = _Sequence(_seed_of(terms, 0), self._space)
        elif terms.sampler == "cmaes":
            import_module("cmaes")

    def ask(self, number: int) -> Mapping[str, Any] | None:
        if self._sequence is not None:
            return self._plain(self._sequence.at(number))
        with _quiet():
            self._study.sampler = _make(self._terms.sampler, _seed_of(self._terms, number))
            trial = self._study.ask(self._space)
        self._asked[number] = trial
        return self._plain(trial.params)

    def tell(self, ended: Ended) -> None:
        trial = None if ended.number is None else self._asked.pop(ended.number, None)
        curve = self._intermediate(ended)
        if trial is None:
            self._study.add_trial(self._past(ended, curve))
            return
        for step, value in curve.items():
            trial.report(value, step)
        self._study.tell(trial, ended.goals, _STATES[ended.state])

    def importances(self) -> dict[str, float]:
        """How much each name mattered to the first objective, together 1.

        Empty where there are too few trials. PED-ANOVA (Watanabe et al., IJCAI 2023): how far the
        best trials lie from the rest.
        """
        importance = _import_importance()
        evaluator = importance.PedAnovaImportanceEvaluator()  # which takes low for good
        sign = 1 if self._terms.objectives[0].direction == "minimize" else -1
        with _quiet(), contextlib.suppress(ValueError, RuntimeError):
            mattered: dict[str, float] = importance.get_param_importances(
                self._study, evaluator=evaluator, target=lambda trial: sign * trial.values[0]
            )
            return mattered
        return {}

    def _past(self, ended: Ended, curve: Mapping[int, float]) -> FrozenTrial:
        return create_trial(
            state=_STATES[ended.state],
            values=ended.goals,
            params={one.name: _inner(one, ended.values[one.name]) for one in self._terms.space},
            distributions=self._space,
            intermediate_values=dict(curve),
        )

    def _intermediate(self, ended: Ended) -> dict[int, float]:
        """The last of a pruned trial's curve, where it is a value of the one objective."""
        objectives, prune = self._terms.objectives, self._terms.prune
        if ended.state != "pruned" or not ended.curve:
            return {}
        if objectives[0].name not in (prune, f"last.{prune}", f"min.{prune}", f"max.{prune}"):
            return {}
        step, value = ended.curve[-1]
        return {max(0, int(step)): value}

    def _plain(self, params: Mapping[str, Any]) -> dict[str, Any]:
        return {
            one.name: one.choices[params[one.name]] if one.kind == "choice" else params[one.name]
            for one in self._terms.space
        }


class _Sequence:
    """The points of a quasi-random sequence, by their numbers."""

    def __init__(self, seed: int, space: Mapping[str, BaseDistribution]) -> None:
        self._space = dict(space)
        with _quiet():
            sampler = optuna.samplers.QMCSampler(scramble=True, seed=seed)
        self._study = optuna.create_study(sampler=sampler)
        self._points: list[dict[str, Any]] = []

    def at(self, number: int) -> dict[str, Any]:
        with _quiet():
            while len(self._points) <= number:
                trial = self._study.ask(self._space)
                self._points.append(trial.params)
                self._study.tell(trial, 0.0)
        return self._points[number]


def _make(name: str, seed: int) -> BaseSampler:
    if name == "cmaes":
        return optuna.samplers.CmaEsSampler(seed=seed, warn_independent_sampling=False)
    return optuna.samplers.TPESampler(seed=seed, multivariate=True, constant_liar=True)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """What Optuna warns of is about its own options, which nobody here has chosen."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _seed_of(terms: SearchTerms, number: int) -> int:
    from numpy.random import SeedSequence

    words: Sequence[int] = [*seed_words(terms.seed, "search"), number]
    return int(SeedSequence(words).generate_state(1)[0])


def _import_importance() -> Any:
    """`optuna.importance` without scikit-learn, a second, which only its other evaluators need.

    They say so where somebody makes one in this process, of `expt search`.
    """
    if _LEARNING in sys.modules:
        return import_module("optuna.importance")
    sys.modules[_LEARNING] = None  # type: ignore[assignment]  # which is how an import is refused
    try:
        return import_module("optuna.importance")
    finally:
        del sys.modules[_LEARNING]


_LEARNING: Final = "sklearn"


def _distribution(one: Dimension) -> BaseDistribution:
    if one.kind == "choice":  # by their places: Optuna's choices are numbers and texts alone
        return CategoricalDistribution(range(len(one.choices)))
    high = one.high
    if one.step:  # Optuna wants it on a step
        high = one.low + one.step * math.floor((one.high - one.low) / one.step + 1e-9)
    if one.kind == "int":
        return IntDistribution(int(one.low), int(high), log=one.log, step=int(one.step) or 1)
    return FloatDistribution(one.low, high, log=one.log, step=one.step or None)


def _inner(one: Dimension, value: Any) -> Any:
    if one.kind != "choice":
        return value
    return next(i for i, c in enumerate(one.choices) if type(c) is type(value) and c == value)
