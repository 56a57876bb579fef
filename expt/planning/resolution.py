"""What an experiment's names come to: the values of each case, checked, with their origins."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from expt.ground import model
from expt.ground.errors import ParameterError, ReadingError
from expt.ground.text import MASK, dotted
from expt.ground.value_classes import evolve, frozen
from expt.parameters.coercion.annotations import (
    annotation_at,
    annotations_in,
    checks_nothing,
    is_kept,
    wants_path,
    wants_run,
)
from expt.parameters.coercion.fitting import Coercer, Convert, Misfit
from expt.parameters.coercion.plain import holds_opaque, plain
from expt.parameters.layers import Layer, Resolved
from expt.parameters.secret_values import replace_secrets
from expt.parameters.secrets import find_secrets
from expt.parameters.seeds import SEED, is_drawn
from expt.parameters.typed_text import first_key, parse_name, read_assigned
from expt.planning.ladder import Climbed, Ladder, kinds_of, provider_in, provider_origin
from expt.planning.needs import needed_annotation, reject_untaken
from expt.planning.providers import missing_value

if TYPE_CHECKING:
    from expt.ground.options import Assignment
    from expt.planning.binding import Binding


@frozen
class AxesPoint:
    """One point of the sweep: values by dotted name, and where each was said."""

    values: Mapping[str, Any]
    where: Mapping[str, str | None]


@frozen(eq=False)
class Decided:
    """The values of one case: plain, with origins by dotted leaf."""

    params: Mapping[str, Any]
    origins: Mapping[str, tuple[model.Origin, ...]]
    secrets: frozenset[str]
    inputs: tuple[str, ...]
    kept: tuple[str, ...]
    runs: Mapping[str, model.PinnedRun]
    choices: Mapping[str, str]
    secret_by_name: tuple[str, ...] = ()


_DecidedName = tuple[Any, dict[str, tuple[model.Origin, ...]], dict[str, bool], str | None]
"""A plain value, its origins by dotted leaf, its secret leaves, and the member that it is."""


class Resolution:
    """One experiment's names under the overrides of one session, for every case of one shape.

    The shape is what decides the graph: which names are swept, and which variants are on.
    `given_by_files` are the layers of `--params`; `is_again` is whether one is of an archived run.
    """

    def __init__(
        self,
        binding: Binding,
        overrides: Sequence[Layer],
        given: Sequence[Assignment],
        swept: frozenset[str],
        cwd: Path,
        convert: Convert | None,
        pin: Callable[[str], model.PinnedRun],
        *,
        is_again: bool = False,
    ) -> None:
        self.given_by_files = tuple(one for one in overrides if one.name == model.LAYER_FILE)
        self.is_again = is_again
        self._pin = pin
        self._pinned: dict[tuple[str, str], model.PinnedRun] = {}
        self._binding = binding
        self._given = given
        self._swept = swept
        self._cwd = cwd
        self._coercer = Coercer(convert)
        final = {one.name[0] for one in given if len(one.name) == 1 and one.operator != "+="}
        final |= {name for name in swept if "." not in name}
        self._ladder = Ladder(binding, overrides, frozenset(final), cwd)
        self.graph = self._ladder.graph
        self._names = {name: self._ladder.climb(name) for name in self._taken()}
        reject_untaken(binding.needs.values(), self.names(), binding.experiment.name)
        self._check_known()
        self._provided = dict(self._provided_origins())
        self._shared: dict[str, _DecidedName] = {}
        self._paths: dict[str, tuple[str, ...]] = {}

    def takes(self, name: str) -> bool:
        """Whether the experiment or one of its providers takes a name (dotted: its first part)."""
        return name in self.graph.askers or name == SEED

    def is_needed(self, name: str) -> bool:
        """Whether the run of `name` is to be made: nothing else gives it a value."""
        known = self._names.get(name)
        is_given = any(one.name[0] == name for one in self._given) or name in self._swept
        return known is not None and known.resolved.layer == model.LAYER_NEEDS and not is_given

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
        """Dotted names that `-p` sets."""
        return frozenset(dotted(one.name) for one in self._given if one.operator != "+=")

    def fixing(self, name: str) -> str | None:
        """Which `-p` sets a dotted name, so that an axis of it collapses; None where none does.

        A table sets what it says, and anything else at the place of a table sets all below it.
        """
        path = parse_name(name, "--sweep")
        for one in self._given:
            size = len(one.name)
            if one.operator == "+=" or path[:size] != one.name:
                continue
            if size == len(path) or _says(
                read_assigned(one, self.annotation_of(dotted(one.name))), path[size:]
            ):
                return dotted(one.name)
        return None

    @cached_property
    def words(self) -> dict[str, Mapping[str, str]]:
        """What is said of the names, by dotted name."""
        names = {*self.names()}
        return {n: words for n, words in self._ladder.words.items() if first_key(n) in names}

    def names(self) -> Iterator[str]:
        """Every name that somebody asks for, built-in ones aside."""
        yield from self.graph.supplies
        if SEED not in self.graph.supplies:
            yield SEED

    def _taken(self) -> list[str]:
        values = [name for name in self.graph.supplies if self.graph.supplies[name].is_value]
        return values if SEED in values else [*values, SEED]

    def _check_known(self) -> None:
        for name in self.graph.values:
            swept = any(first_key(path) == name for path in self._swept)
            given = any(one.name[0] == name for one in self._given)
            if name != SEED and not (self._names[name].resolved.is_known or swept or given):
                known = [*self._all_names(), *self._names]
                raise missing_value(self.graph, name, known, self._binding.fixtures.get(name))

    def _all_names(self) -> Iterator[str]:
        for rank in self._binding.ranks:
            yield from rank.values if isinstance(rank, Layer) else rank

    # One case

    def decide(self, point: AxesPoint, seed: Callable[[], int]) -> Decided:
        """The values at one point of the sweep. `seed` draws one where nobody gives it.

        Raises `ParameterError` for a value that does not fit its annotation.
        """
        swept = {self._path(name)[0] for name in point.values}
        params: dict[str, Any] = {}
        origins: dict[str, tuple[model.Origin, ...]] = {}
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
        kept = tuple(name for name in inputs if self._is_kept(name))
        runs = {
            leaf: self._pinned[name, value]
            for name, known in self._names.items()
            for leaf, value in _runs_in((name,), params[name], known.annotation)
            if not self.is_needed(name)
        }
        by_name = tuple(name for name, only in secrets.items() if only)
        return Decided(params, origins, frozenset(secrets), inputs, kept, runs, choices, by_name)

    def root_seed(self, seed: Callable[[], int]) -> tuple[int, bool]:
        """What axes are drawn from, the seed as it stands below any sweep; whether it was given."""
        value, told, _, _ = self._decide_name(self._names[SEED], _NO_POINT, seed)
        return value, not is_drawn(told[SEED])

    def _path(self, swept: str) -> tuple[str, ...]:
        if swept not in self._paths:
            self._paths[swept] = parse_name(swept, "--sweep")
        return self._paths[swept]

    def _decide_name(
        self, known: Climbed, point: AxesPoint, seed: Callable[[], int]
    ) -> _DecidedName:
        name, annotation = known.name, known.annotation
        resolved = known.resolved
        for swept in sorted(point.values, key=lambda swept: len(self._path(swept))):
            path = self._path(swept)
            if path[0] == name:
                value = point.values[swept]
                resolved = self._ladder.lay(
                    resolved, model.LAYER_SWEEP, point.where[swept], value, path[1:]
                )
        given = [one for one in self._given if one.name[0] == name]
        if name in self._ladder.choices:  # first the member, then what reaches into it
            given.sort(key=lambda one: len(one.name) > 1)
        for one in given:
            resolved = self._ladder.lay_given(resolved, one, annotation)
        if name == SEED and (not resolved.is_known or resolved.value is None):
            resolved = resolved.lay(model.LAYER_DRAWN, None, seed())
        resolved = resolved.settle(annotation, self._ladder.environment)
        resolved = resolved.change(annotation, partial(self._pin_runs, name))
        value = self._check(name, resolved)
        hidden = self._find_secrets(name, value)
        told = {
            leaf: _mask(chain) if _is_in(leaf, hidden) else chain
            for leaf, chain in self._told(known, resolved).items()
        }
        member = resolved.chosen[0].value if resolved.chosen else None
        return replace_secrets(value, str.__str__), told, hidden, member

    def _pin_runs(
        self, name: str, value: Any, annotation: Any, origin: model.Origin
    ) -> tuple[Any, str]:
        """The ids of runs in the place of what names them."""
        if origin.layer == model.LAYER_NEEDS:
            return value, ""  # it is not made yet
        if isinstance(value, str) and wants_run(annotation):
            try:
                pinned = self._pin(value)
            except ReadingError as error:
                hint = f"run it first: expt {value}" if "::" in value else error.hint
                what = f"'{name}' must be a run: {error.what}"
                raise ParameterError(what, origin.where, hint) from None
            self._pinned[name, pinned.value] = pinned
            return pinned.value, str(pinned)
        if isinstance(value, list) and not checks_nothing(annotation):
            inner = annotations_in(annotation)
            pairs = [self._pin_runs(name, v, inner(i), origin) for i, v in enumerate(value)]
            if any(said for _, said in pairs):
                return [item for item, _ in pairs], "; ".join(said for _, said in pairs)
        return value, ""

    def _is_kept(self, name: str) -> bool:
        askers = self.graph.askers.get(name, ())
        return any(is_kept(asker.annotations.get(name, Any)) for asker in askers)

    def _check(self, name: str, resolved: Resolved) -> Any:
        """The value as plain data, once it fits whoever asks for it."""
        if resolved.layer in (model.LAYER_DEFAULT, model.LAYER_NEEDS):
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
        wanted = [
            needed_annotation(self._binding.needs, name, asker.annotations.get(name, Any))
            for asker in askers
        ] or [Any]
        said = name in self._binding.needs or any(name in asker.annotations for asker in askers)
        return wanted if said else [*wanted, *kinds_of(name, askers)]

    def _told(self, known: Climbed, resolved: Resolved) -> dict[str, tuple[model.Origin, ...]]:
        told: dict[str, tuple[model.Origin, ...]] = {}
        for leaf, chain in resolved.origins.items():
            weakest_first = list(reversed(chain))
            for position, origin in reversed(known.shadowed):
                weakest_first.insert(min(position, len(weakest_first)), origin)
            told[leaf] = (*known.providers, *reversed(weakest_first))
        return told

    def _provided_origins(self) -> Iterator[tuple[str, tuple[model.Origin, ...]]]:
        """Names that a provider makes from nothing of that name."""
        for name, supply in self.graph.supplies.items():
            if not supply.is_value:
                chain = [provider_origin(provider) for provider in supply.providers]
                for rank in reversed(self._binding.ranks):
                    other = provider_in(rank, name)
                    if other is not None and other not in supply.providers:
                        chain.append(provider_origin(other))
                    elif isinstance(rank, Layer) and name in rank.values:
                        value = plain(rank.values[name])
                        chain.append(model.Origin(rank.name, rank.where((name,)), value))
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


def _runs_in(path: tuple[str | int, ...], value: Any, annotation: Any) -> Iterator[tuple[str, str]]:
    """The dotted names of the runs in a value, and what stands for each."""
    if isinstance(value, str):
        if wants_run(annotation):
            yield dotted(path), value
    elif isinstance(value, (dict, list)):
        inner = annotations_in(annotation)
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            yield from _runs_in((*path, key), item, inner(key))


_NO_POINT: Final = AxesPoint({}, {})


def _reject_opaque(resolved: Resolved) -> None:
    """Raise for what was set and can be no value; a default may be any object."""
    for leaf, chain in resolved.origins.items():
        if chain[0].layer != model.LAYER_DEFAULT and holds_opaque(chain[0].value):
            what = f"'{leaf}' can be no parameter: {chain[0].value}"
            hint = "give it a name or a number, and let a provider make the object of it"
            raise ParameterError(what, chain[0].where, hint)


def _is_in(name: str, secrets: Iterable[str]) -> bool:
    return any(name == secret or secret.startswith(f"{name}.") for secret in secrets)


def _mask(chain: tuple[model.Origin, ...]) -> tuple[model.Origin, ...]:
    return tuple(origin if origin.value is None else evolve(origin, value=MASK) for origin in chain)


def _says(value: Any, path: Sequence[str]) -> bool:
    """Whether a value decides what stands at `path` below it."""
    for key in path:
        if not isinstance(value, Mapping):
            return True
        if key not in value:
            return False
        value = value[key]
    return True
