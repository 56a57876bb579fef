"""Pictures, figures and arrays: exact in the file when the call returns, made small later."""

from __future__ import annotations

import contextlib
import json

import imageio.v3
import matplotlib.figure
import numpy as np
import pytest
from PIL import Image

from expt.archive.entry_files import find_entry_file
from expt.reading.series.tracked import SeriesMap
from expt.tracking.recorder import open_recorder

RANDOM = np.random.default_rng(7)


def noise(*shape, dtype=np.uint8):
    return RANDOM.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


@contextlib.contextmanager
def refused(error, text):
    with pytest.raises(error) as caught:
        yield
    assert str(caught.value) == text


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "series"


@pytest.fixture
def recorder(folder):
    recorder = open_recorder(folder, label="7fk2")
    yield recorder
    recorder.close()


@pytest.fixture
def track(recorder):
    return recorder.track


@pytest.fixture
def read(folder):
    return lambda: SeriesMap(folder)


PICTURES = [
    noise(5, 7),
    noise(5, 7, 3),
    noise(5, 7, 4),
    noise(1, 1),
    noise(1, 9, 3),
    noise(101, 77, 3),
    np.zeros((64, 64), np.uint8),
    np.asfortranarray(noise(6, 4)),
    noise(12, 14, 3)[::2, ::-2],
    noise(8, 8, 8)[..., :3],
]


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: "x".join(map(str, picture.shape)))
def test_a_picture_is_exact(track, read, picture):
    track("image", picture)
    series = read()["image"]
    assert series.kind == "image"
    assert np.array_equal(series.last, picture)
    assert series.last.dtype == np.uint8
    with Image.open(series.files[0]) as opened:
        opened.verify()


def test_a_series_may_change_its_shape(track, read):
    shapes = [(4, 4), (3, 5, 3), (2, 2, 4), (9, 1)]
    for shape in shapes:
        track("image", noise(*shape))
    assert [value.shape for value in read()["image"].values] == shapes


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        (noise(3, 5, 1), lambda given: given[:, :, 0]),
        (noise(3, 5, 2), None),
        (noise(3, 5, dtype=np.uint16), None),
        (np.array([[True, False, True]] * 9), None),
        (np.array([[[True, False, True]]]), lambda given: given * np.uint8(255)),
        (np.array([[0, 255, 7]]), None),
        (np.array([[0.0, 1.0, 0.5, 0.25]]), lambda given: np.array([[0, 255, 128, 64]])),
        (np.array([[0.0, 1.0]], np.float16), lambda given: np.array([[0, 255]])),
    ],
    ids=["hxwx1", "grey+alpha", "uint16", "bool", "bool-rgb", "int", "float", "float16"],
)
def test_what_is_called_an_image_is_stored_as_one(track, recorder, read, given, stored):
    track.image("image", given)
    expected = given if stored is None else stored(given)
    assert np.array_equal(read()["image"].last, expected)
    assert recorder.notices == ()


def test_floats_outside_0_to_1_are_clipped_and_nan_is_black_with_a_notice(track, recorder, read):
    for _ in range(2):
        track.image("a", np.array([[-1.0, 2.0, np.nan, 0.5]]))
        track.image("b", np.array([[0.25, np.inf]]))
    assert read()["a"].last.tolist() == [[0, 255, 0, 128]]
    assert read()["b"].last.tolist() == [[64, 255]]
    assert recorder.notices == (
        "'a': NaN pixels are black and values outside 0–1 are clipped",
        "'b': values outside 0–1 are clipped",
    )


CMYK = (
    "a PIL image of mode 'CMYK', which PNG cannot hold exactly; "
    "image.convert('RGB') loses what it must"
)


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (np.zeros((0, 3)), ValueError, "an image without pixels"),
        (np.zeros(3, np.uint8), ValueError, "an array of shape 3 is no image"),
        (np.zeros((2, 2, 5), np.uint8), ValueError, "an array of shape 2×2×5 is no image"),
        (
            np.zeros((3, 8, 9), np.uint8),
            ValueError,
            "an array of shape 3×8×9 is no image; channels come last: array.transpose(1, 2, 0)",
        ),
        (np.array([[256]]), ValueError, "an image of type 'int64' with values outside 0–255"),
        (np.array([[-1]]), ValueError, "an image of type 'int64' with values outside 0–255"),
        (np.array([["a"]]), TypeError, "an array of type '<U1' is no image"),
        (np.array([[1j]]), TypeError, "an array of type 'complex128' is no image"),
        ("text", TypeError, "a value of type 'str' is no image"),
        ([[1, 2]], TypeError, "a value of type 'list' is no image"),
        (
            Image.new("CMYK", (2, 2)),
            TypeError,
            CMYK,
        ),
        (Image.new("L", (0, 2)), ValueError, "an image without pixels"),
        (
            np.ma.masked_array(np.zeros((2, 2), np.uint8), mask=True),  # sibling: npz-drops-mask
            TypeError,
            "a masked array, whose mask would be lost; array.filled(…) has none, and "
            "archive.save('NAME.npz', array) keeps both",
        ),
    ],
    ids=lambda part: type(part).__name__ if not isinstance(part, str) else part[:20],
)
def test_what_is_no_image_is_refused(track, read, value, error, text):
    with refused(error, f"'image' was not tracked: {text}"):
        track.image("image", value)
    track("image", noise(2, 2))
    assert len(read()["image"]) == 1


