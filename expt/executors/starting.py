"""How worker processes come to be, and how the parent learns that one is gone.

    parent ──(before any thread, before any user code)──► helper ──fork──► worker, worker, …
       ▲                                                    │
       └────────────── "pid 17 ended with status 9" ◄───────┘

    a socket to the helper for those that run, and another one for the one that renders

The helper does nothing but fork and wait. When the parent dies, the helper's socket closes and it
kills every worker: no run goes on that nobody owns. When the helper dies, its workers go on, and
those that come after them are spawned, as everywhere where there is no fork. Where both die, Linux
kills the workers: it is asked to when nobody is left who could write into a pipe of the parent's.
A worker leads a process group of its own, so that Ctrl-C reaches it through the parent alone and
what it started can be ended with it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import signal
import socket
import struct
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol

from expt.executors.death import Usage, read_usage
from expt.executors.wire import Connection
from expt.ground.errors import WorkerError
from expt.ground.processes import process_is_alive

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

Role = str
"""What a worker is for, "run" or "render": the helper hands it on to `serve`."""

Serve = Callable[[Connection, Role], None]

End = tuple[int, int | None, Usage | None]
"""A process id and its exit code: negative for a signal, None where nobody saw it; what it used."""

_EXIT: Final = struct.Struct("<iiqd")  # process id, exit code, bytes, seconds
_PATIENCE: Final = 10.0  # seconds for a helper to answer, that has nothing else to do


class Starter(Protocol):
    """Starts workers and tells of their ends."""

    def start_ahead(self, role: Role) -> None:
        """Start a worker that a later `start` hands out, so that its imports begin now."""

    def another(self) -> Starter:
        """One that starts workers of its own, as this one does, and is closed for itself."""

    def start(self, role: Role) -> tuple[int, Connection]:
        """A new worker's process id and the parent's end of its connection.

        Raises `OSError` where the system refuses: it may not the next time.
        """

    def fileno(self) -> int | None:
        """Readable when `ended` has something to say; None where it must be asked."""

    def ended(self) -> list[End]:
        """What ended since the last call."""

    def close(self) -> None:
        """Kill what still lives. Once more is nothing."""


class _Helper:
    """The process that forks, for one starter or several; it ends with the last of them."""

    def __init__(self, serve: Serve, environment: Mapping[str, str]) -> None:
        self.environment = environment
        self.first, theirs = socket.socketpair()
        life, self._life = os.pipe()  # nothing is ever written: it is open as long as we live
        self._starters = 0
        self._lock = threading.Lock()
        _flush_streams()
        try:
            self._pid = os.fork()
        except OSError as error:
            raise WorkerError(f"no process can be started: {error.strerror}") from error
        if self._pid == 0:
            try:
                self.first.close()
                os.close(self._life)
                os.environ.update(environment)
                _help(theirs, life, serve)
            finally:
                os._exit(0)  # never up into the code of the parent
        theirs.close()
        os.close(life)

    def enter(self) -> None:
        """One more starter has it."""
        with self._lock:
            self._starters += 1

    def leave(self) -> None:
        """A starter whose socket is shut down has it no more; the last one waits for its end."""
        with self._lock:
            self._starters -= 1
            if self._starters:
                return
        os.close(self._life)
        with contextlib.suppress(ChildProcessError, ProcessLookupError):
            os.kill(self._pid, signal.SIGCONT)  # a run may have stopped it
            os.waitpid(self._pid, 0)

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)


class ForkStarter:
    """Workers forked from a bare helper. Create it before any thread and before any user code.

    Of those who share the `helper` of another one, each has a socket of its own to it.
    """

    def __init__(
        self,
        serve: Serve,
        environment: Mapping[str, str] | None = None,
        helper: tuple[_Helper, socket.socket] | None = None,
    ) -> None:
        if helper is None:
            first = _Helper(serve, environment or {})
            helper = first, first.first
        self._serve = serve
        self._helper, self._socket = helper
        self._helper.enter()
        self._socket.settimeout(_PATIENCE)
        self._ended: list[End] = []
        self._ahead: dict[Role, tuple[int, Connection]] = {}
        self._living: set[int] = set()
        self._instead: SpawnStarter | None = None  # when the helper is gone

    def start_ahead(self, role: Role) -> None:
        with contextlib.suppress(OSError):  # `start` tries again
            self._ahead[role] = self.start(role)

    def another(self) -> Starter:
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                socket.send_fds(self._socket, [_ANOTHER], [theirs.fileno()])
            except OSError:
                ours.close()
                return self._go_on_without_helper().another()
        return ForkStarter(self._serve, helper=(self._helper, ours))

    def start(self, role: Role) -> tuple[int, Connection]:
        if role in self._ahead:
            return self._ahead.pop(role)
        if self._instead is not None:
            return self._instead.start(role)
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                socket.send_fds(self._socket, [role.encode()], [theirs.fileno()])
                pid, code = self._read_answer()
            except (OSError, EOFError):
                ours.close()
                return self._go_on_without_helper().start(role)
        if code != _STARTED:
            ours.close()
            raise OSError(pid, os.strerror(pid))
        self._living.add(pid)
        return pid, Connection(ours)

    def fileno(self) -> int | None:
        return self._socket.fileno() if self._instead is None else None

    def ended(self) -> list[End]:
        while self._instead is None and select.select([self._socket], [], [], 0)[0]:
            try:
                self._note_end(self._read())
            except (OSError, EOFError):
                self._go_on_without_helper()
        if self._instead is not None:
            for pid in [pid for pid in self._living if not process_is_alive(pid)]:
                self._note_end((pid, None, None))
            self._ended += self._instead.ended()
        ended, self._ended = self._ended, []
        return ended

    def close(self) -> None:
        if self._socket.fileno() < 0:
            return
        for _, connection in self._ahead.values():
            connection.close()
        if self._instead is not None:
            self._instead.close()
            for pid in self._living:
                kill_group(pid)
        with contextlib.suppress(OSError):  # the helper is gone
            self._socket.shutdown(socket.SHUT_RDWR)  # closing leaves the copies of later helpers
        self._socket.close()
        self._helper.leave()

    def _go_on_without_helper(self) -> SpawnStarter:
        if self._instead is None:
            self._helper.kill()  # it does not answer, or is dead
            self._instead = SpawnStarter(self._helper.environment)
        return self._instead

    def _note_end(self, end: End) -> None:
        self._living.discard(end[0])
        self._ended.append(end)

    def _read_answer(self) -> tuple[int, int]:
        while True:
            pid, code, used = self._read()
            if code in (_STARTED, _REFUSED):
                return pid, code
            self._note_end((pid, code, used))

    def _read(self) -> tuple[int, int, Usage]:
        data = b""
        while len(data) < _EXIT.size:
            piece = self._socket.recv(_EXIT.size - len(data))
            if not piece:
                raise EOFError
            data += piece
        pid, code, *used = _EXIT.unpack(data)
        return pid, code, Usage(*used)


_STARTED: Final = 1 << 30  # no exit code: the answer to a start
_REFUSED: Final = _STARTED + 1  # the other answer, with an error number in place of a process id
_ANOTHER: Final = b"another"  # no role: what comes with it is the socket of one more starter


_SHARED: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Signals that a terminal or a shell sends to all; the parent alone answers them."""


