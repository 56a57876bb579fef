"""What the page is told of a run, as strict JSON: all of it, or one series.

A series comes as its envelope where it has more points than there are pixels: the lowest and the
highest value of every stretch of steps, so that nothing is lost that could be seen.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from expt.archive.record import origins_to_json
from expt.ground.encoding import to_json
from expt.ground.errors import ReadingError
from expt.ground.layout import SERIES_DIR
from expt.page.run_panels import take_panels

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from expt.reading.run import Run
    from expt.reading.series.tracked import Series

    Array = np.ndarray[Any, Any]

_WORDS: Final = ("unit", "title", "xlabel", "ylabel", "scale")  # of `track.configure`
_LARGEST_TEXT: Final = 200_000  # characters of a log or a file of code that are sent at once


def tell_run(run: Run, panels: Iterable[Any] = ()) -> dict[str, Any]:
    """One run in full: its outline, origins, lineage, environment, code, log, error and files.

    `panels` are what plugins add to it. `damage` is section → why, of the sections that cannot
    be read: those are empty.
    """
    return {**_tell(run, _SECTIONS), "panels": take_panels(run, panels)}


def tell_live(run: Run) -> dict[str, Any]:
    """What of it changes while a run goes on."""
    return _tell(run, _LIVE)


def _tell(run: Run, sections: Iterable[str]) -> dict[str, Any]:
    told = {**run.outline(), "short": run.short_id, "setup": run.setup}
    damage: dict[str, str] = {}
    for name in sections:
        tell, empty = _SECTIONS[name]
        try:
            told[name] = tell(run)
        except ReadingError as error:
            told[name], damage[name] = empty(), error.what
    return {**told, "damage": damage}


def _tell_pictures(run: Run) -> dict[str, list[str]]:
    return {
        name: [path.relative_to(run.path).as_posix() for path in paths]
        for name, paths in run.plots.items()
    }


_SECTIONS: Final[dict[str, tuple[Callable[[Run], Any], Callable[[], Any]]]] = {
    "origins": (lambda run: origins_to_json(run.origins), dict),
    "words": (lambda run: run.words, dict),
    "inputs": (lambda run: to_json(dict(run.inputs)), dict),
    "error": (lambda run: run.error and dict(vars(run.error)), lambda: None),
    "notices": (lambda run: list(run.notices), list),
    "environment": (lambda run: to_json(run.environment), dict),
    "code": (lambda run: {name: text[:_LARGEST_TEXT] for name, text in run.code.items()}, dict),
    "log": (lambda run: run.log[-_LARGEST_TEXT:], str),
    "series": (lambda run: {n: dict(to_json(s)) for n, s in run.series_summaries.items()}, dict),
    "artifacts": (lambda run: {name: found.size for name, found in run.artifacts.items()}, dict),
    "pictures": (_tell_pictures, dict),
}


_LIVE: Final = ("notices", "log")


def tell_series(
    series: Series, points: int = 2000, first: float | None = None, end: float | None = None
) -> dict[str, Any]:
    """A series between the steps `first` and `end`: at most `points` of a scalar, else entries.

    Of a scalar with more, `envelope` is true and the points are the lowest and the highest of
    every stretch of steps. Of images, figures and arrays, `files` are relative to the archive.
    """
    times, steps = series.times, series.steps  # in this order: with them one reading is enough
    told: dict[str, Any] = {"name": series.name, "kind": series.kind, "count": len(series)}
    told["words"] = {
        name: str(series.options[name]) for name in _WORDS if series.options.get(name) is not None
    }
    if series.kind == "scalar":
        values = _as_floats(series.values)
        chosen, is_envelope = thin_out(steps, values, points, first, end)
        told |= {"envelope": is_envelope, "values": _plain(values[chosen])}
    else:
        low = -np.inf if first is None else first
        high = np.inf if end is None else end
        chosen = np.flatnonzero((steps >= low) & (steps <= high))
        if series.files:
            names = [f"{SERIES_DIR}/{path.parent.name}/{path.name}" for path in series.files]
            told["files"] = [names[index] for index in chosen]
        else:
            told["values"] = [to_json(series.values[index]) for index in chosen]
    return told | {"steps": steps[chosen].tolist(), "times": times[chosen].tolist()}


def thin_out(
    steps: Array, values: Array, points: int, first: float | None, end: float | None
) -> tuple[Array, bool]:
    """Which entries from `first` to `end` are drawn, by step, and whether they are an envelope."""
    order = None
    if not (steps[1:] >= steps[:-1]).all():
        order = np.argsort(steps, kind="stable")
        steps, values = steps[order], values[order]
    low = 0 if first is None else int(np.searchsorted(steps, first, "left"))
    high = len(steps) if end is None else int(np.searchsorted(steps, end, "right"))
    stretches = max(1, points // 2)
    is_envelope = high - low > 2 * stretches
    places = (
        _find_extremes(values[low:high], stretches)
        if is_envelope
        else np.arange(max(0, high - low))
    )
    chosen = low + places
    return (chosen if order is None else order[chosen]), is_envelope


def _find_extremes(values: Array, stretches: int) -> Array:
    """Where the first, the last, and the lowest and the highest of each stretch stand."""
    width = -(-values.size // stretches)
    rest = values.size % width
    gaps = np.isnan(values)
    ends = np.array([0, values.size - 1])
    found = [ends]
    for fill, find in ((np.inf, np.argmin), (-np.inf, np.argmax)):
        filled = np.where(gaps, fill, values) if gaps.any() else values
        whole = filled[: values.size - rest].reshape(-1, width)
        found.append(np.arange(len(whole)) * width + find(whole, axis=1))
        if rest:
            found.append(values.size - rest + find(filled[-rest:], keepdims=True))
    places = np.sort(np.concatenate(found))
    return places[np.diff(places, prepend=-1) > 0]  # `unique` would import masked arrays, at 20 ms


def tell_array(array: Any, most: int = 256) -> dict[str, Any]:
    """An array as a picture can show it: `{"shape", "width", "pixels", …}`.

    At most `most` rows and columns are taken. `pixels` are bytes in base64, row by row: of an
    array that is a picture, or a batch of them, red, green and blue. Of every other there are
    `low` and `high` too, and a byte for each number: 0 for what is not finite, and 1 to 255 from
    `low` to `high`. Of complex numbers it is the magnitude.
    """
    shape = list(np.shape(array))
    if len(shape) > 2:
        from expt.drawing.arrays import picture_of  # matplotlib is slow to import
        from expt.drawing.styles import LIGHT

        if (picture := picture_of(array, LIGHT)) is not None:
            return {"shape": shape, **_as_pixels(_thinned(picture[0], most))}
    flat = np.abs(array) if np.iscomplexobj(array) else np.asarray(array, dtype=float)
    flat = flat.reshape(-1, shape[-1]) if len(shape) > 1 else flat.reshape(1, -1)
    flat = _thinned(flat, most)
    finite = np.isfinite(flat)
    low, high = (float(flat[finite].min()), float(flat[finite].max())) if finite.any() else (0, 0)
    share = np.zeros(flat.shape)
    np.divide(flat - low, high - low, out=share, where=finite & (high > low))
    pixels = np.where(finite, np.round(1 + 254 * share), 0).astype(np.uint8)
    return {"shape": shape, "low": low, "high": high, **_as_pixels(pixels)}


def _thinned(rows: Array, most: int) -> Array:
    """Every so many rows and columns, so that there are at most `most` of each."""
    return rows[tuple(slice(None, None, max(1, -(-size // most))) for size in rows.shape[:2])]


def _as_pixels(rows: Array) -> dict[str, Any]:
    return {"width": rows.shape[1], "pixels": base64.b64encode(rows.tobytes()).decode()}


def _as_floats(values: Any) -> Array:
    array = np.asarray(values)
    if array.dtype == object:
        return np.array([float(value) for value in values])
    return array


def _plain(values: Array) -> Sequence[Any]:
    """Numbers as JSON has them; what is not finite is tagged."""
    listed: list[Any] = values.tolist()
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        return [to_json(value) for value in listed]
    return listed
