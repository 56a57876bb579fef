"""Everything a run writes to stdout and stderr, in its `output.log` as it happens.

Descriptors 1 and 2 are pointed at the file, so that subprocesses and libraries below Python write
there too, and nothing is in a buffer of ours when the process is killed. Where there are secrets
they are pointed at a pipe, and `scrubbing` writes the file.
"""

from __future__ import annotations

import contextlib
import faulthandler
import io
import json
import os
import select
import sys
from operator import attrgetter
from typing import TYPE_CHECKING, Final, TextIO

from expt.parameters.masking import secret_pattern, secret_spellings
from expt.running import scrubbing
from expt.running.records import logged_records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

_STREAMS: Final = ("stdin", "stdout", "stderr", "__stdin__", "__stdout__", "__stderr__")
_streams_of: Final = attrgetter(*_STREAMS)


@contextlib.contextmanager
def captured_output(
    path: str | Path,
    log_level: int | None = None,
    secret_texts: Iterable[str] = (),
    on_masked: Callable[[], None] = lambda: None,
) -> Iterator[None]:
    """Send descriptors 1 and 2, `sys.stdout`, `sys.stderr` and log records to the file `path`.

    What is in the file has no secret at any moment; `on_masked` is called at the end where one
    was taken out. Afterwards the streams are what they were, also where the run closed, replaced
    or deleted them.
    """
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0), 0o666)
    log = _above_standard(log)
    kept = [_duplicate(number) for number in (0, 1, 2)]
    streams = _streams_of(sys)
    _flush(*streams)
    spelled = secret_spellings(secret_texts)
    scrubber = _Scrubber(path, spelled) if spelled else None
    for number in (1, 2):
        os.dup2(scrubber.sink if scrubber else log, number)
    out, err = _open_stream(1), _open_stream(2)
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
        for name, stream in zip(_STREAMS, streams, strict=True):
            setattr(sys, name, stream)
        if faulted:
            with contextlib.suppress(Exception):
                faulthandler.enable()
        os.close(log)
        if scrubber and scrubber.close():
            on_masked()


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


def _open_stream(number: int) -> TextIO:
    """A text stream on a descriptor with no buffer in between."""
    raw = io.FileIO(number, "w", closefd=False)
    return io.TextIOWrapper(raw, "utf-8", errors="backslashreplace", write_through=True)


class _Scrubber:
    """The process of `scrubbing` for one file, and the pipe to it."""

    def __init__(self, path: str | Path, spelled: list[str]) -> None:
        import subprocess  # slow, and most runs have no secret

        source, sink = os.pipe()
        told, tells = os.pipe()
        self.sink, self._told = _above_standard(sink), _above_standard(told)
        try:
            subprocess.run(
                [sys.executable, "-I", "-S", scrubbing.__file__],
                stdin=source,
                stdout=tells,
                stderr=subprocess.DEVNULL,
                check=True,
            )
        finally:
            os.close(source)
            os.close(tells)
        self._marker = os.urandom(16).hex()
        settings = {
            "pattern": secret_pattern(spelled),
            "spellings": spelled,
            "marker": self._marker,
            "owner": os.getpid(),
            "path": os.path.abspath(path),
        }
        scrubbing.write_all(self.sink, json.dumps(settings).encode() + b"\n")

    def close(self) -> bool:
        """Wait until everything is in the file; whether a secret was in it."""
        with contextlib.suppress(BrokenPipeError):  # somebody has killed it
            scrubbing.write_all(self.sink, self._marker.encode())
        os.close(self.sink)
        is_done = select.select([self._told], [], [], scrubbing.PATIENCE)[0]
        found = bool(is_done and os.read(self._told, 1) == scrubbing.FOUND)
        os.close(self._told)
        return found


def _flush(*streams: TextIO | None) -> None:
    for stream in {id(stream): stream for stream in streams}.values():  # several are the same
        # it may be closed, or an object of the run's own, which may even raise SystemExit
        with contextlib.suppress(BaseException):
            if stream is not None:
                stream.flush()
