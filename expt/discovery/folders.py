"""What the `[expt]` tables of folders say that discovery needs: bases, marks and axes.

A file that is broken is no matter here: planning reports it, and what stands below it stays
unknown. Only where it may host an experiment is it told of at once, since without that experiment
nobody would read it.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Final

from expt.ground.errors import ExptError
from expt.ground.layout import PARAMS_FILE, RESERVED_TABLE
from expt.ground.toml_reading import read_bytes
from expt.ground.value_classes import frozen

if TYPE_CHECKING:
    from pathlib import Path

    from expt.parameters.params_files import ParamsFile


@frozen
class Base:
    """One entry of `extends`: `PATH::experiment_x` as it stands, and where."""

    text: str
    where: str


@frozen
class Folder:
    """The `[expt]` table of one folder. `broken` says that the file cannot be read."""

    extends: tuple[Base, ...] = ()
    use: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()
    sweeps: bool = False
    broken: bool = False
    mistakes: tuple[ExptError, ...] = ()

    @property
    def says_more(self) -> bool:
        """Whether experiments below differ from what their source shows."""
        return bool(self.marks or self.sweeps or self.broken)


_NOTHING: Final = Folder()


class Folders:
    """The `params.toml` files of a tree, each read once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._tables: dict[str, Folder] = {}
        self._files: dict[str, ParamsFile | None] = {}

    def at(self, folder: str) -> Folder:
        """The table of one folder (relative to the root, '' for the root itself)."""
        if folder not in self._tables:
            self._tables[folder] = self._read_table(folder)
        return self._tables[folder]

    def file(self, folder: str) -> ParamsFile | None:
        """The whole file of a folder; None where there is none. Raises `ParameterError`."""
        if folder not in self._files:
            self._files[folder] = self._read_file(self._path(folder))
        return self._files[folder]

    def _read_file(self, path: Path) -> ParamsFile | None:
        if not os.path.lexists(path):
            return None
        from expt.parameters.params_files import (
            read_params_file,  # as slow as listing five hundred files
        )

        return read_params_file(path, self._root)

    def names(self, folder: str) -> frozenset[str]:
        """The names that have a value for everything in a folder; none where that is unknown."""
        with contextlib.suppress(ExptError):
            file = self.file(folder)
            return frozenset(file.values) if file else frozenset()
        return frozenset()

    def _path(self, folder: str) -> Path:
        return self._root / folder / PARAMS_FILE

    def _read_table(self, folder: str) -> Folder:
        try:
            content = read_bytes(self._path(folder))
        except OSError:
            return _NOTHING
        if content is None or RESERVED_TABLE.encode() not in content:  # most have none
            return _NOTHING
        try:
            file = self.file(folder)
        except ExptError as mistake:
            return Folder(broken=True, mistakes=(mistake,) if b"extends" in content else ())
        return _NOTHING if file is None else _table_of(file)


def _table_of(file: ParamsFile) -> Folder:
    table = file.reserved
    where = file.where((RESERVED_TABLE, "extends"))
    return Folder(
        extends=tuple(Base(text, where) for text in table.get("extends", ())),
        use=table.get("use", ()),
        marks=table.get("marks", ()),
        sweeps=not table.keys().isdisjoint(("repeat", "sweep", "zip")),
    )
