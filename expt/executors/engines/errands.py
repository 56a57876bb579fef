"""A case at an engine, what the session waits for, and whom the engine's side speaks to."""

from __future__ import annotations

from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Protocol

from expt.ground.value_classes import define

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Callable
    from pathlib import Path

    from expt.executors.death import Death
    from expt.ground.messages import Begin, Event, Request, RunRequest, RunStarted
    from expt.ground.model import Case


class Home(Protocol):
    """The session, as an engine's executor knows it."""

    work_on: Callable[[bytes], bytes]
    """The function that goes through the engine."""
    leave: Callable[[], None]
    """The function that ends the runs of a node that has to go."""

    def begin(self) -> Begin:
        """What every worker is to know."""

    def hear(self, event: Event, /) -> None:
        """Take note of what was said of a case."""

    def bury(self, request: Request, death: Death, /) -> Any:
        """The reply of a request whose node is lost."""

    def miss(self, case_id: str, /) -> None:
        """Know that the hooks of a run have not heard of its end."""

    def find_begun(self, case: Case, /) -> RunStarted | None:
        """The run of a case that this session has begun and that has not ended."""

    def pack(self, case: Case, /) -> tuple[bytes, bytes]:
        """The code and the archives that go with a case. Raises `UsageError`."""

    def take(self, archive: bytes, /) -> Path:
        """Where an archive that came back is now. Raises `ExptError`."""


class Promise(Future[Any]):
    """What a session waits for; to cancel it is to ask that no other case begins."""

    def __init__(self, ask: Callable[[Promise], bool]) -> None:
        super().__init__()
        self._ask = ask

    def cancel(self) -> bool:
        return self.cancelled() or (self._ask(self) and self.drop())

    def drop(self) -> bool:
        """End as cancelled, for those who wait too."""
        dropped = super().cancel()
        if dropped:
            self.set_running_or_notify_cancel()
        return dropped


@define(eq=False)
class Errand:
    """A case at the engine."""

    request: RunRequest
    promise: Promise
    ticket: str
    began: float
    tries: int = 0
    engine: concurrent.futures.Executor | None = None
    theirs: Future[bytes] | None = None
    started: RunStarted | None = None

    @property
    def case_id(self) -> str:
        return self.request.case.id
