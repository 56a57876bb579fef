"""Values as data and as text: what can be stored of them, and how errors show them."""

from __future__ import annotations

import datetime as dt
import re
import sys
from collections.abc import Iterable, Mapping
from enum import Enum
from pathlib import Path, PurePath
from typing import Any, Final

from expt.ground.declarations import Secret
from expt.ground.model import Opaque
from expt.ground.text import visible

MASK: Final = "***"
"""What stands in the place of a secret, wherever one would be shown or written."""

Step = str | int
"""A key of a table, or an index of a list."""

_BARE_KEY: Final = re.compile(r"[\w-]+")
_LONGEST_REPR: Final = 200


def dotted(steps: Iterable[Step]) -> str:
    """`optimizer.lr`, `layers[2].size`, `table."a.b"`: keys quoted as in TOML where they must."""
    text = ""
    for step in steps:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += ("." if text else "") + (step if _BARE_KEY.fullmatch(step) else _quoted(step))
    return text


def _quoted(key: str) -> str:
    escaped = key.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in escaped) + '"'


def shown(value: Any) -> str:
    """A value as an error shows it: text in quotes, `null`, `true`; shortened."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    text = visible(f"'{value}'" if isinstance(value, str) else safe_repr(value))
    return text if len(text) <= _LONGEST_REPR else text[:_LONGEST_REPR] + "…"


def safe_repr(value: Any) -> str:
    """The `repr`, or the type where that raises."""
    try:
        return repr(value)
    except Exception:  # a user's class
        return f"<{type(value).__qualname__} without a repr>"


def key_fields(cls: Any) -> dict[str, str]:
    """The keys of a table for an attrs class or a dataclass, each with its attribute's name.

    Empty for any other class; fields that the class fills by itself have no key.
    """
    if hasattr(cls, "__attrs_attrs__"):
        return {field.alias: field.name for field in cls.__attrs_attrs__ if field.init}
    if hasattr(cls, "__dataclass_fields__"):
        return {
            name: name
            for name, field in cls.__dataclass_fields__.items()
            if field.init and field._field_type.name == "_FIELD"
        }
    return {}


def is_table_class(cls: Any) -> bool:
    """Whether it is an attrs class or a dataclass."""
    return hasattr(cls, "__attrs_attrs__") or hasattr(cls, "__dataclass_fields__")


def fields_of(value: Any) -> Mapping[str, Any] | None:
    """A table, or an attrs or dataclass instance as one, fields as they are; None for others."""
    if isinstance(value, Mapping):
        return value
    if not is_table_class(type(value)):
        return None
    return {key: getattr(value, name) for key, name in key_fields(type(value)).items()}


def plain(value: Any) -> Any:
    """A typed value as data that JSON with tags can hold.

    Instances become tables, enums their values, tuples and sets lists, numpy scalars numbers;
    paths, dates and `Secret` stay what they are; anything else is `Opaque`.
    """
    try:
        return _plain(value)
    except RecursionError:
        return Opaque(shown(value))


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, (bool, Secret)):
        return value
    if isinstance(value, Enum):
        return _plain(value.value)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int.__int__(value)
    if isinstance(value, float):
        return float.__float__(value)
    if isinstance(value, (dt.datetime, dt.date, dt.time, Opaque)):
        return value
    if isinstance(value, PurePath):
        return Path(value)
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return [_plain(item) for item in sorted(value, key=safe_repr)]
    table = fields_of(value)
    if table is not None:
        return {_plain_key(key): _plain(item) for key, item in table.items()}
    scalar = python_scalar(value)
    return Opaque(shown(value)) if scalar is value else scalar


def python_scalar(value: Any) -> Any:
    """A numpy scalar as Python's own; anything else as it is."""
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.generic):
        item = value.item()
        if isinstance(item, (bool, int, float, str, dt.date)):
            return item
    return value


def _plain_key(key: Any) -> Any:
    if isinstance(key, tuple):
        return tuple(_plain_key(item) for item in key)
    made = _plain(key)
    return Opaque(shown(key)) if isinstance(made, (list, dict)) else made
