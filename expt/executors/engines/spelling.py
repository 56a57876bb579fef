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

from expt.executors.engines.standard import make_standard
from expt.ground.configuration import (
    AMOUNT,
    NUMBER,
    SWITCH,
    TABLE,
    TABLE_OF_AMOUNTS,
    TABLE_OF_TEXTS,
    TEXT,
    TEXTS,
    is_of_kind,
    place_of_key,
)
from expt.ground.errors import ConfigurationError, UsageError, did_you_mean, suggestion
from expt.ground.value_classes import evolve, frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Executor
    from pathlib import Path

    Leave = Callable[[], None]

_OWN: Final = ("workers", "inline")
"""What is no engine: our own worker processes, and this process."""

_FACTORY: Final = re.compile(r"([A-Za-z_][\w.]*):([A-Za-z_][\w.]*)")

_AT_ONCE: Final = 1000
_COMMON: Final = {"at_once": NUMBER, "files": TEXTS, "ship": SWITCH, "variables": TABLE_OF_TEXTS}


@frozen
class _Known:
    """An engine that expt has an adapter for."""

    module: str
    """What must be installed."""
    extra: str
    settings: Mapping[str, str]
    make: Callable[[str | None, Mapping[str, Any], Path, Leave], Executor]
    """Of the address, the settings, a folder and what ends the runs of a node."""
    on_disk: bool = False


def _make_dask(address: str | None, settings: Mapping[str, Any], *_: Any) -> Executor:
    from expt.executors.engines.dask_tasks import DaskTasks  # of the extra 'dask'

    return DaskTasks(address, settings)


def _make_ray(address: str | None, settings: Mapping[str, Any], *_: Any) -> Executor:
    from expt.executors.engines.ray_tasks import RayTasks  # of the extra 'ray'

    return RayTasks(address, settings)


def _make_slurm(_: object, settings: Mapping[str, Any], folder: Path, leave: Leave) -> Executor:
    from expt.executors.engines.slurm_jobs import SlurmJobs  # of the extra 'slurm'

    return SlurmJobs(folder / "jobs", settings, leave)


_KNOWN: Final = {
    "dask": _Known(
        "distributed",
        "dask",
        {"address": TEXT, "scheduler_file": TEXT, "workers": NUMBER, "resources": TABLE_OF_AMOUNTS},
        _make_dask,
    ),
    "ray": _Known(
        "ray",
        "ray",
        {
            "address": TEXT,
            "workers": NUMBER,
            **dict.fromkeys(("cpus", "gpus"), AMOUNT),
            "resources": TABLE_OF_AMOUNTS,
        },
        _make_ray,
    ),
    "slurm": _Known(
        "submitit",
        "slurm",
        {
            **dict.fromkeys(("account", "cluster", "partition", "qos"), TEXT),
            **dict.fromkeys(("cases_per_job", "cpus", "gpus", "parallel", "time"), NUMBER),
            "memory": AMOUNT,
            "options": TABLE,
            "setup": TEXTS,
        },
        _make_slurm,
        on_disk=True,
    ),
}


def engine_names() -> list[str]:
    """What `--executor` may be without a module: our own, and the engines with an adapter."""
    return sorted({*_OWN, *_KNOWN})


@frozen
class Engine:
    """An engine, ready to be made.

    `make` gives its `concurrent.futures.Executor`, from a folder that nodes share and
    what ends the runs of a node that has to go; it may be called again where that breaks.
    `at_once` is how many cases it is handed at once, `variables` what their workers find in the
    environment. `on_disk` says that it keeps what it is handed in files. With `ships` its nodes
    share no file system with us: they get the code, and `files` that match these patterns.
    """

    spelling: str
    make: Callable[[Path, Leave], Executor]
    at_once: int
    variables: Mapping[str, str]
    ships: bool = False
    files: tuple[str, ...] = ()
    on_disk: bool = False


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

        def make_known(folder: Path, leave: Leave) -> Executor:
            return known.make(address or None, own, folder, leave)

        engine = _engine(spelling, make_known, table, at_once)
        return evolve(engine, on_disk=known.on_disk)
    table = tables.get(spelling, {})
    factory = table.get("factory", spelling)
    match = _FACTORY.fullmatch(factory) if isinstance(factory, str) else None
    if match is None:
        choices = sorted({*engine_names(), *tables})
        hint = did_you_mean(name, choices) or f"executors: {', '.join(choices)}, or module:factory"
        raise UsageError(f"there is no executor '{spelling}'", f"--executor {spelling}", hint)
    _check(
        {key: table[key] for key in _COMMON if key in table}, _COMMON, ("executors", spelling), root
    )
    module, attribute = match.groups()
    _require(module, spelling, "the name before ':' is a module, as in concurrent.futures:…")
    words = {key: value for key, value in table.items() if key not in ("factory", *_COMMON)}

    def make(*_: Any) -> Executor:
        return make_standard(module, attribute, words, at_once, spelling)

    return _engine(spelling, make, table, at_once)


def _engine(
    spelling: str,
    make: Callable[[Path, Leave], Executor],
    table: Mapping[str, Any],
    at_once: int | None,
) -> Engine:
    most: int = at_once or table.get("at_once", _AT_ONCE)
    ships, files = table.get("ship", False), tuple(table.get("files", ()))
    return Engine(spelling, make, most, table.get("variables", {}), ships, files)


def _check(
    table: Mapping[str, Any], settings: Mapping[str, str], keys: tuple[str, ...], root: Path
) -> None:
    """Raise `ConfigurationError` for a setting that there is not, or of a wrong type."""
    for key, value in table.items():
        at = place_of_key(root, (*keys, key))
        expected = settings.get(key)
        if expected is None:
            hint = suggestion(key, settings, "settings")
            raise ConfigurationError(f"'{keys[-1]}' has no setting '{key}'", at, hint)
        if not is_of_kind(value, expected):
            raise ConfigurationError(f"'{key}' of '{keys[-1]}' must be {expected}", at)


def _require(module: str, spelling: str, hint: str) -> None:
    """Raise `UsageError` where a module is not there; nothing is imported but its packages."""
    try:
        found = importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        found = False
    if not found:
        raise UsageError(f"'{module}' is not installed", f"--executor {spelling}", hint)
