"""The modules of one tree, each read once, and where the names that they import are defined."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, Literal

import attrs

from expt.discovery.module_source import EMPTY, Imported, Source, may_hold_experiments, read_source
from expt.ground.errors import CollectionError

if TYPE_CHECKING:
    from pathlib import Path

_SOURCE_FOLDERS: Final = ("", "src")  # from where modules are imported, besides a file's own folder


@attrs.frozen
class Hosted:
    """One place, a file or folder, and the name of an experiment or a provider there."""

    place: str
    name: str

    def __str__(self) -> str:
        return f"{self.place}::{self.name}"


class Modules:
    """The sources of a tree by path, relative to the root."""

    def __init__(self, root: Path) -> None:
        self._root = str(root)
        self._with_experiments: dict[str, Source] = {}
        self._whole: dict[str, Source] = {}

    def source(self, path: str) -> Source:
        """What a module shows of experiments; nothing, unparsed, of one that cannot hold any."""
        if path not in self._with_experiments:
            self._with_experiments[path] = self._read(path, whole=False)
        return self._with_experiments[path]

    def whole(self, path: str) -> Source:
        """What any module shows of its imports and providers, too."""
        if path not in self._whole:
            source = self._with_experiments.get(path, EMPTY)
            self._whole[path] = self._read(path, whole=True) if source is EMPTY else source
        return self._whole[path]

    def _read(self, path: str, *, whole: bool) -> Source:
        if whole and not os.path.isfile(f"{self._root}/{path}"):  # the others come from a walk
            return EMPTY
        try:
            with open(f"{self._root}/{path}", "rb", buffering=0) as file:
                content = file.readall()
        except FileNotFoundError:
            return EMPTY
        except OSError as error:
            what = f"this file cannot be read: {error.strerror}"
            return Source(open=True, mistakes=(CollectionError(what, path),))
        return read_source(content, path) if whole or may_hold_experiments(content) else EMPTY

    def resolve(
        self, path: str, parts: tuple[str, ...], holds: Literal["experiments", "providers"]
    ) -> Hosted | None:
        """Where a dotted name of a module is an experiment or a provider, following imports."""
        pending = [(path, parts)]
        seen = set()
        while pending:
            path, parts = step = pending.pop()
            if step in seen or not parts:
                continue
            seen.add(step)
            source = self.whole(path)
            if len(parts) == 1 and parts[0] in getattr(source, holds):
                return Hosted(path, parts[0])
            imported = source.imports.get(parts[0])
            for origin in [imported] if imported else reversed(source.stars):
                target = (*origin.target, *(parts[1:] if imported else parts))
                module = self.origin(path, Imported(origin.level, target))
                if module is not None:
                    pending.append((module, target[-1:]))
        return None

    def origin(self, path: str, imported: Imported) -> str | None:
        """The file of the module that holds what `path` imports; None for a library's."""
        level, module = imported.level, imported.target[:-1]
        own = os.path.dirname(path)
        if not module and not level:
            return None  # `import numpy`: what it holds is no name of a module of the tree
        above = os.path.normpath(os.path.join(own, *[".."] * (level - 1)))
        for start in [above] if level else [own, *_SOURCE_FOLDERS]:
            stem = os.path.normpath(os.path.join(start, *module))
            for candidate in (f"{stem}.py", os.path.join(stem, "__init__.py")):
                if os.path.isfile(os.path.join(self._root, candidate)):
                    return os.path.normpath(candidate).replace(os.sep, "/")
        return None
