"""The graph of providers: who supplies which argument, in which order, and who may not.

    experiment_train ──► dataset ──► data_dir   (a value)
          │                 └──────► seed       (a value)
          └──► lr ──► lr ──► lr                 (two wrapping providers over a value)

The graph knows functions and names alone: values arrive as arguments when it is walked, so that
it can be built, checked and drawn before there is any value.
"""

from __future__ import annotations

import inspect
import json
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Any, Final, Literal, Union, get_args, get_origin

from expt.ground.declarations import PROVIDER_ATTRIBUTE, SWEEP_ATTRIBUTE, ProviderDeclaration, Scope
from expt.ground.encoding import to_json
from expt.ground.errors import PlanningError, did_you_mean
from expt.ground.model import BUILTIN_PROVIDERS, Opaque, Place
from expt.ground.value_classes import define, field, frozen
from expt.parameters.coercion.annotations import (
    annotation_of_default,
    annotation_of_values,
    kind_of_default,
    prefer,
)
from expt.planning.words import Words, first_line, words_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

_PLAIN: Final = (bool, int, float, complex, str, bytes, list, tuple, set, frozenset, Enum, Path)
SESSION_BUILTINS: Final = frozenset({"log", "rng"})
"""Built-in providers that a session provider may ask for; the others belong to one run."""


@frozen(eq=False)
class Function:
    """A function that asks for arguments by name: an experiment or the body of a provider.

    `defaults` are live objects from the signature; `annotations` what could be resolved, with
    what defaults and swept values say that no file could; `kinds` are what the other defaults say
    of arguments without annotation, `words` what people say of the arguments, `hint` who else
    supplies some.
    """

    name: str
    call: Callable[..., Any]
    place: Place
    asks: tuple[str, ...]
    positional: int = 0
    defaults: Mapping[str, Any] = field(factory=dict)
    annotations: Mapping[str, Any] = field(factory=dict)
    kinds: Mapping[str, Any] = field(factory=dict)
    words: Mapping[str, Words] = field(factory=dict)
    hint: str = ""

    def __call__(self, arguments: Mapping[str, Any]) -> Any:
        """Call it with its arguments, by name; the first `positional` of them by position."""
        first = [arguments[name] for name in self.asks[: self.positional]]
        rest = {name: arguments[name] for name in self.asks[self.positional :]}
        return self.call(*first, **rest)


@frozen(eq=False)
class Provider:
    """A function that supplies the argument `name`; `origin` says which layer it stands in."""

    name: str
    function: Function
    scope: Scope = "run"
    generator: bool = False
    description: str = ""
    cached: bool = False

    @property
    def place(self) -> Place:
        return self.function.place

    @property
    def wraps(self) -> bool:
        """Whether it asks for its own name: the value that would otherwise have been used."""
        return self.name in self.function.asks


def read_function(
    call: Callable[..., Any], place: Place, annotations: Mapping[str, Any]
) -> Function:
    """What a function asks for. `*args` and `**kwargs` ask for nothing."""
    parameters = inspect.signature(call).parameters.values()
    kinds = inspect.Parameter
    asked = [p for p in parameters if p.kind not in (kinds.VAR_POSITIONAL, kinds.VAR_KEYWORD)]
    swept = getattr(call, SWEEP_ATTRIBUTE, {})
    hints = {p.name: _annotation(p, annotations, swept.get(p.name)) for p in asked}
    silent = [p for p in asked if p.annotation is kinds.empty and hints[p.name] is None]
    return Function(
        name=str(getattr(call, "__name__", "?")),
        call=call,
        place=place,
        asks=tuple(p.name for p in asked),
        positional=sum(p.kind is kinds.POSITIONAL_ONLY for p in asked),
        defaults={p.name: p.default for p in asked if p.default is not kinds.empty},
        annotations={name: hint for name, hint in hints.items() if hint is not None},
        kinds={p.name: kind_of_default(p.default) for p in silent},
        words=words_of(call, annotations),
    )


def _annotation(
    parameter: inspect.Parameter, annotations: Mapping[str, Any], swept: Any
) -> Any | None:
    """What is said of an argument: by its annotation, else by its default or its swept values."""
    if parameter.annotation is parameter.empty:
        said = annotation_of_default(parameter.default)
        return annotation_of_values(swept) if said is None else said
    found = annotations.get(parameter.name)
    return found if found is None else prefer(found, parameter.default)


def read_provider(call: Callable[..., Any], function: Function) -> Provider:
    """The provider that `@provider` declared. Raises `PlanningError` for an impossible one."""
    declaration: ProviderDeclaration = getattr(call, PROVIDER_ATTRIBUTE)
    name = declaration.name or function.name
    if name in BUILTIN_PROVIDERS:
        raise reserved_name(f"the provider '{name}'", function.place)
    if inspect.iscoroutinefunction(call) or inspect.isasyncgenfunction(call):
        what = f"the provider '{name}' is an async function"
        raise PlanningError(what, str(function.place), "make it a plain def")
    if declaration.cache and inspect.isgeneratorfunction(call):
        what = f"the provider '{name}' yields, and its value is to be cached"
        hint = "return the value, or leave out cache=True: what is kept has no teardown"
        raise PlanningError(what, str(function.place), hint)
    return Provider(
        name,
        function,
        declaration.scope,
        inspect.isgeneratorfunction(call),
        first_line(call),
        declaration.cache,
    )


