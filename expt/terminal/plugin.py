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

from expt.archive.served_page import find_addresses
from expt.ground import messages
from expt.ground.errors import ExitCode
from expt.ground.hookspecs import hook
from expt.ground.screen import STATUS_STYLES, Line, Prose, Screen, paragraph
from expt.ground.text import counted, human_duration
from expt.parameters.secret_values import masked_case
from expt.terminal import endings
from expt.terminal.live import LiveView
from expt.terminal.nothing_selected import nothing_selected
from expt.terminal.output import Output
from expt.terminal.plan_table import advice_lines, leaf_values, print_values, search_text
from expt.terminal.region import Region
from expt.terminal.sweep_table import curves_lines, earlier_outcomes, show_sweeps

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from expt.ground.messages import Event
    from expt.ground.model import Case, Experiment, Outcome, Plan, Search
    from expt.ground.options import Options

_TICK: Final = 0.25  # seconds between two drawings
_OUTPUT_TICK: Final = 0.1  # seconds between two looks at the output, for -s
_DOTS: Final = 72  # of a line, for -q


class Terminal:
    """Shows a session on `stream`. One object, one session."""

    def __init__(
        self, stream: TextIO | None, options: Options, environ: Mapping[str, str] | None = None
    ) -> None:
        workers, told = options.running.workers, options.telling
        self._options = options
        self._screen = Screen(stream if workers else self._beside(stream), environ)
        if self._screen.draws:
            self._screen.address_of = find_addresses(options.keeping.runs)
        self._region = Region(self._screen)
        self._began = time.monotonic()
        self._live = LiveView(self._began, renders=options.keeping.render, workers=workers)
        self._output = Output(several=workers > 1, colour=self._screen.colour)
        self._talks = told.verbosity >= 0
        self._follows = not told.capture and not options.running.pdb
        self._draws = self._screen.live and told.capture and not options.running.pdb and self._talks
        self._dots = told.verbosity == -1 and not self._follows
        self._in_row = 0  # of the dots
        self._lock = threading.RLock()
        self._ended = threading.Event()
        self._clock: threading.Thread | None = None
        self._drawn_at = 0.0
        self._above: list[Line] = []
        self._cases: dict[str, Case] = {}
        self._elsewhere = 0  # cases that other sessions run, or have run
        self._expected = 0  # runs, those of trials that are not decided on among them
        self._searches: list[Search] = []
        self._deselected = 0
        self._plan: Plan | None = None
        self._warnings = 0
        self._session = ""
        self._told: dict[str, str] = {}  # archive -> case
        self._over: set[str] = set()  # cases
        self._notices: list[tuple[str, str]] = []

    # What it hears

    @hook
    def expt_session_started(self, session_id: str) -> None:
        self._session = session_id

    @hook
    def expt_collection_finished(self, experiments: Sequence[Experiment], deselected: int) -> None:
        self._deselected = deselected
        found = f"found {counted(len(experiments) + deselected, 'experiment')}"
        self._say([f"{found}, selected {len(experiments)}" if deselected else found])
        self._start_clock()

    @hook
    def expt_plan_finished(self, plan: Plan) -> None:
        self._cases = {case.id: case for case in plan.cases}
        self._expected = len(self._cases)
        self._plan = plan
        self._elsewhere = plan.elsewhere
        self._deselected += plan.deselected
        self._warnings = len(plan.warnings)
        with self._lock:
            self._live.take_plan(plan)
        workers = self._options.running.workers
        for search in plan.searches:
            self._say(Prose([f"searching: {search_text(search)}"]))
        if len(plan.cases) > 1 or (plan.deselected and not plan.searches):
            on = f" on {workers} workers" if workers > 1 else ""
            self._say([f"planned {counted(len(plan.cases), 'case')}{on}"])
        self._say(*advice_lines(plan))

    @hook
    def expt_event_received(self, event: Event) -> None:
        with self._lock:
            now = time.monotonic()
            self._start_clock()
            if self._draws or isinstance(event, messages.CasesAdded):
                self._live.take_in(event, now)
            if isinstance(event, messages.RunStarted):
                self._tell_start(event)
            elif isinstance(event, messages.RunFinished):
                self._tell_outcome(event.outcome)
            elif isinstance(event, (messages.RunRendered, messages.SessionRendered)):
                run = self._told.get(event.path, Path(event.path).name)
                self._notices += [(failure, run) for failure in event.failures]
            elif isinstance(event, messages.CasesAdded):
                self._cases |= {case.id: case for case in event.cases}
                self._expected = len(self._cases) + event.more
            elif isinstance(event, messages.CaseLeftOut):
                self._cases.pop(event.case_id, None)
                self._expected -= 1
                self._elsewhere += 1
                self._say(*paragraph(f"{event.case_id}: left out, {event.why}", ("note: ", "cyan")))
            elif isinstance(event, messages.SearchEnded):
                self._searches.append(event.search)
            elif isinstance(event, messages.Notice):
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
            self._draw(time.monotonic())
            self._end_dots()
            if outcomes or self._cases or self._searches:
                self._end(options, outcomes)
            elif options.telling.verbosity > -2:
                self._end_without_cases(options, exit_code)

    # What it tells

    def _say(self, *lines: Line) -> None:
        if self._talks:
            with self._lock:
                self._above += lines
                if not self._draws:
                    self._draw(time.monotonic())

    def _take_notice(self, notice: messages.Notice) -> None:
        """Those of a run are told at the end, alike ones once; those of the session at once."""
        if notice.case_id is not None and not self._ended.is_set():
            self._notices.append((notice.text, notice.case_id))
        elif self._options.telling.verbosity > -2:
            self._end_dots()
            self._above += paragraph(notice.text, ("notice: ", "yellow"))

    def _end_dots(self) -> None:
        """Let what is written next begin a line."""
        if self._in_row:
            self._screen.write("\n")
            self._in_row = 0

    def _tell_start(self, event: messages.RunStarted) -> None:
        if self._follows:
            self._output.begin(event)
        verbose = self._options.telling.verbosity > 0
        if verbose or (self._follows and self._talks and len(self._cases) > 1):
            mark = "▸" if self._screen.terminal else "running"
            self._above.append([(mark, "cyan"), f" {event.case_id}"])
        if verbose and event.case_id in self._cases:
            self._draw(time.monotonic())
            case = masked_case(self._cases[event.case_id])
            print_values(self._screen, leaf_values(case.params, case.origins), indent=4)

    def _tell_outcome(self, outcome: Outcome) -> None:
        if self._follows:
            self._write_output(self._output.end(outcome.case_id))
        self._told[outcome.path or outcome.case_id] = outcome.case_id
        self._over.add(outcome.case_id)
        self._notices += [(text, outcome.case_id) for text in endings.other_notices(outcome)]
        if self._dots:
            self._screen.write(endings.DOTS.get(outcome.status, "?"))
            self._in_row += 1
            if self._in_row == _DOTS:
                self._end_dots()
        elif self._talks:
            done, live = len(self._over), self._live
            counter = f"[{done}/{self._expected}] " if self._expected > 1 else ""
            name = f"{live.names.get(outcome.case_id, outcome.case_id):<{live.width}}"
            self._above.append(
                endings.outcome_line(self._screen, outcome, self._options, name, counter)
            )

    def _tell_rest(self, outcomes: Sequence[Outcome]) -> None:
        """What ended without an event: a plugin's executor, cases skipped before a run."""
        told = set(self._over)
        skipped: Counter[str] = Counter()
        for outcome in outcomes:
            if outcome.case_id in told:
                continue
            if outcome.status == "skipped" and self._options.telling.verbosity <= 0:
                skipped[endings.skip_reason(outcome)] += 1
            else:
                self._tell_outcome(outcome)
        for reason, count in skipped.items():
            self._say([(f"skipped {count}{f': {reason}' if reason else ''}", "dim")])

    def _end(self, options: Options, outcomes: Sequence[Outcome]) -> None:
        screen = self._screen
        failed = any(outcome.status == "failed" for outcome in outcomes)
        failed = failed and options.telling.traceback != "no"
        if failed and self._talks:
            screen.line()
        endings.show_failures(screen, outcomes, options, self._cases, self._live.names)
        if options.telling.verbosity < -1:
            return
        if failed:
            screen.line()
        notices = endings.notice_lines(self._notices)
        above: list[Line] = [[]] if notices and self._talks and not failed else []
        screen.lines([*above, *notices, *([[]] if notices else [])])
        screen.lines(endings.duration_lines(outcomes, options.telling.durations))
        counts = endings.summary_counts(
            outcomes, len(self._cases), self._deselected, self._warnings, len(self._notices)
        )
        took = human_duration(time.monotonic() - self._began)
        told = endings.count_text(counts) or "nothing ran"
        if options.running.detach:
            told = f"{counted(len(self._cases), 'case')} submitted"
        summary = (f"{told} in {took}", endings.summary_style(counts))
        if not self._talks:
            screen.line(summary)
            return
        show_sweeps(screen, *self._with_earlier(outcomes), summary)
        for search in self._searches:
            screen.lines([Prose([f"{search.case.id}: {search.known}"])])
            screen.line(("all trials: ", "dim"), f"expt search {search.case.id}")
        screen.lines(curves_lines(options.keeping.runs, self._session, options.cwd))
        screen.lines(endings.where_lines(outcomes, options))

    def _with_earlier(
        self, outcomes: Sequence[Outcome]
    ) -> tuple[Mapping[str, Case], Sequence[Outcome]]:
        """All cases in the order of their sweeps, those that were done before among them."""
        plan = self._plan
        if plan is None:
            return self._cases, outcomes
        done = {case.id: case for case in plan.done}
        cases = done | self._cases
        ordered = {id_: cases[id_] for id_ in plan.pasts if id_ in cases} | cases
        runs = {id_: run for id_, run in plan.reused.items() if id_ in done}
        return ordered, [*outcomes, *earlier_outcomes(runs)]

    def _end_without_cases(self, options: Options, exit_code: int) -> None:
        """What went wrong before there was a plan is told by the command line."""
        done = len(self._plan.done) if self._plan else 0
        told = endings.count_text({"done": done, "in other sessions": self._elsewhere})
        if told and exit_code == ExitCode.OK:
            self._screen.line((f"nothing to run: {told}", STATUS_STYLES["completed"]))
        elif exit_code == ExitCode.NOTHING_SELECTED:
            self._screen.lines(nothing_selected(options, self._deselected))
        elif exit_code == ExitCode.INTERRUPTED:
            self._screen.line(("interrupted before anything ran", STATUS_STYLES["interrupted"]))

    # When it writes

    def _start_clock(self) -> None:
        """Once every process that is forked from this one has been, and a worker has begun."""
        if self._clock is None and (self._draws or self._follows) and not self._ended.is_set():
            self._clock = threading.Thread(target=self._tick, name="expt-terminal", daemon=True)
            self._clock.start()

    def _tick(self) -> None:
        if self._draws:
            import rich.live
            import rich.panel
            import rich.table  # noqa: F401
        while True:
            with self._lock:
                self._write_output(self._output.read())
                self._draw(time.monotonic())
            if self._ended.wait(_OUTPUT_TICK if self._follows else _TICK):
                return

    def _write_output(self, pieces: Iterable[str]) -> None:
        for piece in pieces:
            if self._above:
                self._draw(time.monotonic())
            self._screen.write(piece)

    def _draw(self, now: float) -> None:
        self._drawn_at = now
        above, self._above = self._above, []
        if not self._draws:
            self._screen.lines(above)
            return
        what = None if self._ended.is_set() else self._live.draw(now, *self._screen.size)
        self._region.draw(above, what)

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
