"""Which file an import statement of the user's means, as far as it lies below the root directory.

`loading` imports by this rule and `snapshot` follows it for fingerprints. It only looks at names of
files. For a statement `import helpers` in `experiments/vision/mnist.py`, the first that is there:

    experiments/vision/helpers.py      beside the file, where the folder is no package
    helpers.py   src/helpers.py        in an importable folder: the root directory, its `src/`

Each may as well be a package or an extension module. A folder without `__init__.py` counts only
where the statement leads through it to a file, so that a folder of data hides no library.
"""

from __future__ import annotations

import ast
import os
import re
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from typing import TYPE_CHECKING, Final

from expt.ground.layout import OUTSIDE_DIR
from expt.ground.value_classes import frozen

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping, Sequence

INIT: Final = "__init__.py"
_SUFFIXES: Final = (*EXTENSION_SUFFIXES, ".py")
_NO_NAME: Final = re.compile(r"\W")


@frozen
class ModuleImport:
    """One module that an `import` or `from` statement names, and the names it takes from it."""

    module: str
    names: tuple[str, ...] = ()
    level: int = 0


def read_imports(module: ast.Module) -> Iterator[tuple[ast.Import | ast.ImportFrom, ModuleImport]]:
    """Every import of a module, those inside functions included, in no particular order."""
    pending: list[ast.AST] = [module]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Import):
            for name in [alias.name for alias in node.names]:
                yield node, ModuleImport(name)
        elif isinstance(node, ast.ImportFrom):
            names = tuple(alias.name for alias in node.names)
            yield node, ModuleImport(node.module or "", names, node.level)
        else:
            for field in ("body", "orelse", "finalbody", "handlers", "cases"):
                children = getattr(node, field, None)
                if type(children) is list:
                    pending.extend(children)


