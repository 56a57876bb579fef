"""What becomes of a request whose worker died: the parent's word, in place of the worker's.

PlanRequest    a planning error that names the file that was being imported
RunRequest     the outcome, written into the archive with everything that had been stored
RenderRequest  a notice: the data is where it was; so for a SessionRenderRequest
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from expt.ground.errors import PlanningError
from expt.ground.layout import CONFTEST_FILE
from expt.ground.messages import (
    RenderRequest,
    RunRendered,
    SessionRendered,
    SessionRenderRequest,
)
from expt.ground.model import ErrorInfo

if TYPE_CHECKING:
    from expt.executors import Death
    from expt.ground.messages import Request, RunRequest
    from expt.ground.model import Experiment, Outcome, Plan, Status


class PlanningDied(PlanningError):
    """The worker that planned died, or took too long; `at` is the file that it was importing."""

    def concerns(self, experiment: Experiment) -> bool:
        """Whether an experiment cannot be planned without that file."""
        folder, _, name = (self.at or "").rpartition("/")
        is_above = f"{experiment.folder}/".startswith(f"{folder}/" if folder else "")
        return self.at in (experiment.place, experiment.path) or (
            name == CONFTEST_FILE and is_above
        )


def bury_planning(request: Request, death: Death) -> Plan:
    """The mistake that a worker's death at planning is."""
    if death.asked == "interrupted":
        raise PlanningError("planning was interrupted")
    how = death.how
    if death.asked == "timeout":
        how = f"took longer than --plan-timeout {request.options.running.plan_timeout:g}"
    raise PlanningDied(
        f"the process that imports experiments {how}",
        death.importing,
        "while importing this file; nothing was run" if death.importing else "nothing was run",
    )


def bury_rendering(request: Request, death: Death) -> RunRendered | SessionRendered:
    """A dead renderer is a notice: the data is where it was."""
    if isinstance(request, SessionRenderRequest):
        told = f"the pictures of the session are not made: the renderer {death.how}"
        return SessionRendered(request.session_id, (), (told,))
    path = request.path if isinstance(request, RenderRequest) else ""
    return RunRendered(path, (), (f"the renderer {death.how}; 'expt render' tries again",))


def bury_run(request: RunRequest, death: Death) -> Outcome:
    """Write the outcome of a run whose worker died."""
    from expt.running import write_dead_outcome  # imports numpy, and few workers die

    status: Status = "failed"
    if death.asked == "interrupted":
        status, error = "interrupted", ErrorInfo("KeyboardInterrupt", "killed by a second Ctrl-C")
    elif death.asked == "timeout":
        limit = request.options.running.timeout or 0.0
        error = ErrorInfo("TimeoutError", f"the run took longer than --timeout {limit:g}")
    else:
        error = ErrorInfo("WorkerDied", f"the worker {death.how}")
    path = None if death.started is None else Path(death.started.path)
    return write_dead_outcome(request, path, status, error, death.seconds)
