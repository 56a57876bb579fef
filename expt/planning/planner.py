"""Experiments and options → Plan; every foreseeable mistake is reported here, before anything runs.

bind (import) ─► resolve (layers, graph) ─► axes ─► cases ─► select ─► Plan
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from expt.discovery.selection import matches_case, read_conditions
from expt.ground.model import Plan
from expt.loading.loader import ModuleLoader
from expt.parameters.coercion.fitting import Coercer
from expt.parameters.sweeps import product_size, reject_many_cases
from expt.planning.axes import swept_names, variant_axes
from expt.planning.binding import Binder, Binding
from expt.planning.bound import BoundExperiment
from expt.planning.cases import CaseMaker, Shape, chosen_variants
from expt.planning.chains import Chains, Demand
from expt.planning.contents import plugin_provider
from expt.planning.fingerprints import Fingerprints
from expt.planning.given_runs import PinnedRuns
from expt.planning.given_values import GivenValues
from expt.planning.ladder import Ladder
from expt.planning.mistakes import MistakesFound, refuse
from expt.planning.places import Files, used_places
from expt.planning.resolution import Resolution
from expt.planning.skipping import tell_left_out, tell_needed
from expt.planning.unknown import (
    addresses,
    reject_unknown_names,
    reject_unknown_values,
    reject_unknown_variants,
)
from expt.planning.warnings import (
    older_runs,
    unheard_points,
    unknown_keys,
    unshared_seeds,
    untaken_parts,
    unused_keys,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Mapping, Sequence
    from types import ModuleType

    from expt.ground.model import Case, Experiment, Search
    from expt.ground.options import Options
    from expt.ground.trials import SpacePoint
    from expt.parameters.coercion.fitting import Convert
    from expt.planning.contents import Hook
    from expt.planning.given_runs import GivenRuns

    _Reached = Sequence[tuple[Binding, list[Shape]]]
    _Taken = Mapping[str, frozenset[str]]


class Planner:
    """Binds and plans the experiments of one tree; a worker keeps one for its life."""

    def __init__(
        self,
        options: Options,
        provided: Mapping[str, Callable[..., Any]],
        converter: Callable[[Sequence[Hook]], Convert | None] = lambda _: None,
        announce: Callable[[str], None] = lambda _: None,
        plugin_files: Sequence[ModuleType] = (),
        runs: GivenRuns | None = None,
    ) -> None:
        self._options = options
        self._provided = provided
        self._plugin_files = plugin_files
        self._converter = converter
        self._runs = PinnedRuns(runs)
        self._loader = ModuleLoader(options.root)
        self._loader.install()
        self._files = Files(options.root, self._loader, announce)
        used = used_places(options.values.use, options.cwd, self._files)
        plugins = {name: plugin_provider(name, function) for name, function in provided.items()}
        self._binder = Binder(self._files, self._source_of, plugins, used)
        self._bindings: dict[str, Binding] = {}
        self._sources: dict[str, tuple[Any, dict[str, tuple[str, bytes]]]] = {}
        self._resolutions: dict[tuple[str, tuple[str, ...], frozenset[str]], Resolution] = {}
        self._bound: dict[Resolution, BoundExperiment] = {}
        self._given = GivenValues(options)
        self._fingerprints = Fingerprints(options.root, options.cwd)
        self._chains = Chains(self._files, self._bind, self._resolve)
        self._maker = CaseMaker(options, self._chains, self._resolve, self._fingerprints)
        self._meant = read_conditions(options.selection)

    @property
    def import_seconds(self) -> float:
        """How long the modules of the tree took that were imported so far."""
        return self._files.import_seconds

    def change_values(self, options: Options) -> None:
        """Plan with the values, words and selection of `options`; what was imported stays."""
        changed = options.values != self._options.values
        self._options = options
        self._meant = read_conditions(options.selection)
        if changed:
            self._resolutions.clear()
            self._bound.clear()
            self._given = GivenValues(options)
            self._runs.forget()
            self._chains.forget()
            self._maker.change_values(options)

    def close(self) -> None:
        """Give `sys.path` and the import system back."""
        self._loader.uninstall()

    def _sources_of(self, binding: Binding) -> Mapping[str, tuple[str, bytes]]:
        """What was imported so far for one experiment: path in the archive → module and bytes.

        The `params.toml` files that count are among them, with an empty name. It is the same object
        until something more is imported.
        """
        files = [f"{self._options.root}/{path}" for path in binding.modules]
        imported = self._loader.sources_of(files)
        known = self._sources.get(binding.experiment.id)
        if known is None or known[0] is not imported:
            sources = {path: (one.module, one.content) for path, one in imported.items()}
            for file in binding.files:
                if file.path not in sources:
                    sources[file.path] = ("", self._files.content(file.path))
            known = self._sources[binding.experiment.id] = imported, sources
        return known[1]

    # Binding

    def bind(self, case: Case) -> BoundExperiment:
        """What runs a case: its function, its graph, its listeners, from this process's imports."""
        binding = self._bind(case.experiment)
        resolution = self._maker.resolution(binding, chosen_variants(case), case.axes)
        if resolution not in self._bound:
            self._bound[resolution] = BoundExperiment(
                binding,
                resolution.graph,
                Coercer(self._runs.opening(self._converter(binding.hooks))),
                self._fingerprints.measure_inputs,
                partial(self._sources_of, binding),
                self._fingerprints.code_of,
            )
        return self._bound[resolution]

    def _bind(self, experiment: Experiment) -> Binding:
        if experiment.id not in self._bindings:
            self._bindings[experiment.id] = self._binder.bind(experiment)
        return self._bindings[experiment.id]

    def _source_of(self, path: str) -> bytes:
        source = self._loader.sources.get(path)
        return source.content if source is not None else self._files.content(path)

    def _resolve(
        self, binding: Binding, chosen: tuple[str, ...], swept: frozenset[str] = frozenset()
    ) -> Resolution:
        """The names of one experiment under one choice of variants.

        `swept` are those that are swept for what needs it, beside its own.
        """
        key = (binding.experiment.id, chosen, swept)
        if key not in self._resolutions:
            steady, _ = variant_axes(self._options)
            given = [
                one for one in self._options.values.params if addresses(one.experiment, binding)
            ]
            self._resolutions[key] = Resolution(
                binding,
                self._given.overrides(binding, (*steady, *chosen)),
                given,
                swept_names(binding, self._options) | swept | self._given.final_before(),
                self._options.cwd,
                self._converter(binding.hooks),
                self._runs.pin,
                is_again=bool(self._given.runs_again()),
            )
        return self._resolutions[key]

    # Planning

    def plan(self, experiments: Sequence[Experiment], unsure: Container[str] = ()) -> Plan:
        """Every case of the experiments that the options select.

        A mistake of an experiment that is `unsure` (its id: nothing could tell before whether it
        is meant) is a note as long as there is any other case. Raises `ExptError`; `Mistakes`
        where several experiments have one each.
        """
        mistakes = MistakesFound(unsure)
        notes: list[str] = []
        meant, deselected = self._find_meant(experiments, mistakes, notes)
        goes_on = self._options.selection.continue_on_errors
        refuse(mistakes.sure, goes_on=goes_on)
        choices = [pair for one in meant for pair in self._choices(one)]
        ordered = self._chains.ordered(choices)
        needed = self._chains.needed_by(choices)
        reached = [(one, self._shapes(one, needed)) for one in meant]
        for binding, shapes in reached:
            notes += [f"{binding.experiment.id}: {note}" for one in shapes for note in one.notes]
        bindings = [*meant, *(one for one in ordered.values() if one not in meant)]
        taken = self._taken_names(bindings)
        self._reject(reached, bindings[len(meant) :], taken)
        cases: list[Case] = []
        searches: list[Search] = []
        demand = Demand()
        for binding, shapes in reached:
            with mistakes.of(binding.experiment):
                is_selected = partial(matches_case, binding.named, meant=self._meant)
                made = list(self._maker.cases(binding, shapes, is_selected, demand))
                for case, shape in made:
                    if shape.sought is None:
                        cases.append(case)
                    else:
                        searches.append(shape.sought.search(case, shape.where))
                deselected += _size(shapes) - len(made)
        found = [*cases, *searches]
        unmet = [*mistakes.sure, *(() if found else mistakes.unsure.values())]
        errors = refuse(unmet, goes_on=goes_on)
        notes += [tell_left_out([id_], mistake) for id_, mistake in mistakes.unsure.items()]
        added = {case.id: case for case in demand.needed_by(cases)}
        for case in cases:
            added.pop(case.id, None)
        notes += tell_needed(added.values(), cases)
        ids = {binding.experiment.id for binding in meant}
        deselected -= sum(case.experiment.id in ids for case in added.values())
        ranks = {id_: rank for rank, id_ in enumerate(ordered)}
        cases = sorted((*cases, *added.values()), key=lambda case: ranks[case.experiment.id])
        return Plan(
            tuple(cases),
            tuple(self._warnings(reached, bindings, taken, cases)),
            tuple(dict.fromkeys(notes)),
            deselected,
            tuple(errors),
            gathered=frozenset(one.experiment.id for one in bindings if one.session_analyses),
            added=frozenset(added),
            searches=tuple(searches),
        )

    def _find_meant(
        self, experiments: Sequence[Experiment], mistakes: MistakesFound, notes: list[str]
    ) -> tuple[list[Binding], int]:
        """The experiments that the selection may take cases of, and how many cases others have."""
        meant: list[Binding] = []
        deselected = 0
        for experiment in experiments:
            with mistakes.of(experiment):
                binding = self._bind(experiment)
                if self._is_reached(binding, notes):
                    shapes = self._shapes(binding)
                    if self._may_be_meant(binding, shapes):
                        meant.append(binding)
                    else:
                        deselected += _size(shapes)
        return meant, deselected

    def _reject(self, reached: _Reached, needed: Sequence[Binding], taken: _Taken) -> None:
        """Raise `ExptError` for what is typed and nothing takes, and for too many cases.

        What the reached experiments need is run, too, and counts.
        """
        values = self._options.values
        bindings = [*(binding for binding, _ in reached), *needed]
        reject_unknown_variants(self._options, self._bindings.values())
        if bindings:
            reject_unknown_values(values.params, bindings, taken)
            for option, said in (("--sweep", values.sweeps), ("--space", values.search.space)):
                reject_unknown_names(option, [one.name for one in said], taken)
        sizes = {
            f"{binding.experiment.id}{'+'.join(shape.chosen)}": shape.axes
            for binding, shapes in reached
            for shape in shapes
        }
        for binding in needed:
            for _, chosen in self._choices(binding):
                shape = self._maker.shape(binding, chosen, needed=True)
                sizes.setdefault(f"{binding.experiment.id}{'+'.join(chosen)}", shape.axes)
        reject_many_cases(sizes, values.max_cases)

    def _warnings(
        self, reached: _Reached, bindings: Sequence[Binding], taken: _Taken, cases: Sequence[Case]
    ) -> list[str]:
        """What is without effect, and what may surprise."""
        warnings = unused_keys(self._files, bindings, taken, self._given.files())
        warnings += unheard_points(self._options.root, bindings)
        warnings += unshared_seeds(cases, self._options)
        warnings += older_runs(cases)
        warnings += untaken_parts(self._plugin_files, self._provided.values(), self._files)
        warnings += dict.fromkeys(text for binding in bindings for text in binding.unheard)
        warnings += dict.fromkeys(
            text
            for binding, shapes in reached
            for shape in shapes
            for text in unknown_keys(binding, self._resolve(binding, shape.chosen).annotation_of)
        )
        warnings += [
            f"the value of '{name}' is masked for its name; annotate it as expt.Secret"
            for name in sorted(self._maker.secret_by_name)
        ]
        return warnings

    def make_schemas(self, experiments: Sequence[Experiment]) -> dict[str, Any]:
        """A JSON Schema for each `params.toml` that counts for the experiments, by its path.

        Values need not be there, nor fit. Raises `ExptError`.
        """
        mistakes = MistakesFound(())
        bound = []
        for experiment in experiments:
            with mistakes.of(experiment):
                binding = self._bind(experiment)
                bound.append((binding, Ladder(binding, (), frozenset(), self._options.cwd)))
        refuse(mistakes.sure, goes_on=self._options.selection.continue_on_errors)
        from expt.planning.schemas import make_schemas  # slow, and for one verb

        return make_schemas(bound)

    def try_points(self, search: Search, points: Sequence[SpacePoint]) -> list[tuple[Case, ...]]:
        """The cases of points of a search's space: one, or one for each repeat of the trial.

        Before them, those that they need. Of a point with axes, the one case that a run which was
        swept by them would be now.
        """
        binding = self._bind(search.case.experiment)
        shape = self._maker.shape(binding, chosen_variants(search.case))
        return [self._maker.trials(binding, shape, search, point) for point in points]

    def vary(self, case: Case, points: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Case, ...]]:
        """For each point the case that differs from `case` in its values, after those it needs.

        Raises `ParameterError` for a name that the experiment does not take.
        """
        binding = self._bind(case.experiment)
        shape = self._maker.shape(binding, chosen_variants(case))
        for point in points:
            yield self._maker.varied(binding, shape, case, point)

    def _may_be_meant(self, binding: Binding, shapes: Sequence[Shape]) -> bool:
        """Whether the selection takes any case; what is too many to be named may be meant."""
        if _size(shapes) > self._options.values.max_cases:
            return True
        labels = self._maker.labels(binding, shapes)
        return any(matches_case(binding.named, label, self._meant) for label in labels)

    def _is_reached(self, binding: Binding, notes: list[str]) -> bool:
        """Whether the experiment has the variants and the smoke values that are asked for."""
        if binding.named.is_base:
            return False
        if self._options.values.smoke and not _has_smoke(binding):
            notes.append(f"{binding.experiment.id}: no [expt.smoke] reaches it")
            return False
        steady, axis = variant_axes(self._options)
        chosen = [value.split("+") for (value,) in axis.values] if axis else []
        for name in dict.fromkeys([*steady, *(n for names in chosen for n in names)]):
            if not any(name in f.reserved.get("variants", {}) for f in binding.files):
                notes.append(f"{binding.experiment.id}: it has no variant '{name}'")
                return False
        needed = self._chains.ordered(self._choices(binding))
        bare = [id_ for id_, other in needed.items() if not _has_smoke(other)]
        if self._options.values.smoke and bare:
            told = f"it needs {bare[0]}, which no [expt.smoke] reaches"
            notes.append(f"{binding.experiment.id}: {told}")
            return False
        return True

    def _choices(self, binding: Binding) -> list[tuple[Binding, tuple[str, ...]]]:
        """The binding with each choice of variants that the command line asks for."""
        _, variants = variant_axes(self._options)
        chosen = [()] if variants is None else [tuple(v.split("+")) for (v,) in variants.values]
        return [(binding, one) for one in chosen]

    def _shapes(self, binding: Binding, needed: Container[str] = ()) -> list[Shape]:
        """For each choice of variants, the axes of the cases below it."""
        is_needed = binding.experiment.id in needed
        return [
            self._maker.shape(binding, chosen, needed=is_needed)
            for _, chosen in self._choices(binding)
        ]

    # Names that nobody takes

    def _taken_names(self, bindings: Sequence[Binding]) -> dict[str, frozenset[str]]:
        """By experiment id, every name that somebody asks for."""
        return {
            binding.experiment.id: frozenset(
                name
                for (identity, *_), resolution in self._resolutions.items()
                if identity == binding.experiment.id
                for name in resolution.names()
            )
            for binding in bindings
        }


def _size(shapes: Sequence[Shape]) -> int:
    """How many cases there are."""
    return sum(product_size(shape.axes) for shape in shapes)


def _has_smoke(binding: Binding) -> bool:
    return any("smoke" in file.reserved for file in binding.files)
