"""Stills of every kind of series, and the overview of a run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from expt.archive.writer import write_record
from expt.drawing.structures import table_of
from expt.drawing.styles import LIGHT
from expt.ground.model import RunRecord
from expt.reading.references import load_archive
from expt.rendering.plots import Plots, overview_of
from expt.tracking.recorder import open_recorder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from expt.reading.run import Run


def make_run(folder: Path, track: Callable[[Any], None], **fields: Any) -> Run:
    """An archive of what `track` tracks."""
    folder.mkdir(parents=True)
    recorder = open_recorder(folder / "series", label="abcdefgh23")
    track(recorder.track)
    recorder.close()
    started = "2026-11-23T10:15:30.000000+00:00"
    known = {"case": None, "description": "", "status": "completed", "started": started, **fields}
    write_record(folder, RunRecord(id="abcdefgh23", experiment="e/first.py::experiment_x", **known))
    return load_archive(folder)


def draw(folder: Path, track: Callable[[Any], None], plots: Plots | None = None) -> dict[str, Any]:
    """File name -> size in pixels, of everything that is drawn of a run."""
    run = make_run(folder / "archive", track)
    plots = plots or Plots()
    (folder / "plots").mkdir(exist_ok=True)
    for series in run.series.values():
        plots.expt_render_series(run, series, folder / "plots", series.name)
    plots.expt_render_run(run, folder / "plots")
    sizes = {}
    for path in sorted((folder / "plots").iterdir()):
        with Image.open(path) as picture:
            picture.load()
            sizes[path.name] = picture.size
    return sizes


def test_a_scalar_series_is_a_line_plot(tmp_path: Path) -> None:
    assert draw(tmp_path, lambda track: track("loss", 1.0)) == {"loss.png": (960, 540)}


def test_several_have_an_overview(tmp_path: Path) -> None:
    def track(track: Any) -> None:
        track(loss=1.0, accuracy=0.5)

    assert list(draw(tmp_path, track)) == ["accuracy.png", "loss.png", "overview.png"]


def test_arrays_are_shown_by_the_last_and_by_their_spread(tmp_path: Path) -> None:
    def track(track: Any) -> None:
        track("one", np.eye(3))
        for index in range(3):
            track("many", np.arange(10.0) * index)
            track("times", np.array(["2026-11-23"], "M8[D]"))

    assert list(draw(tmp_path, track)) == ["many.png", "many~histogram.png", "one.png"]


def test_structured_values_are_small_plots_and_a_table(tmp_path: Path) -> None:
    def track(track: Any) -> None:
        track("eval", {"acc": 0.5, "test": {"f1": 0.1}, "name": "a"})
        track("eval", {"acc": 0.6, "test": {"f1": 0.2}, "name": "b"})
        track("words", {"name": "c"})

    assert list(draw(tmp_path, track)) == ["eval.png", "eval~table.png", "words~table.png"]


def test_pictures_are_shown_by_the_first_the_middle_and_the_last(tmp_path: Path) -> None:
    def track(track: Any) -> None:
        for index in range(4):
            track("image", np.full((8, 16), index, np.uint8))
        track("figure", Figure(figsize=(2, 1)))

    sizes = draw(tmp_path, track)

    assert list(sizes) == ["figure.png", "image.png"]
    assert sizes["image.png"][0] > 3 * 480


def test_text_has_no_file(tmp_path: Path) -> None:
    assert draw(tmp_path, lambda track: track("note", "hello")) == {}


@pytest.mark.parametrize(
    ("value", "option", "told"),
    [
        (1.0, {"scale": "exp"}, "the option scale is 'exp'; it can be 'log', 'linear'"),
        (1.0, {"best": ["min"]}, "the option best is ['min']; it can be 'min', 'max'"),
        (1.0, {"smooth": "no"}, "the option smooth is 'no'; it can be True, False"),
        (np.eye(2), {"colormap": "rainbows"}, "there is no colour map 'rainbows' in matplotlib"),
        (np.eye(2), {"colormap": [1]}, "there is no colour map [1] in matplotlib"),
    ],
)  # fmt: skip
def test_an_option_that_means_nothing_is_warned_of_and_the_picture_is_made(
    tmp_path: Path, value: Any, option: dict[str, Any], told: str
) -> None:
    def track(track: Any) -> None:
        track("x", value)
        # as an archive may say it that anybody made: `track.configure` refuses most
        with (tmp_path / "archive" / "series" / "names.jsonl").open("a") as file:
            file.write(json.dumps({"id": 1, "options": option}) + "\n")

    with pytest.warns(UserWarning) as caught:
        sizes = draw(tmp_path, track)

    assert [str(warning.message) for warning in caught] == [told]
    assert "x.png" in sizes


def test_the_stored_picture_and_run_plot_are_one_drawing(tmp_path: Path) -> None:
    def track(track: Any) -> None:
        track("x", np.eye(2))
        track.configure("x", colormap="nosuch")

    run = make_run(tmp_path / "a", track)
    told = []
    for draw_it in (
        lambda: Plots().expt_render_series(run, run.series["x"], tmp_path, "x"),
        lambda: run.plot("x"),
    ):
        with pytest.warns(UserWarning) as caught:
            assert draw_it()
        told.append([str(warning.message) for warning in caught])

    assert told == [["there is no colour map 'nosuch' in matplotlib"]] * 2


def test_series_of_one_point_are_numbers_and_images_thumbnails(tmp_path: Path) -> None:
    def track(track: Any) -> None:
        track("parameters", 123456)
        for index in range(3):
            track(**{"train/loss": 1.0 - index / 9, "val/loss": 1.1 - index / 9})
            track("picture", np.zeros((8, 8), np.uint8))
            track("bright", np.full((8, 9, 3), 0.5))
            track("field", np.full((8, 9), 0.5))

    run = make_run(tmp_path / "a", track, case="lr-0.1-seed-2")
    heading, tiles = overview_of(run, LIGHT)

    assert (heading.title, heading.case, heading.aside) == ("experiment_x", "lr-0.1-seed-2", run.id)
    assert heading.numbers == {"parameters": 123456}
    assert [(tile.title, list(tile.curves)) for tile in tiles] == [
        ("loss", ["train", "val"]),
        ("picture", []),
        ("bright", []),
    ]
    assert tiles[1].frame is not None
    assert tiles[2].frame is not None
    assert tiles[2].frame.shape[:2] == (8, 9)


def test_a_style_that_is_not_there_is_warned_of_once(tmp_path: Path) -> None:
    plots = Plots("sepia")
    with pytest.warns(UserWarning, match="there is no plot style 'sepia'"):
        draw(tmp_path / "one", lambda track: track("x", 1.0), plots)

    assert draw(tmp_path / "two", lambda track: track("x", 1.0), plots)


# Tables


@pytest.mark.parametrize(
    ("values", "columns", "rows", "told"),
    [
        ([{"a": 1, "b": {"c": "x"}}], ["step", "a", "b/c"], [[0, 1, "x"]], ""),
        ([{"a": 1}, {"b": 2}], ["step", "a", "b"], [[0, 1, None], [1, None, 2]], ""),
        ([[1, 2], [3]], ["step", "0", "1"], [[0, 1, 2], [1, 3, None]], ""),
        ([[{"a": 1}, {"a": 2}]], ["a"], [[1], [2]], "step 0"),
        ([{"a": [1, 2], "b": ["x", "y"]}], ["a", "b"], [[1, "x"], [2, "y"]], "step 0"),
        ([{}], ["step"], [[0]], ""),
        ([[]], ["step"], [[0]], ""),
        (
            [{"n": n} for n in range(30)],
            ["step", "n"],
            [[n, n] for n in range(10, 30)],
            "the last 20 of 30",
        ),
    ],
)
def test_structured_values_become_rows(
    tmp_path: Path, values: list[Any], columns: list[str], rows: list[Any], told: str
) -> None:
    def track(track: Any) -> None:
        for value in values:
            track("x", value)

    series = make_run(tmp_path / "a", track).series["x"]
    assert table_of(series.values, series.steps) == (columns, rows, told)
