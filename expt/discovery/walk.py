"""The files below the paths that may hold experiments, without reading any of them."""

from __future__ import annotations

import contextlib
import errno
import fnmatch
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from expt.ground.errors import CollectionError, UsageError, did_you_mean
from expt.ground.layout import CONFTEST_FILE, MOMENT_PATTERN, PARAMS_FILE, RUN_FILE
from expt.ground.toml_reading import read_bytes
from expt.ground.value_classes import define, frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_SKIPPED_FOLDERS: Final = frozenset({"__pycache__", "site-packages", "node_modules"})
_MARKS_OF_SKIPPED: Final = frozenset({RUN_FILE, "pyvenv.cfg"})  # an archive, an environment
_ARCHIVE_NAME: Final = re.compile(rf"{MOMENT_PATTERN}_\w{{10}}")  # also of a torn one
_GONE: Final = frozenset({errno.ENOENT, errno.ENOTDIR})


@frozen
class Walked:
    """Paths relative to the root, in the order of a listing: `*.py`, and each `params.toml`."""

    files: tuple[str, ...]
    mistakes: tuple[CollectionError, ...]


def walk(paths: Sequence[Path], root: Path, ignore: Sequence[str]) -> Walked:
    """Each path in turn, a file or a folder, sorted within; nothing twice.

    Folders that are hidden, ignored, virtual environments, archives or caches are left out; what
    is named in `paths` itself is not. Raises `UsageError` for a path that does not exist.
    """
    files: dict[str, None] = {}
    mistakes: list[CollectionError] = []
    seen: set[tuple[int, int]] = set()
    ignored = _ignored(ignore, str(root))
    for path in paths:
        start = os.path.abspath(path)
        relative = os.path.relpath(start, root).replace(os.sep, "/")
        if os.path.isdir(start):
            prefix = "" if relative == "." else f"{relative}/"
            found = _Walk(ignored, seen, mistakes).below(start, prefix)
            files.update(dict.fromkeys(sorted(found, key=lambda path: path.split("/"))))
        elif not os.path.lexists(start):
            raise _no_such_path(start, relative)
        elif not start.endswith(".py"):
            hint = "give a folder, or a .py file"
            raise UsageError(f"'{relative}' is no Python file", hint=hint)
        elif not os.path.isfile(start):
            mistakes.append(CollectionError("this is no regular file", relative))
        else:
            files[relative] = None
    return Walked(tuple(files), tuple(mistakes))


def walk_sources(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every `*.py`, conftests too, and `params.toml` below a folder, with its content.

    What a walk leaves out is left out, and so is what cannot be read.
    """
    start = os.path.abspath(folder)
    for name in _Walk(None, set(), [], ()).below(start, ""):
        content = None
        with contextlib.suppress(OSError):
            content = read_bytes(Path(start, name))
        if content is not None:
            yield name, content


@define(eq=False)
class _Walk:
    """One walk; `seen` are the folders that this and earlier walks of a session have entered."""

    _ignored: Callable[[str], bool] | None
    _seen: set[tuple[int, int]]
    _mistakes: list[CollectionError]
    _left_out: tuple[str, ...] = (CONFTEST_FILE,)

    def below(self, start: str, prefix: str) -> Iterator[str]:
        """Files below the folder `start`, whose paths begin with `prefix`.

        Links are followed after everything else, so that a folder that can be reached both ways
        has the name that is its own.
        """
        folders = [(start, prefix)]
        links: list[tuple[str, str]] = []
        while folders or links:
            folder, prefix = (folders or links).pop()
            is_start = folder == start
            entries = self._entries(folder, prefix)
            if not is_start and not _MARKS_OF_SKIPPED.isdisjoint(entries):
                continue
            for name, entry in entries.items():
                relative = prefix + name
                if self._ignored is not None and self._ignored(relative):
                    continue
                try:
                    if name.endswith(".py") and entry.is_file():
                        if name not in self._left_out and not name.startswith("."):
                            yield relative
                    elif name == PARAMS_FILE:
                        yield relative
                    elif not _is_skipped(name) and entry.is_dir():
                        target = links if entry.is_symlink() else folders
                        target.append((entry.path, f"{relative}/"))
                except OSError:  # a link that leads to itself
                    continue

    def _entries(self, folder: str, prefix: str) -> dict[str, os.DirEntry[str]]:
        """The entries of a folder by name; none where it was entered before or cannot be read."""
        try:
            status = os.stat(folder)
            identity = (status.st_dev, status.st_ino)
            if identity in self._seen:
                return {}
            self._seen.add(identity)
            with os.scandir(folder) as entries:
                return {entry.name: entry for entry in entries}
        except OSError as error:
            if error.errno not in _GONE:
                name = prefix.rstrip("/") or "."
                hint = f'to leave it out: ignore = ["{name}"] in the configuration'
                what = f"this folder cannot be read: {error.strerror}"
                self._mistakes.append(CollectionError(what, name, hint))
            return {}


def _is_skipped(folder: str) -> bool:
    return (
        folder.startswith(".")
        or folder in _SKIPPED_FOLDERS
        or _ARCHIVE_NAME.fullmatch(folder) is not None
    )


def _ignored(patterns: Sequence[str], root: str) -> Callable[[str], bool] | None:
    """Whether a relative path is one of `patterns`, or matches one that has `*`, `?` or `[`."""
    exact = set()
    globs = []
    for pattern in patterns:
        relative = os.path.relpath(os.path.join(root, pattern), root).replace(os.sep, "/")
        exact.add(relative)
        if any(character in pattern for character in "*?["):
            globs.append(fnmatch.translate(relative))
    if not patterns:
        return None
    matches = re.compile("|".join(globs)).match if globs else None
    return lambda path: path in exact or (matches is not None and matches(path) is not None)


def _no_such_path(path: str, relative: str) -> UsageError:
    """The error for a path that is not there, with the closest names of what is."""
    folder, missing = os.path.split(path)
    while not os.path.isdir(folder):
        folder, missing = os.path.split(folder)
    try:
        names = os.listdir(folder)
    except OSError:
        names = []
    hint = did_you_mean(missing, names)
    if hint is None:
        shown = [
            name
            for name in sorted(names)
            if name.endswith(".py") or os.path.isdir(os.path.join(folder, name))
        ]
        shown = [name for name in shown if not name.startswith((".", "__"))][:8]
        hint = f"there is: {', '.join(shown)}" if shown else ""
        if not missing.endswith(".py"):
            hint = f"{hint}\n'expt new {relative}' writes a first experiment".strip()
    return UsageError(f"there is no '{relative}'", hint=hint)
