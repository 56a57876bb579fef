"""The ladder of layers and providers: who supplies a name, and what it comes to for all cases.

    plugin providers < defaults < folders (conftest, params.toml, [experiment]) < module
        < --variant < --smoke < --params < sweep < -p

A provider that asks for its own name wraps the value that would otherwise have been used. Values
of variants, smoke and files stand below such providers, so that an archive's values reproduce it;
those of sweeps and `-p` are final.
"""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING, Any

from expt.ground import model
from expt.ground.errors import PlanningError
from expt.ground.options import Typed
from expt.ground.value_classes import evolve, frozen
from expt.parameters.choices import read_choices
from expt.parameters.coercion.annotations import annotation_at, checks_nothing
from expt.parameters.coercion.plain import shown
from expt.parameters.environment import Environment
from expt.parameters.layers import Layer, Resolved
from expt.parameters.seeds import SEED
from expt.parameters.typed_text import read_assigned
from expt.planning.needs import needed_annotation
from expt.planning.providers import Function, Graph, Provider, Supply, build_graph
from expt.planning.words import words_of_files, words_together

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from expt.ground.options import Assignment
    from expt.parameters.layers import Where
    from expt.planning.binding import Binding, Rank
    from expt.planning.contents import Listener
    from expt.planning.words import Words


@frozen(eq=False)
class Climbed:
    """One name, resolved as far as all cases share it."""

    name: str
    annotation: Any
    resolved: Resolved
    providers: tuple[model.Origin, ...]
    shadowed: tuple[tuple[int, model.Origin], ...]


