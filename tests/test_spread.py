"""`expt.ground.spread`: what counts as a number, mean and spread."""

from __future__ import annotations

import math

import pytest

from expt.ground.spread import is_number, mean, spread_of


@pytest.mark.parametrize(
    ("value", "counts"), [(1, True), (-0.5, True), (math.nan, True), (True, False), ("1", False)]
)
def test_a_truth_value_is_no_number(value: object, counts: bool) -> None:
    assert is_number(value) is counts


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ([0.1] * 10, 0.1),
        ([0.1] * 7, 0.1),
        ([1.7e308, 1.7e308], 1.7e308),
        ([10**400], math.inf),
        ([math.inf, 1], math.inf),
    ],
)
def test_a_mean_is_exact_and_never_raises(numbers: list[float], expected: float) -> None:
    assert mean(numbers) == expected


@pytest.mark.parametrize("numbers", [[math.inf, -math.inf], [math.nan, 1.0], [-(10**400), 10**400]])
def test_a_mean_that_is_none_is_nan(numbers: list[float]) -> None:
    assert math.isnan(mean(numbers))


def test_a_spread_has_the_sample_deviation_and_nan_is_no_extreme() -> None:
    assert spread_of([2, 4]) == {"mean": 3.0, "std": pytest.approx(2**0.5), "min": 2.0, "max": 4.0}
    assert spread_of([0.1] * 7)["std"] == 0
    assert spread_of([7]) == {"mean": 7.0, "std": None, "min": 7.0, "max": 7.0}
    found = spread_of([math.nan, 1.0, 3.0])
    assert math.isnan(found["mean"]) and (found["min"], found["max"]) == (1.0, 3.0)
    assert spread_of([1e200, -1e200])["std"] == math.inf
