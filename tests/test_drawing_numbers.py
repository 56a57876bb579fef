"""How numbers stand on an axis and in a line of text."""

from __future__ import annotations

import math

import numpy as np
import pytest

from expt.drawing.numbers import (
    log_ticks,
    number_text,
    number_texts,
    round_ticks,
    step_text,
    step_texts,
    tick_texts,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (True, "1"),
        (-3, "−3"),
        (2**53 + 1, "9007199254740993"),
        (np.int64(-(2**63)), "−9223372036854775808"),
        (10**400, "100000…"),
        (0.012345678, "0.01235"),
        (np.float32(0.5), "0.5"),
        (1.5e-7, "1.5×10⁻⁷"),
        (1e300, "1×10³⁰⁰"),
        (12345.678, "12346"),
        (-123456.7, "−1.235×10⁵"),
        (0.001, "0.001"),
        (math.nan, "nan"),
        (-math.inf, "−inf"),
    ],
)
def test_a_number_is_told_in_full_or_to_four_digits(value: object, text: str) -> None:
    assert number_text(value) == text


@pytest.mark.parametrize(
    ("values", "texts", "power"),
    [
        ([], [], ""),
        ([0.0], ["0"], ""),
        ([0.0, 0.5, 1.0], ["0.0", "0.5", "1.0"], ""),
        ([0.0, 2.5, 5.0], ["0.0", "2.5", "5.0"], ""),
        ([0.25, 0.5, 0.75], ["0.25", "0.50", "0.75"], ""),
        ([-10, 0, 10], ["−10", "0", "10"], ""),
        ([1000.1, 1000.2], ["1000.1", "1000.2"], ""),
        ([0, 100_000, 200_000], ["0", "1", "2"], "×10⁵"),
        ([0.0, 2e-5, 4e-5], ["0", "2", "4"], "×10⁻⁵"),
        ([0.0, 5e-324], ["0.0", "4.9"], "×10⁻³²⁴"),
    ],
)
def test_ticks_have_as_many_decimals_as_tell_them_apart(
    values: list[float], texts: list[str], power: str
) -> None:
    assert tick_texts(values) == (texts, power)


def test_ticks_of_a_log_axis_are_powers_where_they_are_far_from_one() -> None:
    texts, power = tick_texts([1e-7, 0.001, 1, 50, 1e5, 2e9], log=True)

    assert (texts, power) == (["10⁻⁷", "0.001", "1", "50", "10⁵", "2×10⁹"], "")


@pytest.mark.parametrize(
    ("steps", "texts"),
    [
        ([0, 5000], ["0", "5000"]),
        ([0, 250_000, 500_000], ["0", "250k", "500k"]),
        ([0, 500_000, 1_000_000], ["0", "0.5M", "1.0M"]),
        ([-20_000, 0], ["−20k", "0"]),
        ([2e18, 4e18], ["2×10¹⁸", "4×10¹⁸"]),
    ],
)
def test_steps_share_one_unit(steps: list[float], texts: list[str]) -> None:
    assert step_texts(steps) == texts


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([33.22, 33.02], ["33.22", "33.02"]),
        ([100.0, 99.998], ["100", "99.998"]),
        ([12345.678, 12345.977], ["12345.7", "12346"]),
        ([1.0, 1.0 + 2**-52], ["1", "1.0000000000000002"]),
        ([0.5, 0.5, math.nan], ["0.5", "0.5", "nan"]),
        ([2e300, -2e300], ["2×10³⁰⁰", "−2×10³⁰⁰"]),
    ],
)
def test_numbers_that_differ_look_different(values: list[float], texts: list[str]) -> None:
    assert number_texts(values) == texts


def test_a_step_is_told_in_the_unit_of_its_axis() -> None:
    assert step_text(249_731, 400_000) == "249.731k"
    assert step_text(87, 400) == "87"
    assert step_text(0, 1e6) == "0"


@pytest.mark.parametrize(
    ("low", "high", "most", "ticks"),
    [
        (42, 4235, 3, [2000, 4000]),
        (0, 4235, 3, [0, 2000, 4000]),
        (0.9, 1.1, 5, [0.9, 0.95, 1.0, 1.05, 1.1]),
        (12345.6, 12345.9, 3, [12345.6, 12345.8]),
        (-1.7e200, 1.7e200, 5, [-1e200, 0, 1e200]),
        (1e-290, 3e-290, 4, [1e-290, 2e-290, 3e-290]),
    ],
)
def test_ticks_are_round_numbers(low: float, high: float, most: int, ticks: list[float]) -> None:
    assert round_ticks(low, high, most) == ticks


def test_an_axis_has_two_ticks_at_least_and_not_more_than_asked_for() -> None:
    rng = np.random.default_rng(0)
    for _ in range(2000):
        low, size = rng.normal() * 10 ** rng.uniform(-6, 6), 10 ** rng.uniform(-6, 6)
        assert 2 <= len(round_ticks(low, low + size, 3)) <= 5
        assert 2 <= len(round_ticks(low, low + size, 7)) <= 7
        assert 2 <= len(log_ticks(size, size * 10 ** rng.uniform(0.1, 40), 5)) <= 9


def test_ticks_of_whole_numbers_are_whole() -> None:
    assert round_ticks(0, 1, 7, whole=True) == [0, 1]
    assert round_ticks(4, 6, 7, whole=True) == [4, 5, 6]
    assert round_ticks(0, 9, 3, whole=True) == [0, 5]
