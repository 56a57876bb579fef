"""Experiments with those that they need: what all of them take, in which order, at which points.

evaluate ─ of ─► train      takes threshold, and lr for what it needs
evaluate[lr-0.1-threshold-1] ─ points_for ─► train[lr-0.1]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from expt.ground.errors import PlanningError
from expt.ground.value_classes import define, evolve, field, frozen
from expt.parameters.typed_text import first_key
from expt.planning.needs import Need, find_needed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from expt.ground.model import Case, Experiment
    from expt.planning.binding import Binding
    from expt.planning.places import Files
    from expt.planning.resolution import Resolution

_DEEPEST: Final = 100  # experiments of a chain

Chosen = tuple[str, ...]
"""The variants of an axis of them."""


@frozen(eq=False)
class Needed:
    """An experiment that another needs, under a choice of variants."""

    need: Need
    binding: Binding
    chosen: Chosen


@frozen(eq=False)
class Reach:
    """What an experiment takes together with all that it needs.

    Where it needs the runs of all cases, these are varied for themselves.
    """

    own: Resolution
    others: tuple[Resolution, ...] = ()

    def takes(self, name: str) -> bool:
        """Whether anything in the chain takes a name (dotted: its first part)."""
        return self.own.takes(name) or any(other.takes(name) for other in self._varied(name))

    def annotation_of(self, name: str) -> Any:
        """The annotation at a dotted name, of the first in the chain that takes it."""
        head = first_key(name)
        others = [other for other in self._varied(name) if other.takes(head)]
        if self.own.takes(head) or not others:
            return self.own.annotation_of(name)
        return others[0].annotation_of(name)

    def hides(self, name: str) -> bool:
        """Whether a text at a dotted name is secret to anything in the chain."""
        return self.own.hides(name) or any(other.hides(name) for other in self.others)

    def _varied(self, name: str) -> list[Resolution]:
        return [other for other in self.others if other.fixing(name) is None]


@define(eq=False)
class Chains:
    """The experiments of one tree by what they need; each is found once."""

    _files: Files
    _bind: Callable[[Experiment], Binding]
    _resolve: Callable[[Binding, Chosen], Resolution]
    _found: dict[str, Binding] = field(factory=dict)
    _needed: dict[tuple[str, Chosen], tuple[Needed, ...]] = field(factory=dict)
    _reach: dict[tuple[str, Chosen], Reach] = field(factory=dict)

    def forget(self) -> None:
        """Other values: what is needed may be another."""
        self._needed.clear()
        self._reach.clear()

    def of(self, binding: Binding, chosen: Chosen) -> tuple[Needed, ...]:
        """What an experiment needs, where nothing else gives the argument."""
        key = binding.experiment.id, chosen
        if key not in self._needed:
            resolution = self._resolve(binding, chosen)
            self._needed[key] = tuple(
                self._find(need, chosen)
                for need in binding.needs.values()
                if resolution.is_needed(need.name)
            )
        return self._needed[key]

    def _find(self, need: Need, chosen: Chosen) -> Needed:
        if need.target not in self._found:
            experiment = evolve(find_needed(need, self._files), axes=None)
            self._found[need.target] = self._bind(experiment)
        binding = self._found[need.target]
        tables = [file.reserved.get("variants", {}) for file in binding.files]
        has_any = any(name in table for name in chosen for table in tables)
        return Needed(need, binding, chosen if has_any else ())

    def reach(self, binding: Binding, chosen: Chosen) -> Reach:
        """What it and all that it needs take. There is no circle: see `ordered`."""
        key = binding.experiment.id, chosen
        if key not in self._reach:
            needed = [one for one in self.of(binding, chosen) if not one.need.many]
            others: dict[Resolution, None] = {}
            for one in needed:
                reach = self.reach(one.binding, one.chosen)
                others |= dict.fromkeys((reach.own, *reach.others))
            self._reach[key] = Reach(self._resolve(binding, chosen), tuple(others))
        return self._reach[key]

    def ordered(self, bindings: Iterable[tuple[Binding, Chosen]]) -> dict[str, Binding]:
        """Experiments by id with all that they need, which comes first; else as they were.

        Raises `PlanningError` for a circle, with the chain.
        """
        ordered: dict[str, Binding] = {}
        lengths: dict[tuple[str, Chosen], int] = {}  # of the chains that end here

        def visit(binding: Binding, chosen: Chosen, above: tuple[str, ...]) -> int:
            key = (binding.experiment.id, chosen)
            if key in lengths:
                return lengths[key]
            chain, length = (*above, binding.experiment.id), 1
            for one in self.of(binding, chosen):
                other = one.binding.experiment.id
                if other in chain:
                    told = " → ".join((*chain[chain.index(other) :], other))
                    raise PlanningError(f"'{other}' needs itself", one.need.where, told)
                length = max(length, 1 + visit(one.binding, one.chosen, chain))
                if max(length, len(chain)) > _DEEPEST:
                    what = f"more than {_DEEPEST} experiments need each other one after the other"
                    raise PlanningError(what, one.need.where)
            ordered.setdefault(binding.experiment.id, binding)
            lengths[key] = length
            return length

        for binding, chosen in bindings:
            visit(binding, chosen, ())
        return ordered

    def needed_by(self, bindings: Iterable[tuple[Binding, Chosen]]) -> frozenset[str]:
        """The ids of all that experiments need, however far away."""
        found: set[str] = set()
        pending = [one for binding, chosen in bindings for one in self.of(binding, chosen)]
        while pending:
            one = pending.pop()
            if one.binding.experiment.id not in found:
                found.add(one.binding.experiment.id)
                pending += self.of(one.binding, one.chosen)
        return frozenset(found)


@define
class Demand:
    """The cases that others need, each made once: by its experiment, variants and point.

    Of a trial, `trial` is its number and `searched` the names that it varies.
    """

    cases: dict[tuple[str, Chosen, str], Case] = field(factory=dict)
    trial: int | None = None
    searched: frozenset[str] = frozenset()

    def needed_by(self, cases: Iterable[Case]) -> list[Case]:
        """Those of the cases that others need, however far away, in the order they were made."""
        by_id = {case.id: case for case in self.cases.values()}
        wanted: set[str] = set()
        pending = [id_ for case in cases for ids in case.needs.values() for id_ in ids]
        while pending:
            id_ = pending.pop()
            if id_ not in wanted:
                wanted.add(id_)
                pending += [other for ids in by_id[id_].needs.values() for other in ids]
        return [case for case in self.cases.values() if case.id in wanted]

    def free_label(self, experiment: str, label: str) -> str:
        """The label, or one like it that no other case of the experiment has."""
        taken = {case.label for case in self.cases.values() if case.experiment.id == experiment}
        while label in taken:
            label += "_"
        return label
