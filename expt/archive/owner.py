"""Who writes an archive, and whether that process still lives.

A process id alone is reused; with the moment the process started, the boot it belongs to and the
name space of its id, it is the name of one process for ever.

On another machine no name helps. There a run lives whose `run.json` is fresh: whoever runs it
touches the file every so many seconds, which its owner has promised (`beat`).
"""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import socket
import time
from typing import TYPE_CHECKING, Any, Final

from expt.ground.errors import DamagedArchive
from expt.ground.files import read_inside
from expt.ground.layout import RUN_FILE, STOPPED_FILE
from expt.ground.processes import PROC, start_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

BEAT: Final = 15.0  # seconds between two signs of life
_MISSED: Final = 4  # signs of life that may be missed: clocks differ, and networks are slow
_ENDS: Final = (signal.SIGINT, signal.SIGKILL)


def owner_of_this_process() -> Mapping[str, Any]:
    """`{pid, started, boot, namespace, host, beat}`: what tells later, elsewhere, if it lives."""
    return _owner(os.getpid())


@functools.cache
def _owner(pid: int) -> Mapping[str, Any]:
    """What the system tells of this process, which it is asked once: a fork has another `pid`."""
    return {
        "pid": pid,
        "started": start_of(pid),
        "boot": _boot(),
        "namespace": _namespace(),
        "host": socket.gethostname(),
        "beat": BEAT,
    }


def run_is_alive(owner: Mapping[str, Any], archive: Path) -> bool:
    """Whether a run that says it is running goes on, as far as can be seen from here."""
    alive = owner_is_alive(owner)
    beat = owner.get("beat")
    if alive is None and owner.get("host") and isinstance(beat, (int, float)):
        with contextlib.suppress(OSError):
            return abs(time.time() - os.stat(archive / RUN_FILE).st_mtime) < _MISSED * beat
    return bool(alive)


def touch_run(archive: Path) -> None:
    """Say that a run goes on, to those who cannot see its process. Raises `OSError`."""
    os.utime(archive / RUN_FILE)


def ask_to_stop(archive: Path, number: int | None = None) -> None:
    """Say that a run is to end, and it alone; with `number`, which signal its machine is to send.

    Raises `OSError`.
    """
    (archive / STOPPED_FILE).write_text("" if number is None else str(number))


def asked_to_stop(archive: Path) -> int | None:
    """The signal that somebody on another machine wants the run to get; None for none."""
    told: bytes | None = None
    with contextlib.suppress(DamagedArchive):  # it is no file
        told = read_inside(archive, STOPPED_FILE, 16)
    return next((number for number in _ENDS if told == b"%d" % number), None)


def owner_is_alive(owner: Mapping[str, Any]) -> bool | None:
    """Whether that very process lives; None where this machine cannot know.

    It cannot for another host, or for another container's process ids.
    """
    pid = owner.get("pid")
    if not isinstance(pid, int) or isinstance(pid, bool) or pid <= 0:
        return None
    if owner.get("host") != socket.gethostname():
        return None
    boot = _boot()
    if boot is not None and owner.get("boot") not in (None, boot):
        return False
    namespace = owner.get("namespace")
    if namespace is not None and namespace != _namespace():
        return None
    started = start_of(pid)
    return started is not None and owner.get("started") in (None, started)


def _boot() -> str | None:
    with contextlib.suppress(OSError):
        return (PROC / "sys/kernel/random/boot_id").read_text().strip()
    return None


def _namespace() -> str | None:
    with contextlib.suppress(OSError):
        return os.readlink(PROC / "self/ns/pid")
    return None
