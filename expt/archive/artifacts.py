"""What `archive.save` makes of a value, and how it comes back: the bytes, told by the suffix.

    value                    suffixes that it takes                    without one
    bytes                    any                                       none
    str                      any                                       .txt
    numpy array, tensor      .npy .npz .csv .txt .json, pictures       .npy
    masked array             .npz                                      .npz
    frame or series          .csv .parquet .npz .json                  .csv
    dict of arrays           .npz                                      .json
    dict, list, number …     .json .toml .csv                          .json
    matplotlib Figure        .png .svg .pdf …                          .png
    PIL image                .png .jpg .gif …                          .png, .tif

The name is what was asked for: a suffix that a value cannot have is refused. Libraries are
recognised by what is loaded already: a value of theirs cannot come from elsewhere.
"""

from __future__ import annotations

import functools
import io
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from expt.archive import array_files
from expt.archive.table_files import array_rows, mapping_to_toml, rows_of, rows_to_csv
from expt.ground import dataframes
from expt.ground.encoding import Unstorable, dumps, loads
from expt.ground.errors import told_as_damage
from expt.ground.files import open_regular, read_whole
from expt.ground.ndarrays import as_array, is_masked, storable_array
from expt.ground.objects import ask, is_of, type_name
from expt.ground.value_classes import evolve, frozen

if TYPE_CHECKING:
    from pathlib import Path

LARGEST_ARTIFACT: Final = 1 << 34  # bytes that `load` takes into memory; `open` takes any

Write = Callable[[Any], bytes]
"""Makes the content of a file. Raises `TypeError` or `ValueError`, without the artifact's name."""

_STATED: Final = re.compile(r"[^/](\.(?!v\d+\Z)[A-Za-z][A-Za-z0-9]{0,15})\Z")
_NUMBER_MODES: Final = ("I", "F")  # of PIL: numbers, which pictures cut to 8 or 16 bits
_MOVING: Final = (".gif", ".tif", ".tiff", ".webp", ".png")


@frozen
class Form:
    """What a value is, and how it is written by suffix; the first is that of a name without."""

    what: str
    writers: Mapping[str, Write]

    @property
    def natural(self) -> str:
        return next(iter(self.writers))


def encode_value(name: str, value: Any) -> tuple[str, bytes]:
    """The name with its suffix, and the content of the file.

    Raises `TypeError`, which names the artifact and the type, for a value that has no file format
    or not the one that the suffix asks for, and `ValueError` for one that does not fit into it.
    """
    stated = stated_suffix(name)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return name, bytes(value)
    if isinstance(value, str):
        return name if stated else f"{name}.txt", value.encode("utf-8", "surrogatepass")
    form = find_form(value)
    suffix = stated or form.natural
    if suffix not in form.writers:
        raise TypeError(
            f"the artifact '{name}' is {form.what}, which is kept as {_listed(form.writers)}; "
            f"{_other_ways(name)}"
        )
    try:
        return name if stated else name + suffix, form.writers[suffix](value)
    except (TypeError, ValueError) as error:
        hint = f"; {_other_ways(name)}" if isinstance(error, Unstorable) else ""
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"the artifact '{name}': {error}{hint}") from None


def _other_ways(name: str) -> str:
    return f"save its bytes, or write the file with archive.open('{name}')"


def stated_suffix(name: str) -> str | None:
    """The suffix by which a name says a format; `acc=0.5` and `x.v2` say none."""
    found = _STATED.search(name)
    return found[1].lower() if found else None


def _listed(suffixes: Mapping[str, Any]) -> str:
    *others, last = suffixes
    return f"{', '.join(others)} or {last}" if others else last


def decode_artifact(path: Path, name: str) -> Any:
    """The content of the artifact `name`, by its suffix; bytes where that says nothing.

    Nothing is unpickled. Raises `DamagedArchive` for content that does not fit the suffix.
    """
    suffix = path.suffix.lower()
    with (
        told_as_damage(f"the artifact '{name}' cannot be read", str(path)),
        open_regular(path) as file,
    ):
        if suffix == ".npy":
            return array_files.read_npy(file)
        if suffix == ".npz":
            return array_files.read_npz(file)
        if suffix in array_files.PICTURE_FORMATS:
            return array_files.read_picture(file, suffix)
        content = read_whole(file, LARGEST_ARTIFACT)
        if suffix == ".json":
            return loads(content)
        if suffix == ".toml":
            return tomllib.loads(content.decode())
        return content.decode("utf-8", "surrogatepass") if suffix in _TEXTS else content


