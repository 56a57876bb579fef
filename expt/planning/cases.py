"""The cases of an experiment: at every point of its axes, for another that needs it, or of a trial.

shape (axes, search) ─► points ─► values ─► what it needs ─► fingerprint ─► Case
"""

from __future__ import annotations

import os
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, Final

from expt.ground import model
from expt.ground.errors import ParameterError
from expt.ground.text import MASK
from expt.ground.trials import Trial
from expt.ground.value_classes import define, evolve, field, frozen
from expt.parameters.chained_axes import inherit_axes, point_key, points_for
from expt.parameters.coercion.plain import plain
from expt.parameters.seeds import SEED, repeat_seed
from expt.parameters.sweeps import REPEAT, expand_axes, product_size
from expt.parameters.typed_text import first_key
from expt.planning.axes import VARIANT, decide_axes, swept_names
from expt.planning.chains import Demand
from expt.planning.deviations import find_deviations
from expt.planning.naming import label_cases
from expt.planning.providers import session_key
from expt.planning.resolution import AxesPoint, Resolution
from expt.planning.searches import Sought, decide_search, value_at
from expt.planning.skipping import skip_reason
from expt.planning.unknown import unknown_parameter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import Protocol

    from expt.ground.model import Search
    from expt.ground.options import Options
    from expt.ground.trials import SpacePoint
    from expt.planning.binding import Binding
    from expt.planning.chains import Chains, Chosen, Needed, Reach
    from expt.planning.fingerprints import Fingerprints

    class ResolveCase(Protocol):
        def __call__(
            self, binding: Binding, chosen: Chosen, swept: frozenset[str] = frozenset()
        ) -> Resolution: ...


_ADDED: Final = "expt_add_cases"  # where values were said that a plugin gave
NOT_SEARCHED: Final = "it is run for what needs it, and not searched itself"


@frozen
class Shape:
    """The axes of an experiment under a choice of variants, and what is searched there."""

    chosen: Chosen
    axes: tuple[model.Axis, ...]
    sought: Sought | None = None
    notes: tuple[str, ...] = ()

    @property
    def all_axes(self) -> list[model.Axis]:
        """With that of the variants, which varies slowest."""
        if not self.chosen:
            return [*self.axes]
        value = "+".join(self.chosen)
        return [model.Axis((VARIANT,), ((value,),), f"--variant {value}"), *self.axes]

    @property
    def where(self) -> dict[str, str | None]:
        """For each name that differs between the cases, where that was said."""
        where = {name: axis.where for axis in self.all_axes for name in axis.names}
        return where | {
            one.name: one.where for one in (self.sought.terms.space if self.sought else ())
        }


@frozen(eq=False)
class Spot:
    """A point at which an experiment has a case, what it is called, and where values were said."""

    binding: Binding
    shape: Shape
    values: Mapping[str, Any]
    label: str | None
    where: Mapping[str, str | None] = field(factory=dict)


