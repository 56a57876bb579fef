"""What goes on at this moment: each run, and the session as a whole with the time that is left."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final

from expt.ground import messages
from expt.ground.layout import SERIES_DIR
from expt.ground.screen import STATUS_STYLES, side_by_side, styled
from expt.ground.spread import mean
from expt.ground.text import (
    case_text,
    counted,
    direction,
    human_duration,
    number_text,
    own_last,
    spark,
    without_shared_folder,
)
from expt.ground.value_classes import define
from expt.parameters.secret_values import masked_case
from expt.terminal.endings import MARKS, WIDE
from expt.terminal.sweep_table import numbers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import RenderableType
    from rich.text import Text

    from expt.archive.progress_file import HowFar
    from expt.ground.messages import Event
    from expt.ground.model import Case, Outcome, Plan
    from expt.ground.screen import Line
    from expt.reading.series.tail import SeriesTail

_SHOWN_AFTER: Final = 0.25  # seconds: what is over sooner is not worth a line that goes away
_ROWS_LEFT: Final = 7  # of the window's height, for what stands above and below
_LOOPS: Final = 16  # loops of a run that are remembered: some are left by a break
_SPARK: Final = 12
_NAME_WIDTH: Final = 40  # columns from which names do not stand below each other


def case_names(cases: Sequence[Case]) -> dict[str, str]:
    """What screens call each case: its values; of several experiments, whose it is before them."""
    experiments = without_shared_folder(case.experiment.id for case in cases)
    names = {}
    for case in map(masked_case, cases):
        told = case_text(case.axes) or case.label or ""
        short = experiments[case.experiment.id]
        names[case.id] = told if told and len(experiments) == 1 else f"{short} {told}".rstrip()
    return names


@define
class Loop:
    """One `progress(…)`: how far it is, and how far it was when it was first heard of."""

    label: str
    total: int | None
    done: int
    began: float
    first: int

    @property
    def unfinished(self) -> bool:
        return self.total is None or self.done < self.total

    def left(self, now: float) -> float | None:
        """Seconds to go at the rate so far; None where that cannot be said."""
        moved = self.done - self.first
        if self.total is None or moved <= 0 or not self.unfinished:
            return None
        return (now - self.began) / moved * (self.total - self.done)


class CurrentRun:
    """Between its `RunStarted` and its `RunFinished`."""

    def __init__(self, event: messages.RunStarted, now: float) -> None:
        self.case_id = event.case_id
        self.path = event.path
        self.began = now
        self.making: str | None = None
        self._making_since = now
        self._setup = 0.0
        self._loops: dict[tuple[str, int | None], Loop] = {}
        self._tail: SeriesTail | None = None
        self._values: dict[str, list[float]] = {}
        self._spinner: RenderableType = ""

    def make(self, event: messages.ProviderMaking, now: float) -> None:
        """Take in that a session provider is being made, or was."""
        self.making = event.provider if event.seconds is None else None
        self._making_since = now
        self._setup += event.seconds or 0.0

    def ran(self, now: float) -> float:
        """Seconds without what session providers took."""
        making = now - self._making_since if self.making else 0.0
        return max(now - self.began - self._setup - making, 0.0)

    def move_on(self, event: messages.RunProgressed, now: float) -> None:
        """Take in what `progress` reports. A loop that begins anew is timed anew."""
        key = (event.label, event.total)
        loop = self._loops.get(key)
        if loop is None or event.done < loop.done:
            if len(self._loops) >= _LOOPS:
                del self._loops[list(self._loops)[1]]
            self._loops[key] = Loop(event.label, event.total, event.done, now, event.done)
        else:
            loop.done = event.done

    @property
    def loop(self) -> Loop | None:
        """The outermost loop that has not ended."""
        loops = list(self._loops.values())
        return next((loop for loop in loops if loop.unfinished), loops[-1] if loops else None)

    def read_series(self) -> None:
        """Look for new scalars in the archive."""
        if self._tail is None:
            # Slow to import, and not before there is something to read
            from expt.reading.series.tail import SeriesTail

            self._tail = SeriesTail(Path(self.path) / SERIES_DIR)
        try:
            latest = self._tail.poll()
        except OSError:  # removed under our hands
            return
        for name, (_, last) in latest.items():
            if isinstance(last, (int, float)):
                seen = self._values.setdefault(name, [])
                if not seen or seen[-1] != last:
                    seen.append(last)
                if len(seen) > 8 * _SPARK:
                    del seen[1::2]

    def values(self) -> Line:
        """`loss 0.0065 ▇▅▃▂▁▁`: the latest of each series, and how the first ones moved."""
        line: Line = []
        for name, seen in own_last(self._values):
            line += [("  " if line else "") + f"{name} ", (number_text(seen[-1]), "bold")]
            if len(seen) > 2:
                line.append((f" {spark(seen, _SPARK)}", "cyan"))
        return line

    def draw(self, name: Text, now: float, *, wide: bool) -> tuple[RenderableType, ...]:
        """A spinner, the name, the time, and what it is at; the latter `wide` or below each other.

        What was tracked meanwhile is read.
        """
        from rich.console import Group
        from rich.spinner import Spinner

        self._spinner = self._spinner or Spinner("dots", style="cyan")
        self.read_series()
        told: list[RenderableType] = []
        loop = self.loop
        if self.making is not None:
            told.append(styled((f"making provider {self.making} (session)…", "yellow")))
        elif loop is not None:
            left = loop.left(now)
            more = "" if left is None else f" {whole_seconds(left)}"
            told.append(side_by_side(*progress_row(loop, 16, more)))
        if values := self.values():
            told.append(styled(*values))
        rest = side_by_side(*told, gap=2) if wide else Group(*told)
        return self._spinner, name, whole_seconds(now - self.began), rest


class LiveView:
    """Takes in events and draws them: current runs, and the session as a whole."""

    def __init__(self, began: float, *, renders: bool, workers: int) -> None:
        self._began = began
        self._renders = renders
        self._workers = max(workers, 1)
        self._plan: dict[str, Case] = {}
        self._importing: str | None = None
        self._current: dict[str, CurrentRun] = {}
        self._counts: Counter[str] = Counter()
        self._took: dict[str, list[float]] = {}  # experiment -> seconds of its ended runs
        self._waiting: Counter[str] = Counter()  # experiment -> cases that have not started
        self._to_come = 0  # runs of trials that are not decided on
        self._rendered = 0
        self._best: tuple[str, float] | None = None
        self.names: dict[str, str] = {}
        self.width = 0  # of the names, below each other

    def take_plan(self, plan: Plan) -> None:
        """Know how many cases there will be, and what to call them."""
        self._plan = {case.id: case for case in plan.cases}
        self._waiting = Counter(case.experiment.id for case in plan.cases)
        self._importing = None
        self.names, self.width = {}, 0
        self._name(case_names(plan.cases))

    def _take_added(self, event: messages.CasesAdded) -> None:
        """Know of cases that a search decided on, and how many runs may follow them."""
        self._plan |= {case.id: case for case in event.cases}
        self._waiting.update(case.experiment.id for case in event.cases)
        self._to_come = event.more
        self._name({case.id: case.label or case.id for case in event.cases})

    def _name(self, names: Mapping[str, str]) -> None:
        self.names |= names
        self.width = min(max([self.width, *map(len, names.values())]), _NAME_WIDTH)

    def take_in(self, event: Event, now: float) -> None:
        """Know what has just happened."""
        if isinstance(event, messages.RunStarted):
            self._importing = None
            self._current[event.case_id] = CurrentRun(event, now)
            self._waiting[self._experiment(event.case_id)] -= 1
        elif isinstance(event, (messages.RunProgressed, messages.ProviderMaking)):
            run = self._current.get(event.case_id)
            if run is not None and isinstance(event, messages.ProviderMaking):
                run.make(event, now)
            elif run is not None and isinstance(event, messages.RunProgressed):
                run.move_on(event, now)
        elif isinstance(event, messages.RunFinished):
            self._take_end(event.outcome, now)
        elif isinstance(event, messages.CasesAdded):
            self._take_added(event)
        elif isinstance(event, messages.CaseLeftOut):
            self._waiting[self._experiment(event.case_id)] -= 1
            self._plan.pop(event.case_id, None)
        elif isinstance(event, messages.RunRendered):
            self._rendered += 1
        elif isinstance(event, messages.ModuleImporting):
            self._importing = event.path

    def _take_end(self, outcome: Outcome, now: float) -> None:
        experiment = self._experiment(outcome.case_id)
        run = self._current.pop(outcome.case_id, None)
        self._counts[outcome.status] += 1
        if run is None:
            self._waiting[experiment] -= 1
        elif outcome.status != "skipped":
            self._took.setdefault(experiment, []).append(run.ran(now))
        for name, value in numbers(outcome.results).items():
            good = direction(name)
            if good and value == value and (self._best is None or self._best[0] == name):
                known = value if self._best is None else self._best[1]
                self._best = name, min(known, value) if good == "min" else max(known, value)
                break

    def _experiment(self, case_id: str) -> str:
        case = self._plan.get(case_id)
        return case_id if case is None else case.experiment.id

    def seconds_left(self, now: float) -> float | None:
        """What the runs that go on and those that wait will take; None before a run has ended.

        Unlike experiments take unlike times, and what was set up is not set up again.
        """
        ended = [seconds for took in self._took.values() for seconds in took]
        if not ended:
            return None
        usual = mean(ended)
        means = {name: mean(took) for name, took in self._took.items()}
        going = []
        for run in self._current.values():
            loop = run.loop
            left = loop.left(now) if loop is not None else None
            usually = means.get(self._experiment(run.case_id), usual)
            going.append(max(usually - run.ran(now), 0.0) if left is None else left)
        waiting = sum(count * means.get(name, usual) for name, count in self._waiting.items())
        return max((sum(going) + waiting) / self._workers, *going, 0.0)

    # How it is drawn

    def draw(self, now: float, width: int, height: int) -> RenderableType | None:
        """The most recent runs that fit and a line for the session; None for nothing."""
        from rich.console import Group

        drawn = [run for run in self._current.values() if now - run.began >= _SHOWN_AFTER]
        parts = [self._draw_runs(drawn, now, width, height)] if drawn else []
        if now - self._began >= _SHOWN_AFTER and (bottom := self._draw_session(now, width)):
            parts.append(bottom)
        return Group(*parts) if parts else None

    def _draw_runs(
        self, drawn: Sequence[CurrentRun], now: float, width: int, height: int
    ) -> RenderableType:
        from rich.panel import Panel
        from rich.table import Table

        wide = width >= WIDE
        room = max((height - _ROWS_LEFT) // (1 if wide else 2), 1)
        grid = Table.grid(padding=(0, 1), expand=True)
        grid.add_column(width=1)
        grid.add_column(no_wrap=True, max_width=max(width * 2 // 5, 12))
        grid.add_column(no_wrap=True, justify="right")
        grid.add_column(no_wrap=True, ratio=1)
        for run in drawn[-room:]:
            name = styled(self.names.get(run.case_id, run.case_id))
            grid.add_row(*run.draw(name, now, wide=wide))
        if len(drawn) > room:
            grid.add_row("", styled((f"+ {len(drawn) - room} more", "dim")))
        experiments = {case.experiment.id: case.experiment for case in self._plan.values()}
        told: Line = [(counted(len(experiments), "experiment"), "dim")]
        if len(experiments) == 1:
            (only,) = experiments.values()
            told = [(only.id, "bold not dim"), (f"  {only.description}".rstrip(), "dim")]
        title = styled(*told, overflow="ellipsis")
        return Panel(grid, title=title, title_align="left", border_style="dim")

    def _draw_session(self, now: float, width: int) -> RenderableType | None:
        """What the session as a whole is at."""
        planned, ended = len(self._plan) + self._to_come, self._counts.total()
        importing = "" if self._importing is None else f"importing {self._importing}"
        elapsed = whole_seconds(now - self._began)
        told: Line = []
        if not planned:
            told = [f"{importing}  {elapsed}"] if importing else []
        elif not self._current and ended >= planned:
            waiting = self._renders and self._rendered < ended
            done = f"{self._rendered} of {ended}"
            told = [f"rendering pictures: {done} archives  {elapsed}"] if waiting else []
        elif planned > 1:
            left = self.seconds_left(now)
            told = [f"{ended}/{planned}  elapsed {elapsed}"]
            told += [] if left is None else [f"  left {whole_seconds(left)}"]
            if self._best is not None:
                told.append(f"  best {self._best[0]} {number_text(self._best[1])}")
        told += [f"  {importing}"] if importing and planned and not self._current else []
        if not told:
            return None
        counts: Line = [
            (f"{self._counts[status]} {mark} ", STATUS_STYLES[status])
            for status, mark in MARKS.items()
            if self._counts[status]
        ]
        parts: list[RenderableType] = [styled("  ", *counts)] if counts else []
        if planned > 1 and ended < planned and width >= 60:
            parts += progress_bar(ended, planned, min(width // 5, 24))
        return side_by_side(*parts, styled(*told, no_wrap=True, overflow="ellipsis"))


def progress_row(loop: Loop | HowFar, width: int, more: str = "") -> list[RenderableType]:
    """A bar, where the end is known, and the numbers: `━━━━ epoch 3/10`."""
    text = f"{loop.label} " if loop.label else ""
    text += f"{loop.done}" if loop.total is None else f"{loop.done}/{loop.total}"
    return [*progress_bar(loop.done, loop.total, width), styled(f"{text}{more}")]


def progress_bar(done: int, total: int | None, width: int) -> list[RenderableType]:
    """How far something is, in the terminal's own colours; nothing where no end is known."""
    from rich.progress_bar import ProgressBar

    if not total:
        return []
    return [
        ProgressBar(total, done, width, style="dim", complete_style="cyan", finished_style="green")
    ]


def whole_seconds(seconds: float) -> str:
    """A time that is still moving: more digits would only jump about."""
    whole = math.ceil(seconds)
    return f"{whole}s" if whole < 60 else human_duration(whole)
