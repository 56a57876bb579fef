"""An exception of the user's as words: its type, its message, its traceback without our frames."""

from __future__ import annotations

import os
import re
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

from expt.ground.model import ErrorInfo
from expt.ground.text import MASK, error_message, error_name
from expt.ground.value_classes import evolve
from expt.parameters.secret_values import is_secret_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from expt.parameters.masking import Scrub

OUR_FOLDER: Final = str(Path(__file__).resolve().parent.parent) + "/"
_LINE_END: Final = re.compile(r"\s*\n\s*")  # of a value that is told in one line
_LONGEST_LOCAL: Final = 500  # characters of a local variable's value


def describe_error(
    error: BaseException, scrub: Scrub, is_secret: Callable[[str], bool] | None = None
) -> ErrorInfo:
    """What `error` was, also where its own `str` raises; secrets are taken out by `scrub`.

    With `is_secret` the local variables of each frame are told below it, those that it names as
    secret masked.
    """
    name, message = _full_name(error), error_message(error)
    told = _format_traceback(error, is_secret)
    if name == "bdb.BdbQuit" and not message:
        message = _QUIT if os.isatty(0) else _HINT  # `pdb.set_trace()` may find no terminal
        told = f"{told.rstrip()}: {message}\n"
    return ErrorInfo(name, scrub(message), scrub(told))


def _full_name(error: BaseException) -> str:
    try:
        module = type(error).__module__
    except BaseException:  # a metaclass may do anything
        module = "builtins"
    return error_name(error) if module == "builtins" else f"{module}.{error_name(error)}"


def _format_traceback(error: BaseException, is_secret: Callable[[str], bool] | None) -> str:
    try:
        told = traceback.TracebackException.from_exception(
            error, capture_locals=is_secret is not None
        )
        _drop_our_frames(told, set(), is_secret or is_secret_name)
        return "".join(told.format())
    except RecursionError:
        return f"{error_name(error)}: too deep to be formatted\n"
    except BaseException as second:
        why = error_name(second)
        return f"{error_name(error)}: its traceback cannot be formatted ({why})\n"


def _drop_our_frames(
    told: traceback.TracebackException, seen: set[int], is_secret: Callable[[str], bool]
) -> None:
    if id(told) in seen:
        return
    seen.add(id(told))
    told.stack = traceback.StackSummary.from_list([f for f in told.stack if _is_users(f)])
    for frame in told.stack:
        shown = frame.locals or {}
        for name, text in shown.items():
            text = text if len(text) <= _LONGEST_LOCAL else f"{text[:_LONGEST_LOCAL]}…"
            shown[name] = repr(MASK) if is_secret(name) else _LINE_END.sub(" ", text)
    context = told.__context__
    if context is not None and context.stack and not any(map(_is_users, context.stack)):
        told.__context__ = None  # what we were doing when we called the user's code
    causes: Iterable[traceback.TracebackException | None] = (
        told.__cause__,
        told.__context__,
        *(getattr(told, "exceptions", None) or ()),
    )
    for cause in causes:
        if cause is not None:
            _drop_our_frames(cause, seen, is_secret)


def _is_users(frame: traceback.FrameSummary) -> bool:
    return not frame.filename.startswith((OUR_FOLDER, *_DEBUGGER))


def describe_all(
    errors: Sequence[BaseException], describe: Callable[[BaseException], ErrorInfo]
) -> ErrorInfo:
    """The first error, with the tracebacks of all: what was raised, then by each teardown."""
    first, *others = map(describe, errors)
    told = [first.traceback]
    for other in others:
        told += ["\nIn a teardown, another exception was raised:\n\n", other.traceback]
    return evolve(first, traceback="".join(told))


# The debugger


def refuse_breakpoint(*_: Any, **__: Any) -> NoReturn:
    """What `breakpoint()` does in a run whose output is captured."""
    raise RuntimeError(_HINT)


_HINT: Final = "breakpoint() needs the terminal: run with --pdb"
_QUIT: Final = "the debugger was quit"
_DEBUGGER: Final = tuple(
    f"{os.path.dirname(os.__file__)}{os.sep}{name}.py" for name in ("bdb", "pdb")
)


def raised_by_interrupt(error: BaseException) -> bool:
    """Whether a Ctrl-C ended the run, also where it was wrapped on the way."""
    return isinstance(error, KeyboardInterrupt) or (
        isinstance(error, BaseExceptionGroup) and error.subgroup(KeyboardInterrupt) is not None
    )
