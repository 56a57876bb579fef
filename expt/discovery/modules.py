"""The modules of one tree, each read once, and where the names that they import are defined."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final, Literal

from expt.discovery.module_source import (
    EMPTY,
    NOT_PARSED,
    Imported,
    ModuleSource,
    may_hold_experiments,
    read_source,
)
from expt.discovery.syntax import names_used
from expt.ground.errors import CollectionError
from expt.ground.value_classes import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_MARKING: Final = (("mark",), ("sweep",))
_SOURCE_FOLDERS: Final = ("", "src")  # from where modules are imported, besides a file's own folder


@frozen
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
        self._with_experiments: dict[str, ModuleSource] = {}
        self._whole: dict[str, ModuleSource] = {}
        self._uses: dict[str, Mapping[str, frozenset[tuple[str, ...]]] | None] = {}
        self._may_mark: dict[tuple[str, tuple[str, ...]], bool | None] = {}

    def source(self, path: str) -> ModuleSource:
        """What a module shows of experiments; nothing, unparsed, of one that cannot hold any."""
        if path not in self._with_experiments:
            self._with_experiments[path] = self._read(path, whole=False)
        return self._with_experiments[path]

    def whole(self, path: str) -> ModuleSource:
        """What any module shows of its imports and providers, too."""
        if path not in self._whole:
            source = self._with_experiments.get(path, EMPTY)
            self._whole[path] = self._read(path, whole=True) if source is EMPTY else source
        return self._whole[path]

    def _read(self, path: str, *, whole: bool) -> ModuleSource:
        if whole and not os.path.isfile(f"{self._root}/{path}"):  # the others come from a walk
            return EMPTY
        try:
            with open(f"{self._root}/{path}", "rb", buffering=0) as file:
                content = file.readall()
        except FileNotFoundError:
            return EMPTY
        except OSError as error:
            what = f"this file cannot be read: {error.strerror}"
            return ModuleSource(open=True, mistakes=(CollectionError(what, path),))
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
            for origin in [imported] if imported else source.stars:
                target = (*origin.target, *(parts[1:] if imported else parts))
                module = self.origin(path, Imported(origin.level, target))
                if module is not None:
                    pending.append((module, target[-1:]))  # of several stars, the last counts
        return None

    def may_mark(self, path: str, decorator: tuple[str, ...]) -> bool | None:
        """Whether a decorator in a module may add marks or axes; None for one of a library's."""
        key = path, decorator
        if key not in self._may_mark:
            self._may_mark[key] = self._find_mark(path, decorator)
        return self._may_mark[key]

    def _find_mark(self, path: str, decorator: tuple[str, ...]) -> bool | None:
        answer: bool | None = False
        pending = [(path, decorator)]
        seen = set()
        while pending:
            path, parts = step = pending.pop()
            if step in seen:
                continue
            seen.add(step)
            source, uses = self.whole(path), self._names_used(path)
            if uses is None or not parts:
                return True
            if parts[0] in uses:
                names = uses[parts[0]]
                pending.extend((path, n) for n in names if n and n[0] in {*uses, *source.imports})
                continue
            imported = source.imports.get(parts[0])
            if imported is None and not source.stars:
                return True
            for origin in [imported] if imported else source.stars:
                target = (*origin.target, *(parts[1:] if imported else parts))
                homes = list(self._homes(path, Imported(origin.level, target)))
                pending.extend(homes)
                if target[0] == "expt" and not origin.level:
                    if target[1:2] in _MARKING:
                        return True
                elif not homes and target[0] not in sys.stdlib_module_names:
                    answer = None
        return answer

    def _homes(self, path: str, imported: Imported) -> Iterator[tuple[str, tuple[str, ...]]]:
        """The module of the tree that an imported name leads to, and the rest of the name there."""
        for size in range(len(imported.target), 0, -1):
            module = self.origin(path, Imported(imported.level, imported.target[:size]))
            if module is not None:
                yield module, imported.target[size - 1 :]
                return

    def _names_used(self, path: str) -> Mapping[str, frozenset[tuple[str, ...]]] | None:
        """What each function of a module uses; None where it cannot be read."""
        if path not in self._uses:
            try:
                with open(f"{self._root}/{path}", "rb") as file:
                    self._uses[path] = names_used(file.read())
            except (OSError, *NOT_PARSED):
                self._uses[path] = None
        return self._uses[path]

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
