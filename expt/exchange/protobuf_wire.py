"""Protocol buffers on the wire, as far as formats need them: fields of numbers and bytes.

https://protobuf.dev/programming-guides/encoding. What a field means stands where it is used; no
generated code, no package.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_VARINT, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5
_LONGEST_VARINT: Final = 10
_WRAP: Final = 1 << 64
_SHORT: Final = [bytes([value]) for value in range(128)]  # keys and most lengths


def whole(number: int, value: int) -> bytes:
    """A field of an int, bool or enum; an int of at most 64 bits."""
    return _varint(number << 3 | _VARINT) + _varint(value % _WRAP)


def double(number: int, value: float) -> bytes:
    """A field of a double."""
    return _varint(number << 3 | _EIGHT) + struct.pack("<d", value)


def block(number: int, content: bytes | str) -> bytes:
    """A field of bytes, a text or an inner message."""
    data = content.encode("utf-8", "replace") if isinstance(content, str) else content
    return _varint(number << 3 | _BYTES) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    if value < 128:
        return _SHORT[value]
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def read_fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and content of each field: an int for a varint, else bytes (8, 4, or as many as it
    has). Raises `ValueError` for what is no message."""
    place, end = 0, len(message)
    while place < end:
        key, place = _read_varint(message, place)
        kind = key & 7
        if kind == _VARINT:
            value, place = _read_varint(message, place)
            yield key >> 3, value
            continue
        if kind == _BYTES:
            size, place = _read_varint(message, place)
        else:
            size = {_EIGHT: 8, _FOUR: 4}.get(kind, -1)
        if size < 0 or place + size > end:
            raise ValueError("it is no whole message")
        yield key >> 3, message[place : place + size]
        place += size


def _read_varint(data: bytes, place: int) -> tuple[int, int]:
    if place < len(data) and data[place] < 128:
        return data[place], place + 1
    value = 0
    for index in range(_LONGEST_VARINT):
        if place + index >= len(data):
            break
        byte = data[place + index]
        value |= (byte & 127) << 7 * index
        if byte < 128:
            return value % _WRAP, place + index + 1
    raise ValueError("it is no whole number")


def fields_of(message: int | bytes | None) -> dict[int, int | bytes]:
    """The fields of a message by number, of each the last. Raises `ValueError`."""
    return dict(read_fields(bytes_of(message))) if message else {}


def bytes_of(value: int | bytes | None) -> bytes:
    """A field of bytes; empty where it is not there. Raises `ValueError`."""
    if isinstance(value, int):
        raise ValueError("a number in place of bytes")
    return value or b""


def text_of(value: int | bytes | None) -> str:
    """A field of text. Raises `ValueError`."""
    return bytes_of(value).decode("utf-8", "replace")


def int_of(value: int | bytes | None) -> int:
    """A signed field of 64 bits; 0 where it is not there. Raises `ValueError`."""
    if isinstance(value, bytes):
        raise ValueError("bytes in place of a number")
    return (value or 0) - _WRAP if (value or 0) >= _WRAP >> 1 else value or 0


def double_of(value: int | bytes | None) -> float:
    """A field of 8 or 4 bytes; 0 where it is not there. Raises `ValueError`."""
    data = bytes_of(value)
    if len(data) not in (0, 4, 8):
        raise ValueError("no number of 4 or 8 bytes")
    number: float = struct.unpack("<d" if len(data) == 8 else "<f", data)[0] if data else 0.0
    return number
