"""What `archive.save` makes of a value, and how it comes back: the bytes, told by the suffix.

    value                    suffixes that it takes       without one
    bytes                    any                          none
    str                      any                          .txt
    numpy array, tensor      .npy .npz .csv .txt .png     .npy
    dict of arrays           .npz                         .json
    dict, list, number …     .json .toml .csv             .json
    matplotlib Figure        .png .svg .pdf …             .png
    PIL image                .png .jpg …                  .png

Libraries are recognised by what is loaded already: a value of theirs cannot come from elsewhere.
"""

from __future__ import annotations

import csv
import io
import sys
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from expt.archive.array_files import (
    PICTURE_FORMATS,
    read_npy,
    read_npz,
    read_picture,
    write_npy,
    write_npz,
)
from expt.archive.artifact_names import NUMBERED
from expt.ground.encoding import Unstorable, dumps, loads
from expt.ground.errors import told_as_damage
from expt.ground.files import open_regular, read_whole
from expt.ground.layout import ARTIFACTS_DIR
from expt.ground.ndarrays import is_masked

if TYPE_CHECKING:
    from pathlib import Path

_FIGURES: Final = (".png", ".svg", ".pdf", ".ps", ".eps", ".jpg", ".jpeg", ".tif", ".tiff", ".webp")
_ARRAYS: Final = (".npy", ".npz", ".csv", ".txt", ".png")
_PLAIN: Final = (".json", ".toml", ".csv")
_TEXTS: Final = (".txt", ".md", ".csv", ".tsv", ".log", ".html", ".svg", ".yaml", ".yml", ".xml")

LARGEST_ARTIFACT: Final = 1 << 34  # bytes that `load` takes into memory; `open` takes any


def encode_value(name: str, value: Any) -> tuple[str, bytes]:
    """The name with its suffix, and the content of the file.

    Raises `TypeError`, which names the artifact and the type, for a value that has no file format,
    and `ValueError` for one that does not fit the format that the suffix asks for.
    """
    if isinstance(value, (bytes, bytearray, memoryview)):
        return name, bytes(value)
    if isinstance(value, str):
        return _with_suffix(name, None, ".txt"), value.encode("utf-8", "surrogatepass")
    if _is_instance(value, "matplotlib.figure", "Figure"):
        name = _with_suffix(name, _FIGURES, ".png")
        return name, _save_picture(value.savefig, name, "jpg", "jpg")
    if _is_instance(value, "PIL.Image", "Image"):
        name = _with_suffix(name, tuple(PICTURE_FORMATS), ".png")
        return name, _save_picture(value.save, name, "jpg", "jpeg")
    array = as_array(value)
    if array is not None:
        return _encode_array(name, array)
    return _encode_plain(name, value)


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
            return read_npy(file)
        if suffix == ".npz":
            return read_npz(file)
        if suffix in PICTURE_FORMATS:
            return read_picture(file, suffix)
        content = read_whole(file, LARGEST_ARTIFACT)
        if suffix == ".json":
            return loads(content)
        if suffix == ".toml":
            return tomllib.loads(content.decode())
        return content.decode("utf-8", "surrogatepass") if suffix in _TEXTS else content


def as_array(value: Any) -> Any | None:
    """`value` as a numpy array where it is one or a framework's; None for everything else."""
    numpy = sys.modules.get("numpy")
    if numpy is None or isinstance(value, (numpy.generic, type)):
        return None
    if isinstance(value, numpy.ndarray):
        return value
    if hasattr(value, "__array__"):
        for step in ("detach", "cpu"):  # a torch tensor may be on a graph and on a device
            if hasattr(value, step):
                value = getattr(value, step)()
        return numpy.asarray(value)
    return None


def _is_instance(value: Any, module: str, name: str) -> bool:
    cls = getattr(sys.modules.get(module), name, None)
    return cls is not None and isinstance(value, cls)


def _with_suffix(name: str, known: Sequence[str] | None, default: str) -> str:
    """`name` as it is where its suffix says a format, else with the default suffix."""
    suffix = _suffix(name)
    is_said = bool(suffix) if known is None else suffix in known
    return name if is_said else name + default


def _suffix(name: str) -> str:
    return PurePosixPath(name.rpartition("/")[2]).suffix.lower()


def _save_picture(save: Callable[..., Any], name: str, written: str, meant: str) -> bytes:
    stream = io.BytesIO()
    save(stream, format=_suffix(name)[1:].replace(written, meant))
    return stream.getvalue()


def _encode_array(name: str, array: Any) -> tuple[str, bytes]:
    import numpy

    name = _with_suffix(name, _ARRAYS, ".npy")
    suffix = _suffix(name)
    if array.dtype.hasobject:
        raise TypeError(f"the artifact '{name}' is an array of objects, which would need a pickle")
    if is_masked(array):
        raise TypeError(f"the artifact '{name}' is a masked array, whose mask would be lost")
    stream = io.BytesIO()
    if suffix == ".npy":
        write_npy(stream, array)
    elif suffix == ".npz":
        numpy.savez(stream, array)
    elif suffix == ".png":
        stream.write(_array_to_png(name, array))
    else:
        if array.ndim > 2:
            raise ValueError(f"the artifact '{name}' has {array.ndim} dimensions, a table has 2")
        rows = array.reshape(array.shape[0] if array.ndim else 1, -1).tolist()
        return name, _rows_to_csv(rows, "," if suffix == ".csv" else " ")
    return name, stream.getvalue()


def _array_to_png(name: str, array: Any) -> bytes:
    from PIL import Image

    is_picture = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))
    if array.dtype != "uint8" or not is_picture:
        raise ValueError(
            f"the artifact '{name}' is {array.dtype} of shape {array.shape}; "
            "a PNG takes uint8 of shape (H, W), (H, W, 3) or (H, W, 4)"
        )
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, format="png")
    return stream.getvalue()


