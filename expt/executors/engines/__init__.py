"""Engines: somebody else's executors, behind the same shape as our own.

    RunRequest ─► parcel, bytes ─► engine ─► node: our own worker ─► bytes, parcel ─► Outcome
    all else   ─► a worker here

    spelling ─► Engine       what `--executor` names, with its settings checked
    Engine   ─► make()       a `concurrent.futures.Executor`
    mailbox                  the folder by which a session and its nodes speak in between

What an engine is asked for is little: `submit`, a future, `shutdown`. One function goes through
it, from bytes to bytes, which never raises and runs no code of the user's in the engine's process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from expt.ground.surface import surface

if TYPE_CHECKING:
    from expt.executors.engines.detached import Detached, find_detached
    from expt.executors.engines.engine_executor import EngineExecutor
    from expt.executors.engines.mailbox import Mailbox, Stop, Ticket
    from expt.executors.engines.parcels import Parcel, Returned, read_parcel, write_returned
    from expt.executors.engines.spelling import Engine, engine_names, find_engine

__all__ = [
    "Detached",
    "Engine",
    "EngineExecutor",
    "Mailbox",
    "Parcel",
    "Returned",
    "Stop",
    "Ticket",
    "engine_names",
    "find_detached",
    "find_engine",
    "read_parcel",
    "write_returned",
]

if not TYPE_CHECKING:  # which knows the names above, and no others
    __getattr__ = surface(
        __name__,
        {
            "expt.executors.engines.detached": "Detached find_detached",
            "expt.executors.engines.engine_executor": "EngineExecutor",
            "expt.executors.engines.mailbox": "Mailbox Stop Ticket",
            "expt.executors.engines.parcels": "Parcel Returned read_parcel write_returned",
            "expt.executors.engines.spelling": "Engine engine_names find_engine",
        },
    )
