"""What a node does with a parcel: the one function that goes through an engine.

    parcel ─► our own worker, kept warm ─► Outcome, events ─► bytes
                 │ dies, hangs: buried here, as in a session
                 └ meanwhile: does the session still want it?  `stop`, its process, 'expt stop'

The engine's process runs nothing of the user's and has threads that are not ours: workers are new
interpreters. They stay for the cases that follow, and are closed when none does.
"""

from __future__ import annotations

import atexit
import concurrent.futures
import contextlib
import functools
import multiprocessing.util
import os
import shutil
import socket
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from expt.archive.owner import owner_is_alive
from expt.archive.variables import take_variables
from expt.executors.engines.mailbox import Mailbox
from expt.executors.engines.parcels import Returned, read_parcel, to_bytes, unpack_begin
from expt.executors.engines.standard import ignore_interrupts
from expt.executors.one_worker import GRACE
from expt.executors.starting import SpawnStarter
from expt.executors.workers import WorkerExecutor
from expt.ground.errors import ReadingError, WorkerError
from expt.ground.layout import MAILBOX_DIR
from expt.ground.messages import ModuleImporting, RunFinished, RunProgressed, RunStarted
from expt.ground.options import runs_root
from expt.ground.value_classes import evolve
from expt.sessions.books import Books
from expt.sessions.burying import Undertaker

if TYPE_CHECKING:
    from collections.abc import Mapping
    from concurrent.futures import Future

    from expt.executors.engines.parcels import Parcel
    from expt.ground.messages import Begin, Event, RunRequest, SessionInfo
    from expt.ground.options import Options

_IDLE: Final = 30.0  # seconds that a worker waits for another case
_LOOK: Final = 0.5  # seconds between two looks at what the session says
_MANY: Final = 1 << 20  # workers: as many as the engine gives cases at once


def work_on(parcel: bytes) -> bytes:
    """Run the case of a parcel to its end, and answer. Never raises, and runs no user's code."""
    try:
        ignore_interrupts()
        read = read_parcel(parcel)
        answer = to_bytes(_node().work_on(read))
        if read.leaves_answer:
            with contextlib.suppress(OSError):  # it comes by the engine too
                Mailbox(Path(read.mailbox)).answer(read.ticket, answer)
        return answer
    except SystemExit:  # of the engine, which has asked its process to go
        raise
    except BaseException as error:
        told = str(error) if isinstance(error, WorkerError) else traceback.format_exc()
        return to_bytes(Returned(problem=told))


def leave() -> None:
    """End what runs here as interrupted: the engine takes this node, and tries again elsewhere.

    May be called by a handler of signals, in the thread that waits.
    """
    leaving = threading.Thread(target=_node().leave)
    leaving.start()
    leaving.join(2 * GRACE)


@functools.cache
def _node() -> _Node:
    """What this process keeps from case to case."""
    node = _Node()
    atexit.register(node.close)
    multiprocessing.util.Finalize(
        None, node.close, exitpriority=100
    )  # of pools, which have no atexit
    return node


