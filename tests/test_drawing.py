"""Pictures: line plots, sheets, heat maps, tables; whatever the values and the titles are."""

from __future__ import annotations

import io
import math
import os
import subprocess
import sys
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

from expt.drawing.arrays import array_figure, chosen_entries, histogram_figure
from expt.drawing.curves import Curve, make_curve
from expt.drawing.sheets import (
    MOST_PANELS,
    Painter,
    encode_png,
    grid_figure,
    line_figure,
    summary,
)
from expt.drawing.stills import Picture, contact_sheet, table_figure
from expt.drawing.styles import DARK, LIGHT, find_style, fitted

NAN, INF = math.nan, math.inf
ODD_TITLES = [
    "",
    "$x_1$ \\frac{ \\$",
    "[red]x[/nope] <script>",
    "new\nline\ttab \x1b[31m \x00",
    "损失 Потеря 😀🏳️‍🌈 \u202e",
    "\ud800 lone",
    "x" * 300,
    "W" * 300,
]


def pixels(content: bytes) -> Any:
    with Image.open(io.BytesIO(content)) as picture:
        assert picture.format == "PNG"
        return np.asarray(picture.convert("RGB")).astype(int)


def has_colour(content: bytes, colour: str) -> bool:
    wanted = [int(colour[place : place + 2], 16) for place in (1, 3, 5)]
    return bool((np.abs(pixels(content) - wanted).max(axis=2) <= 4).any())


def decay(count: int = 100) -> Curve:
    return make_curve(range(count), np.exp(-np.arange(count) / 20), name="loss")


# Texts


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("loss", "loss"),
        ("a\nb\x1b\u202e", "a\\nb\\x1b\\u202e"),
        ("损失", "\\u635f\\u5931"),
        ("\U0001f9ea", "\\U0001f9ea"),
        ("\ud800", "\\ud800"),
        ("$x$ ±σ", "$x$ ±σ"),
    ],
)
def test_what_the_font_cannot_show_is_written_as_an_escape(text: str, shown: str) -> None:
    assert fitted(text, 6, 9) == shown


def test_a_long_text_keeps_its_beginning_and_its_end() -> None:
    shown = fitted("begin" + "-" * 300 + "end", 3, 9)

    assert (shown[:5], shown[-3:]) == ("begin", "end")
    assert "…" in shown
    assert len(fitted("W" * 300, 3, 9)) < len(shown) < len(fitted("i" * 300, 3, 9))


def test_nothing_fits_in_no_room() -> None:
    assert fitted("anything", 0.01, 9) == "…"


def test_what_stands_below_a_title() -> None:
    curve = make_curve(range(4), [3.0, NAN, 1.0, INF], name="loss")

    assert summary(curve) == "● last inf    ○ best 1 at 2    4 points    1 NaN    1 infinite"


# Styles


def test_a_style_of_matplotlib_is_found_by_name() -> None:
    style = find_style("dark_background")

    assert (style.background, style.text, style.families) == (
        "#000000", "#ffffff", ("sans-serif", "DejaVu Sans"),
    )  # fmt: skip


def test_an_unknown_style_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="there is no plot style 'sepia'; styles: dark, light, "):
        find_style("sepia")


@pytest.mark.parametrize("name", ["light", "dark", "ggplot", "classic", "dark_background"])
def test_a_line_plot_has_the_colours_of_its_style(name: str) -> None:
    style = find_style(name)

    content = Painter(style).line(decay(), "loss")

    assert pixels(content).shape == (540, 960, 3)
    assert "#{:02x}{:02x}{:02x}".format(*pixels(content)[0, 0]) == style.background
    assert has_colour(content, style.colours[0])


# Line plots


def test_a_painter_keeps_nothing_of_an_earlier_picture() -> None:
    log = make_curve(range(300), np.geomspace(1, 1e9, 300), name="x")
    noisy = make_curve(range(5000), np.random.default_rng(0).normal(size=5000))
    gaps = make_curve(range(30), [1.0, INF, NAN] * 10)
    painter = Painter(LIGHT)
    first = painter.line(decay(), "loss")

    for curve in (log, noisy, gaps, make_curve([], [])):
        assert painter.line(curve, "other") == Painter(LIGHT).line(curve, "other")

    assert painter.line(decay(), "loss") == first


