"""Pictures: line plots, sheets, heat maps, tables; whatever the values and the titles are."""

from __future__ import annotations

import io
import json
import math
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.text import Text
from PIL import Image

from expt.drawing.arrays import array_figure, palette_for, picture_of
from expt.drawing.configured import Configured, read_options
from expt.drawing.curves import Curve, make_curve
from expt.drawing.histograms import chosen_entries, histogram_figure
from expt.drawing.overview import MOST_TILES, Heading, Sheets, Tile, share_panels
from expt.drawing.panels import Surround
from expt.drawing.sheets import LinePlots, Titles, encode_png, summary
from expt.drawing.stills import Picture, contact_sheet, table_figure
from expt.drawing.styles import DARK, LIGHT, find_style, fitted

if TYPE_CHECKING:
    from matplotlib.figure import Figure

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
        return np.asarray(picture.convert("RGB")).astype(np.int16)


def has_colour(content: bytes, colour: str) -> bool:
    wanted = [int(colour[place : place + 2], 16) for place in (1, 3, 5)]
    seen = np.ones((), bool)
    for level, channel in zip(wanted, np.moveaxis(pixels(content), 2, 0), strict=True):
        seen = seen & (np.abs(channel - level) <= 4)
    return bool(seen.any())


def line_png(style: Any, curve: Curve, title: str) -> bytes:
    return encode_png(LinePlots(style).draw([curve], title))


def line_figure(curve: Curve, style: Any) -> Figure:
    return LinePlots(style, live=True).draw([curve], "x")


def sheet(count: int, title: str = "sheet", case: str = "") -> Figure:
    tiles = [Tile(f"s{index}", {f"s{index}": decay()}) for index in range(count)]
    return Sheets(LIGHT).draw(Heading(title, case), tiles)


