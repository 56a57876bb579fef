"""Handlers of signals as the interpreter keeps them: callables, and two plain numbers.

What `signal` says of them is looked up among the members of its enums, number by number, and that
takes longer than all else.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_own: Final = sys.modules.get("_signal", signal)

handler_of: Final[Callable[[int], Any]] = _own.getsignal
"""The handler of a signal; None where it is not Python's."""

set_handler: Final[Callable[[int, Any], Any]] = _own.signal
"""Set the handler of a signal, one as `handler_of` tells it; the one before."""

IGNORED: Final = int(signal.SIG_IGN)

INTERRUPTS: Final = tuple(
    int(getattr(signal, name)) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
"""What asks a process to end, as far as the system has it."""


WAKING_SIGNAL: Final = int(signal.SIGURG)
"""Says nothing, but ends the system call that a process waits in.

A Ctrl-C that comes between the interpreter's last look and such a call, or to another thread, is
heard when the call returns: after hours, where it is a `sleep`.
"""


def end_at_interrupts(code: int) -> None:
    """From now on end the process with `code` where one is asked to end; `nohup` stays as it is."""
    for number in INTERRUPTS:
        if handler_of(number) != IGNORED:
            set_handler(number, lambda *_: os._exit(code))


def ignore_interrupts() -> None:
    """From now on nobody can ask the process to end."""
    for number in INTERRUPTS:
        set_handler(number, IGNORED)