@pytest.mark.parametrize("title", ODD_TITLES)
def test_any_title_is_drawn_as_it_is(title: str) -> None:
    assert pixels(Painter(LIGHT).line(decay(), title)).shape == (540, 960, 3)


@pytest.mark.parametrize(
    ("steps", "values"),
    [
        ([], []),
        ([5], [2.0]),
        ([0, 1], [NAN, NAN]),
        ([0, 1, 2], [INF, -INF, INF]),
        ([0, 1], [5e-324, 1e-323]),
        ([0, 1, 2], [1.7e308, 1e299, -1e299]),
        ([0, 1], [2**53 + 1, 2**63 - 1]),
        ([0, 1, 2], [2**62] * 3),
        ([2**63 - 1, -(2**63)], [1, 2]),
        ([0, 1], [1.0, 1.0 + 2**-52]),
        ([0, 1, 2, 3], [1e-300, 1e300, 1e-300, 1e-299]),
        ([3] * 5000, list(range(5000))),
    ],
)
@pytest.mark.parametrize("scale", [None, "log"])
def test_any_numbers_are_drawn(steps: list[int], values: list[Any], scale: str | None) -> None:
    curve = make_curve(np.array(steps), np.array(values), scale=scale)

    assert has_colour(Painter(DARK).line(curve, "x"), DARK.text)
    encode_png(line_figure({"x": curve}, DARK, "x"))


def test_a_user_s_own_settings_change_no_picture() -> None:
    before = Painter(LIGHT).line(decay(), "loss")

    with mpl.rc_context({"text.usetex": True, "path.sketch": (1, 100, 2), "lines.linewidth": 9}):
        assert Painter(LIGHT).line(decay(), "loss") == before


def test_a_figure_for_a_person_has_matplotlib_s_own_axes() -> None:
    figure = line_figure({"x": make_curve(range(9), np.geomspace(1, 1e9, 9))}, LIGHT, "x")

    (axes,) = figure.axes
    figure.canvas.draw()
    assert axes.get_yscale() == "log"
    assert next(label.get_text() for label in axes.get_xticklabels()) == "0"
    axes.set_ylabel("changed")


def test_several_curves_have_a_legend_of_plain_texts() -> None:
    long = make_curve(range(5000), np.arange(5000.0))
    figure = line_figure({"$a_": decay(), "b\n": long}, LIGHT, "loss")

    encode_png(figure)
    legend = figure.axes[0].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["$a_", "b\\n"]
    assert [line.get_color() for line in legend.get_lines()] == list(LIGHT.colours[:2])
    assert all(line.get_visible() for line in legend.get_lines())