def reserved_name(what: str, place: Place, instead: str = "") -> PlanningError:
    """The mistake that something of the user's has the name of a built-in provider."""
    hint = f"{instead}rename it; reserved: {', '.join(sorted(BUILTIN_PROVIDERS))}"
    return PlanningError(f"{what} has the name of a built-in provider", str(place), hint)


def _is_plain(annotation: Any, name: str) -> bool:
    """Whether an annotation asks for plain data, which no built-in provider is."""
    if name == "tmp_path" and annotation is Path:
        return False
    members = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else [annotation]
    return any(
        get_origin(member) is Literal or (isinstance(member, type) and issubclass(member, _PLAIN))
        for member in members
    )


@frozen(eq=False)
class Supply:
    """Where the argument `name` comes from: wrapping providers, strongest first, over a source.

    The source is the last provider where it wraps nothing, else a plain value.
    """

    name: str
    providers: tuple[Provider, ...] = ()

    @property
    def is_value(self) -> bool:
        """Whether a plain value stands at the bottom."""
        return not self.providers or self.providers[-1].wraps


Node = tuple[str, int]
"""A name and how deep below its strongest provider; `len(providers)` is the plain value."""


@frozen(eq=False)
class Graph:
    """One experiment's arguments, resolved down to plain values and built-ins.

    `order` lists the nodes that providers make, each after what it asks for; `values` the names
    that must have a plain value; `builtins` the built-in ones that anybody asks for; `later` are
    functions that are called while the root is, with arguments of the graph: listeners.
    """

    root: Function
    supplies: Mapping[str, Supply]
    order: tuple[Node, ...]
    values: tuple[str, ...]
    builtins: frozenset[str]
    askers: Mapping[str, tuple[Function, ...]]
    later: Mapping[Any, Function] = field(factory=dict)

    def provider(self, node: Node) -> Provider:
        name, depth = node
        return self.supplies[name].providers[depth]

    def functions(self) -> Iterator[Function]:
        """The experiment's own function, then the providers', as they are needed, then others."""
        yield self.root
        for node in reversed(self.order):
            yield self.provider(node).function
        yield from self.later.values()

    def needs(self, node: Node) -> Iterator[Node]:
        """The nodes whose values the node's provider is called with."""
        name, depth = node
        for asked in self.provider(node).function.asks:
            if asked in BUILTIN_PROVIDERS:
                continue
            yield (name, depth + 1) if asked == name else (asked, 0)

    def closure(self, node: Node) -> tuple[tuple[Node, ...], frozenset[str], frozenset[str]]:
        """What a node is made from: provider nodes, names of plain values, built-ins."""
        nodes: dict[Node, None] = {}
        values: set[str] = set()
        builtins: set[str] = set()
        pending = [node]
        while pending:
            current = pending.pop()
            if not self.is_made(current):
                values.add(current[0])
            elif current not in nodes:
                nodes[current] = None
                builtins.update(
                    BUILTIN_PROVIDERS.intersection(self.provider(current).function.asks)
                )
                pending.extend(self.needs(current))
        return tuple(nodes), frozenset(values), frozenset(builtins)

    def is_made(self, node: Node) -> bool:
        """Whether a provider makes it; a plain value otherwise."""
        name, depth = node
        return depth < len(self.supplies[name].providers)


def build_graph(
    root: Function, supply: Callable[[str], Supply], later: Mapping[Any, Function] | None = None
) -> Graph:
    """Resolve everything that `root` asks for, and where anybody asks for `hooks`, `later` too.

    `supply(name)` gives who supplies a name. Raises `PlanningError` for a circle and for a
    session provider that needs something of one run, each with the chain and the places.
    """
    return _Builder(root, supply, later or {}).build()


def missing_value(
    graph: Graph, name: str, known: Sequence[str], fixture: Place | None = None
) -> PlanningError:
    """The mistake that nothing has a value for `name`; `known` are the names that exist.

    `fixture` is where a pytest fixture of that name stands.
    """
    asker = graph.askers[name][0]
    trail = _trail_to(graph, name)
    chain = " → ".join([*(f"{p.name} ({p.place})" for p in trail), name]) if trail else None
    hint = did_you_mean(name, {*known, *BUILTIN_PROVIDERS} - {name})
    if fixture is not None:
        hint = f"'{name}' is a pytest fixture at {fixture}: mark it with @expt.provider"
    ways = f"give it a default, a key in params.toml, a provider, or -p {name}=…"
    what = f"nothing supplies the argument '{name}' of '{asker.name}'"
    at = str(asker.place)
    return PlanningError(what, at, "\n".join(filter(None, [chain, asker.hint, hint, ways])))


