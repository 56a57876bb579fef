"""Files that are whole or absent: written beside their place and renamed into it."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path
from typing import Final

TEMPORARY_PREFIX: Final = "%tmp-"
"""Starts the name of a file that is still being written; no artifact's name can start so."""


def temporary_beside(path: Path) -> Path:
    """A name in the folder of `path` that no other thread or process writes to."""
    return path.with_name(f"{TEMPORARY_PREFIX}{os.getpid()}-{threading.get_ident()}")


def write_atomically(path: Path, data: bytes) -> None:
    """Make `data` the content of `path`; a kill at any moment leaves the old file or the new one.

    The permissions follow the umask. Nothing is synced to disk: see `sync_archive`. Raises
    `OSError`, with the path and no temporary file left, for a full disk or a folder that is gone.
    """
    temporary = temporary_beside(path)
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _FLAGS, 0o666)
        try:
            write_all(descriptor, data)
        finally:
            os.close(descriptor)
        os.replace(temporary, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise OSError(error.errno, error.strerror, str(path)) from error


def write_all(descriptor: int, data: bytes) -> None:
    """Write the whole of `data`, however little each call of the system takes."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def write_new(path: Path, data: bytes) -> None:
    """Write a file that nobody reads before the run's first record says that it is there."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _FLAGS, 0o666)
        try:
            write_all(descriptor, data)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def sync_archive(path: Path, since: float = 0.0) -> None:
    """Have the system put the archive's files on the disk.

    With `since` (Unix seconds, the start of the last call) only what changed after it is synced,
    and folders to which nothing was added are not listed: for a syncer that comes by each second.
    A file that cannot be synced, or that is gone, is passed over.
    """
    limit = since - _CLOCK_SLACK
    pending = [path]
    while pending:
        folder = pending.pop()
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    if entry.stat(follow_symlinks=False).st_mtime < limit:
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(Path(entry.path))
                    elif entry.is_file(follow_symlinks=False):
                        _sync(entry.path)
        _sync(folder)


def _sync(path: str | Path) -> None:
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY | _FLAGS)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


_FLAGS: Final = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_CLOCK_SLACK: Final = 2.0  # file systems stamp with coarse clocks
