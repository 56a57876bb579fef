"""The executor of `-n 0`: everything in this process, one after the other, as `--pdb` needs it."""

from __future__ import annotations

from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Protocol

from expt.executors.wire import raised
from expt.ground.errors import ExptError

if TYPE_CHECKING:
    from expt.ground.messages import Request


class Workplace(Protocol):
    """What a worker process has inside, used here without the process."""

    def answer(self, request: Request, /) -> Any: ...
    def close(self) -> None: ...


class InlineExecutor:
    """`submit` works on the request at once; the future is finished when it returns.

    Ctrl-C is Python's own `KeyboardInterrupt` inside the run.
    """

    def __init__(self, workplace: Workplace) -> None:
        self._workplace = workplace

    def submit(self, request: Request, /) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        try:
            future.set_result(self._workplace.answer(request))
        except (ExptError, OSError) as error:
            future.set_exception(raised(error))
        return future

    def interrupt(self, *, kill: bool = False) -> None:
        """Nothing to do: there is nobody else to interrupt."""

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self._workplace.close()
