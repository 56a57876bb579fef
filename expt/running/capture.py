"""Everything a run writes to stdout and stderr, in its `output.log` as it happens.

Descriptors 1 and 2 are pointed at the file, so that subprocesses and libraries below Python write
there too, and nothing is in a buffer of ours when the process is killed.
"""

from __future__ import annotations

import contextlib
import faulthandler
import io
import os
import sys
from typing import TYPE_CHECKING, Final, TextIO

from expt.running.records import logged_records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_STREAMS: Final = ("stdin", "stdout", "stderr", "__stdin__", "__stdout__", "__stderr__")


@contextlib.contextmanager
def captured_output(
    path: Path, log_level: int | None = None, scrub: Callable[[str], str] | None = None
) -> Iterator[None]:
    """Send descriptors 1 and 2, `sys.stdout`, `sys.stderr` and log records to the file `path`.

    What goes through the streams is written as `scrub` has it: without secrets at any moment.
    Afterwards they are what they were, also where the run closed, replaced or deleted them.
    """
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0), 0o666)
    log = _above_standard(log)
    kept = [_duplicate(number) for number in (0, 1, 2)]
    streams = {name: getattr(sys, name) for name in _STREAMS}
    _flush(*streams.values())
    os.dup2(log, 1)
    os.dup2(log, 2)
    out, err = _open_stream(1, scrub), _open_stream(2, scrub)
    sys.stdout, sys.stderr = out, err
    sys.__stdout__, sys.__stderr__ = out, err  # type: ignore[assignment,misc]
    faulted = faulthandler.is_enabled()
    faulthandler.enable(log)
    try:
        with logged_records(err, log_level):
            yield
    finally:
        _flush(*(getattr(sys, name, None) for name in ("stdout", "stderr")), out, err)
        faulthandler.disable()
        for number, copy in enumerate(kept):
            _put_back(number, copy)
        for name, stream in streams.items():
            setattr(sys, name, stream)
        if faulted:
            with contextlib.suppress(Exception):
                faulthandler.enable()
        os.close(log)


def _above_standard(fd: int) -> int:
    """The same file at a number above 2: a closed stdin may have given its number away."""
    if fd > 2:
        return fd
    import fcntl  # not on every system, and needed only where a standard descriptor was closed

    moved = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3)
    os.close(fd)
    return moved


def _duplicate(number: int) -> int | None:
    try:
        return _above_standard(os.dup(number))
    except OSError:
        return None


def _put_back(number: int, copy: int | None) -> None:
    if copy is None:
        with contextlib.suppress(OSError):
            os.close(number)
        return
    os.dup2(copy, number)
    os.close(copy)


def _open_stream(number: int, scrub: Callable[[str], str] | None) -> TextIO:
    """A text stream on a descriptor with no buffer in between."""
    raw = io.FileIO(number, "w", closefd=False)
    stream = _Stream(raw, "utf-8", errors="backslashreplace", write_through=True)
    stream.scrub = scrub
    return stream


class _Stream(io.TextIOWrapper):
    scrub: Callable[[str], str] | None = None

    def write(self, text: str, /) -> int:
        if self.scrub is None or not isinstance(text, str):
            return super().write(text)
        super().write(self.scrub(text))
        return len(text)


def _flush(*streams: TextIO | None) -> None:
    for stream in streams:
        # it may be closed, or an object of the run's own, which may even raise SystemExit
        with contextlib.suppress(BaseException):
            if stream is not None:
                stream.flush()
