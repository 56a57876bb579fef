"""Opens files of an archive, which may come from anybody: nothing outside, nothing that blocks."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final

from expt.ground.errors import DamagedArchive

if TYPE_CHECKING:
    from collections.abc import Iterator

_FLAGS: Final = (
    os.O_RDONLY
    | getattr(os, "O_NONBLOCK", 0)  # a FIFO would block
    | getattr(os, "O_NOFOLLOW", 0)  # a link may lead anywhere
    | getattr(os, "O_BINARY", 0)
)


def read_regular(file: str | Path) -> bytes:
    """The bytes of a regular file; raises `OSError` for everything else, a link among it."""
    descriptor = os.open(file, _FLAGS)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(0, "not a regular file", str(file))
        parts = []
        while part := os.read(descriptor, max(status.st_size, 1 << 12)):
            parts.append(part)
        return b"".join(parts)
    finally:
        os.close(descriptor)


def path_inside(archive: Path, name: str) -> Path | None:
    """The path of a file of the archive, None where `name` leads out of it or to no file."""
    try:
        place = Path(os.path.realpath(archive / name, strict=True))
        inside = place.is_relative_to(os.path.realpath(archive))
        return archive / name if inside and place.is_file() else None
    except (OSError, ValueError):
        return None


def read_inside(archive: Path, name: str) -> bytes | None:
    """The bytes of a file of the archive, None where it has no such file.

    Raises `DamagedArchive` for a file that cannot be read.
    """
    place = path_inside(archive, name)
    if place is None:
        return None
    try:
        return read_regular(os.path.realpath(place))
    except OSError as error:
        raise DamagedArchive(f"{name} cannot be read: {error.strerror}", str(archive)) from None


def list_inside(archive: Path, folder: str) -> Iterator[str]:
    """Regular files below a folder of the archive, relative to it, sorted; links are left out."""
    top = archive / folder
    found = []
    for place, folders, files in os.walk(top):
        folders[:] = [name for name in folders if not Path(place, name).is_symlink()]
        for name in files:
            path = Path(place, name)
            if path.is_file() and not path.is_symlink():
                found.append(path.relative_to(top).as_posix())
    yield from sorted(found)
