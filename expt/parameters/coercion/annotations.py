"""What annotations say: resolved, taken apart, and put into words."""

from __future__ import annotations

import collections.abc as abc
import datetime as dt
import inspect
import sys
import types
import typing
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from pathlib import Path, PurePath
from typing import Any, Final, Literal, Union

from expt.ground.declarations import KEPT, InputRun, Secret
from expt.parameters.coercion.plain import (
    KeyOrIndex,
    is_table_class,
    key_fields,
    python_scalar,
    shown,
)

if typing.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

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
EXACT: Final = (Decimal, Fraction)
"""Numbers that a text says exactly, where a float would lose digits."""

_UNSAYABLE: Final = (PurePath, Enum, Secret, *EXACT, complex, dt.timedelta)
"""Classes of defaults that no file could say: what a file says instead is made one."""


def resolve_annotations(owner: Any) -> dict[str, Any]:
    """The annotations of a function or class by name; one that cannot be resolved is left out."""
    try:
        return typing.get_type_hints(owner, include_extras=True)
    except Exception:  # annotations are the user's code: one that raises must not hide the others
        return _resolve_one_by_one(owner)


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


def annotation_of_default(default: Any) -> Any:
    """What a default says of an argument without annotation, where no file could say its class.

    A path, an enum's member, an instance of a class with fields, a tuple, a set, an array: what a
    file says is made one. None for any other.
    """
    if isinstance(default, Path):
        return Path | None
    kind = type(default)
    if isinstance(default, _UNSAYABLE) or kind in (tuple, set, frozenset):
        return kind | None
    return kind | None if is_table_class(kind) or _is_numpy(kind, "ndarray") else None


def annotation_of_values(values: Any) -> Any:
    """What the values of an axis say of an argument without annotation: the class of them all."""
    if isinstance(values, type) and issubclass(values, Enum):
        return values
    kinds = set(map(type, values)) if isinstance(values, (list, tuple)) else set()
    return annotation_of_default(values[0]) if len(kinds) == 1 else None


def kind_of_default(default: Any) -> Any:
    """What a default says of the kind of an argument: bool, a number, text; None for others."""
    default = python_scalar(default)
    if isinstance(default, (bool, Secret, Enum)):
        return bool | None if isinstance(default, bool) else None
    if isinstance(default, (int, float)):
        return int | float | None
    return str | None if isinstance(default, str) else None


def prefer(annotation: Any, default: Any) -> Any:
    """A union whose first member is the class of the default: what both would take is its."""
    parts = alternatives(annotation)
    own = [part for part in parts if (typing.get_origin(part) or part) is type(default)]
    if len(parts) < 2 or not own or not is_table_class(type(default)):
        return annotation
    return Union[(own[0], *parts)]


def _is_numpy(kind: Any, name: str) -> bool:
    """Whether a class is, or is below, a class of numpy, which is not imported for the answer."""
    base = getattr(sys.modules.get("numpy"), name, None)
    return base is not None and isinstance(kind, type) and issubclass(kind, base)


def alternatives(annotation: Any) -> tuple[Any, ...]:
    """The members of a union, flat; `Annotated`, aliases and new types are looked through."""
    if type(annotation) is type or annotation is Any:  # nothing is to be looked through
        return (annotation,)
    return _alternatives(annotation, ())


def _alternatives(annotation: Any, aliases: tuple[Any, ...]) -> tuple[Any, ...]:
    annotation = _unwrapped(annotation)
    if _is_alias(annotation):
        if annotation in aliases:  # it is nothing but itself
            return (Any,)
        return _alternatives(_alias_value(annotation), (*aliases, annotation))
    if typing.get_origin(annotation) in (Union, types.UnionType):
        parts = typing.get_args(annotation)
        return tuple(member for part in parts for member in _alternatives(part, aliases))
    return (NONE if annotation is None else annotation,)


def _unwrapped(annotation: Any) -> Any:
    """Without `Annotated` and its kind, and without new types."""
    while True:
        origin = typing.get_origin(annotation)
        if origin in (typing.Annotated, typing.Required, typing.NotRequired, typing.Final):
            annotation = typing.get_args(annotation)[0]
        elif isinstance(annotation, typing.NewType):
            annotation = annotation.__supertype__
        else:
            return annotation


def _is_alias(annotation: Any) -> bool:
    """Whether it is made by `type X = …` of Python 3.12, with arguments or without."""
    return type(typing.get_origin(annotation) or annotation).__name__ == "TypeAliasType"


