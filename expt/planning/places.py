"""Where an experiment stands: the files above it that count, and those of what it extends.

    root/conftest.py  root/params.toml  …  folder/conftest.py  folder/params.toml  module
      weakest ───────────────────────────────────────────────────────────► strongest

An experiment that is hosted elsewhere has its base's places first and then the new ones that are
not among them: a folder that both share counts once, at the base's position.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from expt.discovery import find_experiments
from expt.ground import layout
from expt.ground.declarations import Extension
from expt.ground.errors import ExptError, PlanningError, did_you_mean
from expt.ground.model import folders_down_to
from expt.ground.text import error_message, error_name
from expt.ground.value_classes import evolve, frozen
from expt.parameters.params_files import ParamsFile, read_params_file

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from types import ModuleType

    from expt.ground.model import Experiment
    from expt.loading.loader import ModuleLoader


@frozen
class Host:
    """A place that an experiment's node id names, and the one that it extends, if any.

    `file` is the module, '' where a folder's `params.toml` hosts it; paths are relative to the
    root directory.
    """

    folder: str
    file: str
    function: str
    base: Host | None = None

    @property
    def node_id(self) -> str:
        return f"{self.file or self.folder}::{self.function}"

    def chain(self) -> Iterator[Host]:
        """This host, what it extends, and so on."""
        yield self
        if self.base is not None:
            yield from self.base.chain()


PlaceKind = Literal["module", "params"]


@frozen
class HostPlace:
    """One file that counts for an experiment.

    For `params`, `tables` are the `[experiment_name]` tables that count in it, weakest first; for
    the module of an experiment, the names there whose `expt.extends` may give values. A conftest,
    or a module brought in by `use`, counts for the whole tree below `tree`, and hears of it; an
    experiment's own module has None.
    """

    kind: PlaceKind
    path: str
    tables: tuple[str, ...] = ()
    tree: str | None = None

    def is_above(self, folder: str) -> bool:
        """Whether it counts for a tree that `folder` lies in, or is."""
        return self.tree in folders_down_to(folder)


class Files:
    """The files of one tree, each read or imported once, by the names that experiments give."""

    def __init__(self, root: Path, loader: ModuleLoader, announce: Callable[[str], None]) -> None:
        self.root = root
        self._loader = loader
        self._announce = announce
        self.params_read: dict[str, ParamsFile] = {}
        self._modules: dict[str, ModuleType] = {}
        self._listings: dict[str, frozenset[str]] = {}
        self._experiments: dict[str, list[Experiment]] = {}
        self.import_seconds = 0.0

    def has(self, folder: str, name: str) -> bool:
        """Whether something of that name stands in the folder, of whatever type."""
        if folder not in self._listings:
            names: list[str] = []
            with contextlib.suppress(OSError):
                names = os.listdir(self.root / folder)
            self._listings[folder] = frozenset(names)
        return name in self._listings[folder]

    def params(self, path: str) -> ParamsFile:
        """A `params.toml`, read. Raises `ParameterError` with its line."""
        if path not in self.params_read:
            self.params_read[path] = read_params_file(self.root / path, self.root)
        return self.params_read[path]

    def experiments(self, place: str) -> list[Experiment]:
        """Those that a file defines or a folder hosts, as sources show them.

        Raises the `ExptError` of a place that cannot be read.
        """
        if place not in self._experiments:
            found = find_experiments([self.root / place], self.root)
            if found.mistakes:
                raise found.mistakes[0]
            self._experiments[place] = [one for one in found.experiments if one.place == place]
        return self._experiments[place]

    def content(self, path: str) -> bytes:
        """The bytes of a file of the tree, as they stand now."""
        return (self.root / path).read_bytes()

    def module(self, path: str) -> ModuleType:
        """A module of the tree, imported. Raises `PlanningError` for what it raises."""
        if path not in self._modules:
            self._announce(path)
            place = self.root / path
            if place.exists() and not place.is_file():  # a FIFO would be waited for
                raise PlanningError("this is no file, where Python source is expected", path)
            began = time.monotonic()
            try:
                self._modules[path] = self._loader.load(self.root / path)
            except ExptError:
                raise
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                raise _import_error(error, path, self.root) from error
            finally:
                self.import_seconds += time.monotonic() - began
        return self._modules[path]

    def relative(self, path: str | Path) -> str:
        """`path` relative to the root, with forward slashes."""
        return Path(os.path.relpath(path, self.root)).as_posix()


def _import_error(error: BaseException, path: str, root: Path) -> PlanningError:
    """What a module raised at import, with its own traceback without our frames."""
    import traceback

    told = traceback.TracebackException.from_exception(error)
    here = str(Path(__file__).parent.parent) + os.sep
    ours = (here, "<frozen importlib", importlib.__file__)
    frames = [frame for frame in told.stack if not frame.filename.startswith(ours)]
    told.stack = traceback.StackSummary.from_list(frames)
    where = f"{path}:{frames[-1].lineno}" if frames and frames[-1].filename.endswith(path) else path
    what = f"'{path}' cannot be imported: {error_name(error)}: {error_message(error)}"
    hint = "".join(told.format()).rstrip() + _how_to_import(error, path, root)
    return PlanningError(what, where, hint)


def _how_to_import(error: BaseException, path: str, root: Path) -> str:
    """The line that imports a module of a folder above, where that is the one not found."""
    name = error.name if isinstance(error, ModuleNotFoundError) else None
    for folder in reversed(folders_down_to(os.path.dirname(path))[1:-1]):  # these two are searched
        words = folder.split("/")
        if name and all(map(str.isidentifier, (*words, name))):
            file = root / folder / f"{name}.py"
            if file.is_file():
                return f"\n{folder}/{name}.py is there: from {'.'.join(words)} import {name}"
    return ""


def find_host(experiment: Experiment, files: Files) -> Host:
    """Where the experiment stands, with the chain of what it extends.

    The source told the chain as far as it shows; the live objects tell the rest. Raises
    `PlanningError` for a base that is not there and for a circle.
    """
    chain = [split_place(node_id) for node_id in (experiment.id, *experiment.extends)]
    while (found := _base_of(*chain[-1], files)) is not None:
        if found in chain:
            told = " → ".join("::".join(step) for step in (*chain, found))
            raise PlanningError(f"'{experiment.name}' extends itself", experiment.place, told)
        chain.append(found)
    host: Host | None = None
    for place, function in reversed(chain):
        is_file = place.endswith(".py")
        folder = place.rpartition("/")[0] if is_file else place
        host = Host(folder, place if is_file else "", function, host)
    assert host is not None  # noqa: S101 - the chain has at least the experiment itself
    return host


def split_place(node_id: str) -> tuple[str, str]:
    """Place and function of a node id; the root folder's place is ''."""
    place, _, function = node_id.rpartition("::")
    return "" if place == "." else place, function


