"""What a listing takes from `run.json`: its JSON as it stands, where it can be relied on."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from expt.archive.record import read_mapping, read_record, read_text
from expt.ground.clock import microseconds
from expt.ground.encoding import parse_strict
from expt.ground.errors import DamagedArchive
from expt.ground.layout import FORMAT, RUN_FILE
from expt.ground.model import STATUSES


def read_headline(archive: str | Path) -> tuple[str, dict[str, Any]]:
    """The text of an archive's `run.json`, and its JSON, sound as far as a listing relies on it.

    Raises `DamagedArchive` or `NewerArchive` with the reason.
    """
    text = read_text(archive)
    try:
        return text, parse_headline(text)
    except ValueError:
        read_record(Path(archive))  # says what is wrong with it
    raise DamagedArchive(f"{RUN_FILE} has impossible values", f"{archive}/{RUN_FILE}")


def parse_headline(text: str) -> dict[str, Any]:
    """The JSON of a `run.json`, where a listing can rely on it. Raises `ValueError`.

    Ten thousand of these are read in a second where there is no index, so that nothing is built
    of them here.
    """
    data: dict[str, Any] = parse_strict(text)
    try:
        if _is_sound(data, tagged='"$' in text):
            return data
    except (TypeError, LookupError, AttributeError, ArithmeticError):
        pass
    raise ValueError("it is not what was written")


def _is_sound(data: Any, *, tagged: bool) -> bool:
    if type(data.get("format")) is not int or not 1 <= data["format"] <= FORMAT:
        return False
    if not _are_right(tuple(map(type, map(data.get, _HEADLINE)))):
        return False
    if data["status"] not in STATUSES or not all(
        type(tag) is str for tag in data.get("tags") or ()
    ):
        return False
    microseconds(data["started"])
    if data.get("finished"):
        microseconds(data["finished"])
    for name in ("duration", "setup"):
        float(data.get(name) or 0)
    if tagged:
        for name in ("params", "made", "results", "lineage", "owner"):
            read_mapping(data.get(name) or {})
        return all(
            isinstance(entry, dict) for entry in read_mapping(data.get("series") or {}).values()
        )
    return all(isinstance(entry, dict) for entry in (data.get("series") or {}).values())


@lru_cache(256)
def _are_right(types: tuple[type, ...]) -> bool:
    """Whether the fields of `_HEADLINE` may have these types; archives have few combinations."""
    return all(kind in right for kind, right in zip(types, _HEADLINE.values(), strict=True))


_TEXT_OR_NULL: Final = (str, type(None))
_OBJECT_OR_NULL: Final = (dict, type(None))
_HEADLINE: Final = {
    "id": (str,),
    "experiment": (str,),
    "case": _TEXT_OR_NULL,
    "description": _TEXT_OR_NULL,
    "status": (str,),
    "started": (str,),
    "finished": _TEXT_OR_NULL,
    "duration": (int, float, type(None)),
    "setup": (int, float, type(None)),
    "params": (dict,),
    "made": _OBJECT_OR_NULL,
    "results": _OBJECT_OR_NULL,
    "series": _OBJECT_OR_NULL,
    "error": _OBJECT_OR_NULL,
    "lineage": _OBJECT_OR_NULL,
    "owner": _OBJECT_OR_NULL,
    "tags": (list, type(None)),
    "note": _TEXT_OR_NULL,
}
"""What a listing takes from the file as it stands, and its types."""
