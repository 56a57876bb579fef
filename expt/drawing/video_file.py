"""Frames to a file that plays everywhere: H.264 in MP4, or a GIF where ffmpeg fails."""

from __future__ import annotations

import contextlib
import warnings
from typing import TYPE_CHECKING, Any, Final

import imageio.v2
from PIL import Image

from expt.drawing.captions import Captions
from expt.drawing.frames import Canvas, Frame, Palette
from expt.ground.value_classes import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

_SECONDS: Final = 8  # that a video lasts, where the frame rate allows it
_RATES: Final = (2, 60)
_MOST_FRAMES_OF_GIF: Final = 200  # a GIF is made in memory
_ENCODING: Final = (
    "-crf", "18", "-preset", "veryfast", "-movflags", "+faststart",
    "-vf", "scale=out_color_matrix=bt709:out_range=tv",
    "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709",
)  # fmt: skip


@frozen(eq=False)
class Film:
    """What a video shows: `frames()` gives its pictures from the beginning, with a text for each.

    `palette` is the scale of colours that stands beside them, with its unit.
    """

    frames: Callable[[], Iterator[Frame]]
    captions: Sequence[str]
    palette: Palette | None = None
    unit: str = ""

    def shots(self) -> Iterator[tuple[Frame, Canvas]]:
        """Every picture on the canvas, with its text; and the canvas that they share."""
        canvas: Canvas | None = None
        for frame, text in zip(self.frames(), self.captions, strict=True):
            if canvas is None:
                canvas = Canvas(frame)
                around = Captions(canvas.height, canvas.width, self.palette, self.unit)
            yield around.add(canvas.fit(frame), text), canvas


def frame_rate(count: int, asked: Any = None) -> float:
    """Frames a second: what was asked for, else such that `count` frames last about 8 seconds.

    Raises `ValueError` for a rate that is no number from 0.1 to 240.
    """
    if asked is None:
        return float(min(max(round(count / _SECONDS), _RATES[0]), _RATES[1]))
    try:
        rate = float(asked)
    except (TypeError, ValueError):
        rate = 0.0
    if not 0.1 <= rate <= 240:
        raise ValueError(f"fps is {asked!r}; a frame rate is a number from 0.1 to 240")
    return rate


def write_video(folder: Path, stem: str, film: Film, *, fps: float) -> Path:
    """Write `stem.mp4`, or `stem.gif` with a warning where ffmpeg fails; the file's path.

    What fails leaves no file. Warns of frames that had another shape than the first.
    """
    path = folder / f"{stem}.mp4"
    try:
        refitted = _whole(path, lambda file: _write_mp4(file, film, fps))
    except (OSError, RuntimeError) as error:
        lines = str(error).strip().splitlines()
        reason = lines[0] if lines else type(error).__name__
        path = folder / f"{stem}.gif"
        refitted = _whole(path, lambda file: _write_gif(file, film, fps))
        warnings.warn(
            f"ffmpeg could not write a video, a GIF is in its place: {reason}", stacklevel=2
        )
    if refitted:
        one = refitted == 1
        warnings.warn(
            f"{refitted} {'frame has' if one else 'frames have'} another shape than the first"
            f" and {'stands' if one else 'stand'} centred on its size",
            stacklevel=2,
        )
    return path


def _whole(path: Path, write: Callable[[Path], int]) -> int:
    try:
        return write(path)
    except BaseException:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
        raise


def _write_mp4(path: Path, film: Film, fps: float) -> int:
    writer = imageio.v2.get_writer(
        str(path), format="FFMPEG", mode="I", fps=fps, codec="libx264", quality=None,
        pixelformat="yuv420p", macro_block_size=1, output_params=list(_ENCODING),
        ffmpeg_log_level="error",
    )  # fmt: skip
    canvas: Canvas | None = None
    with contextlib.closing(writer):
        for shot, canvas in film.shots():  # noqa: B007 - the last one counted them all
            writer.append_data(shot)
    if not path.is_file() or not path.stat().st_size:
        raise OSError("ffmpeg wrote nothing")
    return canvas.refitted if canvas else 0


def _write_gif(path: Path, film: Film, fps: float) -> int:
    canvas: Canvas | None = None
    pictures: list[Image.Image] = []
    every = 1
    while len(film.captions) > every * _MOST_FRAMES_OF_GIF:
        every *= 2
    for place, (shot, canvas) in enumerate(film.shots()):  # noqa: B007
        if place % every == 0:
            picture = Image.fromarray(shot)
            pictures.append(picture.quantize(256, Image.Quantize.FASTOCTREE))
    if not pictures or canvas is None:
        raise ValueError("there are no frames")
    hold = max(round(1000 * every / fps), 20)  # browsers slow down what is shorter
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=hold, loop=0)
    return canvas.refitted
