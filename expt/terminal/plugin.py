"""The terminal as a plugin: what it hears, and when it writes.

Events come on a thread of the executor and the clock ticks on one of its own: everything below
`_lock`. On a terminal, lines are held for at most a tick, so that a thousand short runs a second
are a few writes; elsewhere each is written when it is known.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

from expt.ground.errors import ExitCode
from expt.ground.hookspecs import hook
from expt.ground.messages import Notice, RunFinished, RunRendered, RunStarted
from expt.ground.screen import Screen, leaf_values, value_table
from expt.ground.text import human_duration, visible
from expt.parameters import masked_case
from expt.terminal import endings
from expt.terminal.live import LiveView
from expt.terminal.nothing_selected import nothing_selected
from expt.terminal.output import Output
from expt.terminal.region import Region

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from expt.ground.messages import Event
    from expt.ground.model import Case, Experiment, Outcome, Plan
    from expt.ground.options import Options

_TICK: Final = 0.25  # seconds between two drawings
_OUTPUT_TICK: Final = 0.1  # seconds between two looks at the output, for -s


class Terminal:
    """Shows a session on `stream`. One object, one session."""

    def __init__(
        self, stream: TextIO | None, options: Options, environ: Mapping[str, str] | None = None
    ) -> None:
        self._options = options
        self._screen = Screen(stream if options.running.workers else self._beside(stream), environ)
        self._region = Region(self._screen)
        self._began = time.monotonic()
        self._live = LiveView(self._screen, self._began, renders=options.keeping.render)
        self._output = Output(several=options.running.workers > 1)
        quiet = options.telling.verbosity < 0
        self._follows = not options.telling.capture and not options.running.pdb and not quiet
        self._draws = (
            self._screen.live and options.telling.capture and not options.running.pdb and not quiet
        )
        self._lock = threading.RLock()
        self._ended = threading.Event()
        self._clock: threading.Thread | None = None
        self._drawn_at = 0.0
        self._above = ""
        self._cases: dict[str, Case] = {}
        self._deselected = 0
        self._warnings = 0
        self._told: dict[str, str] = {}  # archive -> case
        self._notices: list[tuple[str, str]] = []

    # What it hears

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
        with self._lock:
            self._live.take_plan(plan)
        workers = (
            f" on {self._options.running.workers} workers"
            if self._options.running.workers > 1
            else ""
        )
        if len(plan.cases) > 1 or plan.deselected:
            self._say(f"planned {_count(len(plan.cases), 'case')}{workers}")
        for note in plan.notes:
            self._say(f"{self._screen.paint('note:', 'dim')} {visible(note, lines=True)}")
        for warning in plan.warnings:
            self._say(f"{self._screen.paint('warning:', 'warn')} {visible(warning, lines=True)}")

    @hook
    def expt_event_received(self, event: Event) -> None:
        with self._lock:
            now = time.monotonic()
            self._start_clock()
            self._live.take_in(event, now)
            if isinstance(event, RunStarted):
                self._tell_start(event)
            elif isinstance(event, RunFinished):
                self._tell_outcome(event.outcome)
            elif isinstance(event, RunRendered):
                run = self._told.get(event.path, Path(event.path).name)
                self._notices += [(failure, run) for failure in event.failures]
            elif isinstance(event, Notice):
                self._take_notice(event)
            due = not self._draws or self._ended.is_set() or now - self._drawn_at > _TICK
            if self._above and due:
                self._draw(now)

    @hook
    def expt_session_finished(
        self, options: Options, outcomes: Sequence[Outcome], exit_code: int
    ) -> None:
        self._ended.set()
        if self._clock is not None:
            self._clock.join()
        with self._lock:
            self._write_output(self._output.end_all())
            self._tell_rest(outcomes)
            self._above += self._ending(options, outcomes, exit_code)
            self._draw(time.monotonic())

    # What it tells

    def _say(self, line: str) -> None:
        if self._options.telling.verbosity >= 0:
            with self._lock:
                self._above += line + "\n"
                self._draw(time.monotonic())

    def _take_notice(self, notice: Notice) -> None:
        """Those of a run are told at the end, alike ones once; those of the session at once."""
        if notice.case_id is not None and not self._ended.is_set():
            self._notices.append((notice.text, notice.case_id))
        elif self._options.telling.verbosity > -2:
            self._above += endings.notice_line(self._screen, notice.text)

    def _tell_start(self, event: RunStarted) -> None:
        if self._follows:
            self._output.begin(event)
        if self._options.telling.verbosity > 0 or (self._follows and len(self._cases) > 1):
            mark = "▸" if self._screen.terminal else "running"
            self._above += f"{self._screen.paint(mark, 'name')} {visible(event.case_id)}\n"
        if self._options.telling.verbosity > 0 and event.case_id in self._cases:
            case = masked_case(self._cases[event.case_id])
            width = self._screen.width if self._screen.terminal else None
            values = leaf_values(case.params, case.origins)
            table = value_table(self._screen, values, indent="    ", width=width)
            self._above += "".join(f"{line}\n" for line in table)

    def _tell_outcome(self, outcome: Outcome) -> None:
        if self._follows:
            self._write_output(self._output.end(outcome.case_id))
        self._told[outcome.path or outcome.case_id] = outcome.case_id
        self._notices += [(text, outcome.case_id) for text in endings.other_notices(outcome)]
        if self._options.telling.verbosity >= 0:
            counter = f"[{len(self._told)}/{len(self._cases)}] " if len(self._cases) > 1 else ""
            self._above += endings.outcome_line(
                self._screen, outcome, self._options, self._live.names, counter
            )

    def _tell_rest(self, outcomes: Sequence[Outcome]) -> None:
        """What ended without an event: a plugin's executor, cases skipped before a run."""
        told = set(self._told.values())
        skipped: Counter[str] = Counter()
        for outcome in outcomes:
            if outcome.case_id in told:
                continue
            if outcome.status == "skipped" and self._options.telling.verbosity <= 0:
                skipped[endings.skip_reason(outcome)] += 1
            else:
                self._tell_outcome(outcome)
        for reason, count in skipped.items():
            why = f": {visible(reason)}" if reason else ""
            self._say(self._screen.paint(f"skipped {count}{why}", "dim"))

    def _ending(self, options: Options, outcomes: Sequence[Outcome], exit_code: int) -> str:
        if not outcomes and not self._cases:
            return self._ending_without_cases(options, exit_code)
        failures = endings.failure_lines(self._screen, outcomes, options)
        if options.telling.verbosity < -1:
            return failures
        counts = endings.summary_counts(
            outcomes, len(self._cases), self._deselected, self._warnings, len(self._notices)
        )
        took = human_duration(time.monotonic() - self._began)
        summary = f"{endings.count_text(counts) or 'nothing ran'} in {took}"
        end = self._screen.paint(summary, endings.summary_style(counts), "bold") + "\n"
        if options.telling.verbosity >= 0:
            end += endings.where_lines(self._screen, outcomes, options)
        sections = [
            failures,
            endings.notice_lines(self._screen, self._notices),
            endings.duration_lines(self._screen, outcomes, options.telling.durations),
        ]
        told = [section for section in sections if section]
        above = "\n" if told and options.telling.verbosity >= 0 else ""
        return above + "\n".join([*told, end])

    def _ending_without_cases(self, options: Options, exit_code: int) -> str:
        """What went wrong before there was a plan is told by the command line."""
        if options.telling.verbosity > -2 and exit_code == ExitCode.NOTHING_SELECTED:
            return nothing_selected(self._screen, options, self._deselected)
        if options.telling.verbosity > -2 and exit_code == ExitCode.INTERRUPTED:
            return self._screen.paint("interrupted before anything ran", "warn", "bold") + "\n"
        return ""

    # When it writes

    def _start_clock(self) -> None:
        """With the first event, when every process that is forked from this one has been."""
        if self._clock is None and (self._draws or self._follows) and not self._ended.is_set():
            self._clock = threading.Thread(target=self._tick, name="expt-terminal", daemon=True)
            self._clock.start()

    def _tick(self) -> None:
        while not self._ended.wait(_OUTPUT_TICK if self._follows else _TICK):
            with self._lock:
                self._write_output(self._output.read())
                self._draw(time.monotonic())

    def _write_output(self, pieces: Iterable[str]) -> None:
        for piece in pieces:
            self._flush_above()
            self._screen.write(piece)

    def _flush_above(self) -> None:
        if self._above:
            self._draw(time.monotonic())

    def _draw(self, now: float) -> None:
        self._drawn_at = now
        draws = self._draws and not self._ended.is_set()
        self._region.draw(self._above, self._live.lines(now) if draws else ())
        self._above = ""

    def _beside(self, stream: TextIO | None) -> TextIO | None:
        """The same output by a descriptor of our own: runs in this process redirect theirs."""
        if stream is None:
            return None
        try:
            stream.flush()
            number = os.dup(stream.fileno())
        except (OSError, ValueError):  # no file, or a closed one
            return stream
        weakref.finalize(self, os.close, number)
        return open(number, "w", encoding=stream.encoding, closefd=False)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
