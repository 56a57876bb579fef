"""The helper: a bare process that does nothing but fork workers, and wait for them.

    parent ── "run", a socket ──► helper ── fork ──► worker, worker, …
       ▲                            │
       └─ "pid 17 ended with 9" ◄───┘

    a socket to the helper for those that run, and another one for the one that renders

When the parent dies, the helper's socket closes and it kills every worker: no run goes on that
nobody owns. Where both die, Linux kills the workers: it is asked to when nobody is left who could
write into a pipe of the parent's.
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
from typing import Any, Final

from expt.executors.death import Usage, read_usage
from expt.executors.wire import Connection
from expt.ground.errors import WorkerError
from expt.ground.processes import kill_group

Role = str
"""What a worker is for, "run" or "render": the helper hands it on to `serve`."""

Serve = Callable[[Connection, Role], None]

STARTED: Final = 1 << 30  # no exit code: the answer to a start
REFUSED: Final = STARTED + 1  # the other answer, with an error number in place of a process id
ANOTHER: Final = b"another"  # no role: what comes with it is the socket of one more starter

_TOLD: Final = struct.Struct("<iiqd")  # process id, exit code, bytes, seconds


class Helper:
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


def read_told(control: socket.socket) -> tuple[int, int, Usage]:
    """A process id, its exit code or an answer to a start, and what it used.

    Raises `OSError`, and `EOFError` where the helper is gone.
    """
    data = b""
    while len(data) < _TOLD.size:
        piece = control.recv(_TOLD.size - len(data))
        if not piece:
            raise EOFError
        data += piece
    pid, code, *used = _TOLD.unpack(data)
    return pid, code, Usage(*used)


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
            if role == ANOTHER:
                controls += [socket.socket(fileno=fd) for fd in fds]
            elif role:
                ours = (*(each.fileno() for each in controls), wake_read, wake_write)
                become = partial(_become_worker, life=life, role=role.decode(), serve=serve)
                answer = _fork(fds, ours, become)
                if answer[1] == STARTED:
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
        return errno.EMFILE, REFUSED
    try:
        pid = os.fork()
    except OSError as error:
        os.close(fds[0])
        return error.errno or errno.EAGAIN, REFUSED
    if pid == 0:
        signal.set_wakeup_fd(-1)
        for end in ours:
            os.close(end)
        become(fds[0])
    os.close(fds[0])
    return pid, STARTED


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
        control.sendall(_TOLD.pack(*told))


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
