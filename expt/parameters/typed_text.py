"""Texts that are typed: what `-p NAME=VALUE` means. Nothing is ever evaluated."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any, Final

from expt.ground.errors import ParameterError, UsageError
from expt.ground.options import Assignment, Operator, Typed
from expt.ground.text import dotted, python_name
from expt.ground.toml_reading import MAX_DEPTH
from expt.parameters.coercion.annotations import (
    EXACT,
    admits_none,
    admits_text,
    alternatives,
    annotation_at,
    wants_text,
)
from expt.parameters.coercion.fitting import Coercer
from expt.parameters.coercion.plain import holds_opaque, plain

if TYPE_CHECKING:
    from expt.ground.toml_lines import KeyPath

NO_VALUE: Final = object()
"""What `read_toml_value` gives for a text that is no TOML value."""

_KEY: Final = re.compile(r"""\s*(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|([^\s."'\[\]{}=,#]+))\s*(\.|$)""")


def parse_assignment(typed: str) -> Assignment:
    """What `-p` was given, taken apart at the first `=`. Raises `UsageError`."""
    at = f"-p {typed}"
    left, equals, text = typed.partition("=")
    if not equals:
        hint = f"write -p NAME=VALUE; a plugin is loaded with --plugin {typed or 'NAME'}"
        raise UsageError(f"'{typed}' sets no parameter: it has no '='", at, hint)
    operator: Operator = "="
    if left.endswith("+"):
        operator, left = "+=", left[:-1]
    elif left.endswith(":"):
        operator, left = ":=", left[:-1]
    experiment, colon, name = left.rpartition(":")
    if colon and not experiment.strip():
        raise UsageError(f"'{left}' names no experiment before the ':'", at, _FORMS)
    keys = parse_name(name, at)
    value = _parse_typed_value(text, at) if operator == ":=" else Typed(text)
    address = python_name(experiment.strip()) or None
    return Assignment(keys, value, f"-p {dotted(keys)}", typed, operator, address)


def assign(name: str, value: Any, at: str) -> Assignment:
    """A value from Python by its dotted name. Raises `UsageError`, and for what is no value."""
    keys = parse_name(name, at)
    return Assignment(keys, plain_value(value, name, at), f"-p {dotted(keys)}", dotted(keys))


def plain_value(value: Any, name: str, at: str | None) -> Any:
    """`value` as data that can travel and be kept. Raises `ParameterError` where it is none."""
    data = plain(value)
    if holds_opaque(data):
        hint = "give it a name or a number, and let a provider make the object of it"
        raise ParameterError(f"'{name}' can be no parameter: {data}", at, hint)
    return data


_DEEPEST: Final = 100  # tables in each other that a name reaches into
_FORMS: Final = "write NAME=VALUE, TABLE.NAME=VALUE or EXPERIMENT:NAME=VALUE"


def parse_name(text: str, at: str) -> KeyPath:
    """A dotted name as the keys that it has; keys may be quoted as in TOML. Raises `UsageError`."""
    keys: list[str] = []
    position, more = 0, True
    while more:
        match = _KEY.match(text, position)
        if match is None:
            raise UsageError(f"'{text}' is no name of a parameter", at, _FORMS)
        basic, literal, bare, dot = match.groups()
        keys.append(_unescape(basic) if basic is not None else literal if bare is None else bare)
        position, more = match.end(), bool(dot)
        if len(keys) > _DEEPEST:
            raise UsageError("a name reaches into too many tables", at[:_DEEPEST], _FORMS)
    return (python_name(keys[0]), *keys[1:])


def first_key(name: str) -> str:
    """The parameter that a dotted name reaches into."""
    return parse_name(name, name)[0]


def _unescape(text: str) -> str:
    value = read_toml_value(f'"{text}"')
    return value if isinstance(value, str) else text


def parse_value(text: str, annotation: Any = Any) -> Any:
    """The value that a text means for a parameter.

    Text where the annotation is made of text; None for `null` where that fits and text does not;
    else what TOML says, if the whole of it is one TOML value; else the text. Where the annotation
    takes the text (`'1'` of a `Literal`, the `str` of `int | str`) and not what TOML says, it is
    the text.
    """
    if text.strip() == "null" and admits_none(annotation) and not admits_text(annotation):
        return None
    if wants_text(annotation):
        return text
    value = read_toml_value(text)
    if value is NO_VALUE:
        return text
    fits = Coercer().fits
    if any(part in EXACT for part in alternatives(annotation)) and fits(text, annotation):
        return text
    if not isinstance(value, str) and fits(text, annotation) and not fits(value, annotation):
        return text
    return value


def _parse_typed_value(text: str, at: str) -> Any:
    """The value of a `:=`: TOML or `null`, whatever the annotation. Raises `UsageError`."""
    value = None if text.strip() == "null" else read_toml_value(text)
    if value is NO_VALUE:
        what = f"'{text}' is neither a TOML value nor null"
        raise UsageError(what, at, "':=' takes TOML: put text in quotes, or write '='")
    return value


def read_assigned(one: Assignment, annotation: Any = Any) -> Any:
    """The value of an assignment, its text read for the annotation at its name.

    Of a `+=`, a list of items or one item.
    """
    if not isinstance(one.value, Typed):
        return one.value
    if one.operator != "+=":
        return parse_value(one.value.text, annotation)
    value = read_toml_value(one.value.text)
    item = annotation_at(annotation, (0,))
    return value if isinstance(value, list) else parse_value(one.value.text, item)


def read_toml_value(text: str) -> Any:
    """The value, if the whole text is one TOML value; else `NO_VALUE`.

    A comment is a part of a text (`1 # c`), not to be dropped, and so is a second line.
    """
    if "\n" in text:
        return NO_VALUE
    try:
        # the second form ends inside a comment where there is one
        value = tomllib.loads(f"value = {text}")["value"]
        if "#" in text:
            tomllib.loads(f"value = [{text}]")
        return NO_VALUE if _is_too_deep(value) else value
    except (ValueError, RecursionError):  # no TOML, or a number of more digits than Python takes
        return NO_VALUE


def _is_too_deep(value: Any) -> bool:
    """Whether it nests deeper than a file may, or holds a number that cannot be printed."""
    rest = [(value, 0)]
    while rest:
        item, depth = rest.pop()
        if depth > MAX_DEPTH:
            return True
        if isinstance(item, dict):
            rest.extend((inner, depth + 1) for inner in item.values())
        elif isinstance(item, list):
            rest.extend((inner, depth + 1) for inner in item)
        elif isinstance(item, int):
            str(item)  # a hexadecimal number of 5,000 digits raises ValueError
    return False
