"""A process beside a run with secrets: what the run writes goes through it into `output.log`.

    the run and its subprocesses ──► a pipe ──► this program ──► output.log, without secrets

It is a process, so that what was written before a kill is there, and a program of its own with the
standard library alone, so that it starts within milliseconds. It is nobody's child, since a run may
wait for all of its own. It ends with the pipe, at the marker that ends the run, or with the process
that started it; it holds a lock on the file until then, and tells on stdout whether it found any.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import signal
import time
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FOUND: Final = b"1"
"""What it tells at its end where secrets were taken out."""

PATIENCE: Final = 10.0
"""Seconds that somebody waits for it."""

_MASK: Final = b"***"  # `ground.text.MASK`
_CHUNK: Final = 1 << 16
_BREATH: Final = 0.01  # seconds
_LOOK: Final = 0.5  # seconds between two looks at who started this


class Scrubber:
    """Takes secrets out of bytes that come in pieces.

    What may be the beginning of a secret is held back until it is known.
    """

    def __init__(self, pattern: str, spellings: list[str]) -> None:
        self._pattern = re.compile(pattern.encode("utf-8", "surrogateescape"))
        self._spellings = [text.encode("utf-8", "surrogateescape") for text in spellings]
        self._held = b""
        self._before = b""  # the last byte that was given out: is it part of the word?
        self.found = False

    def feed(self, content: bytes) -> bytes:
        """What may be written now."""
        return self._give(self._held + content, is_end=False)

    def close(self) -> bytes:
        """The rest."""
        return self._give(self._held, is_end=True)

    def _give(self, content: bytes, *, is_end: bool) -> bytes:
        whole = self._before + content
        start = end = len(self._before)
        cut = len(whole) if is_end else self._last_known(whole, start)
        pieces = []
        for match in self._pattern.finditer(whole, start):
            if match.start() >= cut:
                break
            pieces += [whole[end : match.start()], _MASK]
            end = match.end()
        cut = max(cut, end)
        pieces.append(whole[end:cut])
        self.found = self.found or len(pieces) > 1
        self._before, self._held = whole[:cut][-1:], whole[cut:]
        return b"".join(pieces)

    def _last_known(self, whole: bytes, start: int) -> int:
        """Where the first of the texts begins that what comes next may make a secret."""
        cut = len(whole)
        for text in self._spellings:
            place = whole.find(text[:1], max(start, len(whole) - len(text)))
            while 0 <= place < cut and not text.startswith(whole[place:]):
                place = whole.find(text[:1], place + 1)
            cut = place if 0 <= place < cut else cut
        return cut


def _pieces(source: int, marker: bytes, owner: int) -> Iterator[bytes]:
    """What comes, up to the marker, the end of the pipe or of the process `owner`."""
    late = b""
    while True:
        if os.name == "posix" and not select.select([source], [], [], _LOOK)[0]:
            if not _lives(owner):
                break
            continue
        piece = os.read(source, _CHUNK)
        late += piece
        if not piece:
            break
        if marker in late:
            late = late.partition(marker)[0]
            break
        # half a marker may be at the end
        kept = next(k for k in range(len(marker) - 1, -1, -1) if late.endswith(marker[:k]))
        yield late[: len(late) - kept]
        late = late[len(late) - kept :]
    yield late


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def wait_until_written(path: Path) -> None:
    """Wait until the program has written what a process that is gone left in the pipe."""
    if os.name != "posix":
        return
    import fcntl  # not on every system

    end = time.monotonic() + PATIENCE
    with contextlib.suppress(FileNotFoundError), open(path, "rb") as file:
        while time.monotonic() < end:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                return
            time.sleep(_BREATH)


def write_all(target: int, content: bytes) -> None:
    while content:
        content = content[os.write(target, content) :]


def _settings(source: int) -> dict[str, Any]:
    """The first line: pattern, spellings, marker, owner and file."""
    line = b""
    while not line.endswith(b"\n"):
        line += os.read(source, 1)
    return dict(json.loads(line))


def main() -> None:
    """From stdin to the file that the first line names."""
    if hasattr(os, "fork"):
        if os.fork():
            return
        os.setsid()
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGTSTP"):  # it ends after the run
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    told = _settings(0)
    target = os.open(told["path"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    if os.name == "posix":
        import fcntl  # not on every system

        fcntl.flock(target, fcntl.LOCK_EX)
    scrubber = Scrubber(told["pattern"], told["spellings"])
    for piece in _pieces(0, told["marker"].encode(), told["owner"]):
        write_all(target, scrubber.feed(piece))
    write_all(target, scrubber.close())
    write_all(1, FOUND if scrubber.found else b"")


if __name__ == "__main__":
    main()