def palette_image(**options):
    image = Image.fromarray(noise(6, 6)).convert("P")
    image.putpalette(noise(768).tolist())
    image.info.update(options)
    return image


@pytest.mark.parametrize(
    "image",
    [
        Image.fromarray(noise(5, 9) > 127),
        Image.fromarray(noise(5, 9)),
        Image.fromarray(noise(5, 9, 2), "LA"),
        Image.fromarray(noise(5, 9, 3)),
        Image.fromarray(noise(5, 9, 4)),
        Image.fromarray(noise(5, 9, dtype=np.uint16)),
        palette_image(),
        palette_image(transparency=3),
    ],
    ids=lambda image: image.mode,
)
@pytest.mark.filterwarnings("ignore:'mode' parameter is deprecated")
def test_a_pil_image_keeps_mode_and_pixels(track, read, image):
    track("image", image)
    series = read()["image"]
    with Image.open(series.files[0]) as stored:
        assert stored.mode == image.mode
        assert stored.tobytes() == image.tobytes()
        assert stored.getpalette() == image.getpalette()
        assert stored.info.get("transparency") == image.info.get("transparency")
    assert series.kind == "image"
    assert series.last.shape[:2] == (image.height, image.width)


def test_a_palette_reads_as_colours(track, read):
    image = palette_image()
    track("image", image)
    assert np.array_equal(read()["image"].last, np.asarray(image.convert("RGB")))


# Arrays


ARRAYS = [
    np.arange(6.0).reshape(2, 3),
    np.zeros((0, 3)),
    np.zeros((2, 0), np.uint8),
    np.arange(4).astype(np.int8),
    np.arange(8.0).reshape(2, 2, 2)[:, ::-1, 1],
    np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    np.array([1 + 2j, np.nan]),
    np.array(["a", "bcd"]),
    np.array([b"a", b"bcd"]),
    np.array(["2026-01-01", "NaT"], "M8[D]"),
    np.array([(1, 2.5), (3, 4.5)], [("n", "i4"), ("größe", "f8")]),
    np.array([1, 2], ">i4"),
    np.array([0.5], np.longdouble).repeat(2),
    np.array([[True, False]]),
]


@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: f"{array.dtype}-{array.shape}")
def test_an_array_is_kept_whole(track, read, array):
    track("array", array)
    stored = read()["array"].last
    assert read()["array"].kind == "array"
    assert stored.dtype == array.dtype
    assert stored.shape == array.shape
    assert stored.tobytes() == array.tobytes()


def test_what_is_called_an_array_is_stored_as_one(track, read):
    track.array("number", 3.5)
    track.array("list", [[1, 2], [3, 4]])
    track.array("picture", noise(4, 4))
    assert [series.kind for series in read().values()] == ["array"] * 3
    assert read()["number"].last.shape == ()
    assert read()["list"].last.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.array([None, 1]), "an array of objects, which only pickle could store"),
        ([object()], "an array of objects, which only pickle could store"),
        (np.array([(1, None)], [("a", int), ("b", object)]), None),
        (
            np.ma.array([1.0, 2.0], mask=[True, False]),
            "a masked array, whose mask would be lost; array.filled(…) has none, and "
            "archive.save('NAME.npz', array) keeps both",
        ),
    ],
    ids=["objects", "list", "structured", "masked"],
)
def test_an_array_that_needs_pickle_or_a_mask_is_refused(track, value, text):
    text = text or "an array of objects, which only pickle could store"
    with refused(TypeError, f"'array' was not tracked: {text}"):
        track.array("array", value)


class Tensor:
    """A tensor with a gradient: it gives an array once it is detached."""

    def __init__(self, array, detached=False):
        self.array, self.detached, self.shape = array, detached, array.shape

    def detach(self):
        return Tensor(self.array, detached=True)

    def item(self):
        return self.array.item()

    def __array__(self, dtype=None, copy=None):
        if not self.detached:
            raise RuntimeError("call detach() first")
        return self.array


