"""`run.json`: the truth about a run, between a `RunRecord` and strict JSON.

The file has one line a field and, where a field is a mapping, one line an entry, so that it reads
and compares well and still goes through the fast encoder.
"""

from __future__ import annotations

import datetime as dt
import json
import math
from functools import lru_cache
from json.encoder import encode_basestring_ascii
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from expt.ground.clock import on_local_clock
from expt.ground.encoding import Unstorable, from_json, opaque_as_text, parse_strict, to_json
from expt.ground.errors import DamagedArchive, NewerArchive
from expt.ground.files import read_inside
from expt.ground.layout import FORMAT, RUN_FILE
from expt.ground.model import KINDS, STATUSES, ErrorInfo, Origin, Outcome, RunRecord
from expt.ground.objects import safe_repr

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

LARGEST_RECORD: Final = 1 << 28  # bytes; what is larger was not written by expt
_encode_any: Final = json.JSONEncoder(allow_nan=False).encode


def record_to_json(record: RunRecord) -> dict[str, Any]:
    """The tagged JSON of a record, its keys in one order.

    A value that JSON cannot hold stands as its `repr`: the record is written whatever it holds.
    """
    return {name: _WRITERS[name](value) for name, value in _told(record)}


def _told(record: RunRecord) -> Iterator[tuple[str, Any]]:
    """The fields that a file has, in their order."""
    for name in _WRITERS:
        value = getattr(record, name)
        if value or name not in _LEFT_OUT:
            yield name, value


def _as_it_is(value: Any) -> Any:
    return value


def _error_to_json(error: ErrorInfo | None) -> dict[str, str] | None:
    if error is None:
        return None
    return {"type": error.type, "message": error.message, "traceback": error.traceback}


def _origins_to_json(origins: Mapping[str, Sequence[Origin]]) -> Any:
    return _mapping_to_json({name: [*map(_origin, chain)] for name, chain in origins.items()})


def _sources_to_json(sources: Mapping[str, tuple[str, str]]) -> dict[str, list[str]]:
    return {path: list(source) for path, source in sources.items()}


def _origin(origin: Origin) -> dict[str, Any]:
    return {"layer": origin.layer, "where": origin.where, "value": origin.value}


def _mapping_to_json(mapping: Mapping[str, Any]) -> Any:
    if not mapping:
        return {}
    try:
        return to_json(opaque_as_text(mapping))
    except (Unstorable, RecursionError):
        return to_json({name: _or_repr(value) for name, value in mapping.items()})


def _or_repr(value: Any) -> Any:
    text = opaque_as_text(value)
    try:
        to_json(text)
    except (Unstorable, RecursionError):
        return safe_repr(value)
    return text


def _encode(value: Any) -> str:
    """JSON in one line; what most fields are costs no new encoder."""
    if type(value) is str:
        return encode_basestring_ascii(value)
    if value is None:
        return "null"
    if type(value) in (int, float):  # one that is not finite has its tag already
        return repr(value)
    return _encode_any(value) if value or type(value) not in (list, dict) else repr(value)


def record_to_bytes(record: RunRecord) -> bytes:
    """The content of `run.json`."""
    return RecordEncoder().encode(record)


class RecordEncoder:
    """Encodes one record after the other; what is as it was in the last one is taken from there.

    A value that is the same object counts as unchanged: a run may change what it was given, and the
    record says what that was.
    """

    def __init__(self) -> None:
        self._last: dict[str, tuple[Any, str]] = {}

    def encode(self, record: RunRecord) -> bytes:
        """The content of `run.json`."""
        lines = []
        for name, value in _told(record):
            last = self._last.get(name)
            if last is None or not (last[0] is value or (name in _OURS and last[0] == value)):
                last = self._last[name] = value, _line(name, _WRITERS[name](value))
            lines.append(last[1])
        return ("{\n" + ",\n".join(lines) + "\n}\n").encode("ascii")


def _line(key: str, value: Any) -> str:
    if isinstance(value, dict) and len(value) > 1:
        inner = ",\n".join(f"  {_encode(name)}: {_encode(item)}" for name, item in value.items())
        return f" {_encode(key)}: {{\n{inner}\n }}"
    return f" {_encode(key)}: {_encode(value)}"


def read_record(path: Path) -> RunRecord:
    """The record of the archive folder `path`.

    Raises `DamagedArchive` with what is wrong with the file, or `NewerArchive`.
    """
    return record_from_json(read_fields(path), str(path / RUN_FILE))


def read_outcome(path: Path, case_id: str) -> Outcome:
    """How the run ended that left the archive folder `path`. Raises as `read_record` does."""
    record = read_record(path)
    return Outcome(
        case_id,
        record.id,
        str(path),
        record.status,
        record.duration or 0.0,
        record.results,
        record.error,
        setup=record.setup or 0.0,
    )


