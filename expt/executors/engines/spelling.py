"""What `--executor` names: `NAME`, `NAME:ADDRESS` or `module:factory`, with its settings.

    [tool.expt.executors.dask]          settings of a known engine
    address = "tcp://10.0.0.5:8786"

    [tool.expt.executors.pool]          a name of one's own for a factory
    factory = "concurrent.futures:ProcessPoolExecutor"
    max_workers = 4

All of it is checked before anything is planned; an engine's library is imported when there is
something to hand to it.
"""

from __future__ import annotations

import importlib.util
import re
from typing import TYPE_CHECKING, Any, Final

import attrs

from expt.executors.engines.standard import make_standard
from expt.ground.configuration import place_of_key
from expt.ground.errors import ConfigurationError, UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Executor
    from pathlib import Path

OWN: Final = ("workers", "inline")
"""What is no engine: our own worker processes, and this process."""

_FACTORY: Final = re.compile(r"([A-Za-z_][\w.]*):([A-Za-z_][\w.]*)")

_AT_ONCE: Final = 1000
_TEXT: Final = "a text"
_NUMBER: Final = "a whole number from 1"
_SWITCH: Final = "true or false"
_TEXTS: Final = "a table of texts"
_COMMON: Final = {"at_once": _NUMBER, "variables": _TEXTS}


@attrs.frozen
class _Known:
    """An engine that expt has an adapter for."""

    module: str
    """What must be installed."""
    extra: str
    settings: Mapping[str, str]
    make: Callable[[str | None, Mapping[str, Any]], Executor]


_KNOWN: Final[Mapping[str, _Known]] = {}


@attrs.frozen
class Engine:
    """An engine, ready to be made.

    `make` gives its `concurrent.futures.Executor` and may be called again where that breaks.
    `at_once` is how many cases it is handed at once, `variables` what their workers find in the
    environment.
    """

    spelling: str
    make: Callable[[], Executor]
    at_once: int
    variables: Mapping[str, str]


def find_engine(
    spelling: str, configuration: Mapping[str, Any], root: Path, at_once: int | None = None
) -> Engine:
    """The engine that `--executor SPELLING` means; `at_once` is what `-n` says.

    Raises `UsageError` for a name that there is not and for a library that is not installed,
    `ConfigurationError` for settings that mean nothing.
    """
    tables = configuration.get("executors", {})
    name, _, address = spelling.partition(":")
    known = _KNOWN.get(name)
    if known is not None:
        table = tables.get(name, {})
        _check(table, {**_COMMON, **known.settings}, ("executors", name), root)
        _require(known.module, spelling, f"pip install 'expt-runner[{known.extra}]'")
        own = {key: value for key, value in table.items() if key not in _COMMON}
        return _engine(spelling, lambda: known.make(address or None, own), table, at_once)
    table = tables.get(spelling, {})
    factory = table.get("factory", spelling)
    match = _FACTORY.fullmatch(factory) if isinstance(factory, str) else None
    if match is None:
        choices = sorted({*OWN, *_KNOWN, *tables})
        hint = did_you_mean(name, choices) or f"executors: {', '.join(choices)}, or module:factory"
        raise UsageError(f"there is no executor '{spelling}'", f"--executor {spelling}", hint)
    _check(
        {key: table[key] for key in _COMMON if key in table}, _COMMON, ("executors", spelling), root
    )
    module, attribute = match.groups()
    _require(module, spelling, "the name before ':' is a module, as in concurrent.futures:…")
    words = {key: value for key, value in table.items() if key not in ("factory", *_COMMON)}

    def make() -> Executor:
        return make_standard(module, attribute, words, at_once, spelling)

    return _engine(spelling, make, table, at_once)


def _engine(
    spelling: str, make: Callable[[], Executor], table: Mapping[str, Any], at_once: int | None
) -> Engine:
    most: int = at_once or table.get("at_once", _AT_ONCE)
    return Engine(spelling, make, most, table.get("variables", {}))


def _check(
    table: Mapping[str, Any], settings: Mapping[str, str], keys: tuple[str, ...], root: Path
) -> None:
    """Raise `ConfigurationError` for a setting that there is not, or of a wrong type."""
    for key, value in table.items():
        at = place_of_key(root, (*keys, key))
        expected = settings.get(key)
        if expected is None:
            hint = did_you_mean(key, settings) or f"settings: {', '.join(sorted(settings))}"
            raise ConfigurationError(f"'{keys[-1]}' has no setting '{key}'", at, hint)
        if not _is(value, expected):
            raise ConfigurationError(f"'{key}' of '{keys[-1]}' must be {expected}", at)


def _is(value: Any, expected: str) -> bool:
    if expected == _TEXT:
        return isinstance(value, str) and value != ""
    if expected == _SWITCH:
        return isinstance(value, bool)
    if expected == _TEXTS:
        return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _require(module: str, spelling: str, hint: str) -> None:
    """Raise `UsageError` where a module is not there; nothing is imported but its packages."""
    try:
        found = importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        found = False
    if not found:
        raise UsageError(f"'{module}' is not installed", f"--executor {spelling}", hint)
