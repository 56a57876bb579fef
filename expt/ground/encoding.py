"""How values become strict JSON and bytes, and come back: the tags, and the scalar record.

Tags (`docs/reference/archive-format.md` lists them for readers without expt):

    {"$float": "nan" | "inf" | "-inf"}    floats that JSON has no word for
    {"$date": "2026-11-23T10:15:30+00:00"}   datetime, date, time (ISO 8601)
    {"$path": "data/train.csv"}           pathlib paths
    {"$dict": [[key, value], …]}          dicts whose keys are no strings or start with `$`
"""

from __future__ import annotations

import datetime as dt
import json
import struct
import sys
from collections.abc import Mapping
from enum import Enum
from pathlib import Path, PurePath
from typing import Any, Final

SCALAR_RECORD: Final = struct.Struct("<qd8sII")
"""step i8, time f8 (Unix seconds), value (f8 or i8), kind u4, id u4; id 0 is an unused record."""

FLOAT_RECORD: Final = struct.Struct("<qddII")
INT_RECORD: Final = struct.Struct("<qdqII")
RECORD_FIELDS: Final = (
    ("step", "<i8"),
    ("time", "<f8"),
    ("value", "<f8"),
    ("kind", "<u4"),
    ("id", "<u4"),
)
KIND_FLOAT: Final = 0
KIND_INT: Final = 1
_INT_BOUND: Final = 10**4300  # Python reads and writes no longer numbers as text


class Unstorable(TypeError):
    """The value has no place in strict JSON; `args[0]` names its type and where it stands."""


def to_json(value: Any, where: str = "value") -> Any:
    """The tagged JSON form of `value`.

    Takes None, bool, int, float, str, dates, paths, enums (their value), numpy scalars and
    arrays of at most 0 dimensions, lists, tuples, sets, mappings, attrs and dataclasses.
    Raises `Unstorable` with the place inside `value` for anything else.
    """
    try:
        return _to_json(value, where)
    except RecursionError:
        pass  # the stack is free again below
    raise Unstorable(f"{where} is nested too deep, or holds itself")


def _to_json(value: Any, where: str) -> Any:
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return value
    if kind is int:
        return value if -_INT_BOUND < value < _INT_BOUND else _refuse_int(where)
    if kind is float:
        return value if value - value == 0.0 else {"$float": _float_word(value)}
    if kind is dict or isinstance(value, Mapping):
        return _mapping_to_json(value, where)
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return [_to_json(item, f"{where}[{index}]") for index, item in enumerate(value)]
    return _rare_to_json(value, where)


def _refuse_int(where: str) -> Any:
    raise Unstorable(f"{where} is an int of more than 4,300 digits, which no reader takes")


def _float_word(value: float) -> str:
    return "nan" if value != value else "inf" if value > 0 else "-inf"


def _mapping_to_json(value: Mapping[Any, Any], where: str) -> Any:
    if all(type(key) is str and not key.startswith("$") for key in value):
        return {key: _to_json(item, f"{where}.{key}") for key, item in value.items()}
    pairs = [
        [_to_json(key, f"a key of {where}"), _to_json(item, f"{where}[{key!r}]")]
        for key, item in value.items()
    ]
    return {"$dict": pairs}


def _rare_to_json(value: Any, where: str) -> Any:
    if isinstance(value, Enum):
        return _to_json(value.value, where)
    if isinstance(value, (dt.datetime, dt.date, dt.time)):
        return {"$date": value.isoformat()}
    if isinstance(value, PurePath):
        return {"$path": value.as_posix()}
    if isinstance(value, (bool, int, str)):
        return _to_json(_plain_base(value), where)
    if isinstance(value, float):
        return _to_json(float(value), where)
    if isinstance(value, (set, frozenset)):
        return [_to_json(item, where) for item in sorted(value, key=repr)]
    fields = _field_names(value)
    if fields is not None:
        return {name: _to_json(getattr(value, name), f"{where}.{name}") for name in fields}
    scalar = _numpy_scalar(value)
    if scalar is not None:
        return _to_json(scalar[0], where)
    raise Unstorable(f"{where} is of type '{_type_name(value)}', which JSON cannot hold")


def _plain_base(value: bool | int | str) -> bool | int | str:
    if isinstance(value, str):
        return str.__str__(value)
    return int.__int__(value)


def _field_names(value: Any) -> list[str] | None:
    """Field names of a named tuple, a dataclass or an attrs instance."""
    cls = type(value)
    if isinstance(value, tuple):
        return list(cls._fields)
    if hasattr(cls, "__attrs_attrs__"):
        return [field.name for field in cls.__attrs_attrs__]
    if hasattr(cls, "__dataclass_fields__"):
        return [
            name
            for name, field in cls.__dataclass_fields__.items()
            if field._field_type.name == "_FIELD"
        ]
    return None


def _numpy_scalar(value: Any) -> tuple[Any] | None:
    """The Python value of a numpy scalar or 0-d array, wrapped since it may be None."""
    numpy = sys.modules.get("numpy")
    if numpy is None or is_masked(value):
        return None
    if isinstance(value, numpy.generic) or (isinstance(value, numpy.ndarray) and value.ndim == 0):
        if value.dtype.kind in "biufU":
            plain = value.item()
            # longdouble's item() is itself: it has digits that JSON numbers lose
            return (plain,) if isinstance(plain, (bool, int, float, str)) else None
        if value.dtype.kind == "M":
            plain = value.item()
            return (plain,) if isinstance(plain, (dt.datetime, dt.date)) else None
    return None


def is_masked(value: Any) -> bool:
    """Whether `value` is of numpy's masked kind: its `item` invents a number where none is."""
    masked = sys.modules.get("numpy.ma")
    return masked is not None and isinstance(value, masked.MaskedArray)


def _type_name(value: Any) -> str:
    cls = type(value)
    return (
        cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
    )


def from_json(value: Any) -> Any:
    """The Python value of a tagged JSON form; an unknown tag is returned as it is."""
    if isinstance(value, list):
        return [from_json(item) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((tag, body),) = value.items()
        if tag == "$float" and body in ("nan", "inf", "-inf"):
            return float(body)
        if tag == "$path" and isinstance(body, str):
            return Path(body)
        if tag == "$date" and isinstance(body, str):
            return _parse_date(body)
        if tag == "$dict" and isinstance(body, list):
            return {_hashable(from_json(key)): from_json(item) for key, item in body}
    return {key: from_json(item) for key, item in value.items()}


def _hashable(key: Any) -> Any:
    return tuple(_hashable(item) for item in key) if isinstance(key, list) else key


def _parse_date(text: str) -> Any:
    for kind in (dt.date, dt.datetime, dt.time):
        try:
            return kind.fromisoformat(text)
        except ValueError:
            continue
    return {"$date": text}


def dumps(value: Any, *, indent: int | None = None, where: str = "value") -> str:
    """Strict JSON with tags. Lone surrogates survive as `\\ud800` escapes."""
    return json.dumps(to_json(value, where), allow_nan=False, indent=indent)


def loads(text: str | bytes) -> Any:
    """The value of strict JSON with tags. Raises `ValueError` for what is not strict JSON."""
    return from_json(json.loads(text, parse_constant=_refuse_constant))


def _refuse_constant(word: str) -> Any:
    raise ValueError(f"{word} is not strict JSON")