@define(eq=False)
class CaseMaker:
    """Makes the cases of one plan after the other, and of trials."""

    _options: Options
    _chains: Chains
    _resolve: ResolveCase
    _fingerprints: Fingerprints
    _shapes: dict[tuple[str, Chosen, bool], Shape] = field(factory=dict)
    _labels: dict[tuple[str, Chosen], dict[str, str]] = field(factory=dict)
    _names: dict[str, frozenset[str]] = field(factory=dict)
    secret_by_name: set[str] = field(factory=set)

    @cached_property
    def _draw(self) -> Callable[[], int]:
        return make_draw(self._options.launch)

    @cached_property
    def _draw_root_seed(self) -> Callable[[], int]:
        """What random axes are drawn from where nobody gives a seed: one for the whole plan."""
        return cache(self._draw)

    def change_values(self, options: Options) -> None:
        """Make cases with the values of `options` from now on."""
        self._options = options
        self._shapes.clear()
        self._labels.clear()
        self._names.clear()
        self.secret_by_name.clear()

    # Shapes

    def shape(self, binding: Binding, chosen: Chosen, *, needed: bool = False) -> Shape:
        """The axes of an experiment; one that others need (`needed`) is not searched itself."""
        key = (binding.experiment.id, chosen, needed)
        if key not in self._shapes:
            self._shapes[key] = self._make_shape(binding, chosen, needed=needed)
        return self._shapes[key]

    def _make_shape(self, binding: Binding, chosen: Chosen, *, needed: bool) -> Shape:
        reach = self._chains.reach(binding, chosen)
        own, notes = decide_axes(binding, self._options, reach, self._draw_root_seed)
        others = [
            self.shape(one.binding, one.chosen, needed=True).axes
            for one in self._chains.of(binding, chosen)
            if not one.need.many
        ]
        axes = inherit_axes(own, others)
        sought, left, said = decide_search(
            binding, self._options, reach, axes, self._draw_root_seed
        )
        if needed:
            notes += [NOT_SEARCHED] if sought is not None else []
            return Shape(chosen, tuple(axes), None, tuple(notes))
        return Shape(chosen, tuple(left), sought, (*notes, *said))

    def labels(self, binding: Binding, shapes: Iterable[Shape]) -> Iterator[str | None]:
        """The label of each case of each shape, in order; None for a case without axes."""
        return label_cases(
            (shape.all_axes, self._chains.reach(binding, shape.chosen).hides) for shape in shapes
        )

    # Cases

    def cases(
        self,
        binding: Binding,
        shapes: Sequence[Shape],
        is_selected: Callable[[str | None], bool],
        demand: Demand,
    ) -> Iterator[tuple[model.Case, Shape]]:
        """Those cases that the selection takes: a value of another may be as wrong as it likes."""
        labels = self.labels(binding, shapes)
        given: set[str] = set()
        for shape in shapes:
            for values in expand_axes(shape.all_axes):
                label = next(labels)
                if not is_selected(label):
                    continue
                if shape.sought is None:
                    spot = Spot(binding, shape, values, label)
                    case = self._needed_or_new(spot, demand)
                    if case.id in given:  # a value that stands on its axis twice is run twice
                        case = self._case(spot, demand)
                    given.add(case.id)
                    yield case, shape
                else:  # at some point of the space, and what it needs there is no part of the plan
                    point = {**values, **shape.sought.first}
                    case = self._case(Spot(binding, shape, point, label), Demand())
                    yield evolve(case, axes={n: case.axes[n] for n in values}), shape

    def trials(
        self, binding: Binding, shape: Shape, search: Search, point: SpacePoint
    ) -> tuple[model.Case, ...]:
        """The cases of a point of a search's space, after those that they need."""
        base = search.case
        outer = _unmasked_axes(base)
        repeats: Sequence[int | None] = range(search.repeats) if search.repeats else [None]
        if point.axes is not None:
            repeats = [point.axes.get(REPEAT)]
        demand = Demand(trial=point.number, searched=frozenset(point.values))
        cases = []
        for repeat in repeats:
            values = {**outer, **point.values} | ({} if repeat is None else {REPEAT: repeat})
            told = [base.label, f"trial-{point.number}"]
            told += [] if repeat is None else [f"repeat-{repeat}"]
            label = "-".join(part for part in told if part)
            case = self._case(Spot(binding, shape, values, label, search.where), demand)
            trial = Trial(search.study, point.number, search.terms, point.pruning, search.by_hand)
            cases.append(evolve(case, skip=base.skip, trial=trial))
        return (*demand.needed_by(cases), *cases)

    def varied(
        self, binding: Binding, shape: Shape, base: model.Case, point: Mapping[str, Any]
    ) -> tuple[model.Case, ...]:
        """The case with the values of `point` in the place of its own, after those it needs."""
        values = {**_unmasked_axes(base), **point}
        resolution = self.resolution(binding, shape.chosen, values)
        for name in point:
            if name != REPEAT and not resolution.takes(first_key(name)):
                raise unknown_parameter(name, _ADDED, sorted(resolution.graph.askers))
        axes = tuple(model.Axis((name,), [(values[name],)]) for name in values if name != VARIANT)
        (label,) = self.labels(binding, [Shape(shape.chosen, axes)])
        demand = Demand()
        where = dict.fromkeys(point, _ADDED)
        case = self._case(Spot(binding, shape, values, label, where), demand)
        for name in point:
            if (known := case.origins.get(name)) and known[0].layer == model.LAYER_COMMAND:
                raise ParameterError(f"'{name}' is final: {known[0].where} says it", _ADDED)
        return (*demand.needed_by([case]), case)

    def _needed_or_new(self, spot: Spot, demand: Demand) -> model.Case:
        """The one case of a plan at a point, whoever asks for it first."""
        key = (spot.binding.experiment.id, spot.shape.chosen, point_key(spot.values))
        if key not in demand.cases:
            demand.cases[key] = self._case(spot, demand)
        return demand.cases[key]

    def _case(self, spot: Spot, demand: Demand) -> model.Case:
        """The case at a point."""
        binding, shape, values = spot.binding, spot.shape, spot.values
        resolution = self.resolution(binding, shape.chosen, values)
        reach = self._chains.reach(binding, shape.chosen)
        where = {**shape.where, **spot.where}
        swept = {
            n: v for n, v in values.items() if n not in (VARIANT, REPEAT) or resolution.takes(n)
        }
        decided = resolution.decide(AxesPoint(swept, where), self._draw)
        params, origins = dict(decided.params), dict(decided.origins)
        self.secret_by_name.update(decided.secret_by_name)
        if REPEAT in values:
            params[SEED] = seed = repeat_seed(params[SEED], values[REPEAT])
            drawn = model.Origin(model.LAYER_SWEEP, where.get(REPEAT), seed)
            origins[SEED] = (drawn, *origins[SEED])
        needs: dict[str, tuple[str, ...]] = {}
        prints: dict[str, list[str]] = {}
        for one in self._chains.of(binding, shape.chosen):
            name = one.need.name
            cases = list(self._needed(one, evolve(spot, where=where), demand))
            needs[name] = tuple(case.id for case in cases)
            prints[name] = [case.fingerprint or "" for case in cases]
            params[name] = [*needs[name]] if one.need.many else needs[name][0]
            above, *below = origins[name]
            origins[name] = (evolve(above, value=params[name]), *below)
        graph = resolution.graph
        keys = [
            session_key(graph, node, params)
            for node in graph.order
            if graph.provider(node).scope == "session"
        ]
        case = model.Case(
            experiment=binding.named,
            label=spot.label,
            params=params,
            origins=origins,
            axes={n: MASK if reach.hides(n) else plain(v) for n, v in values.items()},
            session_keys=frozenset(keys),
            secrets=decided.secrets,
            inputs=decided.inputs,
            kept=decided.kept,
            runs=decided.runs,
            needs=needs,
            deviations=find_deviations(binding, origins),
            choices=decided.choices,
            words=resolution.words,
            skip=skip_reason(binding),
        )
        return evolve(case, fingerprint=self._fingerprints.of(case, binding, prints))

    def resolution(self, binding: Binding, chosen: Chosen, names: Iterable[str]) -> Resolution:
        """The names of an experiment where `names` are swept, by it or by what needs it."""
        known = self._resolve(binding, chosen)
        others = [n for n in names if n not in self._own_names(binding)]
        extra = frozenset(n for n in others if known.takes(first_key(n)))
        return self._resolve(binding, chosen, extra) if extra else known

    def _own_names(self, binding: Binding) -> frozenset[str]:
        """The names whose axes an experiment has whoever needs it."""
        id_ = binding.experiment.id
        if id_ not in self._names:
            self._names[id_] = swept_names(binding, self._options) | {VARIANT, REPEAT}
        return self._names[id_]

    # What a case needs

    def _needed(self, needed: Needed, spot: Spot, demand: Demand) -> Iterator[model.Case]:
        """The cases of an experiment that a case at a point needs."""
        binding, chosen = needed.binding, needed.chosen
        shape = self.shape(binding, chosen, needed=True)
        reach = self._chains.reach(binding, chosen)
        own = {name for axis in shape.axes for name in axis.names}
        given = {n: v for n, v in spot.values.items() if n in own or _hands_on(n, reach)}
        variant = {VARIANT: "+".join(chosen)} if chosen else {}
        for point in points_for(shape.axes, given):
            point = {**variant, **point}
            label = self._label(binding, shape, point, reach, demand)
            yield self._needed_or_new(Spot(binding, shape, point, label, spot.where), demand)

    def _label(
        self, binding: Binding, shape: Shape, point: Mapping[str, Any], reach: Reach, demand: Demand
    ) -> str | None:
        """The label of a case that is needed: the one that its experiment gives it, if it does."""
        key = (binding.experiment.id, shape.chosen)
        if key not in self._labels:
            self._labels[key] = {}
            if product_size(shape.axes) <= self._options.values.max_cases:
                points = map(point_key, expand_axes(shape.all_axes))
                labels = self.labels(binding, [shape])
                self._labels[key] = {
                    p: told for p, told in zip(points, labels, strict=True) if told
                }
        known = self._labels[key].get(point_key(point))
        if known is not None or not point:
            return known
        plainly = {n: v for n, v in point.items() if n not in demand.searched}
        axes = [model.Axis((name,), ((value,),)) for name, value in plainly.items()]
        label = next(label_cases([(axes, reach.hides)])) if axes else None
        if len(plainly) < len(point):
            label = "-".join(filter(None, [label, f"trial-{demand.trial}"]))
        return demand.free_label(binding.experiment.id, label or "")


def _hands_on(name: str, reach: Reach) -> bool:
    """Whether a swept value reaches an experiment that is needed."""
    return (
        name not in (VARIANT, REPEAT)
        and reach.own.fixing(name) is None
        and reach.takes(first_key(name))
    )


def _unmasked_axes(case: model.Case) -> dict[str, Any]:
    """What a case is swept by, secrets among it."""
    return {
        name: value_at(case.params, name) if value == MASK else value
        for name, value in case.axes.items()
    }


def chosen_variants(case: model.Case) -> Chosen:
    """The variants that a case has by an axis of them."""
    chosen = case.axes.get(VARIANT)
    return () if chosen is None else tuple(chosen.split("+"))


def make_draw(launch: str | None) -> Callable[[], int]:
    """Draws seeds that nobody gave; the same ones, one after the other, for the same `launch`."""
    if launch is None:
        return lambda: int.from_bytes(os.urandom(4), "little")
    import random  # slow, and few sessions are launched

    drawn = random.Random(launch)  # noqa: S311 - nothing is to be kept secret by it
    return lambda: drawn.getrandbits(32)
