"""What may be asked of a user's object: its type, its fields, an attribute, its text.

Such an object may lie: it has an attribute for every name (`__getattr__ = dict.__getitem__`), a
property that raises, a `repr` that does. Whoever looks at one asks here, and is never raised at.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Sequence
from typing import Any, Final

from expt.ground.value_classes import frozen

_MISSING: Final = object()
_MOST_BITS: Final = 14_000  # of an int that is written with 4,300 digits


HOSTILE: Final = (Exception, SystemExit, GeneratorExit)
"""What a user's object may raise at who looks at it."""


def ask(value: Any, name: str, default: Any = None) -> Any:
    """The attribute `name` of `value`, or `default` where it has none or raises whatever."""
    try:
        return getattr(value, name, default)
    except HOSTILE:
        return default


def type_name(value: Any) -> str:
    """`complex`, `numpy.ndarray`, `decimal.Decimal`."""
    cls = type(value)
    return (
        cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
    )


def safe_repr(value: Any) -> str:
    """The `repr`, or what it raises; of an int with more digits than Python writes, its hex."""
    try:
        return hex(value) if type(value) is int and value.bit_length() > _MOST_BITS else repr(value)
    except HOSTILE as error:
        return f"<{type(value).__name__} whose repr raises {type(error).__name__}>"


def is_of(value: Any, module: str, name: str) -> bool:
    """Whether `value` is of a library's class, which need not be imported: else nothing is."""
    cls = ask(sys.modules.get(module), name)
    return isinstance(cls, type) and isinstance(value, cls)


def fresh_copy(value: Any) -> Any:
    """A deep copy of a list or dict; where its class cannot be copied, a new one of it with copies
    of the items; of what cannot even be made anew, the value itself."""
    try:
        return copy.deepcopy(value)
    except Exception:  # the user's object
        cls = type(value)
    if isinstance(value, dict):
        made = dict.__new__(cls)
        dict.update(made, {key: fresh_copy(item) for key, item in value.items()})
        return made
    if isinstance(value, list):
        listed = list.__new__(cls)
        list.extend(listed, map(fresh_copy, value))
        return listed
    return value


@frozen
class Field:
    """A field of a class: its attribute, the key that the constructor knows it by, if any."""

    name: str
    key: str
    in_constructor: bool = True


_BARE: Final = frozenset((type(None), bool, int, float, str, bytes, list, tuple, dict))


def class_fields(cls: type) -> tuple[Field, ...] | None:
    """The fields of an attrs class, a dataclass (no `InitVar`, no `ClassVar`), a named tuple, a
    pydantic model or a msgspec struct; None for every other class."""
    if type(cls) is type and cls in _BARE:
        return None
    attributes = ask(cls, "__attrs_attrs__")
    if isinstance(attributes, tuple):
        return tuple(Field(field.name, field.alias, field.init) for field in attributes)
    listed = ask(cls, "__dataclass_fields__")
    if isinstance(listed, dict):
        real = [field for field in listed.values() if field._field_type.name == "_FIELD"]
        return tuple(Field(field.name, field.name, field.init) for field in real)
    if issubclass(cls, tuple):
        return _named(ask(cls, "_fields"))
    if isinstance(ask(cls, "__pydantic_fields__"), dict):
        known = cls.__pydantic_fields__.items()  # type: ignore[attr-defined]  # just looked
        return tuple(Field(name, ask(field, "alias") or name) for name, field in known)
    return _named(ask(cls, "__struct_fields__"))


def is_row(value: Any) -> bool:
    """Whether `value` is a list or a tuple, and no named one."""
    return isinstance(value, (list, tuple)) and class_fields(type(value)) is None


def _named(names: Any) -> tuple[Field, ...] | None:
    if isinstance(names, Sequence) and names and all(isinstance(name, str) for name in names):
        return tuple(Field(name, name) for name in names)
    return None


def field_values(value: Any) -> dict[str, Any] | None:
    """Name → value of an instance's fields, extra ones of a pydantic model included; None where
    its class has none.

    Raises `TypeError`, with the field, for one that was never set or that raises.
    """
    fields = class_fields(type(value))
    if fields is None:
        return None
    values = {field.name: ask(value, field.name, _MISSING) for field in fields}
    for name, item in values.items():
        if item is _MISSING:
            raise TypeError(f"the field '{name}' of the {type_name(value)} has no value")
    if ask(type(value), "__pydantic_fields__") is not None:
        values |= ask(value, "__pydantic_extra__") or {}
    return values
