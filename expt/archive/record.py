"""`run.json`: the truth about a run, between a `RunRecord` and strict JSON.

The file has one line a field and, where a field is a mapping, one line an entry, so that it reads
and compares well and still goes through the fast encoder.
"""

from __future__ import annotations

import math
from itertools import compress
from operator import attrgetter, is_not
from typing import TYPE_CHECKING, Any, Final

from expt.ground.clock import microseconds
from expt.ground.encoding import (
    Unstorable,
    are_names,
    encode_plain,
    from_json,
    is_flat,
    make_encoder,
    parse_strict,
    to_json,
)
from expt.ground.errors import DamagedArchive, NewerArchive
from expt.ground.files import read_inside
from expt.ground.layout import FORMAT, RUN_FILE
from expt.ground.model import KINDS, STATUSES, ErrorInfo, Origin, Outcome, RunRecord
from expt.ground.objects import safe_repr

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

_NOTHING: Final = object()
LARGEST_RECORD: Final = 1 << 28  # bytes; what is larger was not written by expt
_encode_entries: Final = make_encoder(",\n  ")


def record_to_json(record: RunRecord) -> dict[str, Any]:
    """The tagged JSON of a record, its keys in one order.

    A value that JSON cannot hold stands as its `repr`: the record is written whatever it holds.
    """
    values = vars(record)
    return {name: one[0](values[name]) for name, one in _FIELDS.items() if _has(name, values)}


def _has(name: str, values: Mapping[str, Any]) -> bool:
    return bool(values[name]) or name not in _LEFT_OUT


def _as_it_is(value: Any) -> Any:
    return value


def origins_to_json(origins: Mapping[str, Sequence[Origin]]) -> dict[str, Any]:
    """Name → the chain of places that a value is from, the strongest first, as strict JSON."""
    return {name: [*map(_origin, chain)] for name, chain in origins.items()}


def _origin(origin: Origin) -> dict[str, Any]:
    value = _value_to_json(origin.value)
    return {"layer": origin.layer, "where": origin.where, "value": value}


def _mapping_to_json(mapping: Mapping[str, Any]) -> Any:
    if not mapping:
        return {}
    try:
        return to_json(mapping)
    except (Unstorable, RecursionError):
        if are_names(mapping):
            return {name: _value_to_json(value) for name, value in mapping.items()}
        return safe_repr(mapping)


def _value_to_json(value: Any) -> Any:
    if type(value) is str or value is None:
        return value
    try:
        return to_json(value)
    except (Unstorable, RecursionError):
        return safe_repr(value)


def record_to_bytes(record: RunRecord) -> bytes:
    """The content of `run.json`."""
    return RecordEncoder().encode(record)


class RecordEncoder:
    """Encodes one record after the other; what is as it was in the last one is taken from there.

    A value that is the same object counts as unchanged: a run may change what it was given, and the
    record says what that was.
    """

    def __init__(self) -> None:
        self._last: list[Any] = [_NOTHING] * len(_FIELDS)
        self._lines = dict.fromkeys(_FIELDS, "")

    def encode(self, record: RunRecord) -> bytes:
        """The content of `run.json`."""
        lines, last, values = self._lines, self._last, _values_of(record)
        for place, name in [*compress(enumerate(_FIELDS), map(is_not, values, last))]:
            value = values[place]
            if name not in _OURS or value != last[place]:
                is_told = value or name not in _LEFT_OUT
                lines[name] = _line(name, _FIELDS[name][0](value)) if is_told else ""
            last[place] = value
        return ("{\n" + ",\n".join(filter(None, lines.values())) + "\n}\n").encode("ascii")


def _line(key: str, value: Any) -> str:
    if type(value) is not dict or len(value) < 2:
        return f' "{key}": {encode_plain(value)}'
    if is_flat(value.values()):
        entries = _encode_entries(value)[1:-1]
    else:
        told = map(encode_plain, value.values())
        entries = ",\n  ".join(map(": ".join, zip(map(encode_plain, value), told, strict=True)))
    return f' "{key}": {{\n  {entries}\n }}'


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
    text = read_text(path)
    if not text.strip(" \t\r\n\0"):
        raise DamagedArchive(f"{RUN_FILE} is empty", str(place))
    try:
        return parse_strict(text)
    except ValueError as error:
        raise DamagedArchive(f"{RUN_FILE} is not JSON: {error}", str(place)) from error


