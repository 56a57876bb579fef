"""What annotations say: resolved, taken apart, and put into words."""

from __future__ import annotations

import collections.abc as abc
import inspect
import sys
import types
import typing
from enum import Enum
from pathlib import Path, PurePath
from typing import Any, Final, Literal, Union

from expt.ground.declarations import Secret
from expt.parameters.coercion.plain import Step, is_table_class, key_fields, shown

if typing.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

NONE: Final = type(None)
LISTS: Final[Mapping[Any, Callable[[Iterable[Any]], Any]]] = {
    list: list,
    tuple: tuple,
    set: set,
    frozenset: frozenset,
    abc.Sequence: list,
    abc.MutableSequence: list,
    abc.Collection: list,
    abc.Iterable: list,
    abc.Set: frozenset,
    abc.MutableSet: set,
}
"""Classes that a list can become, with what makes them."""

TABLES: Final = (dict, abc.Mapping, abc.MutableMapping)


def resolve_annotations(owner: Any) -> dict[str, Any]:
    """The annotations of a function or class by name; one that cannot be resolved is left out.

    An argument of a function without one has the class of its default, or None, where that is a
    class that no file could say: a path, an enum, an attrs class or dataclass, a tuple, a set.
    """
    try:
        hints = typing.get_type_hints(owner, include_extras=True)
    except Exception:  # annotations are the user's code: one that raises must not hide the others
        hints = _resolve_one_by_one(owner)
    return hints if isinstance(owner, type) else {**_annotations_of_defaults(owner), **hints}


def _resolve_one_by_one(owner: Any) -> dict[str, Any]:
    hints: dict[str, Any] = {}
    for part in reversed(owner.__mro__) if isinstance(owner, type) else [inspect.unwrap(owner)]:
        if isinstance(part, type):
            annotations = vars(part).get("__annotations__", {})
        else:
            annotations = getattr(part, "__annotations__", {})
        scope = getattr(part, "__globals__", None)
        if scope is None:
            scope = getattr(sys.modules.get(part.__module__), "__dict__", {})
        for name, annotation in annotations.items():
            hints.pop(name, None)
            single = types.SimpleNamespace(__annotations__={name: annotation})
            try:
                hints |= typing.get_type_hints(single, globalns=scope, include_extras=True)
            except Exception:  # noqa: S112
                continue
    return hints


def _annotations_of_defaults(function: Any) -> dict[str, Any]:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # some built-in functions have none
        return {}
    return {
        parameter.name: Path | None if isinstance(default, Path) else type(default) | None
        for parameter in parameters
        if parameter.annotation is parameter.empty
        and (
            isinstance(default := parameter.default, (PurePath, Enum, Secret))
            or type(default) in (tuple, set, frozenset)
            or is_table_class(type(default))
        )
    }


def alternatives(annotation: Any) -> tuple[Any, ...]:
    """The members of a union, flat; `Annotated`, aliases and new types are looked through."""
    while True:
        origin = typing.get_origin(annotation)
        if origin in (typing.Annotated, typing.Required, typing.NotRequired, typing.Final):
            annotation = typing.get_args(annotation)[0]
        elif isinstance(annotation, typing.NewType):
            annotation = annotation.__supertype__
        elif type(annotation).__name__ == "TypeAliasType":  # `type X = …` of Python 3.12
            annotation = annotation.__value__
        else:
            break
    if origin in (Union, types.UnionType):
        parts = typing.get_args(annotation)
        return tuple(member for part in parts for member in alternatives(part))
    return (NONE if annotation is None else annotation,)


def checks_nothing(annotation: Any) -> bool:
    """Whether any value passes: `Any`, `object`, a protocol, a name that did not resolve."""
    origin = typing.get_origin(annotation) or annotation
    if isinstance(origin, type):
        return origin in (object, Any, inspect.Parameter.empty) or getattr(
            origin, "_is_protocol", False
        )
    return origin is not Literal


def admits_none(annotation: Any) -> bool:
    """Whether None fits."""
    return any(part is NONE or checks_nothing(part) for part in alternatives(annotation))


def admits_text(annotation: Any) -> bool:
    """Whether any text fits and stays text."""
    return any(_is_text(part) or checks_nothing(part) for part in alternatives(annotation))


