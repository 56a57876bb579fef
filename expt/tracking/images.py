"""Pictures as PNG: exact, cheap inside the run, and made small later beside it.

Inside the run a picture is packed only where that is nearly free; otherwise its bytes are stored
as they are, in a PNG like any other. `recompress_images` packs those once the run has no need to
wait for it.
"""

from __future__ import annotations

import io
import struct
import sys
import zlib
from typing import Any, Final

from expt.ground.ndarrays import as_array, reject_mask
from expt.ground.objects import ask, type_name
from expt.tracking.kinds import is_figure, is_pil_image

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
SAMPLE: Final = 8192
WORTH_PACKING: Final = 0.5  # of the sample's size: below it packing takes less than writing saves
COLOUR_TYPES: Final = {1: 0, 2: 4, 3: 2, 4: 6}  # by channels: grey, grey+alpha, RGB, RGBA
PLAIN_MODES: Final = frozenset({"1", "L", "LA", "RGB", "RGBA", "I;16", "I;16L", "I;16B"})
PNG_MODES: Final = PLAIN_MODES | {"P"}
NUMBER_MODES: Final = frozenset({"I", "F"})  # numbers, of which 8 bits would keep next to nothing
FIGURE_DPI: Final = 150


def encode_pixels(pixels: Any) -> bytes:
    """A PNG of an array: bool HxW, uint8 HxW and HxWx1…4, uint16 HxW. W3C PNG, third edition."""
    height, width = pixels.shape[:2]
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    depth = 1 if pixels.dtype == bool else 8 * pixels.dtype.itemsize
    import numpy  # the caller has an array, so this is loaded

    if depth == 1:
        pixels = numpy.packbits(pixels, axis=1)
    elif depth == 16:
        pixels = numpy.ascontiguousarray(pixels, dtype=">u2")
    rows = numpy.ascontiguousarray(pixels).reshape(height, -1).view(numpy.uint8)
    filtered = numpy.zeros((height, rows.shape[1] + 1), dtype=numpy.uint8)  # 0: no filter
    filtered[:, 1:] = rows
    header = struct.pack(">IIBBBBB", width, height, depth, COLOUR_TYPES[channels], 0, 0, 0)
    packed = _pack(filtered.tobytes())
    return b"".join(
        (SIGNATURE, *_chunk(b"IHDR", header), *_chunk(b"IDAT", packed), *_chunk(b"IEND", b""))
    )


def _pack(data: bytes) -> bytes:
    middle = len(data) // 2
    sample = data[middle : middle + SAMPLE]
    packs = len(zlib.compress(sample, 1)) < WORTH_PACKING * len(sample)
    return zlib.compress(data, 1 if packs else 0)


def _chunk(kind: bytes, body: bytes) -> tuple[bytes, bytes, bytes, bytes]:
    checksum = zlib.crc32(body, zlib.crc32(kind))
    return struct.pack(">I", len(body)), kind, body, struct.pack(">I", checksum)


def encode_image(value: Any) -> tuple[bytes, str | None]:
    """The PNG of a picture, and a notice where it is not exactly what was given.

    Raises `TypeError` or `ValueError` for what no PNG holds.
    """
    if is_pil_image(value):
        return _encode_pil(value), None
    array = as_array(value)
    if array is None:
        raise TypeError(f"a value of type '{type_name(value)}' is no image")
    reject_mask(array)
    pixels, notice = _as_pixels(array)
    return encode_pixels(pixels), notice


def _encode_pil(image: Any) -> bytes:
    if image.mode not in PNG_MODES:
        hint = (
            "track.array(name, numpy.asarray(image)) keeps every number"
            if image.mode in NUMBER_MODES
            else "image.convert('RGB') loses what it must"
        )
        raise TypeError(
            f"a PIL image of mode '{image.mode}', which PNG cannot hold exactly; {hint}"
        )
    if 0 in image.size:
        raise ValueError("an image without pixels")
    if image.mode in PLAIN_MODES and not {"transparency", "icc_profile"} & set(image.info):
        import numpy  # slow, but an image that is tracked is read back and drawn with it too

        return encode_pixels(numpy.asarray(image))
    stream = io.BytesIO()
    image.save(stream, "PNG", compress_level=6)
    return stream.getvalue()


def _as_pixels(array: Any) -> tuple[Any, str | None]:
    """An array called an image as one that PNG holds; see `track.image` for the rules."""
    shape = "×".join(map(str, array.shape))
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (2, 3, 4)):
        hint = ""
        if array.ndim == 3 and array.shape[0] in (1, 3, 4):
            hint = "; channels come last: array.transpose(1, 2, 0)"
        raise ValueError(f"an array of shape {shape} is no image{hint}")
    if not array.size:
        raise ValueError("an image without pixels")
    kind = array.dtype.kind
    if array.dtype == "uint8" or (array.dtype == "uint16" and array.ndim == 2):
        return array, None
    if kind == "b":
        return (array if array.ndim == 2 else array.astype("uint8") * 255), None
    if kind in "iu":
        if array.min() < 0 or array.max() > 255:
            raise ValueError(f"an image of type '{array.dtype}' with values outside 0–255")
        return array.astype("uint8"), None
    if kind == "f":
        return _scale_floats(array)
    raise TypeError(f"an array of type '{array.dtype}' is no image")


def _scale_floats(array: Any) -> tuple[Any, str | None]:
    """0–1 as 0–255, rounded; what is outside is clipped, NaN is black."""
    import numpy  # the caller has an array, so this is loaded

    missing = numpy.isnan(array)
    known = numpy.where(missing, 0, array)
    said = []
    if missing.any():
        said.append("NaN pixels are black")
    if known.min() < 0 or known.max() > 1:
        said.append("values outside 0–1 are clipped")
    pixels = numpy.rint(numpy.clip(known, 0, 1).astype("float64") * 255).astype("uint8")
    return pixels, " and ".join(said) or None


def encode_figure(value: Any) -> tuple[bytes, str | None]:
    """The PNG of a matplotlib figure (or of one's axes), drawn by Agg; or of a picture.

    A figure that pyplot knows is closed there, so that figures do not pile up.
    """
    figure: Any = value if is_figure(value) else ask(value, "figure")
    if not is_figure(figure):
        return encode_image(value)
    stream = io.BytesIO()
    figure.savefig(
        stream,
        format="png",
        backend="agg",
        dpi=max(figure.dpi, FIGURE_DPI),
        pil_kwargs={"compress_level": 1},
    )
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close(figure)
    return stream.getvalue(), None
