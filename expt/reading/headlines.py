"""Reads as much of a `run.json` as a listing needs, checked as far as a listing relies on it.

Ten thousand of these are read in a second where there is no index, so that nothing is built of
them here. One that does not pass is read once more by `archive`, which says what is wrong with it.
"""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any, Final

from expt.archive import read_record
from expt.ground.encoding import from_json
from expt.ground.errors import DamagedArchive
from expt.ground.layout import FORMAT, RUN_FILE
from expt.ground.model import STATUSES
from expt.ground.regular_files import read_regular

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND: Final = dt.timedelta(microseconds=1)
_TEXT_OR_NULL: Final = (str, type(None))
_OBJECT_OR_NULL: Final = (dict, type(None))
_TYPES: Final = {
    "id": (str,),
    "experiment": (str,),
    "case": _TEXT_OR_NULL,
    "description": _TEXT_OR_NULL,
    "started": (str,),
    "finished": _TEXT_OR_NULL,
    "duration": (int, float, type(None)),
    "setup": (int, float, type(None)),
    "params": (dict,),
    "results": _OBJECT_OR_NULL,
    "series": _OBJECT_OR_NULL,
    "error": _OBJECT_OR_NULL,
    "lineage": _OBJECT_OR_NULL,
    "owner": _OBJECT_OR_NULL,
    "tags": (list, type(None)),
    "note": _TEXT_OR_NULL,
}


def read_summary(archive: str | Path) -> tuple[str, dict[str, Any]]:
    """The text of an archive's `run.json`, and its JSON form.

    Raises `DamagedArchive` or `NewerArchive` with the reason.
    """
    try:
        text = read_regular(f"{archive}/{RUN_FILE}").decode()
        data = _DECODER.decode(text)
        if _is_sound(data, tagged='"$' in text):
            return text, data
    except (OSError, ValueError, TypeError, OverflowError, AttributeError, RecursionError):
        pass
    read_record(Path(archive))
    raise DamagedArchive(f"{RUN_FILE} has impossible values", f"{archive}/{RUN_FILE}")


def microseconds(moment: str) -> int:
    """Microseconds since 1970 of an ISO 8601 time; one without a zone is local time."""
    return (parse_time(moment) - _EPOCH) // _MICROSECOND


def parse_time(moment: str) -> dt.datetime:
    """An ISO 8601 time with its zone; one without is local time."""
    parsed = dt.datetime.fromisoformat(moment)
    return parsed if parsed.tzinfo else parsed.astimezone()


def _is_sound(data: Any, *, tagged: bool) -> bool:
    """Whether a listing can rely on `data`. May raise as well as be False."""
    if type(data.get("format")) is not int or not 1 <= data["format"] <= FORMAT:
        return False
    for name, types in _TYPES.items():
        if not isinstance(data.get(name), types):
            return False
    if data["status"] not in STATUSES or not all(
        type(tag) is str for tag in data.get("tags") or ()
    ):
        return False
    microseconds(data["started"])
    if data.get("finished"):
        parse_time(data["finished"])
    series = data.get("series") or {}
    if tagged:
        objects = [data.get(name) for name in ("params", "results", "lineage", "owner")]
        series, *rest = (from_json(value or {}) for value in (series, *objects))
        if not all(isinstance(value, dict) for value in (series, *rest)):
            return False
    return all(isinstance(entry, dict) for entry in series.values())


def _refuse_constant(word: str) -> Any:
    raise ValueError(f"{word} is not strict JSON")


_DECODER: Final = json.JSONDecoder(parse_constant=_refuse_constant)