def _alias_value(alias: Any) -> Any:
    """What an alias stands for: `list[int]` for `Many[int]`. Anything where it does not resolve."""
    origin = typing.get_origin(alias) or alias
    try:
        value = origin.__value__
        given = dict(zip(origin.__type_params__, typing.get_args(alias), strict=False))
        wanted = tuple(given.get(p, Any) for p in getattr(value, "__parameters__", ()))
        return value[wanted] if wanted else value
    except Exception:  # the user's code, run when it is first asked for
        return Any


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
    """Whether all but None is written as text: `str`, `Secret`, `Path`, `Run`, `str | None`."""
    parts = [part for part in alternatives(annotation) if part is not NONE]
    return bool(parts) and all(_is_text(p) or _is_path(p) or _is_run(p) for p in parts)


def wants_path(annotation: Any) -> bool:
    """Whether text becomes a path: `Path` and `Path | None`, but not `Path | str`."""
    return any(map(_is_path, alternatives(annotation))) and not admits_text(annotation)


def wants_run(annotation: Any) -> bool:
    """Whether text names an archived run: `expt.Run`, `expt.Run | None`."""
    return any(map(_is_run, alternatives(annotation)))


def is_kept(annotation: Any) -> bool:
    """Whether the file that is named is copied into the archive: `Kept[Path]`."""
    if typing.get_origin(annotation) in (Union, types.UnionType):
        return any(map(is_kept, typing.get_args(annotation)))
    return any(said is KEPT for said in getattr(annotation, "__metadata__", ()))


def _is_run(part: Any) -> bool:
    return isinstance(part, type) and issubclass(part, InputRun)


def _is_text(part: Any) -> bool:
    return isinstance(part, type) and issubclass(part, str) and not issubclass(part, Enum)


def _is_path(part: Any) -> bool:
    return isinstance(part, type) and issubclass(part, PurePath)


def annotation_at(annotation: Any, steps: Iterable[KeyOrIndex]) -> Any:
    """The annotation of what stands inside a value: a field, a dict's value, an item of a list.

    `Any` where nothing is said.
    """
    for step in steps:
        annotation = annotations_in(annotation)(step)
    return annotation


def annotations_in(annotation: Any) -> Callable[[KeyOrIndex], Any]:
    """`annotation_at` for many steps into one value: its class is looked at once."""
    readers = [_reader_of(part) for part in alternatives(annotation)]

    def read(step: KeyOrIndex) -> Any:
        found = [inner for reader in readers for inner in reader(step)]
        return Union[tuple(found)] if found else Any  # noqa: UP007  (made, not written)

    return read


def _reader_of(part: Any) -> Callable[[KeyOrIndex], tuple[Any, ...]]:
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
    return _expected_text(annotation, ())


def _expected_text(annotation: Any, aliases: tuple[Any, ...]) -> str:
    texts = dict.fromkeys(_expected_texts(annotation, aliases))
    return " or ".join(sorted(texts, key=lambda text: text == "null"))


def _expected_texts(annotation: Any, aliases: tuple[Any, ...]) -> Iterator[str]:
    """The words for each member of a union; an alias that holds itself is told by its name."""
    annotation = _unwrapped(annotation)
    if _is_alias(annotation):
        if annotation in aliases:
            yield str(annotation)
        else:
            yield from _expected_texts(_alias_value(annotation), (*aliases, annotation))
    elif typing.get_origin(annotation) in (Union, types.UnionType):
        for part in typing.get_args(annotation):
            yield from _expected_texts(part, aliases)
    else:
        yield _expected(NONE if annotation is None else annotation, aliases)


def _expected(part: Any, aliases: tuple[Any, ...]) -> str:
    if part is NONE:
        return "null"
    if checks_nothing(part):
        return "anything"
    origin, args = typing.get_origin(part) or part, typing.get_args(part)
    if origin is Literal:
        return choices_text(args)
    if origin in LISTS:
        if origin is tuple and args and args[-1] is not Ellipsis:
            items = ", ".join(_expected_text(item, aliases) for item in args)
            return f"list of {len(args)} ({items})"
        return f"list of {_expected_text(args[0], aliases)}" if args else "list"
    if origin in TABLES:
        return f"table of {_expected_text(args[1], aliases)}" if args else "table"
    if issubclass(origin, InputRun):
        return "the reference of a run"
    if issubclass(origin, Enum):
        return choices_text(list(origin))
    if origin is dt.timedelta:
        return "timedelta, in seconds or as in '1:30:00', '90 s', '2 h'"
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
