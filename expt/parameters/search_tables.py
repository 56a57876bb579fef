"""`[expt.search]` and its words on the command line: the space, what is good, how many trials.

lr = {log = [1e-5, 1e-1]}    momentum = {float = [0.5, 0.99]}    depth = {int = [1, 8]}
width = {int = [16, 512], log = true}    drop = {float = [0, 0.5], step = 0.1}
optimizer = ["adam", "sgd"]
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from expt.ground.errors import ParameterError, UsageError, suggestion
from expt.ground.options import SearchWords, Typed
from expt.ground.text import dotted, python_name
from expt.ground.trials import Dimension, Objective
from expt.ground.value_classes import evolve
from expt.parameters.sweeps import parse_sweep
from expt.parameters.typed_text import parse_name, parse_value, read_toml_value

if TYPE_CHECKING:
    from expt.ground.toml_lines import KeyPath
    from expt.parameters.layers import Where

_KEYS: Final = ("maximize", "minimize", "prune", "sampler", "space", "trials")
_INTERVALS: Final = ("float", "int")
_FORMS: Final = (
    "a list of values, {float=[low, high]}, {int=[low, high]} or {log=[low, high]}; "
    "with log=true or step=…"
)


def read_search(table: Mapping[str, Any], where: Where) -> SearchWords:
    """What `[expt.search]` says. Raises `ParameterError`."""
    for key in table:
        if key not in _KEYS:
            hint = suggestion(key, _KEYS, "keys", whole=True)
            raise ParameterError(f"[expt.search] has no key '{key}'", where((key,)), hint)
    trials, space = table.get("trials"), table.get("space", {})
    if trials is not None and (type(trials) is not int or trials < 0):
        raise ParameterError("'trials' must be a whole number from 1", where(("trials",)))
    if not isinstance(space, Mapping):
        raise ParameterError(
            "'space' must be a table", where(("space",)), "write [expt.search.space]"
        )
    objectives = (
        *_read_objectives(table, "maximize", where),
        *_read_objectives(table, "minimize", where),
    )
    return SearchWords(
        trials=trials,
        objectives=objectives,
        space=tuple(_read_space(space, lambda keys: where(("space", *keys)))),
        sampler=_read_text(table, "sampler", where),
        prune=_read_text(table, "prune", where),
        where=where(()) or "",
    )


def merge_words(weaker: SearchWords, stronger: SearchWords) -> SearchWords:
    """What both say together; of two that speak of one thing, the stronger."""
    searched = {dimension.name for dimension in stronger.space}
    space = (*(one for one in weaker.space if one.name not in searched), *stronger.space)
    said = {
        field: getattr(stronger, field)
        for field in ("trials", "objectives", "sampler", "prune")
        if getattr(stronger, field) not in (None, ())
    }
    where = stronger.where if stronger.trials is not None else weaker.where
    return evolve(weaker, **said, space=space, where=where)


def parse_space(typed: str) -> Dimension:
    """What `--space` was given. Raises `UsageError` or `ParameterError`."""
    at = f"--space {typed}"
    left, equals, text = typed.partition("=")
    if not equals:
        raise UsageError(f"'{typed}' is no dimension: it has no '='", at, f"write NAME={_FORMS}")
    name = dotted(parse_name(left, at))
    value = read_toml_value(text)
    if not isinstance(value, (Mapping, list)):
        points = parse_sweep(typed).points
        value = [parse_value(p.text, Any) if isinstance(p, Typed) else p for p in points]
    return _read_dimension(name, value, at, f"--space {name}")


def parse_objectives(maximize: list[str], minimize: list[str]) -> tuple[Objective, ...]:
    """What `--maximize` and `--minimize` were given."""
    return (
        *(Objective(name, "maximize") for name in maximize),
        *(Objective(name, "minimize") for name in minimize),
    )


def _read_objectives(table: Mapping[str, Any], key: str, where: Where) -> tuple[Objective, ...]:
    names = table.get(key, [])
    names = [names] if isinstance(names, str) else names
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ParameterError(
            f"'{key}' must be a name or a list of names", where((key,)), f'{key} = "results.NAME"'
        )
    maximize, minimize = (names, []) if key == "maximize" else ([], names)
    return parse_objectives(maximize, minimize)


def _read_text(table: Mapping[str, Any], key: str, where: Where) -> str | None:
    value = table.get(key)
    if value is not None and not isinstance(value, str):
        raise ParameterError(f"'{key}' must be a text", where((key,)))
    return value


def _read_space(table: Mapping[str, Any], where: Where, path: KeyPath = ()) -> list[Dimension]:
    space: list[Dimension] = []
    for key, value in table.items():
        keys = (*path, key) if path else (python_name(key),)
        if isinstance(value, Mapping) and not _is_interval(value):
            space += _read_space(value, where, keys)
        else:
            space.append(_read_dimension(dotted(keys), value, where(keys), where(keys)))
    return space


def _is_interval(table: Mapping[str, Any]) -> bool:
    return any(key in table for key in (*_INTERVALS, "log"))


def _read_dimension(name: str, value: Any, at: str | None, where: str | None) -> Dimension:
    """One name of the space; `at` is where a mistake is told, `where` stands in origins."""

    def refuse(why: str) -> ParameterError:
        return ParameterError(f"'{name}' of the space {why}", at, _FORMS)

    if isinstance(value, list):
        if not value:
            raise refuse("has no values")
        return Dimension(name, "choice", choices=tuple(value), where=where)
    if not isinstance(value, Mapping) or not _is_interval(value):
        raise refuse("is no list and no interval")
    table = dict(value)
    log, step = table.pop("log", False), table.pop("step", 0)
    if isinstance(log, list):
        kind, ends, log = "float", log, True
    else:
        kind = next((one for one in _INTERVALS if one in table), "")
        ends = table.pop(kind, None)
    if table or not isinstance(log, bool):
        raise refuse("says more than an interval, log and step")
    if not isinstance(ends, list) or len(ends) != 2 or not all(map(_is_finite, (*ends, step))):
        raise refuse("must have two ends that are numbers")
    low, high = ends
    if kind == "int" and not all(type(number) is int for number in (low, high, step)):
        raise refuse("must have whole numbers")
    if low >= high or step < 0 or (log and low <= 0) or (log and step):
        raise refuse("must have its low end first, above 0 for log, and no step beside log")
    if kind == "int":
        return Dimension(name, "int", low, high, log, step or (0 if log else 1), where=where)
    return Dimension(name, "float", float(low), float(high), log, float(step), where=where)


def _is_finite(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)