def _base_of(place: str, function: str, files: Files) -> tuple[str, str] | None:
    """What the live object at a place extends; None for a function."""
    if not place.endswith(".py"):
        raise PlanningError(f"the folder '{place}' hosts no '{function}'", place)
    module = files.module(place)
    found = getattr(module, function, None)
    if isinstance(found, Extension):
        return _home_of(found, files, f"{place}:{found.line}")
    if found is None and function in vars(module):
        hint = "does a decorator forget to return the function?"
        raise PlanningError(f"'{function}' is None when imported", place, hint)
    if found is None:
        known = [name for name in vars(module) if name.startswith(layout.EXPERIMENT_PREFIX)]
        raise PlanningError(
            f"'{place}' defines no '{function}'", place, did_you_mean(function, known)
        )
    return None


def _home_of(extension: Extension, files: Files, where: str) -> tuple[str, str]:
    """File and name of what an extension extends."""
    base = extension.base
    if isinstance(base, Extension):
        return files.relative(base.file), base.name
    code = getattr(inspect.unwrap(base), "__code__", None)
    if code is None:
        what = (
            f"expt.extends takes an experiment function, not an instance of {type(base).__name__}"
        )
        raise PlanningError(what, where)
    home = files.relative(code.co_filename)
    if home.startswith("../"):
        told = f"'{base.__name__}' is defined outside the root directory, and cannot be extended"
        raise PlanningError(told, where, "write an experiment that calls it")
    return home, base.__name__


def places_of(host: Host, files: Files) -> list[HostPlace]:
    """Every file that counts for an experiment, weakest first."""
    own = list(_own_places(host, files))
    if host.base is None:
        return own
    places = places_of(host.base, files)
    for place in own:
        known = next(
            (i for i, p in enumerate(places) if (p.kind, p.path) == (place.kind, place.path)), None
        )
        if known is None:
            places.append(place)
        else:
            tables = dict.fromkeys((*places[known].tables, *place.tables))
            places[known] = evolve(places[known], tables=tuple(tables))
    return places


def _own_places(host: Host, files: Files) -> Iterator[HostPlace]:
    for folder in folders_down_to(host.folder):
        prefix = f"{folder}/" if folder else ""
        has_params = files.has(folder, layout.PARAMS_FILE)
        if has_params:
            for used in _used_modules(prefix, folder, files):
                yield HostPlace("module", used, tree=folder)
        if files.has(folder, layout.CONFTEST_FILE):
            yield HostPlace("module", prefix + layout.CONFTEST_FILE, tree=folder)
        if has_params:
            yield HostPlace("params", prefix + layout.PARAMS_FILE, (host.function,))
    if host.file:
        yield HostPlace("module", host.file, (host.function,))


def used_places(names: Collection[str], cwd: Path, files: Files) -> list[HostPlace]:
    """The modules of `--use`, which count for the whole tree. Raises `PlanningError`."""
    paths = [files.relative(os.path.normpath(cwd / name)) for name in names]
    for name, path in zip(names, paths, strict=True):
        if path.startswith("../"):
            raise PlanningError(f"'{name}' lies outside the root directory", f"--use {name}")
        if not path.endswith(".py") or not (files.root / path).is_file():
            raise PlanningError(f"there is no module '{name}' to use", f"--use {name}")
    return [HostPlace("module", path, tree="") for path in paths]


def _used_modules(prefix: str, folder: str, files: Files) -> Iterator[str]:
    path = prefix + layout.PARAMS_FILE
    params = files.params(path)
    for name in params.reserved.get("use", ()):
        used = os.path.normpath(os.path.join(folder, name)).replace(os.sep, "/")
        if os.path.isabs(used) or used.startswith("../"):
            problem, hint = f"'{name}' lies outside the root directory", "import what it has"
        elif not (files.root / used).is_file():
            problem = f"there is no module '{name}' to use"
            hint = f"paths are relative to the folder '{folder or '.'}'"
        elif not used.endswith(".py"):
            problem, hint = f"'{name}' is no module", "'use' takes Python files"
        else:
            yield used
            continue
        line = params.lines.get((layout.RESERVED_TABLE, "use"))
        raise PlanningError(problem, f"{path}:{line}" if line else path, hint)
