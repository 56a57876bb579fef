"""What an experiment's names come to: the ladder of layers, climbed once for all its cases.

    plugin providers < defaults < folders (conftest, params.toml, [experiment]) < module
        < --variant < --smoke < --params < sweep < -p

A provider that asks for its own name wraps the value that would otherwise have been used. Values
of variants, smoke and files stand below such providers, so that an archive's values reproduce it;
those of sweeps and `-p` are final.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs

from expt.ground.declarations import Secret
from expt.ground.errors import ParameterError, PlanningError
from expt.ground.model import (
    LAYER_COMMAND,
    LAYER_DEFAULT,
    LAYER_DRAWN,
    LAYER_PROVIDER,
    LAYER_SWEEP,
    Origin,
)
from expt.ground.options import Typed
from expt.parameters import (
    MASK,
    SEED,
    Layer,
    Resolved,
    find_secrets,
    parse_name,
    read_assigned,
    read_choices,
    settle_value,
)
from expt.parameters.coercion import (
    Coercer,
    Convert,
    Misfit,
    annotation_at,
    checks_nothing,
    dotted,
    holds_opaque,
    plain,
    shown,
    wants_path,
)
from expt.planning.providers import Function, Graph, Provider, Supply, build_graph, missing_value

if TYPE_CHECKING:
    from expt.ground.options import Assignment
    from expt.parameters import Where
    from expt.planning.binding import Binding, Rank


@attrs.frozen
class Point:
    """One point of the sweep: values by dotted name, and where each was said."""

    values: Mapping[str, Any]
    where: Mapping[str, str | None]


@attrs.frozen(eq=False)
class Decided:
    """The values of one case: plain, with origins by dotted leaf."""

    params: Mapping[str, Any]
    origins: Mapping[str, tuple[Origin, ...]]
    secrets: frozenset[str]
    inputs: tuple[str, ...]
    choices: Mapping[str, str]
    secret_by_name: tuple[str, ...] = ()


@attrs.frozen(eq=False)
class _Name:
    """One name, resolved as far as all cases share it."""

    name: str
    annotation: Any
    resolved: Resolved
    providers: tuple[Origin, ...]
    shadowed: tuple[tuple[int, Origin], ...]


_DecidedName = tuple[Any, dict[str, tuple[Origin, ...]], dict[str, bool], str | None]
"""A plain value, its origins by dotted leaf, its secret leaves, and the member that it is."""


class Resolution:
    """One experiment's names under the overrides of one session, for every case of one shape.

    The shape is what decides the graph: which names are swept, and which variants are on.
    """

    def __init__(
        self,
        binding: Binding,
        overrides: Sequence[Layer],
        given: Sequence[Assignment],
        swept: frozenset[str],
        cwd: Path,
        convert: Convert | None,
    ) -> None:
        self._binding = binding
        self._overrides = overrides
        self._given = given
        self._choices = read_choices(binding.files)
        self._swept = swept
        self._cwd = cwd
        self._coercer = Coercer(convert)
        self._final = {one.name[0] for one in given if len(one.name) == 1 and one.operator != "+="}
        self._final |= {name for name in swept if "." not in name}
        self.graph: Graph = build_graph(binding.function, self._supply)
        self._names = {name: self._climb(name) for name in self._taken()}
        self._check_known()
        self._provided = dict(self._provided_origins())
        self._shared: dict[str, _DecidedName] = {}
        self._paths: dict[str, tuple[str, ...]] = {}

    def takes(self, name: str) -> bool:
        """Whether the experiment or one of its providers takes a name (dotted: its first part)."""
        return name in self.graph.askers or name == SEED

    def annotation_of(self, name: str) -> Any:
        """The annotation at a dotted name, for reading a text of the command line."""
        path = parse_name(name, "--sweep")
        known = self._names.get(path[0])
        return Any if known is None else annotation_at(known.annotation, path[1:])

    def hides(self, name: str) -> bool:
        """Whether a text at a dotted name is secret."""
        return bool(find_secrets(name.rpartition(".")[2], "", self.annotation_of(name)))

    @property
    def fixed_names(self) -> frozenset[str]:
        """Dotted names that `-p` sets, so that an axis of one collapses."""
        return frozenset(dotted(one.name) for one in self._given if one.operator != "+=")

    @cached_property
    def words(self) -> dict[str, Mapping[str, str]]:
        """What is said of the names, by dotted name: by the experiment before its providers."""
        said: dict[str, Mapping[str, str]] = {}
        for function in reversed(list(self.graph.functions())):
            said.update(function.words)
        return {n: words for n, words in said.items() if parse_name(n, "")[0] in {*self.names()}}

    def names(self) -> Iterator[str]:
        """Every name that somebody asks for, built-in ones aside."""
        yield from self.graph.supplies
        if SEED not in self.graph.supplies:
            yield SEED

    # Who supplies a name

    def _supply(self, name: str) -> Supply:
        if name in self._final:
            return Supply(name)
        wrapping: list[Provider] = []
        overridden = any(name in layer.values for layer in self._overrides)
        for rank in reversed(self._binding.ranks[1:]):
            found = _provider_in(rank, name)
            if found is not None:
                if any(found.function.call is one.function.call for one in wrapping):
                    continue  # imported from further out: it wraps once, where it stands nearest
                if not found.wraps:
                    return Supply(name, tuple(wrapping) if overridden else (*wrapping, found))
                wrapping.append(found)
            elif isinstance(rank, Layer) and name in rank.values:
                return Supply(name, tuple(wrapping))
        plugin = _provider_in(self._binding.ranks[0], name)
        defaulted = name in self._binding.function.defaults or any(
            name in provider.function.defaults for provider in wrapping
        )
        if plugin is None or overridden or defaulted:
            return Supply(name, tuple(wrapping))
        return Supply(name, (*wrapping, plugin))

    def _taken(self) -> list[str]:
        values = [name for name in self.graph.supplies if self.graph.supplies[name].is_value]
        return values if SEED in values else [*values, SEED]

    # What a value comes to

    def _climb(self, name: str) -> _Name:
        askers = self.graph.askers.get(name, ())
        annotation = self._annotation(name, askers)
        resolved = self._lay_defaults(Resolved(name), name, askers)
        laid = int(resolved.is_known)
        shadowed: list[tuple[int, Origin]] = []
        active = {id(provider) for provider in self._active(name)}
        for rank in self._binding.ranks:
            provider = _provider_in(rank, name)
            if provider is not None and id(provider) not in active:
                shadowed.append((laid, _provider_origin(provider)))
            elif isinstance(rank, Layer) and name in rank.values:
                resolved = self._lay_layer(resolved, rank)
                laid += 1
        for layer in self._overrides:
            if name in layer.values:
                resolved = self._lay_layer(resolved, layer)
        told = tuple(_provider_origin(provider) for provider in self._active(name))
        return _Name(name, annotation, resolved, told, tuple(shadowed))

    def _lay_layer(self, resolved: Resolved, layer: Layer) -> Resolved:
        """With what a layer says; the values of an archive's choice stand over that member."""
        name = resolved.name
        member = layer.chosen.get(name)
        if member is not None:
            choice = self._choices.get(name)
            if choice is not None and member in choice.members:
                resolved = choice.take(resolved, layer.name, layer.where, member)
            else:  # the tree has it no more
                at = layer.where((name,))
                resolved = resolved.choose(layer.name, at, member, {}, layer.where)
        return self._lay(resolved, layer.name, layer.where, layer.values[name])

    def _lay(
        self,
        resolved: Resolved,
        layer: str,
        where: str | Where | None,
        value: Any,
        below: tuple[str, ...] = (),
        append: bool = False,
    ) -> Resolved:
        """`Resolved.lay`, where the name of a choice's member stands for its table."""
        choice = self._choices.get(resolved.name)
        if choice is None or below or append or not isinstance(value, str):
            return resolved.lay(layer, where, value, path=below, append=append)
        member, _ = settle_value(value, str, os.environ, self._cwd, self.graph.supplies.keys())
        return choice.take(resolved, layer, where, member)

    def _active(self, name: str) -> tuple[Provider, ...]:
        supply = self.graph.supplies.get(name)
        return () if supply is None else supply.providers

    def _annotation(self, name: str, askers: Iterable[Function]) -> Any:
        found = [asker.annotations[name] for asker in askers if name in asker.annotations]
        strict = [annotation for annotation in found if not checks_nothing(annotation)]
        kinds = [] if found else _kinds(name, askers)
        return (strict or found or kinds or [int if name == SEED else Any])[0]

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
            choice = self._choices.get(name)
            if choice is not None and isinstance(default, str) and default in choice.members:
                resolved = choice.take(resolved, LAYER_DEFAULT, str(asker.place), default)
            else:
                resolved = resolved.lay(LAYER_DEFAULT, str(asker.place), default)
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
        return name in self._final or any(
            name in layer.values for layer in [*layers, *self._overrides]
        )

    def _check_known(self) -> None:
        for name in self.graph.values:
            swept = any(_head(path) == name for path in self._swept)
            given = any(one.name[0] == name for one in self._given)
            if name != SEED and not (self._names[name].resolved.is_known or swept or given):
                known = [*self._all_names(), *self._names]
                raise missing_value(self.graph, name, known, self._binding.fixtures.get(name))

    def _all_names(self) -> Iterator[str]:
        for rank in self._binding.ranks:
            yield from rank.values if isinstance(rank, Layer) else rank

    # One case

    def decide(self, point: Point, seed: Callable[[], int]) -> Decided:
        """The values at one point of the sweep. `seed` draws one where nobody gives it.

        Raises `ParameterError` for a value that does not fit its annotation.
        """
        swept = {self._path(name)[0] for name in point.values}
        params: dict[str, Any] = {}
        origins: dict[str, tuple[Origin, ...]] = {}
        secrets: dict[str, bool] = {}
        choices: dict[str, str] = {}
        for name, known in self._names.items():
            if name in swept:
                value, told, hidden, member = self._decide_name(known, point, seed)
            else:
                if name not in self._shared:
                    self._shared[name] = self._decide_name(known, _NO_POINT, seed)
                value, told, hidden, member = self._shared[name]
                if name == SEED and is_drawn(told[SEED]):
                    del self._shared[name]  # another one for every case
            params[name] = value
            origins.update(told)
            secrets.update(hidden)
            if member is not None:
                choices[name] = member
        origins.update(self._provided)
        inputs = tuple(self._find_inputs(params))
        by_name = tuple(name for name, only in secrets.items() if only)
        return Decided(params, origins, frozenset(secrets), inputs, choices, by_name)

    def root_seed(self, seed: Callable[[], int]) -> tuple[int, bool]:
        """What axes are drawn from, the seed as it stands below any sweep; whether it was given."""
        value, told, _, _ = self._decide_name(self._names[SEED], _NO_POINT, seed)
        return value, not is_drawn(told[SEED])

    def _path(self, swept: str) -> tuple[str, ...]:
        if swept not in self._paths:
            self._paths[swept] = parse_name(swept, "--sweep")
        return self._paths[swept]

    def _decide_name(self, known: _Name, point: Point, seed: Callable[[], int]) -> _DecidedName:
        name, annotation = known.name, known.annotation
        resolved = known.resolved
        for swept in sorted(point.values, key=lambda swept: len(self._path(swept))):
            path = self._path(swept)
            if path[0] == name:
                value = point.values[swept]
                resolved = self._lay(resolved, LAYER_SWEEP, point.where[swept], value, path[1:])
        given = [one for one in self._given if one.name[0] == name]
        if name in self._choices:  # first the member, then what reaches into it
            given.sort(key=lambda one: len(one.name) > 1)
        for one in given:
            resolved = self._lay_given(resolved, one, annotation)
        if name == SEED and (not resolved.is_known or resolved.value is None):
            resolved = resolved.lay(LAYER_DRAWN, None, seed())
        resolved = resolved.settle(annotation, os.environ, self._cwd, self.graph.supplies.keys())
        value = self._check(name, resolved)
        hidden = self._find_secrets(name, value)
        told = {
            leaf: _mask(chain) if _is_in(leaf, hidden) else chain
            for leaf, chain in self._told(known, resolved).items()
        }
        member = resolved.chosen[0].value if resolved.chosen else None
        return _without_secret(value), told, hidden, member

    def _lay_given(self, resolved: Resolved, one: Assignment, annotation: Any) -> Resolved:
        below = one.name[1:]
        value = read_assigned(one, annotation_at(annotation, below))
        choice = self._choices.get(one.name[0])
        if choice is not None and isinstance(one.value, Typed) and one.value.text in choice.members:
            value = one.value.text  # also a name that TOML would read as something else
        return self._lay(resolved, LAYER_COMMAND, one.where, value, below, one.operator == "+=")

    def _check(self, name: str, resolved: Resolved) -> Any:
        """The value as plain data, once it fits whoever asks for it."""
        if resolved.layer == LAYER_DEFAULT:
            return plain(resolved.value)
        value = None
        for annotation in self._wanted(name):
            try:
                typed = self._coercer(resolved.value, annotation)
            except Misfit as misfit:
                secret = bool(find_secrets(name, resolved.value, annotation))
                raise resolved.misfit_error(misfit, secret=secret) from None
            if not isinstance(resolved.value, Mapping) and not checks_nothing(annotation):
                value = plain(typed)
        if name == SEED and (
            isinstance(resolved.value, bool) or not isinstance(plain(resolved.value), int)
        ):
            raise resolved.misfit_error(Misfit("int", resolved.value))
        if value is None or holds_opaque(value):  # else it was converted to a class of the user's
            value = plain(resolved.value)
            if holds_opaque(value):
                _reject_opaque(resolved)
        return value

    def _wanted(self, name: str) -> list[Any]:
        """The annotations that a value is held against, of everybody who asks for it."""
        askers = self.graph.askers.get(name, ())
        wanted = [asker.annotations.get(name, Any) for asker in askers] or [Any]
        said = any(name in asker.annotations for asker in askers)
        return wanted if said else [*wanted, *_kinds(name, askers)]

    def _told(self, known: _Name, resolved: Resolved) -> dict[str, tuple[Origin, ...]]:
        told: dict[str, tuple[Origin, ...]] = {}
        for leaf, chain in resolved.origins.items():
            weakest_first = list(reversed(chain))
            for position, origin in reversed(known.shadowed):
                weakest_first.insert(min(position, len(weakest_first)), origin)
            told[leaf] = (*known.providers, *reversed(weakest_first))
        return told

    def _provided_origins(self) -> Iterator[tuple[str, tuple[Origin, ...]]]:
        """Names that a provider makes from nothing of that name."""
        for name, supply in self.graph.supplies.items():
            if not supply.is_value:
                chain = [_provider_origin(provider) for provider in supply.providers]
                for rank in reversed(self._binding.ranks):
                    other = _provider_in(rank, name)
                    if other is not None and other not in supply.providers:
                        chain.append(_provider_origin(other))
                    elif isinstance(rank, Layer) and name in rank.values:
                        value = plain(rank.values[name])
                        chain.append(Origin(rank.name, rank.where((name,)), value))
                yield name, tuple(chain)

    def _find_secrets(self, name: str, value: Any) -> dict[str, bool]:
        """Dotted names inside a value that are masked; True where only the name says so."""
        found: dict[str, bool] = {}
        askers = self.graph.askers.get(name, ())
        for annotation in [asker.annotations.get(name, Any) for asker in askers] or [Any]:
            for leaf, by_name in find_secrets(name, value, annotation).items():
                found[leaf] = found.get(leaf, True) and by_name
        return found

    def _find_inputs(self, params: Mapping[str, Any]) -> Iterator[str]:
        """Names of values that are paths, and whose path is there."""
        for name, known in self._names.items():
            value = params[name]
            is_path = isinstance(value, Path) or (
                isinstance(value, str) and wants_path(known.annotation)
            )
            if is_path and (self._cwd / Path(value).expanduser()).exists():
                yield name


