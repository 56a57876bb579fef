"""Values as data and as text: what can be stored of them, and how errors show them."""

from __future__ import annotations

import datetime as dt
import re
import sys
from collections.abc import Mapping
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from pathlib import Path, PurePath
from typing import Any, Final

from expt.ground.declarations import Secret
from expt.ground.encoding import MAX_INT
from expt.ground.model import Opaque
from expt.ground.objects import class_fields, safe_repr
from expt.ground.text import visible
from expt.ground.toml_reading import MAX_DEPTH

KeyOrIndex = str | int
"""A key of a table, or an index of a list."""

_ADDRESS: Final = re.compile(r" at 0x[0-9A-Fa-f]+")
_LONGEST_REPR: Final = 200
_LARGEST_ARRAY: Final = 1_000  # numbers; a larger one is data, and no value of a parameter


def shown(value: Any) -> str:
    """A value as an error shows it: text in quotes, `null`, `true`; shortened.

    Without the address of an object, which differs in every process.
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        text = visible(f"'{value}'")
    else:
        text = visible(_ADDRESS.sub("", safe_repr(value)))
    return text if len(text) <= _LONGEST_REPR else text[:_LONGEST_REPR] + "…"


def key_fields(cls: Any) -> dict[str, str]:
    """The keys of a table for a class with fields, each with its attribute's name.

    Empty for any other class; fields that the class fills by itself have no key.
    """
    if not is_table_class(cls):
        return {}
    return {field.key: field.name for field in class_fields(cls) or () if field.in_constructor}


def is_table_class(cls: Any) -> bool:
    """Whether a table can become an instance: an attrs class, a dataclass, a pydantic model."""
    return isinstance(cls, type) and not issubclass(cls, tuple) and class_fields(cls) is not None


def is_model_class(cls: Any) -> bool:
    """Whether it is a pydantic model, told by what it has: pydantic is never imported."""
    return (
        isinstance(cls, type)
        and isinstance(getattr(cls, "model_fields", None), Mapping)
        and callable(getattr(cls, "model_validate", None))
    )


def fields_of(value: Any) -> Mapping[str, Any] | None:
    """A table, or an instance of a class with fields as one, fields as they are; else None."""
    if isinstance(value, Mapping):
        return value
    if not is_table_class(type(value)):
        return None
    return {key: getattr(value, name) for key, name in key_fields(type(value)).items()}


def plain(value: Any) -> Any:
    """A typed value as data that JSON with tags can hold.

    Instances become tables, enums their values, tuples, sets and small arrays lists, numpy scalars
    numbers; decimals, fractions and complex numbers become texts, a duration seconds; paths, dates
    and `Secret` stay what they are; anything else is `Opaque`.
    """
    try:
        return _plain(value, 0)
    except RecursionError:
        return opaque(value)


def opaque(value: Any) -> Opaque:
    """What stands for a value that is no data: its `repr`, and which object it is."""
    return Opaque(shown(value), id(value))


def holds_opaque(value: Any) -> bool:
    """Whether something in a plain value stands for what is no data."""
    if isinstance(value, Mapping):
        return any(map(holds_opaque, value.values())) or any(map(holds_opaque, value))
    if isinstance(value, (list, tuple)):
        return any(map(holds_opaque, value))
    return isinstance(value, Opaque)


def _plain(value: Any, depth: int) -> Any:
    if value is None or isinstance(value, (bool, Secret)):
        return value
    if isinstance(value, Enum):
        return _plain(value.value, depth)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        number = int.__int__(value)
        return number if -MAX_INT < number < MAX_INT else opaque(value)
    if isinstance(value, float):
        return float.__float__(value)
    if isinstance(value, PurePath):
        return Path(value)
    if isinstance(value, Opaque):
        return value
    if depth > MAX_DEPTH:  # it may hold itself
        raise RecursionError
    if isinstance(value, (list, tuple)):
        return [_plain(item, depth + 1) for item in value]
    if isinstance(value, (set, frozenset)):
        return [_plain(item, depth + 1) for item in sorted(value, key=safe_repr)]
    table = fields_of(value)
    if table is not None:
        return {_plain_key(key): _plain(item, depth + 1) for key, item in table.items()}
    return _plain_rare(value)


def _plain_rare(value: Any) -> Any:
    if isinstance(value, (dt.datetime, dt.time)):
        return _with_plain_zone(value)
    if isinstance(value, dt.date):
        return value
    if isinstance(value, (Decimal, Fraction, complex)):
        return str(value)
    if isinstance(value, dt.timedelta):
        seconds = value.total_seconds()
        return int(seconds) if seconds.is_integer() else seconds
    scalar = python_scalar(value)
    if scalar is not value:
        return scalar
    items = _small_array(value)
    return opaque(value) if items is None else items


def _with_plain_zone(value: Any) -> Any:
    """A time whose zone is an object of its own, as one with the same distance from UTC."""
    if value.tzinfo is None or isinstance(value.tzinfo, dt.timezone):
        return value
    offset = value.utcoffset()
    return opaque(value) if offset is None else value.replace(tzinfo=dt.timezone(offset))


def python_scalar(value: Any) -> Any:
    """A numpy scalar, or an array of no dimension, as Python's own; anything else as it is."""
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return value
    if isinstance(value, numpy.generic) or (type(value) is numpy.ndarray and value.ndim == 0):
        kind = value.dtype.kind
        if kind in "mM":  # Python's own have microseconds, and numpy gives finer ones as numbers
            coarse = value.astype(f"{kind}8[us]")
            item = coarse.item() if coarse == value else None
        else:
            item = value.item()
        if isinstance(item, (bool, int, float, str, dt.date)):
            return item
        if isinstance(item, (complex, dt.timedelta)):
            return _plain_rare(item)
    return value


def _small_array(value: Any) -> list[Any] | None:
    """The numbers and texts of a small numpy array, nested; None for anything else."""
    numpy = sys.modules.get("numpy")
    if numpy is None or type(value) is not numpy.ndarray or value.size > _LARGEST_ARRAY:
        return None
    if value.dtype.kind not in "biufU" or value.dtype == numpy.longdouble != numpy.float64:
        return None  # a long double has digits that Python's numbers lose
    items: list[Any] = value.tolist()
    return items


def _plain_key(key: Any) -> Any:
    if isinstance(key, tuple):
        return tuple(_plain_key(item) for item in key)
    made = _plain(key, 0)
    return opaque(key) if isinstance(made, (list, dict)) else made
