"""The terminal as a plugin: what it hears, what it remembers, and when it draws.

Events come on a thread of the executor and the clock ticks on one of its own: everything below
`_lock`. On a terminal, lines are held for at most a tick, so that a thousand short runs a second
are a few writes; elsewhere each is written when it is known.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections import Counter, deque
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

from expt.builtin.terminal import lines
from expt.builtin.terminal.region import Region
from expt.builtin.terminal.running import CurrentRun, OutputFollower, seconds_left
from expt.builtin.terminal.selection import nothing_selected
from expt.errors import ExitCode
from expt.hookspecs import hook
from expt.model import ModuleImporting, Notice, RunFinished, RunProgressed, RunRendered, RunStarted
from expt.screen import Screen, cells, fit, leaf_values, masked_case, value_table
from expt.text import human_duration, visible

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from expt.model import Case, Event, Experiment, Options, Outcome, Plan

_TICK: Final = 0.25  # seconds between two drawings
_OUTPUT_TICK: Final = 0.1  # seconds between two looks at the output, for -s
_PREFIX: Final = 32  # columns of a run's name before each line of its output
_TRAILING: Final = 64  # runs whose output is looked at once more after their end


class Terminal:
    """Shows a session on `stream`. One object, one session."""

    def __init__(
        self, stream: TextIO, options: Options, environ: Mapping[str, str] | None = None
    ) -> None:
        self._options = options
        self._screen = Screen(stream if options.workers else self._beside(stream), environ)
        self._region = Region(self._screen)
        quiet = options.verbosity < 0
        self._follows = not options.capture and not options.pdb and not quiet
        self._draws = self._screen.live and options.capture and not options.pdb and not quiet
        self._lock = threading.RLock()
        self._ended = threading.Event()
        self._clock: threading.Thread | None = None
        self._began = time.monotonic()
        self._drawn_at = 0.0
        self._above = ""
        self._cases: dict[str, Case] = {}
        self._deselected = 0
        self._warnings = 0
        self._name_width = 0
        self._importing: str | None = None
        self._current: dict[str, CurrentRun] = {}
        self._output: dict[str, OutputFollower] = {}
        self._trailing: deque[OutputFollower] = deque(maxlen=_TRAILING)
        self._told: set[str] = set()
        self._counts: Counter[str] = Counter()
        self._notices: list[tuple[str, str]] = []
        self._archives: dict[str, str] = {}
        self._rendered = 0

    # What it hears

    @hook
    def expt_session_started(self) -> None:
        self._began = time.monotonic()

    @hook
    def expt_collection_finished(self, experiments: Sequence[Experiment], deselected: int) -> None:
        self._deselected = deselected
        found = f"found {_count(len(experiments) + deselected, 'experiment')}"
        self._say(f"{found}, selected {len(experiments)}" if deselected else found)

    @hook
    def expt_plan_finished(self, plan: Plan) -> None:
        self._cases = {case.id: case for case in plan.cases}
        self._deselected += plan.deselected
        self._warnings = len(plan.warnings)
        self._importing = None
        longest = max((cells(visible(case.id)) for case in plan.cases), default=0)
        self._name_width = min(longest, max(24, (self._screen.width or 80) * 2 // 5))
        workers = f" on {self._options.workers} workers" if self._options.workers > 1 else ""
        if len(plan.cases) > 1 or plan.deselected:
            self._say(f"planned {_count(len(plan.cases), 'case')}{workers}")
        for note in plan.notes:
            self._say(f"{self._screen.paint('note:', 'dim')} {visible(note, lines=True)}")
        for warning in plan.warnings:
            self._say(f"{self._screen.paint('warning:', 'warn')} {visible(warning, lines=True)}")

    @hook
    def expt_event_received(self, event: Event) -> None:
        with self._lock:
            self._start_clock()
            self._take_in(event)
            now = time.monotonic()
            if self._above and (not self._draws or now - self._drawn_at > _TICK):
                self._draw(now)

    @hook
    def expt_session_finished(
        self, options: Options, outcomes: Sequence[Outcome], exit_code: int
    ) -> None:
        self._ended.set()
        if self._clock is not None:
            self._clock.join()
        with self._lock:
            for follower in self._output.values():
                self._drain(follower)
            self._show_output()
            self._current.clear()
            self._tell_rest(outcomes)
            self._region.draw(self._above, ())
            self._above = ""
            self._screen.write(self._ending(options, outcomes, exit_code))

    def _beside(self, stream: TextIO) -> TextIO:
        """The same output by a descriptor of our own: runs in this process redirect theirs."""
        try:
            stream.flush()
            number = os.dup(stream.fileno())
        except (OSError, ValueError):  # no file, or a closed one
            return stream
        weakref.finalize(self, os.close, number)
        return open(number, "w", encoding=stream.encoding, closefd=False)

    # What it makes of it

    def _say(self, line: str) -> None:
        if self._options.verbosity >= 0:
            with self._lock:
                self._above += line + "\n"
                self._draw(time.monotonic())

    def _take_in(self, event: Event) -> None:
        if isinstance(event, RunStarted):
            self._start_run(event)
        elif isinstance(event, RunProgressed):
            if event.case_id in self._current:
                self._current[event.case_id].move_on(event, time.monotonic())
        elif isinstance(event, RunFinished):
            self._finish_run(event.outcome)
        elif isinstance(event, RunRendered):
            self._rendered += 1
            run = self._archives.get(event.path, Path(event.path).name)
            self._notices += [(failure, run) for failure in event.failures]
        elif isinstance(event, Notice):
            self._take_notice(event)
        elif isinstance(event, ModuleImporting):
            self._importing = event.path

    def _take_notice(self, notice: Notice) -> None:
        if notice.case_id is not None and not self._ended.is_set():
            self._notices.append((notice.text, notice.case_id))
        elif self._options.verbosity > -2:
            self._above += lines.notice_line(self._screen, notice.text)

    def _start_run(self, event: RunStarted) -> None:
        self._importing = None
        self._current[event.case_id] = CurrentRun(event, time.monotonic())
        if self._options.verbosity > 0 or (self._follows and len(self._cases) > 1):
            mark = "▸" if self._screen.terminal else "running"
            name = visible(event.case_id)
            self._above += f"{self._screen.paint(mark, 'name')} {name}\n"
        if self._options.verbosity > 0 and event.case_id in self._cases:
            case = masked_case(self._cases[event.case_id])
            width = self._screen.width if self._screen.terminal else None
            values = leaf_values(case.params, case.origins)
            table = value_table(self._screen, values, indent="    ", width=width)
            self._above += "".join(f"{line}\n" for line in table)
        if self._follows:
            several = self._options.workers > 1
            prefix = f"{fit(visible(event.case_id), _PREFIX)} | " if several else ""
            self._output[event.case_id] = OutputFollower(event.path, prefix)

    def _finish_run(self, outcome: Outcome) -> None:
        self._current.pop(outcome.case_id, None)
        follower = self._output.pop(outcome.case_id, None)
        if follower is not None:
            self._drain(follower)
        if outcome.case_id in self._told:
            return
        self._told.add(outcome.case_id)
        self._counts[outcome.status] += 1
        self._archives[outcome.path] = outcome.case_id
        self._notices += [(notice, outcome.case_id) for notice in outcome.notices]
        if self._options.verbosity >= 0:
            counter = f"[{len(self._told)}/{len(self._cases)}] " if len(self._cases) > 1 else ""
            self._above += lines.outcome_line(
                self._screen, outcome, self._options, self._name_width, counter
            )

    def _tell_rest(self, outcomes: Sequence[Outcome]) -> None:
        """What ended without a word: a worker that died, cases that were skipped before a run."""
        skipped: Counter[str] = Counter()
        for outcome in outcomes:
            if outcome.case_id in self._told:
                continue
            if outcome.status == "skipped" and self._options.verbosity <= 0:
                skipped[outcome.error.message if outcome.error else ""] += 1
            else:
                self._finish_run(outcome)
        for reason, count in skipped.items():
            why = f": {visible(reason)}" if reason else ""
            self._say(self._screen.paint(f"skipped {count}{why}", "dim"))

    def _ending(self, options: Options, outcomes: Sequence[Outcome], exit_code: int) -> str:
        if not outcomes and not self._cases:
            if exit_code == ExitCode.NOTHING_SELECTED and options.verbosity > -2:
                return nothing_selected(self._screen, options, self._deselected)
            if exit_code == ExitCode.INTERRUPTED and options.verbosity > -2:
                return self._screen.paint("interrupted before anything ran", "warn", "bold") + "\n"
            return ""  # what went wrong before a plan is told by the command line
        failures = lines.failure_lines(self._screen, outcomes, options)
        if options.verbosity < -1:
            return failures
        counts = lines.summary_counts(
            outcomes, len(self._cases), self._deselected, self._warnings, len(self._notices)
        )
        took = human_duration(time.monotonic() - self._began)
        summary = f"{lines.count_text(counts) or 'nothing ran'} in {took}"
        end = self._screen.paint(summary, lines.summary_style(counts), "bold") + "\n"
        if options.verbosity >= 0:
            end += lines.where_lines(self._screen, outcomes, options)
        sections = [
            failures,
            lines.notice_lines(self._screen, self._notices),
            lines.duration_lines(self._screen, outcomes, options.durations),
        ]
        told = [section for section in sections if section]
        above = "\n" if told and options.verbosity >= 0 else ""
        return above + "\n".join([*told, end])

    # When it draws

    def _start_clock(self) -> None:
        """With the first event, when every process that is forked from this one has been."""
        if self._clock is None and (self._draws or self._follows) and not self._ended.is_set():
            self._clock = threading.Thread(target=self._tick, name="expt-terminal", daemon=True)
            self._clock.start()

    def _tick(self) -> None:
        while not self._ended.wait(_OUTPUT_TICK if self._follows else _TICK):
            with self._lock:
                self._show_output()
                self._draw(time.monotonic())

    def _show_output(self) -> None:
        for follower in (*self._trailing, *self._output.values()):
            for text in follower.read():
                self._screen.write(text)

    def _drain(self, follower: OutputFollower) -> None:
        self._region.draw(self._above, ())
        self._above = ""
        for text in follower.read(final=True):
            self._screen.write(text)
        self._trailing.append(follower)

    def _draw(self, now: float) -> None:
        self._drawn_at = now
        self._region.draw(self._above, self._live_lines(now) if self._draws else ())
        self._above = ""

    def _live_lines(self, now: float) -> list[tuple[str, str]]:
        width = (self._screen.width or 80) - 1
        drawn = [run for run in self._current.values() if now - run.began >= _TICK]
        room = max(self._screen.height - 4, 1)
        shown = drawn[-room:]
        for run in shown:
            run.read_series()
        rows = [run.line(self._screen, now, self._name_width, width) for run in shown]
        if len(drawn) > room:
            rows.append(self._dim(f"  + {len(drawn) - room} more", width))
        if now - self._began >= _TICK and (bottom := self._bottom_line(now)):
            rows.append(self._dim(bottom, width))
        return rows

    def _dim(self, text: str, width: int) -> tuple[str, str]:
        plain = fit(text, width)
        return plain, self._screen.paint(plain, "dim")

    def _bottom_line(self, now: float) -> str:
        """What the session as a whole is at."""
        elapsed = human_duration(now - self._began)
        if self._importing is not None and not self._current:
            return f"importing {visible(self._importing)}  {elapsed}"
        if not self._current and len(self._told) >= len(self._cases):
            waiting = len(self._archives) - self._rendered if self._options.render else 0
            done = f"{self._rendered} of {len(self._archives)}"
            return f"rendering pictures: {done} archives  {elapsed}" if waiting > 0 else ""
        if len(self._cases) < 2:
            return ""
        counts = lines.count_text(self._counts)
        parts = [f"{len(self._told)} of {len(self._cases)}", counts, elapsed, self._left(now)]
        return " · ".join(part for part in parts if part)

    def _left(self, now: float) -> str:
        ran = self._counts.total() - self._counts["skipped"]
        to_go = len(self._cases) - len(self._told)
        return f"about {seconds_left((now - self._began) / ran * to_go)} left" if ran else ""


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
