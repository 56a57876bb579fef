"""Where archives can be made: names of folders, and what is said of a place that takes none."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path
from typing import Final

from expt.ground.errors import ExptError

_LONGEST: Final = 143  # bytes: file systems take 255, encrypted ones as few as this


def folder_name(name: str) -> str:
    """`name`, or what no other name that is too long for a folder becomes."""
    if len(data := name.encode("utf-8", "replace")) <= _LONGEST:
        return name
    digest = f"~{hashlib.sha256(data).hexdigest()[:10]}"
    return data[: _LONGEST - len(digest)].decode("utf-8", "ignore") + digest


def check_writable(runs: Path) -> None:
    """Raise `ExptError` where no archive could be made below `runs`, which is made if missing."""
    try:
        runs.mkdir(parents=True, exist_ok=True)
        if not os.access(runs, os.W_OK | os.X_OK):
            fixed = hasattr(os, "statvfs") and os.statvfs(runs).f_flag & os.ST_RDONLY
            number = errno.EROFS if fixed else errno.EACCES
            raise OSError(number, os.strerror(number))
    except OSError as error:
        raise no_archive(runs, error) from error


def no_archive(place: str | Path, error: OSError) -> ExptError:
    """What the disk refuses, as a mistake that names the first thing that is in the way."""
    place = Path(place)
    ways = [way for way in (place, *place.parents) if os.path.lexists(way)]
    in_way = ways[0] if ways and not ways[0].is_dir() else place
    what = f"no archive can be made: {error.strerror}"
    return ExptError(what, str(in_way), "'--runs DIR' puts the archives elsewhere")
