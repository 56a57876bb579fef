"""One invocation of `expt`, from the tree of files to the exit code: the parent's whole work.

    discover ─► plan (in a worker) ─► run every case ─► render ─► exit code

The parent draws the screen and keeps the books; it never imports the user's code, unless `-n 0`
asks for everything in this process.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import datetime as dt
import secrets
import signal
import threading
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import attrs

from expt.archive import check_writable
from expt.executors import (
    Death,
    InlineExecutor,
    SpawnStarter,
    Starter,
    WorkerExecutor,
    make_starter,
)
from expt.ground.errors import ExitCode, ExptError, PlanningError
from expt.ground.messages import (
    AnnounceRequest,
    DescribeRequest,
    Event,
    Executor,
    Notice,
    PlanRequest,
    RenderRequest,
    Request,
    RunAnnounced,
    RunFinished,
    RunRendered,
    RunRequest,
    SessionInfo,
    SessionRenderRequest,
)
from expt.ground.model import Description, ErrorInfo, Outcome, Plan
from expt.parameters import Secrets, mask_patch, secret_names, secret_texts
from expt.sessions.burying import PlanningDied, bury_planning, bury_rendering, bury_run
from expt.sessions.selecting import collect
from expt.sessions.syncing import Syncer
from expt.sessions.worker import Worker, serve

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from concurrent.futures import Future
    from pathlib import Path

    from expt.ground.model import Case, Experiment
    from expt.ground.options import Options
    from expt.plugins.manager import Plugins
    from expt.sessions.selecting import Collected

_TICK: Final = 0.1  # seconds between two looks at what Ctrl-C asked for


@attrs.frozen
class SessionResult:
    """What a session came to; `plan` is None where planning failed."""

    exit_code: ExitCode
    outcomes: tuple[Outcome, ...] = ()
    plan: Plan | None = None


def run_session(
    options: Options, plugins: Plugins, starter: Starter | None = None, *, spawn: bool = False
) -> SessionResult:
    """Discover, plan, run, render. Raises `ExptError` for mistakes found before anything runs.

    `starter` starts the workers, where the caller has already begun to. `spawn` starts new
    interpreters: for a process that has threads or code of the user's, which no fork survives.
    """
    session_id = new_session_id()
    plugins.observe("expt_session_started", options=options, session_id=session_id)
    outcomes: list[Outcome] = []
    exit_code = ExitCode.INTERNAL
    try:
        with _Crew(options, plugins, session_id, starter, spawn=spawn) as crew:
            plan = crew.plan(collect(options, plugins))
            plugins.observe("expt_plan_finished", options=options, plan=plan)
            if plan.cases:
                crew.run(plan, outcomes)
            exit_code = judge(plan, outcomes, interrupted=crew.interrupted)
            return SessionResult(exit_code, tuple(outcomes), plan)
    except ExptError as error:
        exit_code = error.exit_code
        raise
    except KeyboardInterrupt:
        exit_code = ExitCode.INTERRUPTED
        return SessionResult(exit_code, tuple(outcomes))
    finally:
        plugins.observe(
            "expt_session_finished", options=options, outcomes=outcomes, exit_code=exit_code
        )


def plan_session(options: Options, plugins: Plugins) -> Plan:
    """The plan of what `run_session` would run; nothing runs."""
    with _Crew(_without_pictures(options), plugins, "") as crew:
        return crew.plan(collect(options, plugins))


def describe_session(options: Options, plugins: Plugins) -> list[Description]:
    """What takes part in each case of the plan; nothing runs."""
    with _Crew(_without_pictures(options), plugins, "") as crew:
        plan = crew.plan(collect(options, plugins))
        return [crew.describe(case) for case in plan.cases]


def _without_pictures(options: Options) -> Options:
    return attrs.evolve(options, keeping=attrs.evolve(options.keeping, render=False))


def judge(plan: Plan, outcomes: Sequence[Outcome], *, interrupted: bool) -> ExitCode:
    """What the command's exit code says of the outcomes."""
    statuses = {outcome.status for outcome in outcomes}
    if interrupted or "interrupted" in statuses:
        return ExitCode.INTERRUPTED
    if not plan.cases:
        return ExitCode.USAGE if plan.errors else ExitCode.NOTHING_SELECTED
    return ExitCode.FAILED if "failed" in statuses or plan.errors else ExitCode.OK


def new_session_id() -> str:
    """When it began, and a few random letters: `2026-11-23_10-15-30_k3f9`."""
    return f"{dt.datetime.now():%Y-%m-%d_%H-%M-%S}_{secrets.token_hex(3)}"