def _help(first: socket.socket, life: int, serve: Serve) -> None:
    """The helper's whole life: fork when asked, tell of ends, kill what nobody owns any more."""
    os.setpgid(0, 0)
    for number in _SHARED:
        signal.signal(number, signal.SIG_IGN)
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_read, False)
    os.set_blocking(wake_write, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    workers: dict[int, socket.socket] = {}
    controls = [first]
    while controls:
        watched: list[Any] = [*controls, wake_read]
        ready, _, _ = select.select(watched, [], [])
        if wake_read in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(wake_read, 4096)
            _tell_ends(workers)
        for control in controls[:]:
            if control not in ready:
                continue
            role, fds = _receive_role(control)
            if role == _ANOTHER:
                controls += [socket.socket(fileno=fd) for fd in fds]
            elif role:
                ours = (*(each.fileno() for each in controls), wake_read, wake_write)
                become = partial(_become_worker, life=life, role=role.decode(), serve=serve)
                answer = _fork(fds, ours, become)
                if answer[1] == _STARTED:
                    workers[answer[0]] = control
                _tell(control, *answer, 0, 0.0)
            else:
                controls.remove(control)
                for pid in [pid for pid, owner in workers.items() if owner is control]:
                    kill_group(pid)


def _receive_role(control: socket.socket) -> tuple[bytes, list[int]]:
    """What a starter asks for, and the socket that comes with it; nothing where it is gone."""
    try:
        return socket.recv_fds(control, 64, 1)[:2]
    except OSError:
        return b"", []


def _fork(
    fds: Sequence[int], ours: Sequence[int], become: Callable[[int], None]
) -> tuple[int, int]:
    """Fork a worker, which has nothing of `ours`; what the parent is to be told of it."""
    if not fds:
        return errno.EMFILE, _REFUSED
    try:
        pid = os.fork()
    except OSError as error:
        os.close(fds[0])
        return error.errno or errno.EAGAIN, _REFUSED
    if pid == 0:
        signal.set_wakeup_fd(-1)
        for end in ours:
            os.close(end)
        become(fds[0])
    os.close(fds[0])
    return pid, _STARTED


def _tell_ends(workers: dict[int, socket.socket]) -> None:
    """Tell whoever started a worker how it has ended."""
    while True:
        try:
            pid, status, used = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        code = os.waitstatus_to_exitcode(status)
        _tell(workers.pop(pid), pid, code, *read_usage(used))


def _tell(control: socket.socket, *told: float) -> None:
    with contextlib.suppress(OSError):  # who asked is gone, which is heard next
        control.sendall(_EXIT.pack(*told))


def _become_worker(fd: int, *, life: int, role: Role, serve: Serve) -> None:
    """Turn a fresh fork into a worker, and never return."""
    code = 1
    try:
        os.setpgid(0, 0)
        _end_with(life)
        for number in (*_SHARED, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)
        serve(Connection(socket.socket(fileno=fd)), role)
        code = 0
    finally:
        _flush_streams()
        os._exit(code)  # non-daemon threads of the user's do not hold the session


def _end_with(life: int) -> None:
    """Have Linux kill this process and what it starts, when nobody can write into a pipe any more.

    Whether it runs our code then does not matter. Its own opening of the pipe has its own owner.
    """
    with contextlib.suppress(ImportError, AttributeError, OSError):
        import fcntl  # not on Windows

        end = os.open(f"/proc/self/fd/{life}", os.O_RDONLY | os.O_NONBLOCK)
        fcntl.fcntl(end, fcntl.F_SETOWN, -os.getpid())
        fcntl.fcntl(end, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(end, fcntl.F_SETFL, os.O_NONBLOCK | os.O_ASYNC)
    os.close(life)


def _flush_streams() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):  # closed, or replaced by the user's code
            stream.flush()


class SpawnStarter:
    """Workers as new interpreters, where a fork is not to be had or not wanted.

    They begin in the folder `cwd`, where it is given.
    """

    def __init__(
        self, environment: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> None:
        self._environment = environment or {}
        self._cwd = cwd
        self._children: dict[int, subprocess.Popen[bytes]] = {}
        self._ahead: dict[Role, tuple[int, Connection]] = {}

    def start_ahead(self, role: Role) -> None:
        with contextlib.suppress(OSError):  # `start` tries again
            self._ahead[role] = self.start(role)

    def another(self) -> Starter:
        return SpawnStarter(self._environment, self._cwd)

    def start(self, role: Role) -> tuple[int, Connection]:
        if role in self._ahead:
            return self._ahead.pop(role)
        import subprocess  # slow to import, and not needed where workers are forked

        ours, theirs = socket.socketpair()
        command = [sys.executable, "-m", "expt.sessions.serving", str(theirs.fileno()), role]
        with theirs:
            try:
                child = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    pass_fds=[theirs.fileno()],
                    process_group=0,
                    cwd=self._cwd,
                    env={**os.environ, **self._environment},
                )
            except OSError:
                ours.close()
                raise
        self._children[child.pid] = child
        return child.pid, Connection(ours)

    def fileno(self) -> int | None:
        return None

    def ended(self) -> list[End]:
        ended: list[End] = []
        for pid, child in list(self._children.items()):
            end = _poll(child)
            if end is not None:
                del self._children[pid]
                ended.append(end)
        return ended

    def close(self) -> None:
        for _, connection in self._ahead.values():
            connection.close()
        for pid, child in self._children.items():
            kill_group(pid)
            child.wait()
        self._children.clear()


def _poll(child: subprocess.Popen[bytes]) -> End | None:
    """How a child ended, with what it used where the system tells; None where it has not."""
    if not hasattr(os, "wait4"):  # Windows
        code = child.poll()
        return None if code is None else (child.pid, code, None)
    try:
        pid, status, used = os.wait4(child.pid, os.WNOHANG)
    except ChildProcessError:  # somebody else has waited for it
        return child.pid, child.poll(), None
    if pid == 0:
        return None
    child.returncode = os.waitstatus_to_exitcode(status)
    return pid, child.returncode, read_usage(used)


def make_starter(serve: Serve, environment: Mapping[str, str]) -> Starter:
    """The quickest safe way of starting workers on this system.

    They have the variables of `environment` beside those of this process.
    """
    if hasattr(os, "fork") and os.environ.get("EXPT_START_METHOD") != "spawn":
        return ForkStarter(serve, environment)
    return SpawnStarter(environment)


def kill_group(pid: int) -> None:
    """End a worker and what it started, now."""
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(pid, signal.SIGKILL)
