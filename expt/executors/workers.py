"""The executor of worker processes: a few of them, each given one request at a time.

    submit ──► queue ──► idle worker ──► reply ──► future
                             │ events ─► on_event
                             └ dies ───► bury ───► future      the next request gets a new worker

One thread of the parent does it all; what it calls (`on_event`, `bury`) is called in that thread.
"""

from __future__ import annotations

import collections
import contextlib
import os
import selectors
import signal
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final

import attrs

from expt.executors.starting import Role, Starter, kill_group
from expt.executors.wire import raised
from expt.ground.errors import ExptError, WorkerError
from expt.ground.messages import Answer, ModuleImporting, PlanRequest, RunRequest, RunStarted

if TYPE_CHECKING:
    from expt.executors.wire import Connection
    from expt.ground.messages import Event, Request

CLOSE: Final = "close"
"""The message that asks a worker to close its session providers and end."""

_GRACE: Final = 5.0  # seconds between asking a run that is over its time to end, and ending it


@attrs.frozen
class Death:
    """How a worker ended in the middle of a request.

    `code` is its exit code, negative for a signal; `asked` says why the parent ended it:
    "interrupted", "timeout", or None where nobody asked.
    """

    pid: int
    code: int
    started: RunStarted | None
    importing: str | None
    asked: str | None
    seconds: float

    @property
    def how(self) -> str:
        """`was killed by SIGSEGV` or `ended with exit code 3`."""
        if self.code >= 0:
            return f"ended with exit code {self.code}"
        with contextlib.suppress(ValueError):
            return f"was killed by {signal.Signals(-self.code).name}"
        return f"was killed by signal {-self.code}"


Bury = Callable[["Request", Death], Any]
"""Gives the reply of a request whose worker died, or raises `ExptError`."""


@attrs.define(eq=False)
class _Worker:
    pid: int
    connection: Connection
    request: Request | None = None
    future: Future[Any] | None = None
    began: float = 0.0
    deadline: float | None = None
    started: RunStarted | None = None
    importing: str | None = None
    asked: str | None = None
    closed: bool = False  # its connection has ended; the exit code is still to come


