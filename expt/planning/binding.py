"""An experiment bound to what the tree around it says: its function, its layers, its listeners.

Binding imports; it decides nothing that depends on a case. `Binding` is what all cases of one
experiment share, `BoundExperiment` is a binding with the graph of one kind of case.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from expt.archive.snapshot import static_closure
from expt.ground import layout
from expt.ground.declarations import MARKS_ATTRIBUTE, SWEEP_ATTRIBUTE, Extension, Mark
from expt.ground.errors import PlanningError
from expt.ground.model import BASE_MARK, LAYER_EXTENDS, Place
from expt.ground.text import error_name
from expt.ground.value_classes import define, evolve, field, frozen
from expt.parameters.folder_axes import Given, Step
from expt.parameters.layers import Layer
from expt.parameters.params_files import ParamsFile, table_layers
from expt.planning import contents
from expt.planning.hook_points import HookPoint, read_points
from expt.planning.needs import Need, read_needs
from expt.planning.places import Files, Host, HostPlace, find_host, places_of

if TYPE_CHECKING:
    from expt.ground.model import Experiment
    from expt.planning.providers import Function, Provider

Heard = TypeVar("Heard", contents.Listener, contents.Hook)
_UNKNOWN_POINT: Final = HookPoint(frozenset(), None, None)
Rank = Mapping[str, "Provider"] | Layer
"""One step of the ladder: the providers of a module, or the values of a file."""


@frozen(eq=False)
class Binding:
    """What every case of one experiment shares.

    `ranks`, and `files` with the `tables` that count in each, are weakest first; the first rank
    are the providers of plugins. `steps` are the files with what `expt.extends` gives, and `nearer`
    those of them that stand nearer than the function itself. `new_paths` are files that count
    beside those of its base, and `own_lines` those of tables of the experiment's name in any file
    (`params.toml:3`).
    """

    experiment: Experiment
    host: Host
    function: Function
    ranks: tuple[Rank, ...]
    tables: tuple[tuple[str, ...], ...]
    modules: tuple[str, ...]
    new_paths: frozenset[str]
    own_lines: frozenset[str]
    listeners: tuple[contents.Listener, ...]
    analyses: tuple[contents.Analysis, ...]
    session_analyses: tuple[contents.Analysis, ...]
    hooks: tuple[contents.Hook, ...]
    unheard: tuple[str, ...]
    marks: tuple[Mark, ...]
    declared_axes: Mapping[str, Sequence[Any]]
    steps: tuple[Step, ...]
    nearer: tuple[Step, ...]
    needs: Mapping[str, Need]
    files: tuple[ParamsFile, ...]
    fixtures: Mapping[str, Place]

    @cached_property
    def named(self) -> Experiment:
        """The experiment with all that is known of it now: its bases and its marks."""
        return evolve(
            self.experiment,
            extends=tuple(host.node_id for host in list(self.host.chain())[1:]),
            marks=tuple(dict.fromkeys(mark.name for mark in self.marks)),
        )


@define(eq=False)
class Binder:
    """Binds experiments of one tree, reading every file once."""

    _files: Files
    _source_of: Callable[[str], bytes]
    _provided: Rank
    _used: Sequence[HostPlace] = ()
    _contents: dict[tuple[str, bool], contents.Contents] = field(factory=dict)
    _known_points: dict[tuple[str, ...], Mapping[str, HookPoint] | None] = field(factory=dict)

    def bind(self, experiment: Experiment) -> Binding:
        """Import what counts for the experiment. Raises `PlanningError` or `ParameterError`."""
        host = find_host(experiment, self._files)
        places = [*places_of(host, self._files), *self._used]
        modules = [p for p in places if p.kind == "module"]
        brought = {p.path: self._read(p) for p in modules}
        functions = [step.function for step in host.chain()]
        above, nearer = self._steps(places, host)
        call = self._find_function(host)
        function = contents.describe_function(call, self._files)
        hidden = contents.hidden_arguments(call, experiment.parameters)
        if hidden:
            place = Place(experiment.path, experiment.line)
            raise contents.hides_arguments(experiment.function, hidden, place)
        return Binding(
            experiment=experiment,
            host=host,
            function=function,
            ranks=(self._provided, *self._ranks(places, brought)),
            tables=tuple(p.tables for p in places if p.kind == "params"),
            modules=tuple(brought),
            new_paths=frozenset(p.path for p in places) - self._base_paths(host),
            own_lines=self._own_lines(host, places),
            listeners=tuple(self._listeners(brought)),
            analyses=tuple(choose_analyses(brought.values(), functions)),
            session_analyses=tuple(
                {one.name: one for c in brought.values() for one in c.session_analyses}.values()
            ),
            hooks=tuple(
                _nearest_once(
                    hook
                    for p in modules
                    for hook in brought[p.path].hooks
                    if hook.name in contents.DECIDING_HOOKS or p.is_above(experiment.folder)
                )
            ),
            unheard=tuple(text for c in brought.values() for text in c.unheard),
            marks=marks_of(call, experiment),
            declared_axes=getattr(call, SWEEP_ATTRIBUTE, {}),
            steps=(*above, *nearer),
            nearer=tuple(nearer),
            needs=read_needs(function, host, self._files),
            files=tuple(self._files.params(p.path) for p in places if p.kind == "params"),
            fixtures={name: at for c in brought.values() for name, at in c.fixtures.items()},
        )

    def _listeners(self, brought: Mapping[str, contents.Contents]) -> Iterator[contents.Listener]:
        """Those that are called, outermost first, with what their points pass."""
        found = _nearest_once(one for c in brought.values() for one in c.listeners)
        replaced = {one.point: place for place, one in enumerate(found) if one.replace}
        called = [one for at, one in enumerate(found) if at >= replaced.get(one.point, 0)]
        points = self._points(tuple(brought)) if called else {}
        for one in called:
            passes = _UNKNOWN_POINT if points is None else points.get(one.point)
            yield evolve(one, passes=passes)

    def _points(self, modules: tuple[str, ...]) -> Mapping[str, HookPoint] | None:
        """The hook points that the modules, and what they import, call."""
        if modules not in self._known_points:
            root = self._files.root
            closure = static_closure([root / path for path in modules], root)
            sources = [self._source_of(path) for path in closure if path.endswith(".py")]
            self._known_points[modules] = read_points(sources)
        return self._known_points[modules]

    def _read(self, place: HostPlace) -> contents.Contents:
        key = place.path, place.tree is not None
        if key not in self._contents:
            self._contents[key] = contents.read_contents(
                self._files.module(place.path),
                place.path,
                self._source_of(place.path),
                self._files,
                hears=place.tree is not None,
            )
        return self._contents[key]

    def _find_function(self, host: Host) -> Callable[..., Any]:
        *_, root = host.chain()
        call: Callable[..., Any] = getattr(self._files.module(root.file), root.function)
        inner = inspect.unwrap(call) if callable(call) else call
        place = f"{root.file}::{root.function}"
        if inspect.iscoroutinefunction(inner) or inspect.isgeneratorfunction(inner):
            raise PlanningError(f"'{root.function}' must be a plain function", place)
        if not inspect.isfunction(inner):
            what = f"'{root.function}' is no function when imported, but {_spoken(inner)}"
            raise PlanningError(what, place, contents.WRAPS_HINT)
        return call

    def _base_paths(self, host: Host) -> frozenset[str]:
        """The files that count for what the experiment extends; all, where it extends nothing."""
        return frozenset(place.path for place in places_of(host.base or host, self._files))

    def _own_lines(self, host: Host, places: Sequence[HostPlace]) -> frozenset[str]:
        """Where tables of the experiment's name say something that its base does not hear."""
        if host.base is None:
            return frozenset()
        own = HostPlace("module", host.file, (host.function,))
        given = {layer.where(()) or "" for layer in self._given(own)} if host.file else set()
        if host.function in (step.function for step in host.base.chain()):
            return frozenset(given)
        files = [self._files.params(place.path) for place in places if place.kind == "params"]
        return frozenset(given) | frozenset(
            f"{file.path}:{line}"
            for file in files
            for keys, line in file.lines.items()
            if host.function in keys
        )

    def _ranks(
        self, places: Sequence[HostPlace], brought: Mapping[str, contents.Contents]
    ) -> list[Rank]:
        ranks: list[Rank] = []
        for place in places:
            if place.kind == "module":
                ranks.append(brought[place.path].providers)
                ranks += self._given(place)
                continue
            ranks += table_layers(self._files.params(place.path), place.tables)[::-1]
        return ranks

    def _steps(self, places: Sequence[HostPlace], host: Host) -> tuple[list[Step], list[Step]]:
        """The files and what `expt.extends` gives, weakest first; and those nearer than the
        function itself."""
        *_, root = host.chain()
        above: list[Step] = []
        nearer: list[Step] = []
        steps = above
        for place in places:
            if place.kind == "params":
                steps.append((self._files.params(place.path), place.tables))
                continue
            if place.path == root.file and place.tree is None:
                steps = nearer
            steps += [(Given(layer), ()) for layer in self._given(place)]
        return above, nearer

    def _given(self, place: HostPlace) -> Iterator[Layer]:
        """What `expt.extends` gives there, weakest first."""
        for function in place.tables:
            found = getattr(self._files.module(place.path), function, None)
            if isinstance(found, Extension) and found.values:
                where = f"{place.path}:{found.line}"
                yield Layer(LAYER_EXTENDS, found.values, partial(_at, where))


