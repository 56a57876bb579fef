"""An exception of the user's as words: its type, its message, its traceback without our frames."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from expt.model import ErrorInfo

OUR_FOLDER: Final = str(Path(__file__).resolve().parent.parent) + "/"
Scrub = Callable[[str], str]


def describe_error(error: BaseException, scrub: Scrub) -> ErrorInfo:
    """What `error` was, also where its own `str` raises; secrets are taken out by `scrub`."""
    cls = type(error)
    name = (
        cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
    )
    try:
        message = str(error)
    except Exception as second:
        message = f"<str() of this exception raised {type(second).__name__}>"
    return ErrorInfo(name, scrub(message), scrub(_format_traceback(error)))


def _format_traceback(error: BaseException) -> str:
    try:
        told = traceback.TracebackException.from_exception(error)
        _drop_our_frames(told, set())
        return "".join(told.format())
    except RecursionError:
        return f"{type(error).__name__}: too deep to be formatted\n"
    except Exception as second:
        return f"{type(error).__name__}: its traceback cannot be formatted ({second!r})\n"


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
