"""What a run leaves behind in its process, put back: the next run must not notice.

    for each kind of STATE: take ─► the run ─► put back ─► what could not be is said

A kind is a line of the table below. What is put back where: standard streams and descriptors by
`capture`, context variables by `call_apart`. What is not put back is what a run changes inside of
modules and objects that live on, and what it leaves running; `--isolate` is for that.
"""

from __future__ import annotations

import contextlib
import contextvars
import faulthandler
import os
import random
import signal
import socket
import threading
from collections import deque
from operator import call
from typing import TYPE_CHECKING, Any, Final, TypeVar

from expt.ground.signal_handlers import set_handler
from expt.ground.value_classes import frozen
from expt.running import library_state as library
from expt.running import process_state as process
from expt.running import python_state as python

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

T = TypeVar("T")


@frozen
class KindOfState:
    """One kind of state: `put_back` is given what `take` saw, and may be called twice.

    It raises what the system says where it cannot.
    """

    name: str
    take: Callable[[], Any]
    put_back: Callable[[Any], object]


STATE: Final = (
    KindOfState("environment variables", process.take_environment, process.put_environment),
    KindOfState("time zone", process.take_time_zone, process.put_time_zone),
    KindOfState("working directory", os.getcwd, process.put_directory),
    KindOfState("umask", process.take_umask, os.umask),
    KindOfState("locale", process.take_locale, process.put_locale),
    KindOfState("priority", process.take_priority, process.put_priority),
    KindOfState("processors", process.take_affinity, process.put_affinity),
    KindOfState("resource limits", process.take_limits, process.put_limits),
    KindOfState("signal handlers", process.take_handlers, process.put_handlers),
    KindOfState("signal mask", process.take_mask, process.put_mask),
    KindOfState("timers", process.take_timers, process.put_timers),
    KindOfState("watchdog", lambda: None, lambda _: faulthandler.cancel_dump_traceback_later()),
    KindOfState("sys.argv", *python.a_list("argv")),
    KindOfState("sys.path", *python.a_list("path")),
    KindOfState("import hooks", python.take_import_hooks, python.put_import_hooks),
    KindOfState("interpreter's limits", python.take_limits, python.put_limits),
    KindOfState("hooks of the interpreter", python.take_hooks, python.put_hooks),
    KindOfState("trace functions", python.take_tracing, python.put_tracing),
    KindOfState("garbage collector", python.take_collector, python.put_collector),
    KindOfState("builtins", python.take_builtins, python.put_builtins),
    KindOfState("error handlers of codecs", python.take_codecs, python.put_codecs),
    KindOfState("logging", library.take_logging, library.put_logging),
    KindOfState("warnings", library.take_warnings, library.put_warnings),
    KindOfState("random", random.getstate, random.setstate),
    KindOfState("decimal", library.take_decimal, library.put_decimal),
    KindOfState("socket timeout", socket.getdefaulttimeout, socket.setdefaulttimeout),
    KindOfState("folder of temporary files", library.take_temporary, library.put_temporary),
    KindOfState("start method", library.take_start_method, library.put_start_method),
    KindOfState("event loop", library.take_event_loop, library.put_event_loop),
    KindOfState("numpy", library.take_numpy, library.put_numpy),
    KindOfState("numpy.random", library.take_numpy_random, library.put_numpy_random),
    KindOfState("matplotlib", library.take_matplotlib, library.put_matplotlib),
)
"""In this order: what the C library reads from the environment is asked to read it again."""

_TAKE: Final = tuple(kind.take for kind in STATE)
_PUT_BACK: Final = tuple(kind.put_back for kind in STATE)


def call_apart(function: Callable[[], T], stuck: Callable[[str], None] = lambda _: None) -> T:
    """What `function` returns or raises, once this process is as it was.

    `stuck` is told each kind of state that the system does not let us put back, and why.
    """
    with preserved_state(stuck):
        return contextvars.copy_context().run(function)


@contextlib.contextmanager
def preserved_state(stuck: Callable[[str], None] = lambda _: None) -> Iterator[None]:
    """Put the process back into today's state afterwards, whatever happened in between."""
    taken = [*map(call, _TAKE)]
    try:
        yield
    finally:
        while True:
            try:
                problems = _put_back(taken)
                break
            except KeyboardInterrupt:  # the run is over; who pressed it hears of it elsewhere
                continue
        for problem in problems:
            stuck(problem)


def _put_back(taken: Sequence[Any]) -> list[str]:
    """Put back what was `taken`, all of it; what could not be, and why."""
    try:
        deque(map(call, _PUT_BACK, taken), maxlen=0)  # a loop takes twice as long
        return []
    except Exception:  # what a run left in the place of a function may raise anything
        return [*filter(None, map(_put_one_back, STATE, taken))]


def _put_one_back(kind: KindOfState, before: Any) -> str | None:
    try:
        kind.put_back(before)
    except Exception as error:
        return f"{kind.name} ({error})"
    return None


class IgnoredInterrupts:
    """Lets no Ctrl-C in between two writes; `came` says afterwards whether there was one."""

    came = False

    def __enter__(self) -> IgnoredInterrupts:
        self._is_main = threading.current_thread() is threading.main_thread()
        if self._is_main:
            self._before = set_handler(signal.SIGINT, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_main:
            set_handler(signal.SIGINT, self._before)

    def _note(self, *_: object) -> None:
        self.came = True
