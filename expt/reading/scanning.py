"""Finds the archives below a root, and tells which of them changed since they were last read.

Nothing is read here: a folder's entries, and of each archive one question about its `run.json` and
one about the labels beside it. Of very many a second process asks for half.
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
from expt.ground.processes import beside, is_single

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

DOUBT: Final = "!"
"""First letter of a stamp that says nothing about the next time."""

LABELLED: Final = "+"
"""In the stamp of an archive that people added labels to."""

REFUSED: Final = "!!"
"""Begins the stamp of what must not be opened; the reason follows."""

_ARCHIVE_NAME: Final = re.compile(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d_\w+\Z")
_SETTLING: Final = 2.0  # seconds; a file this fresh may change again within one tick of its stamp
_MANY: Final = 2_500  # archives that are worth the fork of a second process
_CLAIMING: Final = 5.0  # seconds; an archive this young may be about to get its run.json


def roots_beside(root: Path, *, smoke: bool, scratch: bool) -> list[Path]:
    """The roots of their own below `root`, where they are asked for and no links."""
    asked = [SMOKE_DIR] * smoke + [SCRATCH_DIR] * scratch
    return [root / name for name in asked if not (root / name).is_symlink()]


def scan_archives(root: Path) -> dict[str, str]:
    """The stamp of every archive below `root`, by folder; folders are relative to it.

    A folder named like an archive is one; any other is one if it holds a `run.json`. Hidden
    folders are left out. Links to folders are not followed: what they lead to inside the root is
    found without them, and one that leads out is told of.
    """
    found: dict[str, str] = {}
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
                found[folder] = f"{DOUBT}{error.strerror}"
            continue
        prefix = f"{folder}/" if folder else ""
        for name, stamp in archives:
            found[prefix + name if name else folder or "."] = stamp
        for name in links:
            if not _leads_inside(top, root / folder / name):
                found[prefix + name] = f"{REFUSED}a link that leads out of the archive root"
        waiting.extend(prefix + name for name in folders)
    return found


def _leads_inside(top: str, link: Path) -> bool:
    target = os.path.realpath(link)
    return os.path.commonpath([top, target]) == top


def _look_into(place: Path) -> tuple[list[tuple[str, str]], list[str], list[str]]:
    """The archives in a folder with their stamps, the folders to look into, the links to folders.

    An archive named '' is the folder itself.
    """
    archives: list[str] = []
    folders: list[str] = []
    links: list[str] = []
    is_archive = _ARCHIVE_NAME.match
    with _looking_below(place) as below, os.scandir(place) as entries:
        for entry in entries:
            name = entry.name
            if entry.is_symlink() and name != RUN_FILE:
                if not name.startswith(".") and entry.is_dir():
                    links.append(name)
            elif is_archive(name):
                archives.append(name)
            elif name == RUN_FILE:
                return [("", _stamp(below, "", time.time()) or DOUBT)], [], []
            elif not name.startswith(".") and entry.is_dir(follow_symlinks=False):
                folders.append(name)
        stamps = _stamps(below, archives)
    stamped = [(name, stamp) for name, stamp in zip(archives, stamps, strict=True) if stamp]
    return stamped, folders, links


def _stamps(below: _Below, archives: Sequence[str]) -> list[str]:
    """The stamp of each archive in a folder, '' for one that is about to be written."""
    now = time.time()
    begun = len(archives) // 2
    if begun < _MANY or not is_single():
        return _stamps_of(below, archives, now)
    with beside(lambda: _told(_stamps_of(below, archives[begun:], now))) as answer:
        stamps = _stamps_of(below, archives[:begun], now)
        others = _heard(answer())
    if len(others) != len(archives) - begun:
        others = _stamps_of(below, archives[begun:], now)
    return stamps + others


def _told(stamps: Sequence[str]) -> bytes:
    return "\n".join(stamps).encode("utf-8", "surrogateescape")


def _heard(stamps: bytes) -> list[str]:
    return stamps.decode("utf-8", "surrogateescape").split("\n")


def _stamps_of(below: _Below, archives: Sequence[str], now: float) -> list[str]:
    """As `_stamps`; of a usual archive without a call but those to the system."""
    ask, exists, is_regular = below.stat, below.exists, stat.S_ISREG
    run_file, labels_file, settled = f"/{RUN_FILE}", f"/{LABELS_FILE}", now - _SETTLING
    stamps = []
    for archive in archives:
        if not exists(archive + labels_file):
            try:
                status = ask(archive + run_file)
                if status.st_mtime < settled and is_regular(status.st_mode):
                    stamps.append(f"{status.st_mtime_ns}.{status.st_size}.{status.st_ino}")
                    continue
            except OSError:
                pass
        stamps.append(_stamp(below, f"{archive}/", now) or "")
    return stamps


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
