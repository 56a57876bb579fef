"""How worker processes come to be, and how the parent learns that one is gone.

They are forked from a helper, which is made before any thread and before any user code. When it
dies, its workers go on, and those that come after them are spawned, as everywhere where there is no
fork. A worker leads a process group of its own, so that Ctrl-C reaches it through the parent alone
and what it started can be ended with it.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import sys
from typing import TYPE_CHECKING, Final, Protocol

from expt.executors.death import Usage, read_usage
from expt.executors.helper import ANOTHER, REFUSED, STARTED, Helper, Role, Serve, read_told
from expt.executors.wire import Connection
from expt.ground.processes import kill_group, process_is_alive

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping
    from pathlib import Path

End = tuple[int, int | None, Usage | None]
"""A process id and its exit code: negative for a signal, None where nobody saw it; what it used."""

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


class ForkStarter:
    """Workers forked from a bare helper. Create it before any thread and before any user code.

    Of those who share the `helper` of another one, each has a socket of its own to it.
    """

    def __init__(
        self,
        serve: Serve,
        environment: Mapping[str, str] | None = None,
        helper: tuple[Helper, socket.socket] | None = None,
    ) -> None:
        if helper is None:
            first = Helper(serve, environment or {})
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
                socket.send_fds(self._socket, [ANOTHER], [theirs.fileno()])
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
        if code != STARTED:
            ours.close()
            raise OSError(pid, os.strerror(pid))
        self._living.add(pid)
        return pid, Connection(ours)

    def fileno(self) -> int | None:
        return self._socket.fileno() if self._instead is None else None

    def ended(self) -> list[End]:
        while self._instead is None and select.select([self._socket], [], [], 0)[0]:
            try:
                self._note_end(read_told(self._socket))
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
            pid, code, used = read_told(self._socket)
            if code in (STARTED, REFUSED):
                return pid, code
            self._note_end((pid, code, used))


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
    if hasattr(os, "wait4"):  # not on Windows
        with contextlib.suppress(ChildProcessError):  # somebody else waits for it, or has
            pid, status, used = os.wait4(child.pid, os.WNOHANG)
            if pid == 0:
                return None
            child.returncode = os.waitstatus_to_exitcode(status)
            return pid, child.returncode, read_usage(used)
    code = child.poll()
    return None if code is None else (child.pid, code, None)


def make_starter(serve: Serve, environment: Mapping[str, str]) -> Starter:
    """The quickest safe way of starting workers on this system.

    They have the variables of `environment` beside those of this process.
    """
    if hasattr(os, "fork") and os.environ.get("EXPT_START_METHOD") != "spawn":
        return ForkStarter(serve, environment)
    return SpawnStarter(environment)
