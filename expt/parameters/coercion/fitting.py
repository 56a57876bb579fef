"""The strict fit of a value to an annotation, and what is told where it does not."""

from __future__ import annotations

import datetime as dt
import math
import os
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from pathlib import PurePath
from typing import Any, Final, Literal, NoReturn, Union

from expt.ground.declarations import InputRun, Secret
from expt.ground.errors import suggestion
from expt.ground.text import MASK, dotted
from expt.parameters.coercion.annotations import (
    LISTS,
    NONE,
    TABLES,
    alternatives,
    annotation_at,
    annotations_in,
    checks_nothing,
    expected_text,
    required_keys,
)
from expt.parameters.coercion.exact import fit_number
from expt.parameters.coercion.plain import (
    KeyOrIndex,
    is_model_class,
    is_table_class,
    key_fields,
    python_scalar,
    shown,
)

Convert = Callable[[Any, Any], Any]
"""A plugin's word on a value and an annotation: the instance, or None for 'not mine'."""

_SCALARS: Final = (bool, int, float, str)


class Misfit(ValueError):
    """A value does not fit its annotation.

    `expected` tells what would (`float or null`); `value` does not; `steps` is where it stands
    inside the whole value. `problem`: it is wrong, or missing, or stands under an unknown key.
    """

    def __init__(
        self,
        expected: str,
        value: Any,
        *,
        steps: tuple[KeyOrIndex, ...] = (),
        problem: Literal["wrong", "missing", "unknown"] = "wrong",
        hint: str | None = None,
    ) -> None:
        super().__init__(expected, value)
        self.expected = expected
        self.value = value
        self.steps = steps
        self.problem: Literal["wrong", "missing", "unknown"] = problem
        self.hint = hint

    @property
    def path(self) -> str:
        """Where inside the value: `lr`, `[2].size`; empty for the whole of it."""
        return dotted(self.steps)

    def below(self, step: KeyOrIndex) -> Misfit:
        """The same misfit, seen from one level further out."""
        steps = (step, *self.steps)
        return Misfit(self.expected, self.value, steps=steps, problem=self.problem, hint=self.hint)

    def tell(self, name: str, *, secret: bool = False) -> str:
        """The line about it for the parameter `name`; the value of a secret is not shown."""
        place = dotted((name, *self.steps))
        if self.problem == "missing":
            return f"'{place}' is missing: it must be {self.expected}"
        if self.problem == "unknown":
            return f"'{place}' is no key of {self.expected}"
        return f"'{place}' must be {self.expected}, not {MASK if secret else shown(self.value)}"

    def __str__(self) -> str:
        return self.tell("value")


