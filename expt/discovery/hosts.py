"""From what sources and folders show to experiments, with what they extend.

A chain of bases is followed as far as sources tell. Where it leads out of them (a base made at
run time, or in an installed package), what is unknown stays unknown.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from expt.discovery.asking import names_asked
from expt.discovery.labels import with_axes
from expt.discovery.module_source import Definition, ExtendsCall
from expt.discovery.modules import Hosted, Modules
from expt.discovery.syntax import Asks, Target
from expt.ground.errors import ParameterError, PlanningError, did_you_mean
from expt.ground.layout import CONFTEST_FILE, PARAMS_FILE
from expt.ground.model import (
    BASE_MARK,
    LAYER_EXTENDS,
    Axis,
    Experiment,
    folder_place,
    folders_down_to,
    place_folder,
)
from expt.ground.value_classes import evolve

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from expt.discovery.folders import Base, Folder, Folders
    from expt.discovery.swept import Swept
    from expt.ground.errors import ExptError
    from expt.ground.options import Sweep
    from expt.parameters.folder_axes import Step
    from expt.parameters.params_files import ParamsFile


_DEEPEST = 50  # experiments that need each other, as far as a listing follows them


class Tree:
    """The modules and folders of one tree, each read once, and the experiments that they show."""

    def __init__(self, root: Path, folders: Folders, swept: Swept) -> None:
        self._root = str(root)
        self._folders = folders
        self._swept = swept
        self._modules = Modules(root)
        self._telling: dict[tuple[str, ...], list[Folder]] = {}  # by folders
        self._changes = swept.changes
        self._asking: set[tuple[str, str]] = set()  # what is needed, and looked at now
        self._needed_axes: dict[tuple[str, str], tuple[Axis, ...] | None] = {}
        self.mistakes: list[ExptError] = []

    # Experiments

    def experiments_at(self, path: str) -> Iterator[Experiment]:
        """Those of a module, or those that a folder's `params.toml` hosts."""
        folder, _, name = path.rpartition("/")
        if name == PARAMS_FILE:
            return self._experiments_of_folder(folder)
        return self._experiments_of_file(path)

    def experiments_apart(self, path: str) -> list[Experiment] | None:
        """The same; None where they come with mistakes, or may depend on what was read before."""
        if path.endswith(".py") and any(
            isinstance(found, Definition) and found.needs
            for found in self._modules.source(path).experiments.values()
        ):
            return None
        known = len(self.mistakes)
        experiments = [*self.experiments_at(path)]
        if len(self.mistakes) == known:
            return experiments
        del self.mistakes[known:]
        return None

    def _experiments_of_file(self, path: str) -> Iterator[Experiment]:
        """Those that a module defines or hosts, by line."""
        source = self._modules.source(path)
        self.mistakes.extend(source.mistakes)
        places = (path,)
        for name, found in sorted(source.experiments.items(), key=lambda item: item[1].line):
            yield from self._experiments(places, name, found)

    def _experiments(
        self, places: tuple[str], name: str, found: Definition | ExtendsCall
    ) -> Iterator[Experiment]:
        """The experiment of one name of a module; none, and a mistake told, where it cannot be."""
        (path,) = places
        if isinstance(found, Definition):
            placed = self._placed(self._defined(path, found), places, found)
            yield self._with_needed(placed, path, found.needed) if found.needs else placed
        else:
            yield from self._hosted(Hosted(path, name), f"{path}:{found.line}")

    def _experiments_of_folder(self, folder: str) -> Iterator[Experiment]:
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
            yield from self._hosted(Hosted(folder_place(folder), name), base.where)

    def _hosted(self, host: Hosted, where: str) -> Iterator[Experiment]:
        """The experiment at `host`; nothing, and a mistake told, where its base is not there."""
        try:
            chain = self._chain(host, where)
        except PlanningError as mistake:
            self.mistakes.append(mistake)
            return
        last = chain[-1]
        found = self._modules.source(last.place).experiments.get(last.name)
        if isinstance(found, Definition):
            experiment = self._defined(last.place, found)
        else:
            experiment = Experiment(
                id="",
                path=last.place,
                function=last.name,
                line=found.line if found else 1,
                axes=None,
                marks_complete=False,
            )
        experiment = evolve(
            experiment,
            id=str(host),
            marks=tuple(mark for mark in experiment.marks if mark != BASE_MARK),
            host=host.place,
            extends=tuple(str(base) for base in chain[1:]),
        )
        places = tuple(hosted.place for hosted in reversed(chain))
        placed = self._placed(experiment, places, found)
        if isinstance(found, Definition) and found.needed:
            placed = evolve(placed, axes=None)  # it may need what is hosted beside it
        yield placed

    def _with_needed(
        self, experiment: Experiment, path: str, targets: Iterable[Target]
    ) -> Experiment:
        """With the axes of what it needs; `axes` is None where sources do not show them."""
        needed: list[Sequence[Axis]] = []
        for target in targets:
            axes = None if self._swept.changes else self._axes_of(path, target)
            if axes is None:
                return evolve(experiment, axes=None)
            needed += [axes] if axes else []
        if not needed or experiment.axes is None:
            return experiment
        from expt.parameters.chained_axes import inherit_axes  # as below

        return evolve(experiment, axes=tuple(inherit_axes(experiment.axes, needed)))

    def _axes_of(self, path: str, target: Target) -> tuple[Axis, ...] | None:
        """The axes of what a module names; None where they are not known."""
        if not isinstance(target, str):
            found = self._modules.resolve(path, target, "experiments")
            home = None if found is None else (found.place, found.name)
        else:
            place, _, name = target.rpartition("::")
            near = os.path.normpath(os.path.join(os.path.dirname(path), place))
            places = [near, os.path.normpath(place)] if place else [path]
            homes = [one for one in places if os.path.isfile(os.path.join(self._root, one))]
            home = (homes[0].replace(os.sep, "/"), name) if homes else None
        if home is None or home in self._asking or len(self._asking) > _DEEPEST:
            return None  # of a circle, planning tells
        if home not in self._needed_axes:
            self._asking.add(home)
            known = len(self.mistakes)
            named = self._modules.source(home[0]).experiments.get(home[1])
            there = [] if named is None else [*self._experiments(home[:1], home[1], named)]
            self._needed_axes[home] = there[0].axes if there else None
            self._asking.discard(home)
            del self.mistakes[known:]  # they are told where the file itself is asked for
        return self._needed_axes[home]

    def _placed(
        self,
        experiment: Experiment,
        places: tuple[str, ...],
        found: Definition | ExtendsCall | None,
    ) -> Experiment:
        """With the marks and axes of the folders above each place and of the command line."""
        tables = self._telling_above(places)
        if not (tables or self._changes or experiment.axes):
            return experiment
        marks = dict.fromkeys((*experiment.marks, *(m for table in tables for m in table.marks)))
        experiment = evolve(experiment, marks=tuple(marks))
        if any(table.broken for table in tables):
            return evolve(experiment, axes=None, marks_complete=False)
        if experiment.axes is None or self._swept.more:
            return evolve(experiment, axes=None)
        # as slow as listing five hundred files, and of use where something is swept
        from expt.parameters.folder_axes import axes_of_folders, ended_by, repeat_of_folders
        from expt.parameters.sweeps import drop_names, is_random_axis, merge_axes

        above: list[Step] = []
        nearer: list[Step] = []
        files: list[ParamsFile] = []
        try:
            if any(table.sweeps for table in tables) or (experiment.axes and places[1:]):
                above, nearer, files = self._steps_of(experiment, places)
            folders = axes_of_folders([*above, *nearer])
        except (ParameterError, LookupError):  # planning tells of it, or knows it
            return evolve(experiment, axes=None)
        declared = drop_names(experiment.axes, ended_by(nearer, experiment.axes))
        experiment = evolve(experiment, axes=declared)
        known = {name for axis in (*declared, *folders.axes) for name in axis.names}
        fixed = self._swept.fixed_for(experiment)
        asks = found.asks if isinstance(found, Definition) else Asks()
        asked = self._asked(asks, places, (*known, *fixed))
        typed = [_read_sweep(sweep, asked) for sweep in self._swept.sweeps]
        axes = merge_axes(folders.axes, [axis for axis in typed if axis is not None])
        if None in typed or any(is_random_axis(axis) for axis in axes):
            return evolve(experiment, axes=None)
        placed = with_axes(
            experiment,
            axes,
            groups=(*folders.groups, *self._swept.groups),
            fixed=fixed,
            asked=asked,
        )
        repeat = self._swept.repeat or repeat_of_folders(files)
        if placed.axes is None or repeat is None:
            return placed
        return evolve(placed, axes=(*placed.axes, repeat))

    def _steps_of(
        self, experiment: Experiment, places: Sequence[str]
    ) -> tuple[list[Step], list[Step], list[ParamsFile]]:
        """What counts, weakest first, with the names of its bases and its own: above the function
        and nearer than it; and the files alone.

        Raises `LookupError` where the source does not show what an `expt.extends` gives.
        """
        from expt.parameters.folder_axes import Given  # as above
        from expt.parameters.layers import Layer

        names = [
            text.rpartition("::")[2] for text in (*reversed(experiment.extends), experiment.id)
        ]
        functions: dict[str, list[str]] = {}
        files: list[ParamsFile] = []
        steps: tuple[list[Step], list[Step]] = ([], [])
        for number, (place, name) in enumerate(zip(places, names, strict=True)):
            for folder in folders_down_to(place_folder(place)):
                is_new = folder not in functions
                functions.setdefault(folder, []).append(name)
                file = self._folders.file(folder) if is_new else None
                if file is not None:
                    files.append(file)
                    steps[number > 0].append((file, functions[folder]))
            if number == 0 or not place.endswith(".py"):
                continue
            found = self._modules.source(place).experiments.get(name)
            if isinstance(found, ExtendsCall):
                if found.gives is None:
                    raise LookupError(name)
                layer = Layer(LAYER_EXTENDS, found.gives, lambda _: None)
                steps[1].append((Given(layer), ()))
        return *steps, files

    def _asked(
        self, asks: Asks, places: tuple[str, ...], known: Iterable[str]
    ) -> Mapping[str, frozenset[str | None]] | None:
        """The names that providers may ask for; `known` have a value whoever provides them."""
        from expt.parameters.typed_text import first_key  # as above

        swept = [name for sweep in self._swept.sweeps for name in _names_of(sweep)]
        given = {first_key(name) for name in (*known, *swept)}
        if given.issubset(asks.parameters) and all(
            isinstance(sweep, Axis) for sweep in self._swept.sweeps
        ):
            return {}  # nobody else needs to be asked
        reach = [place for place in places if place.endswith(".py")]
        for folder in _folders_above(places):
            given |= self._folders.names(folder)
            modules = (CONFTEST_FILE, *self._folders.at(folder).use)
            reach += [os.path.normpath(os.path.join(folder, module)) for module in modules]
        return names_asked(asks, reach, given, self._modules)

    def _telling_above(self, places: tuple[str, ...]) -> list[Folder]:
        """The folders above places that say more of experiments than their sources, each once."""
        homes = tuple(map(place_folder, places))
        if homes not in self._telling:
            tables = [self._folders.at(folder) for folder in _folders_above(places)]
            self._telling[homes] = [table for table in tables if table.says_more]
        return self._telling[homes]

    def _defined(self, path: str, found: Definition) -> Experiment:
        if not found.decorators:
            return found.told
        answers = [self._modules.may_mark(path, name) for name in found.decorators]
        return evolve(
            found.told,
            axes=None if True in answers else found.told.axes,
            marks_complete=not any(answer is not False for answer in answers),
        )

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
            found = self._modules.source(host.place).experiments.get(host.name)
            if isinstance(found, ExtendsCall):
                return self._modules.resolve(host.place, found.base, "experiments")
            return None
        folder = place_folder(host.place)
        for base in self._folders.at(folder).extends:
            path, _, name = base.text.rpartition("::")
            if name == host.name:
                return self._base_at(folder, path, name, base.where)
        known = [base.text.rpartition("::")[2] for base in self._folders.at(folder).extends]
        raise _no_base(f"'{host.place}' hosts no '{host.name}'", where, host.name, known)

    def _base_at(self, folder: str, path: str, name: str, where: str) -> Hosted:
        """The place that an `extends` names. Raises `PlanningError` where it is not there."""
        target = os.path.normpath(os.path.join(folder, path)).replace(os.sep, "/")
        on_disk = os.path.join(self._root, target)
        if os.path.isabs(path) or target.startswith("../"):
            raise PlanningError(f"'{path}' lies outside the root directory", where)
        if os.path.isdir(on_disk):
            return Hosted(folder_place(target), name)
        if not os.path.isfile(on_disk):
            names: list[str] = []
            with contextlib.suppress(OSError, ValueError):  # a NUL in the name
                names = os.listdir(os.path.dirname(on_disk))
            hint = did_you_mean(os.path.basename(target), names)
            raise PlanningError(
                f"there is no '{path}' to extend",
                where,
                hint or f"paths are relative to the folder '{folder or '.'}'",
            )
        source = self._modules.whole(target)
        if source.mistakes or name in source.experiments:
            return Hosted(target, name)
        resolved = self._modules.resolve(target, (name,), "experiments")
        if resolved is None and name not in source.imports and not source.stars:
            raise _no_base(f"'{path}' defines no '{name}'", where, name, [*source.experiments])
        return resolved or Hosted(target, name)


def _names_of(sweep: Axis | Sweep) -> tuple[str, ...]:
    return sweep.names if isinstance(sweep, Axis) else (sweep.name,)


def _read_sweep(
    sweep: Axis | Sweep, asked: Mapping[str, frozenset[str | None]] | None
) -> Axis | None:
    """The axis that texts mean to those who ask for the name; None where that is not shown."""
    from expt.parameters.sweeps import read_sweep  # as above

    if isinstance(sweep, Axis):
        return sweep
    annotations = None if asked is None else asked.get(sweep.name)
    if annotations is None:
        return None
    if annotations <= {None, "bool", "float", "int"}:
        return read_sweep(sweep)
    return read_sweep(sweep, str) if annotations <= {None, "str"} else None


def _folders_above(places: Sequence[str]) -> list[str]:
    """The folders from the root ('') down to each place, each once."""
    found = (folder for place in places for folder in folders_down_to(place_folder(place)))
    return [*dict.fromkeys(found)]


def _no_base(what: str, where: str, name: str, known: list[str]) -> PlanningError:
    there = f"there is: {', '.join(sorted(known))}" if known else "there is no experiment"
    return PlanningError(what, where, did_you_mean(name, known) or there)