class ImportTree:
    """The files below one root directory, as module names. Paths are absolute texts."""

    def __init__(self, root: str) -> None:
        self.root = root
        self._listings: dict[str, tuple[int, dict[str, str]]] = {}
        self._like_files: set[str] = set()  # folders whose names end like a module's
        below = (os.path.join(root, name) for name in ("src", OUTSIDE_DIR))
        # the importable folders, strongest first; an archive's `code/` has `_outside/`
        self.bases = (root, *(f for f in below if os.path.isdir(f) and not self.is_package(f)))

    def entries(self, folder: str) -> Mapping[str, str]:
        """Name → path of everything in a folder that a module can be.

        Characters that no module name can have are `_` in the name. Of two that would have one
        name, a package comes before a file and a file before a plain folder, what is spelled
        like the name before what is not; the others are numbered from `_2`.
        """
        try:
            stamp = os.stat(folder).st_mtime_ns
            known = self._listings.get(folder)
            if known is None or known[0] != stamp:
                known = self._listings[folder] = (stamp, self._name_entries(folder))
        except OSError:
            return {}
        return known[1]

    def enter(self, path: str) -> str:
        """The file that importing `path` runs: a package's `__init__.py`; a plain folder itself."""
        if not self.is_file(path) and self.is_package(path):
            return os.path.join(path, INIT)
        return path

    def find(self, parts: Sequence[str], base: str) -> str | None:
        """The file or folder that the dotted name `parts` is, from the folder `base`."""
        path: str | None = base
        for part in parts:
            if path is None or self.is_file(path):
                return None
            path = self.entries(path).get(part)
        return path

    def look_up(self, asking: str, said: ModuleImport, *, beside: bool) -> str | None:
        """What the first name of an absolute import is, below the root; None for what is not there.

        `asking` is the file with the statement; with `beside`, its own folder comes first. A file
        never means itself, and only one beside it can be meant by a name of the standard library.
        """
        parts = said.module.split(".")
        folders = [os.path.dirname(asking)] if beside else []
        if parts[0] not in sys.stdlib_module_names:
            folders += self.bases
        for folder in folders:
            entry = self._look_into(folder, asking, parts, said.names)
            if entry is not None:
                return entry
        return None

    def files_of(self, asking: str, said: ModuleImport, *, beside: bool) -> list[str]:
        """The files below the root that run for an import, as far as the statement tells.

        Where nothing else is found, a file beside the one that asks counts too.
        """
        parts = said.module.split(".") if said.module else []
        folder = os.path.dirname(asking)
        for _ in range(said.level - 1):
            folder = os.path.dirname(folder)
        if not said.level:
            entry = self.look_up(asking, said, beside=beside)
            if entry is None and parts[0] not in sys.stdlib_module_names:
                entry = self.look_up(asking, said, beside=True)
            if entry is None:
                return []
            folder = os.path.dirname(entry)
        return self._files_on_the_way(parts, said.names, folder)

    def _look_into(
        self, base: str, asking: str, parts: Sequence[str], names: Sequence[str]
    ) -> str | None:
        entry = self.entries(base).get(parts[0])
        if entry is None or self.enter(entry) == asking:
            return None
        leads = self.is_file(self.enter(entry)) or self._leads_to_file(parts, names, base)
        return entry if leads else None

    def _leads_to_file(self, parts: Sequence[str], names: Sequence[str], base: str) -> bool:
        """Whether a name that begins with a plain folder arrives at something to import."""
        path = base
        for part in parts:
            found = self.entries(path).get(part)
            if found is None:
                return False
            path = found
            if self.is_file(self.enter(path)):
                return True
        inside = self.entries(path)
        return any(name in inside for name in names)

    def _files_on_the_way(
        self, parts: Sequence[str], names: Sequence[str], folder: str
    ) -> list[str]:
        """The files that run for `import parts` or `from parts import names`, from `folder` on."""
        path: str | None = folder
        reached = []
        for part in parts:
            path = self.entries(path).get(part) if path else None
            reached.append(path)
        inside = self.entries(path) if path else {}
        reached += [inside.get(name) for name in names]
        files = [self.enter(entry) for entry in reached if entry]
        return [file for file in files if self.is_file(file)]

    def packages_above(self, path: str) -> list[str]:
        """The `__init__.py` of each package that a file or folder lies in, the nearest first."""
        found = []
        folder = os.path.dirname(path)
        while folder != self.root and folder.startswith(os.path.join(self.root, "")):
            if self.is_package(folder):
                found.append(os.path.join(folder, INIT))
            folder = os.path.dirname(folder)
        return found

    def is_home(self, file: str, homes: Container[str]) -> bool:
        """Whether the folder of `file` comes first for it: one of `homes`, and no package."""
        folder = os.path.dirname(file)
        return folder in homes and not self.is_package(folder)

    def is_package(self, folder: str) -> bool:
        """Whether a folder has an `__init__.py`."""
        return "__init__" in self.entries(folder)

    def is_file(self, path: str) -> bool:
        """Whether a path that was given here is a file."""
        return path.endswith(_SUFFIXES) and path not in self._like_files

    def name_in(self, folder: str, path: str) -> str:
        """The name of what lies directly in a folder."""
        names = (name for name, entry in self.entries(folder).items() if entry == path)
        return next(names, _module_stem(os.path.basename(path)))

    def _name_entries(self, folder: str) -> dict[str, str]:
        found = []
        with os.scandir(folder) as entries:
            for entry in entries:
                name = entry.name
                if name.endswith(_SUFFIXES) and entry.is_file():
                    rank, stem = 1, _module_stem(name)
                elif name.startswith(".") or name == "__pycache__" or not entry.is_dir():
                    continue
                else:
                    rank = 0 if os.path.exists(os.path.join(entry.path, INIT)) else 2
                    stem = _NO_NAME.sub("_", name)
                    if name.endswith(_SUFFIXES):
                        self._like_files.add(entry.path)
                found.append((not name.startswith(stem), rank, name, stem, entry.path))
        named: dict[str, str] = {}
        for _, _, _, stem, path in sorted(found):
            unique, number = stem, 1
            while unique in named:
                number += 1
                unique = f"{stem}_{number}"
            named[unique] = path
        return named


def _module_stem(name: str) -> str:
    """The name of a file as a part of a module's name."""
    suffix = next((suffix for suffix in _SUFFIXES if name.endswith(suffix)), "")
    return _NO_NAME.sub("_", name.removesuffix(suffix))
