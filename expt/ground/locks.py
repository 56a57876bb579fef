"""Waiting for those who hold a file or a folder, as far as its disk has locks."""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_OPEN: Final = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_DIRECTORY", 0)
_PATIENCE: Final = 10.0  # seconds for a lock that is held for some milliseconds
_WAIT: Final = 0.02  # seconds between two attempts at a lock


def lock_file(descriptor: int, patience: float | None = None) -> bool:
    """Wait until nobody else locks an open file, or for so many seconds; whether we have the lock.

    It ends with the descriptor, and with the process. Some systems and disks have none.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        return False
    end = None if patience is None else time.monotonic() + patience
    while end is None or time.monotonic() < end:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            time.sleep(_WAIT)  # a Ctrl-C comes through here
        except OSError:
            return False
    return False


@contextlib.contextmanager
def alone_in(folder: str | Path) -> Iterator[None]:
    """Let nobody else be in here with `folder` meanwhile, where its disk has locks.

    For some milliseconds: after a while nobody is waited for any more. Nothing is written.
    """
    place = -1
    with contextlib.suppress(OSError):  # it is not there, or on Windows
        place = os.open(folder, _OPEN)
    try:
        if place >= 0:
            lock_file(place, _PATIENCE)
        yield
    finally:
        if place >= 0:
            os.close(place)
