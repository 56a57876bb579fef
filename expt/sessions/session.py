"""One invocation of `expt`, from the tree of files to the exit code: the parent's whole work.

    discover ─► plan (in a worker) ─► run every case ─► render ─► exit code

    Interrupts   Ctrl-C and its kin               Schedule     which case when
    Crew         the processes                    Undertaker   the end of a dead worker's run
    Books        what was said of each run          (Syncer: archives on the disk)

The parent draws the screen and keeps the books; it never imports the user's code, unless `-n 0`
asks for everything in this process.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import os
from functools import partial
from typing import TYPE_CHECKING, Any

from expt.ground.errors import ExitCode, ExptError
from expt.ground.layout import MOMENT
from expt.ground.messages import DescribeRequest, SchemaRequest, SessionInfo
from expt.ground.value_classes import evolve, frozen
from expt.parameters.secret_values import Secrets, secret_names, secret_texts
from expt.sessions.books import Books
from expt.sessions.crew import Crew
from expt.sessions.deciding import decide_cases
from expt.sessions.feeding import Feed, open_studies, with_known
from expt.sessions.interrupting import Interrupts
from expt.sessions.scheduling import Schedule
from expt.sessions.selecting import collect
from expt.sessions.serving import start_first_worker

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from expt.executors.starting import Starter
    from expt.ground.messages import Event, Schemas
    from expt.ground.model import Description, Outcome, Plan
    from expt.ground.options import Options
    from expt.plugins.manager import Plugins
    from expt.sessions.selecting import Collected


@frozen
class SessionResult:
    """What a session came to; `plan` is None where planning failed."""

    exit_code: ExitCode
    outcomes: tuple[Outcome, ...] = ()
    plan: Plan | None = None


def run_session(
    options: Options, plugins: Plugins, starter: Starter | None = None, *, spawn: bool = False
) -> SessionResult:
    """Discover, plan, run, render. Raises `ExptError` for mistakes found before anything runs.

    `starter` and `spawn` say how workers come to be: see `Crew`.
    """
    session = OpenSession(options, plugins)
    exit_code = ExitCode.INTERNAL
    try:
        with _at_work(options, plugins, starter, spawn=spawn) as (found, crew, books, interrupts):
            session.begin(crew, books, interrupts)
            plan = session.carry_out(options, found)
            session.conclude()
        outcomes = session.outcomes
        exit_code = judge(plan, outcomes, interrupted=interrupts.came, unsynced=books.unsynced)
        return SessionResult(exit_code, tuple(outcomes), plan)
    except ExptError as error:
        exit_code = error.exit_code
        raise
    except KeyboardInterrupt:
        exit_code = ExitCode.INTERRUPTED
        return SessionResult(exit_code, tuple(session.outcomes))
    finally:
        session.finish(exit_code)


@contextlib.contextmanager
def open_session(options: Options, plugins: Plugins) -> Iterator[OpenSession]:
    """A session whose workers stay for one plan after the other, as Python asks for them.

    Ctrl-C is heard only while a plan is carried out: in between it is the caller's.
    """
    session = OpenSession(options, plugins, keep=True)
    exit_code = ExitCode.INTERRUPTED
    interrupts = Interrupts()
    books = _open_books(plugins)
    try:
        with contextlib.closing(books), Crew(options, plugins, books, spawn=True) as crew:
            session.begin(crew, books, interrupts)
            yield session
            with interrupts.heard(options.running):
                session.conclude()
            books.finish()
        statuses = {outcome.status for outcome in session.outcomes}
        exit_code = ExitCode.FAILED if "failed" in statuses else ExitCode.OK
    finally:
        session.finish(exit_code)


class OpenSession:
    """An invocation at work: plans are carried out by one crew, under one id.

    With `keep`, one plan may follow the other.
    """

    def __init__(self, options: Options, plugins: Plugins, *, keep: bool = False) -> None:
        self.id = new_session_id()
        self.outcomes: list[Outcome] = []
        self._options = options
        self._plugins = plugins
        self._keep = keep
        self._surroundings = functools.cache(partial(take_surroundings, options))
        plugins.observe("expt_session_started", options=options, session_id=self.id)

    def begin(self, crew: Crew, books: Books, interrupts: Interrupts) -> None:
        """Have processes, books and handlers of signals."""
        self._crew, self._books, self._interrupts = crew, books, interrupts
        self._schedule = Schedule(self._options, crew, books, interrupts, self.outcomes)

    def carry_out(self, options: Options, collected: Collected) -> Plan:
        """Plan and run what was collected; the outcomes are added to `outcomes`."""
        plan = decide_cases(self._crew, options, collected, self._surroundings)
        if options.running.looks_back:
            from expt.sessions.looking_back import choose_cases, look_back  # slow: it reads runs

            plan = choose_cases(look_back(plan, options), options)
        studies = open_studies(self._crew, options, self._plugins, plan)
        plan = with_known(plan, studies)
        self._plugins.observe("expt_plan_finished", options=options, plan=plan)
        adds = plan.done and self._plugins.listens("expt_add_cases")
        if plan.cases or plan.searches or adds:
            self._crew.tell_session(_session_info(self.id, plan, *self._surroundings()))
            self._interrupts.pass_on_to(self._crew.interrupt)
            feed = Feed(options, self._crew, self._books, self._plugins, studies, plan)
            feed.begin(plan)
            if self._keep or adds or not self._is_single(plan):
                self._crew.have_renderer()
            self._schedule.carry_out(plan, feed, keep=self._keep)
            feed.conclude()
        return plan

    def _is_single(self, plan: Plan) -> bool:
        """Whether one run is all that there will be, and no plugin draws it."""
        hooks = ("expt_render_series", "expt_render_run")
        draws = any(map(self._plugins.listens, hooks))
        return len(plan.cases) == 1 and not plan.searches and not draws

    def run(self, options: Options) -> list[Outcome]:
        """Carry out one plan of several. Raises `KeyboardInterrupt` where Ctrl-C came."""
        already = len(self.outcomes)
        self._interrupts.pass_on_to(None)
        self._crew.change_values(options)
        with self._interrupts.heard(options.running):
            self.carry_out(options, collect(options, self._plugins))
        if self._interrupts.came:
            raise KeyboardInterrupt
        return self.outcomes[already:]

    def conclude(self) -> None:
        """What is made of all runs together, and the pictures that are not made yet."""
        self._schedule.analyse_together(self.id)
        self._schedule.render_together(self.id)
        self._schedule.finish_renderings()

    def finish(self, exit_code: ExitCode) -> None:
        """Tell the plugins of the end."""
        self._plugins.observe(
            "expt_session_finished",
            options=self._options,
            outcomes=self.outcomes,
            exit_code=exit_code,
        )


def plan_session(options: Options, plugins: Plugins) -> Plan:
    """The plan of what `run_session` would run, and of what it would leave out; nothing runs.

    What the archives say of each case is in its `pasts`.
    """
    from expt.sessions.looking_back import choose_cases, look_back  # slow: it reads runs

    with _at_work(options, plugins, renders=False) as (collected, crew, _, _):
        plan = look_back(decide_cases(crew, options, collected), options)
        chosen = choose_cases(plan, options)
        to_run, done = iter(chosen.cases), {case.id for case in chosen.done}
        kept = done.union(case.id for case in chosen.cases)
        cases = (case for case in plan.cases if case.id in kept)
        in_order = tuple(case if case.id in done else next(to_run) for case in cases)
        shown = evolve(chosen, cases=in_order)  # what is done has its place among what runs
        return with_known(shown, open_studies(crew, options, plugins, shown))


def describe_session(options: Options, plugins: Plugins) -> list[Description]:
    """What takes part in each case of the plan; nothing runs."""
    with _at_work(options, plugins, renders=False) as (collected, crew, _, _):
        plan = decide_cases(crew, options, collected)
        asked = [case for case in plan.cases if case.id not in plan.added]
        cases = [*asked, *(search.case for search in plan.searches)]
        return [crew.ask(DescribeRequest(case)) for case in cases]


def schemas_session(options: Options, plugins: Plugins) -> Mapping[str, Any]:
    """The JSON Schema of each `params.toml` that counts for the experiments; nothing runs."""
    with _at_work(options, plugins, renders=False) as (collected, crew, _, _):
        found = collected.selected.experiments
        experiments = tuple(evolve(experiment, axes=None) for experiment in found)  # may be lazy
        schemas: Schemas = crew.ask(SchemaRequest(experiments))
        return schemas.by_file


@contextlib.contextmanager
def _at_work(
    options: Options,
    plugins: Plugins,
    starter: Starter | None = None,
    *,
    spawn: bool = False,
    renders: bool = True,
) -> Iterator[tuple[Collected, Crew, Books, Interrupts]]:
    """What was collected, processes, books and handlers of signals.

    The last three are put away at the end, however it comes. Collecting forks where it can, and so
    it comes before whatever has a thread; the first worker imports meanwhile. What starts workers
    is there before plugins hear of anything, since they may have threads from then on.
    """
    interrupts = Interrupts(may_exit=not spawn)
    with interrupts.heard(options.running):
        starter = starter or start_first_worker(options, spawn=spawn)
        with contextlib.ExitStack() as unused:
            if starter is not None:
                unused.callback(starter.close)
            collected = collect(options, plugins)
            unused.pop_all()
        books = _open_books(plugins)
        crew = Crew(options, plugins, books, starter, spawn=spawn, renders=renders)
        with contextlib.closing(books), crew:
            yield collected, crew, books, interrupts
            books.finish()  # beside the processes that come to their ends


def _open_books(plugins: Plugins) -> Books:
    """Books whose every event plugins hear of."""

    def tell(event: Event) -> None:
        plugins.observe("expt_event_received", event=event)

    return Books(tell)


def _session_info(
    session_id: str, plan: Plan, environment: Mapping[str, Any], patch: bytes
) -> SessionInfo:
    cases = [*plan.cases, *(search.case for search in plan.searches)]
    secrets = Secrets(secret_texts(cases), secret_names(cases))
    if patch:
        from expt.parameters.masking import mask_patch  # slow, and most trees are clean

        patch = mask_patch(patch, secrets)
    return SessionInfo(session_id, environment, patch, secrets.texts, secrets.names)


def judge(
    plan: Plan, outcomes: Sequence[Outcome], *, interrupted: bool, unsynced: bool = False
) -> ExitCode:
    """The exit code of a session that came to its end."""
    statuses = {outcome.status for outcome in outcomes}
    if interrupted or "interrupted" in statuses:
        return ExitCode.INTERRUPTED
    if not (plan.cases or plan.done or plan.searches or plan.elsewhere):
        return ExitCode.USAGE if plan.errors else ExitCode.NOTHING_SELECTED
    failed = unsynced or plan.errors or "failed" in statuses
    return ExitCode.FAILED if failed else ExitCode.OK


def new_session_id() -> str:
    """When it began, to 16 microseconds, and a random byte: ids sort as the sessions began."""
    now = dt.datetime.now()
    return f"{now:{MOMENT}}_{now.microsecond // 16:04x}{os.urandom(1).hex()}"


def take_surroundings(options: Options) -> tuple[Mapping[str, Any], bytes]:
    """The environment and the uncommitted changes: taken once a session."""
    from expt.archive import snapshot  # not needed where nothing is run

    return snapshot.take_surroundings(options.root, options.code_of)
