"""Annotations as JSON Schema (draft 7, which editors of TOML read): what a `params.toml` may say.

A schema admits whatever planning admits, and names what it certainly refuses. What JSON Schema
cannot say (a float where an int is wanted but its fraction is 0, dates, classes that a plugin
makes) is admitted.
"""

from __future__ import annotations

import datetime as dt
import inspect
import math
import sys
import typing
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from pathlib import PurePath
from typing import Any, Final, Literal

from expt.ground.declarations import InputRun, Secret
from expt.parameters.coercion.annotations import (
    LISTS,
    NONE,
    TABLES,
    alternatives,
    annotation_at,
    checks_nothing,
)
from expt.parameters.coercion.plain import is_table_class, key_fields, plain

if typing.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

JsonSchema = dict[str, Any]

FROM_ENVIRONMENT: Final = {"type": "string", "pattern": r"^\$\{[^{}]+\}$"}
"""`"${NAME}"` alone is read as a `-p` text, so that it may become whatever is wanted."""

_SCALARS: Final[Mapping[Any, str]] = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
}
_TEXTS: Final = (str, PurePath, InputRun, Secret)
_SAYABLE: Final = (bool, int, float, str)
_DEEPEST: Final = 8  # classes in classes: one may hold itself


def schema_of(annotation: Any) -> JsonSchema:
    """What a file may say where `annotation` is wanted."""
    return _schema_of(annotation, 0)


def any_of(schemas: Iterable[JsonSchema]) -> JsonSchema:
    """What one of `schemas` admits."""
    unique: list[JsonSchema] = []
    for schema in schemas:
        unique += [one for one in schema.get("anyOf", [schema]) if one not in unique]
    if not unique or {} in unique:
        return {}
    return unique[0] if len(unique) == 1 else {"anyOf": unique}


def sayable(value: Any) -> bool:
    """Whether JSON and TOML say a value alike."""
    if isinstance(value, list):
        return all(map(sayable, value))
    if isinstance(value, dict):
        return all(isinstance(key, str) and sayable(item) for key, item in value.items())
    return type(value) in _SAYABLE and not (type(value) is float and not math.isfinite(value))


def _schema_of(annotation: Any, depth: int) -> JsonSchema:
    parts = [part for part in alternatives(annotation) if part is not NONE]
    if not parts or depth > _DEEPEST:  # TOML has no null
        return {}
    schema = any_of(_schema_of_part(part, depth) for part in parts)
    return _or_from_environment(schema)


def _or_from_environment(schema: JsonSchema) -> JsonSchema:
    """Where one class is wanted, without `anyOf`: validators say more of what is wrong then."""
    if any(map(_takes_texts, schema.get("anyOf", [schema]))):
        return schema
    if "type" in schema:
        return {**schema, **FROM_ENVIRONMENT, "type": [schema["type"], "string"]}
    return any_of([schema, FROM_ENVIRONMENT])


def _takes_texts(schema: JsonSchema) -> bool:
    """Whether any text is admitted."""
    return not schema or ("string" in schema.get("type", ()) and "pattern" not in schema)


def _schema_of_part(part: Any, depth: int) -> JsonSchema:
    if part in _SCALARS:
        return {"type": _SCALARS[part]}
    if checks_nothing(part):
        return {}
    origin, args = typing.get_origin(part) or part, typing.get_args(part)
    if origin is Literal:
        return _choices(args)
    if origin in LISTS:
        return _list(origin, args, depth)
    if origin in TABLES:
        inner = _schema_of(args[1], depth + 1) if args else {}
        return {"type": "object"} | ({"additionalProperties": inner} if inner else {})
    if typing.is_typeddict(origin):
        return _table(part, sorted(origin.__annotations__), depth)
    return _class(part, origin, depth)


def _class(part: Any, cls: Any, depth: int) -> JsonSchema:
    if not inspect.isclass(cls):
        return {}
    if issubclass(cls, Enum):
        return _choices(list(cls.__members__.values()))
    if issubclass(cls, _TEXTS):
        return {"type": "string"}
    if issubclass(cls, (Decimal, Fraction, complex, dt.timedelta)):
        return {"type": ["number", "string"]}
    if is_table_class(cls):
        return _table(part, list(key_fields(cls)), depth)
    return _of_numpy(cls)


def _of_numpy(cls: type) -> JsonSchema:
    numpy = sys.modules.get("numpy")
    kinds = (
        ("ndarray", "array"),
        ("bool_", "boolean"),
        ("integer", "integer"),
        ("floating", "number"),
    )
    for name, kind in kinds if numpy is not None else ():
        if issubclass(cls, getattr(numpy, name)):
            return {"type": kind}
    return {}


def _choices(values: Sequence[Any]) -> JsonSchema:
    """Those that TOML can say: it has no null. A member of an enum goes by its name too."""
    members = [value for value in values if isinstance(value, Enum)]
    said = [value.value if isinstance(value, Enum) else value for value in values]
    said = [value for value in (*(one.name for one in members), *said) if value is not None]
    if not all(map(sayable, said)):
        return {}
    return {"enum": list({(type(value), value): value for value in said}.values())}


def _list(origin: Any, args: Sequence[Any], depth: int) -> JsonSchema:
    if origin is tuple and args and args[-1] is not Ellipsis:
        items = [_schema_of(item, depth + 1) for item in args]
        return {"type": "array", "items": items, "minItems": len(items), "maxItems": len(items)}
    inner = _schema_of(args[0], depth + 1) if args else {}
    return {"type": "array"} | ({"items": inner} if inner else {})


def _table(part: Any, keys: Iterable[str], depth: int) -> JsonSchema:
    """No key is required: a table is merged key by key down the folders."""
    properties = {key: _schema_of(annotation_at(part, (key,)), depth + 1) for key in keys}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def default_of(value: Any) -> JsonSchema:
    """`{"default": …}`, where JSON says it; empty where it does not."""
    told = str(value) if isinstance(value, PurePath) else plain(value)
    return {"default": told} if sayable(told) else {}
