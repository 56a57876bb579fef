"""What the system keeps for a process and a run may change: pairs that take it and put it back."""

from __future__ import annotations

import contextlib
import locale
import os
import signal
import sys
import threading
import time
from collections import deque
from itertools import compress
from operator import is_not
from typing import TYPE_CHECKING, Any, Final

from expt.ground.signal_handlers import handler_of, set_handler

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

resource: ModuleType | None
try:
    import resource
except ImportError:  # Windows
    resource = None


def take_environment() -> tuple[Any, dict[Any, Any]]:
    """The object, and what it holds in the system's own form: to decode it takes longer."""
    return os.environ, dict(vars(os.environ)["_data"])


def put_environment(before: tuple[Any, dict[Any, Any]]) -> None:
    os.environ, values = before
    now = vars(os.environ)["_data"]
    if now == values:
        return
    for name in set(now) - set(values):
        del os.environ[os.environ.decodekey(name)]
    now.update(values)
    # also what only `os.putenv` has changed; a loop takes twice as long
    deque(map(os.putenv, values, values.values()), maxlen=0)


def take_time_zone() -> tuple[Any, ...]:
    return time.tzname, time.timezone, time.altzone


def put_time_zone(before: tuple[Any, ...]) -> None:
    if take_time_zone() != before:
        time.tzset()


def put_directory(before: str) -> None:
    with contextlib.suppress(FileNotFoundError):  # a run may have deleted it
        os.chdir(before)


def take_umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask


def take_locale() -> str:
    return locale.setlocale(locale.LC_ALL)


def put_locale(before: str) -> None:
    if locale.setlocale(locale.LC_ALL) != before:
        locale.setlocale(locale.LC_ALL, before)


def take_priority() -> int:
    return os.getpriority(os.PRIO_PROCESS, 0) if hasattr(os, "getpriority") else 0


def put_priority(before: int) -> None:
    if take_priority() != before:
        os.setpriority(os.PRIO_PROCESS, 0, before)


def take_affinity() -> set[int]:
    return os.sched_getaffinity(0) if sys.platform == "linux" else set()


def put_affinity(before: set[int]) -> None:
    if sys.platform == "linux" and os.sched_getaffinity(0) != before:
        os.sched_setaffinity(0, before)


_LIMITS: Final = tuple(  # two names of one limit are one
    {getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")}
)


def take_limits() -> list[tuple[int, int]]:
    return [*map(resource.getrlimit, _LIMITS)] if resource is not None else []


def put_limits(before: list[tuple[int, int]]) -> None:
    """Soft limits; a hard one that was lowered stays where only an administrator may raise it."""
    now = take_limits()
    if now == before or resource is None:
        return
    lowered = False
    for limit, (soft, hard), (_, ceiling) in zip(_LIMITS, before, now, strict=True):
        try:
            resource.setrlimit(limit, (soft, hard))
        except (ValueError, OSError):
            lowered = True
            with contextlib.suppress(ValueError, OSError):
                resource.setrlimit(limit, (_lower(soft, ceiling), ceiling))
    if lowered:
        raise OSError("a hard limit was lowered")


def _lower(soft: int, ceiling: int) -> int:
    """The lower of two limits, where -1 is none."""
    return min((limit for limit in (soft, ceiling) if limit >= 0), default=-1)


_HANDLED: Final = tuple(
    getattr(signal, f"SIG{name}")
    for name in (
        *("INT", "TERM", "HUP", "QUIT", "USR1", "USR2", "ALRM", "VTALRM", "PROF"),
        *("CHLD", "PIPE", "WINCH", "TSTP", "CONT", "TTIN", "TTOU"),
    )
    if hasattr(signal, f"SIG{name}")
)
"""Those that programs handle; asking for all sixty takes longer than a short run."""


def take_handlers() -> tuple[Mapping[int, Any], int]:
    """Handlers by number, and the descriptor that wakes an event loop; only a main thread may."""
    if threading.current_thread() is not threading.main_thread():
        return {}, -1
    wakeup = signal.set_wakeup_fd(-1)
    if wakeup != -1:
        signal.set_wakeup_fd(wakeup)
    return dict(zip(_HANDLED, map(handler_of, _HANDLED), strict=True)), wakeup


def put_handlers(before: tuple[Mapping[int, Any], int]) -> None:
    handlers, wakeup = before
    for number in compress(handlers, map(is_not, map(handler_of, handlers), handlers.values())):
        if handlers[number] is not None:
            set_handler(number, handlers[number])
    if handlers:
        signal.set_wakeup_fd(wakeup)


def take_mask() -> Any:
    has_mask = hasattr(signal, "pthread_sigmask")
    return signal.pthread_sigmask(signal.SIG_BLOCK, ()) if has_mask else None


def put_mask(before: Any) -> None:
    if before is not None:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def take_timers() -> tuple[float, float, float] | None:
    """The moment, and the seconds until the alarm that whoever runs us has set, and between two."""
    if not hasattr(signal, "setitimer"):
        return None
    return (time.monotonic(), *signal.getitimer(signal.ITIMER_REAL))


def put_timers(before: tuple[float, float, float] | None) -> None:
    """No alarm of a run rings in the next one; one that was set before goes on."""
    if before is None:
        return
    for timer in (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF):
        signal.setitimer(timer, 0)
    moment, seconds, interval = before
    if seconds:
        left = moment + seconds - time.monotonic()
        signal.setitimer(signal.ITIMER_REAL, left if left > 0 else interval, interval)
