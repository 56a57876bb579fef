"""The executor of worker processes: a few of them, each given one request at a time, and the next
one when a run is over but for its manifest.

    submit ──► queue ──► idle worker ──► reply ──► future
                             │ events ─► on_event
                             └ dies ───► bury ───► future      the next request gets a new worker

One thread of the parent does it all; what it calls (`on_event`, `bury`) is called in that thread.
Whatever happens to a worker, its request is answered: by the worker, or by `bury`.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import selectors
import signal
import socket
import threading
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final

from expt.executors.death import UNREACHABLE, UNREADABLE, Bury, Usage
from expt.executors.limits import time_limit
from expt.executors.one_worker import GRACE, OneWorker
from expt.executors.waiting import Waiting
from expt.executors.wire import raised
from expt.ground import messages
from expt.ground.errors import WorkerError
from expt.ground.model import Outcome
from expt.ground.processes import kill_group, process_is_alive
from expt.ground.signal_handlers import WAKING_SIGNAL

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from expt.executors.helper import Role
    from expt.executors.starting import Starter
    from expt.ground.messages import Begin, Request

CLOSE: Final = "close"
"""The message that asks a worker to close its session providers and end."""

_RETRY: Final = 0.1  # seconds until the system is asked again for a process that it refused
_LONGEST: Final = 3600.0  # seconds that one wait may take: no system waits for a year


class ExecutorBroken(WorkerError):
    """The executor itself has failed; nothing that waits will begin."""


class WorkerExecutor:
    """Worker processes behind the shape of `concurrent.futures.Executor`.

    `begin` gives what every worker is to know; it is sent when a worker has not heard it yet.
    `slots` are variables of the environment, of which each living worker has one set to itself.
    With `idle`, a worker that has had nothing to do for so many seconds is closed, and the first
    is not started before there is something to do.
    """

    def __init__(
        self,
        starter: Starter,
        *,
        size: int,
        role: Role,
        begin: Callable[[], Begin],
        on_event: Callable[[messages.Event], None],
        bury: Bury,
        slots: Sequence[Mapping[str, str]] = (),
        idle: float | None = None,
    ) -> None:
        self._starter = starter
        self._size = size
        self._role = role
        self._begin = begin
        self._on_event = on_event
        self._bury = bury
        self._slots = slots
        self._idle = idle
        self._queue = Waiting()
        self._workers: dict[int, OneWorker] = {}
        self._closing = False
        self._broken: ExecutorBroken | None = None
        self._refused: tuple[OSError, float] | None = None  # a start, and since when
        self._lock = threading.RLock()
        self._woken, self._waker = socket.socketpair()
        self._waker.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._woken, selectors.EVENT_READ, None)
        self._watched: int | None = None  # the starter's descriptor
        if idle is None:
            self._start_worker()  # now: its imports overlap with what the parent does next
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
            self._queue.append(request, future)
            all_busy = len(self._workers) == self._size and all(
                worker.request is not None for worker in self._workers.values()
            )
        if not all_busy:  # else the thread looks into the queue when one of them is done
            self._wake()
        return future

    def interrupt(self, *, kill: bool = False) -> None:
        """Cancel what has not begun; ask what runs to end as interrupted, or `kill` it.

        What is being torn down hears of it too.
        """
        with self._lock:
            self._queue.cancel()
            for worker in self._workers.values():
                if worker.request is None and worker.asked != CLOSE:
                    continue
                worker.asked = worker.asked or "interrupted"
                if kill:
                    worker.kill()
                else:
                    worker.interrupt()
        self._wake()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        with self._lock:
            if cancel_futures:
                self._queue.cancel()
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
                self._watch_starter()
                for key, _ in self._selector.select(self._patience()):
                    self._attend(key)
                self._reap()
                self._enforce_deadlines()
        except Exception as error:  # whatever it is: nobody may wait for a thread that has ended
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
                self._close_worker(worker)
            return not self._workers

    def _patience(self) -> float:
        """How long nothing needs to be done unless somebody says something."""
        workers = self._workers.values()
        deadlines = [at for one in workers for at in (one.deadline, one.remind_at) if at]
        waits = [_LONGEST, *(max(0.0, deadline - time.monotonic()) for deadline in deadlines)]
        silent = self._starter.fileno() is None and self._workers
        if silent or any(worker.closed for worker in self._workers.values()):
            waits.append(0.02)
        if self._refused is not None and self._queue:
            waits.append(_RETRY)
        return min(waits)

    def _dispatch(self) -> None:
        with self._lock:
            while self._queue:
                worker = self._idle_worker()
                if worker is None and not self._has_been_refused():
                    return
                taken = self._take_next(worker)
                if taken is None:
                    return
                if worker is None:
                    self._bury_unborn(*taken)
                else:
                    self._give(worker, *taken)

    def _take_next(self, worker: OneWorker | None) -> tuple[Request, Future[Any]] | None:
        """What a worker is to do next, which from now on runs; None where nothing waits."""
        others = [one.keys for one in self._workers.values() if one is not worker]
        keys = worker.keys if worker is not None and self._size > 1 else None
        while self._queue:
            request, future = self._queue.take(keys, others)
            if future.set_running_or_notify_cancel():
                return request, future
        return None

    def _give_ahead(self, worker: OneWorker, outcome: Outcome) -> None:
        """Send the next request to a worker that is all but done, so that it waits for none."""
        with self._lock:
            isolated = self._begin().options.running.isolate
            if isolated or worker.asked or worker.ahead or not _ended_well(outcome):
                return
            worker.ahead = self._take_next(worker)
            if worker.ahead is not None:
                worker.deadline = None  # the run has ended in time, and the next one has its own
                self._send(worker, worker.ahead[0])

    def _idle_worker(self) -> OneWorker | None:
        for worker in self._workers.values():
            if worker.request is None and not worker.closed and worker.asked != CLOSE:
                return worker
        return self._start_worker() if len(self._workers) < self._size else None

    def _start_worker(self) -> OneWorker | None:
        """A new worker; None where the system has none to give now."""
        try:
            pid, connection = self._starter.start(self._role)
        except OSError as error:
            since = time.monotonic() if self._refused is None else self._refused[1]
            self._refused = error, since
            return None
        self._refused = None
        taken = {worker.slot for worker in self._workers.values()}
        worker = OneWorker(pid, connection, next(i for i in itertools.count() if i not in taken))
        if worker.slot < len(self._slots):
            with contextlib.suppress(OSError):  # it died at once: its end is told soon
                connection.send(messages.Equip(self._slots[worker.slot]))
        self._workers[pid] = worker
        self._selector.register(connection.fileno(), selectors.EVENT_READ, worker)
        return worker

    def _has_been_refused(self) -> bool:
        """Whether no worker lives, and none could be started for a while."""
        if self._workers or self._refused is None:
            return False
        return time.monotonic() - self._refused[1] > GRACE

    def _bury_unborn(self, request: Request, future: Future[Any]) -> None:
        assert self._refused is not None  # noqa: S101 - that is why
        why = f"could not be started: {self._refused[0].strerror}"
        worker = OneWorker(0, None, request=request, future=future, why=why)  # type: ignore[arg-type]
        worker.began = time.monotonic()
        self._finish(worker, None)

    def _watch_starter(self) -> None:
        fileno = self._starter.fileno()
        if fileno == self._watched:
            return
        if self._watched is not None:
            self._selector.unregister(self._watched)
        if fileno is not None:
            self._selector.register(fileno, selectors.EVENT_READ, None)
        self._watched = fileno

    def _give(self, worker: OneWorker, request: Request, future: Future[Any]) -> None:
        worker.begin(request, future, self._limit_of(request))
        self._send(worker, request)

    def _limit_of(self, request: Request) -> float | None:
        running = self._begin().options.running
        return time_limit(request, running.timeout, running.plan_timeout)[0]

    def _send(self, worker: OneWorker, request: Request) -> None:
        begin = self._begin()
        with contextlib.suppress(OSError):  # it died while idle: its end is told soon
            if worker.begun is not begin:
                worker.connection.send(begin)
                worker.begun = begin
            worker.connection.send(request)

    def _attend(self, key: selectors.SelectorKey) -> None:
        if key.fileobj is self._woken:
            self._woken.recv(4096)
            return
        worker = key.data
        if worker is None:
            return  # the starter: `_reap` asks it
        try:
            for message in worker.connection.receive_ready():
                self._take(worker, message)
        except (EOFError, OSError):
            self._lose(worker)
        except WorkerError:
            worker.why = worker.why or UNREADABLE
            self._lose(worker)
            worker.kill()

    def _lose(self, worker: OneWorker) -> None:
        """The connection has ended: the process is to end too, soon."""
        self._selector.unregister(worker.connection.fileno())
        worker.closed = True
        if not worker.killed:
            worker.deadline = time.monotonic() + GRACE

    def _take(self, worker: OneWorker, message: Any) -> None:
        if isinstance(message, messages.Answer):
            self._settle(worker, message)
            return
        if not isinstance(message, messages.Event):
            raise WorkerError(f"a worker sent a '{type(message).__name__}'")
        if isinstance(message, messages.RunStarted):
            worker.started = message
            if worker.asked == "interrupted" and not worker.killed:
                worker.interrupt()  # it began meanwhile, and may not have heard of it
            limit = self._begin().options.running.timeout
            if isinstance(worker.request, messages.RunRequest) and limit and worker.asked is None:
                worker.deadline = time.monotonic() + limit
        elif isinstance(message, messages.ModuleImporting):
            worker.importing = message.path
        elif isinstance(message, messages.RunFinished) and message.is_over:
            self._give_ahead(worker, message.outcome)
        self._on_event(message)

    def _settle(self, worker: OneWorker, answer: messages.Answer) -> None:
        if answer.error is not None and worker.asked is not None:
            worker.kill()  # it did not finish: it is buried as what it was asked for
            return
        future = worker.future
        with self._lock:
            worker.request = worker.future = worker.deadline = None
            if self._idle is not None:
                worker.deadline = time.monotonic() + self._idle
            isolated = self._begin().options.running.isolate
            # of one that failed nobody knows its state
            is_spoiled = isinstance(answer.reply, Outcome) and answer.reply.spoiled
            if isolated or is_spoiled or isinstance(answer.error, WorkerError):
                self._close_worker(worker)
            elif worker.ahead is not None:
                worker.go_on(self._limit_of(worker.ahead[0]))
        try:
            if _ended_well(answer.reply):  # nothing is cancelled for it: what waits need not wait
                self._dispatch()
        finally:
            if future is not None and answer.error is not None:
                future.set_exception(answer.error)
            elif future is not None:
                future.set_result(answer.reply)

    def _close_worker(self, worker: OneWorker) -> None:
        if worker.asked == CLOSE or worker.closed:  # which does not hear it, and has its deadline
            return
        if worker.ahead is not None:  # which it is not to begin: another one gets it
            worker.kill()
            return
        worker.asked = CLOSE
        worker.deadline = None
        with contextlib.suppress(OSError):
            worker.connection.send(CLOSE)
        worker.signal(signal.SIGCONT)

    def _reap(self) -> None:
        for pid, code, used in self._starter.ended():
            worker = self._workers.get(pid)
            if worker is not None:
                self._remove(worker, code, used)

    def _remove(self, worker: OneWorker, code: int | None, used: Usage | None = None) -> None:
        kill_group(worker.pid)  # what it started must not outlive it
        if not worker.closed:
            self._drain(worker)
        worker.connection.close()
        with self._lock:
            del self._workers[worker.pid]
        self._finish(worker, code, used)
        if worker.ahead is not None:
            self._pass_on(worker, *worker.ahead)

    def _pass_on(self, worker: OneWorker, request: Request, future: Future[Any]) -> None:
        """Have another one do what a worker that is no more was given ahead.

        Where it was interrupted, or the system has no other, that ends with it.
        """
        with self._lock:
            other = self._idle_worker() if worker.asked is None else None
        if other is not None:
            self._give(other, request, future)
        else:
            worker.request, worker.future, worker.started = request, future, None
            self._finish(worker, None)

    def _finish(self, worker: OneWorker, code: int | None, used: Usage | None = None) -> None:
        """Answer the request of a worker that is no more."""
        request, future = worker.request, worker.future
        if request is None or future is None:
            return
        try:
            reply = self._bury(request, worker.death(code, used))
        except Exception as error:
            future.set_exception(raised(error))
        else:
            future.set_result(reply)

    def _drain(self, worker: OneWorker) -> None:
        """Take what the worker sent before it ended."""
        self._selector.unregister(worker.connection.fileno())
        with contextlib.suppress(EOFError, OSError, WorkerError):
            os.set_blocking(worker.connection.fileno(), False)
            while True:
                for message in worker.connection.receive_ready():
                    self._take(worker, message)

    def _enforce_deadlines(self) -> None:
        now = time.monotonic()
        for worker in list(self._workers.values()):
            if worker.remind_at is not None and now >= worker.remind_at:
                worker.remind_at = None
                worker.signal(WAKING_SIGNAL)
            if worker.deadline is None or now < worker.deadline:
                continue
            if worker.killed:  # and its end was not told: the starter does not hear of it
                worker.deadline = now + GRACE
                if not process_is_alive(worker.pid):
                    self._remove(worker, None)
            elif worker.closed:
                worker.why = worker.why or UNREACHABLE
                worker.kill()
            elif worker.request is None:
                self._close_worker(worker)
            elif worker.asked is None:
                worker.asked = "timeout"
                worker.deadline = now + GRACE
                worker.interrupt()
            else:
                worker.kill()

    def _fail(self, error: Exception) -> None:
        """The end of this thread, where it should have gone on: everything is answered first."""
        broken = ExecutorBroken(f"the executor failed: {type(error).__name__}: {error}")
        with self._lock:
            self._broken, self._closing = broken, True
            workers, waiting = list(self._workers.values()), self._queue.take_all()
            waiting += [worker.ahead for worker in workers if worker.ahead is not None]
        for worker in workers:
            worker.kill()
            worker.why = "was ended, since the session itself failed"
        for worker in workers:
            while process_is_alive(worker.pid) and time.monotonic() < (worker.deadline or 0):
                time.sleep(0.01)
            self._finish(worker, None)
        for _, future in waiting:
            if not future.done():
                future.set_exception(broken)

    def _wake(self) -> None:
        with contextlib.suppress(OSError):
            self._waker.send(b"w")


def _ended_well(reply: Any) -> bool:
    """Whether it is how a run ended that nobody stops others for."""
    ends_well = isinstance(reply, Outcome) and reply.status in ("completed", "skipped")
    return ends_well and not reply.spoiled
