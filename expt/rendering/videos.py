"""The built-in plugin that makes videos: of images, of figures, and of arrays of two dimensions.

A video needs two entries. `track.configure(name, fps=10)` sets the frame rate; otherwise a video
lasts about 8 seconds, at 2 to 60 frames a second. Every frame tells its step. Arrays keep one
scale of colours throughout, which stands beside them.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from expt.ground.hookspecs import hook

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from expt.drawing.frames import Frame
    from expt.drawing.video_file import Film
    from expt.reading.series.tracked import Series


class Videos:
    """Writes `stem.mp4`, or a GIF where ffmpeg fails."""

    @hook
    def expt_render_series(self, series: Series, folder: Path, stem: str) -> list[Path] | None:
        if series.kind not in ("image", "figure", "array") or len(series) < 2:
            return None
        film = _film_of_pictures(series) if series.kind != "array" else _film_of_arrays(series)
        if film is None:
            return None
        from expt.drawing.video_file import write_video  # imports imageio

        return [write_video(folder, stem, film, fps=_rate(series))]


def _rate(series: Series) -> float:
    from expt.drawing.video_file import frame_rate  # imports imageio

    try:
        return frame_rate(len(series), series.options.get("fps"))
    except ValueError as error:
        warnings.warn(str(error), stacklevel=2)
        return frame_rate(len(series))


def _asked(series: Series) -> Any:
    from expt.drawing.configured import read_options  # imports matplotlib

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # told of where the still is drawn
        return read_options(series.options)


def _film_of_pictures(series: Series) -> Film:
    from expt.drawing import pictures, styles  # imports numpy and matplotlib
    from expt.drawing.video_file import Film

    asked, every = _asked(series), range(len(series))
    return Film(
        lambda: pictures.frames_of(series, every, styles.LIGHT, asked), _captions(series, every)
    )


def _captions(series: Series, chosen: Any) -> list[str]:
    from expt.drawing.numbers import number_text

    return [f"step {number_text(series.steps[index])}" for index in chosen]


def _film_of_arrays(series: Series) -> Film | None:
    """Frames of arrays that are pictures to the eye: numbers in two dimensions, 2 × 2 or more."""
    import numpy  # slow, as is matplotlib

    from expt.drawing import arrays, frames, styles
    from expt.drawing.video_file import Film

    asked, style = _asked(series), styles.LIGHT
    if arrays.picture_of(series.values[-1], style) is not None:
        return _film_of_batches(series)

    def is_picture(array: Any) -> bool:
        flat = frames.is_numeric(array) and array.ndim == 2 and min(array.shape) > 1
        return flat and not arrays.is_cloud(array)

    if not is_picture(series.values[-1]):
        return None
    chosen = []
    low, high, positive = numpy.inf, -numpy.inf, numpy.inf
    for index, array in enumerate(series.values):
        if is_picture(array):
            chosen.append(index)
            values = frames.real(array)
            finite = numpy.isfinite(values)
            low = float(values.min(initial=low, where=finite))
            high = float(values.max(initial=high, where=finite))
            positive = float(values.min(initial=positive, where=finite & (values > 0)))
    _tell_of_others(len(series) - len(chosen))
    if low > high:
        return None
    found = positive if positive < numpy.inf else 0.0
    palette = arrays.palette_for(low, high, style, asked, positive=found)
    return Film(
        lambda: (
            arrays.oriented(
                palette.colour(frames.reduced(frames.real(series.values[index]), frames.BROAD)),
                asked,
            )
            for index in chosen
        ),
        _captions(series, chosen),
        palette,
        asked.unit or "",
    )


def _film_of_batches(series: Series) -> Film:
    from expt.drawing import arrays, styles
    from expt.drawing.video_file import Film

    style, asked = styles.LIGHT, _asked(series)
    chosen = [
        index
        for index, array in enumerate(series.values)
        if arrays.picture_of(array, style) is not None
    ]
    _tell_of_others(len(series) - len(chosen))

    def frames() -> Iterator[Frame]:
        for index in chosen:
            found = arrays.picture_of(series.values[index], style)
            if found is not None:
                yield arrays.oriented(found[0], asked)

    return Film(frames, _captions(series, chosen))


def _tell_of_others(left_out: int) -> None:
    if left_out:
        one = left_out == 1
        told = "entry is no picture and has" if one else "entries are no picture and have"
        warnings.warn(f"{left_out} {told} no frame", stacklevel=2)
