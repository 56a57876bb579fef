"""How a run ended: its status and its error, by what it and its teardowns raised.

nothing                         completed           skipped, pruned     calm: no error
a Ctrl-C, or --timeout's end    interrupted, failed         the rest    failed
"""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TYPE_CHECKING

from expt.ground.declarations import Skipped
from expt.ground.value_classes import define, evolve
from expt.parameters.secret_values import is_secret_name
from expt.running.failure import describe_all, describe_error, raised_by_interrupt
from expt.running.pruning import TrialPruned

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from expt.ground.model import Case, ErrorInfo, Status
    from expt.ground.options import Options
    from expt.parameters.masking import Scrub


@define(eq=False)
class Judge:
    """Judges one run, which began at `began` of the monotonic clock; `notice` is told notices.

    `is_pruned` says afterwards whether it was a trial that was given up.
    """

    _case: Case
    _options: Options
    _scrub: Scrub
    _notice: Callable[[str], None]
    began: float
    is_pruned: bool = False

    def judge(
        self, raised: BaseException | None, teardown: Sequence[BaseException]
    ) -> tuple[Status, ErrorInfo | None]:
        """The status and the error of a run that `raised` something, and its teardowns."""
        if raised is None and not teardown:
            return "completed", None
        for error in teardown:
            self.print_traceback(error)
        if isinstance(raised, Skipped) and not teardown:
            self._notice(f"skipped: {raised.reason}" if raised.reason else "skipped")
            return "skipped", None
        if isinstance(raised, TrialPruned) and not teardown:
            self._notice(str(raised))
            self.is_pruned = True
            return "completed", None
        errors = (
            [*teardown] if raised is None or isinstance(raised, Skipped) else [raised, *teardown]
        )
        info = describe_all(errors, self.describe)
        if raised_by_interrupt(errors[0]):
            if late := self.tell_late():
                return "failed", evolve(info, type="TimeoutError", message=f"the run {late}")
            return "interrupted", info
        return "failed", info

    def describe(self, error: BaseException) -> ErrorInfo:
        """What is told of an error, without secrets."""
        is_secret = self._is_secret if self._options.telling.locals else None
        return describe_error(error, self._scrub, is_secret)

    def print_traceback(self, error: BaseException) -> None:
        """Tell of an error in the run's output."""
        with contextlib.suppress(Exception):  # the run may have closed or replaced its stderr
            sys.stderr.write(self.describe(error).traceback)

    def tell_late(self) -> str:
        """That the run is over its time, where it is."""
        limit = self._options.running.timeout
        is_late = limit is not None and time.monotonic() - self.began >= limit
        return f"took longer than --timeout {limit:g}" if is_late else ""

    def _is_secret(self, name: str) -> bool:
        """Whether a local variable is masked: named as secrets are, or as a secret of the case."""
        return is_secret_name(name) or name in {
            part for dotted in self._case.secrets for part in dotted.split(".")
        }
