"""pytest for computational experiments: find, run, archive, reload and compare them.

The names below are the whole public surface. Each is imported on first use, so that
`import expt` in an experiment costs nothing that it does not ask for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from expt.api import load, main, run, runs, session
    from expt.ground.declarations import (
        Kept,
        Secret,
        extends,
        mark,
        needs,
        on,
        provider,
        skip,
        stop,
        sweep,
    )
    from expt.ground.errors import ExptError
    from expt.ground.hookspecs import hook
    from expt.ground.model import Track
    from expt.ground.version import __version__ as __version__
    from expt.reading.run import Run
    from expt.reading.runs import Runs

_NAMES = {
    "expt.api": ("load", "main", "run", "runs", "session"),
    "expt.ground.declarations": (
        *("Kept", "Secret", "extends", "mark", "needs", "on", "provider", "skip", "stop", "sweep"),
    ),
    "expt.ground.errors": ("ExptError",),
    "expt.ground.hookspecs": ("hook",),
    "expt.ground.model": ("Track",),
    "expt.ground.version": ("__version__",),
    "expt.in_ipython": ("load_ipython_extension", "unload_ipython_extension"),
    "expt.reading.run": ("Run",),
    "expt.reading.runs": ("Runs",),
}
_HOMES = {name: home for home, names in _NAMES.items() for name in names}

__all__ = [
    "ExptError", "Kept", "Run", "Runs", "Secret", "Track", "extends", "hook", "load", "main",
    "mark", "needs", "on", "provider", "run", "runs", "session", "skip", "stop", "sweep",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'expt' has no attribute '{name}'")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