class _Crew:
    """The executors of one session, and what must be put away when it ends, however it ends."""

    def __init__(
        self,
        options: Options,
        plugins: Plugins,
        session_id: str,
        starter: Starter | None = None,
        *,
        spawn: bool = False,
    ) -> None:
        self._starter = starter
        self._spawn = spawn
        self._options = options
        self._plugins = plugins
        self._session_id = session_id
        self._renderings: list[Future[Any]] = []
        self._announcements: list[Future[Any]] = []
        self._told: set[tuple[type, str]] = set()
        self._unheard: set[str] = set()  # cases whose workers died before their hooks heard
        self._events = threading.Lock()
        self._syncer = Syncer()
        self._stack = contextlib.ExitStack()
        self._is_rendering = False
        self._surroundings: tuple[Mapping[str, Any], bytes] | None = None
        self.interrupted = False

    def __enter__(self) -> _Crew:
        with contextlib.ExitStack() as stack:
            stack.callback(self._syncer.close)
            self._executor = self._make_executor()
            stack.callback(self._executor.shutdown, cancel_futures=True)
            self._renderer = self._make_renderer()
            if self._renderer is not self._executor:
                stack.callback(self._renderer.shutdown, cancel_futures=True)
            stack.enter_context(self._listening_for_interrupts())
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._syncer.finish()  # beside the processes that come to their ends
        self._stack.close()

    # Executors

    def _make_executor(self) -> Executor:
        made = self._plugins.decide(
            "expt_make_executor", options=self._options, make_worker=lambda: Worker(self._report)
        )
        if made is not None:
            if self._starter is not None:
                self._starter.close()
            executor: Executor = made
            return executor
        if self._options.running.workers == 0:
            return InlineExecutor(Worker(self._report, may_restore=True))
        return WorkerExecutor(
            self._starter or self._make_starter(),
            size=self._options.running.workers,
            role="run",
            on_event=self._report,
            bury=self._bury,
            isolate=self._options.running.isolate,
        )

    def _make_starter(self) -> Starter:
        return SpawnStarter() if self._spawn else make_starter(serve)

    def _make_renderer(self) -> Executor:
        if self._options.running.workers == 0:
            return self._executor
        return WorkerExecutor(
            self._make_starter(),
            size=1,
            role="render" if self._options.keeping.render else "script",
            on_event=self._report,
            bury=bury_rendering,
        )

    def _report(self, event: Event) -> None:
        self._syncer.hear(event)
        if isinstance(event, (RunFinished, RunAnnounced)):
            self._told.add((type(event), event.case_id))
        with self._events:
            self._plugins.observe("expt_event_received", event=event)

    # Planning and running

    def plan(self, collected: Collected) -> Plan:
        """The plan of what was collected; where a worker dies of a file, perhaps without it.

        Raises `ExptError` for a mistake that nothing allows to go past.
        """
        selected, errors, notes = collected.selected, [*collected.errors], []
        # planning finds the axes again, by the live decorators; those of the source may be lazy
        rest = tuple(attrs.evolve(experiment, axes=None) for experiment in selected.experiments)
        while True:
            try:
                plan = self._plan_once(rest, selected.unsure)
                break
            except PlanningDied as death:
                hit = {experiment.id for experiment in rest if death.concerns(experiment)}
                rest = tuple(experiment for experiment in rest if experiment.id not in hit)
                if not (hit and rest):
                    raise
                mistake = PlanningError(death.what, death.at, "while importing this file")
                if hit <= selected.unsure:
                    from expt.planning.skipping import tell_left_out  # slow, and few workers die

                    notes.append(tell_left_out(sorted(hit), mistake))
                elif self._options.selection.continue_on_errors:
                    errors.append(str(mistake))
                else:
                    raise
        return attrs.evolve(plan, errors=(*errors, *plan.errors), notes=(*notes, *plan.notes))

    def _plan_once(self, experiments: tuple[Experiment, ...], unsure: frozenset[str]) -> Plan:
        future = self._executor.submit(PlanRequest(self._options, experiments, unsure))
        if self._session_id and self._surroundings is None:  # while the worker imports
            self._surroundings = take_surroundings(self._options.root)
        self._wait({future})
        if self.interrupted:
            raise KeyboardInterrupt
        plan: Plan = future.result()
        return plan

    def describe(self, case: Case) -> Description:
        future = self._executor.submit(DescribeRequest(self._options, case))
        self._wait({future})
        description: Description = future.result()
        return description

    def run(self, plan: Plan, outcomes: list[Outcome]) -> None:
        """Run every case in order; `outcomes` grows as they end."""
        check_writable(self._options.keeping.runs)  # now, and not after the first of many runs
        session = self._session_info(plan)
        still_needed = _needed_later(plan.cases)
        futures: dict[Future[Any], Case] = {}
        for case, needed in zip(plan.cases, still_needed, strict=True):
            if self.interrupted or self._has_failed_enough(outcomes):
                break
            future = self._executor.submit(RunRequest(self._options, case, session, needed))
            futures[future] = case
            if future.done() or len(futures) > 2 * self._options.running.workers:
                self._collect_some(futures, outcomes)
        while futures:
            if self._has_failed_enough(outcomes):
                for future in futures:
                    future.cancel()
            self._collect_some(futures, outcomes)
        if self._announcements:
            concurrent.futures.wait(self._announcements)
        self._render_together(outcomes)
        self._finish_renderings()

    def _collect_some(self, futures: dict[Future[Any], Case], outcomes: list[Outcome]) -> None:
        for future in self._wait(set(futures)):
            case = futures.pop(future)
            if future.cancelled():
                continue
            outcome = self._outcome_of(case, future)
            outcomes.append(outcome)
            self.interrupted |= outcome.status == "interrupted"
            if case.id in self._unheard:
                announcing = AnnounceRequest(self._options, case, outcome)
                self._announcements.append(self._executor.submit(announcing))
            if outcome.path:
                rendering = self._renderer.submit(RenderRequest(self._options, outcome.path))
                rendering.add_done_callback(partial(self._tell_rendering, outcome.path))
                self._renderings.append(rendering)

    def _outcome_of(self, case: Case, future: Future[Any]) -> Outcome:
        """How a run ended, also where its archive could not be made or not be finished."""
        error = future.exception()
        if error is None:
            outcome: Outcome = future.result()
            return outcome
        info = ErrorInfo(type(error).__name__, str(error))
        outcome = Outcome(case.id, "", "", "failed", 0.0, error=info)
        self._report(RunFinished(case.id, outcome))
        return outcome

    def _has_failed_enough(self, outcomes: Sequence[Outcome]) -> bool:
        limit = self._options.running.fail_fast
        return limit is not None and sum(o.status == "failed" for o in outcomes) >= limit

    def _tell_rendering(self, path: str, rendering: Future[Any]) -> None:
        if rendering.cancelled():
            return
        error = rendering.exception()
        made = RunRendered(path, (), (f"not rendered: {error}",)) if error else rendering.result()
        self._report(made)

    def _render_together(self, outcomes: Sequence[Outcome]) -> None:
        """Have what the runs have in common drawn, after the pictures of each."""
        keeping = self._options.keeping
        paths = tuple(outcome.path for outcome in outcomes if outcome.path)
        if len(paths) < 2 or not keeping.render or keeping.scratch or self.interrupted:
            return
        request = SessionRenderRequest(self._options, self._session_id, paths)
        rendering = self._renderer.submit(request)
        rendering.add_done_callback(partial(self._tell_rendering, ""))
        self._renderings.append(rendering)

    def _finish_renderings(self) -> None:
        self._is_rendering = True
        for rendering in self._renderings:
            self._wait({rendering})

    def _wait(self, futures: set[Future[Any]]) -> set[Future[Any]]:
        """Wait until one is done, awake enough to hear Ctrl-C; those that are done."""
        while True:
            done, _ = concurrent.futures.wait(
                futures, timeout=_TICK, return_when=concurrent.futures.FIRST_COMPLETED
            )
            if done:
                return done

    def _session_info(self, plan: Plan) -> SessionInfo:
        assert self._surroundings is not None  # noqa: S101 - taken when it planned
        environment, patch = self._surroundings
        secrets = Secrets(secret_texts(plan.cases), secret_names(plan.cases))
        if patch:
            patch = mask_patch(patch, secrets)
        return SessionInfo(self._session_id, environment, patch, secrets.texts, secrets.names)

    # Ctrl-C

    @contextlib.contextmanager
    def _listening_for_interrupts(self) -> Iterator[None]:
        """First Ctrl-C or SIGTERM: the current runs end as interrupted. Second: they are killed."""
        if (
            self._options.running.workers == 0
            or threading.current_thread() is not threading.main_thread()
        ):
            yield
            return

        def hear(*_: Any) -> None:
            kill, self.interrupted = self.interrupted, True
            # by a thread: a lock may be held by the very code that the signal stopped
            threading.Thread(target=self._interrupt, kwargs={"kill": kill}).start()

        numbers = [signal.SIGINT, signal.SIGTERM]
        before = {number: signal.signal(number, hear) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _interrupt(self, *, kill: bool) -> None:
        self._executor.interrupt(kill=kill)
        if kill or self._is_rendering:
            self._renderer.interrupt(kill=True)  # 'expt render' makes what is missing
        else:
            self._report(Notice("interrupted: waiting for what runs; again to kill it"))

    # Workers that died

    def _bury(self, request: Request, death: Death) -> Any:
        if isinstance(request, RunRequest):
            outcome = bury_run(request, death)
            case_id = request.case.id
            if (RunFinished, case_id) not in self._told:
                self._report(RunFinished(case_id, outcome))
            if (RunAnnounced, case_id) not in self._told and death.asked != "interrupted":
                self._unheard.add(case_id)
            return outcome
        if isinstance(request, AnnounceRequest):
            return None
        return bury_planning(request, death)


def take_surroundings(root: Path) -> tuple[Mapping[str, Any], bytes]:
    """The environment and the uncommitted changes: taken once a session."""
    from expt.archive.snapshot import take_environment, take_patch

    return take_environment(root), take_patch(root)


def _needed_later(cases: Sequence[Case]) -> list[frozenset[str]]:
    """For each case, the session keys of the cases after it."""
    needed: list[frozenset[str]] = []
    later: frozenset[str] = frozenset()
    for case in reversed(cases):
        needed.append(later)
        later |= case.session_keys
    return needed[::-1]
