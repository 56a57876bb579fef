"""What files hold compressed, for whoever looks for a text in them: nothing is unpacked to a disk.

zip, and what is one (.npz, .pt, .xlsx)     each member
gzip, bzip2, xz                             the stream
zlib, wherever it begins                    texts of PNG, pages of PDF, chunks of HDF5
"""

from __future__ import annotations

import bz2
import io
import lzma
import re
import struct
import zipfile
import zlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_LARGEST: Final = 1 << 28  # bytes of one
_MOST: Final = 1 << 30  # bytes of all that one file holds
_DEPTH: Final = 3  # an archive in an archive in an archive
_DAMAGE: Final = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError),
    *(OSError, EOFError, ValueError, RuntimeError, struct.error),
)
_BEGINNING: Final = re.compile(
    rb"(?P<zlib>\x78[\x01\x5e\x9c\xda])|(?P<gzip>\x1f\x8b\x08)"
    rb"|(?P<bz2>BZh[1-9]1AY&SY)|(?P<xz>\xfd7zXZ\0)"
)


def compressed_in(content: bytes) -> Iterator[bytes]:
    """What is compressed in `content`, and in that again; of a stream that breaks off what there
    is of it, and no more than a gibibyte in all."""
    rest = _MOST
    for inner in _inside(content, _DEPTH):
        yield inner
        rest -= len(inner)
        if rest < 0:
            return


def _inside(content: bytes, depth: int) -> Iterator[bytes]:
    for find in (_members, _streams):
        for inner in find(content):
            yield inner
            if depth > 1:
                yield from _inside(inner, depth - 1)


def _members(content: bytes) -> Iterator[bytes]:
    """Of a zip file that is no damaged one."""
    if not content.startswith(b"PK\x03\x04"):
        return
    try:
        packed = zipfile.ZipFile(io.BytesIO(content))
    except _DAMAGE:
        return
    for about in packed.infolist():
        try:
            with packed.open(about) as member:
                yield member.read(_LARGEST)
        except _DAMAGE:
            continue  # or encrypted


def _streams(content: bytes) -> Iterator[bytes]:
    begin: dict[str, Callable[[], Any]] = {
        "zlib": zlib.decompressobj,
        "gzip": lambda: zlib.decompressobj(wbits=31),
        "bz2": bz2.BZ2Decompressor,
        "xz": lambda: lzma.LZMADecompressor(memlimit=_LARGEST),
    }
    view, end = memoryview(content), 0
    for found in _BEGINNING.finditer(content):
        if found.start() < end:
            continue
        stream = begin[str(found.lastgroup)]()
        try:
            inner = stream.decompress(view[found.start() :], _LARGEST)
        except _DAMAGE:
            continue  # some bytes that look so
        if stream.eof:
            end = len(content) - len(stream.unused_data)
        if inner:
            yield inner
