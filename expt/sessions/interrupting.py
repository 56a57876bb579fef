"""What Ctrl-C, SIGTERM and SIGHUP do to a session; the three mean the same.

until the plan is there   ─► everything ends at once; after a second, whatever holds it up
while it is carried out   first  ─► the current runs end as interrupted, no other begins
                          second ─► they are killed
in this process (-n 0)    first  ─► Python's own `KeyboardInterrupt`, and no other run begins
                          second ─► the same, and the process ends soon, whatever keeps it
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from typing import TYPE_CHECKING, Any, Final, Protocol

from expt.ground.errors import ExitCode
from expt.ground.signal_handlers import INTERRUPTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from expt.ground.options import RunningOptions

_PATIENCE: Final = 2.0  # seconds after a second interrupt until the process ends itself


class PassOn(Protocol):
    """What is to be told of an interrupt; `kill` says that it is not the first."""

    def __call__(self, *, kill: bool) -> None: ...


class Interrupts:
    """Whether an interrupt came, and who is to be told of one.

    `may_exit` says that the process is the session's own: it ends though a plugin does not let go.
    """

    def __init__(self, *, may_exit: bool = False) -> None:
        self.came = False
        self._may_exit = may_exit
        self._ending: threading.Timer | None = None
        self._pass_on: PassOn | None = None

    def pass_on_to(self, pass_on: PassOn | None) -> None:
        """From now on do not raise `KeyboardInterrupt` where one comes, but tell `pass_on`."""
        self._pass_on = pass_on

    def forget(self) -> None:
        """What came was meant for a run, and not for the session."""
        self.came = False
        if self._ending is not None:
            self._ending.cancel()
            self._ending = None

    @contextlib.contextmanager
    def heard(self, running: RunningOptions) -> Iterator[None]:
        """Listen for interrupts, where this thread may: signals are for the main thread."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.getsignal(number) for number in INTERRUPTS}
        for number in INTERRUPTS:
            hear = self._handler(number, before[number], running)
            if hear is not None:
                signal.signal(number, hear)
        try:
            yield
        finally:
            if self._ending is not None:
                self._ending.cancel()
            for number, handler in before.items():
                if handler is not None:
                    signal.signal(number, handler)

    def _handler(
        self, number: int, before: Any, running: RunningOptions
    ) -> Callable[..., Any] | None:
        """Who hears of a signal; None leaves it as it is."""
        if number != signal.SIGINT and before is signal.SIG_IGN:
            return None  # 'nohup expt' is not to hear of it
        if running.workers:
            return self._hear
        if number != signal.SIGINT:  # whoever holds back a Ctrl-C holds back this one too
            return lambda *_: signal.raise_signal(signal.SIGINT)
        then: Callable[..., Any] = before if callable(before) else signal.default_int_handler
        if running.pdb:  # whose prompt takes a Ctrl-C for an empty line
            return then

        def hear(*told: Any) -> None:
            if self.came:
                self._end_soon()
            self.came = True  # an analysis or a teardown that it ends would keep it to itself
            then(*told)

        return hear

    def _hear(self, *_: Any) -> None:
        kill, self.came = self.came, True
        if self._pass_on is None:
            if kill:
                self._end_soon()
            raise KeyboardInterrupt
        # by a thread: a lock may be held by the very code that the signal stopped
        threading.Thread(target=self._pass_on, kwargs={"kill": kill}).start()

    def _end_soon(self) -> None:
        """End the process in a while, whatever keeps it; not one that is somebody else's."""
        if self._may_exit and self._ending is None:
            self._ending = threading.Timer(_PATIENCE, _leave)
            self._ending.daemon = True
            self._ending.start()


def _leave() -> None:
    """End the process whatever its main thread does; the terminal has its cursor back."""
    with contextlib.suppress(OSError), open("/dev/tty", "wb", buffering=0) as terminal:
        terminal.write(b"\x1b[?25h\n")
    os._exit(int(ExitCode.INTERRUPTED))
