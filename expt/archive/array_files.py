"""Arrays and pictures as files: `.npy`, `.npz` and what PIL knows, in both directions.

What is read may come from anybody. Nothing is unpickled; a header is believed only as far as the
file has the bytes for it; a picture is opened as what its suffix says and nothing else, since PIL
would start other programs for some formats.
"""

from __future__ import annotations

import ast
import io
import math
import os
import re
import struct
import zlib
from typing import IO, TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

    Array = np.ndarray[Any, Any]

PICTURE_FORMATS: Final[Mapping[str, str]] = {
    ".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".bmp": "BMP", ".gif": "GIF", ".tif": "TIFF",
    ".tiff": "TIFF", ".webp": "WEBP", ".ppm": "PPM",
}  # fmt: skip
"""By suffix, what PIL calls the format."""

_LONGEST_HEADER: Final = 1 << 20
_DEFLATES: Final = 1032  # to one, at the very best
_LONG: Final = re.compile(r"(?<=\d)L\b")  # numbers as Python 2 wrote them


class Sink(Protocol):
    """What an array is written into, a part at a time."""

    def write(self, data: bytes, /) -> object: ...


def write_npy(file: Sink, array: Any) -> None:
    """Write an array without objects as `.npy`."""
    import numpy.lib.format  # the caller has an array, so numpy is loaded

    # field names may be any text, which only version 3 of the format holds
    version = (3, 0) if array.dtype.names else (1, 0)
    numpy.lib.format.write_array(file, array, version, allow_pickle=False)


def read_npy(file: IO[bytes], size: int | None = None) -> Array:
    """The array of a `.npy`, of which `file` has `size` bytes. May raise anything for damage."""
    import numpy  # slow: only once an array is asked for
    import numpy.lib.format

    size = os.fstat(file.fileno()).st_size if size is None else size
    header, begun = _read_header(file)
    dtype = numpy.lib.format.descr_to_dtype(header["descr"])
    shape = header["shape"]
    if dtype.hasobject:
        raise ValueError("it holds objects, which only pickle reads")
    if type(shape) is not tuple or not all(type(side) is int and side >= 0 for side in shape):
        raise ValueError(f"its shape is {shape!r}")
    needed = math.prod(shape) * (dtype.itemsize or 1)
    if needed > size - begun:
        raise ValueError(
            f"its header promises {needed:,} bytes, of which {size - begun:,} are there"
        )
    buffer = bytearray(needed)
    rest = memoryview(buffer)
    while rest:
        taken = file.readinto(rest)  # type: ignore[attr-defined]  # every binary file has it
        if not taken:
            raise ValueError(f"the last {len(rest):,} bytes are missing")
        rest = rest[taken:]
    return numpy.ndarray(
        shape, dtype, buffer, order="F" if header["fortran_order"] is True else "C"
    )


def _read_header(file: IO[bytes]) -> tuple[dict[str, Any], int]:
    """`{"descr", "fortran_order", "shape"}`, and where the data begin."""
    magic = file.read(8)
    if magic[:6] != b"\x93NUMPY" or magic[6:] not in (b"\1\0", b"\2\0", b"\3\0"):
        raise ValueError("it does not begin as .npy does")
    form = struct.Struct("<H" if magic[6] == 1 else "<I")
    (length,) = form.unpack(file.read(form.size))
    if length > _LONGEST_HEADER:
        raise ValueError(f"its header has {length:,} bytes")
    text = file.read(length).decode("utf-8" if magic[6] == 3 else "latin-1")
    header = ast.literal_eval(_LONG.sub("", text) if magic[6] < 3 else text)
    if not isinstance(header, dict) or set(header) != {"descr", "fortran_order", "shape"}:
        raise ValueError("its header is none")
    return header, len(magic) + form.size + length


def write_npz(file: IO[bytes], arrays: Mapping[Any, Array]) -> None:
    """Write arrays without objects by name."""
    import zipfile

    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:  # savez reserves some keys
        for key, array in arrays.items():
            with archive.open(f"{key}.npy", "w", force_zip64=True) as entry:
                write_npy(entry, array)


def read_npz(file: IO[bytes]) -> dict[str, Any]:
    """Name → array of a `.npz`; bytes where a member is none. May raise anything for damage."""
    import zipfile

    arrays: dict[str, Any] = {}
    whole = os.fstat(file.fileno()).st_size
    with zipfile.ZipFile(file) as archive:
        for entry in archive.infolist():
            if entry.file_size > min(entry.compress_size, whole) * _DEFLATES + 64:
                raise ValueError(f"'{entry.filename}' promises {entry.file_size:,} bytes")
            with archive.open(entry) as member:
                if entry.filename.endswith(".npy"):
                    name = entry.filename.removesuffix(".npy")
                    arrays[name] = read_npy(member, entry.file_size)
                else:
                    arrays[entry.filename] = member.read(entry.file_size)
    return arrays


def read_picture(file: IO[bytes], suffix: str) -> Array:
    """The pixels of a picture as they stand in the file. May raise anything for damage."""
    import numpy  # slow: only once a picture is asked for
    from PIL import Image

    with Image.open(file, formats=[PICTURE_FORMATS[suffix]]) as image:
        return numpy.asarray(image)


def read_exact_png(content: bytes) -> Array:
    """The pixels of a PNG whose every checksum is right, which PIL would forgive; a palette is
    resolved. May raise anything for damage."""
    import numpy
    from PIL import Image  # slow: only once a picture is asked for

    _check_png(content)
    with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
        if image.mode != "P":
            return numpy.asarray(image)
        return numpy.asarray(image.convert("RGBA" if "transparency" in image.info else "RGB"))


def check_png(content: bytes) -> bytes:
    """`content`, if it is a PNG that a reader takes. Raises `ValueError`."""
    try:
        read_exact_png(content)
    except Exception as error:  # decoders raise anything
        raise ValueError(f"it is no PNG: {error}") from None
    return content


def _check_png(data: bytes) -> None:
    place, kind = 8, b""
    while kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", data, place)
        end = place + 8 + length
        (checksum,) = struct.unpack_from(">I", data, end)
        if zlib.crc32(data[place + 4 : end]) != checksum:
            raise ValueError(f"the checksum of its {kind!r} is wrong")
        place = end + 4
