"""A series becomes the few points that its pixels need."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from expt.drawing.curves import (
    COLUMNS,
    MOST_POINTS,
    at_power,
    direction,
    limits,
    make_curve,
    on_axis,
)

NAN, INF = math.nan, math.inf


def marks(steps: Any, values: Any, **options: Any) -> list[tuple[str, int, Any]]:
    curve = make_curve(steps, values, **options)
    return [(mark.word, int(mark.step), mark.value) for mark in curve.marks]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("loss", "min"),
        ("val/loss", "min"),
        ("valLoss", "min"),
        ("test_rmse", "min"),
        ("crossentropyloss", "min"),
        ("accuracy", "max"),
        ("top5 acc", "max"),
        ("f1", "max"),
        ("R2", "max"),
        ("loss/accuracy", "max"),
        ("accuracy of the loss", "min"),
        ("magnetisation", None),
        ("glossary", None),
        ("", None),
    ],
)
def test_some_names_say_which_end_is_good(name: str, found: str | None) -> None:
    assert direction(name) == found


def test_the_best_of_a_loss_is_its_lowest_value() -> None:
    assert marks([0, 1, 2], [3.0, 1.0, 2.0], name="loss") == [("last", 2, 2.0), ("best", 1, 1.0)]


def test_where_no_name_tells_both_ends_are_marked() -> None:
    assert marks([0, 1, 2], [3.0, 1.0, 2.0]) == [
        ("last", 2, 2.0),
        ("min", 1, 1.0),
        ("max", 0, 3.0),
    ]


def test_a_flat_line_has_no_lowest_and_no_highest_point() -> None:
    assert marks(range(3), [2.0, 2.0, 2.0]) == [("last", 2, 2.0)]


def test_the_option_beats_the_name() -> None:
    assert marks([0, 1], [1.0, 2.0], name="loss", best="max")[1] == ("best", 1, 2.0)


def test_the_last_entry_is_the_one_tracked_last_and_not_the_highest_step() -> None:
    assert marks([5, 9, 1], [0.0, 2.0, 1.0])[0] == ("last", 1, 1.0)


def test_steps_in_any_order_are_drawn_from_left_to_right() -> None:
    curve = make_curve([3, 1, 2], [30.0, 10.0, 20.0])

    assert curve.x.tolist() == [1, 2, 3]
    assert curve.y.tolist() == [10, 20, 30]


def test_nan_is_a_gap_and_infinities_have_places_of_their_own() -> None:
    curve = make_curve(range(6), [1.0, NAN, INF, 2.0, -INF, 3.0])

    assert np.isnan(curve.y).tolist() == [False, True, True, False, True, False]
    assert (curve.above.tolist(), curve.below.tolist()) == ([2], [4])
    assert (curve.missing, curve.infinite, curve.low, curve.high) == (1, 2, 1.0, 3.0)


def test_a_value_between_two_gaps_is_a_dot() -> None:
    values = np.where(np.arange(100) % 10 == 5, 1.0, NAN)

    assert make_curve(range(100), values).dots[0].tolist() == list(range(5, 100, 10))


def test_a_value_beside_another_one_is_no_dot() -> None:
    values = np.where(np.arange(100) % 10 < 2, 1.0, NAN)

    assert make_curve(range(100), values).dots[0].size == 0


def test_ints_beyond_float64_are_marked_exactly() -> None:
    values = np.array([2**53 + 1, 2**63 - 1])

    assert [value for _, _, value in marks([0, 1], values)] == [2**63 - 1, 2**53 + 1, 2**63 - 1]


def test_numbers_of_any_size_are_drawn_or_left_out() -> None:
    curve = make_curve(range(4), np.array([10**400, -(10**400), 1, 1e308], dtype=object))

    assert (curve.power, curve.infinite) == (100, 2)
    assert (curve.low, curve.high) == (1e-100, pytest.approx(1e208))


def test_what_is_finite_is_drawn_finite() -> None:
    """case: finite-drawn-infinite"""
    curve = make_curve(range(9), [(-1) ** index * 2e300 for index in range(9)])

    assert (curve.infinite, curve.power) == (0, 100)
    assert np.isfinite(curve.y).all()
    assert [mark.value for mark in curve.marks] == [2e300, -2e300, 2e300]


def test_curves_beside_each_other_have_one_power() -> None:
    small = make_curve([0, 1], [1.0, 2.0])

    assert at_power(small, 100).y.tolist() == [1e-100, 2e-100]
    assert at_power(small, 0) is small


@pytest.mark.parametrize("values", [[], [NAN, NAN], [INF]])
def test_nothing_finite_is_a_curve_without_a_range(values: list[float]) -> None:
    curve = make_curve(range(len(values)), values)

    assert math.isnan(curve.low)
    assert limits([curve], log=False)[1] == (0.0, 1.0)


# Long series


def test_a_million_points_become_a_band_that_has_every_extreme() -> None:
    values = np.sin(np.arange(1_000_000) / 1000)
    values[123_456] = 7.0

    (band,) = make_curve(np.arange(1_000_000), values).band

    assert band.shape == (COLUMNS, 3)
    assert band[:, 2].max() == 7.0
    assert band[:, 1].min() == values.min()


def test_a_band_is_cut_where_a_column_has_no_finite_value() -> None:
    values = np.ones(100_000)
    values[40_000:60_000] = NAN

    left, right = make_curve(np.arange(100_000), values).band

    assert left[-1, 0] < 40_200
    assert right[0, 0] > 59_800


def test_the_mean_of_a_column_is_of_its_finite_values() -> None:
    values = np.tile([1.0, NAN, 3.0, INF], MOST_POINTS // 2)

    curve = make_curve(range(values.size), values, smooth=True)

    assert curve.smooth is not None
    assert curve.smooth[1] == pytest.approx(np.full(curve.smooth[1].size, 2.0), abs=0.4)
    whole = make_curve(range(values.size), np.full(values.size, 5.0), smooth=True)
    assert whole.smooth is not None
    assert whole.smooth[1] == pytest.approx(np.full(whole.smooth[1].size, 5.0))


def test_columns_are_by_step_and_not_by_entry() -> None:
    steps = np.concatenate([np.arange(5000), [1_000_000]])

    (band,) = make_curve(steps, np.ones(5001)).band

    assert len(band) == 5  # 700 columns of 1429 steps, of which these hold a point


@pytest.mark.parametrize("first", [2**62, 2**63 - 1 - MOST_POINTS - 1])
def test_steps_that_no_float_holds_are_drawn(first: int) -> None:
    steps = first + np.arange(MOST_POINTS + 1)

    (band,) = make_curve(steps, np.arange(MOST_POINTS + 1.0)).band

    assert band[:, 1].min() == 0
    assert band[:, 2].max() == MOST_POINTS


def test_one_step_for_all_is_one_column() -> None:
    (band,) = make_curve(np.full(10_000, 3), np.arange(10_000.0)).band

    assert band.tolist() == [[3, 0, 9999]]


# The log axis


@pytest.mark.parametrize(
    ("values", "log"),
    [
        (1000 * np.exp(-np.arange(100) / 5), True),
        (np.linspace(0.0001, 1, 100), False),  # three decades, and few points in the lowest
        (np.linspace(1, 999, 100), False),
        (np.geomspace(1, 999, 100), False),
        (np.geomspace(1, 1001, 100), True),
        (np.array([0.1, 15, 15, 15, 100]), False),  # half are above a tenth of the largest
        (np.array([0.1, 9, 9, 9, 100]), True),
        (np.array([0.0, *np.geomspace(1, 1e6, 99)]), False),
        (-np.geomspace(1, 1e6, 100), False),
        (np.array([NAN, *np.geomspace(1, 1e6, 99)]), True),
        (np.array([1e-300, 1e300, 1e-300, 1e-299]), False),  # its decades would overflow
    ],
)
def test_the_log_axis_follows_its_rule(values: Any, log: bool) -> None:
    assert make_curve(range(len(values)), values).log is log


def test_numbers_are_told_as_the_axis_of_their_picture_has_them() -> None:
    values, low, high, log = on_axis([100.0, 1.0, math.inf, 0.01, 0.001], None)
    assert (low, high, log) == (0.001, 100.0, True)
    np.testing.assert_allclose(values, [2, 0, math.nan, -2, -3])
    values, low, high, log = on_axis([3, 2, 1], None)
    assert (values.tolist(), low, high, log) == ([3, 2, 1], 1, 3, False)
    values, low, high, log = on_axis([-1, 10, 100], "log")
    assert (low, high, log) == (10, 100, True)
    assert np.isnan(on_axis([], None)[1])


def test_a_log_axis_that_was_asked_for_leaves_out_what_it_cannot_show() -> None:
    curve = make_curve(range(4), [-1.0, 0.0, 1.0, 10.0], scale="log")

    assert (curve.log, curve.low, curve.high) == (True, 1.0, 10.0)
    assert np.isnan(curve.y[:2]).all()


def test_a_log_axis_without_a_positive_value_is_linear() -> None:
    assert make_curve([0, 1], [-1.0, 0.0], scale="log").log is False


# The smoothed line


def noisy(count: int) -> Any:
    return np.exp(-np.arange(count) / count * 3) + np.random.default_rng(0).normal(size=count) / 20


@pytest.mark.parametrize(
    ("values", "smooth"),
    [
        (noisy(400), True),
        (noisy(100_000), True),
        (noisy(30), False),
        (np.sin(np.arange(400) / 20), False),
        (np.sin(np.arange(400.0)), False),
        (np.cumsum(np.random.default_rng(0).normal(size=4000)), False),
        (np.ones(400), False),
        (np.full(400, NAN), False),
        (np.arange(400) + np.random.default_rng(0).normal(size=400) / 100, False),
    ],
)
def test_noise_alone_is_smoothed(values: Any, smooth: bool) -> None:
    assert (make_curve(range(len(values)), values).smooth is not None) is smooth


def test_the_smoothed_line_keeps_a_slope_to_its_ends_and_the_gaps() -> None:
    values = np.arange(100.0)
    values[40:45] = NAN

    curve = make_curve(range(100), values, smooth=True)

    assert curve.smooth is not None
    line = curve.smooth[1]
    assert [line[0], line[-1], line[20]] == pytest.approx([0, 99, 20], abs=1e-9)
    assert np.flatnonzero(np.isnan(line)).tolist() == [40, 41, 42, 43, 44]


def test_noise_is_judged_on_the_scale_that_is_drawn() -> None:
    rng = np.random.default_rng(0)
    values = np.exp(-np.arange(400) / 40) * np.exp(0.3 * rng.normal(size=400))

    assert make_curve(range(400), values, scale="log").smooth is not None
    assert make_curve(range(400), values, scale="linear").smooth is None


def test_the_ends_of_a_smoothed_line_do_not_hook_to_the_last_point() -> None:
    values = noisy(400)
    values[-1] += 1.0

    curve = make_curve(range(400), values)

    assert curve.smooth is not None
    assert abs(curve.smooth[1][-1] - np.exp(-3)) < 0.15


def test_the_smoothed_line_is_one_of_lines_through_a_fifteenth_of_the_points_twice() -> None:
    values = np.zeros(300)
    values[150] = 1.0

    curve = make_curve(range(300), values, smooth=True)

    assert curve.smooth is not None
    reached = np.flatnonzero(abs(curve.smooth[1]) > 1e-9)
    assert (reached[0], reached[-1]) == (130, 170)


def test_on_a_log_axis_the_mean_is_of_logarithms() -> None:
    curve = make_curve(range(100), np.geomspace(1, 1e6, 100), smooth=True)

    assert curve.smooth is not None
    assert curve.smooth[1][50] == pytest.approx(np.geomspace(1, 1e6, 100)[50])


# Limits


def test_limits_are_never_equal() -> None:
    for value in (0.0, 1.0, -(2.0**62), 5e-324, 1e300):
        across, upright = limits([make_curve([7], [value])], log=False)
        assert across[0] < 7 < across[1]
        assert upright[0] < value < upright[1]


def test_limits_hold_every_curve() -> None:
    curves = [make_curve([0, 1], [1.0, 2.0]), make_curve([5, 9], [-3.0, 0.0])]

    assert limits(curves, log=False) == ((0, 9), (-3.3, 2.3))
