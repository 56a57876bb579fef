"""Walking a graph of providers: calling them in order, keeping session values, tearing down.

RunScope       the values of one run; torn down, last made first, when the run ends
SessionScope   values of session providers, each kept for the cases that it was made from
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from expt.ground.value_classes import define

if TYPE_CHECKING:
    from expt.planning.providers import Function, Graph, Node, Provider
    from expt.running.making import Making

Supplied = Callable[[str, "Function", "RunScope"], Any]
"""Gives a plain value or a built-in for one asking function of a scope."""


@define(eq=False)
class _Teardown:
    provider: Provider
    generator: Iterator[Any]

    def finish(self) -> None:
        try:
            next(self.generator)
        except StopIteration:
            return
        raise RuntimeError(f"the provider '{self.provider.name}' yields more than once")


def make_value(provider: Provider, arguments: Mapping[str, Any], teardowns: list[_Teardown]) -> Any:
    """Call a provider; where it is a generator, remember what stands after its `yield`."""
    made = provider.function(arguments)
    if not provider.generator:
        return made
    try:
        value = next(made)
    except StopIteration:
        raise RuntimeError(f"the provider '{provider.name}' ended without a yield") from None
    teardowns.append(_Teardown(provider, made))
    return value


def finish_all(teardowns: list[_Teardown]) -> list[BaseException]:
    """Run every teardown, last made first; what they raised."""
    raised: list[BaseException] = []
    while teardowns:
        try:
            teardowns.pop().finish()
        except BaseException as error:
            raised.append(error)
    return raised


@define(eq=False)
class _Kept:
    value: Any
    teardowns: list[_Teardown]


class SessionScope:
    """Values of session providers of one worker, by what they were made from."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}

    def get(self, key: str, make: Callable[[list[_Teardown]], Any]) -> Any:
        """The value kept under `key`, made now where there is none."""
        if key not in self._kept:
            teardowns: list[_Teardown] = []
            try:
                value = make(teardowns)
            except BaseException:
                finish_all(teardowns)
                raise
            self._kept[key] = _Kept(value, teardowns)
        return self._kept[key].value

    def holds(self, key: str) -> bool:
        return key in self._kept

    def drop_all_but(self, needed: frozenset[str]) -> list[BaseException]:
        """Tear down what no later case needs, last made first; what the teardowns raised."""
        raised: list[BaseException] = []
        for key in [key for key in reversed(self._kept) if key not in needed]:
            raised += finish_all(self._kept.pop(key).teardowns)
        return raised


class RunScope:
    """The arguments of one run."""

    def __init__(self, graph: Graph, supplied: Supplied) -> None:
        self._graph = graph
        self._supplied = supplied
        self._made: dict[Node, Any] = {}
        self._teardowns: list[_Teardown] = []

    def make_arguments(self, session: SessionScope, making: Making) -> dict[str, Any]:
        """Call every provider in order; the arguments of the experiment itself.

        What more than one run may have is made with a random state of its own, so that a kept value
        and one made now leave the same state behind.
        """
        for node in self._graph.order:
            provider = self._graph.provider(node)
            around = making.from_cache if provider.cached else making.in_own_randomness
            if provider.scope == "session":
                maker = self._session_maker(node, provider, around)
                self._made[node] = session.get(making.key_of(node), maker)
            elif provider.cached:
                maker = self._session_maker(node, provider, around)
                self._made[node] = maker(self._teardowns)
            else:
                arguments = self._arguments(provider.function, node)
                self._made[node] = make_value(provider, arguments, self._teardowns)
        return self._arguments(self._graph.root, None)

    def arguments_of(self, function: Function) -> dict[str, Any]:
        """The arguments of a function that is called later on: a listener.

        Raises `RuntimeError` for one that no provider has made yet.
        """
        try:
            return self._arguments(function, None)
        except KeyError as missing:
            (name, _) = missing.args[0]
            raise RuntimeError(
                f"'{function.name}' is called before its argument '{name}' is made: a provider "
                "called its hook point"
            ) from None

    @property
    def made(self) -> Mapping[Node, Any]:
        """What the providers gave so far."""
        return self._made

    def finish(self) -> list[BaseException]:
        """Tear down the run's providers, all of them; what they raised."""
        return finish_all(self._teardowns)

    def _session_maker(
        self, node: Node, provider: Provider, around: Callable[[Node, Callable[[], Any]], Any]
    ) -> Callable[[list[_Teardown]], Any]:
        def make(teardowns: list[_Teardown]) -> Any:
            arguments = self._arguments(provider.function, node)
            return around(node, lambda: make_value(provider, arguments, teardowns))

        return make

    def _arguments(self, function: Function, node: Node | None) -> dict[str, Any]:
        arguments: dict[str, Any] = {}
        supplies = self._graph.supplies
        for name in function.asks:
            if name not in supplies:
                arguments[name] = self._supplied(name, function, self)
                continue
            below = (name, node[1] + 1) if node is not None and node[0] == name else (name, 0)
            if self._graph.is_made(below):
                arguments[name] = self._made[below]
            else:
                arguments[name] = self._supplied(name, function, self)
        return arguments
