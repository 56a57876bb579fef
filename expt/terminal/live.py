"""What goes on at this moment, as the lines of the region."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from expt.ground.messages import (
    ModuleImporting,
    RunFinished,
    RunProgressed,
    RunRendered,
    RunStarted,
)
from expt.ground.screen import fit
from expt.ground.text import human_duration, visible
from expt.terminal.endings import NameColumn, count_text
from expt.terminal.progress import CurrentRun, seconds_left

if TYPE_CHECKING:
    from expt.ground.messages import Event
    from expt.ground.model import Plan
    from expt.ground.screen import Screen

_SHOWN_AFTER: Final = 0.25  # seconds: what is over sooner is not worth a line that goes away
_ROWS_LEFT: Final = 4  # of the window's height, for what stands above and below


class LiveView:
    """Takes in events and tells them as lines: current runs, and the session as a whole."""

    def __init__(self, screen: Screen, began: float, *, renders: bool) -> None:
        self._screen = screen
        self._began = began
        self._renders = renders
        self._planned = 0
        self._importing: str | None = None
        self._current: dict[str, CurrentRun] = {}
        self._counts: Counter[str] = Counter()
        self._rendered = 0
        self._first_start = 0.0
        self.names = NameColumn()

    def take_plan(self, plan: Plan) -> None:
        """Know how many cases there will be, and what to call them."""
        self._planned = len(plan.cases)
        self._importing = None
        self.names = NameColumn.of([case.id for case in plan.cases], self._screen.width or 80)

    def take_in(self, event: Event, now: float) -> None:
        """Know what has just happened."""
        if isinstance(event, RunStarted):
            self._importing = None
            self._first_start = self._first_start or now
            self._current[event.case_id] = CurrentRun(event, now)
        elif isinstance(event, RunProgressed):
            if event.case_id in self._current:
                self._current[event.case_id].move_on(event, now)
        elif isinstance(event, RunFinished):
            self._current.pop(event.case_id, None)
            self._counts[event.outcome.status] += 1
        elif isinstance(event, RunRendered):
            self._rendered += 1
        elif isinstance(event, ModuleImporting):
            self._importing = event.path

    def lines(self, now: float) -> list[tuple[str, str]]:
        """The most recent runs that fit and a line for the session, each plain and painted."""
        width = (self._screen.width or 80) - 1
        drawn = [run for run in self._current.values() if now - run.began >= _SHOWN_AFTER]
        room = max(self._screen.height - _ROWS_LEFT, 1)
        shown = drawn[-room:]
        for run in shown:
            run.read_series()
        rows = [run.line(self._screen, now, self.names, width) for run in shown]
        if len(drawn) > room:
            rows.append(self._dim(f"  + {len(drawn) - room} more", width))
        if now - self._began >= _SHOWN_AFTER and (bottom := self._bottom_line(now)):
            rows.append(self._dim(bottom, width))
        return rows

    def _dim(self, text: str, width: int) -> tuple[str, str]:
        plain = fit(text, width)
        return plain, self._screen.paint(plain, "dim")

    def _bottom_line(self, now: float) -> str:
        """What the session as a whole is at."""
        elapsed = human_duration(now - self._began)
        ended = self._counts.total()
        importing = "" if self._importing is None else f"importing {visible(self._importing)}"
        if not self._planned:
            return f"{importing}  {elapsed}" if importing else ""
        if not self._current and ended >= self._planned:
            waiting = self._renders and self._rendered < ended
            done = f"{self._rendered} of {ended}"
            return f"rendering pictures: {done} archives  {elapsed}" if waiting else ""
        if self._planned < 2:
            return importing
        parts = [f"{ended} of {self._planned}", count_text(self._counts), elapsed, self._left(now)]
        parts.append("" if self._current else importing)
        return " · ".join(part for part in parts if part)

    def _left(self, now: float) -> str:
        ran = self._counts.total() - self._counts["skipped"]
        to_go = self._planned - self._counts.total()
        each = (now - self._first_start) / max(ran, 1)
        return f"about {seconds_left(each * to_go)} left" if ran and to_go else ""
