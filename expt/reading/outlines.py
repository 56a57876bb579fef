"""The outline of a run, which `--json` lists, and what else of `run.json` the index keeps.

{"id": …, "params": …, "lineage": {…}, "format": 1, "series": {…}, …}
 outline, as far as it is known     ▲   what a list of runs asks for besides
"""

from __future__ import annotations

import json
from json.encoder import encode_basestring_ascii
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

_JSON: Final = json.JSONEncoder(allow_nan=False)
_KEPT: Final = ("format", "setup", "made", "words", "series", "usage")
_KEPT_OF_RUNNING: Final = ("owner", "pid", "host")


class Outlined(NamedTuple):
    """JSON of a run, of which so many characters are its outline, without path and end."""

    text: str
    told: int

    def outline_at(self, path: str) -> str:
        """The line of JSON that the outline is of a run with that path."""
        return f'{self.text[: self.told]}, "path": {encode_basestring_ascii(path)}}}'


def summarise(data: Mapping[str, Any], *, labelled: bool) -> Outlined:
    """What the index keeps of a sound `run.json`. A run that runs has no outline there, and
    neither has one to which people added labels."""
    running = data["status"] == "running"
    others = {name: data[name] for name in _KEPT if name in data}
    if running:
        others |= {name: data[name] for name in _KEPT_OF_RUNNING if name in data}
    if data.get("error"):
        others["error"] = {n: v for n, v in data["error"].items() if n != "traceback"}
    outline = _JSON.encode(outline_of(data))[:-1]
    is_outline = not (running or labelled or has_tagged_series(data))
    return Outlined(f"{outline}, {_JSON.encode(others)[1:]}", len(outline) if is_outline else 0)


def outline_text(outline: Mapping[str, Any]) -> str:
    """An outline as a line of JSON."""
    return _JSON.encode(outline)


def outline_of(data: Mapping[str, Any]) -> dict[str, Any]:
    """What a listing tells of a run that has ended and has no labels, as strict JSON with tags."""
    duration, series = data.get("duration"), data.get("series") or {}
    return {
        "id": data["id"],
        "experiment": data["experiment"],
        "case": data.get("case"),
        "description": data.get("description") or "",
        "status": data["status"],
        "started": data["started"],
        "finished": data.get("finished"),
        "duration": None if duration is None else float(duration),
        "params": data["params"],
        "results": data.get("results") or {},
        "last": {}
        if has_tagged_series(data)
        else {
            name: entry["last"]
            for name, entry in series.items()
            if entry.get("kind") == "scalar" and type(entry.get("last")) in (int, float, dict)
        },
        "tags": data.get("tags") or [],
        "note": data.get("note"),
        "smoke": data.get("smoke") is True,
        "lineage": data.get("lineage") or {},
    }


def has_tagged_series(data: Mapping[str, Any]) -> bool:
    """Whether names of series begin with `$`, so that they stand in the file as pairs."""
    return "$dict" in (data.get("series") or ())