def _at(where: str, _: tuple[str, ...]) -> str:
    return where


def _spoken(value: Any) -> str:
    return "a class" if isinstance(value, type) else f"an instance of '{error_name(value)}'"


def _nearest_once(found: Iterable[Heard]) -> list[Heard]:
    """Each function once, where it stands nearest: one that two modules have was imported."""
    nearest: dict[tuple[str, Callable[..., Any]], Heard] = {}
    for part in found:
        key = part.point if isinstance(part, contents.Listener) else part.name, part.function
        nearest.pop(key, None)
        nearest[key] = part
    return list(nearest.values())


def choose_analyses(
    brought: Sequence[contents.Contents] | Any, functions: Sequence[str]
) -> list[contents.Analysis]:
    """The analyses that go with an experiment, outermost first; a name counts once, the nearest.

    `analysis_NAME` goes with `experiment_NAME`; where the same module has an `experiment_NAME`
    that is another, it goes with that one alone.
    """
    chosen: dict[str, contents.Analysis] = {}
    for found in brought:
        for analysis in found.analyses:
            name = layout.EXPERIMENT_PREFIX + analysis.name.removeprefix(layout.ANALYSIS_PREFIX)
            if name in functions or name not in found.experiments:
                chosen.pop(analysis.name, None)
                chosen[analysis.name] = analysis
    return list(chosen.values())


def marks_of(call: Callable[..., Any], experiment: Experiment) -> tuple[Mark, ...]:
    """Marks of decorators, with their arguments, and those of folders by name."""
    live: Sequence[Mark] = getattr(call, MARKS_ATTRIBUTE, ())
    if experiment.extends:
        live = [mark for mark in live if mark.name != BASE_MARK]
    named = {mark.name for mark in live}
    return (*live, *(Mark(name) for name in experiment.marks if name not in named))