def wants_text(annotation: Any) -> bool:
    """Whether all but None is written as text: `str`, `Secret`, `Path`, `str | None`."""
    parts = [part for part in alternatives(annotation) if part is not NONE]
    return bool(parts) and all(_is_text(part) or _is_path(part) for part in parts)


def wants_path(annotation: Any) -> bool:
    """Whether text becomes a path: `Path` and `Path | None`, but not `Path | str`."""
    return any(map(_is_path, alternatives(annotation))) and not admits_text(annotation)


def _is_text(part: Any) -> bool:
    return isinstance(part, type) and issubclass(part, str) and not issubclass(part, Enum)


def _is_path(part: Any) -> bool:
    return isinstance(part, type) and issubclass(part, PurePath)


def annotation_at(annotation: Any, steps: Iterable[Step]) -> Any:
    """The annotation of what stands inside a value: a field, a dict's value, an item of a list.

    `Any` where nothing is said.
    """
    for step in steps:
        annotation = annotations_in(annotation)(step)
    return annotation


def annotations_in(annotation: Any) -> Callable[[Step], Any]:
    """`annotation_at` for many steps into one value: its class is looked at once."""
    readers = [_reader_of(part) for part in alternatives(annotation)]

    def read(step: Step) -> Any:
        found = [inner for reader in readers for inner in reader(step)]
        return Union[tuple(found)] if found else Any  # noqa: UP007  (made, not written)

    return read


def _reader_of(part: Any) -> Callable[[Step], tuple[Any, ...]]:
    """What gives the annotation at a step as a tuple of one, or an empty one."""
    origin, args = typing.get_origin(part) or part, typing.get_args(part)
    if origin is tuple and args[-1:] != (Ellipsis,):
        return lambda step: args[step : step + 1] if isinstance(step, int) else ()
    if origin in LISTS:
        return lambda step: args[:1] if isinstance(step, int) else ()
    if origin in TABLES:
        return lambda step: args[1:] if isinstance(step, str) else ()
    hints: Mapping[Any, Any] = {}
    if typing.is_typeddict(origin):
        hints = resolve_annotations(origin)
    elif is_table_class(origin):
        named = resolve_annotations(origin)
        hints = {key: named[name] for key, name in key_fields(origin).items() if name in named}
    return lambda step: (hints[step],) if step in hints else ()


def required_keys(cls: Any) -> set[str]:
    """The keys that a `TypedDict` wants, also where its annotations are written as texts."""
    origins = {key: typing.get_origin(hint) for key, hint in resolve_annotations(cls).items()}
    return {
        key
        for key in cls.__annotations__
        if origins.get(key) is typing.Required
        or (key in cls.__required_keys__ and origins.get(key) is not typing.NotRequired)
    }


def expected_text(annotation: Any) -> str:
    """An annotation in words: `int`, `one of 'adam', 'sgd'`, `float or null`, `list of int`."""
    texts = dict.fromkeys(_expected(part) for part in alternatives(annotation))
    return " or ".join(sorted(texts, key=lambda text: text == "null"))


def _expected(part: Any) -> str:
    if part is NONE:
        return "null"
    if checks_nothing(part):
        return "anything"
    origin, args = typing.get_origin(part) or part, typing.get_args(part)
    if origin is Literal:
        return choices_text(args)
    if origin in LISTS:
        if origin is tuple and args and args[-1] is not Ellipsis:
            return f"list of {len(args)} ({', '.join(map(expected_text, args))})"
        return f"list of {expected_text(args[0])}" if args else "list"
    if origin in TABLES:
        return f"table of {expected_text(args[1])}" if args else "table"
    if issubclass(origin, Enum):
        return choices_text(list(origin))
    name = str(origin.__qualname__).rpartition("<locals>.")[2]
    keys = origin.__annotations__ if typing.is_typeddict(origin) else key_fields(origin)
    return f"{name}, a table of {', '.join(sorted(keys))}" if keys else name


def choices_text(choices: Sequence[Any]) -> str:
    """`one of 'adam', 'sgd'`: texts sorted, everything else in its order."""
    values = [choice.value if isinstance(choice, Enum) else choice for choice in choices]
    if all(isinstance(value, str) for value in values):
        values = sorted(values)
    texts = [shown(value) for value in values]
    return texts[0] if len(texts) == 1 else "one of " + ", ".join(texts)
