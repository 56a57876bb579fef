"""Frames become a file that plays everywhere, or a GIF with a warning."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING, Any

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

from expt.drawing.frames import Canvas, Palette
from expt.drawing.video_file import Film, frame_rate, write_video

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from expt.drawing.frames import Frame


def frames(count: int, shape: tuple[int, ...] = (32, 48, 3)) -> Film:
    ramp = np.linspace(0, 200, int(np.prod(shape))).astype(np.uint8).reshape(shape)
    return film(lambda: (ramp + np.uint8(index % 50) for index in range(count)), count)


def film(make: Callable[[], Iterator[Frame]], count: int, **scale: Any) -> Film:
    return Film(make, [f"step {index}" for index in range(count)], **scale)


def opened(path: Path) -> tuple[dict[str, str], Any]:
    """What ffmpeg says of a video, and its frames. (imageio's reader leaves its pipes open.)"""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-i", str(path), "-fps_mode", "passthrough"]
    made = subprocess.run(
        [*command, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"], capture_output=True, check=True
    )
    told = re.search(
        r"Video: (?P<codec>\w+).*?, (?P<pixels>yuv\w+).*?, (?P<width>\d+)x(?P<height>\d+)"
        r".*?, (?P<fps>[\d.]+) fps",
        made.stderr.decode(),
    )
    assert told is not None
    about = told.groupdict()
    shape = (-1, int(about["height"]), int(about["width"]), 3)
    return about, np.frombuffer(made.stdout, np.uint8).reshape(shape)


@pytest.mark.parametrize(("count", "rate"), [(2, 2), (16, 2), (100, 12), (480, 60), (10_000, 60)])
def test_a_video_lasts_about_eight_seconds_by_itself(count: int, rate: float) -> None:
    assert frame_rate(count) == rate


@pytest.mark.parametrize("asked", [10, 0.5, 29.97, "24"])
def test_the_rate_that_is_asked_for_is_taken(asked: Any) -> None:
    assert frame_rate(5, asked) == float(asked)


@pytest.mark.parametrize("asked", [0, -3, 1e9, "fast", [1], float("nan")])
def test_a_rate_that_is_none_is_refused(asked: Any) -> None:
    with pytest.raises(ValueError, match=r"a frame rate is a number from 0\.1 to 240"):
        frame_rate(5, asked)


@pytest.mark.parametrize(("count", "fps"), [(1, 2), (2, 0.5), (7, 29.97), (30, 10), (3, 240)])
def test_every_frame_is_in_the_video_once_at_the_rate(
    tmp_path: Path, count: int, fps: float
) -> None:
    about, read = opened(write_video(tmp_path, "a", frames(count), fps=fps))

    assert len(read) == count
    assert float(about["fps"]) == pytest.approx(fps, abs=0.01)


@pytest.mark.parametrize("shape", [(1, 1, 3), (101, 77, 3), (1, 300, 3), (31, 31, 3)])
def test_odd_and_tiny_frames_are_seen(tmp_path: Path, shape: tuple[int, int, int]) -> None:
    about, read = opened(write_video(tmp_path, "a", frames(2, shape), fps=2))

    assert (about["codec"], about["pixels"]) == ("h264", "yuv420p")
    assert all(side % 2 == 0 and side >= 16 for side in read.shape[1:3])
    assert len(read) == 2


def test_colours_come_back_as_they_were(tmp_path: Path) -> None:
    frame = np.zeros((256, 256, 3), np.uint8)
    frame[:128], frame[128:] = (255, 0, 0), (40, 120, 200)

    _, read = opened(write_video(tmp_path, "a", film(lambda: iter([frame, frame]), 2), fps=2))

    assert np.abs(read[0][60, 60].astype(int) - (255, 0, 0)).max() <= 3
    assert np.abs(read[0][200, 60].astype(int) - (40, 120, 200)).max() <= 3


def test_a_frame_of_another_shape_is_warned_of(tmp_path: Path) -> None:
    shapes = [(32, 48, 3), (50, 50, 3), (32, 48, 3)]
    with pytest.warns(UserWarning) as caught:
        path = write_video(
            tmp_path,
            "a",
            film(lambda: (np.zeros(shape, np.uint8) for shape in shapes), 3),
            fps=2,
        )

    assert [str(warning.message) for warning in caught] == [
        "1 frame has another shape than the first and stands centred on its size"
    ]
    assert len(opened(path)[1]) == 3


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
@pytest.mark.parametrize("executable", ["/bin/false", "/bin/true", "/dev/null/none"])
def test_where_ffmpeg_fails_there_is_a_gif_and_a_warning(
    tmp_path: Path, executable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", executable)
    (tmp_path / "a.mp4").write_bytes(b"an older one")

    with pytest.warns(UserWarning, match="ffmpeg could not write a video, a GIF is in its place"):
        path = write_video(tmp_path, "a", frames(10), fps=10)

    assert [file.name for file in tmp_path.iterdir()] == ["a.gif"]
    with Image.open(path) as picture:
        assert (picture.n_frames, picture.info["duration"]) == (10, 100)  # type: ignore[attr-defined]


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
def test_a_gif_of_many_frames_is_thinned_and_keeps_its_length(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", "/dev/null/none")

    path = write_video(tmp_path, "a", frames(402, (8, 8, 3)), fps=20)

    with Image.open(path) as picture:
        assert picture.n_frames == 101  # type: ignore[attr-defined]
        assert picture.n_frames * picture.info["duration"] == pytest.approx(402 * 50, rel=0.02)  # type: ignore[attr-defined]


def test_a_video_that_fails_leaves_no_file(tmp_path: Path) -> None:
    def broken() -> Iterator[Frame]:
        yield np.zeros((32, 32, 3), np.uint8)
        raise LookupError("a frame is missing")

    with pytest.raises(LookupError, match="a frame is missing"):
        write_video(tmp_path, "a", film(broken, 2), fps=2)

    assert list(tmp_path.iterdir()) == []


def test_frames_carry_their_step_and_the_scale_of_their_colours(tmp_path: Path) -> None:
    picture = np.full((256, 256, 3), 255, np.uint8)
    palette = Palette("viridis", "#999999", 0.0, 1.0)

    plain = opened(write_video(tmp_path, "a", film(lambda: iter([picture] * 2), 2), fps=2))[1]
    scaled = film(lambda: iter([picture] * 2), 2, palette=palette, unit="K")
    beside = opened(write_video(tmp_path, "b", scaled, fps=2))[1]

    assert plain.shape[1] > 256
    assert plain.shape[2] == 256
    assert (plain[0, 256:].min(), plain[1, :256].min()) < (180, 240)
    assert (plain[0, 256:].astype(int) - plain[1, 256:]).any()  # another step
    assert beside.shape[2] > 256
    assert beside[0, :, 256:].min() < 90


def test_a_frame_that_is_a_few_pixels_larger_is_no_smaller_in_the_video(tmp_path: Path) -> None:
    canvas = Canvas(np.zeros((300, 300, 3), np.uint8), ground="#000000")

    fitted = canvas.fit(np.full((302, 301, 3), 255, np.uint8))

    assert (fitted[:, :, 0] == 255).mean() > 0.98
