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
    for run in runs:
        _stop(run, signal.SIGKILL if asked.kill else signal.SIGINT)
    ended = [_wait(run) for run in runs]
    return int(ExitCode.OK if all(ended) else ExitCode.FAILED)


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


def _wait(run: Run) -> bool:
    """Whether the run ends soon; it is told either way."""
    near = owner_is_alive(run.record.owner)
    deadline = time.monotonic() + (_PATIENCE if near else _FAR_PATIENCE)
    while run.status == "running" and time.monotonic() < deadline:
        time.sleep(_LOOK)
        run = run.reload()
    screen = output()
    if run.status == "running":
        screen.line(
            f"{run.short_id} still runs; 'expt stop --kill {run.short_id}' ends its process"
        )
        return False
    screen.line(f"{run.status}  {run.node_id}  {run.short_id}")
    return True
