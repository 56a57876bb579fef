"""How a worker ended in the middle of a request, for those who bury it."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from expt.ground.errors import PlanningError
from expt.ground.layout import CONFTEST_FILE
from expt.ground.value_classes import frozen

if TYPE_CHECKING:
    from expt.ground.messages import Request, RunStarted
    from expt.ground.model import Experiment

UNREACHABLE: Final = "closed its connection to the session, and was ended"
UNREADABLE: Final = "sent what cannot be read, and was ended"


class Usage(NamedTuple):
    """What a process used in its whole life: the most memory at once (bytes), seconds of CPU."""

    peak_memory: int
    cpu_time: float


def read_usage(told: Any) -> Usage:
    """Of what `os.wait4` tells."""
    unit = 1 if sys.platform == "darwin" else 1024
    return Usage(int(told.ru_maxrss) * unit, told.ru_utime + told.ru_stime)


@frozen
class Death:
    """How a worker ended in the middle of a request.

    `code` is its exit code, negative for a signal, None where nobody saw it; `asked` says why the
    parent ended it: "interrupted", "timeout", or None where nobody asked; `why` tells what no
    exit code does; `used` what it used in its life, where the system told it.
    """

    pid: int
    code: int | None
    started: RunStarted | None
    importing: str | None
    asked: str | None
    seconds: float
    why: str = ""
    used: Usage | None = None

    @property
    def usage(self) -> dict[str, Any]:
        """As in `run.json`: the most memory of the process, CPU time since its run began."""
        if self.used is None or self.started is None:
            return {}
        cpu_time = max(0.0, self.used.cpu_time - self.started.cpu_time)
        return {"peak_memory": self.used.peak_memory, "cpu_time": round(cpu_time, 6)}

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


class PlanningDied(PlanningError):
    """The worker that planned died, or took too long; `at` is the file that it was importing."""

    def concerns(self, experiment: Experiment) -> bool:
        """Whether an experiment cannot be planned without that file."""
        folder, _, name = (self.at or "").rpartition("/")
        is_above = f"{experiment.folder}/".startswith(f"{folder}/" if folder else "")
        return self.at in (experiment.place, experiment.path) or (
            name == CONFTEST_FILE and is_above
        )
