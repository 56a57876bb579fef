"""From what sources and folders show to experiments, with what they extend.

A chain of bases is followed as far as sources tell. Where it leads out of them (a base made at
run time, or in an installed package), what is unknown stays unknown.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import attrs

from expt.discovery.labels import with_axes
from expt.discovery.source import (
    EMPTY,
    Definition,
    Extension,
    Source,
    may_hold_experiments,
    read_source,
)
from expt.errors import CollectionError, PlanningError, did_you_mean
from expt.layout import EXPERIMENT_PREFIX
from expt.model import Experiment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from expt.discovery.folders import Base, Folders
    from expt.errors import ExptError

_SOURCE_FOLDERS: Final = ("", "src")  # from where modules are imported, besides a file's own folder


@attrs.frozen
class Hosted:
    """One place in a chain: the file or folder, and the name of the experiment there."""

    place: str
    name: str

    def __str__(self) -> str:
        return f"{self.place}::{self.name}"


class Tree:
    """The modules and folders of one tree, each read once, and the experiments that they show."""

    def __init__(self, root: Path, folders: Folders) -> None:
        self._root = str(root)
        self._folders = folders
        self._sources: dict[str, Source] = {}
        self.mistakes: list[ExptError] = []

    # Experiments

    def experiments_of_file(self, path: str) -> Iterator[Experiment]:
        """Those that a module defines or hosts, by line."""
        source = self._source(path)
        self.mistakes.extend(source.mistakes)
        for name in sorted(source.experiments, key=lambda name: source.experiments[name].line):
            found = source.experiments[name]
            if isinstance(found, Definition):
                yield self._with_folders(_defined(path, found), [path])
            else:
                yield from self._hosted(Hosted(path, name), f"{path}:{found.line}")

    def experiments_of_folder(self, folder: str) -> Iterator[Experiment]:
        """Those that a folder's `params.toml` hosts, in the order of its `extends`."""
        table = self._folders.at(folder)
        self.mistakes.extend(table.mistakes)
        names: dict[str, Base] = {}
        for base in table.extends:
            name = base.text.rpartition("::")[2]
            if name in names:
                what = f"'{name}' is hosted twice in one folder"
                self.mistakes.append(PlanningError(what, base.where, f"as '{names[name].text}'"))
                continue
            names[name] = base
            yield from self._hosted(Hosted(folder or ".", name), base.where)

    def _hosted(self, host: Hosted, where: str) -> Iterator[Experiment]:
        """The experiment at `host`; nothing, and a mistake told, where its base is not there."""
        try:
            chain = self._chain(host, where)
        except PlanningError as mistake:
            self.mistakes.append(mistake)
            return
        last = chain[-1]
        found = self._source(last.place).experiments.get(last.name)
        if isinstance(found, Definition):
            experiment = _defined(last.place, found)
        else:
            experiment = Experiment(
                id="",
                path=last.place,
                function=last.name,
                line=found.line if found else 1,
                axes=None,
                marks_complete=False,
            )
        experiment = attrs.evolve(
            experiment,
            id=str(host),
            host=host.place,
            extends=tuple(str(base) for base in chain[1:]),
        )
        yield self._with_folders(experiment, [hosted.place for hosted in reversed(chain)])

    def _with_folders(self, experiment: Experiment, places: list[str]) -> Experiment:
        """With the marks and axes of the folders above each place, each folder once."""
        folders = dict.fromkeys(folder for place in places for folder in _folders_above(place))
        tables = [table for folder in folders if (table := self._folders.at(folder)).says_more]
        marks = experiment.marks
        for table in tables:
            marks = tuple(dict.fromkeys((*marks, *table.marks)))
            experiment = with_axes(experiment, table.axes, unread=table.unread)
        return attrs.evolve(experiment, marks=marks) if tables else experiment

    # Bases

    def _chain(self, host: Hosted, where: str) -> list[Hosted]:
        """The host, what it extends, and so on, as far as sources show."""
        chain = [host]
        while True:
            base = self._base_of(chain[-1], where)
            if base is None:
                return chain
            if base in chain:
                circle = " → ".join(map(str, [*chain[chain.index(base) :], base]))
                raise PlanningError(f"'{host.name}' extends itself", where, circle)
            chain.append(base)

    def _base_of(self, host: Hosted, where: str) -> Hosted | None:
        """What a place extends; None for a definition and for what sources do not show."""
        if host.place.endswith(".py"):
            found = self._source(host.place).experiments.get(host.name)
            if isinstance(found, Extension):
                return self._resolve(host.place, found.base)
            return None
        folder = "" if host.place == "." else host.place
        for base in self._folders.at(folder).extends:
            path, _, name = base.text.rpartition("::")
            if name == host.name:
                return self._base_at(folder, path, name, base.where)
        known = [base.text.rpartition("::")[2] for base in self._folders.at(folder).extends]
        raise _no_base(f"'{host.place}' hosts no '{host.name}'", where, host.name, known)

    def _base_at(self, folder: str, path: str, name: str, where: str) -> Hosted:
        """The place that an `extends` names. Raises `PlanningError` where it is not there."""
        if not name.startswith(EXPERIMENT_PREFIX):
            raise PlanningError(
                f"'{name}' is no experiment: it must begin with '{EXPERIMENT_PREFIX}'", where
            )
        target = os.path.normpath(os.path.join(folder, path)).replace(os.sep, "/")
        on_disk = os.path.join(self._root, target)
        if os.path.isabs(path) or target.startswith("../"):
            raise PlanningError(f"'{path}' lies outside the root directory", where)
        if os.path.isdir(on_disk):
            return Hosted(target, name)
        if not os.path.isfile(on_disk):
            around = os.path.dirname(on_disk)
            names = os.listdir(around) if os.path.isdir(around) else []
            hint = did_you_mean(os.path.basename(target), names)
            raise PlanningError(
                f"there is no '{path}' to extend",
                where,
                hint or f"paths are relative to the folder '{folder or '.'}'",
            )
        source = self._source(target)
        if source.mistakes or name in source.experiments:
            return Hosted(target, name)
        resolved = self._resolve(target, (name,))
        if resolved is None and name not in source.imports and not source.stars:
            raise _no_base(f"'{path}' defines no '{name}'", where, name, [*source.experiments])
        return resolved or Hosted(target, name)

    def _resolve(self, path: str, parts: tuple[str, ...]) -> Hosted | None:
        """The place where a dotted name of a module is an experiment, following imports."""
        pending = [(path, parts)]
        seen = set()
        while pending:
            path, parts = step = pending.pop()
            if step in seen or not parts:
                continue
            seen.add(step)
            source = self._source(path)
            if len(parts) == 1 and parts[0] in source.experiments:
                return Hosted(path, parts[0])
            imported = source.imports.get(parts[0])
            origins = [imported] if imported else list(reversed(source.stars))
            for origin in origins:
                target = (*origin.target, *(parts[1:] if imported else parts))
                module = self._module(path, origin.level, target[:-1])
                if module is not None:
                    pending.append((module, target[-1:]))
        return None

    def _module(self, path: str, level: int, module: tuple[str, ...]) -> str | None:
        """The file, relative to the root, of a module as `path` would import it."""
        own = os.path.dirname(path)
        above = os.path.normpath(os.path.join(own, *[".."] * (level - 1)))
        for start in [above] if level else [own, *_SOURCE_FOLDERS]:
            stem = os.path.normpath(os.path.join(start, *module))
            for candidate in (f"{stem}.py", os.path.join(stem, "__init__.py")):
                if os.path.isfile(os.path.join(self._root, candidate)):
                    return os.path.normpath(candidate).replace(os.sep, "/")
        return None

    def _source(self, path: str) -> Source:
        """A module, read once; nothing of one that cannot hold an experiment."""
        if path not in self._sources:
            self._sources[path] = self._read(path)
        return self._sources[path]

    def _read(self, path: str) -> Source:
        try:
            with open(os.path.join(self._root, path), "rb") as file:
                content = file.read()
        except FileNotFoundError:
            return EMPTY
        except OSError as error:
            what = f"this file cannot be read: {error.strerror}"
            return attrs.evolve(EMPTY, mistakes=(CollectionError(what, path),))
        return read_source(content, path) if may_hold_experiments(content) else EMPTY


def _defined(path: str, found: Definition) -> Experiment:
    return Experiment(
        id=f"{path}::{found.name}",
        path=path,
        function=found.name,
        line=found.line,
        description=found.description,
        marks=found.marks,
        parameters=found.parameters,
        axes=found.axes,
        marks_complete=found.marks_complete,
    )


def _folders_above(place: str) -> list[str]:
    """The folders from the root ('') down to the one that a place is in or is."""
    folder = os.path.dirname(place) if place.endswith(".py") else place
    parts = [part for part in folder.split("/") if part not in ("", ".")]
    return ["/".join(parts[:count]) for count in range(len(parts) + 1)]


def _no_base(what: str, where: str, name: str, known: list[str]) -> PlanningError:
    there = f"there is: {', '.join(sorted(known))}" if known else "there is no experiment"
    return PlanningError(what, where, did_you_mean(name, known) or there)
