"""What a run leaves behind in its process, put back: the next run must not notice.

Working directory, environment, signal handlers, logging, random state, recursion limit, warnings,
trace functions, umask, numpy's and matplotlib's settings. Standard streams are `capture`'s.
"""

from __future__ import annotations

import contextlib
import decimal
import gc
import locale
import logging
import os
import random
import signal
import sys
import threading
import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextlib.contextmanager
def preserved_state() -> Iterator[None]:
    """Put the process back into today's state afterwards, whatever happened in between."""
    restorers = [
        take()
        for take in (
            _take_directory,
            _take_environment,
            _take_signals,
            _take_logging,
            _take_random,
            _take_interpreter,
            _take_numpy,
            _take_matplotlib,
        )
    ]
    try:
        with warnings.catch_warnings():
            yield
    finally:
        for restore in reversed(restorers):
            restore()


@contextlib.contextmanager
def ignored_interrupts() -> Iterator[list[int]]:
    """Let no Ctrl-C in between two writes; the list says afterwards whether one came."""
    came: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield came
        return
    before = signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    try:
        yield came
    finally:
        signal.signal(signal.SIGINT, before)


def _take_directory() -> Callable[[], None]:
    directory = os.getcwd()

    def restore() -> None:
        with contextlib.suppress(OSError):  # a run may have deleted it
            os.chdir(directory)

    return restore


def _take_environment() -> Callable[[], None]:
    before = dict(os.environ)
    umask = os.umask(0)
    os.umask(umask)

    def restore() -> None:
        os.umask(umask)
        if dict(os.environ) == before:
            return
        for name in set(os.environ) - set(before):
            del os.environ[name]
        os.environ.update(before)

    return restore


def _take_signals() -> Callable[[], None]:
    if threading.current_thread() is not threading.main_thread():
        return lambda: None
    before = {number: signal.getsignal(number) for number in _handled_signals()}
    has_timer = hasattr(signal, "setitimer")

    def restore() -> None:
        if has_timer:
            signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            if handler is not None and signal.getsignal(number) is not handler:
                with contextlib.suppress(OSError, ValueError):
                    signal.signal(number, handler)

    return restore


def _handled_signals() -> list[signal.Signals]:
    """Those that programs handle; asking for all sixty takes longer than a short run."""
    names = "INT TERM HUP QUIT USR1 USR2 ALRM VTALRM PROF CHLD PIPE WINCH TSTP CONT TTIN TTOU"
    found = (getattr(signal, f"SIG{name}", None) for name in names.split())
    return [number for number in found if number is not None]


def _take_logging() -> Callable[[], None]:
    root = logging.getLogger()
    handlers, level, disabled = list(root.handlers), root.level, logging.root.manager.disable
    logger_class, factory = logging.getLoggerClass(), logging.getLogRecordFactory()

    def restore() -> None:
        root.handlers[:] = handlers
        root.setLevel(level)
        logging.disable(disabled)
        logging.setLoggerClass(logger_class)
        logging.setLogRecordFactory(factory)

    return restore


def _take_random() -> Callable[[], None]:
    state = random.getstate()
    return lambda: random.setstate(state)


def _take_interpreter() -> Callable[[], None]:
    recursion, switch = sys.getrecursionlimit(), sys.getswitchinterval()
    hooks = sys.excepthook, sys.unraisablehook, sys.displayhook, threading.excepthook
    trace, profile = sys.gettrace(), sys.getprofile()
    path, arguments = list(sys.path), list(sys.argv)
    collecting = gc.isenabled()
    context = decimal.getcontext().copy()
    place = locale.setlocale(locale.LC_ALL)

    def restore() -> None:
        sys.setrecursionlimit(recursion)
        sys.setswitchinterval(switch)
        sys.excepthook, sys.unraisablehook, sys.displayhook, threading.excepthook = hooks
        if sys.gettrace() is not trace:
            sys.settrace(trace)
        if sys.getprofile() is not profile:
            sys.setprofile(profile)
        sys.path[:] = path
        sys.argv[:] = arguments
        (gc.enable if collecting else gc.disable)()
        decimal.setcontext(context)
        with contextlib.suppress(locale.Error):
            locale.setlocale(locale.LC_ALL, place)

    return restore


def _take_numpy() -> Callable[[], None]:
    numpy: Any = sys.modules.get("numpy")
    if numpy is None or "numpy.random" not in sys.modules:
        return lambda: None
    state, errors = numpy.random.get_state(), numpy.geterr()
    printing = numpy.get_printoptions()

    def restore() -> None:
        numpy.random.set_state(state)
        numpy.seterr(**errors)
        numpy.set_printoptions(**printing)

    return restore


def _take_matplotlib() -> Callable[[], None]:
    matplotlib: Any = sys.modules.get("matplotlib")
    settings = None if matplotlib is None else dict.copy(matplotlib.rcParams)

    def restore() -> None:
        loaded: Any = sys.modules.get("matplotlib")
        if loaded is None:
            return
        pyplot: Any = sys.modules.get("matplotlib.pyplot")
        if pyplot is not None:
            pyplot.close("all")
        if settings is None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # deprecated keys are among the defaults
                loaded.rcdefaults()
        elif dict.__ne__(loaded.rcParams, settings):
            dict.update(loaded.rcParams, settings)

    return restore
