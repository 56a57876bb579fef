"""W&B's transaction log, `run-ID.wandb`: LevelDB's log format with a header, one record a message.

    ":W&B" │ 0xBEE1 u16 │ version u8, then blocks of 32 KiB, a record in pieces:
    crc32 u32 of type and data │ length u16 │ type u8 (1 whole, 2 first, 3 middle, 4 last) │ data

https://github.com/wandb/wandb, `core/pkg/leveldb`, `wandb/proto/wandb_internal.proto`.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedReader

_HEADER: Final = b":W&B" + struct.pack("<HB", 0xBEE1, 0)
_BLOCK: Final = 32768
_PIECE: Final = struct.Struct("<IHB")
_WHOLE, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4
_LONGEST: Final = 1 << 28  # bytes of one record


class LogWriter:
    """Makes the bytes of a log, record by record."""

    def __init__(self) -> None:
        self.begun = _HEADER
        self._place = len(_HEADER)

    def add(self, record: bytes) -> bytes:
        """What is to be written for one record."""
        out, rest, is_first = bytearray(), memoryview(record), True
        while True:
            left = _BLOCK - self._place % _BLOCK
            if left < _PIECE.size:
                out += bytes(left)
                self._place += left
                continue
            piece, rest = rest[: left - _PIECE.size], rest[left - _PIECE.size :]
            kind = (_FIRST if is_first else _MIDDLE) if rest else _WHOLE if is_first else _LAST
            checksum = zlib.crc32(piece, zlib.crc32(bytes([kind])))
            out += _PIECE.pack(checksum, len(piece), kind) + piece
            self._place += _PIECE.size + len(piece)
            is_first = False
            if not rest:
                return bytes(out)


def read_log(file: BufferedReader) -> Iterator[bytes]:
    """Each whole record. A torn end is how a run that was killed leaves the file.

    Raises `ValueError` for what is no such log, or is damaged.
    """
    if file.read(len(_HEADER))[:6] != _HEADER[:6]:
        raise ValueError("it is no log of W&B")
    place, record = len(_HEADER), b""
    while True:
        left = _BLOCK - place % _BLOCK
        if left < _PIECE.size:
            file.read(left)
            place += left
            continue
        head = file.read(_PIECE.size)
        if len(head) < _PIECE.size:
            return
        checksum, length, kind = _PIECE.unpack(head)
        if kind == 0:
            return
        piece = file.read(length)
        if len(piece) < length:
            return
        if zlib.crc32(piece, zlib.crc32(head[6:7])) != checksum or length > left - _PIECE.size:
            raise ValueError("the checksum of a record is wrong")
        place += _PIECE.size + length
        record = piece if kind in (_WHOLE, _FIRST) else record + piece
        if len(record) > _LONGEST:
            raise ValueError("a record is too long")
        if kind in (_WHOLE, _LAST):
            yield record
