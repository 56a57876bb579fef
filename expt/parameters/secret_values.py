"""The secrets of cases: named as such, masked where they are shown, listed for those who write."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from expt.ground.declarations import Secret
from expt.ground.text import MASK, dotted
from expt.ground.value_classes import evolve, frozen

if TYPE_CHECKING:
    from expt.ground.model import Case

_SECRET_NAME: Final = re.compile(
    r"password|passwd|secret|api_key|access_token|auth_token|.*_api_key|.*_password", re.DOTALL
)


@frozen
class Secrets:
    """What must not be written: texts, and the dotted names of parameters that hold them."""

    texts: tuple[str, ...] = ()
    names: frozenset[str] = frozenset()


def is_secret_name(name: str) -> bool:
    """Whether texts of this name are masked: `password`, `wandb_api_key`, and not `max_tokens`."""
    return _SECRET_NAME.fullmatch(name) is not None


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


def replace_secrets(value: Any, told: Callable[[Secret], str]) -> Any:
    """A plain value with what is `told` of each `Secret` in its place."""
    if isinstance(value, dict):
        return {key: replace_secrets(item, told) for key, item in value.items()}
    if isinstance(value, list):
        return [replace_secrets(item, told) for item in value]
    return told(value) if isinstance(value, Secret) else value


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
