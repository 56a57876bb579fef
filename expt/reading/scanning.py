"""Finds the archives below a root, and tells which of them changed since they were last read.

Nothing is read here: a folder's entries and one `stat` of each `run.json` and of the labels beside
it, so that ten thousand
archives are looked over in the time that one of them takes to run.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import time
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from expt.ground.layout import LABELS_FILE, RUN_FILE, SCRATCH_DIR, SMOKE_DIR

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

DOUBT: Final = "!"
"""First letter of a stamp that says nothing about the next time."""

LABELLED: Final = "+"
"""In the stamp of an archive that people added labels to."""

REFUSED: Final = "!!"
"""Begins the stamp of what must not be opened; the reason follows."""

_ARCHIVE_NAME: Final = re.compile(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d_\w+\Z")
_SETTLING: Final = 2.0  # seconds; a file this fresh may change again within one tick of its stamp
_CLAIMING: Final = 5.0  # seconds; an archive this young may be about to get its run.json


def roots_beside(root: Path, *, smoke: bool, scratch: bool) -> list[Path]:
    """The roots of their own below `root`, where they are asked for and no links."""
    asked = [SMOKE_DIR] * smoke + [SCRATCH_DIR] * scratch
    return [root / name for name in asked if not (root / name).is_symlink()]


def scan_archives(root: Path) -> Iterator[tuple[str, str]]:
    """`(folder, stamp)` of every archive below `root`; folders are relative to it.

    A folder named like an archive is one; any other is one if it holds a `run.json`. Hidden
    folders are left out. Links to folders are not followed: what they lead to inside the root is
    found without them, and one that leads out is told of.
    """
    seen: set[tuple[int, int]] = set()
    waiting = [""]
    top = os.path.realpath(root)
    while waiting:
        folder = waiting.pop()
        try:
            status = os.stat(root / folder)
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            archives, folders, links = _look_into(root / folder)
        except OSError as error:
            if folder:
                yield folder, f"{DOUBT}{error.strerror}"
            continue
        prefix = f"{folder}/" if folder else ""
        for name, stamp in archives:
            yield (prefix + name if name else folder or "."), stamp
        for name in links:
            if not _leads_inside(top, root / folder / name):
                yield prefix + name, f"{REFUSED}a link that leads out of the archive root"
        waiting.extend(prefix + name for name in folders)


def _leads_inside(top: str, link: Path) -> bool:
    target = os.path.realpath(link)
    return os.path.commonpath([top, target]) == top


def _look_into(place: Path) -> tuple[list[tuple[str, str]], list[str], list[str]]:
    """The archives in a folder with their stamps, the folders to look into, the links to folders.

    An archive named '' is the folder itself.
    """
    archives: list[tuple[str, str]] = []
    folders: list[str] = []
    links: list[str] = []
    now = time.time()
    with _looking_below(place) as below, os.scandir(place) as entries:
        for entry in entries:
            name = entry.name
            if entry.is_symlink() and name != RUN_FILE:
                if not name.startswith(".") and entry.is_dir():
                    links.append(name)
            elif _ARCHIVE_NAME.match(name):
                stamp = _stamp(below, f"{name}/", now)
                if stamp is not None:
                    archives.append((name, stamp))
            elif name == RUN_FILE:
                return [("", _stamp(below, "", now) or DOUBT)], [], []
            elif not name.startswith(".") and entry.is_dir(follow_symlinks=False):
                folders.append(name)
    return archives, folders, links


class _Below(NamedTuple):
    """Questions about names below one folder; a name that does not exist is no exception."""

    stat: Callable[[str], os.stat_result]
    exists: Callable[[str], bool]


@contextlib.contextmanager
def _looking_below(place: Path) -> Iterator[_Below]:
    """`lstat` below a folder, and what exists; through its descriptor it takes half the time."""
    if not {os.stat, os.access} <= os.supports_dir_fd:
        yield _Below(lambda name: os.lstat(place / name), lambda name: (place / name).exists())
        return
    descriptor = os.open(place, os.O_RDONLY)
    try:
        yield _Below(
            partial(os.stat, dir_fd=descriptor, follow_symlinks=False),
            partial(os.access, mode=os.F_OK, dir_fd=descriptor),
        )
    finally:
        os.close(descriptor)


def _stamp(below: _Below, archive: str, now: float) -> str | None:
    """What changes when the `run.json` of a folder does, or the labels beside it; None where it
    is about to be written. `archive` is '' or ends with a slash."""
    try:
        status = below.stat(archive + RUN_FILE)
    except OSError as error:
        with contextlib.suppress(OSError):
            if now - below.stat(archive.rstrip("/")).st_mtime < _CLAIMING:
                return None
        return f"{DOUBT}{error.strerror}"
    if not stat.S_ISREG(status.st_mode):
        return DOUBT
    fresh = abs(now - status.st_mtime) < _SETTLING
    stamp = f"{status.st_mtime_ns}.{status.st_size}.{status.st_ino}"
    if below.exists(archive + LABELS_FILE):
        with contextlib.suppress(OSError):
            labels = below.stat(archive + LABELS_FILE)
            fresh = fresh or abs(now - labels.st_mtime) < _SETTLING
            stamp += f"{LABELLED}{labels.st_mtime_ns}.{labels.st_size}.{labels.st_ino}"
    return f"{DOUBT if fresh else ''}{stamp}"
