"""`expt.ground.ranges`: numbers that are equal but for rounding, and what an axis shows of any."""

from __future__ import annotations

import pytest

from expt.drawing.curves import limits, make_curve
from expt.drawing.results import results_figure
from expt.drawing.styles import LIGHT
from expt.ground.ranges import is_flat, widened
from expt.ground.text import spark

NOISE = [0.3, 0.1 + 0.2, 0.3 * (1 + 2e-10)]


@pytest.mark.parametrize(
    ("low", "high", "flat"),
    [(0.3, 0.1 + 0.2, True), (-1e9, -1e9 + 0.5, True), (0, 0, True), (0, 1e-200, False),
     (1, 1 + 1e-8, False), (-1e300, 1e300, False)],
)  # fmt: skip
def test_what_differs_by_a_billionth_of_itself_is_flat(low: float, high: float, flat: bool) -> None:
    assert is_flat(low, high) is flat


def test_a_flat_line_has_a_twentieth_of_itself_around_it_and_others_the_share() -> None:
    assert widened(2.0, 2.0, 0.06) == (1.9, 2.1)
    assert widened(0.0, 0.0, 0.06) == (-0.5, 0.5)
    assert widened(0.0, 10.0, 0.1) == (-1.0, 11.0)


def test_a_line_a_result_and_a_spark_line_are_flat_by_one_rule() -> None:
    """Also where a logarithmic axis was asked for, whose logarithms may be near zero."""
    flat = pytest.approx((0.285, 0.315))
    for scale in ("linear", "log"):
        curve = make_curve([0, 1, 2], NOISE, scale=scale)
        assert limits([curve], log=curve.log)[1] == flat
    near_one = make_curve([0, 1], [1.0, 1 + 1e-12], scale="log")
    assert limits([near_one], log=True)[1] == pytest.approx((0.95, 1.05))
    figure = results_figure(
        [{"lr": lr} for lr in (1, 2, 3)], [{"loss": loss} for loss in NOISE], LIGHT, title="x"
    )
    assert figure is not None and figure.axes[0].get_ylim() == flat
    assert len(set(spark(NOISE, 3))) == 1