def read_fields(path: Path) -> Any:
    """The JSON of `run.json`, which `record_from_json` and `field_from_json` make values of.

    Raises `DamagedArchive`.
    """
    place = path / RUN_FILE
    text = _read_text(path)
    if not text.strip(" \t\r\n\0"):
        raise DamagedArchive(f"{RUN_FILE} is empty", str(place))
    try:
        return parse_strict(text)
    except ValueError as error:
        raise DamagedArchive(f"{RUN_FILE} is not JSON: {error}", str(place)) from error


def _read_text(path: str | Path) -> str:
    content = read_inside(path, RUN_FILE, LARGEST_RECORD)
    if content is None:
        raise DamagedArchive(f"the archive has no {RUN_FILE}", str(path))
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise DamagedArchive(f"{RUN_FILE} is not JSON: {error}", f"{path}/{RUN_FILE}") from None


def record_from_json(data: Any, at: str | None = None) -> RunRecord:
    """The record of the JSON of `run.json`; keys that this version does not know are passed over.

    Raises `NewerArchive` for a newer format, `DamagedArchive` for what no version wrote.
    """
    if not isinstance(data, dict):
        raise DamagedArchive(f"{RUN_FILE} holds no JSON object", at)
    format_number = data.get("format")
    if type(format_number) is not int or format_number < 1:
        raise DamagedArchive(f"{RUN_FILE} names no format", at)
    if format_number > FORMAT:
        raise NewerArchive(
            f"the archive has format {format_number}, this expt reads up to {FORMAT}",
            at,
            "a newer expt reads it: pip install --upgrade expt-runner",
        )
    fields: dict[str, Any] = {"format": format_number, "case": None, "description": ""}
    for name in _READERS:
        if name not in data:
            if name in _REQUIRED:
                raise DamagedArchive(f"{RUN_FILE} has no '{name}'", at)
            continue
        fields[name] = field_from_json(name, data[name], at)
    return RunRecord(**fields)


def field_from_json(name: str, value: Any, at: str | None = None) -> Any:
    """One field of a `RunRecord`. Raises `DamagedArchive` for what no version wrote."""
    try:
        return _READERS[name](value)
    except (TypeError, ValueError, KeyError, AttributeError, ArithmeticError):
        raise DamagedArchive(f"{RUN_FILE} has an impossible value for '{name}'", at) from None


def _exactly(*types: type) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if type(value) not in types:
            raise TypeError
        return value

    return read


def _status(value: Any) -> Any:
    if value not in STATUSES:
        raise ValueError
    return value


def _moment(value: Any) -> str:
    microseconds(_text(value))
    return str(value)


def _moment_or_none(value: Any) -> str | None:
    return None if value is None else _moment(value)


def _duration(value: Any) -> float | None:
    if value is None:
        return None
    seconds = from_json(value)
    if type(seconds) not in (int, float):
        raise TypeError
    return float(seconds)  # an int may be larger than any


def _mapping(value: Any) -> dict[str, Any]:
    plain = from_json(value)
    if not isinstance(plain, dict) or not all(type(name) is str for name in plain):
        raise TypeError
    return plain


def _series(value: Any) -> dict[str, Any]:
    plain = _mapping_of_mappings(value)
    for summary in plain.values():
        kind, count = summary.get("kind"), summary.get("count")
        if kind not in KINDS or type(count) is not int or count not in _INT64:
            raise ValueError
        if kind == "scalar" and not all(_is_number(summary.get(key)) for key in _EXTREMES):
            raise TypeError
    return plain


def _is_number(value: Any) -> bool:
    """Whether a scalar series can have it as its last, or its least; None where it has none."""
    return value is None or type(value) is float or (type(value) is int and value in _INT64)


def _lineage(value: Any) -> dict[str, Any]:
    plain = _mapping(value)
    _texts(plain.get("extends") or [])
    for key in ("deviations", "sweep"):
        if plain.get(key) is not None:
            _mapping(plain[key])
    for key in ("session", "fingerprint", "rerun_of"):
        _text_or_none(plain.get(key))
    return plain


def _usage(value: Any) -> dict[str, Any]:
    plain = _mapping(value)
    for amount in (plain.get("peak_memory"), plain.get("cpu_time")):
        if amount is not None and not 0 <= float(_number(amount)) < math.inf:
            raise ValueError
    return plain


def _mapping_of_mappings(value: Any) -> dict[str, Any]:
    plain = _mapping(value)
    if not all(isinstance(item, dict) for item in plain.values()):
        raise TypeError
    return plain


def _origins(value: Any) -> dict[str, tuple[Origin, ...]]:
    return {
        name: tuple(
            Origin(_text(origin["layer"]), _text_or_none(origin.get("where")), origin.get("value"))
            for origin in chain
        )
        for name, chain in _mapping(value).items()
    }