def read_text(path: str | Path) -> str:
    """The text of an archive's `run.json`. Raises `DamagedArchive`."""
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
        what = f"the archive has format {format_number}, this expt reads up to {FORMAT}"
        raise NewerArchive(what, at, "a newer expt reads it: pip install --upgrade expt-runner")
    fields: dict[str, Any] = {"case": None, "description": ""}
    for name in _FIELDS:
        if name not in data:
            if name in _REQUIRED:
                raise DamagedArchive(f"{RUN_FILE} has no '{name}'", at)
            continue
        fields[name] = field_from_json(name, data[name], at)
    return RunRecord(**fields)


def field_from_json(name: str, value: Any, at: str | None = None) -> Any:
    """One field of a `RunRecord`. Raises `DamagedArchive` for what no version wrote."""
    try:
        return _FIELDS[name][1](value)
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


def _duration(value: Any) -> float | None:
    if value is None:
        return None
    seconds = from_json(value)
    if type(seconds) not in (int, float):
        raise TypeError
    return float(seconds)  # an int may be larger than any


def read_mapping(value: Any) -> dict[str, Any]:
    """The plain values of a tagged JSON object. Raises `TypeError` for what is none."""
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
    plain = read_mapping(value)
    _texts(plain.get("extends") or [])
    for key in ("deviations", "sweep"):
        if plain.get(key) is not None:
            read_mapping(plain[key])
    for key in ("session", "fingerprint", "rerun_of"):
        _text_or_none(plain.get(key))
    return plain


def _usage(value: Any) -> dict[str, Any]:
    plain = read_mapping(value)
    for amount in map(plain.get, ("peak_memory", "peak_gpu_memory", "cpu_time")):
        if amount is not None and not 0 <= float(_number(amount)) < math.inf:
            raise ValueError
    return plain


def _mapping_of_mappings(value: Any) -> dict[str, Any]:
    plain = read_mapping(value)
    if not all(isinstance(item, dict) for item in plain.values()):
        raise TypeError
    return plain


def _origins(value: Any) -> dict[str, tuple[Origin, ...]]:
    return {
        name: tuple(
            Origin(_text(origin["layer"]), _text_or_none(origin.get("where")), origin.get("value"))
            for origin in chain
        )
        for name, chain in read_mapping(value).items()
    }


def _sources(value: Any) -> dict[str, tuple[str, str]]:
    sources = {}
    for path, source in read_mapping(value).items():
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


_EXTREMES: Final = ("last", "min", "max")
_INT64: Final = range(-(2**63), 2**63)
_text: Final = _exactly(str)
_number: Final = _exactly(int, float)
_text_or_none: Final = _exactly(str, type(None))
_REQUIRED: Final = ("id", "experiment", "status", "started")
_FIELDS: Final[Mapping[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]]] = {
    "format": (_as_it_is, _exactly(int)),
    "id": (_as_it_is, _text),
    "experiment": (_as_it_is, _text),
    "case": (_as_it_is, _text_or_none),
    "description": (_as_it_is, _text),
    "status": (_as_it_is, _status),
    "started": (_as_it_is, _moment),
    "finished": (_as_it_is, lambda value: None if value is None else _moment(value)),
    "duration": (to_json, _duration),
    "setup": (to_json, _duration),
    "params": (_mapping_to_json, read_mapping),
    "made": (_mapping_to_json, read_mapping),
    "words": (_mapping_to_json, _mapping_of_mappings),
    "origins": (origins_to_json, _origins),
    "results": (_mapping_to_json, read_mapping),
    "series": (_mapping_to_json, _series),
    "inputs": (_mapping_to_json, _mapping_of_mappings),
    "sources": (lambda sources: {path: [*said] for path, said in sources.items()}, _sources),
    "error": (lambda error: error and dict(vars(error)), _error),
    "lineage": (_mapping_to_json, _lineage),
    "usage": (_mapping_to_json, _usage),
    "tags": (list, _texts),
    "note": (_as_it_is, _text_or_none),
    "smoke": (_as_it_is, _exactly(bool)),
    "command": (list, _texts),
    "cwd": (_as_it_is, _text),
    "host": (_as_it_is, _text),
    "pid": (_as_it_is, _exactly(int)),
    "notices": (list, _texts),
    "owner": (_mapping_to_json, read_mapping),
}
"""How each field becomes JSON and comes back, in the order of the file."""
_LEFT_OUT: Final = frozenset(("made", "words"))
"""What is not there where it is empty."""

_values_of: Final = attrgetter(*_FIELDS)

_OURS: Final = frozenset(("experiment", "description", "sources", "cwd", "host", "pid", "owner"))
"""Of texts and numbers that no run can reach, the same in many runs: compared by their values."""
