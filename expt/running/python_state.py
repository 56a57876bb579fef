"""What the interpreter keeps and a run may change: pairs that take it and put it back."""

from __future__ import annotations

import builtins
import codecs
import gc
import sys
import threading
from operator import is_
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_Kept = tuple[list[Any], list[Any]]


def a_list(name: str) -> tuple[Callable[[], _Kept], Callable[[_Kept], None]]:
    """The pair of a list of `sys`: its content, and the list itself, which others may hold."""

    def take() -> _Kept:
        kept: list[Any] = getattr(sys, name)
        return kept, list(kept)

    def put_back(before: _Kept) -> None:
        kept, content = before
        kept[:] = content
        setattr(sys, name, kept)

    return take, put_back


_META_PATH: Final = a_list("meta_path")
_PATH_HOOKS: Final = a_list("path_hooks")


def take_import_hooks() -> tuple[_Kept, _Kept, bool]:
    return _META_PATH[0](), _PATH_HOOKS[0](), sys.dont_write_bytecode


def put_import_hooks(before: tuple[_Kept, _Kept, bool]) -> None:
    finders, hooks, sys.dont_write_bytecode = before
    _META_PATH[1](finders)
    _PATH_HOOKS[1](hooks)


def take_limits() -> tuple[int, float, int, int]:
    return (
        sys.getrecursionlimit(),
        sys.getswitchinterval(),
        sys.get_int_max_str_digits(),
        threading.stack_size(),
    )


def put_limits(before: tuple[int, float, int, int]) -> None:
    recursion, switching, digits, stack = before
    sys.setrecursionlimit(recursion)
    sys.setswitchinterval(switching)
    sys.set_int_max_str_digits(digits)
    threading.stack_size(stack)


_SYS_HOOKS: Final = ("excepthook", "unraisablehook", "displayhook", "breakpointhook")


def take_hooks() -> tuple[list[Any], Any, Any]:
    hooks = [getattr(sys, name) for name in _SYS_HOOKS]
    return hooks, threading.excepthook, sys.get_asyncgen_hooks()


def put_hooks(before: tuple[list[Any], Any, Any]) -> None:
    hooks, threading.excepthook, generators = before
    for name, hook in zip(_SYS_HOOKS, hooks, strict=True):
        setattr(sys, name, hook)
    sys.set_asyncgen_hooks(*generators)


_THREADS: Final = ("_trace_hook", "_profile_hook")
"""Of `threading`: what `threading.settrace` and `setprofile` leave for threads to come."""


def take_tracing() -> tuple[Any, ...]:
    return sys.gettrace(), sys.getprofile(), *(getattr(threading, name) for name in _THREADS)


def put_tracing(before: tuple[Any, ...]) -> None:
    trace, profile, *hooks = before
    if sys.gettrace() is not trace:
        sys.settrace(trace)
    if sys.getprofile() is not profile:
        sys.setprofile(profile)
    for name, hook in zip(_THREADS, hooks, strict=True):
        setattr(threading, name, hook)


def take_collector() -> tuple[bool, tuple[int, int, int], int]:
    return gc.isenabled(), gc.get_threshold(), gc.get_debug()


def put_collector(before: tuple[bool, tuple[int, int, int], int]) -> None:
    is_enabled, threshold, debug = before
    (gc.enable if is_enabled else gc.disable)()
    gc.set_threshold(*threshold)
    gc.set_debug(debug)


def take_builtins() -> dict[str, Any]:
    return dict(vars(builtins))


def put_builtins(before: dict[str, Any]) -> None:
    now = vars(builtins)
    if len(now) == len(before) and all(map(is_, now.values(), before.values())):
        return
    for name in set(now) - set(before):
        del now[name]
    now.update(before)


_ERROR_HANDLERS: Final = (
    *("strict", "ignore", "replace", "xmlcharrefreplace", "backslashreplace", "namereplace"),
    *("surrogateescape", "surrogatepass"),
)


def take_codecs() -> Mapping[str, Any]:
    return dict(zip(_ERROR_HANDLERS, map(codecs.lookup_error, _ERROR_HANDLERS), strict=True))


def put_codecs(before: Mapping[str, Any]) -> None:
    if all(map(is_, map(codecs.lookup_error, before), before.values())):
        return
    for name, handler in before.items():
        codecs.register_error(name, handler)
