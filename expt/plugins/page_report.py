"""`--report FILE`: the page of a session's runs, written when all of them have ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from expt.ground.hookspecs import hook
from expt.ground.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from expt.ground.model import Outcome


class PageReport:
    """Writes `file`, and says so on `stream`. Raises `UsageError` where the page's extra lacks."""

    def __init__(self, stream: TextIO | None, file: Path) -> None:
        from expt.page.bundle import charts

        self._stream = stream
        self._file = file
        charts()  # what is missing is told before anything runs

    @hook(trylast=True)  # when the terminal has said its last
    def expt_session_finished(self, outcomes: Sequence[Outcome]) -> None:
        paths = [outcome.path for outcome in outcomes if outcome.path]
        if not paths:
            return
        from expt.page.frozen import write_report  # numpy is slow to import
        from expt.reading.references import load_archives

        runs = load_archives(paths)
        write_report(runs[::-1], self._file)
        Screen(self._stream).line("report in ", str(self._file))
