"""How numbers stand on an axis and in a line of text."""

from __future__ import annotations

import math

import numpy as np
import pytest

from expt.drawing.numbers import number_text, step_texts, tick_texts


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
        (1.5e-7, "1.5e−07"),
        (1e300, "1e300"),
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
