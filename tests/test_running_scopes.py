"""What providers made is kept as long as it is needed, and torn down once, last made first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from expt.ground.model import Place
from expt.planning.providers import Function, Provider
from expt.running.scopes import SessionScope, finish_all, make_value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def generator(name: str, ends: list[str], error: BaseException | None = None) -> Provider:
    """A provider that notes its end in `ends`, and may raise there."""

    def make() -> Iterator[str]:
        yield name
        ends.append(name)
        if error is not None:
            raise error

    return Provider(name, Function(name, make, Place("a.py", 1), ()), "session", generator=True)


def maker(*providers: Provider, error: BaseException | None = None) -> Callable[[Any], Any]:
    def make(teardowns: Any) -> Any:
        values = [make_value(provider, {}, teardowns) for provider in providers]
        if error is not None:
            raise error
        return values

    return make


def test_a_kept_value_is_made_once() -> None:
    scope, ends = SessionScope(), []
    first = scope.get("a", maker(generator("a", ends)))
    assert scope.get("a", maker(error=AssertionError("made twice"))) is first
    assert ends == []


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt()])
def test_what_fails_half_made_is_torn_down_and_not_kept(error: BaseException) -> None:
    scope, ends = SessionScope(), []
    with pytest.raises(type(error)):
        scope.get("a", maker(generator("a", ends), generator("b", ends), error=error))
    assert ends == ["b", "a"]
    assert not scope.holds("a")


def test_what_no_later_case_needs_is_torn_down_last_made_first() -> None:
    scope, ends = SessionScope(), []
    for name in "abcd":
        scope.get(name, maker(generator(name, ends)))
    assert scope.drop_all_but(frozenset("b")) == []
    assert ends == ["d", "c", "a"]
    assert [name for name in "abcd" if scope.holds(name)] == ["b"]


def test_a_teardown_that_raises_keeps_no_other_from_its_end() -> None:
    scope, ends = SessionScope(), []
    error = ValueError("stuck")
    scope.get("a", maker(generator("a", ends)))
    scope.get("b", maker(generator("b", ends, error), generator("c", ends, SystemExit())))
    raised = scope.drop_all_but(frozenset())
    assert ends == ["c", "b", "a"]
    assert [type(one) for one in raised] == [SystemExit, ValueError]


def test_every_teardown_runs_once() -> None:
    ends: list[str] = []
    teardowns: list[Any] = []
    maker(generator("a", ends), generator("b", ends))(teardowns)
    assert (finish_all(teardowns), finish_all(teardowns)) == ([], [])
    assert ends == ["b", "a"]