class Coercer:
    """Makes values fit annotations; remembers how to build each class that it has met."""

    def __init__(self, convert: Convert | None = None) -> None:
        self._convert = convert
        self._builders: dict[Any, Callable[[Mapping[str, Any]], Any]] = {}

    def __call__(self, value: Any, annotation: Any) -> Any:
        """`value` as `annotation` wants it. Raises `Misfit`."""
        parts = alternatives(annotation)
        return self._fit(value, parts[0]) if len(parts) == 1 else self._fit_union(value, parts)

    def fits(self, value: Any, annotation: Any) -> bool:
        """Whether `value` can be made to fit."""
        try:
            self(value, annotation)
        except Misfit:
            return False
        return True

    def _fit_union(self, value: Any, parts: tuple[Any, ...]) -> Any:
        """By the member that leaves the value as it is, else by the first that takes it."""
        fitted, misfits = [], []
        for part in parts:
            try:
                result = self._fit(value, part)
            except Misfit as misfit:
                misfits.append(misfit)
                continue
            if _unchanged(value, result):
                return result
            fitted.append(result)
        if fitted:
            return fitted[0]
        inside = [misfit for misfit in misfits if misfit.steps]
        if len(inside) == 1:  # one member has the right shape: what is wrong in it says more
            raise inside[0]
        hints = dict.fromkeys(misfit.hint for misfit in misfits if misfit.hint)
        hint = next(iter(hints)) if len(hints) == 1 else None
        expected = expected_text(Union[parts])  # noqa: UP007  (made, not written)
        raise Misfit(expected, value, hint=hint)

    def _fit(self, value: Any, part: Any) -> Any:
        if part in _SCALARS:
            return _fit_scalar(value, part)
        if part is NONE:
            return value if value is None else _refuse(value, part)
        if checks_nothing(part):
            return value
        origin = typing.get_origin(part) or part
        if origin is Literal:
            return _fit_choice(value, part, typing.get_args(part))
        if origin in LISTS:
            return self._fit_list(value, part, origin)
        if origin in TABLES:
            return self._fit_table(value, part)
        if typing.is_typeddict(origin):
            return self._fit_typed_dict(value, part, origin)
        return self._fit_class(value, part, origin)

    def _fit_inside(self, step: Any, value: Any, annotation: Any) -> Any:
        try:
            return self(value, annotation)
        except Misfit as misfit:
            raise misfit.below(step if isinstance(step, (str, int)) else repr(step)) from None

    def _fit_list(self, value: Any, part: Any, origin: Any) -> Any:
        if isinstance(value, str):
            raise Misfit(expected_text(part), value, hint='a list is written as ["a", "b"]')
        if not isinstance(value, (list, tuple, set, frozenset)):
            _refuse(value, part)
        args = typing.get_args(part)
        if not args and not isinstance(part, types.GenericAlias):  # `tuple[()]` is one
            args = (Any, ...)
        if origin is not tuple or args[-1:] == (Ellipsis,):
            args = args[:1] * len(value)
        elif len(args) != len(value):
            _refuse(value, part)
        items = [self._fit_inside(i, item, args[i]) for i, item in enumerate(value)]
        try:
            return LISTS[origin](items)
        except TypeError:  # a set of what cannot be in one
            return _refuse(value, part)

    def _fit_table(self, value: Any, part: Any) -> Any:
        if not isinstance(value, Mapping):
            _refuse(value, part)
        keys, values = typing.get_args(part) or (Any, Any)
        return {
            self._fit_inside(key, key, keys): self._fit_inside(key, item, values)
            for key, item in value.items()
        }

    def _fit_typed_dict(self, value: Any, part: Any, cls: Any) -> Any:
        if not isinstance(value, Mapping):
            _refuse(value, part)
        _reject_unknown_keys(value, cls.__annotations__, cls)
        for key in sorted(required_keys(cls) - value.keys()):
            raise _missing_key(key, part)
        inner = annotations_in(part)
        return {key: self._fit_inside(key, item, inner(key)) for key, item in value.items()}

    def _fit_class(self, value: Any, part: Any, cls: type) -> Any:
        if isinstance(value, cls) and not (cls is dt.date and isinstance(value, dt.datetime)):
            return value
        if self._convert is not None and value is not None:
            try:
                made = self._convert(value, part)
            except (TypeError, ValueError) as mistake:
                raise Misfit(expected_text(part), value, hint=str(mistake)) from None
            if made is not None:
                return made
        if issubclass(cls, Enum):
            return _fit_choice(value, part, list(cls.__members__.values()))
        if issubclass(cls, PurePath) and isinstance(value, str):
            return cls(os.path.expanduser(value))
        if issubclass(cls, InputRun) and isinstance(value, str):
            return value  # it is opened when it is asked for
        if issubclass(cls, str) and isinstance(value, str):
            return cls(value)
        if isinstance(value, Mapping) and is_table_class(cls):
            if part not in self._builders:
                make = self._make_model_builder if is_model_class(cls) else self._make_builder
                self._builders[part] = make(part, cls)
            return self._builders[part](value)
        made = fit_number(value, part, cls)
        return _refuse(value, part) if made is None else made

    def _make_model_builder(self, part: Any, cls: Any) -> Callable[[Mapping[str, Any]], Any]:
        """For a pydantic model: its fields fit as anybody's do, and its validators have a say."""
        fields = key_fields(cls)
        inner = annotations_in(part)

        def build(table: Mapping[str, Any]) -> Any:
            _reject_unknown_keys(table, fields, cls)
            fitted = {key: self._fit_inside(key, item, inner(key)) for key, item in table.items()}
            missing = [key for key, name in fields.items() if cls.model_fields[name].is_required()]
            for key in missing:
                if key not in fitted:
                    raise _missing_key(key, part)
            try:
                return cls.model_validate(fitted)
            except Exception as mistake:  # the user's validators
                raise Misfit(expected_text(part), dict(table), hint=str(mistake)) from None

        return build

    def _make_builder(self, part: Any, cls: type) -> Callable[[Mapping[str, Any]], Any]:
        # 40 ms, and most experiments take no class of their own
        from cattrs import ClassValidationError, Converter
        from cattrs.gen import make_dict_structure_fn, override

        def fit_field(value: Any, annotation: Any) -> Any:
            return self(value, Any if annotation is None else annotation)

        fields = key_fields(cls)
        hooks: Any = {name: override(struct_hook=fit_field) for name in fields.values()}
        structure: Callable[[Any, Any], Any]
        try:
            structure = make_dict_structure_fn(part, Converter(), _cattrs_use_alias=True, **hooks)
        except Exception:  # the user's annotations: one that does not resolve checks nothing
            structure = _call_class

        def build(table: Mapping[str, Any]) -> Any:
            _reject_unknown_keys(table, fields, cls)
            try:
                return structure(table, part)
            except ClassValidationError as mistakes:
                raise _first_misfit(mistakes.exceptions, table, part, fields) from None
            except Exception as mistake:  # the user's `__init__`
                raise _first_misfit([mistake], table, part, fields) from None

        return build


