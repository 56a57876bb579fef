"""Archives reach the disk: once a second while runs go on, and at the end of the session.

With that goes what other machines see and say: a sign of life of each run, and whether somebody
who cannot reach its process wants it to end.

What a run writes is in the file when the call returns, so that killing the process loses nothing;
syncing is against the machine itself going down. It costs a run nothing: this is the parent's
thread, and a file's pages are the same whoever asks for them to be written.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from expt.archive.owner import BEAT, asked_to_stop, touch_run
from expt.ground.files import sync_archive
from expt.ground.messages import RunFinished, RunStarted

if TYPE_CHECKING:
    from collections.abc import Callable

    from expt.ground.messages import Event

_INTERVAL: Final = 1.0  # seconds
_MANY: Final = 4  # archives, from which on one call for the whole file system is cheaper


class Syncer:
    """Follows the events of a session, and syncs the archives that they are about.

    `complain` is told once of each archive that the disk refused; `failed` says whether any was.
    """

    def __init__(self, complain: Callable[[str], None]) -> None:
        self._complain = complain
        self._refused: set[str] = set()
        self._lock = threading.Lock()
        self._running: dict[str, int] = {}  # archive -> process
        self._stopped: set[tuple[str, int]] = set()
        self._finished: set[str] = set()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._synced_at = 0.0
        self._touched_at = time.monotonic()

    def hear(self, event: Event) -> None:
        """Take note of a run that began or ended."""
        if isinstance(event, RunStarted):
            with self._lock:
                self._running[event.path] = event.pid
            self._begin()
        elif isinstance(event, RunFinished):
            with self._lock:
                self._running.pop(event.outcome.path, None)
                self._finished.add(event.outcome.path)

    @property
    def failed(self) -> bool:
        """Whether something that was written may not be on the disk."""
        return bool(self._refused)

    def finish(self) -> None:
        """Begin to sync what is left; nothing more will be written."""
        self._ended.set()

    def close(self) -> None:
        """Wait until everything is synced."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def _begin(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="expt-sync", daemon=True)
            self._thread.start()

    def _work(self) -> None:
        while not self._ended.wait(_INTERVAL):
            self._sync()
            self._stop_what_is_asked()
            if time.monotonic() - self._touched_at > BEAT:
                self._touch()
        self._sync()

    def _touch(self) -> None:
        """Give the runs that go on a sign of life, for readers on other machines."""
        self._touched_at = time.monotonic()
        with self._lock:
            running = list(self._running)
        for path in running:
            with contextlib.suppress(OSError):  # somebody deleted it, and may
                touch_run(Path(path))

    def _stop_what_is_asked(self) -> None:
        """Pass on the signal that `expt stop` left in the archive of a run, once."""
        with self._lock:
            running = list(self._running.items())
        for path, pid in running:
            number = asked_to_stop(Path(path))
            if number is not None and (path, number) not in self._stopped:
                self._stopped.add((path, number))
                with contextlib.suppress(OSError):  # it has ended, or is another user's by now
                    os.kill(pid, number)
                    os.kill(pid, signal.SIGCONT)  # else a stopped one would not hear of it

    def _sync(self) -> None:
        with self._lock:
            paths = self._running.keys() | self._finished
            self._finished.clear()
        since, self._synced_at = self._synced_at, time.time() - _INTERVAL
        if len(paths) > _MANY:
            error = _sync_file_system(next(iter(paths)))
            if error is None:
                return
            if error.errno != errno.ENOSYS:  # it is told once, and may be about any of them
                for path in paths:
                    self._tell(path, error)
        for path in paths:
            refused = sync_archive(Path(path), since)
            if refused is not None:
                self._tell(path, refused)

    def _tell(self, path: str, error: OSError) -> None:
        if path not in self._refused:
            self._refused.add(path)
            self._complain(f"{path} may not be on the disk: {error.strerror}")


def _sync_file_system(path: str) -> OSError | None:
    """Sync the file system that holds `path` in one call; `ENOSYS` where there is no such call."""
    import ctypes  # only here, and only for many short runs

    missing = OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    if syncfs is None:
        return missing
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return missing
    try:
        if syncfs(descriptor) == 0:
            return None
        return OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    finally:
        os.close(descriptor)
