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
    try:
        message = _exact_text(str(error))
    except BaseException as second:  # a SystemExit in there must not end more than the text
        message = f"<str() of this exception raised {_name(type(second))}>"
    return ErrorInfo(_full_name(type(error)), scrub(message), scrub(_format_traceback(error)))


def _full_name(cls: type[BaseException]) -> str:
    try:
        module = cls.__module__
    except BaseException:  # a metaclass may do anything
        module = "builtins"
    return _name(cls) if module == "builtins" else f"{module}.{_name(cls)}"


def _name(cls: type[BaseException]) -> str:
    return _exact_text(type.__dict__["__qualname__"].__get__(cls))


def _exact_text(text: str) -> str:
    """A plain str: a subclass of the user's could not travel to the parent."""
    return str.__str__(text)


def _format_traceback(error: BaseException) -> str:
    try:
        told = traceback.TracebackException.from_exception(error)
        _drop_our_frames(told, set())
        return "".join(told.format())
    except RecursionError:
        return f"{_name(type(error))}: too deep to be formatted\n"
    except BaseException as second:
        name = _name(type(second))
        return f"{_name(type(error))}: its traceback cannot be formatted ({name})\n"


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
