"""The worker's main: the one place where the user's code is imported, planned and run.

    receive ─► PlanRequest      import, resolve, decide         ─► Plan
               RunRequest       run one case                    ─► Outcome
               AnnounceRequest  tell hooks of a dead run's end  ─► None
               RenderRequest    read an archive, draw           ─► RunRendered
               SessionRenderRequest  draw many runs together    ─► SessionRendered
    close   ─► session providers are torn down

The worker that planned goes on as the first that runs, so that one import serves both.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import tempfile
import traceback
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TextIO

from expt.executors import CLOSE, Connection, raised
from expt.ground.errors import ExptError, PlanningError, WorkerError
from expt.ground.messages import (
    AnnounceRequest,
    Answer,
    DescribeRequest,
    ModuleImporting,
    Notice,
    PlanRequest,
    RenderRequest,
    RunRendered,
    RunRequest,
    SessionRendered,
    SessionRenderRequest,
)
from expt.ground.options import runs_root
from expt.plugins.builtin import worker_plugins
from expt.plugins.manager import Plugins, call_observer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from expt.ground.messages import Report, Request
    from expt.ground.model import Case, Description, Outcome, Plan
    from expt.ground.options import Options
    from expt.planning import BoundExperiment, Planner
    from expt.running.scopes import SessionScope


class Worker:
    """What one worker keeps from request to request."""

    def __init__(self, report: Report, *, may_restore: bool = False) -> None:
        self.importing: str | None = None
        self._report = report
        self._may_restore = may_restore
        self._planner: Planner | None = None
        self._plugins: Plugins | None = None
        self._scope: SessionScope | None = None
        self._told_imports = 0.0

    def answer(self, request: Request) -> Any:
        """Work on one request. Raises `ExptError` for a user's mistake."""
        words = list(sys.argv)
        try:
            return self._answer(request)
        finally:
            sys.argv[:] = words

    def _answer(self, request: Request) -> Any:
        if isinstance(request, PlanRequest):
            return self._plan(request)
        if isinstance(request, DescribeRequest):
            return self._describe(request)
        if isinstance(request, RunRequest):
            return self._run(request)
        if isinstance(request, AnnounceRequest):
            return self._announce(request)
        if isinstance(request, SessionRenderRequest):
            return self._render_session(request)
        return self._render(request)

    def close(self) -> None:
        """Tear down the session providers that are left, and give the process back."""
        if self._scope is not None:
            self._finish_session_providers(frozenset())
        if self._planner is not None and self._may_restore:
            self._planner.close()

    # The requests

    def _plan(self, request: PlanRequest) -> Plan:
        planner = self._get_planner(request.options)
        return planner.plan(request.experiments, request.unsure)

    def _describe(self, request: DescribeRequest) -> Description:
        from expt.planning import describe

        return describe(request.case, self._bind(request.options, request.case))

    def _run(self, request: RunRequest) -> Outcome:
        from expt.running import Surroundings, run_case

        bound = self._bind(request.options, request.case)
        scope = self._get_scope()
        plugins = self._get_plugins(request.options)
        around = Surroundings(
            options=request.options,
            session=request.session,
            report=self._report,
            scope=scope,
            observe=self._observer(plugins, bound),
            listens=lambda hook: plugins.listens(hook) or bool(bound.hooks_named(hook)),
            recognise=self._recogniser(plugins, bound),
            on_tracked=self._tracked_observer(plugins, bound),
            debug=_post_mortem if request.options.running.pdb else None,
            import_seconds=self._untold_imports(request.options),
        )
        try:
            return run_case(request.case, bound, around)
        finally:
            self._finish_session_providers(request.still_needed)

    def _untold_imports(self, options: Options) -> float:
        """The seconds of imports that no run of this worker has told yet: the first one does."""
        seconds = self._get_planner(options).import_seconds
        before, self._told_imports = self._told_imports, seconds
        return seconds - before

    def _announce(self, request: AnnounceRequest) -> None:
        from expt.running import RunInfo

        bound = self._bind(request.options, request.case)
        outcome = request.outcome
        run = RunInfo(
            outcome.run_id,
            Path(outcome.path),
            request.options.keeping.tags,
            request.options.keeping.note,
        )
        observe = self._observer(self._get_plugins(request.options), bound)
        observe("expt_run_finished", run=run, case=request.case, outcome=outcome)

    def _render(self, request: RenderRequest) -> RunRendered:
        from expt.rendering.renderer import render_archive

        plugins = self._get_plugins(request.options)
        return render_archive(Path(request.path), plugins.observe)

    def _render_session(self, request: SessionRenderRequest) -> SessionRendered:
        from expt.rendering.session_renderer import render_session

        observe = self._get_plugins(request.options).observe
        root = runs_root(request.options)
        return render_session(root, request.session_id, request.paths, observe)

    # What they need

    def _get_plugins(self, options: Options) -> Plugins:
        if self._plugins is None:
            self._plugins = Plugins(worker_plugins(options), options.plugins)
        return self._plugins

    def _get_planner(self, options: Options) -> Planner:
        if self._planner is None:
            from expt.planning import Planner

            plugins = self._get_plugins(options)
            provided: dict[str, Callable[..., Any]] = {}
            for providers in plugins.decide("expt_make_providers"):
                provided.update(providers)
            convert = self._converter(plugins)
            announce = partial(self._tell_import, options.root)
            self._planner = Planner(options, provided, convert, announce, plugins.files)
        return self._planner

    def _tell_import(self, root: Path, path: str) -> None:
        self.importing = path
        sys.argv[:] = [str(root / path)]  # a script that reads its options has none
        self._report(ModuleImporting(path))

    def _get_scope(self) -> SessionScope:
        if self._scope is None:
            from expt.running import SessionScope

            self._scope = SessionScope()
        return self._scope

    def _bind(self, options: Options, case: Case) -> BoundExperiment:
        return self._get_planner(options).bind(case)

    def _finish_session_providers(self, needed: frozenset[str]) -> None:
        for error in self._get_scope().drop_all_but(needed):
            told = "".join(traceback.format_exception_only(error)).strip()
            self._report(Notice(f"the teardown of a session provider failed: {told}"))

    # Hooks of this worker: those of plugins, and those of conftests above the experiment

    def _observer(self, plugins: Plugins, bound: BoundExperiment) -> Callable[..., None]:
        def observe(hook: str, /, **arguments: Any) -> None:
            def complain(text: str) -> None:
                self._report(Notice(text, arguments["case"].id))

            plugins.observe(hook, complain, **arguments)
            observe_in_conftests(bound, hook, complain, arguments)

        return observe

    def _recogniser(self, plugins: Plugins, bound: BoundExperiment) -> Any:
        hook = "expt_recognise_value"
        if not bound.hooks_named(hook) and not plugins.listens(hook):
            return None

        def recognise(value: Any) -> Any:
            found = bound.binding.decide(hook, value=value)
            return plugins.decide(hook, value=value) if found is None else found

        return recognise

    def _tracked_observer(self, plugins: Plugins, bound: BoundExperiment) -> Any:
        hook = "expt_value_tracked"
        if not bound.hooks_named(hook) and not plugins.listens(hook):
            return None
        failed: set[str] = set()

        def complain(text: str) -> None:
            if text not in failed:  # once, and not a million times
                failed.add(text)
                self._report(Notice(text))

        def observe(name: str, kind: Any, step: int, value: Any) -> None:
            arguments = {"name": name, "kind": kind, "step": step, "value": value}
            plugins.observe(hook, complain, **arguments)
            observe_in_conftests(bound, hook, complain, arguments)

        return observe

    def _converter(self, plugins: Plugins) -> Callable[[Any, Any], Any] | None:
        if not plugins.listens("expt_convert_value"):
            return None
        return lambda value, annotation: plugins.decide(
            "expt_convert_value", (TypeError, ValueError), value=value, annotation=annotation
        )


