"""Files of other tools, which may be anybody's: read inside their folder, within bounds.

No link is followed, nothing but a regular file is opened, and no file is taken whole that is
larger than it may be.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from expt.ground.errors import DamagedArchive, ReadingError, UsageError
from expt.ground.files import list_inside, read_inside

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from expt.exchange.foreign import ForeignRun

LARGEST_TEXT: Final = 1 << 28  # bytes of a file that is parsed
LARGEST_PICTURE: Final = 1 << 28
MOST_FILES: Final = 100_000  # of one run
LARGEST_RUN: Final = 1 << 36  # bytes of all files of one run


def reject_no_folder(path: Path) -> None:
    """Raise `UsageError` where there is no folder."""
    if not path.is_dir():
        raise UsageError(f"there is no folder '{path}'", str(path))


def read_holders(
    path: Path, name: str, read: Callable[[Path], ForeignRun]
) -> Iterator[ForeignRun | ReadingError]:
    """What `read` makes of each folder at and below `path` that has a file `name`
    (`.hydra/config.yaml`), sorted; in place of one that cannot be read, the error.

    Below such a folder no other is looked for. Raises `UsageError` where there is none.
    """
    reject_no_folder(path)
    found = False
    pending = [path]
    while pending:
        folder = pending.pop()
        if os.path.isfile(folder / name) and not os.path.islink(folder / name):
            found = True
            try:
                yield read(folder)
            except ReadingError as error:
                yield error
            continue
        pending += sorted(_folders_in(folder), reverse=True)
    if not found:
        raise UsageError(f"no folder there has a file '{name}'", str(path))


def _folders_in(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []


def read_bytes(folder: Path, name: str, largest: int = LARGEST_TEXT) -> bytes:
    """The content of the file `name` below `folder`, empty where there is none.

    Raises `DamagedArchive` for what cannot be read.
    """
    return read_inside(folder, name, largest) or b""


def read_json(folder: Path, name: str) -> dict[str, Any]:
    """The table of a file of JSON, with the NaN and Infinity that Python writes; empty where there
    is none.

    Raises `DamagedArchive` for what is no JSON, or has something else than a table on top.
    """
    content = read_bytes(folder, name)
    return parse_json(content, name, folder) if content.strip() else {}


def parse_json(content: bytes, name: str, folder: Path) -> dict[str, Any]:
    """As `read_json`, of a text that is there."""
    try:
        value = json.loads(content)
    except (ValueError, RecursionError) as error:
        told = "it is nested too deep" if isinstance(error, RecursionError) else error
        raise DamagedArchive(f"{name} is not JSON: {told}", str(folder)) from None
    if not isinstance(value, dict):
        raise DamagedArchive(f"{name} has no dict on top", str(folder))
    return value


def list_bounded(folder: Path) -> list[str]:
    """The regular files below a folder. Raises `DamagedArchive` for more than a run can have."""
    names, size = [], 0
    for name in list_inside(folder):
        names.append(name)
        size += os.lstat(folder / name).st_size
        if len(names) > MOST_FILES or size > LARGEST_RUN:
            raise DamagedArchive("it has more files than a run can have", str(folder))
    return names
