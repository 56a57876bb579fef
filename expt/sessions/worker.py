"""The work of a worker: the one place where the user's code is imported, planned and run.

    begin   ─► what all requests have in common is kept
    answer  ─► PlanRequest      import, resolve, decide         ─► Plan
               TrialRequest     points of a search              ─► Trials
               MoreRequest      values beside those of a case   ─► Trials
               RunRequest       run one case                    ─► Outcome
               AnnounceRequest  tell hooks of a dead run's end  ─► None
               RenderRequest    read an archive, draw           ─► RunRendered
               SessionAnalysisRequest  call analyses of many runs   ─► SessionRendered
               SessionRenderRequest  draw many runs together    ─► SessionRendered
    close   ─► session providers are torn down

The worker that planned goes on as the first that runs, so that one import serves both.
"""

from __future__ import annotations

import signal
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from expt.ground import messages
from expt.ground.layout import SESSIONS_DIR
from expt.ground.options import runs_root
from expt.plugins.builtin import worker_plugins
from expt.plugins.manager import Plugins
from expt.sessions.input_runs import InputRuns

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from expt.ground.messages import Begin, Report, Request, SessionInfo
    from expt.ground.model import Case, Description, Outcome, Plan
    from expt.planning.bound import BoundExperiment
    from expt.planning.contents import Analysis, Hook
    from expt.planning.planner import Planner
    from expt.plugins.manager import Listeners
    from expt.running.rivals import Rivals
    from expt.running.scopes import SessionScope
    from expt.running.session_files import SessionFiles


