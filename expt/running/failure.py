"""An exception of the user's as words: its type, its message, its traceback without our frames."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from expt.ground.model import ErrorInfo
from expt.ground.text import error_message, error_name

OUR_FOLDER: Final = str(Path(__file__).resolve().parent.parent) + "/"
Scrub = Callable[[str], str]


def describe_error(error: BaseException, scrub: Scrub) -> ErrorInfo:
    """What `error` was, also where its own `str` raises; secrets are taken out by `scrub`."""
    return ErrorInfo(
        _full_name(error), scrub(error_message(error)), scrub(_format_traceback(error))
    )


def _full_name(error: BaseException) -> str:
    try:
        module = type(error).__module__
    except BaseException:  # a metaclass may do anything
        module = "builtins"
    return error_name(error) if module == "builtins" else f"{module}.{error_name(error)}"


def _format_traceback(error: BaseException) -> str:
    try:
        told = traceback.TracebackException.from_exception(error)
        _drop_our_frames(told, set())
        return "".join(told.format())
    except RecursionError:
        return f"{error_name(error)}: too deep to be formatted\n"
    except BaseException as second:
        why = error_name(second)
        return f"{error_name(error)}: its traceback cannot be formatted ({why})\n"


def _drop_our_frames(told: traceback.TracebackException, seen: set[int]) -> None:
    if id(told) in seen:
        return
    seen.add(id(told))
    told.stack = traceback.StackSummary.from_list(_users_frames(told.stack))
    causes: Iterable[traceback.TracebackException | None] = (
        told.__cause__,
        told.__context__,
        *(getattr(told, "exceptions", None) or ()),
    )
    for cause in causes:
        if cause is not None:
            _drop_our_frames(cause, seen)


def _users_frames(stack: traceback.StackSummary) -> list[traceback.FrameSummary]:
    kept = [frame for frame in stack if not frame.filename.startswith(OUR_FOLDER)]
    return kept or list(stack)


def make_scrubber(secrets: Iterable[str], mask: str = "***") -> Scrub:
    """A function that replaces every secret text by the mask, the longest first."""
    texts = sorted({text for text in secrets if text}, key=len, reverse=True)
    if not texts:
        return lambda text: text

    def scrub(text: str) -> str:
        for secret in texts:
            text = text.replace(secret, mask)
        return text

    return scrub


def raised_by_interrupt(error: BaseException) -> bool:
    """Whether a Ctrl-C ended the run, also where it was wrapped on the way."""
    return isinstance(error, KeyboardInterrupt) or (
        isinstance(error, BaseExceptionGroup) and error.subgroup(KeyboardInterrupt) is not None
    )