def _encode_plain(name: str, value: Any) -> tuple[str, bytes]:
    if _suffix(name) == ".npz" and isinstance(value, Mapping):
        return name, _arrays_to_npz(name, value)
    name = _with_suffix(name, _PLAIN, ".json")
    suffix = _suffix(name)
    try:
        if suffix == ".json":
            return name, (dumps(value, indent=1, where=f"the artifact '{name}'") + "\n").encode()
        if suffix == ".csv":
            return name, _rows_to_csv(_rows_of(name, value), ",")
        return name, _mapping_to_toml(name, value)
    except Unstorable as error:
        raise TypeError(
            f"{error}; save its bytes, or write the file with archive.open('{name}')"
        ) from None


def _arrays_to_npz(name: str, arrays: Mapping[Any, Any]) -> bytes:
    stream = io.BytesIO()
    write_npz(stream, arrays, f"the artifact '{name}'")
    return stream.getvalue()


def _rows_of(name: str, value: Any) -> list[list[Any]]:
    """A table from a dict of columns, a list of dicts or a list of rows."""
    if isinstance(value, Mapping):
        columns = [list(column) for column in value.values()]
        if len({len(column) for column in columns}) > 1:
            raise ValueError(f"the columns of the artifact '{name}' differ in length")
        return [list(value), *map(list, zip(*columns, strict=True))]
    if not isinstance(value, Iterable):
        kind = type(value).__name__
        raise TypeError(f"the artifact '{name}' is of type '{kind}', which is no table")
    rows = list(value)
    if rows and all(isinstance(row, Mapping) for row in rows):
        header = list(dict.fromkeys(key for row in rows for key in row))
        return [header, *([row.get(key, "") for key in header] for row in rows)]
    return [
        list(row) if isinstance(row, Iterable) and not isinstance(row, str) else [row]
        for row in rows
    ]


def _rows_to_csv(rows: list[list[Any]], delimiter: str) -> bytes:
    stream = io.StringIO(newline="")
    csv.writer(stream, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return stream.getvalue().encode("utf-8", "surrogatepass")


def _mapping_to_toml(name: str, value: Any) -> bytes:
    if not isinstance(value, Mapping):
        raise TypeError(
            f"the artifact '{name}' is of type '{type(value).__name__}', TOML is a dict"
        )
    import tomli_w  # slow for what most runs never do

    return tomli_w.dumps(value).encode()


def storable_result(
    name: str, value: Any, save_artifact: Callable[[str, Any], Any]
) -> tuple[Any, str | None]:
    """What `results` keeps of a value that was returned at the end, and what a person should know.

    Nothing is refused. What JSON holds is itself; an array, a picture or bytes is saved as the
    artifact `results/NAME` and becomes its path; of any other object the `repr` is kept.
    """
    notes: list[str] = []
    stored = _make_storable(value, f"results/{name}", save_artifact, notes, 0)
    if not notes:
        return stored, None
    return stored, f"the result '{name}' was not a plain value: {'; '.join(dict.fromkeys(notes))}"


def _make_storable(
    value: Any, name: str, save: Callable[[str, Any], Any], notes: list[str], depth: int
) -> Any:
    if _is_storable(value):
        return value
    if depth < _DEEPEST and type(value) in (dict, list, tuple):
        if isinstance(value, dict):
            return {
                _storable_key(key): _make_storable(item, f"{name}/{key}", save, notes, depth + 1)
                for key, item in value.items()
            }
        return [
            _make_storable(item, f"{name}/{index}", save, notes, depth + 1)
            for index, item in enumerate(value)
        ]
    number = _one_number(value)
    if number is not None:
        return number
    return _artifact_or_repr(value, name, save, notes)


def _is_storable(value: Any) -> bool:
    try:
        dumps(value)
    except (TypeError, ValueError, RecursionError):
        return False
    return True


def _storable_key(key: Any) -> Any:
    return key if _is_storable(key) else _repr(key)


def _one_number(value: Any) -> float | int | bool | None:
    """The number of a framework's scalar, such as a tensor of no dimensions."""
    if getattr(value, "shape", None) not in ((), (1,)) or not hasattr(value, "item"):
        return None
    if is_masked(value):
        return None
    try:
        number = value.item()
    except Exception:  # the user's object
        return None
    return number if type(number) in (int, float, bool) else None


def _artifact_or_repr(
    value: Any, name: str, save: Callable[[str, Any], Any], notes: list[str]
) -> Any:
    kind = type(value).__name__
    try:
        is_file = (
            isinstance(value, (bytes, bytearray, memoryview))
            or _is_instance(value, "matplotlib.figure", "Figure")
            or _is_instance(value, "PIL.Image", "Image")
            or as_array(value) is not None
        )
        if is_file:
            path = save(name, value)
            notes.append(f"the {kind} is the artifact '{path.name}'")
            steps = 1 if path.name.startswith(NUMBERED) else name.count("/") + 1
            return PurePosixPath(ARTIFACTS_DIR, *path.parts[-steps:])
    except Exception as error:  # the user's object, or a full disk: the rest must be kept
        notes.append(f"the {kind} could not be saved ({type(error).__name__}: {error})")
    notes.append(f"of the {kind} only the repr is kept")
    return _repr(value)


def _repr(value: Any) -> str:
    try:
        text = repr(value)
    except Exception as error:  # the user's object
        return f"<{type(value).__name__} whose repr raises {type(error).__name__}>"
    return text if len(text) <= _LONGEST_REPR else text[:_LONGEST_REPR] + "…"


_LONGEST_REPR: Final = 10_000
_DEEPEST: Final = 20
