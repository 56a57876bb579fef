"""`run.json`: the truth about a run, between a `RunRecord` and strict JSON.

The file has one line a field and, where a field is a mapping, one line an entry, so that it reads
and compares well and still goes through the fast encoder.
"""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING, Any, Final

from expt.ground.encoding import Unstorable, from_json, opaque_as_text, parse_strict, to_json
from expt.ground.errors import DamagedArchive, NewerArchive
from expt.ground.layout import FORMAT, RUN_FILE
from expt.ground.model import STATUSES, ErrorInfo, Origin, RunRecord
from expt.ground.objects import safe_repr

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

LARGEST_RECORD: Final = 1 << 28  # bytes; what is larger was not written by expt
_encode: Final = json.JSONEncoder(allow_nan=False).encode


def record_to_json(record: RunRecord) -> dict[str, Any]:
    """The tagged JSON of a record, its keys in one order.

    A value that JSON cannot hold stands as its `repr`: the record is written whatever it holds.
    """
    error = record.error
    return {
        "format": record.format,
        "id": record.id,
        "experiment": record.experiment,
        "case": record.case,
        "description": record.description,
        "status": record.status,
        "started": record.started,
        "finished": record.finished,
        "duration": to_json(record.duration),
        "setup": to_json(record.setup),
        "params": _mapping_to_json(record.params),
        "origins": _mapping_to_json(
            {name: [_origin(origin) for origin in chain] for name, chain in record.origins.items()}
        ),
        "results": _mapping_to_json(record.results),
        "series": _mapping_to_json(record.series),
        "inputs": _mapping_to_json(record.inputs),
        "sources": {path: list(source) for path, source in record.sources.items()},
        "error": error
        and {"type": error.type, "message": error.message, "traceback": error.traceback},
        "lineage": _mapping_to_json(record.lineage),
        "tags": list(record.tags),
        "note": record.note,
        "smoke": record.smoke,
        "command": list(record.command),
        "cwd": record.cwd,
        "host": record.host,
        "pid": record.pid,
        "notices": list(record.notices),
        "owner": _mapping_to_json(record.owner),
    }


def _origin(origin: Origin) -> dict[str, Any]:
    return {"layer": origin.layer, "where": origin.where, "value": origin.value}


def _mapping_to_json(mapping: Mapping[str, Any]) -> Any:
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


def record_to_bytes(record: RunRecord) -> bytes:
    """The content of `run.json`."""
    lines = []
    for key, value in record_to_json(record).items():
        if isinstance(value, dict) and len(value) > 1:
            inner = ",\n".join(
                f"  {_encode(name)}: {_encode(item)}" for name, item in value.items()
            )
            lines.append(f" {_encode(key)}: {{\n{inner}\n }}")
        else:
            lines.append(f" {_encode(key)}: {_encode(value)}")
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode("ascii")


def read_record(path: Path) -> RunRecord:
    """The record of the archive folder `path`.

    Raises `DamagedArchive` with what is wrong with the file, or `NewerArchive`.
    """
    place = path / RUN_FILE
    try:
        text = _read_regular_file(place)
    except FileNotFoundError:
        raise DamagedArchive(f"the archive has no {RUN_FILE}", str(path)) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise DamagedArchive(f"{RUN_FILE} cannot be read: {reason}", str(place)) from error
    if not text.strip(b" \t\r\n\0"):
        raise DamagedArchive(f"{RUN_FILE} is empty", str(place))
    try:
        data = parse_strict(text)
    except (ValueError, RecursionError) as error:
        raise DamagedArchive(f"{RUN_FILE} is not JSON: {error}", str(place)) from error
    return record_from_json(data, str(place))


def _read_regular_file(place: Path) -> bytes:
    """The bytes of a plain file. A link could lead out of the archive, a FIFO would never end."""
    flags = os.O_RDONLY
    for name in ("O_CLOEXEC", "O_NONBLOCK", "O_NOFOLLOW", "O_BINARY"):
        flags |= getattr(os, name, 0)
    descriptor = os.open(place, flags)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("it is not a plain file")
        if status.st_size > LARGEST_RECORD:
            raise ValueError(f"it has {status.st_size:,} bytes")
        return file.read()


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
    for name, read in _READERS.items():
        if name not in data:
            if name in _REQUIRED:
                raise DamagedArchive(f"{RUN_FILE} has no '{name}'", at)
            continue
        try:
            fields[name] = read(data[name])
        except (TypeError, ValueError, KeyError, RecursionError):
            raise DamagedArchive(f"{RUN_FILE} has an impossible value for '{name}'", at) from None
    return RunRecord(**fields)


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


def _duration(value: Any) -> float | None:
    if value is None:
        return None
    seconds = from_json(value)
    if type(seconds) not in (int, float):
        raise TypeError
    return float(seconds)


def _mapping(value: Any) -> dict[str, Any]:
    plain = from_json(value)
    if not isinstance(plain, dict) or not all(type(name) is str for name in plain):
        raise TypeError
    return plain


def _mapping_of_mappings(value: Any) -> dict[str, Any]:
    plain = _mapping(value)
    if not all(isinstance(item, dict) for item in plain.values()):
        raise TypeError
    return plain


def _origins(value: Any) -> dict[str, tuple[Origin, ...]]:
    return {
        name: tuple(
            Origin(str(origin["layer"]), _text_or_none(origin.get("where")), origin.get("value"))
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


_text: Final = _exactly(str)
_text_or_none: Final = _exactly(str, type(None))
_REQUIRED: Final = ("id", "experiment", "status", "started")
_READERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "id": _text,
    "experiment": _text,
    "case": _text_or_none,
    "description": _text,
    "status": _status,
    "started": _text,
    "finished": _text_or_none,
    "duration": _duration,
    "setup": _duration,
    "params": _mapping,
    "origins": _origins,
    "results": _mapping,
    "series": _mapping_of_mappings,
    "inputs": _mapping_of_mappings,
    "sources": _sources,
    "error": _error,
    "lineage": _mapping,
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
