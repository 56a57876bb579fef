"""Whether a process lives, and since when: what it takes to name one for ever; and this one."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator, Sequence

PROC: Final = Path("/proc")


def process_is_alive(pid: int) -> bool:
    """Whether a process of this machine goes on; a zombie does not."""
    return start_of(pid) is not None


def start_of(pid: int) -> str | None:
    """When the process started, as text to compare; None for a process that has ended."""
    try:
        state, *fields = stat_of(pid)
    except OSError:
        return None if (PROC / "self").exists() else _start_by_ps(pid)
    return None if state in (b"Z", b"X") else fields[18].decode()


def stat_of(pid: int) -> list[bytes]:
    """State, parent and the rest of `/proc/PID/stat`. Raises `OSError`."""
    stat = (PROC / str(pid) / "stat").read_bytes()
    return stat[stat.rindex(b")") + 2 :].split()  # the name before it may hold anything


def start_apart(
    words: Sequence[str], *, talks: bool = False, heard: bool = True
) -> subprocess.Popen[str]:
    """A process that no Ctrl-C of our terminal reaches, and whose complaints go nowhere.

    With `talks` it is written to; where it is `heard`, its output is read. Raises `OSError`.
    """
    import subprocess  # slow, and few start one

    nothing, pipe = subprocess.DEVNULL, subprocess.PIPE
    said, told = pipe if talks else nothing, pipe if heard else nothing
    return subprocess.Popen(
        words, stdin=said, stdout=told, stderr=nothing, text=True, start_new_session=True
    )


def kill_group(pid: int) -> None:
    """End a process and what is in the group that it leads, now."""
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(pid, signal.SIGKILL)


def _start_by_ps(pid: int) -> str | None:
    import subprocess  # slow, and not needed where there is a /proc

    try:
        listing = subprocess.run(
            ["ps", "-o", "stat=,lstart=", "-p", str(pid)],
            capture_output=True,
            timeout=5,
            env={**os.environ, "LC_ALL": "C", "TZ": "UTC"},
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    state, _, started = listing.stdout.decode(errors="replace").strip().partition(" ")
    return None if not state or state.startswith("Z") else started.strip()


@contextlib.contextmanager
def without_collection() -> Iterator[None]:
    """No garbage collection: ten thousand runs are a million objects that are all still needed,
    and the collector would look at them again and again, for half of the time. What was made
    counts as old afterwards, or the first thing that it did would be to look at all of it."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.freeze()
            gc.unfreeze()
            gc.enable()


def is_single() -> bool:
    """Whether this process is known to have one thread, so that it may fork."""
    try:
        return len(os.listdir("/proc/self/task")) == 1
    except OSError:
        return False


@contextlib.contextmanager
def beside(work: Callable[[], bytes]) -> Iterator[Callable[[], bytes]]:
    """Have a fork of this process, which has one thread, do `work` meanwhile.

    What is given waits for what `work` made; the end of it may be missing, where the fork could not
    be made or died.
    """
    ours, theirs = os.pipe()
    try:
        child = os.fork()
    except OSError:
        child = -1
    if child == 0:
        try:
            os.close(ours)  # where the parent has died, nobody takes what is written
            content = memoryview(work())
            while content:
                content = content[os.write(theirs, content) :]
        finally:
            os._exit(0)  # never up into the code of the parent
    os.close(theirs)
    try:
        with open(ours, "rb") as answer:
            yield answer.read
    finally:
        if child > 0:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(child, 0)
