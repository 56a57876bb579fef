"""How a worker ended in the middle of a request, for those who bury it."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from expt.ground.value_classes import frozen

if TYPE_CHECKING:
    from expt.ground.messages import Request, RunStarted

UNREACHABLE: Final = "closed its connection to the session, and was ended"
UNREADABLE: Final = "sent what cannot be read, and was ended"


@frozen
class Death:
    """How a worker ended in the middle of a request.

    `code` is its exit code, negative for a signal, None where nobody saw it; `asked` says why the
    parent ended it: "interrupted", "timeout", or None where nobody asked; `why` tells what no
    exit code does.
    """

    pid: int
    code: int | None
    started: RunStarted | None
    importing: str | None
    asked: str | None
    seconds: float
    why: str = ""

    @property
    def how(self) -> str:
        """`was killed by SIGSEGV` or `ended with exit code 3`."""
        if self.why:
            return self.why
        if self.code is None:
            return "ended, and nobody saw how"
        if self.code >= 0:
            return f"ended with exit code {self.code}"
        with contextlib.suppress(ValueError):
            return f"was killed by {signal.Signals(-self.code).name}"
        return f"was killed by signal {-self.code}"


Bury = Callable[["Request", Death], Any]
"""Gives the reply of a request whose worker died, or raises `ExptError`."""
