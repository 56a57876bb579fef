"""What plugins add to a run in the page: texts, pictures of its archive, charts as plotly's JSON.

Nothing of a panel is markup or a script: a text is text, a picture is a file that the archive
holds, a chart is data that must be strict JSON.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from expt.ground.files import path_inside

if TYPE_CHECKING:
    from collections.abc import Iterable

    from expt.reading.run import Run

_FORMS: Final = ("text", "picture", "chart")
_LARGEST: Final = 2_000_000  # characters of one panel


def take_panels(run: Run, given: Iterable[Any]) -> list[dict[str, Any]]:
    """The panels of a run, as the front end is told of them; one that is none says why."""
    return [_take(run, panel) for panel in given]


def _take(run: Run, panel: Any) -> dict[str, Any]:
    try:
        title = str(panel["title"])
        (form,) = (form for form in _FORMS if form in panel)
        value = _TAKEN[form](run, panel[form])
        if len(json.dumps(value, allow_nan=False)) > _LARGEST:
            raise ValueError("it is too large")
    except (TypeError, ValueError, KeyError, RecursionError) as error:
        return {"title": "a panel that cannot be shown", "text": f"{type(error).__name__}: {error}"}
    return {"title": title, form: value}


def _take_picture(run: Run, path: Any) -> str:
    name = Path(path)
    name = name.relative_to(run.path) if name.is_absolute() else name
    if path_inside(run.path, name.as_posix()) is None:
        raise ValueError(f"the archive has no file '{name}'")
    return name.as_posix()


def _take_chart(_: Run, chart: Any) -> dict[str, Any]:
    whole = json.loads(json.dumps(chart, allow_nan=False))
    return {"data": list(whole["data"]), "layout": dict(whole.get("layout") or {})}


_TAKEN: Final = {"text": lambda _, text: str(text), "picture": _take_picture, "chart": _take_chart}
