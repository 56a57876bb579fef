"""The requests that wait for a worker, and which of them one gets next."""

from __future__ import annotations

import collections
import itertools
from typing import TYPE_CHECKING, Any, Final

from expt.ground.messages import RunRequest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future

    from expt.ground.messages import Request

AHEAD: Final = 100  # requests of the queue among which a worker chooses


class Waiting:
    """Requests with their futures, in their order; true as long as there are any."""

    def __init__(self) -> None:
        self._queue: collections.deque[tuple[Request, Future[Any]]] = collections.deque()

    def __len__(self) -> int:
        return len(self._queue)

    def append(self, request: Request, future: Future[Any]) -> None:
        """Have a request wait."""
        self._queue.append((request, future))

    def take(
        self, keys: frozenset[str] | None, others: Sequence[frozenset[str]]
    ) -> tuple[Request, Future[Any]]:
        """What a worker is to do next: the first.

        Given the `keys` of the session providers' values that it has, the first whose values it
        has already, or that at least none of the `others` has.
        """
        place = 0
        if keys is not None:
            held = frozenset[str]().union(*others)
            scores = [
                (-len(wanted & keys), len(wanted & held))
                for wanted in (
                    session_keys(request) for request, _ in itertools.islice(self._queue, AHEAD)
                )
            ]
            place = scores.index(min(scores))
        self._queue.rotate(-place)
        taken = self._queue.popleft()
        self._queue.rotate(place)
        return taken

    def take_all(self) -> list[tuple[Request, Future[Any]]]:
        """Everything that waits, which waits no more."""
        waiting = list(self._queue)
        self._queue.clear()
        return waiting

    def cancel(self) -> None:
        """Cancel everything that waits; those who wait for it hear of it now."""
        for _, future in self.take_all():
            if future.cancel():
                future.set_running_or_notify_cancel()


def session_keys(request: Request) -> frozenset[str]:
    """The session providers' values that a request needs."""
    return request.case.session_keys if isinstance(request, RunRequest) else frozenset()
