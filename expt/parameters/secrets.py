"""What must not be written: values of secret names, and those annotated `expt.Secret`."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from expt.ground.declarations import Secret
from expt.ground.errors import UsageError
from expt.ground.text import MASK, dotted
from expt.parameters.coercion.annotations import alternatives, annotation_at, annotations_in
from expt.parameters.coercion.plain import fields_of
from expt.parameters.secret_values import is_secret_name
from expt.parameters.typed_text import parse_name, read_toml_value

if TYPE_CHECKING:
    from expt.ground.toml_lines import KeyPath

_OPTION: Final = re.compile(r"-p=?|--([a-z][a-z-]*)=|")


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
    elif isinstance(value, (list, tuple)):  # one that holds a secret is masked as a whole
        found = [
            by_name
            for place, item in enumerate(value)
            for _, by_name in _find(path, item, annotation_at(annotation, (place,)))
        ]
        if found:
            yield path, all(found)
    elif any(map(is_secret_name, path)) and isinstance(value, str):
        yield path, True


def _is_annotated(value: Any, annotation: Any) -> bool:
    return isinstance(value, Secret) or (
        not isinstance(value, (list, tuple))
        and any(
            isinstance(part, type) and issubclass(part, Secret) for part in alternatives(annotation)
        )
    )


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
