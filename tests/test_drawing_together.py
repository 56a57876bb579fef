"""One series of many runs in one figure, and results against what was swept."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from matplotlib.collections import FillBetweenPolyCollection
from matplotlib.text import Text

from expt.drawing.legends import colours_of
from expt.drawing.results import results_figure
from expt.drawing.sheets import encode_png
from expt.drawing.styles import LIGHT
from expt.drawing.together import RunSeries, explaining, together_figure
from expt.drawing.varying import varying_values
from expt.ground.value_classes import evolve

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def sweep(**axes: Any) -> list[RunSeries]:
    """A run for each combination: the end depends on lr, a little on seed, not on name."""
    runs = []
    for lr in axes.get("lr", [0.1]):
        for seed in axes.get("seed", [0]):
            for name in axes.get("name", ["a"]):
                values = 1 / (1 + lr * np.arange(50)) + 0.001 * seed
                known = {"lr": lr, "seed": seed, "name": name}
                runs.append(RunSeries(f"{lr}-{seed}-{name}", known, np.arange(50), values))
    return runs


def texts_of(figure: Figure) -> set[str]:
    figure.canvas.draw()
    return {text.get_text() for text in figure.findobj(Text)}


def lines_of(figure: Figure) -> int:
    return sum(len(line.get_xdata()) > 1 for line in figure.axes[0].get_lines())


def bands_of(figure: Figure) -> int:
    return sum(isinstance(one, FillBetweenPolyCollection) for one in figure.axes[0].collections)


def test_a_line_is_the_mean_and_a_band_the_spread_over_seeds() -> None:
    figure = together_figure(sweep(lr=[0.01, 0.1, 0.3], seed=[0, 1, 2]), LIGHT, name="loss")

    assert (lines_of(figure), bands_of(figure)) == (3, 3)
    assert "9 runs    coloured by lr    mean ± std over seed" in texts_of(figure)


def test_a_number_has_a_scale_of_colours_with_its_values() -> None:
    figure = together_figure(sweep(lr=[0.01, 0.1, 0.3]), LIGHT, name="loss")

    assert {"lr", "0.01", "0.1", "0.3"} <= texts_of(figure)
    assert len(figure.axes) == 2


def test_names_have_a_legend() -> None:
    figure = together_figure(sweep(name=["adam", "sgd"]), LIGHT, name="loss", color="name")

    assert {"name", "━ adam", "━ sgd"} <= texts_of(figure)


def test_runs_that_were_stopped_do_not_tell_what_curves_are_coloured_by() -> None:
    """Where each of them ends is told by when it was stopped, and not by its values."""
    runs = [
        *(RunSeries("whole", {"pause": 0.1, "lr": lr}, [0], [lr]) for lr in (1, 1, 2, 2, 3, 3)),
        *(RunSeries("lost", {"pause": 5, "lr": 2}, [0], [end], False) for end in (50, 51)),
    ]

    assert explaining(["pause", "lr"], runs) == "lr"
    assert explaining(["pause", "lr"], [evolve(run, is_whole=False) for run in runs]) == "pause"


@pytest.mark.parametrize(("noisy", "raw"), [(1, 4), (2, 4), (3, 0), (4, 0), (0, 4)])
def test_all_lines_are_smoothed_where_most_are_noise_or_none(noisy: int, raw: int) -> None:
    """Of a clean line among noise, too: else one looks calmer than another for nothing."""
    steps, drawn = np.arange(200), np.random.default_rng(1)
    runs = [
        RunSeries(
            f"run {n}", {"lr": n}, steps, n + steps / 100 + (n < noisy) * drawn.normal(size=200)
        )
        for n in range(4)
    ]
    lines = together_figure(runs, LIGHT, name="x").axes[0].get_lines()
    shown = [np.asarray(line.get_ydata(), float) for line in lines]
    assert sum(any(np.array_equal(run.series, y) for y in shown) for run in runs) == raw
    assert sum(y.size > 1 for y in shown) == 4


@pytest.mark.parametrize("count", [2, 8, 9, 40, 100])
@pytest.mark.parametrize("make", [str, float])
def test_colours_never_repeat_and_no_legend_is_cut(count: int, make: Any) -> None:
    names = [make(index) for index in range(count)]

    colours, _ = colours_of(names, LIGHT)

    assert len(set(colours)) == count
    runs = sweep(name=names)
    encode_png(together_figure(runs, LIGHT, name="loss", color="name"))


def test_the_value_that_explains_most_is_the_colour() -> None:
    runs = sweep(lr=[0.01, 0.1, 0.3], seed=[0, 1, 2], name=["a", "b"])

    assert explaining(["name", "seed", "lr"], runs) == "lr"
    assert explaining([], runs) is None


def test_a_color_and_a_band_can_be_asked_for() -> None:
    runs = sweep(lr=[0.01, 0.1, 0.3], seed=[0, 1, 2])

    by_seed = together_figure(runs, LIGHT, name="loss", color="seed")
    over_lr = together_figure(runs, LIGHT, name="loss", color="seed", band=["lr"])

    assert (lines_of(by_seed), bands_of(by_seed)) == (9, 0)
    assert (lines_of(over_lr), bands_of(over_lr)) == (3, 3)
    with pytest.raises(ValueError, match="no run has a value 'lrr'"):
        together_figure(runs, LIGHT, name="loss", color="lrr")


def test_a_band_is_one_standard_deviation_of_a_sample_around_the_mean() -> None:
    runs = [
        RunSeries(f"{lr}-{seed}", {"lr": lr, "seed": seed}, np.arange(10), np.full(10, value))
        for lr in (0.1, 0.2)
        for seed, value in enumerate((1.0, 3.0))
    ]

    figure = together_figure(runs, LIGHT, name="x", color="lr", band=["seed"])

    bands = [
        one for one in figure.axes[0].collections if isinstance(one, FillBetweenPolyCollection)
    ]
    heights = bands[0].get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == pytest.approx((2 - 2**0.5, 2 + 2**0.5))


def test_runs_of_unlike_length_are_averaged_where_they_have_values() -> None:
    runs = [
        RunSeries("a", {"seed": 0}, np.arange(10), np.ones(10)),
        RunSeries("b", {"seed": 1}, np.arange(0.0, 20.0, 0.5), np.full(40, 3.0)),
        RunSeries("c", {"seed": 2}, np.arange(5000), np.full(5000, 2.0)),
    ]

    figure = together_figure(runs, LIGHT, name="x")

    encode_png(figure)
    assert (lines_of(figure), bands_of(figure)) == (1, 1)


@pytest.mark.parametrize(
    "series",
    [
        [np.zeros(0), np.zeros(0)],
        [np.full(5, np.nan), np.ones(5)],
        [np.full(5, 2e300), np.full(5, -2e300)],
        [np.array([1, 2**63 - 1], object), np.array([0.5, 1.0])],
        [np.full(3, np.inf), np.full(3, -np.inf)],
    ],
)
@pytest.mark.parametrize("band", [None, ()])
def test_any_numbers_of_any_runs_are_drawn(series: list[Any], band: Any) -> None:
    runs = [
        RunSeries(str(index), {"seed": index}, np.arange(len(values)), values)
        for index, values in enumerate(series)
    ]

    encode_png(together_figure(runs, LIGHT, name="x", band=band))


def test_values_that_cannot_be_hashed_differ_too() -> None:
    assert varying_values([{"hidden": [32]}, {"hidden": [64, 32]}]) == ["hidden"]
    assert varying_values([{"x": float("nan")}, {"x": float("nan")}]) == []
    assert varying_values([{"x": 1}, {}]) == ["x"]


def test_results_stand_against_each_swept_value() -> None:
    values = [{"lr": lr, "name": name} for lr in (0.01, 0.1) for name in ("a", "b")]
    results = [{"accuracy": 0.5 + index, "note": "text"} for index in range(3)]
    results.append({"note": "a run that failed is not drawn, and not counted"})

    figure = results_figure(values, results, LIGHT, title="experiment_x")

    assert figure is not None
    assert len(figure.axes) == 2
    told = {"lr", "name", "accuracy", "0.01", "0.1", "a", "b", "3 runs    line: mean"}
    assert told <= texts_of(figure)


@pytest.mark.parametrize(
    "swept", [[0.1, 0.2, 0.4, 0.8], [0, 1, 2, 100], [0.999, 1.0], [123456, 123457, 123999, 125000]]
)
def test_no_tick_of_a_swept_value_stands_over_another(swept: list[float]) -> None:
    results = [{"accuracy": number} for number in range(len(swept))]
    figure = results_figure([{"lr": lr} for lr in swept], results, LIGHT, title="x")
    assert figure is not None
    encode_png(figure)
    (axes,) = figure.axes
    boxes = [label.get_window_extent() for label in axes.get_xticklabels() if label.get_text()]
    assert len(boxes) >= 2
    assert all(one.x1 < other.x0 for one, other in itertools.pairwise(boxes))


def test_axes_and_scales_of_colour_have_units() -> None:
    values = [{"lr": lr} for lr in (0.01, 0.1, 0.3)]
    results = [{"accuracy": number} for number in range(3)]
    sheet = results_figure(values, results, LIGHT, title="x", units={"lr": "1/s"})
    assert sheet is not None and "lr [1/s]" in texts_of(sheet)
    runs = sweep(lr=[0.01, 0.1, 0.3], seed=[0, 1, 2])
    figure = together_figure(runs, LIGHT, name="loss", units={"lr": "1/s", "seed": "no"})
    told = {"lr [1/s]", "9 runs    coloured by lr [1/s]    mean ± std over seed"}
    assert told <= texts_of(figure)


def test_no_result_and_nothing_swept_is_no_picture() -> None:
    assert results_figure([{"lr": 1}, {"lr": 2}], [{}, {}], LIGHT, title="x") is None
    assert results_figure([{"lr": 1}, {"lr": 1}], [{"a": 1}, {"a": 2}], LIGHT, title="x") is None


def test_a_thousand_runs_cost_what_their_pixels_cost() -> None:
    runs = sweep(lr=np.linspace(0.01, 1, 300).tolist())

    figure = together_figure(runs, LIGHT, name="loss")

    encode_png(figure)
    assert len(figure.axes[0].get_children()) < 40


def test_names_are_in_the_order_of_the_numbers_in_them() -> None:
    figure = together_figure(
        sweep(name=["layer10", "layer2", "sgd"]), LIGHT, name="loss", color="name"
    )

    names = [text.get_text() for text in figure.texts if text.get_text().startswith("━")]
    assert names == ["━ layer2", "━ layer10", "━ sgd"]
