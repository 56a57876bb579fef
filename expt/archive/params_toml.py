"""`params.toml` of an archive: the values of a run as input for another run."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from enum import Enum
from pathlib import PurePath
from typing import Any, Final

from expt.ground.encoding import Unstorable, to_json
from expt.ground.layout import RESERVED_TABLE
from expt.ground.model import Opaque
from expt.ground.objects import is_row

_UNSAYABLE: Final = object()


def write_params_toml(params: Mapping[str, Any], choices: Mapping[str, str] | None = None) -> str:
    """The text of `params.toml`; what TOML cannot say is left out, each with a comment.

    `choices` are the members that tables are: such a table is the whole of the value. `${` is
    escaped, so that no value is read from the environment when the file comes back.
    """
    comments: list[str] = []
    sayable: dict[str, Any] = {}
    for name, value in params.items():
        if name == RESERVED_TABLE:
            comments.append(_comment(name, value, "the name is reserved in this file"))
            continue
        said = _say(value, name, comments)
        if said is not _UNSAYABLE:
            sayable[name] = said
    if choices:
        sayable[RESERVED_TABLE] = {"choices": dict(choices)}
    text = ""
    if sayable:
        import tomli_w  # slow, and not needed by a session that runs nothing

        text = tomli_w.dumps(sayable)
    return "".join(f"# {line}\n" for line in comments) + text


def _say(value: Any, name: str, comments: list[str]) -> Any:
    """`value` as TOML has it, or `_UNSAYABLE` once a comment says so."""
    try:
        _encoded(name)
    except ValueError as error:
        comments.append(_comment(name, value, str(error)))
        return _UNSAYABLE
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        said = {}
        for key, item in value.items():
            part = _say(item, f"{name}.{key}", comments)
            if part is not _UNSAYABLE:
                said[key] = part
        return said
    try:
        return _say_exactly(value)
    except (Unstorable, UnicodeError, ValueError) as error:
        comments.append(_comment(name, value, str(error)))
        return _UNSAYABLE


def _say_exactly(value: Any) -> Any:
    if value is None:
        raise ValueError("TOML has no null")
    if isinstance(value, Opaque):
        raise ValueError("it was no plain value")
    if isinstance(value, str):
        return str.__str__(_encoded(value)).replace("${", "$${")
    if isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, PurePath):
        return _say_exactly(str(value))
    if isinstance(value, Enum):
        return _say_exactly(value.value)
    if isinstance(value, (dt.datetime, dt.date, dt.time)):
        if getattr(value, "tzinfo", None) is not None and isinstance(value, dt.time):
            raise ValueError("TOML has no time of day with a zone")
        return value
    if is_row(value):
        return [_say_exactly(item) for item in value]
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise ValueError("TOML has no keys but text")
        return {_encoded(key): _say_exactly(item) for key, item in value.items()}
    plain = to_json(value)
    if type(plain) is type(value):
        raise ValueError(f"TOML has no {type(value).__name__}")
    return _say_exactly(plain)


def _encoded(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("TOML has no lone surrogates") from None
    return text


def _comment(name: str, value: Any, reason: str) -> str:
    text = "null" if value is None else str(value)
    shown = json.dumps(text if len(text) <= 80 else text[:79] + "…")[1:-1]
    return f"{json.dumps(name)[1:-1]} = {shown}: {reason}"
