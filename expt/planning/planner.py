"""Experiments and options → Plan; every foreseeable mistake is reported here, before anything runs.

bind (import) ─► resolve (layers, graph) ─► axes ─► cases ─► select ─► Plan
"""

from __future__ import annotations

import contextlib
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from expt.archive import read_record
from expt.discovery import matches_case
from expt.ground.errors import ExptError, Mistakes, PlanningError, ReadingError
from expt.ground.expression import compile_selection
from expt.ground.layout import RUN_FILE
from expt.ground.model import (
    LAYER_FILE,
    LAYER_SMOKE,
    LAYER_SWEEP,
    LAYER_VARIANT,
    Axis,
    Case,
    Origin,
    Plan,
    Trial,
)
from expt.ground.value_classes import define, evolve, field
from expt.loading import ModuleLoader
from expt.parameters import (
    MASK,
    REPEAT,
    SEED,
    Layer,
    ParamsFile,
    expand_axes,
    product_size,
    read_values_file,
    reject_many_cases,
    repeat_seed,
    table_layers,
)
from expt.parameters.coercion import Convert, plain, wants_run
from expt.planning.axes import VARIANT, decide_axes, swept_names, variant_axes
from expt.planning.binding import Binder, Binding
from expt.planning.bound import BoundExperiment
from expt.planning.choosing import unknown_keys
from expt.planning.contents import plugin_provider
from expt.planning.deviations import find_deviations
from expt.planning.fingerprints import Fingerprints
from expt.planning.ladder import Ladder
from expt.planning.naming import label_cases
from expt.planning.places import Files, used_places
from expt.planning.providers import Provider, session_key
from expt.planning.resolution import Point, Resolution
from expt.planning.schemas import make_schemas
from expt.planning.searches import Sought, decide_search, value_at
from expt.planning.skipping import skip_reason, tell_left_out
from expt.planning.unknown import (
    addresses,
    function_names,
    reject_unknown_space,
    reject_unknown_sweeps,
    reject_unknown_values,
    reject_unknown_variants,
)
from expt.planning.warnings import older_runs, unheard_points, untaken_parts, unused_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
    from types import ModuleType

    from expt.ground.model import Experiment, PinnedRun, Search, SpacePoint
    from expt.ground.options import Options
    from expt.planning.contents import Hook


class InputRuns(Protocol):
    """The archives of the session's root, for experiments that are given a run."""

    def pin(self, reference: str, /) -> PinnedRun:
        """The run that a reference names. Raises `ReadingError`."""

    def open(self, value: str, /) -> Any:
        """The run of `PinnedRun.value`. Raises `ReadingError`."""


Shape = tuple[tuple[str, ...], list[Axis]]
"""A choice of variants, and the axes of the cases below it."""


@define
class _MistakesFound:
    """Mistakes of experiments; apart, those of which nothing tells whether they are meant."""

    ids: Container[str]
    sure: list[ExptError] = field(factory=list)
    unsure: dict[str, ExptError] = field(factory=dict)

    @contextlib.contextmanager
    def of(self, experiment: Experiment) -> Iterator[None]:
        """Keep the mistake that planning the experiment is."""
        try:
            yield
        except ExptError as mistake:
            if experiment.id in self.ids:
                self.unsure[experiment.id] = mistake
            else:
                self.sure.append(mistake)