def test_no_picture_imports_pyplot() -> None:
    code = (
        "import sys, expt.drawing.arrays, expt.drawing.stills, expt.drawing.video_file;"
        "sys.exit('matplotlib.pyplot' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_figure_shows_itself_in_a_notebook_without_pyplot() -> None:
    """case: plot-shows-no-picture-in-a-notebook"""
    figure = line_figure({"x": decay()}, LIGHT, "x")

    content = figure._repr_png_()  # type: ignore[attr-defined]

    assert pixels(content).shape == (540, 960, 3)


@pytest.mark.parametrize("backend", ["module://nowhere.at_all", "nonsense", "agg", ""])
def test_a_backend_that_is_not_installed_stops_no_picture(backend: str) -> None:
    """case: renderer-dies-of-mplbackend"""
    code = (
        "import os, expt.drawing.sheets, matplotlib;"
        f"assert os.environ['MPLBACKEND'] == {backend!r};"
        f"assert {backend!r} != 'agg' or matplotlib.get_backend() == 'agg'"
    )
    made = subprocess.run(
        [sys.executable, "-c", code], check=False, env=os.environ | {"MPLBACKEND": backend}
    )
    assert made.returncode == 0


# Sheets


@pytest.mark.parametrize("count", [0, 1, 2, 5, 12, MOST_PANELS + 3])
def test_a_sheet_shows_as_many_panels_as_there_are(count: int) -> None:
    figure = grid_figure({f"s{index}": decay() for index in range(count)}, LIGHT, "sheet")

    assert len(figure.axes) == min(count, MOST_PANELS)
    texts = [text.get_text() for text in figure.texts]
    assert ("3 more are not shown" in texts) is (count > MOST_PANELS)


def test_a_sheet_keeps_nothing_of_an_earlier_one() -> None:
    painter = Painter(LIGHT)
    first = painter.grid({"a": decay()}, "one")

    painter.grid({str(index): decay(50) for index in range(7)}, "seven", total=9)

    assert painter.grid({"a": decay()}, "one") == first


def test_a_contact_sheet_shows_pictures_pixel_by_pixel() -> None:
    frame = np.zeros((2, 2, 3), np.uint8)
    frame[0, 0] = (200, 10, 30)

    content = encode_png(
        contact_sheet([Picture("step 0", frame)], LIGHT, title="a", side=100), photo=True
    )

    red = (pixels(content) == (200, 10, 30)).all(axis=2)
    assert red.sum() == 50 * 50


@pytest.mark.parametrize("shape", [(1, 1), (1, 2000), (3000, 2), (500, 700)])
@pytest.mark.parametrize("title", ["", "x" * 300])
def test_a_contact_sheet_has_room_for_any_shape(shape: tuple[int, int], title: str) -> None:
    pictures = [Picture(title, np.zeros((*shape, 3), np.uint8))] * 3

    assert pixels(encode_png(contact_sheet(pictures, DARK, title=title))).size


def test_a_table_tells_what_it_leaves_out() -> None:
    columns = [f"c{index}" for index in range(11)]
    figure = table_figure(columns, [[1] * 11] * 25, LIGHT, title="eval")

    assert "5 more rows    3 more columns" in [text.get_text() for text in figure.texts]


def test_a_table_holds_any_text_and_no_rows() -> None:
    encode_png(table_figure(["a", "$b$"], [[None, text] for text in ODD_TITLES], DARK, title="t"))
    encode_png(table_figure([], [], DARK, title="t"))
    encode_png(table_figure(["a"], [], DARK, title="t"))


# Arrays


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((1, 1)),
        np.full((3, 4), NAN),
        np.array([[INF, -INF], [NAN, 1.0]]),
        np.array([[1 + 2j, 3j]]),
        np.eye(3, dtype=bool),
        np.array([[2**63 - 1, -(2**63)]]),
        np.array([[2**64 - 1, 0]], np.uint64),
        np.array([[1e308, -1e308]]),
        np.array([[1e-320, 2e-320]]),
        np.ones((1, 1000)),
        np.ones((1000, 2)),
        np.ones((2, 3, 4, 5), np.float16),
        np.array([3.0]),
        np.array([NAN, NAN]),
    ],
)
def test_any_array_of_numbers_is_drawn(array: Any) -> None:
    content = encode_png(array_figure(array, LIGHT, title="a", subtitle="step 1"), photo=True)
    assert has_colour(content, LIGHT.text)

    spread = histogram_figure([array, array], [1, 2], DARK, title="a")
    assert spread is None or encode_png(spread)


def test_a_small_matrix_shows_its_numbers() -> None:
    figure = array_figure(np.array([[12, 3], [4, 2.5]]), LIGHT, title="confusion")

    assert [text.get_text() for text in figure.axes[0].texts] == ["12", "3", "4", "2.5"]


def test_values_on_both_sides_of_zero_have_their_colours_centred_on_it() -> None:
    for array, limits in ((np.array([[-1.0, 4.0]]), (-4, 4)), (np.array([[-0.1, 4.0]]), (-0.1, 4))):
        assert array_figure(array, LIGHT, title="a").axes[1].get_ylim() == limits


def test_of_three_dimensions_the_middle_slice_is_shown_and_told() -> None:
    figure = array_figure(np.zeros((5, 3, 4)), LIGHT, title="a", subtitle="step 7")

    assert "step 7    5 × 3 × 4  float64    slice [2, :, :]" in [t.get_text() for t in figure.texts]


def test_a_histogram_over_time_shows_at_most_200_columns() -> None:
    assert chosen_entries(3) == [0, 1, 2]
    assert len(chosen_entries(1001)) == 200
    assert (chosen_entries(1001)[0], chosen_entries(1001)[-1]) == (0, 1000)