def test_another_librarys_array_is_taken_through_its_protocol(track, read):
    track("weights", Tensor(np.arange(3.0)))
    track("picture", Tensor(noise(3, 3)))
    track("loss", Tensor(np.array(0.5)))
    track.image("float", Tensor(np.ones((2, 2))))
    assert [series.kind for series in read().values()] == ["array", "image", "scalar", "image"]
    assert read()["weights"].last.tolist() == [0.0, 1.0, 2.0]


class Refusing:
    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("it is on another machine")


def test_an_array_that_its_library_refuses_to_give_is_refused(track):
    name = f"{Refusing.__module__}.Refusing"
    text = f"'x' was not tracked: a '{name}' that gives no array: it is on another machine"
    with refused(TypeError, text):
        track("x", Refusing())


# Figures


def draw_figure(**options):
    figure = matplotlib.figure.Figure(figsize=(2, 1), **options)
    figure.subplots().plot([1, 2, 3])
    return figure


def test_a_figure_is_stored_as_a_picture(track, read):
    figure = draw_figure()
    track("curve", figure)
    track.figure("curve", figure.axes[0])
    series = read()["curve"]
    assert series.kind == "figure"
    assert [value.shape for value in series.values] == [(150, 300, 4)] * 2
    assert np.array_equal(series.values[0], series.values[1])


def test_a_figure_that_asks_for_more_dots_gets_them(track, read):
    track("curve", draw_figure(dpi=200))
    assert read()["curve"].last.shape == (200, 400, 4)


def test_a_figure_of_pyplot_is_closed(track, read):
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    for _ in range(25):
        figure, axes = plt.subplots(figsize=(1, 1))
        axes.axis("off")
        track("curve", figure)
        assert plt.get_fignums() == []
    assert len(read()["curve"]) == 25


def test_a_figure_that_cannot_be_a_figure_is_refused(track, read):
    with refused(TypeError, "'curve' was not tracked: a value of type 'int' is no image"):
        track.figure("curve", 3)
    track("loss", 1.0)
    figure = draw_figure()
    text = "'loss' was not tracked: the series is of kind 'scalar', and this value of 'figure'"
    with refused(TypeError, text):
        track("loss", figure)


def test_a_picture_may_stand_for_a_figure(track, read):
    track.figure("plotly", noise(3, 3, 3))
    assert read()["plotly"].kind == "figure"


# The files


def test_an_entry_names_its_file(track, folder):
    track("wei/ghts", noise(2, 2), step=40)
    track("wei/ghts", noise(2, 2))
    lines = [json.loads(line) for line in (folder / "entries.jsonl").read_text().splitlines()]
    assert [(line["id"], line["step"], line["file"]) for line in lines] == [
        (1, 40, "0001-wei_ghts/000000.png"),
        (1, 1, "0001-wei_ghts/000001.png"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "../outside/x.png",
        "0001-a/../../outside/x.png",
        "/etc/hostname",
        "0001-a",
        "0001-a/",
        "0001-a//000000.png",
        "0001-a/./000000.png",
        "0001-a/link.png",
        "link/x.png",
        "0001-a/folder",
        "0001-a/missing.png",
        "0001-a\\000000.png",
        "0001-a/000000.png\0",
        "C:/x.png",
        "",
        None,
        3,
        ["0001-a/000000.png"],
    ],
    ids=repr,
)
def test_a_path_never_leads_out_of_the_folder(tmp_path, text):
    series, outside = tmp_path / "series", tmp_path / "outside"
    for folder in (series / "0001-a" / "folder", outside):
        folder.mkdir(parents=True)
    (outside / "x.png").write_bytes(b"secret")
    (series / "0001-a" / "000000.png").write_bytes(b"")
    (series / "0001-a" / "link.png").symlink_to(outside / "x.png")
    (series / "link").symlink_to(outside)
    assert find_entry_file(series, "0001-a/000000.png") == series / "0001-a" / "000000.png"
    assert find_entry_file(series, text) is None


# Making them small


def smooth(channels):
    """Packs well, but only once it is filtered."""
    rows, columns = np.mgrid[:64, :64]
    layers = [(rows * (layer + 2) + columns * columns) % 256 for layer in range(channels)]
    return np.stack(layers, axis=-1).astype(np.uint8)


def test_pictures_that_pack_well_are_packed_at_once(track, read):
    track("image", np.zeros((256, 256, 3), np.uint8))
    assert read()["image"].files[0].stat().st_size < 2000


def test_any_reader_of_png_reads_them(track, read):
    for picture in (noise(9, 9), noise(9, 9, 4), smooth(4)):
        track.image("image", picture)
    for path, picture in zip(read()["image"].files, read()["image"].values, strict=True):
        assert np.array_equal(imageio.v3.imread(path), picture)