def texts_of(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


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

    content = line_png(style, decay(), "loss")

    assert pixels(content).shape == (540, 960, 3)
    assert "#{:02x}{:02x}{:02x}".format(*pixels(content)[0, 0]) == style.background
    assert has_colour(content, style.colours[0])


# Line plots


def test_a_line_plot_keeps_nothing_of_an_earlier_picture() -> None:
    log = make_curve(range(300), np.geomspace(1, 1e9, 300), name="x")
    noisy = make_curve(range(5000), np.random.default_rng(0).normal(size=5000))
    gaps = make_curve(range(30), [1.0, INF, NAN] * 10)
    plots = LinePlots(LIGHT)
    first = encode_png(plots.draw([decay()], "loss"))

    for curve in (log, noisy, gaps, make_curve([], [])):
        again = encode_png(plots.draw([curve], "other"))
        assert again == line_png(LIGHT, curve, "other")

    assert encode_png(plots.draw([decay()], "loss")) == first


@pytest.mark.parametrize("title", ODD_TITLES)
def test_any_title_is_drawn_as_it_is(title: str) -> None:
    assert pixels(line_png(LIGHT, decay(), title)).shape == (540, 960, 3)


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

    assert has_colour(line_png(DARK, curve, "x"), DARK.text)
    encode_png(line_figure(curve, DARK))


def test_a_user_s_own_settings_change_no_picture() -> None:
    before = line_png(LIGHT, decay(), "loss")

    with mpl.rc_context({"text.usetex": True, "path.sketch": (1, 100, 2), "lines.linewidth": 9}):
        assert line_png(LIGHT, decay(), "loss") == before


def test_a_figure_for_a_person_has_matplotlib_s_own_axes() -> None:
    figure = line_figure(make_curve(range(9), np.geomspace(1, 1e9, 9)), LIGHT)

    (axes,) = figure.axes
    figure.canvas.draw()
    assert axes.get_yscale() == "log"
    assert next(label.get_text() for label in axes.get_xticklabels()) == "0"
    axes.set_ylabel("changed")


BACKENDS = ["module://nowhere.at_all", "nonsense", "agg", ""]
ALONE = f"""
import json, os, sys
# of which no backend is asked
import dateutil.rrule, fontTools.agl, kiwisolver, numpy.ma, numpy.typing, packaging.version
import PIL.ImageSequence, PIL.PngImagePlugin, pyparsing, unittest

def draw(backend):
    os.environ["MPLBACKEND"] = backend
    import expt.drawing.sheets, matplotlib
    assert os.environ["MPLBACKEND"] == backend
    assert backend != "agg" or matplotlib.get_backend() == "agg"
    if not backend:
        import expt.drawing.arrays, expt.drawing.stills, expt.drawing.video_file
    assert "matplotlib.pyplot" not in sys.modules

assert "matplotlib" not in sys.modules
codes = dict()
for backend in {BACKENDS}:
    pid = os.fork()
    if pid == 0:
        draw(backend)
        os._exit(0)
    codes[backend] = os.waitpid(pid, 0)[1]
print(json.dumps(codes))
"""


@pytest.fixture(scope="module")
def alone() -> dict[str, int]:
    """By backend: how processes ended that drew as the first that they did, without pyplot."""
    environ = {name: text for name, text in os.environ.items() if name != "MPLBACKEND"}
    done = subprocess.run([sys.executable, "-c", ALONE], env=environ, stdout=-1, timeout=100)
    codes: dict[str, int] = json.loads(done.stdout)
    return codes


def test_no_picture_imports_pyplot(alone: dict[str, int]) -> None:
    assert alone[""] == 0


def test_a_figure_shows_itself_in_a_notebook_without_pyplot() -> None:
    """case: plot-shows-no-picture-in-a-notebook"""
    figure = line_figure(decay(), LIGHT)

    content = figure._repr_png_()  # type: ignore[attr-defined]

    assert pixels(content).shape == (540, 960, 3)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_backend_that_is_not_installed_stops_no_picture(
    alone: dict[str, int], backend: str
) -> None:
    """case: renderer-dies-of-mplbackend"""
    assert alone[backend] == 0


# Sheets


@pytest.mark.parametrize("count", [0, 1, 2, 5, 12, MOST_TILES + 3])
def test_a_sheet_shows_as_many_panels_as_there_are(count: int) -> None:
    figure = sheet(count)

    assert len(figure.axes) == min(count, MOST_TILES)
    told = [text.get_text() for text in figure.texts]
    assert ("3 more are not shown" in told) is (count > MOST_TILES)


def test_a_sheet_keeps_nothing_of_an_earlier_one() -> None:
    sheets = Sheets(LIGHT)
    picture = Tile("p", frame=np.zeros((8, 8, 3), np.uint8))
    one = Heading("one"), [Tile("a", {"a": decay()})]
    first = encode_png(sheets.draw(*one))

    many = [Tile(str(index), {"x": decay(50), "y": decay()}) for index in range(6)]
    sheets.draw(Heading("seven", "case-1", "id", {"n": 1.5}, 9), [*many, picture])

    assert encode_png(sheets.draw(*one)) == first


def test_the_whole_case_stands_on_the_overview() -> None:
    case = "-".join(f"parameter_{index}-0.{index}" for index in range(30))

    written = texts_of(sheet(2, case=case))

    assert case in "".join(written)


@pytest.mark.parametrize(
    ("names", "panels"),
    [
        (
            ["train/loss", "val/loss", "lr"],
            [("loss", {"train": "train/loss", "val": "val/loss"}), ("lr", {"lr": "lr"})],
        ),
        (["loss", "val_loss"], [("loss", {"loss": "loss", "val": "val_loss"})]),
        (["acc.train", "acc.Test"], [("acc", {"train": "acc.train", "Test": "acc.Test"})]),
        (["train/loss"], [("train/loss", {"train/loss": "train/loss"})]),
        (
            ["a/loss", "b/loss"],
            [("a/loss", {"a/loss": "a/loss"}), ("b/loss", {"b/loss": "b/loss"})],
        ),
        (
            ["val/x", "val_x"],
            [("val/x", {"val/x": "val/x"}), ("val_x", {"val_x": "val_x"})],
        ),
    ],
)
def test_training_and_validation_share_a_panel(names: list[str], panels: Any) -> None:
    assert share_panels(names) == panels


def test_a_contact_sheet_shows_pictures_pixel_by_pixel() -> None:
    frame = np.zeros((2, 2, 3), np.uint8)
    frame[0, 0] = (200, 10, 30)

    content = encode_png(
        contact_sheet([Picture("step 0", frame)], LIGHT, Titles("a"), side=100), photo=True
    )

    red = (pixels(content) == (200, 10, 30)).all(axis=2)
    assert red.sum() == 50 * 50


@pytest.mark.parametrize("shape", [(1, 1), (1, 2000), (3000, 2), (500, 700)])
@pytest.mark.parametrize("title", ["", "x" * 300])
def test_a_contact_sheet_has_room_for_any_shape(shape: tuple[int, int], title: str) -> None:
    pictures = [Picture(title, np.zeros((*shape, 3), np.uint8))] * 3

    assert pixels(encode_png(contact_sheet(pictures, DARK, Titles(title)))).size


def test_a_table_tells_what_it_leaves_out() -> None:
    columns = [f"c{index}" for index in range(11)]
    figure = table_figure(columns, [[1] * 11] * 25, LIGHT, Titles("eval"))

    assert "5 more rows    3 more columns" in [text.get_text() for text in figure.texts]


def test_a_table_holds_any_text_and_no_rows() -> None:
    encode_png(table_figure(["a", "$b$"], [[None, text] for text in ODD_TITLES], DARK, Titles("t")))
    encode_png(table_figure([], [], DARK, Titles("t")))
    encode_png(table_figure(["a"], [], DARK, Titles("t")))


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
    content = encode_png(array_figure(array, LIGHT, Titles("a", "step 1")), photo=True)
    assert has_colour(content, LIGHT.text)

    spread = histogram_figure([array, array], [1, 2], DARK, Titles("a"))
    assert spread is None or encode_png(spread)


def test_a_small_matrix_shows_its_numbers() -> None:
    figure = array_figure(np.array([[12, 3], [4, 2.5]]), LIGHT, Titles("confusion"))

    assert [text.get_text() for text in figure.axes[0].texts] == ["12", "3", "4", "2.5"]


def test_values_on_both_sides_of_zero_have_their_colours_centred_on_it() -> None:
    for low, high, limits in ((-1.0, 4.0, (-4, 4)), (-0.1, 4.0, (-0.1, 4))):
        palette = palette_for(low, high, LIGHT)
        assert (palette.low, palette.high) == limits


def test_of_three_dimensions_the_middle_slice_is_shown_and_told() -> None:
    figure = array_figure(np.full((4, 3, 4), 2.0), LIGHT, Titles("a", "step 7"))

    assert "step 7    4 × 3 × 4  float64    slice [2, :, :]" in [t.get_text() for t in figure.texts]


def test_a_histogram_over_time_shows_at_most_200_columns() -> None:
    assert chosen_entries(3) == [0, 1, 2]
    assert len(chosen_entries(1001)) == 200
    assert (chosen_entries(1001)[0], chosen_entries(1001)[-1]) == (0, 1000)


# What an array is drawn as


def axes_count(array: Any, **options: Any) -> int:
    figure = array_figure(array, LIGHT, Titles("a"), options=Configured(**options))
    encode_png(figure, photo=True)
    return len(figure.axes)


def test_floats_from_zero_to_one_with_colours_are_a_picture() -> None:
    picture = np.zeros((4, 6, 3))
    picture[0, 0] = (1.0, 0.5, 0.0)

    frame, which = picture_of(picture, LIGHT) or (None, "")

    assert frame is not None
    assert frame[0, 0].tolist() == [255, 128, 0]
    assert which == ""
    assert picture_of(picture * 2, LIGHT) is None


@pytest.mark.parametrize(
    ("batch", "size"),
    [
        (np.zeros((4, 100, 100, 3), np.uint8), (402, 402)),
        (np.zeros((4, 100, 100), np.uint8), (402, 402)),
        (np.zeros((4, 100, 100, 1), np.uint8), (402, 402)),
        (np.zeros((4, 3, 100, 100)), (402, 402)),
        (np.zeros((1, 480, 480, 3)), (480, 480)),
    ],
)
def test_a_batch_of_pictures_is_shown_side_by_side(batch: Any, size: tuple[int, int]) -> None:
    frame, _ = picture_of(batch, LIGHT) or (np.zeros((0, 0)), "")

    assert frame.shape[:2] == size


def test_of_a_large_batch_the_first_are_shown_and_told() -> None:
    figure = array_figure(np.zeros((100, 8, 8, 3), np.uint8), LIGHT, Titles("a"))

    assert any("the first 64 of 100" in text for text in texts_of(figure))


def test_one_channel_is_no_dimension() -> None:
    figure = array_figure(np.arange(12.0).reshape(3, 4, 1), LIGHT, Titles("a"))

    assert any("channel [:, :, 0]" in text for text in texts_of(figure))
    assert len(figure.axes) == 2


def test_a_long_list_of_pairs_is_points_in_a_plane() -> None:
    assert axes_count(np.random.default_rng(0).normal(size=(500, 2))) == 1
    assert axes_count(np.zeros((5, 2))) == 2
    assert axes_count(np.full((500, 2), NAN)) == 1


def test_a_million_points_cost_what_their_pixels_cost() -> None:
    cloud = np.random.default_rng(0).normal(size=(300_000, 2))
    figure = array_figure(cloud, LIGHT, Titles("a"))

    (line,) = figure.axes[0].get_lines()
    assert len(line.get_xdata()) < 100_000


def test_a_complex_array_has_its_phase_beside_its_magnitude() -> None:
    figure = array_figure(np.exp(1j * np.arange(50).reshape(5, 10)), LIGHT, Titles("a"))

    assert len(figure.axes) == 4
    assert {"|z|", "phase"} <= set(texts_of(figure))


def test_a_colour_bar_tells_values_that_are_nearly_too_large() -> None:
    """case: finite-drawn-infinite"""
    figure = array_figure(np.array([[0.0, 1.5e308]]), LIGHT, Titles("a"))

    assert "×10³⁰⁸" in texts_of(figure)


def test_the_options_of_an_array_are_drawn() -> None:
    asked = Configured(
        unit="K", xlabel="length", ylabel="height", origin="lower", extent=(0, 2, 0, 1),
        vmin=1.0, vmax=9.0, scale="log", colormap="magma",
    )  # fmt: skip
    figure = array_figure(np.arange(40.0).reshape(5, 8), LIGHT, Titles("a"), options=asked)

    encode_png(figure)
    (image,) = figure.axes[0].get_images()
    assert tuple(image.get_extent()) == (0, 2, 0, 1)
    assert {"length", "height", "K"} <= set(texts_of(figure))
    palette = palette_for(0.0, 39.0, LIGHT, asked, positive=1.0)
    assert (palette.low, palette.high, palette.log) == (1.0, 9.0, True)


def test_the_options_of_a_scalar_are_drawn() -> None:
    asked = read_options({"vmin": 0, "vmax": 2, "ylabel": "T", "unit": "K", "xlabel": "time [s]"})
    series = make_curve([0.0, 0.25, 0.5], [1.0, 5.0, 1.0])
    around = Surround(asked.xlabel or "", asked.upright, "mine", asked.vmin, asked.vmax)

    figure = LinePlots(LIGHT).draw([series], "x", around=around)

    assert figure.axes[0].get_ylim() == (0, 2)
    assert {"T [K]", "time [s]", "mine", "0.3"} <= set(texts_of(figure))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"vmin": "low"}, "the option vmin is 'low'; it is a finite number"),
        ({"vmin": 2, "vmax": 1}, "the option vmin is 2.0, and vmax is 1.0: not above"),
        ({"origin": "left"}, "the option origin is 'left'; it can be 'upper', 'lower'"),
        (
            {"extent": [0, 0, 1, 2]},
            "the option extent is [0, 0, 1, 2]; it is left, right, bottom and top, none equal",
        ),
    ],
)
def test_an_option_that_means_nothing_is_warned_of(options: Any, told: str) -> None:
    with pytest.warns(UserWarning) as caught:
        assert read_options(options) == Configured()

    assert [str(warning.message) for warning in caught] == [told]


