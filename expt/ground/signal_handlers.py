"""Handlers of signals as the interpreter keeps them: callables, and two plain numbers.

What `signal` says of them is looked up among the members of its enums, number by number, and that
takes longer than all else.
"""

from __future__ import annotations

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
