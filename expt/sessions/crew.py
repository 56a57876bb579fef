"""The processes of one session: those that plan and run, and the one that renders."""

from __future__ import annotations

import concurrent.futures
import contextlib
import os
from typing import TYPE_CHECKING, Any, Final

from expt.executors.inline import InlineExecutor
from expt.executors.limits import device_variables
from expt.executors.workers import WorkerExecutor
from expt.ground.messages import Begin, Notice
from expt.ground.value_classes import evolve
from expt.sessions.burying import Undertaker
from expt.sessions.serving import starter_of, warm_up
from expt.sessions.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from concurrent.futures import Future

    from expt.executors.engines.spelling import Engine
    from expt.executors.starting import Starter
    from expt.ground.messages import Executor, Report, Request, SessionInfo
    from expt.ground.options import Options
    from expt.plugins.manager import Plugins
    from expt.sessions.books import Books

_TICK: Final = 0.1  # seconds between two looks at what Ctrl-C asked for


class Crew:
    """Two executors, what their workers are told of the session, and how all of it ends.

    `starter` starts the workers, where the caller has already begun to.
    `spawn` starts new interpreters: for a process that has threads or code of the user's, which no
    fork survives.
    Where nothing runs there is nothing to render: without `renders` no process is kept for it.
    Nor is one for the script of a single run that nobody draws: its worker writes it.
    """

    def __init__(
        self,
        options: Options,
        plugins: Plugins,
        books: Books,
        starter: Starter | None = None,
        *,
        spawn: bool = False,
        renders: bool = True,
    ) -> None:
        self._options = options
        self._plugins = plugins
        self._books = books
        self._starter = starter
        self._spawn = spawn
        self._drawer: Starter | None = None  # starts the renderer
        self._renders = renders
        self._begin = self._begin_rendering = Begin(options)
        self._local: list[Worker] = []  # workers in this process
        self._stack = contextlib.ExitStack()
        self.at_once: int | None = None  # runs that an engine is handed at once
        self.undertaker = Undertaker(lambda: self._begin, books)
        self.is_rendering = False

    def __enter__(self) -> Crew:
        with contextlib.ExitStack() as stack:
            if self._options.running.workers == 0:
                stack.enter_context(_equipped(self._slots()))
            else:
                starter = self._starter or starter_of(self._options, spawn=self._spawn)
                self._starter, self._drawer = starter, starter.another()
                stack.callback(starter.close)  # also where no executor closes it
                stack.callback(self._drawer.close)
            made = self._ask_for_runner()
            self.runner = self._make_runner() if made is None else made
            self.renderer = self.runner
            stack.callback(self.runner.shutdown, cancel_futures=True)
            self._stack = stack
            if made is not None or self._options.keeping.render:
                self.have_renderer()
            self._stack = stack.pop_all()
        return self

    @property
    def may_render_apart(self) -> bool:
        """Whether workers render so far, and another process could."""
        return self.renderer is self.runner and self._drawer is not None and self._renders

    def have_renderer(self) -> None:
        """Have a process of its own for what is drawn or written of runs, so that none waits."""
        if self._drawer is None or not self.may_render_apart:
            return
        self.renderer = WorkerExecutor(
            self._drawer,
            size=1,
            role="render" if self._options.keeping.render else "script",
            begin=lambda: self._begin_rendering,
            on_event=self._books.hear,
            bury=self.undertaker.bury,
        )
        self._stack.callback(self.renderer.shutdown, cancel_futures=True)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and not issubclass(kind, Exception):  # somebody is not to wait
            for executor in (self.runner, self.renderer):
                executor.interrupt(kill=True)
        self._stack.close()

    def change_values(self, options: Options) -> None:
        """What is planned from now on is planned with the values of `options`."""
        self._options = options
        self._begin_rendering = Begin(options)
        self._tell(evolve(self._begin, options=options))

    def tell_session(self, session: SessionInfo) -> None:
        """What every worker is to know before it runs anything; it is sent to each of them once."""
        self._tell(evolve(self._begin, session=session))

    def _tell(self, begin: Begin) -> None:
        self._begin = begin
        for worker in self._local:
            worker.begin(begin)

    def ask(self, request: Request) -> Any:
        """The reply to one request. Raises the `ExptError` that it is answered with."""
        return self.wait_for(self.runner.submit(request))

    def wait_for(self, future: Future[Any]) -> Any:
        """What one future comes to."""
        wait_for_some({future})
        return future.result()

    def interrupt(self, *, kill: bool) -> None:
        """Ask what runs to end as interrupted; `kill` it, when that has been asked before."""
        self.runner.interrupt(kill=kill)
        if self.renderer is not self.runner and (kill or self.is_rendering):
            self.renderer.interrupt(kill=True)  # 'expt render' makes what is missing
        elif not kill:
            self._books.hear(Notice("interrupted: waiting for what runs; again to kill it"))

    def leave_behind(self) -> tuple[str, ...]:
        """Leave to the engine what it was handed; the ids of its jobs."""
        from expt.executors.engines.engine_executor import EngineExecutor

        return self.runner.leave_behind() if isinstance(self.runner, EngineExecutor) else ()

    def _ask_for_runner(self) -> Executor | None:
        """The executor of a plugin, beside which no worker waits."""
        made: Executor | None = self._plugins.decide(
            "expt_make_executor",
            options=self._options,
            make_worker=lambda: self._make_local(self._books.hear),
        )
        if made is not None and self._starter is not None:
            self._starter.close()
        return made

    def _make_runner(self) -> Executor:
        if self._starter is None:
            warm_up("run")
            return InlineExecutor(
                lambda report: self._make_local(report, may_restore=True),
                self._books.hear,
                self._options.running.timeout,
                self._options.running.plan_timeout,
            )
        spelled = self._options.running.engine
        engine = None if spelled is None else self._find_engine(spelled)
        workers = WorkerExecutor(
            self._starter,
            size=self._options.running.workers,
            role="run",
            begin=lambda: self._begin,
            on_event=self._books.hear,
            bury=self.undertaker.bury,
            slots=self._slots(),
        )
        return workers if engine is None else self._hand_to(engine, workers)

    def _find_engine(self, spelled: str) -> Engine:
        from expt.executors.engines.spelling import find_engine  # few sessions have one

        options = self._options
        at_once = options.running.at_engine
        engine = find_engine(spelled, options.configuration, options.root, at_once)
        self.at_once = engine.at_once
        return engine

    def _hand_to(self, engine: Engine, workers: Executor) -> Executor:
        """The engine for runs, our workers for the rest."""
        from expt.executors.engines.engine_executor import EngineExecutor
        from expt.sessions.engine_home import EngineHome

        hear, undertaker = self._books.hear, self.undertaker
        miss = undertaker.unheard.add
        home = EngineHome(lambda: self._begin, hear, undertaker.bury, miss, engine.files)
        return EngineExecutor(workers, engine, home, is_detached=self._options.running.detach)

    def _slots(self) -> list[dict[str, str]]:
        return [device_variables(device) for device in self._options.running.devices]

    def _make_local(self, report: Report, *, may_restore: bool = False) -> Worker:
        worker = Worker(report, may_restore=may_restore)
        worker.begin(self._begin)
        self._local.append(worker)
        return worker


@contextlib.contextmanager
def _equipped(slots: Sequence[Mapping[str, str]]) -> Iterator[None]:
    """This process has the first slot, until the end."""
    variables: dict[str, str] = dict(*slots[:1])
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def wait_for_some(futures: set[Future[Any]]) -> set[Future[Any]]:
    """Wait until one is done, awake enough to hear Ctrl-C; those that are done."""
    while True:
        done, _ = concurrent.futures.wait(
            futures, timeout=_TICK, return_when=concurrent.futures.FIRST_COMPLETED
        )
        if done:
            return done
