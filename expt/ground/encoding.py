"""How values become strict JSON and come back: the tags.

Tags (`docs/reference/archive-format.md` lists them for readers without expt):

    {"$float": "nan" | "inf" | "-inf"}    floats that JSON has no word for
    {"$date": "2026-11-23T10:15:30+00:00"}   datetime, date, time (ISO 8601)
    {"$path": "data/train.csv"}           pathlib paths
    {"$dict": [[key, value], …]}          dicts whose keys are no strings or start with `$`
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from json.encoder import encode_basestring_ascii
from pathlib import Path, PurePath
from typing import Any, Final

from expt.ground.dataframes import is_missing
from expt.ground.model import Opaque
from expt.ground.ndarrays import is_masked
from expt.ground.objects import ask, field_values, is_of, is_row, safe_repr, type_name
from expt.ground.real_numbers import exact_number

DEEPEST: Final = 200
"""Levels of brackets that a value may have: what is written recurses with them, and what reads."""

_SPARE: Final = 20  # levels that a file adds around a value
MAX_INT: Final = 10**4300  # Python reads and writes no longer numbers as text
_PLAIN: Final = frozenset((str, bool, type(None)))  # what is JSON already, whatever its value
_TEXT: Final = frozenset((str,))
_NESTED: Final = frozenset((dict, list))


class Unstorable(TypeError):
    """The value has no place in strict JSON; `args[0]` names its type and where it stands."""


def to_json(value: Any, where: str = "value") -> Any:
    """The tagged JSON form of `value`.

    Takes None, bool, int, float, str, dates, paths, enums (their value), numpy scalars, arrays and
    tensors of 0 dimensions, lists, tuples, sets, mappings, named tuples, attrs and dataclasses,
    pydantic models; what pandas puts for a missing value is null, and an `Opaque` is its text.
    Raises `Unstorable` with the place inside `value` for anything else.
    """
    try:
        plain = _to_json(value, where)
        if type(plain) not in (dict, list) or _is_within(plain, DEEPEST):
            return plain
    except RecursionError:
        pass  # the stack is free again below
    raise Unstorable(f"{where} is nested too deep, or holds itself")


def _to_json(value: Any, where: str) -> Any:
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return value
    if kind is int:
        if -MAX_INT < value < MAX_INT:
            return value
        raise Unstorable(f"{where} is an int of more than 4,300 digits, which no reader takes")
    if kind is float:
        return value if value - value == 0.0 else {"$float": repr(value)}
    if kind is dict or isinstance(value, Mapping):
        return _mapping_to_json(value, where)
    if kind is list or kind is tuple or is_row(value):
        return [
            item if type(item) in _PLAIN else _to_json(item, f"{where}[{index}]")
            for index, item in enumerate(value)
        ]
    return _rare_to_json(value, where)


def _mapping_to_json(value: Mapping[Any, Any], where: str) -> Any:
    if are_names(value):
        return {
            key: item if type(item) in _PLAIN else _to_json(item, f"{where}.{key}")
            for key, item in value.items()
        }
    pairs = [
        [_to_json(key, f"a key of {where}"), _to_json(item, f"{where}[{safe_repr(key)}]")]
        for key, item in value.items()
    ]
    return {"$dict": pairs}


def are_names(keys: Mapping[Any, Any]) -> bool:
    """Whether a mapping is an object in JSON: each key a text, and none like a tag."""
    if not _TEXT.issuperset(map(type, keys)):
        return False
    return "$" not in "".join(keys) or not any(key.startswith("$") for key in keys)


def _rare_to_json(value: Any, where: str) -> Any:
    if isinstance(value, Opaque):
        return value.text
    if isinstance(value, Enum):
        return _to_json(value.value, where)
    if isinstance(value, (dt.datetime, dt.date, dt.time)):
        return _date_to_json(value, where)
    if isinstance(value, PurePath):
        return {"$path": value.as_posix()}
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return _to_json(int.__int__(value), where)
    if isinstance(value, float):
        return _to_json(float(value), where)
    if isinstance(value, (set, frozenset)):
        return [_to_json(item, where) for item in sorted(value, key=safe_repr)]
    try:
        fields = field_values(value)
    except TypeError as error:
        raise Unstorable(f"{where}: {error}") from None
    if fields is not None:
        return {name: _to_json(item, f"{where}.{name}") for name, item in fields.items()}
    scalar = None if is_missing(value) else _array_scalar(value, where)
    if scalar is not value:
        return _to_json(scalar, where)
    raise Unstorable(f"{where} is of type '{type_name(value)}', which JSON cannot hold")


def _date_to_json(value: dt.datetime | dt.date | dt.time, where: str) -> Any:
    if is_missing(value):  # pandas calls it a datetime
        return None
    if ask(value, "nanosecond"):
        raise Unstorable(f"{where} is a {type_name(value)} with nanoseconds, {_TOO_FINE}")
    return {"$date": value.isoformat()}


_TOO_FINE: Final = "which no date of Python's has; round it to microseconds"


def _array_scalar(value: Any, where: str) -> Any:
    """The Python value of a scalar or 0-d array of any library; `value` itself where it is none."""
    if is_masked(value):
        return value
    if is_of(value, "numpy", "generic") or (is_of(value, "numpy", "ndarray") and value.ndim == 0):
        if value.dtype.kind == "M":
            return _numpy_date(value, where)
        if value.dtype.kind == "m":  # some of its items are numbers without their unit
            return value
        plain = value.item()
        # longdouble's item() is itself: it has digits that JSON numbers lose
        return plain if isinstance(plain, (bool, int, float, str)) else value
    if isinstance(shape := ask(value, "shape"), tuple) and not shape:
        with contextlib.suppress(ValueError):  # a number that no float holds
            number = exact_number(value)
            return value if number is None else number
    return value


def _numpy_date(value: Any, where: str) -> Any:
    plain = value.astype("M8[us]")
    if plain != value and value == value:  # NaT equals nothing
        raise Unstorable(f"{where} is a datetime64 of type '{value.dtype}', {_TOO_FINE}")
    found = value.item() if isinstance(value.item(), dt.date) else plain.item()
    return found if found is None or isinstance(found, dt.date) else value


def from_json(value: Any) -> Any:
    """The Python value of a tagged JSON form; an unknown tag is returned as it is.

    Raises `ValueError` for a tag around what it cannot hold.
    """
    try:
        return _from_json(value)
    except (TypeError, RecursionError) as error:
        raise ValueError(f"a tag around what it cannot hold: {error}") from None


def _from_json(value: Any) -> Any:
    if isinstance(value, list):
        return [_from_json(item) for item in value]
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
            return {_hashable(_from_json(key)): _from_json(item) for key, item in body}
    return {key: _from_json(item) for key, item in value.items()}


def _hashable(key: Any) -> Any:
    return tuple(_hashable(item) for item in key) if isinstance(key, list) else key


def _parse_date(text: str) -> Any:
    for kind in (dt.date, dt.datetime, dt.time):
        try:
            return kind.fromisoformat(text)
        except ValueError:
            continue
    return {"$date": text}


def is_same(one: Any, other: Any) -> bool:
    """Whether two plain values are the same, as a run would notice it: of one type and kept alike.

    1, 1.0 and True differ, and so do 0.0 and -0.0; NaN is the same as NaN, also inside a list. The
    order of a dict's keys says nothing; a list is the same as a tuple, which JSON cannot tell.
    """
    if type(one) is type(other) and type(one) in (str, int, bool):
        return bool(one == other)
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(is_same, one, other))
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        if len(one) != len(other):
            return False
        kept = {(type(key), key): value for key, value in other.items()}
        return all(
            (type(key), key) in kept and is_same(value, kept[type(key), key])
            for key, value in one.items()
        )
    if isinstance(one, float) and isinstance(other, float):
        return one.hex() == other.hex()
    return type(one) is type(other) and bool(one == other)


def dumps(value: Any, *, indent: int | None = None) -> str:
    """Strict JSON with tags. Lone surrogates survive as `\\ud800` escapes."""
    if indent is None:
        return encode_plain(to_json(value))
    return json.JSONEncoder(allow_nan=False, indent=indent).encode(to_json(value))


def make_encoder(between: str = ", ") -> Callable[[Any], str]:
    """What encodes plain JSON, which holds no circle, in one line: its tags stand there already.

    `JSONEncoder` makes the encoder that works for it with each value, which takes longer than most.
    """
    whole = json.JSONEncoder(allow_nan=False, check_circular=False, separators=(between, ": "))
    make = getattr(json.encoder, "c_make_encoder", None)
    if make is None:  # an interpreter that has it in Python alone
        return whole.encode
    words = whole.key_separator, whole.item_separator
    pieces = make(None, whole.default, encode_basestring_ascii, None, *words, False, False, False)
    return lambda value: "".join(pieces(value, 0))


encode_plain: Final = make_encoder()


def loads(text: str | bytes) -> Any:
    """The value of strict JSON with tags. Raises `ValueError` for what is not strict JSON."""
    return from_json(parse_strict(text))


def parse_strict(text: str | bytes) -> Any:
    """Strict JSON, its tags as they stand.

    Raises `ValueError`, and nothing else, for what is not JSON, what is nested deeper than expt
    writes, and numbers beyond float64, which Python would take for infinite.
    """
    text = text if isinstance(text, str) else text.decode()
    try:
        value = _DECODER.decode(text)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    most = text.count("[") + text.count("{")  # a record of a run has fewer than it may have levels
    if most > DEEPEST + _SPARE and not _is_within(value, DEEPEST + _SPARE):
        raise ValueError("it is nested too deep")
    return value


def _is_within(value: Any, depth: int) -> bool:
    """Whether plain JSON has no more levels."""
    level = [value]
    for _ in range(depth):
        if is_flat(level):
            return True
        deeper: list[Any] = []
        for item in level:
            if type(item) is dict:
                deeper += item.values()
            elif type(item) is list:
                deeper += item
        level = deeper
    return not level


def is_flat(items: Iterable[Any]) -> bool:
    """Whether no item of plain JSON holds others."""
    return _NESTED.isdisjoint(map(type, items))


def _refuse_constant(word: str) -> Any:
    raise ValueError(f"{word} is not strict JSON")


def _finite(text: str) -> float:
    value = float(text)
    if value - value != 0.0:
        raise ValueError("it has a number beyond float64")
    return value


_DECODER: Final = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite)
