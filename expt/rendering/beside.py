"""Renderings are written into a folder beside their place, and renamed into it when they are whole.

Nothing is written through a link that a foreign archive may have: it is replaced by the file.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from typing import TYPE_CHECKING

from expt.ground import layout
from expt.ground.errors import ExptError
from expt.ground.processes import process_is_alive

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextlib.contextmanager
def folder_beside(folder: Path) -> Iterator[Path]:
    """A new folder beside `folder` to write into; those of renderers that are gone are removed.

    Raises `ExptError` where `folder` is a link.
    """
    reject_link(folder)
    remove_left(folder)
    beside = folder.parent / f"{layout.UNFINISHED_PREFIX}{os.getpid()}"
    beside.mkdir()
    try:
        yield beside
    finally:
        _remove(beside)


def remove_left(folder: Path) -> None:
    """Remove what renderers that are gone left of what was to be moved into `folder`."""
    for left in (*_unfinished_in(folder.parent), *_unfinished_in(folder)):
        if not _is_written_to(left):
            _remove(left)


def reject_link(folder: Path) -> None:
    """Raise `ExptError` for a link: what is rendered stays in the archive."""
    if folder.is_symlink():
        raise ExptError(f"'{folder.name}' is a link", str(folder), "remove it, and render again")


def _unfinished_in(place: Path) -> list[Path]:
    try:
        names = os.listdir(place)
    except OSError:
        return []
    return [place / name for name in names if name.startswith(layout.UNFINISHED_PREFIX)]


def _is_written_to(unfinished: Path) -> bool:
    """Whether the process whose id stands in the name is another one that lives."""
    digits = re.match(r"\d+", unfinished.name.removeprefix(layout.UNFINISHED_PREFIX))
    if digits is None or int(digits[0]) in (0, os.getpid()):
        return False
    return process_is_alive(int(digits[0]))


def _remove(place: Path) -> None:
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place, ignore_errors=True)
    else:
        place.unlink(missing_ok=True)


def move_all(source: Path, target: Path) -> None:
    """Rename every file of `source` into `target`, where it replaces what is there."""
    for place in sorted(source.rglob("*")):
        if place.is_file() and not place.is_symlink():
            new = target / place.relative_to(source)
            _make_folders(new.parent, target)
            if new.is_dir() and not new.is_symlink():
                shutil.rmtree(new)
            place.replace(new)


def _make_folders(folder: Path, top: Path) -> None:
    """`top` and the folders from there down to `folder`, each a folder and no link."""
    if folder != top:
        _make_folders(folder.parent, top)
        if folder.is_symlink() or folder.is_file():
            folder.unlink()
    folder.mkdir(exist_ok=True)