class WorkerExecutor:
    """Worker processes behind the shape of `concurrent.futures.Executor`."""

    def __init__(
        self,
        starter: Starter,
        *,
        size: int,
        role: Role,
        on_event: Callable[[Event], None],
        bury: Bury,
        isolate: bool = False,
    ) -> None:
        self._starter = starter
        self._size = size
        self._role = role
        self._on_event = on_event
        self._bury = bury
        self._isolate = isolate
        self._queue: collections.deque[tuple[Request, Future[Any]]] = collections.deque()
        self._workers: dict[int, _Worker] = {}
        self._asked_kill = False
        self._closing = False
        self._broken: WorkerError | None = None
        self._lock = threading.Lock()
        self._woken, self._waker = socket.socketpair()
        self._waker.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._woken, selectors.EVENT_READ, None)
        self._start_worker()  # now, so that its imports overlap with what the parent does next
        self._thread = threading.Thread(target=self._work, name=f"expt-{role}", daemon=True)
        self._thread.start()

    # The shape of concurrent.futures

    def submit(self, request: Request, /) -> Future[Any]:
        future: Future[Any] = Future()
        with self._lock:
            if self._broken is not None:
                raise self._broken
            if self._closing:
                raise RuntimeError("the executor is shut down")
            self._queue.append((request, future))
        self._wake()
        return future

    def interrupt(self, *, kill: bool = False) -> None:
        """Cancel what has not begun; ask what runs to end as interrupted, or `kill` it."""
        with self._lock:
            self._cancel_queue()
            for worker in self._workers.values():
                if worker.request is not None:
                    worker.asked = worker.asked or "interrupted"
                    if kill:
                        kill_group(worker.pid)
                    else:
                        _send_signal(worker.pid, signal.SIGINT)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        with self._lock:
            if cancel_futures:
                self._cancel_queue()
            self._closing = True
        self._wake()
        if wait:
            self._thread.join()
            self._waker.close()

    # The thread

    def _work(self) -> None:
        try:
            while not self._is_done():
                self._dispatch()
                for key, _ in self._selector.select(self._patience()):
                    self._attend(key)
                self._reap()
                self._enforce_deadlines()
        except WorkerError as error:
            self._fail(error)
        finally:
            for worker in self._workers.values():
                kill_group(worker.pid)
                worker.connection.close()
            self._selector.close()
            self._starter.close()
            self._woken.close()

    def _is_done(self) -> bool:
        with self._lock:
            if not self._closing or self._queue:
                return False
            if any(worker.request is not None for worker in self._workers.values()):
                return False
            for worker in self._workers.values():
                if worker.asked != CLOSE:
                    worker.asked = CLOSE
                    with contextlib.suppress(OSError):
                        worker.connection.send(CLOSE)
            return not self._workers

    def _patience(self) -> float | None:
        deadlines = [worker.deadline for worker in self._workers.values() if worker.deadline]
        waits = [max(0.0, deadline - time.monotonic()) for deadline in deadlines]
        if self._starter.fileno() is None or any(
            worker.closed for worker in self._workers.values()
        ):
            waits.append(0.02)
        return min(waits, default=None)

    def _dispatch(self) -> None:
        with self._lock:
            while self._queue:
                worker = self._idle_worker()
                if worker is None:
                    return
                request, future = self._queue.popleft()
                if not future.set_running_or_notify_cancel():
                    continue
                self._give(worker, request, future)

    def _idle_worker(self) -> _Worker | None:
        for worker in self._workers.values():
            if worker.request is None and not worker.closed and worker.asked != CLOSE:
                return worker
        return self._start_worker() if len(self._workers) < self._size else None

    def _start_worker(self) -> _Worker:
        pid, connection = self._starter.start(self._role)
        if not self._workers:
            fileno = self._starter.fileno()
            if fileno is not None and fileno not in self._selector.get_map():
                self._selector.register(fileno, selectors.EVENT_READ, None)
        worker = _Worker(pid, connection)
        self._workers[pid] = worker
        self._selector.register(connection.fileno(), selectors.EVENT_READ, worker)
        return worker

    def _give(self, worker: _Worker, request: Request, future: Future[Any]) -> None:
        worker.request, worker.future = request, future
        worker.began = time.monotonic()
        limit = request.options.running.plan_timeout if isinstance(request, PlanRequest) else None
        worker.deadline = None if limit is None else worker.began + limit
        worker.started = worker.importing = worker.asked = None
        with contextlib.suppress(OSError):  # it died while idle: its end is told soon
            worker.connection.send(request)

    def _attend(self, key: selectors.SelectorKey) -> None:
        if key.fileobj is self._woken:
            self._woken.recv(4096)
            return
        worker = key.data
        if worker is None:
            return  # the starter: `_reap` asks it
        try:
            messages = worker.connection.receive_ready()
        except EOFError:
            messages = []
            worker.closed = True
            self._selector.unregister(worker.connection.fileno())
        for message in messages:
            self._take(worker, message)

    def _take(self, worker: _Worker, message: Any) -> None:
        if isinstance(message, Answer):
            self._settle(worker, message)
            return
        if isinstance(message, RunStarted):
            worker.started = message
            if isinstance(worker.request, RunRequest) and worker.request.options.running.timeout:
                worker.deadline = time.monotonic() + worker.request.options.running.timeout
        elif isinstance(message, ModuleImporting):
            worker.importing = message.path
        self._on_event(message)

    def _settle(self, worker: _Worker, answer: Answer) -> None:
        if answer.error is not None and worker.asked is not None:
            kill_group(worker.pid)  # it did not finish: it is buried as what it was asked for
            return
        future = worker.future
        with self._lock:
            worker.request = worker.future = worker.deadline = None
            if self._isolate or isinstance(answer.error, WorkerError):  # nobody knows its state
                worker.asked = CLOSE
                with contextlib.suppress(OSError):
                    worker.connection.send(CLOSE)
        if future is None:
            return
        if answer.error is not None:
            future.set_exception(answer.error)
        else:
            future.set_result(answer.reply)

    def _reap(self) -> None:
        for pid, code in self._starter.ended():
            worker = self._workers.get(pid)
            if worker is not None:
                self._remove(worker, code)

    def _remove(self, worker: _Worker, code: int) -> None:
        kill_group(worker.pid)  # what it started must not outlive it
        if not worker.closed:
            self._drain(worker)
        worker.connection.close()
        with self._lock:
            del self._workers[worker.pid]
        request, future = worker.request, worker.future
        if request is None or future is None:
            return
        seconds = time.monotonic() - worker.began
        death = Death(worker.pid, code, worker.started, worker.importing, worker.asked, seconds)
        try:
            future.set_result(self._bury(request, death))
        except (ExptError, OSError) as error:
            future.set_exception(raised(error))

    def _drain(self, worker: _Worker) -> None:
        """Take what the worker sent before it ended."""
        self._selector.unregister(worker.connection.fileno())
        with contextlib.suppress(EOFError, BlockingIOError):
            os.set_blocking(worker.connection.fileno(), False)
            while True:
                for message in worker.connection.receive_ready():
                    self._take(worker, message)

    def _enforce_deadlines(self) -> None:
        now = time.monotonic()
        for worker in self._workers.values():
            if worker.deadline is None or now < worker.deadline:
                continue
            if worker.asked is None:
                worker.asked = "timeout"
                worker.deadline = now + _GRACE
                _send_signal(worker.pid, signal.SIGINT)
            else:
                worker.deadline = None
                kill_group(worker.pid)

    def _fail(self, error: WorkerError) -> None:
        with self._lock:
            self._broken, self._closing = error, True
            futures = [worker.future for worker in self._workers.values()]
            futures += [future for _, future in self._queue]
            self._queue.clear()
        for future in futures:
            if future is not None and not future.done():
                future.set_exception(error)

    def _cancel_queue(self) -> None:
        while self._queue:
            _, future = self._queue.popleft()
            if future.cancel():
                future.set_running_or_notify_cancel()  # those who wait hear of it now

    def _wake(self) -> None:
        with contextlib.suppress(OSError):
            self._waker.send(b"w")


def _send_signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
