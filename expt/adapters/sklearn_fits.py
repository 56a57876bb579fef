"""Fits in the style of scikit-learn: what an estimator tells of its fit becomes series and results.

The protocol: `fit`, `score`, and attributes that end with an underscore, of any estimator
(https://scikit-learn.org/stable/developers/develop.html); the last step of a pipeline is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from expt.adapters.reported import numbers_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from expt.ground.model import Track

_CURVES: Final = {
    "loss_curve_": "loss",
    "validation_scores_": "validation_score",
    "train_score_": "train_score",
    "validation_score_": "validation_score",
    "oob_scores_": "oob_score",
    "evals_result_": "",  # of XGBoost and LightGBM: {data set: {metric: curve}}
}
"""Attributes with a number for each iteration, and the series that they become."""

_NUMBERS: Final = ("n_iter_", "best_score_", "inertia_", "lower_bound_", "oob_score_", "alpha_")


def fit(
    track: Track,
    estimator: Any,
    X: Any,  # noqa: N803 - as everybody calls it
    y: Any = None,
    *,
    test: tuple[Any, Any] | None = None,
    name: str = "",
    **given: Any,
) -> dict[str, Any]:
    """Call `estimator.fit(X, y, **given)`, track what it tells, and return its scores.

    Curves such as `loss_curve_` are series of scalars, `cv_results_` of a search is a table. What
    is returned are results: `score` and `test_score` (of the pair `test`), `n_iter`, `best_score`,
    the `best_params` of a search. `name` stands before all names, as in `name/loss`.
    """
    estimator.fit(X, y, **given)
    prefix = f"{name}/" if name else ""
    for series, curve in _curves(_last_step(estimator)):
        for step, value in enumerate(curve):
            for told, number in numbers_in({f"{prefix}{series}": value}):
                track(told, number, step=step)
    found = getattr(estimator, "cv_results_", None)
    if isinstance(found, Mapping):
        track.table(f"{prefix}cv_results", _table(found))
    return {f"{prefix}{key}": value for key, value in _results(estimator, X, y, test)}


def _last_step(estimator: Any) -> Any:
    """Of a search its best estimator, of a pipeline the last step."""
    estimator = getattr(estimator, "best_estimator_", estimator)
    steps = getattr(estimator, "steps", None)
    return steps[-1][1] if isinstance(steps, list) and steps else estimator


def _curves(estimator: Any) -> Iterator[tuple[str, Iterable[Any]]]:
    for attribute, series in _CURVES.items():
        told = getattr(estimator, attribute, None)
        if isinstance(told, Mapping):
            for data, metrics in told.items():
                yield from ((f"{data}/{metric}", curve) for metric, curve in metrics.items())
        elif told is not None and hasattr(told, "__len__") and len(told):
            yield series, told


def _table(found: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Columns of plain values: a grid's parameters are objects."""
    return {str(name): [_plain(value) for value in column] for name, column in found.items()}


def _plain(value: Any) -> Any:
    value = value.item() if hasattr(value, "item") and not getattr(value, "shape", ()) else value
    return value if isinstance(value, (bool, int, float, str)) else str(value)


def _results(
    estimator: Any,
    X: Any,  # noqa: N803
    y: Any,
    test: tuple[Any, Any] | None,
) -> Iterator[tuple[str, Any]]:
    if hasattr(estimator, "score"):
        yield "score", float(estimator.score(X, y))
        if test is not None:
            yield "test_score", float(estimator.score(*test))
    for told in (estimator, _last_step(estimator)):
        values = {key.removesuffix("_"): getattr(told, key, None) for key in _NUMBERS}
        yield from numbers_in(values)
    best = getattr(estimator, "best_params_", None)
    if isinstance(best, Mapping):
        yield "best_params", {str(key): _plain(value) for key, value in best.items()}