class _Node:
    """The workers of each session that this process has cases of."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._guests: dict[str | bytes, _Guest] = {}
        self._watcher: threading.Thread | None = None

    def work_on(self, parcel: Parcel) -> Returned:
        with self._lock:
            self._end_with(parcel.sender)
            guest = self._guest_of(parcel)
            guest.busy += 1
        try:
            return guest.work_on(parcel)
        finally:
            with self._lock:
                guest.busy -= 1

    def _guest_of(self, parcel: Parcel) -> _Guest:
        key = parcel.mailbox or parcel.begin
        guest = self._guests.get(key)
        if guest is None:
            for other, idle in list(self._guests.items()):
                if not idle.busy:
                    del self._guests[other]
                    idle.close(wait=False)
            guest = self._guests[key] = _Guest(parcel)
        guest.know(parcel)
        return guest

    def _end_with(self, sender: Mapping[str, Any]) -> None:
        """End with the session, where it is what started this process and alone speaks to it."""
        if self._watcher is None and sender.get("pid") == os.getppid() and owner_is_alive(sender):
            self._watcher = threading.Thread(target=self._watch, args=(sender,), daemon=True)
            self._watcher.start()

    def _watch(self, sender: Mapping[str, Any]) -> None:
        while owner_is_alive(sender):
            time.sleep(2 * _LOOK)
        while any(guest.busy for guest in self._guests.values()):
            time.sleep(_LOOK)
        self.close()
        os._exit(1)

    def leave(self) -> None:
        """End the runs of all sessions, and wait for their ends."""
        guests = list(self._guests.values())
        for guest in guests:
            guest.leave()

    def close(self) -> None:
        """Tear down what workers have, before this process ends."""
        with self._lock:
            guests = list(self._guests.values())
            self._guests.clear()
        for guest in guests:
            guest.close()


class _Guest:
    """One session on this node: its workers, and what they say."""

    def __init__(self, parcel: Parcel) -> None:
        self.busy = 0
        self._ships = not parcel.mailbox
        self._folder = Path(tempfile.mkdtemp(prefix="expt-") if self._ships else "")
        mailbox = self._folder / MAILBOX_DIR if self._ships else Path(parcel.mailbox)
        self._mailbox = Mailbox(mailbox)
        self._laid_out: set[int] = set()
        self._packed = b""
        self._begin: Begin
        self._sent: Options
        self._said: dict[str, list[Event]] = {}
        self._tickets: dict[str, str] = {}
        self._running: set[str] = set()  # runs that have an archive and no end
        self.know(parcel)
        self._books = Books(self._hear)
        self._undertaker = Undertaker(lambda: self._begin, self._books)
        self._workers = WorkerExecutor(
            SpawnStarter(parcel.variables, self._begin.options.cwd),
            size=_MANY,
            role="run",
            begin=lambda: self._begin,
            on_event=self._books.hear,
            bury=self._undertaker.bury,
            idle=_IDLE,
        )

    def know(self, parcel: Parcel) -> None:
        """Take in what all cases to come have in common."""
        if self._ships:
            self._lay_out(parcel)
            return
        if parcel.begin == self._packed:
            return
        begin = unpack_begin(parcel.begin)
        if not self._mailbox.is_seen():
            raise WorkerError(
                f"the node {socket.gethostname()} does not see {self._mailbox.folder}: "
                "share the file system with it"
            )
        assert begin.session is not None  # noqa: S101 - a session that runs something
        here = _seen_from_here(begin.session, begin.options.root, parcel.sender)
        session = evolve(here, patch=self._mailbox.patch())
        self._begin = evolve(begin, session=session)
        self._packed = parcel.begin

    def _lay_out(self, parcel: Parcel) -> None:
        """Put what came with the parcel into our folder, once."""
        from expt.sessions.shipping import lay_out  # few ship

        came = hash((parcel.code, parcel.given))
        if came in self._laid_out:
            return
        sent = unpack_begin(parcel.begin)
        begin = lay_out(parcel.code, parcel.given, sent, self._folder)
        self._laid_out.add(came)
        if self._packed:
            return
        assert begin.session is not None and sent.session is not None  # noqa: S101 - as below
        self._mailbox.open(sent.session.patch)
        session = _seen_from_here(begin.session, begin.options.root, parcel.sender)
        self._begin = evolve(begin, session=session)
        self._sent = sent.options
        self._packed = parcel.begin

    def work_on(self, parcel: Parcel) -> Returned:
        if not self._ships:
            return self._work_on(parcel)
        from expt.sessions.shipping import moved_request, pack_run  # few ship

        here = self._begin.options
        request = moved_request(parcel.request, self._sent, here)
        returned = self._work_on(evolve(parcel, request=request))
        path = "" if returned.outcome is None else returned.outcome.path
        if not path:
            return returned
        archive = pack_run(Path(path), runs_root(here))
        shutil.rmtree(path, ignore_errors=True)
        return evolve(returned, archive=archive)

    def _work_on(self, parcel: Parcel) -> Returned:
        case = parcel.request.case
        if self._mailbox.stop() or _is_left(parcel):
            return Returned()
        request = self._claim(parcel)
        if request is None:
            return Returned(begun_before=True)
        self._said[case.id] = []
        self._tickets[case.id] = parcel.ticket
        try:
            future = self._workers.submit(request)
            self._watch(future, parcel)
            said = tuple(self._said[case.id])
            if future.cancelled():
                return Returned(None, said)
            error = future.exception()
            if error is not None:
                return Returned(None, said, problem=str(error))
            return Returned(future.result(), said, case.id in self._undertaker.unheard)
        finally:
            self._undertaker.unheard.discard(case.id)
            self._books.forget(case.id)
            del self._said[case.id], self._tickets[case.id]

    def _claim(self, parcel: Parcel) -> RunRequest | None:
        """The case as it is to be run here; None where another node had begun it."""
        if self._mailbox.begin(parcel.ticket):
            return parcel.request
        if not was_requeued(os.environ):
            return None
        before = self._mailbox.ticket(parcel.ticket)
        return _again(parcel.request, before.started if before is not None else None)

    def _watch(self, future: Future[Any], parcel: Parcel) -> None:
        """Wait for the end of a run, whose session may change its mind meanwhile."""
        asked, left_at = "", None
        while not concurrent.futures.wait({future}, timeout=_LOOK).done:
            stop: str = self._mailbox.stop()
            if _is_left(parcel):
                left_at = left_at or time.monotonic()  # what nobody waits for is not to go on
                stop = "interrupt" if time.monotonic() < left_at + GRACE else "kill"
            if stop in ("interrupt", "kill") and stop != asked:
                asked = stop
                self._workers.interrupt(kill=stop == "kill")

    def leave(self) -> None:
        """End the runs, and wait for their ends."""
        self._workers.interrupt()
        deadline = time.monotonic() + GRACE
        while self._running and time.monotonic() < deadline:
            time.sleep(0.05)

    def _hear(self, event: Event) -> None:
        """Keep what the session is to hear of a case."""
        if isinstance(event, (ModuleImporting, RunProgressed)):
            return
        case_id = getattr(event, "case_id", None)
        for said in [self._said.get(case_id)] if case_id else list(self._said.values())[:1]:
            if said is not None:
                said.append(event)
        if isinstance(event, RunStarted):
            self._running.add(event.run_id)
        elif isinstance(event, RunFinished):
            self._running.discard(event.outcome.run_id)
        if isinstance(event, RunStarted) and case_id in self._tickets:
            with contextlib.suppress(OSError):  # it is for the screen, and for a lost node
                self._mailbox.tell_started(self._tickets[case_id], event)

    def close(self, *, wait: bool = True) -> None:
        self._workers.shutdown(wait)
        self._books.finish()
        if wait:
            self._books.close()
            if self._ships:
                shutil.rmtree(self._folder, ignore_errors=True)


def _is_left(parcel: Parcel) -> bool:
    """Whether the process that waits for the answer is known to be gone."""
    return parcel.is_awaited and owner_is_alive(parcel.sender) is False


def was_requeued(environ: Mapping[str, str]) -> bool:
    """Whether this is another try of a job, which its scheduler has told us of."""
    return environ.get("SLURM_RESTART_COUNT", "0") not in ("", "0")


def _again(request: RunRequest, started: RunStarted | None) -> RunRequest | None:
    """The request of a case that had begun before, from its checkpoint; None where it had ended."""
    from expt.archive.checkpoints import read_points  # few are requeued
    from expt.archive.record import read_record

    if started is None:
        return request
    try:
        status = read_record(Path(started.path)).status
    except ReadingError:
        status = "running"  # its node died while it claimed the archive
    if status not in ("running", "interrupted"):
        return None
    if next(read_points(Path(started.path)), None) is None:
        return request
    case = request.case
    case = evolve(case, goes_on_from=(started.path, *case.goes_on_from))
    return evolve(request, case=case)


def _seen_from_here(session: SessionInfo, root: Path, sender: Mapping[str, Any]) -> SessionInfo:
    """What archives say of the session, with the machine that this is."""
    told = dict(session.environment)
    is_same = (
        sender.get("host") == socket.gethostname() and told.get("executable") == sys.executable
    )
    if is_same:
        here: dict[str, Any] = {"variables": take_variables()}
    else:
        from expt.archive.snapshot import take_environment  # slow, and for other machines

        here = take_environment(root)
    return evolve(session, environment={**told, **here, "git": told.get("git")})