def _sources(value: Any) -> dict[str, tuple[str, str]]:
    sources = {}
    for path, source in _mapping(value).items():
        module, digest = _texts(source)
        sources[path] = (module, digest)
    return sources


def _error(value: Any) -> ErrorInfo | None:
    if value is None:
        return None
    return ErrorInfo(
        _text(value["type"]), _text(value["message"]), _text(value.get("traceback", ""))
    )


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError
    return tuple(_text(item) for item in value)


# A headline


def read_headline(archive: str | Path) -> tuple[str, dict[str, Any]]:
    """The text of an archive's `run.json`, and its JSON, sound as far as a listing relies on it.

    Raises `DamagedArchive` or `NewerArchive` with the reason.
    """
    text = _read_text(archive)
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
            _mapping(data.get(name) or {})
        return all(isinstance(entry, dict) for entry in _mapping(data.get("series") or {}).values())
    return all(isinstance(entry, dict) for entry in (data.get("series") or {}).values())


@lru_cache(256)
def _are_right(types: tuple[type, ...]) -> bool:
    """Whether the fields of `_HEADLINE` may have these types; archives have few combinations."""
    return all(kind in right for kind, right in zip(types, _HEADLINE.values(), strict=True))


def microseconds(moment: str) -> int:
    """Microseconds since 1970 of an ISO 8601 time; one without a zone is local time.

    Raises `ValueError` or `OverflowError` for what is none, or is a time without a local one.
    """
    count: int = (parse_time(moment) - _EPOCH) // _MICROSECOND
    if not _EARLIEST < count < _LATEST:
        raise OverflowError("a date too far")
    return count


def parse_time(moment: str) -> dt.datetime:
    """An ISO 8601 time with its zone; one without is local time."""
    parsed = dt.datetime.fromisoformat(moment)
    return parsed if parsed.tzinfo else on_local_clock(parsed)


_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND: Final = dt.timedelta(microseconds=1)
_DAY: Final = 86_400_000_000  # each zone is less than one from UTC
_EARLIEST: Final = (dt.datetime.min.replace(tzinfo=dt.UTC) - _EPOCH) // _MICROSECOND + 2 * _DAY
_LATEST: Final = (dt.datetime.max.replace(tzinfo=dt.UTC) - _EPOCH) // _MICROSECOND - 2 * _DAY

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

_EXTREMES: Final = ("last", "min", "max")
_INT64: Final = range(-(2**63), 2**63)
_text: Final = _exactly(str)
_number: Final = _exactly(int, float)
_text_or_none: Final = _exactly(str, type(None))
_REQUIRED: Final = ("id", "experiment", "status", "started")
_READERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "id": _text,
    "experiment": _text,
    "case": _text_or_none,
    "description": _text,
    "status": _status,
    "started": _moment,
    "finished": _moment_or_none,
    "duration": _duration,
    "setup": _duration,
    "params": _mapping,
    "made": _mapping,
    "words": _mapping_of_mappings,
    "origins": _origins,
    "results": _mapping,
    "series": _series,
    "inputs": _mapping_of_mappings,
    "sources": _sources,
    "error": _error,
    "lineage": _lineage,
    "usage": _usage,
    "tags": _texts,
    "note": _text_or_none,
    "smoke": _exactly(bool),
    "command": _texts,
    "cwd": _text,
    "host": _text,
    "pid": _exactly(int),
    "notices": _texts,
    "owner": _mapping,
}
_WRITERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "format": _as_it_is,
    "id": _as_it_is,
    "experiment": _as_it_is,
    "case": _as_it_is,
    "description": _as_it_is,
    "status": _as_it_is,
    "started": _as_it_is,
    "finished": _as_it_is,
    "duration": to_json,
    "setup": to_json,
    "params": _mapping_to_json,
    "made": _mapping_to_json,
    "words": _mapping_to_json,
    "origins": _origins_to_json,
    "results": _mapping_to_json,
    "series": _mapping_to_json,
    "inputs": _mapping_to_json,
    "sources": _sources_to_json,
    "error": _error_to_json,
    "lineage": _mapping_to_json,
    "usage": _mapping_to_json,
    "tags": list,
    "note": _as_it_is,
    "smoke": _as_it_is,
    "command": list,
    "cwd": _as_it_is,
    "host": _as_it_is,
    "pid": _as_it_is,
    "notices": list,
    "owner": _mapping_to_json,
}
"""How each field becomes JSON, in the order of the file."""

_LEFT_OUT: Final = frozenset(("made", "words"))
"""What is not there where it is empty."""

_OURS: Final = frozenset(("experiment", "sources", "cwd", "host", "owner"))
"""Of texts and numbers that no run can reach, the same in many runs: compared by their values."""
