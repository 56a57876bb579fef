"""Arrays become frames of one even size."""

from __future__ import annotations

import math
import tracemalloc
from typing import Any

import numpy as np
import pytest

from expt.drawing.frames import Canvas, Palette, enlarged, picture_span, reduced, to_rgb


def pixel(image: Any, **options: Any) -> list[int]:
    frame = to_rgb(np.asarray(image), **options)
    assert frame.dtype == np.uint8
    assert frame.shape[2] == 3
    return [int(value) for value in frame[0, 0]]


def flat(value: Any, channels: int, dtype: Any) -> Any:
    return np.full((2, 2, channels), value, dtype)


@pytest.mark.parametrize(
    ("image", "colour"),
    [
        (np.full((2, 2), 7, np.uint8), [7, 7, 7]),
        (flat(7, 1, np.uint8), [7, 7, 7]),
        (flat([1, 2, 3], 3, np.uint8), [1, 2, 3]),
        (flat([1, 2, 3, 255], 4, np.uint8), [1, 2, 3]),
        (flat([1, 2, 3, 0], 4, np.uint8), [255, 255, 255]),
        (flat([0, 0, 0, 128], 4, np.uint8), [127, 127, 127]),
        (flat([9, 0], 2, np.uint8), [255, 255, 255]),
        (np.array([[True, False]]), [255, 255, 255]),
        (np.array([[65535, 0]], np.uint16), [255, 255, 255]),
        (np.array([[200, 0]], np.uint16), [200, 200, 200]),
        (np.array([[4095, 0]], np.uint16), [255, 255, 255]),
        (np.array([[1023, 0]], np.uint16), [255, 255, 255]),
        (np.array([[0.5, 0.0]]), [128, 128, 128]),
        (np.array([[0.5, 0.5]], np.float16), [128, 128, 128]),
        (np.array([[10.0, -10.0]]), [255, 255, 255]),
        (np.array([[math.inf, 0.5]]), [255, 255, 255]),
        (np.array([[-math.inf, 0.5]]), [0, 0, 0]),
        (np.array([[1e308, -1e308]]), [255, 255, 255]),
        (np.array([[math.nan, 1.0]]), [0x9A, 0xA0, 0xA8]),
        (np.full((2, 2), math.nan), [0x9A, 0xA0, 0xA8]),
    ],
)
def test_pictures_of_every_type_become_red_green_and_blue(image: Any, colour: list[int]) -> None:
    assert pixel(image) == colour


def test_pictures_of_a_series_share_black_and_white() -> None:
    pictures = [np.array([[0, 200]], np.uint16), np.array([[0, 4000]], np.uint16)]

    assert picture_span(pictures) == (0.0, 4095.0)
    assert to_rgb(pictures[0], span=picture_span(pictures))[0, 1].tolist() == [12, 12, 12]


def test_transparent_pixels_show_the_ground() -> None:
    assert pixel(flat([0, 0, 0, 0], 4, np.uint8), ground="#102030") == [16, 32, 48]
    assert pixel(flat([7, 8, 9, 255], 4, np.uint8), ground="#102030") == [7, 8, 9]
    one_of_two = np.array([[[7, 8, 9, 255], [7, 8, 9, 0]]], np.uint8)
    assert to_rgb(one_of_two, ground="#102030").tolist() == [[[7, 8, 9], [16, 32, 48]]]


@pytest.mark.parametrize("shape", [(), (3,), (2, 2, 5), (2, 2, 2, 3), (0, 4), (3, 0, 3)])
def test_what_is_no_picture_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="is no picture"):
        to_rgb(np.zeros(shape, np.uint8))


# Colour maps


def test_a_palette_clips_and_shows_what_is_missing() -> None:
    palette = Palette("gray", "#ff0000", 0.0, 1.0)

    frame = palette.colour(np.array([[-5.0, 0.0, 1.0, 9.0, math.inf, math.nan]]))

    assert frame[0, :5, 0].tolist() == [0, 0, 255, 255, 255]
    assert frame[0, 5].tolist() == [255, 0, 0]


@pytest.mark.parametrize(("low", "high"), [(3.0, 3.0), (-1e308, 1e308), (0.0, 5e-324)])
def test_a_palette_has_a_range_whatever_the_values(low: float, high: float) -> None:
    frame = Palette("viridis", "#000000", low, high).colour(np.array([[low, high]]))

    assert frame.shape == (1, 2, 3)


def test_a_colour_map_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="there is no colour map 'rainbows'"):
        Palette("rainbows", "#000000", 0, 1)


# Sizes


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((256, 256), (256, 256)),
        ((1, 1), (480, 480)),
        ((28, 28), (504, 504)),
        ((101, 77), (506, 386)),
        ((301, 300), (302, 300)),
        ((1, 300), (16, 300)),
        ((300, 1), (300, 16)),
        ((3000, 2000), (1500, 1000)),
        ((4097, 10), (1366, 16)),
    ],
)
def test_a_canvas_is_even_and_neither_tiny_nor_huge(
    shape: tuple[int, int], size: tuple[int, int]
) -> None:
    frame = np.zeros((*shape, 3), np.uint8)

    canvas = Canvas(frame)

    assert (canvas.height, canvas.width) == size
    assert canvas.fit(frame).shape == (*size, 3)
    assert canvas.refitted == 0


def test_every_pixel_of_a_small_picture_becomes_a_square() -> None:
    frame = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)

    fitted = Canvas(frame).fit(frame)

    assert (fitted[::240, ::240] == frame).all()
    assert (fitted[239, 239] == frame[0, 0]).all()


def test_the_row_that_makes_a_side_even_repeats_the_last() -> None:
    frame = np.random.default_rng(0).integers(0, 255, (301, 300, 3), dtype=np.uint8)

    assert (Canvas(frame).fit(frame)[301] == frame[300]).all()


@pytest.mark.parametrize(
    "shape", [(30, 31), (1, 1), (1000, 3), (3, 1000), (641, 480), (5000, 5000)]
)
def test_a_picture_of_another_shape_is_centred_whole(shape: tuple[int, int]) -> None:
    canvas = Canvas(np.zeros((480, 640, 3), np.uint8), ground="#000000")

    fitted = canvas.fit(np.full((*shape, 3), 255, np.uint8))

    rows, columns = np.flatnonzero(fitted.any(axis=(1, 2))), np.flatnonzero(fitted.any(axis=(0, 2)))
    assert canvas.refitted == 1
    assert fitted.shape == (480, 640, 3)
    assert abs(rows[0] - (479 - rows[-1])) <= 1
    assert abs(columns[0] - (639 - columns[-1])) <= 1


def test_reduction_is_the_mean_of_blocks_that_leaves_nan_out() -> None:
    array = np.array([[1.0, 3.0, math.nan], [5.0, math.nan, math.nan]])

    assert reduced(array, 2)[0].tolist() == [
        pytest.approx(3.0),
        pytest.approx(math.nan, nan_ok=True),
    ]


def test_a_wide_array_costs_what_its_pixels_cost() -> None:
    """case: wide-array"""
    wide = np.zeros((2, 400_000))
    wide[1] = 1.0

    tracemalloc.start()
    stretched = reduced(wide, 1000, stretch=True)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert stretched.tolist() == [[0.0] * 1000, [1.0] * 1000]
    assert peak < 8 * wide.nbytes


def test_enlarging_by_one_changes_nothing() -> None:
    frame = np.zeros((2, 2, 3), np.uint8)

    assert enlarged(frame, 1) is frame