class Planner:
    """Binds and plans the experiments of one tree; a worker keeps one for its life."""

    def __init__(
        self,
        options: Options,
        provided: Mapping[str, Callable[..., Any]],
        converter: Callable[[Sequence[Hook]], Convert | None] = lambda _: None,
        announce: Callable[[str], None] = lambda _: None,
        plugin_files: Sequence[ModuleType] = (),
        runs: InputRuns | None = None,
    ) -> None:
        self._options = options
        self._provided = provided
        self._plugin_files = plugin_files
        self._converter = converter
        self._runs = runs
        self._pinned: dict[str, PinnedRun] = {}
        self._loader = ModuleLoader(options.root)
        self._loader.install()
        self._files = Files(options.root, self._loader, announce)
        used = used_places(options.values.use, options.cwd, self._files)
        self._binder = Binder(self._files, self._source_of, _plugin_providers(provided), used)
        self._bindings: dict[str, Binding] = {}
        self._resolutions: dict[tuple[str, tuple[str, ...]], Resolution] = {}
        self._values_files: list[ParamsFile] | None = None
        self._sought: dict[tuple[str, tuple[str, ...]], Sought | None] = {}
        self._fingerprints = Fingerprints(options.root, options.cwd)
        self._keyword, self._marks = compile_selection(
            options.selection.keyword, options.selection.marks
        )
        self._root_seed: int | None = None
        self._secret_by_name: set[str] = set()

    @property
    def import_seconds(self) -> float:
        """How long the modules of the tree took that were imported so far."""
        return self._files.import_seconds

    def change_values(self, options: Options) -> None:
        """Plan with the values and words of `options` from now on; what was imported stays."""
        changed = options.values != self._options.values
        self._options = options
        if changed:
            self._resolutions.clear()
            self._values_files = None
            self._pinned.clear()
            self._secret_by_name.clear()

    def close(self) -> None:
        """Give `sys.path` and the import system back."""
        self._loader.uninstall()

    def sources_of(self, binding: Binding) -> dict[str, tuple[str, bytes]]:
        """What was imported so far for one experiment: path in the archive → module and bytes.

        The `params.toml` files that count are among them, with an empty name.
        """
        files = [self._options.root / path for path in binding.modules]
        imported = self._loader.sources_of(files)
        sources = {path: (source.module, source.content) for path, source in imported.items()}
        for file in binding.files:
            sources.setdefault(file.path, ("", self._files.content(file.path)))
        return sources

    # Binding

    def bind(self, case: Case) -> BoundExperiment:
        """What runs a case: its function, its graph, its listeners, from this process's imports."""
        binding = self._bind(case.experiment)
        resolution = self._resolve(binding, chosen_variants(case))
        return BoundExperiment(
            binding,
            resolution.graph,
            self._opening(self._converter(binding.hooks)),
            self._fingerprints.measure_inputs,
            self.sources_of,
            self._fingerprints.code_of,
        )

    def _opening(self, convert: Convert | None) -> Convert:
        """`convert`, with runs opened where they are asked for."""

        def open_or_convert(value: Any, annotation: Any) -> Any:
            if self._runs is not None and isinstance(value, str) and wants_run(annotation):
                return self._runs.open(value)
            return None if convert is None else convert(value, annotation)

        return open_or_convert

    def _pin(self, reference: str) -> PinnedRun:
        """The run that a reference names: the same for all cases of a session."""
        if reference not in self._pinned:
            if self._runs is None:
                raise PlanningError("no runs can be given to experiments here")
            self._pinned[reference] = self._runs.pin(reference)
        return self._pinned[reference]

    def _bind(self, experiment: Experiment) -> Binding:
        if experiment.id not in self._bindings:
            self._bindings[experiment.id] = self._binder.bind(experiment)
        return self._bindings[experiment.id]

    def _source_of(self, path: str) -> bytes:
        source = self._loader.sources.get(path)
        return source.content if source is not None else self._files.content(path)

    def _resolve(self, binding: Binding, chosen: tuple[str, ...]) -> Resolution:
        """The names of one experiment under one choice of variants."""
        key = (binding.experiment.id, chosen)
        if key not in self._resolutions:
            steady, _ = variant_axes(self._options)
            given = [
                one for one in self._options.values.params if addresses(one.experiment, binding)
            ]
            self._resolutions[key] = Resolution(
                binding,
                self._overrides(binding, (*steady, *chosen)),
                given,
                swept_names(binding, self._options),
                self._options.cwd,
                self._converter(binding.hooks),
                self._pin,
            )
        return self._resolutions[key]

    def _overrides(self, binding: Binding, variants: Sequence[str]) -> list[Layer]:
        """Layers of variants, smoke and files, weakest first."""
        layers: list[Layer] = []
        for variant in variants:
            layers += self._table_layers(binding, ("variants", variant), LAYER_VARIANT)
        if self._options.values.smoke:
            layers += self._table_layers(binding, ("smoke",), LAYER_SMOKE)
        for file in self._read_values_files():
            layers += table_layers(file, function_names(binding), (), LAYER_FILE)[::-1]
        return layers

    def _read_values_files(self) -> list[ParamsFile]:
        if self._values_files is None:
            cwd = self._options.cwd
            self._values_files = [
                read_values_file(file, cwd, _folder_of_archived(file, cwd))
                for file in self._options.values.params_files
            ]
        return self._values_files

    def _table_layers(
        self, binding: Binding, table: tuple[str, ...], layer: str
    ) -> Iterator[Layer]:
        for file, functions in zip(binding.files, binding.tables, strict=True):
            yield from table_layers(file, functions, table, layer)[::-1]

    # Planning

    def plan(self, experiments: Sequence[Experiment], unsure: Container[str] = ()) -> Plan:
        """Every case of the experiments that the options select.

        A mistake of an experiment that is `unsure` (its id: nothing could tell before whether it
        is meant) is a note as long as there is any other case. Raises `ExptError`; `Mistakes`
        where several experiments have one each.
        """
        mistakes = _MistakesFound(unsure)
        reached: list[tuple[Binding, list[Shape]]] = []
        notes: list[str] = []
        deselected = 0
        for experiment in experiments:
            with mistakes.of(experiment):
                binding = self._bind(experiment)
                if self._is_reached(binding, notes):
                    shapes = self._shapes(binding, notes)
                    if self._may_be_meant(binding, shapes):
                        reached.append((binding, shapes))
                    else:
                        deselected += sum(product_size(axes) for _, axes in shapes)
        self._refuse(mistakes.sure)
        bindings = [binding for binding, _ in reached]
        taken = self._taken_names(bindings)
        reject_unknown_variants(self._options, self._bindings.values())
        if bindings:
            reject_unknown_values(self._options.values.params, bindings, taken)
            reject_unknown_sweeps(self._options.values.sweeps, taken)
            reject_unknown_space(self._options.values.search.space, taken)
        sizes = {
            f"{binding.experiment.id}{'+'.join(chosen)}": axes
            for binding, shapes in reached
            for chosen, axes in shapes
        }
        reject_many_cases(sizes, self._options.values.max_cases)
        cases: list[Case] = []
        searches: list[Search] = []
        for binding, shapes in reached:
            with mistakes.of(binding.experiment):
                made = list(self._cases(binding, shapes))
                for case in made:
                    search = self._search_of(case, binding, shapes)
                    if search is None:
                        cases.append(case)
                    else:
                        searches.append(search)
                deselected += sum(product_size(axes) for _, axes in shapes) - len(made)
        found = [*cases, *searches]
        errors = self._refuse([*mistakes.sure, *(() if found else mistakes.unsure.values())])
        notes += [tell_left_out([id_], mistake) for id_, mistake in mistakes.unsure.items()]
        warnings = unused_keys(self._files, bindings, taken, self._read_values_files())
        warnings += unheard_points(self._options.root, bindings)
        warnings += older_runs(cases)
        warnings += untaken_parts(self._plugin_files, self._provided.values(), self._files)
        warnings += dict.fromkeys(text for binding in bindings for text in binding.unheard)
        warnings += dict.fromkeys(
            text
            for binding, shapes in reached
            for chosen, _ in shapes
            for text in unknown_keys(binding, self._resolve(binding, chosen).annotation_of)
        )
        warnings += [
            f"the value of '{name}' is masked for its name; annotate it as expt.Secret"
            for name in sorted(self._secret_by_name)
        ]
        return Plan(
            tuple(cases),
            tuple(warnings),
            tuple(dict.fromkeys(notes)),
            deselected,
            tuple(errors),
            gathered=frozenset(one.experiment.id for one in bindings if one.session_analyses),
            searches=tuple(searches),
        )

    def make_schemas(self, experiments: Sequence[Experiment]) -> dict[str, Any]:
        """A JSON Schema for each `params.toml` that counts for the experiments, by its path.

        Values need not be there, nor fit. Raises `ExptError`.
        """
        mistakes = _MistakesFound(())
        bound = []
        for experiment in experiments:
            with mistakes.of(experiment):
                binding = self._bind(experiment)
                bound.append((binding, Ladder(binding, (), frozenset(), self._options.cwd)))
        self._refuse(mistakes.sure)
        return make_schemas(bound)

    def _search_of(self, case: Case, binding: Binding, shapes: Sequence[Shape]) -> Search | None:
        """The search that stands for a case; None for one that is run as it is."""
        chosen = chosen_variants(case)
        sought = self._sought[binding.experiment.id, chosen]
        if sought is None:
            return None
        axes = dict(shapes)[chosen]
        return sought.search(case, {name: axis.where for axis in axes for name in axis.names})

    def try_points(self, search: Search, points: Sequence[SpacePoint]) -> list[tuple[Case, ...]]:
        """The cases of points of a search's space: one, or one for each repeat of the trial.

        Of a point with axes, the one case that a run which was swept by them would be now.
        """
        binding = self._bind(search.case.experiment)
        resolution = self._resolve(binding, chosen_variants(search.case))
        return [tuple(self._trial(search, binding, resolution, point)) for point in points]

    def _trial(
        self, search: Search, binding: Binding, resolution: Resolution, point: SpacePoint
    ) -> Iterator[Case]:
        base = search.case
        outer = {
            name: value_at(base.params, name) if value == MASK else value
            for name, value in base.axes.items()
        }
        repeats: Sequence[int | None] = range(search.repeats) if search.repeats else [None]
        if point.axes is not None:
            repeats = [point.axes.get(REPEAT)]
        for repeat in repeats:
            values = {**outer, **point.values} | ({} if repeat is None else {REPEAT: repeat})
            told = [base.label, f"trial-{point.number}"]
            told += [] if repeat is None else [f"repeat-{repeat}"]
            label = "-".join(part for part in told if part)
            case = self._case(binding, base.experiment, resolution, values, search.where, label)
            if point.axes is not None:
                case = evolve(case, axes=point.axes)
            trial = Trial(search.study, point.number, search.terms, point.pruning)
            fingerprint = self._fingerprints.of(case, binding)
            yield evolve(case, skip=base.skip, fingerprint=fingerprint, trial=trial)

    def _refuse(self, mistakes: Iterable[ExptError]) -> list[str]:
        """Raise what was found, once each; with --continue-on-collection-errors, tell it."""
        unique = list({str(mistake): mistake for mistake in mistakes}.values())
        if unique and not self._options.selection.continue_on_errors:
            raise unique[0] if len(unique) == 1 else Mistakes(unique)
        return [str(mistake) for mistake in unique]

    def _may_be_meant(self, binding: Binding, shapes: Sequence[Shape]) -> bool:
        """Whether the selection takes any case; what is too many to be named may be meant."""
        if sum(product_size(axes) for _, axes in shapes) > self._options.values.max_cases:
            return True
        named = self._named(binding)
        labels = self._labels(binding, shapes)
        return any(self._is_selected(named, label) for label in labels)

    def _labels(self, binding: Binding, shapes: Sequence[Shape]) -> Iterator[str | None]:
        return label_cases((axes, self._resolve(binding, c).hides) for c, axes in shapes)

    def _named(self, binding: Binding) -> Experiment:
        """The experiment with all that is known of it now: its bases and its marks."""
        return evolve(
            binding.experiment,
            extends=tuple(host.node_id for host in list(binding.host.chain())[1:]),
            marks=tuple(dict.fromkeys(mark.name for mark in binding.marks)),
        )

    def _is_reached(self, binding: Binding, notes: list[str]) -> bool:
        """Whether the experiment has the variants and the smoke values that are asked for."""
        if self._named(binding).is_base:
            return False
        if self._options.values.smoke and not any("smoke" in f.reserved for f in binding.files):
            notes.append(f"{binding.experiment.id}: no [expt.smoke] reaches it")
            return False
        steady, axis = variant_axes(self._options)
        chosen = [value.split("+") for (value,) in axis.values] if axis else []
        for name in dict.fromkeys([*steady, *(n for names in chosen for n in names)]):
            if not any(name in f.reserved.get("variants", {}) for f in binding.files):
                notes.append(f"{binding.experiment.id}: it has no variant '{name}'")
                return False
        return True

    def _shapes(self, binding: Binding, notes: list[str]) -> list[Shape]:
        """For each choice of variants, the axes of the cases below it."""
        _, variants = variant_axes(self._options)
        choices = [()] if variants is None else [tuple(v.split("+")) for (v,) in variants.values]
        shapes = []
        for chosen in choices:
            resolution = self._resolve(binding, chosen)
            axes, said = decide_axes(binding, self._options, resolution, self._draw_root_seed)
            sought, axes, more = decide_search(
                binding, self._options, resolution, axes, self._draw_root_seed
            )
            self._sought[binding.experiment.id, chosen] = sought
            notes += [f"{binding.experiment.id}: {note}" for note in (*said, *more)]
            if chosen:
                value = "+".join(chosen)
                axes = [Axis((VARIANT,), ((value,),), f"--variant {value}"), *axes]
            shapes.append((chosen, axes))
        return shapes

    def _cases(self, binding: Binding, shapes: Sequence[Shape]) -> Iterator[Case]:
        """Those cases that the selection takes: a value of another may be as wrong as it likes."""
        skip = skip_reason(binding)
        named = self._named(binding)
        labels = self._labels(binding, shapes)
        for chosen, axes in shapes:
            resolution = self._resolve(binding, chosen)
            where = {name: axis.where for axis in axes for name in axis.names}
            sought = self._sought[binding.experiment.id, chosen]
            if sought is not None:
                where |= {one.name: one.where for one in sought.terms.space}
            for values in expand_axes(axes):
                label = next(labels)
                if self._is_selected(named, label):
                    point = values if sought is None else {**values, **sought.first}
                    case = self._case(binding, named, resolution, point, where, label)
                    case = evolve(case, axes={n: case.axes[n] for n in values})
                    fingerprint = self._fingerprints.of(case, binding)
                    yield evolve(case, skip=skip, fingerprint=fingerprint)

    def _case(
        self,
        binding: Binding,
        named: Experiment,
        resolution: Resolution,
        values: Mapping[str, Any],
        where: Mapping[str, str | None],
        label: str | None,
    ) -> Case:
        swept = {
            n: v for n, v in values.items() if n not in (VARIANT, REPEAT) or resolution.takes(n)
        }
        decided = resolution.decide(Point(swept, where), draw_seed)
        params, origins = dict(decided.params), dict(decided.origins)
        self._secret_by_name.update(decided.secret_by_name)
        if REPEAT in values:
            seed = repeat_seed(params[SEED], values[REPEAT])
            params[SEED] = seed
            origins[SEED] = (Origin(LAYER_SWEEP, where[REPEAT], seed), *origins[SEED])
        graph = resolution.graph
        keys = [
            session_key(graph, node, params)
            for node in graph.order
            if graph.provider(node).scope == "session"
        ]
        return Case(
            experiment=named,
            label=label,
            params=params,
            origins=origins,
            axes={n: MASK if resolution.hides(n) else plain(v) for n, v in values.items()},
            session_keys=frozenset(keys),
            secrets=decided.secrets,
            inputs=decided.inputs,
            kept=decided.kept,
            runs=decided.runs,
            deviations=find_deviations(binding, origins),
            choices=decided.choices,
            words=resolution.words,
        )

    def _draw_root_seed(self) -> int:
        """What random axes are drawn from where nobody gives a seed: one for the whole plan."""
        if self._root_seed is None:
            self._root_seed = draw_seed()
        return self._root_seed

    def _is_selected(self, experiment: Experiment, label: str | None) -> bool:
        return matches_case(
            experiment,
            label,
            keyword=self._keyword,
            marks=self._marks,
            node_ids=self._options.selection.node_ids,
            deselect=self._options.selection.deselect,
        )

    # Names that nobody takes

    def _taken_names(self, bindings: Sequence[Binding]) -> dict[str, frozenset[str]]:
        """By experiment id, every name that somebody asks for."""
        return {
            binding.experiment.id: frozenset(
                name
                for (identity, _), resolution in self._resolutions.items()
                if identity == binding.experiment.id
                for name in resolution.names()
            )
            for binding in bindings
        }


def chosen_variants(case: Case) -> tuple[str, ...]:
    """The variants that a case has by an axis of them."""
    chosen = case.axes.get(VARIANT)
    return () if chosen is None else tuple(chosen.split("+"))


def draw_seed() -> int:
    """A seed that nobody gave."""
    return secrets.randbits(32)


def _folder_of_archived(file: Path, cwd: Path) -> Path | None:
    """What paths in an archive's `params.toml` are relative to: the folder that it was run from.

    The present one where that is gone; None for any other file.
    """
    if not (file.parent / RUN_FILE).exists():
        return None
    try:
        folder = Path(read_record(file.parent).cwd)
        return folder if folder.is_absolute() and folder.is_dir() else cwd
    except (ReadingError, OSError, ValueError):
        return cwd


def _plugin_providers(provided: Mapping[str, Callable[..., Any]]) -> dict[str, Provider]:
    return {name: plugin_provider(name, function) for name, function in provided.items()}
