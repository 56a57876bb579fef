"""The futures of engines that have none of Python's kind."""

from __future__ import annotations

from concurrent.futures import CancelledError, Future
from typing import Any, Protocol


class _Task(Protocol):
    def result(self) -> Any: ...


class Answered(Future[Any]):
    """A future that its engine settles. It is never cancelled: engines tell that of tasks that run
    on, and a node refuses at once what is not to begin."""

    def cancel(self) -> bool:
        return False

    def take_from(self, task: _Task) -> None:
        """Settle with what a task of the engine, which has ended, came to."""
        try:
            result = task.result()
        except CancelledError as error:
            self.set_exception(RuntimeError(f"the engine cancelled it: {error}"))
        except BaseException as error:
            self.set_exception(error)
        else:
            self.set_result(result)