class Ladder:
    """One experiment's layers and providers; `final` are names that a sweep or `-p` sets whole."""

    def __init__(
        self, binding: Binding, overrides: Sequence[Layer], final: frozenset[str], cwd: Path
    ) -> None:
        self._binding = binding
        self._overrides = overrides
        self._final = final
        self._cwd = cwd
        self.choices = read_choices(binding.files)
        self.graph: Graph = build_graph(
            binding.function, self._supply, {one: self._asking(one) for one in binding.listeners}
        )

    def _asking(self, listener: Listener) -> Function:
        """A listener with those of its arguments that its point does not pass.

        Of what the point passes now and then, or may pass for all that sources tell, those that
        anything else supplies.
        """
        point, asker = listener.passes, listener.asker
        if point is None:  # nothing that the experiment imports calls it
            return evolve(asker, asks=())
        names = asker.asks[1:] if point.filters else asker.asks
        unsure = set(asker.asks[:1]) if point.filters is None else set()
        asks = [
            name
            for name in names
            if name not in point.always
            and (not (name in unsure or point.may_pass(name)) or self._is_supplied(name, asker))
        ]
        passed = f"the hook point '{listener.point}' passes: "
        passed += ", ".join(sorted(point.maybe or point.always)) or "nothing by name"
        return evolve(asker, asks=tuple(asks), hint=passed)

    def _is_supplied(self, name: str, asker: Function) -> bool:
        return (
            name in model.BUILTIN_PROVIDERS
            or name in asker.defaults
            or self._is_set_above(name)
            or any(provider_in(rank, name) is not None for rank in self._binding.ranks)
        )

    @cached_property
    def words(self) -> dict[str, Words]:
        """What is said of names, by dotted name: by the experiment before its providers.

        What a file says counts where no function says it.
        """
        by_files = words_of_files(self._binding.files, self._binding.tables)
        by_functions = [function.words for function in self.graph.functions()]
        return words_together([by_files, *reversed(by_functions)])

    @property
    def environment(self) -> Environment:
        """What texts of files are read with."""
        return Environment(os.environ, self._cwd, self.graph.supplies.keys())

    # Who supplies a name

    def _supply(self, name: str) -> Supply:
        if name in self._final:
            return Supply(name)
        wrapping: list[Provider] = []
        overridden = any(name in layer.values for layer in self._overrides)
        for rank in reversed(self._binding.ranks[1:]):
            found = provider_in(rank, name)
            if found is not None:
                if any(found.function.call is one.function.call for one in wrapping):
                    continue  # imported from further out: it wraps once, where it stands nearest
                if not found.wraps:
                    return Supply(name, tuple(wrapping) if overridden else (*wrapping, found))
                wrapping.append(found)
            elif isinstance(rank, Layer) and name in rank.values:
                return Supply(name, tuple(wrapping))
        plugin = provider_in(self._binding.ranks[0], name)
        defaulted = (
            name in self._binding.needs
            or name in self._binding.function.defaults
            or any(name in provider.function.defaults for provider in wrapping)
        )
        if plugin is None or overridden or defaulted:
            return Supply(name, tuple(wrapping))
        return Supply(name, (*wrapping, plugin))

    # What a value comes to

    def climb(self, name: str) -> Climbed:
        askers = self.graph.askers.get(name, ())
        annotation = self.annotation(name)
        resolved = self._lay_defaults(Resolved(name), name, askers)
        need = self._binding.needs.get(name)
        if need is not None:
            resolved = resolved.lay(model.LAYER_NEEDS, need.where, need.target)
        laid = int(resolved.is_known)
        shadowed: list[tuple[int, model.Origin]] = []
        active = {id(provider) for provider in self._active(name)}
        for rank in self._binding.ranks:
            provider = provider_in(rank, name)
            if provider is not None and id(provider) not in active:
                shadowed.append((laid, provider_origin(provider)))
            elif isinstance(rank, Layer) and name in rank.values:
                resolved = self._lay_layer(resolved, rank)
                laid += 1
        for layer in self._overrides:
            if name in layer.values:
                resolved = self._lay_layer(resolved, layer)
        told = tuple(provider_origin(provider) for provider in self._active(name))
        return Climbed(name, annotation, resolved, told, tuple(shadowed))

    def _lay_layer(self, resolved: Resolved, layer: Layer) -> Resolved:
        """With what a layer says; the values of an archive's choice stand over that member."""
        name = resolved.name
        member = layer.chosen.get(name)
        if member is not None:
            choice = self.choices.get(name)
            if choice is not None and member in choice.members:
                resolved = choice.take(resolved, layer.name, layer.where, member)
            else:  # the tree has it no more
                at = layer.where((name,))
                resolved = resolved.choose(layer.name, at, member, {}, layer.where)
        return self.lay(resolved, layer.name, layer.where, layer.values[name])

    def lay(
        self,
        resolved: Resolved,
        layer: str,
        where: str | Where | None,
        value: Any,
        below: tuple[str, ...] = (),
        append: bool = False,
    ) -> Resolved:
        """`Resolved.lay`, where the name of a choice's member stands for its table."""
        choice = self.choices.get(resolved.name)
        if choice is None or below or append or not isinstance(value, str):
            return resolved.lay(layer, where, value, path=below, append=append)
        member, _ = self.environment.settle(value, str)
        return choice.take(resolved, layer, where, member)

    def _active(self, name: str) -> tuple[Provider, ...]:
        supply = self.graph.supplies.get(name)
        return () if supply is None else supply.providers

    def annotation(self, name: str) -> Any:
        """What is wanted of a name, by the first who asks for it and says something."""
        askers = self.graph.askers.get(name, ())
        found = [asker.annotations[name] for asker in askers if name in asker.annotations]
        strict = [annotation for annotation in found if not checks_nothing(annotation)]
        kinds = [] if found else kinds_of(name, askers)
        said = (strict or found or kinds or [int if name == SEED else Any])[0]
        return needed_annotation(self._binding.needs, name, said)

    def _lay_defaults(self, resolved: Resolved, name: str, askers: Sequence[Function]) -> Resolved:
        """The experiment's own default stands over those of its providers."""
        root = self._binding.function
        theirs = [f for f in askers if f is not root and name in f.defaults]
        own = name in root.defaults and root in askers
        if theirs and not own and not self._is_set_above(name):
            self._reject_disagreement(name, theirs)
        for asker in [*reversed(theirs), *([root] if own else [])]:
            default = asker.defaults[name]
            if name == SEED and default is None:
                continue  # no seed: one is drawn
            choice = self.choices.get(name)
            if choice is not None and isinstance(default, str) and default in choice.members:
                resolved = choice.take(resolved, model.LAYER_DEFAULT, str(asker.place), default)
            else:
                resolved = resolved.lay(model.LAYER_DEFAULT, str(asker.place), default)
        return resolved

    def _reject_disagreement(self, name: str, functions: Sequence[Function]) -> None:
        first = functions[0]
        for other in functions[1:]:
            if _differ(first.defaults[name], other.defaults[name]):
                raise PlanningError(
                    f"two providers have different defaults for '{name}'",
                    f"{first.place} ({first.name}: {shown(first.defaults[name])})",
                    f"{other.place} ({other.name}: {shown(other.defaults[name])})\n"
                    f"give '{name}' a value in params.toml, or in the experiment's signature",
                )

    def _is_set_above(self, name: str) -> bool:
        layers = [rank for rank in self._binding.ranks if isinstance(rank, Layer)]
        return (
            name in self._final
            or name in self._binding.needs
            or any(name in layer.values for layer in [*layers, *self._overrides])
        )

    def lay_given(self, resolved: Resolved, one: Assignment, annotation: Any) -> Resolved:
        below = one.name[1:]
        value = read_assigned(one, annotation_at(annotation, below))
        choice = self.choices.get(one.name[0])
        if choice is not None and isinstance(one.value, Typed) and one.value.text in choice.members:
            value = one.value.text  # also a name that TOML would read as something else
        return self.lay(
            resolved, model.LAYER_COMMAND, one.where, value, below, one.operator == "+="
        )


def kinds_of(name: str, askers: Iterable[Function]) -> list[Any]:
    """What the first default says of a name that nobody annotates."""
    kinds = [asker.kinds[name] for asker in askers if asker.kinds.get(name) is not None]
    return kinds[:1]


def provider_in(rank: Rank, name: str) -> Provider | None:
    return None if isinstance(rank, Layer) else rank.get(name)


def provider_origin(provider: Provider) -> model.Origin:
    return model.Origin(model.LAYER_PROVIDER, str(provider.place))


def _differ(one: Any, other: Any) -> bool:
    try:
        return one is not other and bool(one != other)
    except Exception:  # an array's comparison, say: what cannot be compared is not the same
        return True
