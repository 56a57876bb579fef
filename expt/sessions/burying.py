"""What becomes of a request whose worker died: the parent's word, in place of the worker's.

PlanRequest    a planning error that names the file that was being imported
RunRequest     the outcome, written into the archive with everything that had been stored
RenderRequest  a notice: the data is where it was; so for a SessionRenderRequest. What was half
               drawn is removed
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from expt.executors.death import PlanningDied
from expt.ground import messages
from expt.ground.errors import PlanningError
from expt.ground.layout import PLOTS_DIR, SESSIONS_DIR
from expt.ground.model import ErrorInfo, Outcome
from expt.ground.options import runs_root

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from expt.executors.death import Death
    from expt.ground.messages import Begin, Request, RunStarted
    from expt.ground.model import Case, Status
    from expt.sessions.books import Books


class Undertaker:
    """Buries requests; knows which runs ended without their hooks hearing of it."""

    def __init__(self, begin: Callable[[], Begin], books: Books) -> None:
        self._begin = begin
        self._books = books
        self.unheard: set[str] = set()

    def bury(self, request: Request, death: Death) -> Any:
        """The reply of a request that its worker will not give, or a raised `ExptError`."""
        if isinstance(request, messages.RunRequest):
            return self._bury_run(request.case, death)
        if isinstance(request, messages.AnnounceRequest):
            return None
        if isinstance(request, messages.RenderRequest):
            from expt.rendering.beside import remove_left  # few renderers die

            remove_left(Path(request.path) / PLOTS_DIR)
            why = f"the renderer {death.how}; 'expt render' tries again"
            return messages.RunRendered(request.path, (), (why,))
        if isinstance(request, messages.SessionRenderRequest):
            from expt.rendering.beside import remove_left  # as above

            remove_left(runs_root(self._begin().options) / SESSIONS_DIR / request.session_id)
            why = f"the pictures of the session are not made: the renderer {death.how}"
            return messages.SessionRendered(request.session_id, (), (why,))
        if isinstance(request, messages.SessionAnalysisRequest):
            why = f"the analyses of the session are not finished: the worker {death.how}"
            return messages.SessionRendered(request.session_id, (), (why,))
        raise self._planning_error(death)

    def bury_failed(self, case: Case, error: ErrorInfo) -> Outcome:
        """The outcome of a run that its worker gave up, and that may not have said so on disk."""
        finished = self._books.finished(case.id)
        if finished is not None:
            return finished.outcome
        started = self._books.started(case.id)
        if started is None:  # no archive could be made
            outcome = Outcome(case.id, "", "", "failed", 0.0, error=error)
        else:
            try:
                outcome = self._write(case, started, "failed", error)
            except OSError:  # what the worker could not write, we cannot
                path = started.path if Path(started.path).exists() else ""
                outcome = Outcome(case.id, started.run_id, path, "failed", 0.0, error=error)
        self._books.hear(messages.RunFinished(case.id, outcome))
        return outcome

    def _bury_run(self, case: Case, death: Death) -> Outcome:
        status: Status = "failed"
        if death.asked == "interrupted":
            status = "interrupted"
            error = ErrorInfo("KeyboardInterrupt", "killed by a second Ctrl-C")
        elif death.asked == "timeout":
            limit = self._begin().options.running.timeout or 0.0
            error = ErrorInfo("TimeoutError", f"the run took longer than --timeout {limit:g}")
        else:
            error = ErrorInfo("WorkerDied", f"the worker {death.how}")
        outcome = self._write(case, death.started, status, error, death.seconds, death.usage)
        if self._books.finished(case.id) is None:
            self._books.hear(messages.RunFinished(case.id, outcome))
        if not self._books.is_announced(case.id) and death.asked != "interrupted":
            self.unheard.add(case.id)
        return outcome

    def _write(
        self,
        case: Case,
        started: RunStarted | None,
        status: Status,
        error: ErrorInfo,
        seconds: float = 0.0,
        usage: Mapping[str, Any] | None = None,
    ) -> Outcome:
        from expt.running.outcomes import write_dead_outcome  # imports numpy, and few workers die

        return write_dead_outcome(case, self._begin(), started, status, error, seconds, usage or {})

    def _planning_error(self, death: Death) -> PlanningError:
        limit = self._begin().options.running.plan_timeout
        how = death.how
        if death.asked == "interrupted":
            return PlanningError("planning was interrupted")
        if death.asked == "timeout" and limit is not None:
            how = f"took longer than --plan-timeout {limit:g}"
        return PlanningDied(
            f"the process that imports experiments {how}",
            death.importing,
            "while importing this file; nothing was run" if death.importing else "nothing was run",
        )
