"""`expt stop REF…`: a running run ends as interrupted, with all its data; its session goes on."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING, Any, Final

from expt.archive.owner import ask_to_stop, owner_is_alive
from expt.cli.parser import Parser, add_root
from expt.ground.errors import ExitCode, UsageError
from expt.ground.screen import output
from expt.reading.references import find_archive_root, load_run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from expt.reading.run import Run

_PATIENCE: Final = 10.0  # seconds for a run to end
_FAR_PATIENCE: Final = 30.0  # where its machine looks once a second, and its disk is far
_LOOK: Final = 0.1


def main(words: list[str]) -> int:
    """Interrupt the named runs, and wait for their ends."""
    parser = Parser(prog="expt stop", description="End running runs as interrupted.")
    add: Any = parser.add_argument
    add("references", metavar="REF", nargs="+", help="runs that are running")
    add("--kill", action="store_true", help="end their processes at once")
    add_root(parser)
    asked = parser.parse_args(words)
    root = find_archive_root(asked.runs)
    runs = [load_run(reference, root) for reference in asked.references]
    for run in runs:
        if run.status != "running":
            raise UsageError(f"the run {run.short_id} is {run.status}", run.node_id, "expt status")
    ended = end_runs(runs, signal.SIGKILL if asked.kill else signal.SIGINT)
    output().lines([_told(run)] for run in ended)
    return int(ExitCode.FAILED if any(run.status == "running" for run in ended) else ExitCode.OK)


def end_runs(runs: Sequence[Run], number: int) -> list[Run]:
    """Send each a signal, and wait for their ends: as they are then. Raises `UsageError`."""
    for run in runs:
        _stop(run, number)
    return [_wait(run) for run in runs]


def _told(run: Run) -> str:
    if run.status == "running":
        return f"{run.short_id} still runs; 'expt stop --kill {run.short_id}' ends its process"
    return f"{run.status}  {run.node_id}  {run.short_id}"


def _stop(run: Run, number: int) -> None:
    """Send the signal, or ask whoever runs it on another machine to send it."""
    near = owner_is_alive(run.record.owner)
    try:
        ask_to_stop(run.path, None if near else number)
    except OSError as error:
        raise UsageError(f"the run {run.short_id} is not yours", str(error)) from error
    if not near:
        return
    try:
        os.kill(run.record.pid, number)
        os.kill(run.record.pid, signal.SIGCONT)  # else a stopped one would not hear of it
    except ProcessLookupError:
        pass
    except PermissionError as error:
        raise UsageError(f"the run {run.short_id} is not yours", str(error)) from error


def _wait(run: Run) -> Run:
    near = owner_is_alive(run.record.owner)
    deadline = time.monotonic() + (_PATIENCE if near else _FAR_PATIENCE)
    while run.status == "running" and time.monotonic() < deadline:
        time.sleep(_LOOK)
        run = run.reload()
    return run
