"""The built-in plugin that makes videos: of images, of figures, and of arrays of two dimensions.

A video needs two entries. `track.configure(name, fps=10)` sets the frame rate; otherwise a video
lasts about 8 seconds, at 2 to 60 frames a second. Arrays keep one scale of colours throughout.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from expt.ground.hookspecs import hook
from expt.rendering.plots import colormap_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from expt.drawing.frames import Frame
    from expt.reading.series import Series


class Videos:
    """Writes `stem.mp4`, or a GIF where ffmpeg fails."""

    @hook
    def expt_render_series(self, series: Series, folder: Path, stem: str) -> list[Path] | None:
        if series.kind not in ("image", "figure", "array") or len(series) < 2:
            return None
        frames = _picture_frames(series) if series.kind != "array" else _array_frames(series)
        if frames is None:
            return None
        from expt.drawing.video_file import write_video  # imports imageio

        return [write_video(folder, stem, frames, fps=_rate(series))]


def _rate(series: Series) -> float:
    from expt.drawing.video_file import frame_rate  # imports imageio

    try:
        return frame_rate(len(series), series.options.get("fps"))
    except ValueError as error:
        warnings.warn(str(error), stacklevel=2)
        return frame_rate(len(series))


def _picture_frames(series: Series) -> Callable[[], Iterator[Frame]]:
    from expt.drawing.frames import to_rgb  # imports numpy and matplotlib

    return lambda: map(to_rgb, series.values)


def _array_frames(series: Series) -> Callable[[], Iterator[Frame]] | None:
    """Frames of arrays that are pictures to the eye: numbers in two dimensions, 2 × 2 or more."""
    import numpy  # slow, as is matplotlib

    from expt.drawing import arrays, frames, styles

    def is_picture(array: Any) -> bool:
        return frames.is_numeric(array) and array.ndim == 2 and min(array.shape) > 1

    if not is_picture(series.values[-1]):
        return None
    left_out = 0
    low, high = numpy.inf, -numpy.inf
    for array in series.values:
        left_out += not is_picture(array)
        if is_picture(array):
            values = frames.real(array)
            finite = numpy.isfinite(values)
            low = float(values.min(initial=low, where=finite))
            high = float(values.max(initial=high, where=finite))
    if left_out:
        one = left_out == 1
        told = "entry is no picture and has" if one else "entries are no picture and have"
        warnings.warn(f"{left_out} {told} no frame", stacklevel=2)
    if low > high:
        return None
    palette = arrays.palette_for(low, high, styles.LIGHT, colormap_of(series))
    return lambda: (
        palette.colour(frames.reduced(frames.real(array), frames.LARGE))
        for array in series.values
        if is_picture(array)
    )
