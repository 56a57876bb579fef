"""A plan is carried out: every case is handed to the crew in order, and every end is heard.

submit a few ahead ─► wait for some ─► outcome ─► render
      ▲                                   │
      └───── until all, -x or Ctrl-C ─────┘
"""

from __future__ import annotations

import concurrent.futures
import datetime as dt
import threading
import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from expt.archive.claiming import check_writable
from expt.executors.waiting import AHEAD
from expt.ground import messages
from expt.ground.clock import on_local_clock
from expt.ground.errors import UsageError
from expt.ground.layout import STOPPED_FILE
from expt.ground.model import ErrorInfo
from expt.ground.value_classes import define, evolve, field
from expt.sessions.crew import wait_for_some
from expt.sessions.needing import Unbegun, needed_ids

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future

    from expt.ground.model import Case, Outcome, Plan
    from expt.ground.options import Options
    from expt.sessions.books import Books
    from expt.sessions.crew import Crew
    from expt.sessions.feeding import Feed
    from expt.sessions.interrupting import Interrupts


@define(eq=False)
class Schedule:
    """The futures of what runs and what waits; `outcomes` grows as runs end."""

    _options: Options
    _crew: Crew
    _books: Books
    _interrupts: Interrupts
    _outcomes: list[Outcome]
    _gathered: frozenset[str] = frozenset()
    _ends: list[tuple[Case, str]] = field(factory=list)
    _earlier: dict[str, str] = field(factory=dict)  # archives of what was done before, by cases
    _feed: Feed | None = None
    _waiting: Unbegun = field(factory=lambda: Unbegun({}))
    _enough: bool = False  # of failures, so that nothing more begins
    _failed: int = 0
    _lock: Any = field(factory=threading.RLock)  # what runs is cancelled by another thread
    _runs: dict[Future[Any], Case] = field(factory=dict)
    _tries: Counter[str] = field(factory=Counter)  # of cases that failed, by their ids
    _announcements: list[Future[Any]] = field(factory=list)
    _renderings: list[Future[Any]] = field(factory=list)
    _by_workers: list[tuple[str, Future[Any]]] = field(factory=list)  # renderings, not told yet

    def carry_out(self, plan: Plan, feed: Feed | None = None, *, keep: bool = False) -> None:
        """Run every case in order, then what is fed, until `-x` or an interrupt says otherwise.

        With `keep` there may be another plan, for which the last session providers stay.
        """
        self._feed = feed
        self._waiting = Unbegun(plan.reused)
        self._gathered |= plan.gathered
        self._earlier |= {case.id: plan.reused[case.id].path for case in plan.done}
        self._tries.clear()
        for case in plan.cases:
            self._books.forget(case.id)
        check_writable(self._options.keeping.runs)  # now, and not after the first of many runs
        if self._options.running.detach:
            self._leave_behind(plan)
            return
        workers = self._options.running.workers
        shares = workers > 1 and any(case.session_keys for case in plan.cases)
        ahead = AHEAD if shares else 2 * workers
        if self._crew.at_once is not None:
            ahead = self._crew.at_once - 1
        self._waiting.add(_spread(plan.cases, workers) if shares else plan.cases)
        while self._begin_some(ahead, keep=keep) or self._runs:
            self._collect_some()
        if self._announcements:
            concurrent.futures.wait(self._announcements)

    def _leave_behind(self, plan: Plan) -> None:
        """Hand every case to an engine that goes on without us."""
        ids = {case.id for case in plan.cases}
        if plan.searches or any(ids.intersection(needed_ids(case)) for case in plan.cases):
            what = "what begins when another run has ended needs somebody who waits for that"
            hint = "leave it out: searches, and cases that need others, take a session that stays"
            raise UsageError(what, "--detach", hint)
        self._waiting.add(plan.cases)
        while (case := self._waiting.next()) is not None:
            self._crew.runner.submit(messages.RunRequest(case, self._waiting.session_keys))
        jobs = ", ".join(self._crew.leave_behind())
        told = f"submitted as {jobs}; 'expt status' shows them, --resume runs what is missing"
        self._books.hear(messages.Notice(told))

    def analyse_together(self, session_id: str) -> None:
        """Have those analyses called that take all runs of a session."""
        runs = tuple((case, path) for case, path in self._ends if path)
        if not runs or self._interrupts.came:
            return
        limit, begun = self._options.running.timeout, time.monotonic()
        analysing = self._crew.runner.submit(messages.SessionAnalysisRequest(session_id, runs))

        def tell(_: Future[Any]) -> None:
            if limit is not None and time.monotonic() - begun >= limit:
                told = f"the analyses of the session took longer than --timeout {limit:g}"
                self._books.hear(messages.Notice(told))
            self._tell_rendering("", analysing)

        analysing.add_done_callback(tell)
        self._renderings.append(analysing)

    def _begin_some(self, ahead: int, *, keep: bool) -> bool:
        """Begin what may begin, a few ahead of the workers; whether there was anything."""
        begun = False
        while len(self._runs) <= ahead and not (self._interrupts.came or self._enough):
            case = self._waiting.next() or self._next_fed()
            if case is None:
                break
            begun = True
            needed = self._waiting.session_keys | (case.session_keys if keep else frozenset())
            if self._begin(case, needed).done():
                break
        return begun

    def _next_fed(self) -> Case | None:
        """A case that is fed while a worker is free: the later one asks, the more is known."""
        running = self._options.running
        most = max(1, running.at_engine or running.workers)
        while self._feed is not None and len(self._runs) < most:
            cases = self._feed.more() if self._feed.open_trials < most else ()
            if not cases:
                break
            self._waiting.add(cases, self._feed.reused)
            case = self._waiting.next()
            if case is not None:
                return case
        return None

    def render_together(self, session_id: str) -> None:
        """Have what the runs have in common drawn, after the pictures of each.

        What was done before and not run again is drawn with them, as the table at the end has it.
        """
        keeping = self._options.keeping
        made = tuple(outcome.path for outcome in self._outcomes if outcome.path)
        paths = (*self._earlier.values(), *made)
        few = not made or len(paths) < 2
        if few or not keeping.render or keeping.scratch or self._interrupts.came:
            return
        rendering = self._crew.renderer.submit(messages.SessionRenderRequest(session_id, paths))
        rendering.add_done_callback(partial(self._tell_rendering, ""))
        self._renderings.append(rendering)

    def finish_renderings(self) -> None:
        """Wait for what is still drawn, and have drawn again what failed where its run had been.

        A run may leave functions in modules that nobody puts back.
        """
        self._crew.is_rendering = True
        for rendering in self._renderings:
            wait_for_some({rendering})
        for path, rendering in self._by_workers:
            over = rendering.cancelled() or self._interrupts.came
            failed = not over and (rendering.exception() or rendering.result().failures)
            if failed and self._crew.may_render_apart:
                self._crew.have_renderer()
                rendering = self._crew.renderer.submit(messages.RenderRequest(path))
                wait_for_some({rendering})
            self._tell_rendering(path, rendering)

    def _begin(self, case: Case, needed: frozenset[str] = frozenset()) -> Future[Any]:
        with self._lock:
            future = self._crew.runner.submit(messages.RunRequest(case, needed))
            self._runs[future] = case
        future.add_done_callback(partial(self._count_failure, case))
        return future

    def _count_failure(self, case: Case, future: Future[Any]) -> None:
        """Cancel what has not begun once enough have failed: at once, in the executor's thread.

        Its worker would have begun with the next case before this one was collected.
        """
        limit = self._options.running.fail_fast
        if limit is None or future.cancelled() or self._tries_left(case):
            return
        if future.exception() is None and future.result().status != "failed":
            return
        with self._lock:
            self._failed += 1
            if self._failed >= limit:
                self._enough = True
                for other in self._runs:
                    other.cancel()

    def _collect_some(self) -> None:
        for future in wait_for_some(set(self._runs)):
            with self._lock:
                case = self._runs.pop(future)
            if future.cancelled():
                continue
            outcome = self._outcome_of(case, future)
            if outcome.elsewhere:
                self._leave_to_others(case, outcome)
                continue
            if outcome.status == "interrupted":
                self._hear_interrupted(outcome)
            retried = self._is_tried_again(case, outcome)
            if not retried:
                self._outcomes.append(outcome)
                self._waiting.hear(case, outcome, self._started(case))
                if self._feed is not None:
                    self._feed.hear(case, outcome)
                if case.experiment.id in self._gathered:
                    self._ends.append((case, outcome.path))
            if case.id in self._crew.undertaker.unheard:
                self._crew.undertaker.unheard.discard(case.id)
                announcing = messages.AnnounceRequest(case, outcome)
                self._announcements.append(self._crew.runner.submit(announcing))
            if outcome.path:
                self._render(outcome.path)
            if retried:
                self._try_again(case, outcome)

    def _leave_to_others(self, case: Case, outcome: Outcome) -> None:
        """Another session runs the case; or has run it, which is as good as if we had."""
        if outcome.status == "completed":
            self._books.hear(messages.CaseLeftOut(case.id, "another session has run it"))
            self._earlier[case.id] = outcome.path
            self._waiting.hear(case, outcome, self._started(case))
            if self._feed is not None:
                self._feed.hear(case, outcome)
            return
        self._books.hear(messages.CaseLeftOut(case.id, "it runs in another session"))
        why = f"it needs {case.id}, which runs in another session"
        for other in self._waiting.leave_out(case):
            self._books.hear(messages.CaseLeftOut(other.id, why))

    def _hear_interrupted(self, outcome: Outcome) -> None:
        """The session ends too, unless it was 'expt stop' that ended the run."""
        if not _was_stopped(outcome):
            self._interrupts.came = True
        elif self._options.running.workers == 0:  # its signal came to this process
            self._interrupts.forget()

    def _is_tried_again(self, case: Case, outcome: Outcome) -> bool:
        """Whether `--retries` allows the failed case another run."""
        is_over = self._interrupts.came or self._enough
        return outcome.status == "failed" and self._tries_left(case) and not is_over

    def _tries_left(self, case: Case) -> bool:
        return self._tries[case.id] < self._options.running.retries

    def _started(self, case: Case) -> str:
        """When the last run of a case began."""
        event = self._books.started(case.id)
        when = None if event is None else dt.datetime.fromtimestamp(event.when)
        return "" if when is None else on_local_clock(when).isoformat()

    def _try_again(self, case: Case, outcome: Outcome) -> None:
        """Run a failed case once more: from its checkpoint, where the session resumes."""
        self._tries[case.id] += 1
        count = f"{self._tries[case.id]} of {self._options.running.retries}"
        why = outcome.error.type if outcome.error else "no error"
        self._books.hear(messages.Notice(f"{case.id} failed ({why}): retry {count}"))
        self._books.forget(case.id)
        if self._options.running.resume and outcome.path:
            case = evolve(case, goes_on_from=(outcome.path, *case.goes_on_from))
        self._begin(case)

    def _outcome_of(self, case: Case, future: Future[Any]) -> Outcome:
        """How a run ended, also where its archive could not be made or not be finished."""
        error = future.exception()
        if error is not None:
            name = type(error).__name__
            info = ErrorInfo(name, str(error), f"{name}: {error}\n")
            return self._crew.undertaker.bury_failed(case, info)
        outcome: Outcome = future.result()
        return outcome

    def _render(self, path: str) -> None:
        rendering = self._crew.renderer.submit(messages.RenderRequest(path))
        self._renderings.append(rendering)
        if self._crew.may_render_apart:
            self._by_workers.append((path, rendering))
        else:
            rendering.add_done_callback(partial(self._tell_rendering, path))

    def _tell_rendering(self, path: str, rendering: Future[Any]) -> None:
        if rendering.cancelled():
            return
        error = rendering.exception()
        made = (
            messages.RunRendered(path, (), (f"not rendered: {error}",))
            if error
            else rendering.result()
        )
        self._books.hear(made)


def _spread(cases: Sequence[Case], workers: int) -> list[Case]:
    """The cases with so many first as there are workers that share no session provider's value.

    A worker then goes on with cases that share what it has: see `WorkerExecutor`.
    """
    first: dict[frozenset[str], Case] = {}
    for case in cases:
        if len(first) < workers:
            first.setdefault(case.session_keys, case)
    begun = {case.id for case in first.values()}
    return [*first.values(), *(case for case in cases if case.id not in begun)]


def _was_stopped(outcome: Outcome) -> bool:
    """Whether 'expt stop' ended the run, and not somebody who wants the session to end."""
    asked = Path(outcome.path, STOPPED_FILE)
    there = bool(outcome.path) and asked.exists()
    if there:
        asked.unlink(missing_ok=True)
    return there
