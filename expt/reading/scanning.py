"""Finds the archives below a root, and tells which of them changed since they were last read.

Nothing is read here: a folder's entries, and of each archive one question about its `run.json` and
one about the labels beside it. Of very many other processes ask for a part.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import time
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from expt.ground.layout import LABELS_FILE, MOMENT_PATTERN, RUN_FILE, SCRATCH_DIR, SMOKE_DIR
from expt.ground.side_by_side import work_side_by_side

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

DOUBT: Final = "!"
"""First letter of a stamp that says nothing about the next time."""

LABELLED: Final = "+"
"""In the stamp of an archive that people added labels to."""

LEADS_OUT: Final = "!!"
"""Begins the stamp of what must not be opened; the reason follows."""

FEWEST: Final = 2_500
"""Archives that are worth a process to look at them."""

_ARCHIVE_NAME: Final = re.compile(rf"{MOMENT_PATTERN}_\w+\Z")
_SETTLING: Final = 2.0  # seconds; a file this fresh may change again within one tick of its stamp
_PORTION: Final = 500  # archives
_CLAIMING: Final = 5.0  # seconds; an archive this young may be about to get its run.json


def roots_beside(root: Path, *, smoke: bool, scratch: bool) -> list[Path]:
    """The roots of their own below `root`, where they are asked for and no links."""
    asked = [SMOKE_DIR] * smoke + [SCRATCH_DIR] * scratch
    return [root / name for name in asked if not (root / name).is_symlink()]


def scan_archives(root: Path) -> dict[str, str]:
    """The stamp of every archive below `root`, by folder; folders are relative to it."""
    found = find_archives(root)
    return found.refused | ask_stamps(root, sorted(found.folders))


class FoundArchives(NamedTuple):
    """The folders of archives, and the stamps of what is not to be asked, by folder."""

    folders: set[str]
    refused: dict[str, str]


def find_archives(root: Path) -> FoundArchives:
    """Every archive below `root`, as a folder relative to it.

    A folder named like an archive is one; any other is one if it holds a `run.json`. Hidden
    folders are left out. Links to folders are not followed: what they lead to inside the root is
    found without them, and one that leads out is told of.
    """
    found = FoundArchives(set(), {})
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
                found.refused[folder] = f"{DOUBT}{error.strerror}"
            continue
        prefix = f"{folder}/" if folder else ""
        own = folder or "."
        found.folders.update([prefix + name if name else own for name in archives])
        for name in links:
            if not _leads_inside(top, root / folder / name):
                found.refused[prefix + name] = (
                    f"{LEADS_OUT}a link that leads out of the archive root"
                )
        waiting.extend(prefix + name for name in folders)
    return found


def _leads_inside(top: str, link: Path) -> bool:
    target = os.path.realpath(link)
    return os.path.commonpath([top, target]) == top


def _look_into(place: Path) -> tuple[list[str], list[str], list[str]]:
    """The archives in a folder, the folders to look into, the links to folders.

    An archive named '' is the folder itself.
    """
    archives: list[str] = []
    others: list[os.DirEntry[str]] = []
    is_archive = _ARCHIVE_NAME.match
    with os.scandir(place) as entries:
        for entry in entries:
            if is_archive(entry.name) and not entry.is_symlink():
                archives.append(entry.name)
            else:
                others.append(entry)
        if any(entry.name == RUN_FILE for entry in others):
            return [""], [], []
        seen = [entry for entry in others if not entry.name.startswith(".")]
        links = [entry.name for entry in seen if entry.is_symlink() and entry.is_dir()]
        folders = [entry.name for entry in seen if entry.is_dir(follow_symlinks=False)]
    return archives, folders, links


def ask_stamps(root: Path, folders: Sequence[str]) -> dict[str, str]:
    """The stamps of archives by folder, less those that are about to be written."""
    portions = [folders[start : start + _PORTION] for start in range(0, len(folders), _PORTION)]
    asked = work_side_by_side(partial(stamps_of, root), portions, fewest=FEWEST // _PORTION)
    return {
        folder: stamp
        for portion, stamps in zip(portions, asked, strict=True)
        for folder, stamp in zip(portion, stamps or stamps_of(root, portion), strict=True)
        if stamp
    }


def stamps_of(root: Path, folders: Sequence[str]) -> list[str]:
    """The stamp of each archive, '' for one that is about to be written, or is gone."""
    try:
        above = os.path.commonpath(map(os.path.dirname, (min(folders), max(folders))))
        names = [folder[len(above) + 1 :] for folder in folders] if above else folders
        with _looking_below(root / above) as below:
            return _stamps_below(below, names, time.time())
    except (FileNotFoundError, NotADirectoryError, ValueError):  # a forged index has any name
        return [""] * len(folders)
    except OSError as error:
        return [f"{DOUBT}{error.strerror}"] * len(folders)


def _stamps_below(below: _Below, archives: Sequence[str], now: float) -> list[str]:
    """Of a usual archive without a call but those to the system."""
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
        stamps.append(_stamp(below, archive, now))
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
    descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield _Below(
            partial(os.stat, dir_fd=descriptor, follow_symlinks=False),
            partial(os.access, mode=os.F_OK, dir_fd=descriptor),
        )
    finally:
        os.close(descriptor)


def _stamp(below: _Below, archive: str, now: float) -> str:
    """What changes when the `run.json` of a folder does, or the labels beside it; '' where it is
    about to be written, or gone."""
    try:
        status = below.stat(f"{archive}/{RUN_FILE}")
    except OSError as error:
        try:
            if now - below.stat(archive).st_mtime < _CLAIMING:
                return ""
        except FileNotFoundError:
            return ""
        except OSError:
            pass
        return f"{DOUBT}{error.strerror}"
    if not stat.S_ISREG(status.st_mode):
        return DOUBT
    fresh = abs(now - status.st_mtime) < _SETTLING
    stamp = f"{status.st_mtime_ns}.{status.st_size}.{status.st_ino}"
    if below.exists(f"{archive}/{LABELS_FILE}"):
        with contextlib.suppress(OSError):
            labels = below.stat(f"{archive}/{LABELS_FILE}")
            fresh = fresh or abs(now - labels.st_mtime) < _SETTLING
            stamp += f"{LABELLED}{labels.st_mtime_ns}.{labels.st_size}.{labels.st_ino}"
    return f"{DOUBT if fresh else ''}{stamp}"