def _trail_to(graph: Graph, name: str) -> list[Provider]:
    """The providers that lead from the experiment to a plain value, outermost first."""
    if name in graph.root.asks and graph.supplies[name].providers == ():
        return []
    paths: list[tuple[Node, list[Provider]]] = [
        ((asked, 0), []) for asked in graph.root.asks if asked in graph.supplies
    ]
    seen: set[Node] = set()
    while paths:
        node, trail = paths.pop(0)
        if not graph.is_made(node):
            if node[0] == name:
                return trail
            continue
        if node not in seen:
            seen.add(node)
            below = [*trail, graph.provider(node)]
            paths.extend((needed, below) for needed in graph.needs(node))
    return []


@define(eq=False)
class _Builder:
    _root: Function
    _supply: Callable[[str], Supply]
    _later: Mapping[Any, Function]
    _supplies: dict[str, Supply] = field(factory=dict)
    _order: dict[Node, None] = field(factory=dict)
    _values: dict[str, None] = field(factory=dict)
    _builtins: set[str] = field(factory=set)
    _askers: dict[str, list[Function]] = field(factory=dict)

    def build(self) -> Graph:
        for name in self._root.asks:
            self._visit_name(name, self._root, [])
        later = self._later if "hooks" in self._builtins else {}
        for function in later.values():
            for name in function.asks:
                self._visit_name(name, function, [])
        return Graph(
            self._root,
            self._supplies,
            tuple(self._order),
            tuple(self._values),
            frozenset(self._builtins),
            {name: tuple(askers) for name, askers in self._askers.items()},
            later,
        )

    def _visit_name(self, name: str, asker: Function, trail: list[Node]) -> None:
        askers = self._askers.setdefault(name, [])
        if asker not in askers:
            askers.append(asker)
        if name in BUILTIN_PROVIDERS:
            self._visit_builtin(name, asker, trail)
            return
        if name not in self._supplies:
            self._supplies[name] = self._supply(name)
        self._visit((name, 0), trail)

    def _visit_builtin(self, name: str, asker: Function, trail: list[Node]) -> None:
        if name in asker.defaults or _is_plain(asker.annotations.get(name), name):
            unwanted = "default" if name in asker.defaults else "type"
            what = f"the argument '{name}' of '{asker.name}'"
            raise reserved_name(what, asker.place, f"without its {unwanted} it is supplied; or ")
        self._builtins.add(name)
        session = self._session_provider(trail)
        if session is not None and name not in SESSION_BUILTINS:
            what = f"the session provider '{session.name}' needs '{name}', which belongs to one run"
            hint = self._tell([*trail], name) + "\nmake it a provider of scope 'run'"
            raise PlanningError(what, str(asker.place), hint)

    def _visit(self, node: Node, trail: list[Node]) -> None:
        name, depth = node
        supply = self._supplies[name]
        if depth == len(supply.providers):
            self._values.setdefault(name)
            return
        provider = supply.providers[depth]
        session = self._session_provider(trail)
        if session is not None and provider.scope == "run":
            raise PlanningError(
                f"the session provider '{session.name}' needs '{name}', a provider of scope 'run'",
                str(session.place),
                self._tell([*trail, node]) + f"\nmake '{name}' a session provider too",
            )
        if node in trail:
            hint = self._tell([*trail[trail.index(node) :], node])
            raise PlanningError(f"the provider '{name}' needs itself", str(provider.place), hint)
        if node in self._order:
            return
        trail.append(node)
        for asked in provider.function.asks:
            if asked == name:
                self._askers[name].append(provider.function)
                self._visit((name, depth + 1), trail)
            else:
                self._visit_name(asked, provider.function, trail)
        trail.pop()
        self._order[node] = None

    def _session_provider(self, trail: list[Node]) -> Provider | None:
        for name, depth in reversed(trail):
            provider = self._supplies[name].providers[depth]
            if provider.scope == "session":
                return provider
        return None

    def _tell(self, trail: Sequence[Node], last: str | None = None) -> str:
        """`a (conftest.py:3) → b (conftest.py:7) → a`."""
        parts = []
        for name, depth in trail:
            providers = self._supplies[name].providers
            place = f" ({providers[depth].place})" if depth < len(providers) else ""
            parts.append(f"{name}{place}")
        if last is not None:
            parts.append(last)
        return " → ".join(parts)


def session_key(graph: Graph, node: Node, values: Mapping[str, Any]) -> str:
    """What a session provider's value is made from, as a text: equal texts share the value.

    `values` are plain values by name; an `Opaque` is told apart by its identity.
    """
    nodes, names, builtins = graph.closure(node)
    if "rng" in builtins:
        names = names | {"seed"}
    made_by = [str(graph.provider(made).place) + "::" + graph.provider(made).name for made in nodes]
    made_from = {name: _as_text(values.get(name)) for name in sorted(names)}
    return json.dumps([sorted(made_by), made_from])


def _as_text(value: Any) -> Any:
    if isinstance(value, Opaque):
        return {"$opaque": [value.text, value.identity]}
    if isinstance(value, dict):
        return {str(key): _as_text(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_as_text(item) for item in value]
    return to_json(value)