# Histograms


def test_a_histogram_says_what_dark_means() -> None:
    figure = histogram_figure([np.arange(9.0)] * 3, [0, 1, 2], LIGHT, Titles("w"))

    assert figure is not None
    assert any("darker: more of its values" in text for text in texts_of(figure))
    encode_png(figure)


def test_where_one_bin_dominates_the_others_are_seen() -> None:
    values = np.zeros(10_000)
    values[:200] = np.random.default_rng(0).normal(size=200)
    figure = histogram_figure([values] * 4, range(4), LIGHT, Titles("w"))

    assert figure is not None
    dark = figure.axes[0].get_images()[0].get_array()
    assert dark is not None
    ground = np.array([255, 255, 255])
    seen = (np.abs(np.asarray(dark, int) - ground).max(axis=2) > 20).mean()
    assert seen > 0.4


def test_values_far_outside_do_not_press_the_rest_into_one_bin() -> None:
    values = np.random.default_rng(0).normal(size=10_000)
    values[0] = 1e9
    figure = histogram_figure([values] * 2, [0, 1], LIGHT, Titles("w"))

    assert figure is not None
    assert figure.axes[0].get_ylim()[1] < 10
    assert any("values are outside" in text for text in texts_of(figure))


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        (list(range(42, 4000, 37)), [str(500 * number) for number in range(1, 8)]),
        ([0, 1, 2], ["0", "1", "2"]),
        ([0.0, 0.25, 0.5], ["0.0", "0.1", "0.2", "0.3", "0.4", "0.5"]),
        ([7], ["7"]),
        ([5, 3, 9], ["5", "3", "9"]),
        ([2, 2, 2], ["2", "2", "2"]),
    ],
)
def test_the_steps_of_a_histogram_are_round(steps: list[float], told: list[str]) -> None:
    figure = histogram_figure([np.arange(9.0)] * len(steps), steps, LIGHT, Titles("w"))

    assert figure is not None
    figure.canvas.draw()
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == told