def natural_suffix(value: Any) -> str | None:
    """The suffix of the file that a value is by nature; None for one that plain data can hold."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return ""
    form = find_form(value)
    return None if form.writers.get(".toml") else form.natural


def find_form(value: Any) -> Form:
    """What `value` is. Raises `TypeError` where the library of an array refuses to give it."""
    if isinstance(value, Mapping):
        return _MAPPING
    if is_of(value, "matplotlib.figure", "Figure"):
        return _FIGURE
    if is_of(value, "PIL.Image", "Image"):
        exact = value.mode in _EXACT_MODES
        return _IMAGE if exact else _NUMBERS if value.mode in _NUMBER_MODES else _PRINT
    if dataframes.is_tabular(value):
        return _FRAME
    array = as_array(value)
    if array is None:
        return evolve(_PLAIN, what=f"of type '{type_name(value)}'")
    return _MASKED if is_masked(array) else _ARRAY


# Pictures


def _write_figure(suffix: str, figure: Any) -> bytes:
    stream = io.BytesIO()
    figure.savefig(stream, format=suffix[1:])
    return stream.getvalue()


def _write_image(suffix: str, image: Any) -> bytes:
    stream = io.BytesIO()
    moves = suffix in _MOVING and ask(image, "n_frames", 1) > 1
    try:
        image.save(
            stream, array_files.PICTURE_FORMATS[suffix], **({"save_all": True} if moves else {})
        )
    except (OSError, KeyError) as error:  # of PIL, for a mode that the format does not have
        raise ValueError(f"an image of mode '{image.mode}': {error}") from None
    return stream.getvalue()


def _write_pixels(suffix: str, value: Any) -> bytes:
    from PIL import Image  # slow: only for whoever saves pixels

    array = stored_array(value)
    is_picture = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))
    if array.dtype != "uint8" or not is_picture:
        raise ValueError(
            f"an array of {array.dtype} of shape {array.shape}; "
            "a picture takes uint8 of shape (H, W), (H, W, 3) or (H, W, 4)"
        )
    return _write_image(suffix, Image.fromarray(array))


def _by_suffix(write: Callable[[str, Any], bytes], suffixes: Iterable[str]) -> dict[str, Write]:
    return {suffix: functools.partial(write, suffix) for suffix in suffixes}


# Arrays


def stored_array(value: Any) -> Any:
    """Anything that numpy makes an array of, as `.npy` holds it. Raises `TypeError`."""
    import numpy  # whoever saves arrays needs it anyway

    array = as_array(value)
    return storable_array(numpy.asanyarray(value) if array is None else array)[0]


def _write_npy(value: Any) -> bytes:
    stream = io.BytesIO()
    array_files.write_npy(stream, stored_array(value))
    return stream.getvalue()


def _write_masked(value: Any) -> bytes:
    import numpy  # the caller has an array

    return _write_npz({"data": value.data, "mask": numpy.ma.getmaskarray(value)})


def _write_npz(arrays: Mapping[Any, Any]) -> bytes:
    stored = {}
    for key, value in arrays.items():
        try:
            stored[key] = stored_array(value)
        except TypeError as error:
            raise TypeError(f"'{key}' is {error}") from None
    stream = io.BytesIO()
    array_files.write_npz(stream, stored)
    return stream.getvalue()


def _write_array_json(value: Any) -> bytes:
    array = stored_array(value)
    if array.dtype.names is not None:
        return _write_json({key: array[key].tolist() for key in array.dtype.names})
    if array.dtype.kind not in "biufU":
        raise TypeError(f"an array of {array.dtype}, which JSON does not hold")
    return _write_json(array.tolist())


def _write_json(value: Any) -> bytes:
    return (dumps(value, indent=1) + "\n").encode()


_TEXTS: Final = (".txt", ".md", ".csv", ".tsv", ".log", ".html", ".svg", ".yaml", ".yml", ".xml")
_EXACT_MODES: Final = frozenset({"1", "L", "LA", "P", "RGB", "RGBA", "I;16", "I;16L", "I;16B"})
_FIGURES: Final = (".png", ".svg", ".pdf", ".ps", ".eps", ".jpg", ".jpeg", ".tif", ".tiff", ".webp")
_FIGURE: Final = Form("a figure", _by_suffix(_write_figure, _FIGURES))
_IMAGE: Final = Form("a picture", _by_suffix(_write_image, array_files.PICTURE_FORMATS))
_NUMBERS: Final = Form("a picture of numbers", _by_suffix(_write_image, (".tif", ".tiff")))
_PRINT: Final = Form("a picture", {**_NUMBERS.writers, **_IMAGE.writers})  # CMYK and its kind
_ARRAY: Final = Form(
    "an array",
    {
        ".npy": _write_npy,
        ".npz": lambda array: _write_npz({"arr_0": array}),
        ".csv": lambda array: rows_to_csv(array_rows(stored_array(array)), ","),
        ".txt": lambda array: rows_to_csv(array_rows(stored_array(array)), " "),
        ".json": _write_array_json,
        **_by_suffix(_write_pixels, array_files.PICTURE_FORMATS),
    },
)
_MASKED: Final = Form("a masked array", {".npz": _write_masked})
_FRAME: Final = Form(
    "a data frame",
    {
        ".csv": lambda frame: dataframes.frame_to_csv(frame).encode("utf-8", "surrogatepass"),
        ".parquet": dataframes.frame_to_parquet,
        ".npz": lambda frame: _write_npz(dataframes.frame_arrays(frame)),
        ".json": lambda frame: _write_json(dataframes.frame_columns(frame)),
    },
)
_PLAIN: Final = Form(
    "a plain value",
    {
        ".json": _write_json,
        ".toml": mapping_to_toml,
        ".csv": lambda value: rows_to_csv(rows_of(value), ","),
    },
)
_MAPPING: Final = Form("a dict", {**_PLAIN.writers, ".npz": _write_npz})
