"""What providers made, where it is small enough to be told: for the origins of a run's record."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final

from expt.ground.value_classes import evolve
from expt.parameters.coercion.plain import fields_of, holds_opaque, plain, python_scalar
from expt.parameters.secret_values import is_secret_name
from expt.parameters.typed_text import first_key, parse_name

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from expt.ground.model import Origin
    from expt.planning.providers import Graph, Node

_MOST: Final = 100  # values inside of one
_LONGEST: Final = 1000  # characters of a text
_NUMBERS: Final = (bool, int, float, complex, Decimal, Fraction)
_ALONE: Final = (*_NUMBERS, dt.date, dt.time, dt.timedelta, PurePath)


def made_values(
    graph: Graph, made: Mapping[Node, Any], secrets: Collection[str], scrub: Callable[[str], str]
) -> dict[Node, Any]:
    """Plain values of what the nodes of a graph gave: small ones, of which nothing is secret.

    What was made from a secret is not told, nor a text in which `scrub` finds one.
    """
    hidden = {first_key(name) for name in secrets}
    told = {}
    for node, value in made.items():
        _, names, _ = graph.closure(node)
        if is_secret_name(node[0]) or hidden.intersection(names):
            continue
        data = _plain_if_small(value)
        if data is not None and scrub(repr(data)) == repr(data):
            told[node] = data
    return told


def _plain_if_small(value: Any) -> Any:
    try:
        data = plain(value) if _is_small(value, [_MOST]) else None
    except Exception:  # the user's object
        return None
    return None if holds_opaque(data) else data


def tell_made(
    origins: Mapping[str, Sequence[Origin]], made: Mapping[Node, Any]
) -> dict[str, tuple[Origin, ...]]:
    """`origins` with the values that providers gave: the strongest of a name first."""
    told = {}
    for leaf, chain in origins.items():
        name, *below = parse_name(leaf, "")
        told[leaf] = tuple(
            evolve(origin, value=_value_at(made[name, depth], below))
            if (name, depth) in made
            else origin
            for depth, origin in enumerate(chain)
        )
    return told


def _value_at(value: Any, keys: list[str]) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _is_small(value: Any, left: list[int]) -> bool:
    """Whether a value is of plain ones, no more than are left."""
    left[0] -= 1
    if left[0] < 0:
        return False
    if value is None or isinstance(value, _ALONE):
        return True
    if isinstance(value, str):
        return len(value) <= _LONGEST
    if isinstance(value, Enum):
        return _is_small(value.value, left)
    if isinstance(value, (list, tuple, set, frozenset)):
        return len(value) <= left[0] and all(_is_small(item, left) for item in value)
    if isinstance(value, dict) or fields_of(value) is not None:
        table = fields_of(value) or {}
        return len(table) <= left[0] and all(_is_small(item, left) for item in table.values())
    return python_scalar(value) is not value
