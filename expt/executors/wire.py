"""Messages between processes: length-prefixed pickles of the model's own values, and only of them.

    <"expt"> <length u4 LE> <pickle>

What does not begin so was not sent by us: an experiment can write to every descriptor it finds. A
worker holds the user's classes and the parent must not: what arrives is unpickled with a short
list of names, so that a stray object of the user's is an error here and not an import there.
"""

from __future__ import annotations

import errno
import functools
import io
import os
import pickle
import struct
import threading
from importlib import import_module
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from expt.ground.errors import ExptError, WorkerError

if TYPE_CHECKING:
    import socket

_HEAD: Final = struct.Struct("<4sI")
_MAGIC: Final = b"expt"
_LARGEST: Final = 1 << 30  # bytes of one message: a plan of ten thousand cases has a few million
_read, _write, _fstat = os.read, os.write, os.fstat  # before a mock takes their places
_PLAIN_MODULES: Final = frozenset(
    {
        *(f"expt.ground.{name}" for name in ("errors", "messages", "model", "options", "trials")),
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


@functools.cache  # of the few that there are
def _find_plain(module: str, name: str) -> Any:
    if module in _PLAIN_MODULES or (module, name) in _PLAIN_NAMES:
        return attrgetter(name)(import_module(module))
    raise WorkerError(f"a message between processes holds a '{module}.{name}'")


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        return _find_plain(module, name)


def pack(message: Any) -> bytes:
    """The frame of a message."""
    body = pickle.dumps(message, protocol=5)
    if len(body) > _LARGEST:
        raise WorkerError(f"a message between processes has {len(body)} bytes")
    return _HEAD.pack(_MAGIC, len(body)) + body


def frame_body(frame: bytes) -> bytes:
    """The body of one frame. Raises `WorkerError` for what is no whole frame of ours."""
    magic, length = _HEAD.unpack_from(frame) if len(frame) >= _HEAD.size else (b"", 0)
    body = frame[_HEAD.size :]
    if magic != _MAGIC or len(body) != length:
        raise WorkerError("a message between processes cannot be read: it is none of ours")
    return body


def unpack(body: bytes) -> Any:
    """The message of a frame's body. Raises `WorkerError` for anything that is no plain value."""
    try:
        return _PlainUnpickler(io.BytesIO(body)).load()
    except WorkerError:
        raise
    except Exception as error:  # bytes that are no pickle of ours may raise anything
        raise WorkerError(f"a message between processes cannot be read: {error}") from error


class Connection:
    """One end of a socket pair. Sending is safe from several threads, receiving from one.

    Everything raises `OSError` where the descriptor has been closed under us, also where it is
    another file's by now.
    """

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._fd = end.fileno()
        self._file = _identity(self._fd)
        self._lock = threading.Lock()
        self._received = bytearray()

    def fileno(self) -> int:
        return self._fd

    def send(self, message: Any) -> None:
        """Send one message whole. Raises `OSError` where the other end is gone."""
        rest = memoryview(pack(message))
        with self._lock:
            self._reject_other_file()
            while rest:
                rest = rest[_write(self._fd, rest) :]

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
        self._reject_other_file()
        try:
            data = _read(self._fd, 1 << 18)
        except ConnectionError as error:
            raise EOFError from error
        if not data:
            raise EOFError
        self._received += data

    def _reject_other_file(self) -> None:
        if _identity(self._fd) != self._file:
            raise OSError(errno.EBADF, "the connection was closed, and its number used again")

    def _take(self, most: int | None) -> list[Any]:
        messages: list[Any] = []
        buffer = self._received
        start = 0
        while most is None or len(messages) < most:
            if len(buffer) - start < _HEAD.size:
                break
            magic, length = _HEAD.unpack_from(buffer, start)
            if magic != _MAGIC or length > _LARGEST:
                raise WorkerError("a message between processes cannot be read: it is none of ours")
            end = start + _HEAD.size + length
            if len(buffer) < end:
                break
            messages.append(unpack(bytes(buffer[start + _HEAD.size : end])))
            start = end
        del buffer[:start]
        return messages


def _identity(fd: int) -> tuple[int, int]:
    status = _fstat(fd)
    return status.st_dev, status.st_ino


def raised(error: BaseException) -> ExptError:
    """`error` as something that can travel: itself, or its text where it is not one of ours."""
    if isinstance(error, ExptError):
        return error
    return WorkerError(f"{type(error).__name__}: {error}")
