"""The executor of a session whose runs go to an engine; everything else is worked on here.

    submit ─► parcel ─► engine.submit ─► future ─► answer ─► events, outcome
                           │ raises: the node is lost
                           ├ not begun ─► submitted again, once more and told
                           └ begun     ─► buried here, as a dead worker's run is

One thread hears of ends and looks into the mailbox: what has begun is told to the screen from
there, and a lost case's archive is found there.
"""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
import time
from concurrent.futures import BrokenExecutor, Future
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from expt.archive.owner import owner_of_this_process
from expt.executors.death import Death
from expt.executors.engines import parcels
from expt.executors.engines.detached import write_detached
from expt.executors.engines.errands import Errand, Promise
from expt.executors.engines.mailbox import Mailbox
from expt.executors.one_worker import GRACE
from expt.executors.wire import raised
from expt.ground.errors import ExptError, UsageError, WorkerError
from expt.ground.messages import Notice, RunFinished, RunRequest, RunStarted
from expt.ground.options import runs_root
from expt.ground.processes import kill_group, process_is_alive
from expt.ground.value_classes import define, evolve, field

if TYPE_CHECKING:
    import concurrent.futures

    from expt.executors.engines.errands import Home
    from expt.executors.engines.spelling import Engine
    from expt.ground.messages import Begin, Event, Executor, Request

_LOOK: Final = 0.5  # seconds between two looks into the mailbox
_SETTLE: Final = 1.0  # seconds in which the workers of a lost node come to their ends
_TRIES: Final = 3  # times that a case that has not begun is handed to the engine