def observe_in_conftests(
    bound: BoundExperiment,
    hook: str,
    complain: Callable[[str], None],
    arguments: Mapping[str, Any],
) -> None:
    """Call every conftest's implementation, outermost first, whatever the others do."""
    for found in bound.hooks_named(hook):
        call_observer(hook, found.place.path, found.function, found.arguments, arguments, complain)


def _post_mortem(error: BaseException) -> None:
    import pdb  # slow, and only for --pdb

    from expt.running import describe_error

    sys.stderr.write(describe_error(error, str).traceback)
    pdb.post_mortem(error.__traceback__)


# The process


def serve(connection: Connection, role: str) -> None:
    """Answer requests until the parent says close, or is gone."""
    _warm_up(role)
    gate = _InterruptGate()
    with _outside_output(connection):
        worker = Worker(connection.send)
        with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
            while (request := _receive(connection)) != CLOSE:
                with gate:
                    answer = _answer(worker, request)
                connection.send(answer)
        with gate, contextlib.suppress(KeyboardInterrupt):
            worker.close()


def _receive(connection: Connection) -> Any:
    """The next request; an unreadable one is answered as the error that it is."""
    while True:
        try:
            return connection.receive()
        except ExptError as error:
            connection.send(Answer(error=error))


def _answer(worker: Worker, request: Request) -> Answer:
    pid = os.getpid()
    try:
        return Answer(worker.answer(request))
    except (ExptError, OSError) as error:
        return Answer(error=raised(error))
    except KeyboardInterrupt:
        if isinstance(request, PlanRequest):
            raised_there = PlanningError("KeyboardInterrupt was raised", worker.importing)
            return Answer(error=raised_there)
        return Answer(error=WorkerError("interrupted"))
    except BaseException as error:
        told = "".join(traceback.format_exception(error))
        return Answer(error=WorkerError(f"a worker failed: {error!r}", None, told))
    finally:
        if os.getpid() != pid:
            os._exit(0)


class _InterruptGate:
    """SIGINT and SIGTERM raise `KeyboardInterrupt` inside a request, and do nothing outside."""

    def __init__(self) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)

    def __enter__(self) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


_WARM_UP: Final = {
    "run": ("expt.planning", "expt.running", "numpy.random"),
    "render": ("expt.rendering.renderer", "expt.drawing.sheets", "expt.rendering.plots"),
    "script": ("expt.rendering.renderer", "expt.rendering.script"),
}
"""What every request of a role needs; imported while the parent is still looking around."""


def _warm_up(role: str) -> None:
    if role == "render":
        os.nice(5)
        os.environ["MPLBACKEND"] = "agg"  # for plugins too; the user's may not be installed
    for name in _WARM_UP[role]:
        with contextlib.suppress(Exception):  # the request that needs it tells why
            import_module(name)


@contextlib.contextmanager
def _outside_output(connection: Connection) -> Iterator[None]:
    """What is printed outside of any run (at import, say) becomes a notice at the end of it."""
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        sys.stdout, sys.stderr = _open_text(1), _open_text(2)
        yield
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
            file.seek(0)
            text = file.read(10_000).decode("utf-8", "replace").strip()
            if text:
                connection.send(Notice(f"printed outside of any run:\n{text}"))


def _open_text(descriptor: int) -> TextIO:
    return open(
        descriptor, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False
    )


def main(arguments: list[str]) -> None:
    """`python -m expt.sessions.worker FD ROLE`: a spawned worker."""
    fd, role = int(arguments[0]), arguments[1]
    try:
        serve(Connection(socket.socket(fileno=fd)), role)
    finally:
        os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
