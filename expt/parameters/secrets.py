"""What must not be written: values of secret names, and those annotated `expt.Secret`."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from expt.ground.declarations import Secret
from expt.ground.errors import UsageError
from expt.ground.value_classes import evolve
from expt.parameters.coercion import (
    MASK,
    alternatives,
    annotation_at,
    annotations_in,
    dotted,
    fields_of,
)
from expt.parameters.typed_text import KeyPath, parse_name, read_toml_value

if TYPE_CHECKING:
    from expt.ground.model import Case

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


def masked_case(case: Case) -> Case:
    """`case` as it may be shown and kept: secret values as `***`, in what is shadowed too."""
    if not case.secrets:
        return case
    origins = {
        name: tuple(
            evolve(origin, value=_mask(origin.value, name, case.secrets)) for origin in chain
        )
        for name, chain in case.origins.items()
    }
    return evolve(case, params=mask_secrets(case.params, case.secrets), origins=origins)


def mask_secrets(params: Mapping[str, Any], secrets: Collection[str]) -> dict[str, Any]:
    """`params` with every secret value replaced; `secrets` are dotted names."""
    return {name: _mask(value, dotted((name,)), secrets) for name, value in params.items()}


def _mask(value: Any, name: str, secrets: Collection[str]) -> Any:
    if name in secrets:
        return None if value is None else MASK
    if isinstance(value, Mapping):
        return {
            key: _mask(item, f"{name}.{dotted((str(key),))}", secrets)
            for key, item in value.items()
        }
    return value


def secret_names(cases: Iterable[Case]) -> frozenset[str]:
    """The dotted names of every parameter of these cases that is secret."""
    return frozenset(name for case in cases for name in case.secrets)


def secret_texts(cases: Iterable[Case]) -> tuple[str, ...]:
    """Every text that nothing written about these cases may hold."""
    found: set[str] = set()
    for case in cases:
        for name, value in case.params.items() if case.secrets else ():
            found.update(_texts_below(value, dotted((name,)), case.secrets))
    return tuple(sorted(found))


def _texts_below(value: Any, name: str, secrets: Collection[str]) -> Iterator[str]:
    if name in secrets:
        yield from _texts_in(value)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _texts_below(item, f"{name}.{dotted((str(key),))}", secrets)


def _texts_in(value: Any) -> Iterator[str]:
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from _texts_in(item)
    elif isinstance(value, Mapping):  # in a list: what is named is meant, else all of it
        named = [item for key, item in value.items() if is_secret_name(str(key))]
        for item in named or value.values():
            yield from _texts_in(item)
    elif isinstance(value, str) and value:
        yield value
