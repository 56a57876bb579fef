"""The executor of `-n 0`: everything in this process, one after the other, as `--pdb` needs it."""

from __future__ import annotations

import contextlib
import signal
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final, Protocol

from expt.executors.death import PlanningDied
from expt.executors.limits import time_limit
from expt.executors.one_worker import GRACE
from expt.executors.wire import raised
from expt.ground.errors import ExptError, UsageError, WorkerError
from expt.ground.messages import ModuleImporting, PlanRequest, RunStarted

_LONGEST: Final = 1e8  # seconds, three years: the most that every system's timer takes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from expt.ground.messages import Event, Request


class Workplace(Protocol):
    """What a worker process has inside, used here without the process."""

    def answer(self, request: Request, /) -> Any: ...
    def close(self) -> None: ...


class InlineExecutor:
    """`submit` works on the request at once; the future is finished when it returns.

    `make_workplace` is given what its events go to. Ctrl-C is Python's own `KeyboardInterrupt`
    inside the run, and so is a run's `timeout`, in seconds: an alarm, which comes again until it
    is heard; the analyses of a session have it too. `plan_timeout` is the same for a request to
    plan, which is an error then.
    """

    def __init__(
        self,
        make_workplace: Callable[[Callable[[Event], None]], Workplace],
        on_event: Callable[[Event], None],
        timeout: float | None = None,
        plan_timeout: float | None = None,
    ) -> None:
        limits = {"--timeout": timeout, "--plan-timeout": plan_timeout}
        asked = [option for option, limit in limits.items() if limit is not None]
        if asked and not _may_set_alarms():
            told = f"'{asked[0]}' cannot be kept here: it takes an alarm of the main thread"
            raise UsageError(told, hint="leave it out, or run with '-n 1'")
        self._workplace = make_workplace(self._hear)
        self._on_event = on_event
        self._timeout = timeout
        self._plan_timeout = plan_timeout
        self._importing: str | None = None
        self._is_late = False

    def submit(self, request: Request, /) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        limit, told = time_limit(request, self._timeout, self._plan_timeout)
        self._importing, self._is_late = None, False
        try:
            with self._heard_alarms():
                if limit is not None:
                    _set_alarm(limit)
                reply = self._workplace.answer(request)
            future.set_result(reply)
        except (ExptError, OSError) as error:
            future.set_exception(raised(error))
        except KeyboardInterrupt:
            if not self._is_late or limit is None:
                raise
            if not isinstance(request, PlanRequest):
                future.set_exception(WorkerError(f"it took longer than {told}"))
                return future
            what = f"the process that imports experiments took longer than {told}"
            where = "while importing this file; nothing was run" if self._importing else None
            future.set_exception(PlanningDied(what, self._importing, where or "nothing was run"))
        return future

    @contextlib.contextmanager
    def _heard_alarms(self) -> Iterator[None]:
        if self._timeout is None and self._plan_timeout is None:
            yield
            return
        usual = signal.getsignal(signal.SIGINT)
        before = signal.signal(signal.SIGALRM, lambda *_: self._tell_late(usual))
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)

    def _tell_late(self, usual: Any) -> None:
        self._is_late = True
        if signal.getsignal(signal.SIGINT) == usual:
            raise KeyboardInterrupt  # the session does not hear of it
        signal.raise_signal(signal.SIGINT)  # whoever holds back a Ctrl-C holds back this one too

    def _hear(self, event: Event) -> None:
        if isinstance(event, RunStarted) and self._timeout is not None:
            _set_alarm(self._timeout)
        if isinstance(event, ModuleImporting):
            self._importing = event.path
        self._on_event(event)

    def interrupt(self, *, kill: bool = False) -> None:
        """Nothing to do: there is nobody else to interrupt."""

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self._workplace.close()


def _set_alarm(seconds: float) -> None:
    signal.setitimer(signal.ITIMER_REAL, min(seconds, _LONGEST), GRACE)


def _may_set_alarms() -> bool:
    return hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
