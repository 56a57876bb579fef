"""The process of a worker: messages in, answers out, and when a Ctrl-C may come in between.

receive ─► Equip     into the environment
           Begin     kept
           Request   worked on, with Ctrl-C let through     ─► Answer
           CLOSE     session providers are torn down        ─► the process ends
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import socket
import sys
import tempfile
import traceback
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, TextIO

from expt.executors.limits import thread_limits
from expt.executors.starting import SpawnStarter, make_starter
from expt.executors.wire import Connection, raised
from expt.executors.workers import CLOSE
from expt.ground.errors import ExptError, PlanningError, WorkerError
from expt.ground.messages import Answer, Begin, Equip, Notice, PlanRequest
from expt.ground.signal_handlers import IGNORED, WAKING_SIGNAL, set_handler
from expt.sessions.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from expt.executors.starting import Starter
    from expt.ground.messages import Request
    from expt.ground.options import Options


def start_first_worker(options: Options, *, spawn: bool = False) -> Starter | None:
    """Let a worker begin to import what it needs while this process goes on."""
    if options.running.workers == 0:
        return None
    starter = starter_of(options, spawn=spawn)
    starter.start_ahead("run")
    return starter


def starter_of(options: Options, *, spawn: bool) -> Starter:
    """What starts the workers of a session; `spawn` starts new interpreters."""
    limits = thread_limits(options.running.workers, os.environ)
    return SpawnStarter(limits) if spawn else make_starter(serve, limits)


def serve(connection: Connection, role: str) -> None:
    """Answer requests until the parent says close, or is gone."""
    warm_up(role)
    gc.freeze()  # what was imported stays: the collector need not look through it every time
    gate = _InterruptGate()
    with _outside_output(connection):
        worker = Worker(connection.send, draws=role != "run")
        with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
            while (message := _receive(connection)) != CLOSE:
                if isinstance(message, Equip):
                    os.environ.update(message.variables)
                    continue
                if isinstance(message, Begin):
                    worker.begin(message)
                    continue
                with gate:
                    answer = _answer(worker, message)
                connection.send(answer)
        with gate, contextlib.suppress(KeyboardInterrupt):
            worker.close()


def _receive(connection: Connection) -> Any:
    """The next request; an unreadable one is answered as the error that it is."""
    while True:
        try:
            return connection.receive()
        except ExptError as error:
            connection.send(Answer(error=error))


def _answer(worker: Worker, request: Request) -> Answer:
    pid = os.getpid()
    try:
        return Answer(worker.answer(request))
    except (ExptError, OSError) as error:
        return Answer(error=raised(error))
    except KeyboardInterrupt:
        if isinstance(request, PlanRequest):
            raised_there = PlanningError("KeyboardInterrupt was raised", worker.importing)
            return Answer(error=raised_there)
        return Answer(error=WorkerError("interrupted"))
    except BaseException as error:
        told = "".join(traceback.format_exception(error))
        return Answer(error=WorkerError(f"a worker failed: {error!r}", None, told))
    finally:
        if os.getpid() != pid:
            os._exit(0)


class _InterruptGate:
    """SIGINT and SIGTERM raise `KeyboardInterrupt` inside a request, and do nothing outside."""

    def __init__(self) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        set_handler(WAKING_SIGNAL, lambda *_: None)

    def __enter__(self) -> None:
        set_handler(signal.SIGINT, signal.default_int_handler)

    def __exit__(self, *_: object) -> None:
        set_handler(signal.SIGINT, IGNORED)


_WARM_UP: Final = {
    "run": ("expt.planning.planner", "expt.running.case", "expt.running.surroundings"),
    "render": ("expt.rendering.renderer", "expt.drawing.sheets", "expt.rendering.plots"),
    "script": ("expt.rendering.renderer", "expt.rendering.script"),
}
"""What every request of a role needs; imported while the parent is still looking around."""


def warm_up(role: str) -> None:
    """Import what every request of a role needs, so that no run's time is spent on it."""
    if role == "render":
        os.nice(5)
        os.environ["MPLBACKEND"] = "agg"  # for plugins too; the user's may not be installed
    for name in _WARM_UP[role]:
        with contextlib.suppress(Exception):  # the request that needs it tells why
            import_module(name)


@contextlib.contextmanager
def _outside_output(connection: Connection) -> Iterator[None]:
    """What is printed outside of any run (at import, say) becomes a notice at the end of it."""
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        sys.stdout, sys.stderr = _open_text(1), _open_text(2)
        yield
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
            file.seek(0)
            text = file.read(10_000).decode("utf-8", "replace").strip()
            if text:
                connection.send(Notice(f"printed outside of any run:\n{text}"))


def _open_text(descriptor: int) -> TextIO:
    return open(
        descriptor, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False
    )


def _end_with_parent() -> None:
    """Have the system kill this process when the one that started it is gone, where it can.

    A forked worker has the helper for that.
    """
    import ctypes  # slow, and only where workers are spawned

    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


_PR_SET_PDEATHSIG: Final = 1


def main(arguments: list[str]) -> None:
    """`python -m expt.sessions.serving FD ROLE`: a spawned worker."""
    fd, role = int(arguments[0]), arguments[1]
    if hasattr(signal, "pthread_sigmask"):  # an engine's threads may block what ends a run
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM, WAKING_SIGNAL})
    _end_with_parent()
    try:
        serve(Connection(socket.socket(fileno=fd)), role)
    finally:
        os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
