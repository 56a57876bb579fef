"""Messages between processes: length-prefixed pickles of the model's own values, and only of them.

    <length u4 LE> <pickle>

A worker holds the user's classes and the parent must not: what arrives is unpickled with a short
list of names, so that a stray object of the user's is an error here and not an import there.
"""

from __future__ import annotations

import io
import pickle
import struct
import threading
from typing import TYPE_CHECKING, Any, Final

from expt.ground.errors import ExptError, WorkerError

if TYPE_CHECKING:
    import socket

_LENGTH: Final = struct.Struct("<I")
_PLAIN_MODULES: Final = frozenset(
    {
        *(f"expt.ground.{name}" for name in ("errors", "messages", "model", "options")),
        "pathlib",
        "pathlib._local",
    }
)
_PLAIN_NAMES: Final = frozenset(
    {("builtins", name) for name in ("set", "frozenset", "bytearray", "complex", "range")}
    | {("datetime", name) for name in ("date", "datetime", "time", "timedelta", "timezone")}
    | {("collections", "OrderedDict"), ("_codecs", "encode")}
    | {("copyreg", "_reconstructor"), ("builtins", "object")}
)


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if module in _PLAIN_MODULES or (module, name) in _PLAIN_NAMES:
            return super().find_class(module, name)
        raise WorkerError(f"a message between processes holds a '{module}.{name}'")


def pack(message: Any) -> bytes:
    """The frame of a message."""
    body = pickle.dumps(message, protocol=5)
    return _LENGTH.pack(len(body)) + body


def unpack(body: bytes) -> Any:
    """The message of a frame's body. Raises `WorkerError` for anything that is no plain value."""
    try:
        return _PlainUnpickler(io.BytesIO(body)).load()
    except (pickle.UnpicklingError, EOFError, AttributeError, ImportError, TypeError) as error:
        raise WorkerError(f"a message between processes cannot be read: {error}") from error


class Connection:
    """One end of a socket pair. Sending is safe from several threads, receiving from one."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._lock = threading.Lock()
        self._received = bytearray()

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, message: Any) -> None:
        """Send one message whole. Raises `OSError` where the other end is gone."""
        frame = pack(message)
        with self._lock:
            self._socket.sendall(frame)

    def receive(self) -> Any:
        """Wait for one message. Raises `EOFError` where the other end is gone."""
        while True:
            messages = self._take(1)
            if messages:
                return messages[0]
            self._fill()

    def receive_ready(self) -> list[Any]:
        """Read once, and give every message that is whole. Raises `EOFError` at the end."""
        self._fill()
        return self._take(None)

    def close(self) -> None:
        self._socket.close()

    def _fill(self) -> None:
        try:
            data = self._socket.recv(1 << 18)
        except (ConnectionError, BrokenPipeError) as error:
            raise EOFError from error
        if not data:
            raise EOFError
        self._received += data

    def _take(self, most: int | None) -> list[Any]:
        messages: list[Any] = []
        buffer = self._received
        start = 0
        while most is None or len(messages) < most:
            if len(buffer) - start < _LENGTH.size:
                break
            (length,) = _LENGTH.unpack_from(buffer, start)
            end = start + _LENGTH.size + length
            if len(buffer) < end:
                break
            messages.append(unpack(bytes(buffer[start + _LENGTH.size : end])))
            start = end
        del buffer[:start]
        return messages


def raised(error: BaseException) -> ExptError:
    """`error` as something that can travel: itself, or its text where it is not one of ours."""
    if isinstance(error, ExptError):
        return error
    return WorkerError(f"{type(error).__name__}: {error}")
