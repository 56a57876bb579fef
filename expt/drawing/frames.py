"""Arrays to frames: uint8 pictures of red, green and blue, all of one even size.

    image ──► to_rgb ─────────┐
    array ──► coloured ───────┴──► Canvas.fit ──► a frame

The rules of a canvas, which the documentation repeats:
- The first picture decides the size. A later one of another shape is made as large as that has
  room, its sides in proportion, and centred on the ground.
- A picture of less than 256 pixels a side is enlarged by a whole factor, each pixel to a square,
  until its longer side has 480; one with more than 2048 is made smaller by a whole factor.
- Sides are made even by repeating the last row or column; H.264 knows no odd ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import matplotlib as mpl
import numpy as np
from matplotlib.colors import to_rgb as colour_to_rgb
from numpy.typing import NDArray
from PIL import Image

from expt.ground.ranges import widened

if TYPE_CHECKING:
    from collections.abc import Sequence

Frame = NDArray[np.uint8]

NARROW: Final = 256
_ENLARGED: Final = 480
BROAD: Final = 2048
_DEPTHS: Final = (255.0, 1023.0, 4095.0, 16383.0, 65535.0)
_LEAST: Final = 16  # pixels a side; some players show nothing smaller


def to_rgb(
    image: Any,
    ground: str = "#ffffff",
    missing: str = "#9aa0a8",
    span: tuple[float, float] | None = None,
) -> Frame:
    """The frame of a picture: (h, w), (h, w, 1 to 4), of uint8, bool, larger ints or floats.

    Transparent pixels show the colour `ground`; NaN shows the colour `missing`. `span` are the
    values of black and white, by default those of `picture_span`. Raises `ValueError` for what is
    no picture.
    """
    picture = np.asarray(image)
    if picture.ndim == 2:
        picture = picture[:, :, np.newaxis]
    if picture.ndim != 3 or not 1 <= picture.shape[2] <= 4 or not picture.size:
        raise ValueError(f"an array of shape {np.shape(image)} is no picture")
    unknown = None
    if picture.dtype.kind == "f":
        unknown = np.isnan(picture).any(axis=2)
    eight = _to_eight_bits(picture, span)
    channels = eight.shape[2]
    colours = np.repeat(eight[:, :, :1], 3, axis=2) if channels <= 2 else eight[:, :, :3]
    if channels in (2, 4) and eight[:, :, -1].min() < 255:  # figures are seldom transparent
        opacity = eight[:, :, -1:].astype(np.uint16)
        behind = np.array(_bytes_of(ground), np.uint16)
        mixed = colours * opacity + behind * (255 - opacity)
        colours = ((mixed + 127) // 255).astype(np.uint8)
    if unknown is not None and unknown.any():
        colours = colours.copy()
        colours[unknown] = _bytes_of(missing)
    return np.ascontiguousarray(colours)


def _to_eight_bits(picture: NDArray[Any], span: tuple[float, float] | None) -> Frame:
    if picture.dtype == np.uint8 and span is None:
        return picture
    if picture.dtype.kind == "b":
        return picture.astype(np.uint8) * np.uint8(255)
    low, high = span or picture_span([picture])
    return _scaled(picture.astype(np.float64), low, high)


def picture_span(pictures: Sequence[Any]) -> tuple[float, float]:
    """The values of black and of white for all of `pictures`.

    Floats from 0 to 1 are taken as that, and ints by the fewest bits, of 8, 10, 12, 14 and 16,
    that hold them; others go from the lowest to the highest value.
    """
    ranges = [finite_range(np.asarray(picture)) for picture in pictures]
    low, high = min(low for low, _ in ranges), max(high for _, high in ranges)
    if low < 0:
        return low, high
    kinds = {np.asarray(picture).dtype.kind for picture in pictures}
    if kinds <= set("f") and high <= 1:
        return 0.0, 1.0
    if kinds <= set("iu"):
        return 0.0, next((top for top in _DEPTHS if high <= top), high)
    return low, high


def finite_range(values: NDArray[Any]) -> tuple[float, float]:
    """The lowest and the highest finite value; (0, 1) where there is none."""
    finite = values[np.isfinite(values)] if values.dtype.kind in "fc" else values
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)


def _scaled(values: NDArray[Any], low: float, high: float) -> Frame:
    """`values` from `low`..`high` to 0..255; what lies outside is clipped, NaN is 0."""
    if high <= low:
        low, high = widened(low, high, 0.0)
    with np.errstate(over="ignore", invalid="ignore"):  # halves do not overflow
        shares = (values / 2 - low / 2) / (high / 2 - low / 2)
    known = np.nan_to_num(shares, nan=0.0, posinf=1.0, neginf=0.0).clip(0, 1)
    scaled: Frame = np.rint(known * 255).astype(np.uint8)
    return scaled


def _bytes_of(colour: str) -> tuple[int, int, int]:
    red, green, blue = colour_to_rgb(colour)
    return round(red * 255), round(green * 255), round(blue * 255)


class Palette:
    """A colour map with a colour for what is missing, over a range of values.

    With `log` the colours follow the logarithm, and what is not above zero is missing.
    """

    def __init__(
        self, colormap: str, missing: str, low: float, high: float, *, log: bool = False
    ) -> None:
        """Raises `ValueError` for a colour map that matplotlib does not know."""
        if colormap not in mpl.colormaps:
            raise ValueError(f"there is no colour map {colormap!r}")
        self.log = log
        self.low, self.high = (low, high) if high > low else widened(low, high, 0.0)
        table = mpl.colormaps[colormap].resampled(256)(np.arange(256), bytes=True)
        self.table = np.vstack([table[:, :3], [_bytes_of(missing)]]).astype(np.uint8)

    def colour(self, values: NDArray[Any]) -> Frame:
        """The frame of a 2-D array; complex numbers by their magnitude."""
        numbers, low, high = real(values), self.low, self.high
        if self.log:
            numbers = np.log10(np.where(numbers > 0, numbers, np.nan))
            low, high = float(np.log10(low)), float(np.log10(high))
        index = _scaled(numbers, low, high).astype(np.int16)
        index[np.isnan(numbers)] = 256
        coloured: Frame = self.table[index]
        return coloured


def real(values: Any) -> NDArray[np.float64]:
    """Plain floats of an array of numbers: 0 and 1 for bools, the magnitude of complex numbers."""
    array = np.asarray(values)
    if array.dtype.kind == "c":
        array = np.abs(array)
    return array.astype(np.float64, copy=False)


def is_numeric(values: Any) -> bool:
    """Whether an array can be drawn: it holds numbers, at least one."""
    array = np.asarray(values)
    return array.dtype.kind in "biufc" and array.size > 0 and array.ndim > 0


def reduced(array: NDArray[Any], most: int, *, stretch: bool = False) -> NDArray[Any]:
    """A 2-D array of floats or a frame, at most `most` a side: the mean of blocks, NaN aside.

    Blocks are squares; with `stretch` each side has a factor of its own, for a picture whose
    sides have nothing to do with each other. Takes a few times the memory of `array`.
    """
    factor = -(-max(array.shape[:2]) // most)
    if factor <= 1:
        return array
    if array.dtype == np.uint8:
        return np.asarray(Image.fromarray(array).reduce(factor))
    factors = [-(-side // most) if stretch else factor for side in array.shape]
    known = ~np.isnan(array)
    counts = _sum_of_blocks(known.astype(np.int64), factors)
    share = 2.0 ** -np.ceil(np.log2(np.prod(factors)))  # exact, and no sum of shares overflows
    with np.errstate(invalid="ignore"):
        sums = _sum_of_blocks(np.where(known, array, 0.0) * share, factors)
        means = sums / (np.maximum(counts, 1) * share)
    return np.where(counts > 0, means, np.nan)


def _sum_of_blocks(array: NDArray[Any], factors: Sequence[int]) -> NDArray[Any]:
    for axis, factor in enumerate(factors):
        if factor > 1:
            starts = np.arange(0, array.shape[axis], factor)
            array = np.add.reduceat(array, starts, axis=axis)
    return array


def enlarged(frame: Frame, factor: int) -> Frame:
    """Every pixel as a square of `factor` pixels."""
    return frame.repeat(factor, axis=0).repeat(factor, axis=1) if factor > 1 else frame


def sized(frame: Frame, width: int, height: int) -> Frame:
    """The frame within `width` × `height` pixels: enlarged or made smaller by a whole factor."""
    grow = min(height // frame.shape[0], width // frame.shape[1])
    if grow >= 1:
        return enlarged(frame, grow)
    shrink = max(-(-frame.shape[0] // height), -(-frame.shape[1] // width))
    return np.asarray(Image.fromarray(frame).reduce(shrink))


class Canvas:
    """One size for all frames of a video, decided by the first picture."""

    def __init__(self, first: Frame, ground: str = "#ffffff") -> None:
        self.shape = first.shape
        self._ground = _bytes_of(ground)
        longest = max(first.shape[:2])
        self._factor = -(-_ENLARGED // longest) if longest < NARROW else 1
        height, width = enlarged(reduced(first, BROAD), self._factor).shape[:2]
        self.height = max(height + height % 2, _LEAST)
        self.width = max(width + width % 2, _LEAST)
        self.refitted = 0

    def fit(self, frame: Frame) -> Frame:
        """The frame at the size of the canvas; `refitted` counts those of another shape."""
        if frame.shape == self.shape:
            fitting = enlarged(reduced(frame, BROAD), self._factor)
        else:
            self.refitted += 1
            fitting = self._refit(frame)
        down, right = self.height - fitting.shape[0], self.width - fitting.shape[1]
        if not down and not right:
            return fitting
        if down <= 1 and right <= 1:
            return np.pad(fitting, ((0, down), (0, right), (0, 0)), mode="edge")
        canvas = np.full((self.height, self.width, 3), self._ground, np.uint8)
        top, left = down // 2, right // 2
        canvas[top : top + fitting.shape[0], left : left + fitting.shape[1]] = fitting
        return canvas

    def _refit(self, frame: Frame) -> Frame:
        """The frame as large as the canvas has room, its sides in proportion."""
        height, width = frame.shape[:2]
        scale = min(self.height / height, self.width / width)
        size = max(round(width * scale), 1), max(round(height * scale), 1)
        how = Image.Resampling.NEAREST if scale >= 1 else Image.Resampling.BOX
        return np.asarray(Image.fromarray(frame).resize(size, how))