def _call_class(table: Mapping[str, Any], part: Any) -> Any:
    return (typing.get_origin(part) or part)(**table)


def _first_misfit(
    mistakes: Iterable[Exception], table: Mapping[str, Any], part: Any, fields: Mapping[str, str]
) -> Misfit:
    """What cattrs collected, as the first of it: a field that is missing or wrong, a validator."""
    keys = {name: key for key, name in fields.items()}
    for mistake in mistakes:
        names = [getattr(note, "name", None) for note in getattr(mistake, "__notes__", ())]
        key = next((keys[name] for name in names if name in keys), None)
        if key is not None and isinstance(mistake, Misfit):
            return mistake.below(key)
        if key is not None and isinstance(mistake, KeyError):
            return _missing_key(key, part)
    return Misfit(expected_text(part), dict(table), hint=str(mistake))


def _missing_key(key: str, part: Any) -> Misfit:
    wanted = expected_text(annotation_at(part, (key,)))
    return Misfit(wanted, None, steps=(key,), problem="missing")


def _reject_unknown_keys(table: Mapping[str, Any], known: Iterable[str], cls: type) -> None:
    names = sorted(known)
    for key in table:
        if key not in names:
            raise Misfit(
                cls.__qualname__.rpartition("<locals>.")[2],
                table[key],
                steps=(str(key),),
                problem="unknown",
                hint=suggestion(str(key), names, "keys", whole=True),
            )


def _fit_scalar(value: Any, kind: type) -> Any:
    if type(value) is kind or (kind is str and isinstance(value, Secret)):
        return value
    if isinstance(value, bool):
        _refuse(value, kind)
    if isinstance(value, kind):  # a subclass: numpy.float64, a str enum
        return kind.__str__(value) if kind is str else kind(value)
    if kind is float and isinstance(value, int):
        try:
            return float(value)
        except OverflowError:
            _refuse(value, kind)
    scalar = python_scalar(value)
    if scalar is not value:
        return _fit_scalar(scalar, kind)
    meant = _read_generously(value, kind) if isinstance(value, str) else None
    if meant is not None:
        raise Misfit(kind.__name__, value, hint=f"write {shown(meant)}, without quotes")
    return _refuse(value, kind)


def _read_generously(text: str, kind: type) -> Any:
    """What somebody may have meant (`007`, `.5`, `True`): for a hint, never for a value."""
    if kind is bool:
        return {"true": True, "false": False}.get(text.lower())
    try:
        number = kind(text)
    except ValueError:
        return None
    return number if kind is int or math.isfinite(number) else None


def _fit_choice(value: Any, part: Any, choices: Iterable[Any]) -> Any:
    """The member of a `Literal` or an `Enum` that `value` is, equals, or names."""
    choices = list(choices)
    for choice in choices:
        worth = choice.value if isinstance(choice, Enum) else choice
        if value is choice or (worth == value and _as_strict(value, worth)):
            return choice
    for choice in choices:
        if isinstance(choice, Enum) and isinstance(value, str) and choice.name == value:
            return choice
    return _refuse(value, part)


def _as_strict(value: Any, worth: Any) -> bool:
    """Whether two equal values are equal here: 1 is not true, and 1.0 is not 1, but 1 is 1.0."""
    if isinstance(value, bool) or isinstance(worth, bool):
        return type(value) is type(worth)
    return isinstance(value, type(worth)) or (type(worth) is float and isinstance(value, int))


def _unchanged(value: Any, result: Any) -> bool:
    if value is result:
        return True
    if type(value) is not type(result):
        return False
    if isinstance(value, (list, tuple)):
        return all(map(_unchanged, value, result))
    if isinstance(value, dict):
        return all(_unchanged(item, result[key]) for key, item in value.items())
    return bool(value == result)


def _refuse(value: Any, part: Any) -> NoReturn:
    raise Misfit(expected_text(part), value)
