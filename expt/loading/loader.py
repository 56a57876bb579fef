"""Names files, finds them for the import system, and keeps what was imported."""

from __future__ import annotations

import contextlib
import importlib
import linecache
import os
import re
import sys
from functools import cache, partial
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import decode_source, spec_from_file_location
from typing import TYPE_CHECKING, Any, Final, cast

from expt.ground.errors import PlanningError
from expt.ground.imports import INIT, ImportTree, ModuleImport
from expt.ground.layout import OUTSIDE_DIR
from expt.loading.compiling import compile_source
from expt.loading.imported import LoadedSource, Sources

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from importlib.abc import Loader
    from pathlib import Path
    from types import CodeType, ModuleType

_INSTALLED: Final = re.compile(r"[\\/](site|dist)-packages([\\/]|$)")
_STANDARD: Final = os.path.dirname(os.__file__) + os.sep
_NUMBERED: Final = re.compile(r"(\w+)_\d+")


class ModuleLoader:
    """Imports files below one root directory, and remembers what was imported.

    While installed it is a finder on `sys.meta_path`, so that everything in this process that
    imports meets it. Processes that `multiprocessing` starts afresh install one of their own.
    """

    def __init__(self, root: Path) -> None:
        self.root = os.path.abspath(root)
        roots = (self.root, os.path.realpath(root))
        self._roots = tuple((each, os.path.join(each, "")) for each in roots)
        self._tree = ImportTree(self.root)
        self._homes: set[str] = set()  # folders of the files that were loaded by their place
        self._places: dict[str, str] = {}  # a name that was given out -> its file or folder
        self._names: dict[str, str] = {}  # a file that was imported -> the name of its module
        self._sources = Sources(self._tree)
        self._outside: dict[str, ModuleSpec | None] = {}  # top-level name -> what else answers
        self._watched: set[str] = set()  # top-level names whose submodules may be the user's
        self._entries = [_Entry(base, self) for base in self._tree.bases]
        self._own_files = cache(lambda file: self._own(os.path.abspath(file)) or "")

    @property
    def sources(self) -> Mapping[str, LoadedSource]:
        """Every file imported so far, by its path; a copy."""
        return self._sources.all()

    def sources_of(self, files: Iterable[str | Path]) -> Mapping[str, LoadedSource]:
        """What was imported of `files` and for them, however indirectly, up to now.

        Import statements count as they are written, and what was imported in another way counts
        for the file that was the first to do it.
        """
        return self._sources.reached_from(map(self._own_files, files), self._homes)

    def install(self) -> None:
        """Make the root directory and its `src/` importable. Once is enough."""
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)
            # at the end: libraries that ask for a module of their own must not find the user's
            sys.path.extend(self._entries)
            self._note_imported_before()

    def _note_imported_before(self) -> None:
        """Keep the bytes of the user's modules that are here: a script had imported them."""
        elsewhere = {"expt"}  # packages that are not the user's: most modules are one's
        for name in list(sys.modules):
            top = name.partition(".")[0]
            place = None if top in elsewhere else getattr(sys.modules.get(name), "__file__", None)
            if not isinstance(place, str):
                continue
            file = self._own(place) if place.endswith(".py") else None
            if file is None:
                if name == top:
                    elsewhere.add(name)
                continue
            with contextlib.suppress(Exception):  # gone, or changed into what is no source
                with open(file, "rb") as stream:
                    content = stream.read()
                finder = SourceFileLoader(name, file)
                compiled = compile_source(file, content, partial(self._resolve, file), finder)
                self._sources.add(file, LoadedSource(self._relative(file), name, content))
                self._sources.add_imports(file, compiled.imports)

    def uninstall(self) -> None:
        """Leave this process as it was: finders, `sys.path`, modules."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        sys.path[:] = [entry for entry in sys.path if getattr(entry, "loader", None) is not self]
        for name in self._places:
            if self._place_of(sys.modules.get(name)) is not None:
                del sys.modules[name]
        for file in self._names:
            linecache.cache.pop(file, None)
        self._places.clear()
        self._names.clear()

    def load(self, path: Path) -> ModuleType:
        """The module of a file below the root, imported at most once.

        Raises what the file raises, and `PlanningError` for a file outside the root directory or
        an import that could mean two modules.
        """
        file = self._own(os.path.abspath(path))
        if file is None:
            raise PlanningError(f"'{path}' is not below the root directory", self.root)
        self.install()
        self._homes.add(os.path.dirname(file))
        return importlib.import_module(self._names.get(file) or self._name_of(file))

    # Names

    def _own(self, path: str) -> str | None:
        """`path` as it lies below the root; None for what lies elsewhere or is installed there."""
        for root, beginning in self._roots:
            if path == root or path.startswith(beginning):
                below = path[len(root) :]
                return None if _INSTALLED.search(below) else self.root + below
        return None

    def _place_of(self, module: ModuleType | None) -> str | None:
        """The file of a module, or the folder of one that has no file, where it is the user's."""
        place = getattr(module, "__file__", None)
        if place is None:
            place = next(iter(getattr(module, "__path__", ())), None)
        return self._own(os.path.abspath(place)) if isinstance(place, str) else None

    def _name_of(self, path: str) -> str:
        """The module's name of a file or folder below the root."""
        folder, file = os.path.split(path)
        if file == INIT and folder not in self._tree.bases:
            return self._name_of(folder)
        name = self._tree.name_in(folder, path)
        base = self._base_of(path)
        if folder == base:
            name = self._free_top_name(name, path, base)
        else:
            name = f"{self._name_of(folder)}.{name}"
        return self._give_out(name, path)

    def _give_out(self, name: str, path: str) -> str:
        self._places[name] = self._tree.enter(path)
        self._watched.add(name.partition(".")[0])
        return name

    def _base_of(self, path: str) -> str:
        """The importable folder that a name is counted from: `src/` where the root has no such."""
        root, *others = self._tree.bases
        for base in others:
            if path.startswith(base + os.sep):
                entry = os.path.join(base, path[len(base) + 1 :].partition(os.sep)[0])
                top = self._tree.name_in(base, entry)
                return root if top in self._tree.entries(root) else base
        return root

    def _free_top_name(self, stem: str, path: str, base: str) -> str:
        """`stem`, or `stem_2` … where something that is not the user's goes by that name."""
        name, number = stem, 1
        while self._is_taken(name, path) or (number > 1 and name in self._tree.entries(base)):
            number += 1
            name = f"{stem}_{number}"
        return name

    def _is_taken(self, name: str, path: str) -> bool:
        if name in sys.stdlib_module_names:
            return True
        if name in sys.modules:
            return self._place_of(sys.modules[name]) != self._tree.enter(path)
        return not self._tree.is_file(self._tree.enter(path)) and self._is_outside(name)

    def _is_outside(self, name: str) -> bool:
        """Whether a module or package that is not the user's answers to a top-level name."""
        spec = self._find_outside(name)
        return spec is not None and spec.origin is not None

    def _find_outside(self, name: str) -> ModuleSpec | None:
        if name not in self._outside:
            elsewhere = [entry for entry in sys.path if self._own(os.path.abspath(entry)) is None]
            spec = self._ask_others(name, elsewhere)
            if spec is not None and spec.origin and self._own(os.path.abspath(spec.origin)):
                spec = None
            self._outside[name] = spec
        return self._outside[name]

    # Finding

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """How to import `name`; None leaves it to the finders of Python."""
        top = name.partition(".")[0]
        if top in sys.stdlib_module_names or top == "expt":
            return None
        if top != name and top not in self._watched:
            return None
        file = self._places.get(name) or self._find_below(name)
        if file is not None:
            return self._spec_of(name, file)
        spec = self._ask_others(name, path, target)
        if spec is not None and spec.origin and isinstance(spec.loader, SourceFileLoader):
            file = self._own(os.path.abspath(spec.origin))
            if file is not None:
                return self._spec_of(name, file)
            if not _INSTALLED.search(spec.origin) and not spec.origin.startswith(_STANDARD):
                self._watched.add(top)
                self._sources.note_asking(spec.origin)
                spec.loader = _Loader(name, spec.origin, self)
        return spec

    def _find_below(self, name: str) -> str | None:
        """The file or folder below the root that `name` is given out for, or would be."""
        top, *rest = name.split(".")
        for base in self._tree.bases:
            entries = self._tree.entries(base)
            first = entries.get(top)
            numbered = _NUMBERED.fullmatch(top)
            if first is None and numbered:
                first = entries.get(numbered[1])
                if first is not None and self._free_top_name(numbered[1], first, base) != top:
                    first = None
            elif first is not None and self._is_taken(top, first):
                first = None
            found = first and self._tree.find(rest, first)
            if found:
                return self._places[self._give_out(name, found)]
        return None

    def _spec_of(self, name: str, file: str) -> ModuleSpec | None:
        self._give_out(name, file)
        self._sources.note_asking(file)
        if not self._tree.is_file(file):
            spec = ModuleSpec(name, None, is_package=True)
            others = None if "." in name else self._find_outside(name)
            shared = (others and others.submodule_search_locations) or ()
            spec.submodule_search_locations = [file, *shared]
            return spec
        known = self._names.get(file, name)
        loaded = sys.modules.get(known) if known != name else None
        if loaded is not None:
            return ModuleSpec(name, cast("Loader", _Alias(loaded)), origin=file)
        if not file.endswith(".py"):
            return spec_from_file_location(name, file)
        return spec_from_file_location(name, file, loader=_Loader(name, file, self))

    def _ask_others(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """What the finders after this one say; for a top-level name only Python's own has paths."""
        finders = sys.meta_path
        for finder in finders[finders.index(self) + 1 if self in finders else 0 :]:
            has_paths = finder is PathFinder or "." in name
            spec = finder.find_spec(name, path if has_paths else None, target)
            if spec is not None:
                return spec
        return None

    # Compiling

    def compile(self, name: str, file: str, content: bytes, loader: SourceFileLoader) -> CodeType:
        """The code of a file, after a note of its bytes. Raises `SyntaxError`, `PlanningError`."""
        own = self._own(file)
        if own is not None:
            self._names[own] = name
            path = self._relative(own)
        else:
            path = "/".join([OUTSIDE_DIR, *name.split(".")])
            path += "/" + INIT if loader.is_package(name) else ".py"
        self._sources.add(file, LoadedSource(path, name, content))
        # without a time stamp, so that the lines that run are shown whatever becomes of the file
        with contextlib.suppress(SyntaxError, UnicodeError):
            lines = decode_source(content).splitlines(keepends=True)
            linecache.cache[file] = (len(content), None, lines, file)
        compiled = compile_source(file, content, partial(self._resolve, own), loader)
        self._sources.add_imports(file, compiled.imports)
        return compiled.code

    def _relative(self, path: str) -> str:
        return os.path.relpath(path, self.root).replace(os.sep, "/")

    def _resolve(self, asking: str | None, said: ModuleImport) -> str | None:
        """The full name of the first part of an import; None where it stands as it is."""
        if asking is None or said.level:
            return None
        first = said.module.partition(".")[0]
        is_standard = first in sys.stdlib_module_names
        is_home = self._tree.is_home(asking, self._homes)
        found = self._tree.look_up(asking, said, beside=is_home)
        if found is None and not is_home and not is_standard:  # it counts if nothing else answers
            found = self._tree.look_up(asking, said, beside=True)
            if found is not None and (first in sys.modules or self._is_outside(first)):
                return None
        if found is None:
            return None
        if is_home and os.path.dirname(found) == os.path.dirname(asking):
            self._refuse_doubt(asking, said, self._tree.enter(found))
        name = self._names.get(self._tree.enter(found)) or self._name_of(found)
        return None if name == first else name

    def _refuse_doubt(self, asking: str, said: ModuleImport, found: str) -> None:
        """Raise `PlanningError` where a file beside the one that asks may not be what is meant."""
        first = said.module.partition(".")[0]
        if first in sys.stdlib_module_names:
            other = "Python's own"
        elif self._is_outside(first) and _holds_experiments(found):
            other = "the installed"
        else:
            return
        place = self._relative(found)
        what = f"'import {said.module}' could mean {place} or {other} '{first}'"
        hint = f"rename {place}, or write 'from . import {first}' to mean it"
        raise PlanningError(what, self._relative(asking), hint)


def _holds_experiments(file: str) -> bool:
    with contextlib.suppress(OSError), open(file, "rb") as stream:
        return b"def experiment_" in stream.read()
    return False


class _Loader(SourceFileLoader):
    """Loads a source file by way of its `ModuleLoader`."""

    def __init__(self, name: str, path: str, host: ModuleLoader) -> None:
        super().__init__(name, path)
        self._host = host

    def get_code(self, fullname: str) -> CodeType:
        return self._host.compile(fullname, self.path, self.get_data(self.path), self)


class _Alias:
    """Loads nothing: the file was imported under another name, and one file is one module."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module
        self._spec = module.__spec__

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._spec


class _Entry(str):
    """A folder on `sys.path`; where it is unpickled, its loader is installed too.

    `multiprocessing` and loky send `sys.path` to the processes that they start, before anything
    of the user's: that is how functions of the user's modules are found there.
    """

    loader: ModuleLoader

    def __new__(cls, folder: str, loader: ModuleLoader) -> _Entry:
        entry = super().__new__(cls, folder)
        entry.loader = loader
        return entry

    def __reduce__(self) -> tuple[Any, ...]:
        return _enter_process, (str(self), self.loader.root, frozenset(self.loader._homes))


def _enter_process(folder: str, root: str, homes: Iterable[str]) -> str:
    """Install a loader in a process that was handed our `sys.path`; returns the entry."""
    from pathlib import Path

    for loader in sys.meta_path:
        if isinstance(loader, ModuleLoader) and loader.root == root:
            break
    else:
        loader = ModuleLoader(Path(root))
        loader.install()
    loader._homes.update(homes)
    return next((entry for entry in loader._entries if entry == folder), folder)
