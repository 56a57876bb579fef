"""Any `concurrent.futures.Executor` by `module:factory`, from the standard pool to executorlib."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import threading
from importlib import import_module
from typing import TYPE_CHECKING, Any

from expt.ground.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from concurrent.futures import Executor


def make_standard(
    module: str, attribute: str, words: Mapping[str, Any], workers: int | None, spelling: str
) -> Executor:
    """What the factory gives for `words`; `workers` is told to one that can be told.

    Where it takes a start method for its processes, they are new interpreters: this process has
    threads. Raises `UsageError` for what is not there, and for whatever the factory refuses.
    """
    at = f"--executor {spelling}"
    try:
        factory: Any = import_module(module)
        for name in attribute.split("."):
            factory = getattr(factory, name)
    except AttributeError as error:
        raise UsageError(f"'{module}' has no '{attribute}'", at) from error
    except Exception as error:  # somebody else's module, which may raise anything
        raise UsageError(f"'{module}' cannot be imported: {error}", at) from error
    given = dict(words)
    takes = _parameters(factory)
    if isinstance(given.get("mp_context"), str) or (
        "mp_context" in takes and "mp_context" not in given
    ):
        given["mp_context"] = multiprocessing.get_context(given.get("mp_context", "spawn"))
    if "initializer" in takes:
        given.setdefault("initializer", ignore_interrupts)
    if "max_workers" in takes and workers is not None:
        given.setdefault("max_workers", workers)
    try:
        with children_ignore_interrupts():
            made: Executor = factory(**given)
    except Exception as error:
        raise UsageError(f"'{spelling}' refuses its settings: {error}", at) from error
    if not all(callable(getattr(made, name, None)) for name in ("submit", "shutdown")):
        what = f"'{spelling}' gives a '{type(made).__name__}', which is no executor"
        hint = "it must give what has the methods of concurrent.futures.Executor"
        raise UsageError(what, at, hint)
    return made


def _parameters(factory: Any) -> frozenset[str]:
    import inspect  # slow, and nodes have this module for what stands below

    try:
        return frozenset(inspect.signature(factory).parameters)
    except (TypeError, ValueError):
        return frozenset()


def ignore_interrupts() -> None:
    """What an engine's process does first: a terminal's Ctrl-C is answered by the session alone.

    In a process of several threads it does nothing but in the first of them.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextlib.contextmanager
def children_ignore_interrupts() -> Iterator[None]:
    """Processes that are started inside do not hear of a terminal's Ctrl-C."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