_NO_POINT: Final = Point({}, {})


def is_drawn(chain: Iterable[Origin]) -> bool:
    """Whether nobody gave the seed whose origins these are."""
    return any(origin.layer == LAYER_DRAWN for origin in chain)


def _kinds(name: str, askers: Iterable[Function]) -> list[Any]:
    """What the first default says of a name that nobody annotates."""
    kinds = [asker.kinds[name] for asker in askers if asker.kinds.get(name) is not None]
    return kinds[:1]


def _reject_opaque(resolved: Resolved) -> None:
    """Raise for what was set and can be no value; a default may be any object."""
    for leaf, chain in resolved.origins.items():
        if chain[0].layer != LAYER_DEFAULT and holds_opaque(chain[0].value):
            raise ParameterError(
                f"'{leaf}' can be no parameter: {chain[0].value}",
                chain[0].where,
                "give it a name or a number, and let a provider make the object of it",
            )


def _head(swept: str) -> str:
    return parse_name(swept, "--sweep")[0]


def _provider_in(rank: Rank, name: str) -> Provider | None:
    return None if isinstance(rank, Layer) else rank.get(name)


def _provider_origin(provider: Provider) -> Origin:
    return Origin(LAYER_PROVIDER, str(provider.place))


def _differ(one: Any, other: Any) -> bool:
    try:
        return one is not other and bool(one != other)
    except Exception:  # an array's comparison, say: what cannot be compared is not the same
        return True


def _without_secret(value: Any) -> Any:
    """With every `Secret` as a text that can travel: what is secret is known by its name."""
    if isinstance(value, dict):
        return {key: _without_secret(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_secret(item) for item in value]
    return str.__str__(value) if isinstance(value, Secret) else value


def _is_in(name: str, secrets: Iterable[str]) -> bool:
    return any(name == secret or secret.startswith(f"{name}.") for secret in secrets)


def _mask(chain: tuple[Origin, ...]) -> tuple[Origin, ...]:
    return tuple(
        origin if origin.value is None else attrs.evolve(origin, value=MASK) for origin in chain
    )