class Worker:
    """What one worker keeps from request to request."""

    def __init__(self, report: Report, *, may_restore: bool = False, draws: bool = True) -> None:
        self.importing: str | None = None
        self._begin: Begin
        self._report = report
        self._may_restore = may_restore
        self._draws = draws
        self._planner: Planner | None = None
        self._plugins: Plugins | None = None
        self._scope: SessionScope | None = None
        self._files: SessionFiles | None = None
        self._rivals: tuple[SessionInfo, Rivals] | None = None
        self._told_imports = 0.0

    def answer(self, request: Request) -> Any:
        """Work on one request. Raises `ExptError` for a user's mistake."""
        words = list(sys.argv)
        try:
            return self._answer(request)
        finally:
            sys.argv[:] = words

    def _answer(self, request: Request) -> Any:
        if isinstance(request, messages.PlanRequest):
            return self._plan(request)
        if isinstance(request, messages.TrialRequest):
            return messages.Trials(
                tuple(self._get_planner().try_points(request.search, request.points))
            )
        if isinstance(request, messages.MoreRequest):
            return messages.Trials(tuple(self._get_planner().vary(request.case, request.points)))
        if isinstance(request, messages.DescribeRequest):
            return self._describe(request)
        if isinstance(request, messages.SchemaRequest):
            return messages.Schemas(self._get_planner().make_schemas(request.experiments))
        if isinstance(request, messages.RunRequest):
            return self._run(request)
        if isinstance(request, messages.AnnounceRequest):
            return self._announce(request)
        if isinstance(request, messages.SessionAnalysisRequest):
            return self._analyse_session(request)
        if isinstance(request, messages.SessionRenderRequest):
            return self._render_session(request)
        return self._render(request)

    def begin(self, begin: Begin) -> None:
        """Keep what all requests to come have in common."""
        self._begin = begin
        if self._planner is not None:
            self._planner.change_values(begin.options)

    def close(self) -> None:
        """Tear down the session providers that are left, and give the process back."""
        if self._scope is not None:
            self._finish_session_providers(frozenset())
        if self._planner is not None and self._may_restore:
            self._planner.close()

    # The requests

    def _plan(self, request: messages.PlanRequest) -> Plan:
        return self._get_planner().plan(request.experiments, request.unsure)

    def _describe(self, request: messages.DescribeRequest) -> Description:
        from expt.planning.describing import describe

        return describe(request.case, self._bind(request.case))

    def _run(self, request: messages.RunRequest) -> Outcome:
        from expt.running.case import run_case
        from expt.running.surroundings import Surroundings

        bound = self._bind(request.case)
        listeners = self._listeners(bound)
        options = self._begin.options
        around = Surroundings(
            options=options,
            files=self._get_files(),
            report=self._report,
            scope=self._get_scope(),
            rivals=self._get_rivals(),
            observe=self._observer(listeners),
            listens=listeners.listens,
            recognise=self._recogniser(listeners),
            on_tracked=self._tracked_observer(listeners),
            debug=_post_mortem if options.running.pdb else None,
            import_seconds=self._untold_imports(),
        )
        try:
            return run_case(request.case, bound, around)
        finally:
            self._finish_session_providers(request.still_needed)

    def _untold_imports(self) -> float:
        """The seconds of imports that no run of this worker has told yet: the first one does."""
        seconds = self._get_planner().import_seconds
        before, self._told_imports = self._told_imports, seconds
        return seconds - before

    def _announce(self, request: messages.AnnounceRequest) -> None:
        from expt.running.supplies import RunInfo

        keeping, outcome = self._begin.options.keeping, request.outcome
        run = RunInfo(outcome.run_id, Path(outcome.path), keeping.tags, keeping.note)
        observe = self._observer(self._listeners(self._bind(request.case)))
        observe("expt_run_finished", run=run, case=request.case, outcome=outcome)

    def _render(self, request: messages.RenderRequest) -> messages.RunRendered:
        from expt.rendering.renderer import any_draws, render_archive

        plugins = self._get_plugins()
        if not self._draws:  # the script of a single run: its worker has nothing else to do
            for name, plugin in worker_plugins(self._begin.options).items():
                plugins.register(plugin, name)
        return render_archive(Path(request.path), plugins.observe, draws=any_draws(plugins.takes))

    def _render_session(self, request: messages.SessionRenderRequest) -> messages.SessionRendered:
        from expt.rendering.session_renderer import render_session

        observe = self._get_plugins().observe
        root = runs_root(self._begin.options)
        return render_session(root, request.session_id, request.paths, observe)

    def _analyse_session(
        self, request: messages.SessionAnalysisRequest
    ) -> messages.SessionRendered:
        from expt.running.analyses import analyse_session

        heard: dict[Callable[..., Any], tuple[Analysis, list[str]]] = {}
        for case, path in request.runs:
            for analysis in self._bind(case).binding.session_analyses:
                heard.setdefault(analysis.function, (analysis, []))[1].append(path)
        options, secrets = self._begin.options, self._session.secrets
        folder = runs_root(options) / SESSIONS_DIR / request.session_id
        return analyse_session(folder, heard.values(), secrets, options.keeping.log_level)

    # What they need

    def _get_plugins(self) -> Plugins:
        if self._plugins is None:
            options = self._begin.options
            builtin = worker_plugins(options) if self._draws else {}
            self._plugins = Plugins(builtin, options.plugins)
        return self._plugins

    def _get_planner(self) -> Planner:
        if self._planner is None:
            from expt.planning.planner import Planner

            provided: dict[str, Callable[..., Any]] = {}
            for providers in self._get_plugins().decide("expt_make_providers"):
                provided.update(providers)
            self._planner = Planner(
                self._begin.options,
                provided,
                self._converter,
                self._tell_import,
                self._get_plugins().files,
                InputRuns(self._begin.options),
            )
        return self._planner

    def _tell_import(self, path: str) -> None:
        self.importing = path
        # a script that reads its options has none
        sys.argv[:] = [str(self._begin.options.root / path)]
        self._report(messages.ModuleImporting(path))

    def _get_scope(self) -> SessionScope:
        if self._scope is None:
            from expt.running.scopes import SessionScope

            self._scope = SessionScope()
        return self._scope

    def _get_files(self) -> SessionFiles:
        if self._files is None or self._files.session is not self._session:
            from expt.running.session_files import SessionFiles

            self._files = SessionFiles(self._session)
        return self._files

    def _get_rivals(self) -> Rivals:
        session = self._session
        if self._rivals is None or self._rivals[0] is not session:
            from expt.running.rivals import Rivals

            self._rivals = session, Rivals(self._begin.options, session.id)
        return self._rivals[1]

    @property
    def _session(self) -> SessionInfo:
        assert self._begin.session is not None  # noqa: S101 - told before the first run
        return self._begin.session

    def _bind(self, case: Case) -> BoundExperiment:
        return self._get_planner().bind(case)

    def _finish_session_providers(self, needed: frozenset[str]) -> None:
        for error in self._get_scope().drop_all_but(needed):
            told = "".join(traceback.format_exception_only(error)).strip()
            self._report(messages.Notice(f"the teardown of a session provider failed: {told}"))

    # Hooks: those of plugins, and those of conftests above the experiment

    def _listeners(self, bound: BoundExperiment) -> Listeners:
        return self._get_plugins().below(bound.binding.hooks)

    def _observer(self, listeners: Listeners) -> Callable[..., None]:
        def observe(hook: str, /, **arguments: Any) -> None:
            def complain(text: str) -> None:
                self._report(messages.Notice(text, arguments["case"].id))

            listeners.observe(hook, complain, **arguments)

        return observe

    def _recogniser(self, listeners: Listeners) -> Any:
        if not listeners.listens("expt_recognise_value"):
            return None
        return lambda value: listeners.decide("expt_recognise_value", value=value)

    def _tracked_observer(self, listeners: Listeners) -> Any:
        if not listeners.listens("expt_value_tracked"):
            return None
        failed: set[str] = set()

        def complain(text: str) -> None:
            if text not in failed:  # once, and not a million times
                failed.add(text)
                self._report(messages.Notice(text))

        def observe(name: str, kind: Any, step: int, value: Any) -> None:
            listeners.observe(
                "expt_value_tracked", complain, name=name, kind=kind, step=step, value=value
            )

        return observe

    def _converter(self, hooks: Sequence[Hook]) -> Callable[[Any, Any], Any] | None:
        listeners = self._get_plugins().below(hooks)
        if not listeners.listens("expt_convert_value"):
            return None
        return lambda value, annotation: listeners.decide(
            "expt_convert_value", (TypeError, ValueError), value=value, annotation=annotation
        )


def _post_mortem(error: BaseException) -> None:
    import bdb  # slow, and only for --pdb
    import pdb

    from expt.running.failure import describe_error

    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, 0)  # --timeout is not for the person who looks
    sys.stderr.write(describe_error(error, str).traceback)
    if not isinstance(error, bdb.BdbQuit):  # who left the debugger does not want it again
        pdb.post_mortem(error.__traceback__)
