"""One worker process, as its executor knows it."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from typing import TYPE_CHECKING, Any, Final

from expt.executors.death import Death
from expt.executors.waiting import session_keys
from expt.ground.processes import kill_group
from expt.ground.value_classes import define

if TYPE_CHECKING:
    from concurrent.futures import Future

    from expt.executors.death import Usage
    from expt.executors.wire import Connection
    from expt.ground import messages
    from expt.ground.messages import Begin, Request

GRACE: Final = 5.0  # seconds between asking a run that is over its time to end, and ending it
_UNTIL_REMINDED: Final = 0.25  # seconds between asking it, and reminding it


@define(eq=False)
class OneWorker:
    """A worker process: what it does, what it has, and what it was asked for."""

    pid: int
    connection: Connection
    slot: int = 0
    keys: frozenset[str] = frozenset()  # of the session providers' values that it has
    begun: Begin | None = None
    request: Request | None = None
    future: Future[Any] | None = None
    ahead: tuple[Request, Future[Any]] | None = None  # given to it before it was done with that
    began: float = 0.0
    deadline: float | None = None
    remind_at: float | None = None  # when it is to be told again that it was interrupted
    started: messages.RunStarted | None = None
    importing: str | None = None
    asked: str | None = None
    why: str = ""  # it is ended, for a reason that its exit code will not tell
    closed: bool = False  # its connection has ended; the exit code is still to come
    killed: bool = False

    def begin(self, request: Request, future: Future[Any], limit: float | None) -> None:
        """Take down what it does from now on, and for how many seconds it may."""
        self.request, self.future = request, future
        self.keys = session_keys(request)
        self.began = time.monotonic()
        self.deadline = None if limit is None else self.began + limit
        self.started = self.importing = self.asked = self.remind_at = None

    def go_on(self, limit: float | None) -> None:
        """It does what it was given ahead; if it was interrupted before, it still is."""
        assert self.ahead is not None  # noqa: S101 - that is why
        ahead, self.ahead = self.ahead, None
        interrupted = self.asked == "interrupted"
        self.begin(*ahead, limit)
        self.asked = "interrupted" if interrupted else None

    def kill(self) -> None:
        """End it now; its exit code should come soon, and will not be waited for much longer."""
        kill_group(self.pid)
        self.killed = True
        self.deadline = time.monotonic() + GRACE

    def interrupt(self) -> None:
        """Ask it to end what it does, and let it go on if it was stopped: else it would not hear.

        It is reminded in a moment, should it not have heard.
        """
        self.remind_at = time.monotonic() + _UNTIL_REMINDED
        self.signal(signal.SIGINT, signal.SIGCONT)

    def signal(self, *numbers: int) -> None:
        """Send it each; nothing where it is gone."""
        for sent in numbers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, sent)

    def death(self, code: int | None, used: Usage | None = None) -> Death:
        seconds = time.monotonic() - self.began
        asked, why = self.asked, self.why
        return Death(self.pid, code, self.started, self.importing, asked, seconds, why, used)
