"""The files of tracked pictures and arrays: `series/0003-weights/000007.png`, `.npy`.

The folder has the number of the series and as much of its name as any file system takes; the file
counts the entries.
"""

from __future__ import annotations

import re
import stat
from typing import TYPE_CHECKING, Any, Final

from expt.archive.array_files import read_exact_png, read_npy
from expt.ground.errors import told_as_damage
from expt.ground.files import open_inside, read_whole

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

FILE_KINDS: Final = frozenset({"image", "figure", "array"})
_LARGEST_PICTURE: Final = 1 << 31  # bytes


def entry_folder(number: int, name: str) -> str:
    """The folder of a series' files: up to 40 characters of its name, in the end no dot."""
    slug = re.sub(r"[^A-Za-z0-9_.-]", "_", name[:40]).rstrip(".")
    return f"{number:04d}-{slug}"


def entry_file(folder: str, count: int, suffix: str) -> str:
    """The path of an entry's file below `series/`."""
    return f"{folder}/{count:06d}.{suffix}"


def find_entry_file(folder: Path, text: Any) -> Path | None:
    """The file of an entry, or None where `text` leads out of `folder` or to no regular file.

    An archive may have been made by anybody: neither `..` nor a link may lead a reader elsewhere.
    """
    if not isinstance(text, str) or not text or "\0" in text or "\\" in text:
        return None
    parts = text.split("/")
    if len(parts) != 2 or any(part in ("", ".", "..") or ":" in part for part in parts):
        return None
    path = folder / parts[0] / parts[1]
    try:
        whole = stat.S_ISDIR(path.parent.lstat().st_mode) and stat.S_ISREG(path.lstat().st_mode)
    except (OSError, ValueError):
        return None
    return path if whole else None


def read_entry_file(path: Path) -> np.ndarray[Any, Any]:
    """The array of an entry's `.npy` or `.png`; no pickle.

    Raises `DamagedArchive` for what is neither.
    """
    place = f"{path.parent.name}/{path.name}"
    with (
        told_as_damage(f"{place} cannot be read", str(path.parents[2])),
        open_inside(path.parents[1], place) as file,
    ):
        if path.suffix == ".npy":
            return read_npy(file)
        return read_exact_png(read_whole(file, _LARGEST_PICTURE))
