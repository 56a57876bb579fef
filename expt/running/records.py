"""Log records of a run: each in the output once, whoever configures logging and how.

Our handler stands on the root logger for whoever configures nothing. `logging.basicConfig` does
not see it, so that it does what it does in a script; and where a handler of the user's writes a
record to the same output, ours leaves it to that one.
"""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING, Final, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_FORMATTER: Final = logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s")


@contextlib.contextmanager
def logged_records(stream: TextIO, level: int | None = None) -> Iterator[None]:
    """Log records to `stream`, from `level` on.

    With no level it is the root logger's own, but INFO where that is Python's default: the info
    of the `log` provider would be lost.
    """
    root = logging.getLogger()
    handlers, level_before = root.handlers, root.level
    handler = _OutputHandler(stream)
    handler.setFormatter(_FORMATTER)
    root.handlers = _Handlers(handlers, handler)
    if level is not None or root.level == logging.WARNING:
        root.setLevel(logging.INFO if level is None else level)
    try:
        yield
    finally:
        root.handlers = handlers
        root.setLevel(level_before)


class _Handlers(list[logging.Handler]):
    """The root logger's handlers; ours is called with the others, and is not counted."""

    def __init__(self, handlers: Iterable[logging.Handler], own: logging.Handler) -> None:
        super().__init__([*handlers, own])
        self._own = own

    def __len__(self) -> int:
        return super().__len__() - (self._own in self)


class _OutputHandler(logging.StreamHandler[TextIO]):
    def emit(self, record: logging.LogRecord) -> None:
        if not any(map(_writes_to_output, self._others(record))):
            super().emit(record)

    def _others(self, record: logging.LogRecord) -> Iterator[logging.Handler]:
        """Every other handler that this record goes to."""
        named = logging.root.manager.loggerDict.get(record.name)
        logger: logging.Logger | None = named if isinstance(named, logging.Logger) else logging.root
        while logger is not None:
            for handler in logger.handlers:
                if handler is not self and record.levelno >= handler.level:
                    yield handler
            logger = logger.parent if logger.propagate else None


def _writes_to_output(handler: logging.Handler) -> bool:
    try:
        return isinstance(handler, logging.StreamHandler) and handler.stream.fileno() in (1, 2)
    except Exception:  # the stream may be any object of the user's
        return False
