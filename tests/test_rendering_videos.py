"""Videos of pictures and of arrays that are pictures to the eye."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import imageio_ffmpeg
import numpy as np
import pytest

from expt.archive.writer import write_record
from expt.ground.model import RunRecord
from expt.reading.references import load_archive
from expt.rendering.videos import Videos
from expt.tracking.recorder import open_recorder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from expt.reading.run import Run


def make_run(folder: Path, track: Callable[[Any], None], **fields: Any) -> Run:
    """An archive of what `track` tracks."""
    folder.mkdir(exist_ok=True)
    recorder = open_recorder(folder / "series", label="abcdefgh23")
    track(recorder.track)
    recorder.close()
    started = "2026-11-23T10:15:30.000000+00:00"
    known = {"case": None, "description": "", "status": "completed", "started": started, **fields}
    write_record(folder, RunRecord(id="abcdefgh23", experiment="e/first.py::experiment_x", **known))
    return load_archive(folder)


def film(folder: Path, values: list[Any], **options: Any) -> list[str]:
    def track(track: Any) -> None:
        for value in values:
            track("x", value)
        # as an archive may say it that anybody made: `track.configure` refuses some
        with (folder / "archive" / "series" / "names.jsonl").open("a") as file:
            file.write(json.dumps({"id": 1, "options": options}) + "\n")

    run = make_run(folder / "archive", track)
    made = Videos().expt_render_series(run.series["x"], folder, "x")
    return [] if made is None else [path.name for path in made]


def frames_and_seconds(path: Path) -> tuple[int, float]:
    count, seconds = imageio_ffmpeg.count_frames_and_secs(str(path))
    return count, seconds


@pytest.mark.parametrize(
    "value",
    [
        np.zeros((101, 77), np.uint8),
        np.zeros((1, 1), np.uint8),
        np.zeros((20, 30, 3), np.uint8),
        np.full((20, 30, 4), 100, np.uint8),
        np.zeros((5, 8)),
        np.eye(4, dtype=bool),
        np.array([[math.nan, 1.0], [math.inf, -1.0]]),
        np.array([[1 + 2j, 0], [0, 1]]),
        np.array([[2**63 - 1, 0], [0, -(2**63)]]),
    ],
)
def test_every_entry_is_a_frame(tmp_path: Path, value: Any) -> None:
    assert film(tmp_path, [value] * 5, fps=10) == ["x.mp4"]
    assert frames_and_seconds(tmp_path / "x.mp4") == (5, 0.5)


@pytest.mark.parametrize(
    "values",
    [
        [np.zeros((8, 8), np.uint8)],
        [1.0, 2.0],
        ["a", "b"],
        [np.arange(9.0)] * 3,
        [np.zeros((3, 4, 5))] * 3,
        [np.zeros((1, 500))] * 3,
        [np.full((3, 3), math.nan)] * 3,
        [np.array([["2026-11-23"]], "M8[D]")] * 3,
    ],
)
def test_what_is_no_moving_picture_has_no_video(tmp_path: Path, values: list[Any]) -> None:
    assert film(tmp_path, values) == []


def test_arrays_that_are_no_picture_are_left_out_and_told_of(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="1 entry is no picture and has no frame"):
        film(tmp_path, [np.eye(3), np.arange(3.0), np.eye(3)], fps=2)

    assert frames_and_seconds(tmp_path / "x.mp4") == (2, 1.0)


def test_a_frame_rate_that_is_none_is_told_of_and_the_video_made(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="fps is 'fast'; a frame rate is a number"):
        film(tmp_path, [np.eye(3)] * 4, fps="fast")

    assert frames_and_seconds(tmp_path / "x.mp4") == (4, 2.0)


def test_shapes_that_change_are_told_of_and_the_video_has_all_frames(tmp_path: Path) -> None:
    values = [np.zeros((size, 20, 3), np.uint8) for size in (10, 20, 30)]
    with pytest.warns(UserWarning, match="2 frames have another shape than the first"):
        film(tmp_path, values, fps=2)

    assert frames_and_seconds(tmp_path / "x.mp4")[0] == 3
