"""What must not be written: values of secret names, and those annotated `expt.Secret`."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from expt.coercion import MASK, alternatives, annotation_at, annotations_in, dotted, fields_of
from expt.declarations import Secret
from expt.errors import UsageError
from expt.params.text import KeyPath, parse_name, read_toml_value

_SECRET_NAME: Final = re.compile(
    r"password|passwd|secret|api_key|access_token|auth_token|.*_api_key|.*_password", re.DOTALL
)
_OPTION: Final = re.compile(r"-p=?|--([a-z][a-z-]*)=|")


def is_secret_name(name: str) -> bool:
    """Whether texts of this name are masked: `password`, `wandb_api_key`, and not `max_tokens`."""
    return _SECRET_NAME.fullmatch(name) is not None


def find_secrets(name: str, value: Any, annotation: Any = Any) -> dict[str, bool]:
    """The dotted leaves of a parameter that are masked; True where only the name says so."""
    return {dotted(path): by_name for path, by_name in _find((name,), value, annotation)}


def _find(path: KeyPath, value: Any, annotation: Any) -> Iterable[tuple[KeyPath, bool]]:
    table = fields_of(value)
    if table is not None:
        inner = annotations_in(annotation)
        for key, item in table.items():
            yield from _find((*path, str(key)), item, inner(key))
    elif _is_annotated(value, annotation):
        yield path, False
    elif any(map(is_secret_name, path)) and _holds_text(value):
        yield path, True


def _is_annotated(value: Any, annotation: Any) -> bool:
    if isinstance(value, (list, tuple)):
        inner = annotation_at(annotation, (0,))
        return any(_is_annotated(item, inner) for item in value)
    return isinstance(value, Secret) or any(
        isinstance(part, type) and issubclass(part, Secret) for part in alternatives(annotation)
    )


def _holds_text(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(map(_holds_text, value))
    return isinstance(value, str)


def mask_argument(argument: str, secrets: Collection[str] = ()) -> str:
    """A word of the command line without the value of a secret: `password=***`.

    `secrets` are dotted names of parameters that are secret for another reason than their name.
    """
    option = _OPTION.match(argument)
    start = option.end() if option else 0
    if option and option[1] and is_secret_name(option[1].replace("-", "_")):
        return argument[:start] + MASK
    left, equals, text = argument[start:].partition("=")
    if not equals:
        return argument
    try:
        keys = parse_name(left.rstrip("+:").rpartition(":")[2], argument)
    except UsageError:
        return argument
    masked = any(map(is_secret_name, keys)) or any(
        dotted(keys[:size]) in secrets for size in range(1, len(keys) + 1)
    )
    if masked or _names_secret(read_toml_value(text), keys, secrets):
        return f"{argument[:start]}{left}={MASK}"
    return argument


def _names_secret(value: Any, keys: KeyPath, secrets: Collection[str]) -> bool:
    if isinstance(value, list):
        return any(_names_secret(item, keys, secrets) for item in value)
    if not isinstance(value, Mapping):
        return False
    return any(
        is_secret_name(key)
        or dotted((*keys, key)) in secrets
        or _names_secret(item, (*keys, key), secrets)
        for key, item in value.items()
    )