@define(eq=False)
class EngineExecutor:
    """`submit` hands runs to an engine and all other requests to `local`.

    The engine is made when the first run is submitted. With `detached` nobody waits for the runs,
    and `leave_behind` is their end here.
    """

    _local: Executor
    _engine: Engine
    _home: Home
    _is_detached: bool = False
    _left: list[str] = field(factory=list)
    _made: concurrent.futures.Executor | None = None
    _mailbox: Mailbox | None = None
    _packed: tuple[Begin, bytes] | None = None
    _errands: dict[str, Errand] = field(factory=dict)
    _ended: queue.SimpleQueue[Errand | None] = field(factory=queue.SimpleQueue)
    _lock: Any = field(factory=threading.RLock)
    _thread: threading.Thread | None = None
    _asked: str | None = None  # "hold", "interrupt" or "kill"
    _give_up_at: float | None = None

    # The shape of concurrent.futures

    def submit(self, request: Request, /) -> Future[Any]:
        if not isinstance(request, RunRequest):
            return self._local.submit(request)
        with self._lock:
            self._open()
            if self._asked == "hold":  # another plan, after one that was held back
                self._say(None)
            ticket = uuid4().hex[:16]
            errand = Errand(request, Promise(self._cancel), ticket, time.monotonic())
            self._errands[ticket] = errand
            try:
                self._hand_over(errand)
            except ExptError:
                del self._errands[ticket]
                raise
        return errand.promise

    def interrupt(self, *, kill: bool = False) -> None:
        """No other case begins, and those that run end as interrupted, or now."""
        with self._lock:
            self._local.interrupt(kill=kill)
            self._say("kill" if kill else "interrupt")
            if kill:
                self._give_up_at = time.monotonic() + 2 * GRACE
            for errand in list(self._errands.values()):
                if errand.theirs is not None:
                    errand.theirs.cancel()
                if self._engine.ships:  # nothing reaches what runs there
                    self._finish(errand).drop()

    def leave_behind(self) -> tuple[str, ...]:
        """Leave all that was submitted to the engine; the ids of its jobs. Raises `ExptError`."""
        flush = getattr(self._made, "flush", None)
        if flush is None or self._mailbox is None:
            return ()
        with self._lock:
            jobs: list[str] = flush()
            cases = {
                errand.ticket: (errand.case_id, errand.request.case.fingerprint)
                for errand in self._errands.values()
            }
            write_detached(self._mailbox, self._engine.spelling, jobs, cases)
            self._errands.clear()
            self._left = sorted({job.partition("_")[0] for job in jobs})
        return tuple(self._left)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        if cancel_futures and self._errands:
            self.interrupt()
        if self._thread is not None:
            self._ended.put(None)
            self._thread.join()
        if self._made is not None:
            self._made.shutdown(wait=wait)
        if self._mailbox is not None and not self._left:
            self._mailbox.close()
        self._local.shutdown(wait)

    # To the engine

    def _open(self) -> None:
        if self._mailbox is None:
            begin = self._home.begin()
            assert begin.session is not None  # noqa: S101 - told before the first run
            if self._engine.on_disk and begin.session.secrets:
                what = "a parameter is secret, and this engine keeps what it is handed in files"
                at = f"--executor {self._engine.spelling}"
                raise UsageError(what, at, "read it in the experiment, from the environment")
            mailbox = Mailbox.of_session(runs_root(begin.options), begin.session.id)
            mailbox.open(begin.session.patch)
            self._mailbox = mailbox
        if self._made is None:
            self._made = self._engine.make(self._mailbox.folder, self._home.leave)
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="expt-engine", daemon=True)
            self._thread.start()

    def _hand_over(self, errand: Errand) -> None:
        """Give the case to the engine. Raises `WorkerError` where that takes nothing any more."""
        errand.tries += 1
        errand.theirs = self._submit(self._parcel(errand))
        errand.engine = self._made
        errand.theirs.add_done_callback(lambda _: self._ended.put(errand))

    def _submit(self, parcel: bytes, *, again: bool = True) -> Future[bytes]:
        try:
            self._open()
            return self._made.submit(self._home.work_on, parcel)  # type: ignore[union-attr]
        except ExptError:
            raise
        except Exception as error:
            if again:  # broken by a node that died: a new one may do
                self._renew()
                return self._submit(parcel, again=False)
            told = f"{type(error).__name__}: {error}"
            raise WorkerError(f"'{self._engine.spelling}' takes no case: {told}") from error

    def _renew(self) -> None:
        """Have the engine made anew when it is next needed."""
        made, self._made = self._made, None
        if made is not None:
            with contextlib.suppress(Exception):  # it is broken
                made.shutdown(wait=False)

    def _parcel(self, errand: Errand) -> bytes:
        begin = self._home.begin()
        assert self._mailbox is not None and begin.session is not None  # noqa: S101 - opened
        ships = self._engine.ships
        if self._packed is None or self._packed[0] is not begin:
            lean = evolve(begin, session=evolve(begin.session, patch=b""))
            self._packed = begin, parcels.pack_begin(begin if ships else lean)
        code, given = self._home.pack(errand.request.case) if ships else (b"", b"")
        return parcels.to_bytes(
            parcels.Parcel(
                self._packed[1],
                errand.request,
                errand.ticket,
                "" if ships else str(self._mailbox.folder),
                owner_of_this_process(),
                is_awaited=not self._is_detached,
                variables=dict(self._engine.variables),
                leaves_answer=self._engine.on_disk and not (self._is_detached or ships),
                code=code,
                given=given,
            )
        )

    def _cancel(self, promise: Promise) -> bool:
        with self._lock:
            if self._asked is None:
                self._say("hold")
            for errand in self._errands.values():
                if errand.promise is promise and errand.theirs is not None:
                    return errand.theirs.cancel()
        return False

    def _say(self, stop: Any) -> None:
        self._asked = stop
        if self._mailbox is not None:
            with contextlib.suppress(OSError):  # a full disk: the engine is asked to cancel
                self._mailbox.say(stop or "")
        cancel_waiting = getattr(self._made, "cancel_waiting", None)
        if stop and cancel_waiting is not None:  # an adapter's, for what is costly one by one
            cancel_waiting()

    # From the engine

    def _work(self) -> None:
        look_at = time.monotonic() + _LOOK
        end_at: float | None = None
        while end_at is None or (self._errands and time.monotonic() < end_at):
            try:
                errand = self._ended.get(timeout=max(0.0, look_at - time.monotonic()))
                if errand is None:
                    end_at = time.monotonic() + 2 * GRACE
                else:
                    self._take_answer(errand)
            except queue.Empty:
                pass
            except Exception as error:  # whatever it is: nobody may wait for ever
                self._fail(error)
            if time.monotonic() >= look_at:
                with contextlib.suppress(OSError):
                    self._look()
                look_at = time.monotonic() + _LOOK

    def _look(self) -> None:
        """Tell of the cases that have begun; give up those that nobody ends."""
        assert self._mailbox is not None  # noqa: S101 - opened
        if not self._errands:
            return
        for ticket in self._mailbox.tickets():
            errand = self._errands.get(ticket.name)
            if errand is not None and ticket.started is not None:
                self._tell_started(errand, ticket.started)
        for name, answer in self._mailbox.take_answers() if self._engine.on_disk else ():
            errand = self._errands.get(name)
            if errand is not None:
                self._take(errand, answer)
        if self._give_up_at is not None and time.monotonic() > self._give_up_at:
            for errand in list(self._errands.values()):
                self._lose(errand, "did not answer")

    def _tell_started(self, errand: Errand, started: RunStarted) -> None:
        if errand.started is None:
            errand.started = started
            self._home.hear(started)

    def _take_answer(self, errand: Errand) -> None:
        theirs = errand.theirs
        if errand.promise.done() or theirs is None or self._errands.get(errand.ticket) is None:
            return
        if theirs.cancelled():
            if self._asked is not None:
                self._finish(errand).drop()
            else:
                self._lose(errand, "was cancelled by its engine")
            return
        error = theirs.exception()
        if error is not None:
            if isinstance(error, BrokenExecutor) and errand.engine is self._made:
                self._renew()
            self._lose(errand, f"was lost with its node ({type(error).__name__}: {error})")
            return
        self._take(errand, theirs.result())

    def _take(self, errand: Errand, answer: bytes) -> None:
        """What a node says of a case."""
        try:
            returned = parcels.read_returned(answer)
        except ExptError as mistake:
            self._finish(errand).set_exception(mistake)
            return
        if returned.archive:
            try:
                returned = _at_home(returned, str(self._home.take(returned.archive)))
            except (ExptError, OSError) as mistake:
                self._finish(errand).set_exception(raised(mistake))
                return
        if returned.begun_before:
            self._lose(errand, "was lost with its node, and its engine tried another", begun=True)
            return
        for event in returned.events:
            if isinstance(event, RunStarted):
                self._tell_started(errand, event)
            else:
                self._home.hear(event)
        if returned.problem is not None:
            self._finish(errand).set_exception(WorkerError(returned.problem))
            return
        if returned.outcome is None:
            self._finish(errand).drop()
            return
        if returned.unheard:
            self._home.miss(errand.case_id)
        self._finish(errand).set_result(returned.outcome)

    def _finish(self, errand: Errand) -> Promise:
        """The case is at the engine no more."""
        with self._lock:
            del self._errands[errand.ticket]
        if self._mailbox is not None:
            with contextlib.suppress(OSError):
                self._mailbox.end(errand.ticket)
        return errand.promise

    def _lose(self, errand: Errand, why: str, *, begun: bool = False) -> None:
        """The engine gives no answer: hand in what never began once more, bury what did."""
        assert self._mailbox is not None  # noqa: S101 - opened
        ticket = self._mailbox.ticket(errand.ticket)
        begun = begun or ticket is not None or self._engine.ships
        if not begun and self._asked is not None:
            self._finish(errand).drop()
            return
        if not begun and errand.tries < _TRIES:
            self._home.hear(Notice(f"{errand.case_id} {why} before it began: handed in again"))
            try:
                with self._lock:
                    self._hand_over(errand)
                return
            except ExptError as error:
                why = str(error)
        started = errand.started or (ticket.started if ticket is not None else None)
        if started is None and begun:
            started = self._find_begun(errand)
        if started is not None:
            self._tell_started(errand, started)
            _wait_for_end(started.pid, ticket.host if ticket is not None else "")
        seconds = time.monotonic() - errand.began
        if started is not None:
            seconds = max(0.0, time.time() - started.when)
        asked = "interrupted" if self._asked in ("interrupt", "kill") else None
        death = Death(started.pid if started else 0, None, started, None, asked, seconds, why)
        try:
            outcome = self._home.bury(errand.request, death)
        except Exception as error:
            self._finish(errand).set_exception(raised(error))
        else:
            self._finish(errand).set_result(outcome)

    def _find_begun(self, errand: Errand) -> RunStarted | None:
        """The archive of a case whose node had no time to tell of it.

        Its worker may be about to make it: the end of the node reaches it a moment later.
        """
        deadline = time.monotonic() + (0.0 if self._engine.ships else _SETTLE)
        while True:
            started = self._home.find_begun(errand.request.case)
            if started is not None or time.monotonic() >= deadline:
                return started
            time.sleep(0.05)

    def _fail(self, error: Exception) -> None:
        """What went wrong here is the answer of every case that waits."""
        told = WorkerError(f"the executor failed: {type(error).__name__}: {error}")
        for errand in list(self._errands.values()):
            promise = self._finish(errand)
            if not promise.done():
                promise.set_exception(told)


def _at_home(returned: parcels.Returned, path: str) -> parcels.Returned:
    """What a node says of a run, with the place that its archive has here."""
    events: list[Event] = []
    for event in returned.events:
        if isinstance(event, RunStarted):
            events.append(evolve(event, path=path))
        elif isinstance(event, RunFinished):
            events.append(evolve(event, outcome=evolve(event.outcome, path=path)))
        else:
            events.append(event)
    outcome = returned.outcome and evolve(returned.outcome, path=path)
    return evolve(returned, events=tuple(events), outcome=outcome)


def _wait_for_end(pid: int, host: str) -> None:
    """Let the worker of a lost node come to its end, where it is one of this machine's."""
    if host != socket.gethostname():
        return
    deadline = time.monotonic() + GRACE
    while process_is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    if process_is_alive(pid):
        kill_group(pid)  # nobody waits for it, and its end is written here
