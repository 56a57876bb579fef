"""What was imported, with its bytes, and which file it was imported for."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from expt.ground.layout import OUTSIDE_DIR
from expt.ground.value_classes import field, frozen

if TYPE_CHECKING:
    from collections.abc import Container, Iterable
    from types import FrameType

    from expt.ground.imports import ImportTree, ModuleImport


@frozen
class LoadedSource:
    """The bytes that a module was made from. `path` is relative to the root, or `_outside/…`."""

    path: str
    module: str
    content: bytes = field(repr=False)


class Sources:
    """The files imported so far, by the absolute paths that their code objects name."""

    def __init__(self, tree: ImportTree) -> None:
        self._tree = tree
        self._loaded: dict[str, LoadedSource] = {}
        self._imports: dict[str, tuple[ModuleImport, ...]] = {}  # what a file's source imports
        self._asked: dict[str, set[str]] = {}  # a file -> what it was the first to import
        self._reached: dict[frozenset[str], dict[str, LoadedSource]] = {}  # until the next import

    def all(self) -> dict[str, LoadedSource]:
        """By their paths in the archive."""
        return {source.path: source for source in list(self._loaded.values())}

    def add(self, file: str, source: LoadedSource) -> None:
        """Keep the bytes of a file that is about to be imported."""
        self._loaded[file] = source
        self._reached.clear()

    def add_imports(self, file: str, imports: tuple[ModuleImport, ...]) -> None:
        """Keep the import statements of a file."""
        self._imports[file] = imports
        self._reached.clear()

    def note_asking(self, file: str) -> None:
        """Note which of the files an import of `file` is for: the innermost that is running."""
        frame: FrameType | None = sys._getframe(1)
        while frame is not None:
            asking = frame.f_code.co_filename
            if asking in self._loaded:
                self._asked.setdefault(asking, set()).add(file)
                return
            frame = frame.f_back

    def reached_from(self, files: Iterable[str], homes: Container[str]) -> dict[str, LoadedSource]:
        """What was imported of `files` and for them, however indirectly."""
        wanted = frozenset(files)
        if wanted not in self._reached:
            self._reached[wanted] = self._reach(wanted, homes)
        return self._reached[wanted]

    def _reach(self, files: Iterable[str], homes: Container[str]) -> dict[str, LoadedSource]:
        pending = list(files)
        found: dict[str, LoadedSource] = {}
        while pending:
            file = pending.pop()
            source = self._loaded.get(file)
            if source is None or source.path in found:
                continue
            found[source.path] = source
            pending += self._asked.get(file, ())
            pending += self._tree.packages_above(file)
            is_home = self._tree.is_home(file, homes)
            for said in self._imports.get(file, ()):
                pending += self._tree.files_of(file, said, beside=is_home)
                if not said.level:
                    pending += self._outside(said.module.partition(".")[0])
        return found

    def _outside(self, top: str) -> list[str]:
        """The imported files of an editable install."""
        starts = (f"{OUTSIDE_DIR}/{top}/", f"{OUTSIDE_DIR}/{top}.py")
        loaded = list(self._loaded.items())
        return [file for file, source in loaded if source.path.startswith(starts)]
