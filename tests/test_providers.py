"""The graph of providers: order, wrapping, scopes, and every mistake with its chain and places."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from expt.ground.declarations import provider
from expt.ground.errors import PlanningError
from expt.ground.model import BUILTIN_PROVIDERS, Opaque, Place
from expt.planning.providers import (
    Function,
    Graph,
    Provider,
    Supply,
    build_graph,
    missing_value,
    read_function,
    read_provider,
    session_key,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from expt.testing import Sandbox

pytestmark = pytest.mark.inline


def asking(name: str, *asks: str, line: int = 1) -> Function:
    return Function(name, lambda **_: None, Place("conftest.py", line), asks)


def made(name: str, *asks: str, line: int, scope: Any = "run") -> Provider:
    return Provider(name, asking(name, *asks, line=line), scope)


def graph(*asks: str, **providers: Provider | tuple[Provider, ...]) -> Graph:
    supplies = {
        name: Supply(name, (one,) if isinstance(one, Provider) else one)
        for name, one in providers.items()
    }
    root = asking("experiment_x", *asks)
    return build_graph(root, lambda name: supplies.get(name, Supply(name)))


# The graph alone


def test_each_provider_comes_after_what_it_asks_for() -> None:
    found = graph(
        "c", "lr", b=made("b", "a", line=2), c=made("c", "b", "a", line=3), a=made("a", line=1)
    )
    assert found.order == (("a", 0), ("b", 0), ("c", 0))
    assert found.values == ("lr",)
    assert [function.name for function in found.functions()] == ["experiment_x", "c", "b", "a"]


def test_a_provider_that_asks_for_its_own_name_wraps_the_next_and_at_last_the_value() -> None:
    wrapping = (made("lr", "lr", line=1), made("lr", "lr", "scale", line=2))
    found = graph("lr", lr=wrapping)
    assert found.supplies["lr"].is_value
    assert found.order == (("lr", 1), ("lr", 0))
    assert found.values == ("lr", "scale")
    assert list(found.needs(("lr", 1))) == [("lr", 2), ("scale", 0)]
    assert not found.is_made(("lr", 2))


def test_the_closure_of_a_node_is_all_that_it_is_made_from() -> None:
    found = graph(
        "model", model=made("model", "data", "width", line=1), data=made("data", "rng", line=2)
    )
    nodes, values, builtins = found.closure(("model", 0))
    assert set(nodes) == {("model", 0), ("data", 0)}
    assert values == {"width"}
    assert builtins == {"rng"}


def circle() -> Graph:
    return graph("a", a=made("a", "b", line=3), b=made("b", "a", line=7))


def session_asks_run() -> Graph:
    return graph(
        "data", data=made("data", "folder", line=3, scope="session"), folder=made("folder", line=7)
    )


def session_asks_run_far_below() -> Graph:
    return graph(
        "data",
        data=made("data", "cache", line=3, scope="session"),
        cache=made("cache", "folder", line=5, scope="session"),
        folder=made("folder", line=7),
    )


def session_asks_built_in() -> Graph:
    return graph("data", data=made("data", "tmp_path", line=3, scope="session"))


@pytest.mark.parametrize(
    ("build", "text"),
    [
        (
            circle,
            (
                "the provider 'a' needs itself\n"
                "  at conftest.py:3\n"
                "  a (conftest.py:3) → b (conftest.py:7) → a (conftest.py:3)"
            ),
        ),
        (
            session_asks_run,
            (
                "the session provider 'data' needs 'folder', a provider of scope 'run'\n"
                "  at conftest.py:3\n"
                "  data (conftest.py:3) → folder (conftest.py:7)\n"
                "  make 'folder' a session provider too"
            ),
        ),
        (
            session_asks_run_far_below,
            (
                "the session provider 'cache' needs 'folder', a provider of scope 'run'\n"
                "  at conftest.py:5\n"
                "  data (conftest.py:3) → cache (conftest.py:5) → folder (conftest.py:7)\n"
                "  make 'folder' a session provider too"
            ),
        ),
        (
            session_asks_built_in,
            (
                "the session provider 'data' needs 'tmp_path', which belongs to one run\n"
                "  at conftest.py:3\n"
                "  data (conftest.py:3) → tmp_path\n"
                "  make it a provider of scope 'run'"
            ),
        ),
    ],
)
def test_mistakes_tell_the_chain_and_the_places(build: Callable[[], Graph], text: str) -> None:
    with pytest.raises(PlanningError) as caught:
        build()
    assert str(caught.value) == text


def test_a_session_provider_may_ask_for_rng_and_log() -> None:
    found = graph("data", data=made("data", "rng", "log", line=1, scope="session"))
    assert found.builtins == {"rng", "log"}


def test_what_nobody_supplies_is_told_with_the_way_to_it() -> None:
    found = graph("a", a=made("a", "b", line=3), b=made("b", "data_dir", line=7))
    assert str(missing_value(found, "data_dir", ["data_dir", "data_dirs"])) == (
        "nothing supplies the argument 'data_dir' of 'b'\n"
        "  at conftest.py:7\n"
        "  a (conftest.py:3) → b (conftest.py:7) → data_dir\n"
        "  did you mean 'data_dirs'?\n"
        "  give it a default, a key in params.toml, a provider, or -p data_dir=…"
    )
    assert str(missing_value(graph("epochs"), "epochs", ["epochs"])) == (
        "nothing supplies the argument 'epochs' of 'experiment_x'\n"
        "  at conftest.py:1\n"
        "  give it a default, a key in params.toml, a provider, or -p epochs=…"
    )


def take(a: int, /, b: int = 2, *args: int, c: int = 3, **kwargs: int) -> tuple[int, ...]:
    return a, b, c


def test_a_function_asks_for_its_parameters_and_for_no_more() -> None:
    function = read_function(take, Place("x.py", 1), {"a": int, "return": tuple})
    assert function.asks == ("a", "b", "c")
    assert function.defaults == {"b": 2, "c": 3}
    assert function.annotations == {"a": int}
    assert function({"a": 1, "b": 5, "c": 6}) == (1, 5, 6)


def test_a_provider_is_what_its_mark_says() -> None:
    @provider(scope="session", name="data")
    def make_data(size: int):  # type: ignore[no-untyped-def]
        """Numbers.

        Many.
        """
        yield size

    found = read_provider(make_data, read_function(make_data, Place("x.py", 1), {}))
    assert (found.name, found.scope, found.generator) == ("data", "session", True)
    assert found.description == "Numbers."


def test_impossible_providers_are_refused() -> None:
    @provider
    def track() -> None: ...

    @provider
    async def later() -> None: ...

    @provider
    async def one_after_the_other() -> AsyncIterator[int]:
        yield 1

    texts = {
        track: "the provider 'track' has the name of a built-in provider\n"
        f"  at x.py:1\n  rename it; reserved: {', '.join(sorted(BUILTIN_PROVIDERS))}",
        later: "the provider 'later' is an async function\n  at x.py:1\n  make it a plain def",
        one_after_the_other: "the provider 'one_after_the_other' is an async function\n"
        "  at x.py:1\n  make it a plain def",
    }
    for function, text in texts.items():
        with pytest.raises(PlanningError) as caught:
            read_provider(function, read_function(function, Place("x.py", 1), {}))
        assert str(caught.value) == text


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        ({"size": 1, "lr": 0.1}, {"size": 1, "lr": 0.2}, True),
        ({"size": 1}, {"size": 2}, False),
        ({"size": 1}, {"size": 1.0}, False),
        ({"size": True}, {"size": 1}, False),
        ({"size": 0.0}, {"size": -0.0}, False),
        ({"size": float("nan")}, {"size": float("nan")}, True),
        ({"size": {"a": 1, "b": 2}}, {"size": {"b": 2, "a": 1}}, False),  # it may be iterated
        ({"size": [1, 2]}, {"size": [2, 1]}, False),
        ({"size": Opaque("f", 1)}, {"size": Opaque("f", 1)}, True),
        ({"size": Opaque("f", 1)}, {"size": Opaque("f", 2)}, False),
    ],
)
def test_a_session_value_is_shared_where_all_that_it_was_made_from_is_equal(
    one: Mapping[str, Any], other: Mapping[str, Any], shared: bool
) -> None:
    found = graph("data", "lr", data=made("data", "size", line=1, scope="session"))
    keys = [session_key(found, ("data", 0), values) for values in (one, other)]
    assert (keys[0] == keys[1]) is shared


def test_a_session_value_made_with_rng_depends_on_the_seed() -> None:
    found = graph("data", data=made("data", "rng", line=1, scope="session"))
    keys = {session_key(found, ("data", 0), {"seed": seed}) for seed in (1, 2)}
    assert len(keys) == 2


# End to end


def refused(sandbox: Sandbox, *words: str) -> str:
    done = sandbox.expt(*words)
    assert done.exit_code == 4, done.stdout + done.stderr
    assert not (sandbox.root / "runs").exists()
    return done.stderr


@pytest.mark.parametrize(
    ("conftest", "text"),
    [
        (
            """
            from expt import provider

            @provider
            def a(b): return b

            @provider
            def b(a): return a
            """,
            (
                "error: the provider 'a' needs itself\n"
                "  at experiments/conftest.py:3\n"
                "  a (experiments/conftest.py:3) → b (experiments/conftest.py:6)"
                " → a (experiments/conftest.py:3)\n"
            ),
        ),
        (
            """
            from expt import provider

            @provider
            def a(): return 1

            @provider
            def a(): return 2
            """,
            (
                "error: two providers of one file are named 'a'\n"
                "  at experiments/conftest.py:3\n"
                "  the other: experiments/conftest.py:6\n"
            ),
        ),
        (
            """
            import expt

            @expt.provider
            def a(): return 1

            @expt.provider(name="a")
            def b(): return 2
            """,
            (
                "error: two providers of one file are named 'a'\n"
                "  at experiments/conftest.py:3\n"
                "  the other: experiments/conftest.py:6\n"
            ),
        ),
        (
            """
            from expt import provider

            @provider
            def a(folder): return folder
            """,
            (
                "error: nothing supplies the argument 'folder' of 'a'\n"
                "  at experiments/conftest.py:3\n"
                "  a (experiments/conftest.py:3) → folder\n"
                "  give it a default, a key in params.toml, a provider, or -p folder=…\n"
            ),
        ),
    ],
)
def test_mistakes_are_found_before_anything_runs(
    sandbox: Sandbox, conftest: str, text: str
) -> None:
    sandbox.write(
        {"experiments/conftest.py": conftest, "experiments/x.py": "def experiment_x(a): ..."}
    )
    assert refused(sandbox) == text


def test_one_of_two_definitions_is_no_mistake_where_only_one_is_a_provider(
    sandbox: Sandbox,
) -> None:
    sandbox.write(
        {
            "experiments/x.py": """
                import functools
                from expt import provider

                @functools.cache
                def a(): return 1

                @provider
                def a(): return 2

                @provider(name="one")
                def make(): return 10

                @provider(name="other")
                def make(): return 20

                def experiment_x(a, other): return a + other
            """
        }
    )
    assert sandbox.expt().exit_code == 0
    assert sandbox.run().results == {"value": 22}


def test_every_teardown_runs_last_first_and_one_that_raises_makes_the_run_failed(
    sandbox: Sandbox,
) -> None:
    sandbox.write(
        {
            "experiments/conftest.py": """
                from expt import provider

                @provider
                def a():
                    yield 1
                    print("down a")

                @provider
                def b(a):
                    yield 2
                    print("down b")
                    raise ValueError("b is stuck")

                @provider
                def c(b):
                    yield 3
                    print("down c")
                    raise SystemExit("c leaves")
            """,
            "experiments/x.py": """
                def experiment_x(c, track):
                    track("loss", 0.5)
                    return {"accuracy": 0.9}

                def experiment_y(): ...
            """,
        }
    )
    done = sandbox.expt()
    assert done.exit_code == 1, done.stderr
    y, x = sandbox.runs()
    assert (x.status, y.status) == ("failed", "completed")
    assert [line for line in x.log.splitlines() if line.startswith("down")] == [
        "down c", "down b", "down a"
    ]  # fmt: skip
    assert "ValueError: b is stuck" in x.log
    error = sandbox.record(x.id)["error"]
    assert (error["type"], error["message"]) == ("SystemExit", "c leaves")
    assert x.series["loss"].last == 0.5
    assert x.results == {"accuracy": 0.9}


def test_what_a_run_raised_is_told_and_not_what_its_teardown_raised_after(
    sandbox: Sandbox,
) -> None:
    sandbox.write(
        {
            "experiments/x.py": """
                from expt import provider

                @provider
                def a():
                    yield 1
                    raise ValueError("teardown")

                def experiment_x(a): raise KeyError("run")
            """
        }
    )
    assert sandbox.expt().exit_code == 1
    assert sandbox.record()["error"]["type"] == "KeyError"
    assert "ValueError: teardown" in sandbox.run().log


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("yield 1; yield 2", "the provider 'a' yields more than once"),
        ("return; yield", "the provider 'a' ended without a yield"),
    ],
)
def test_a_provider_yields_once(sandbox: Sandbox, body: str, message: str) -> None:
    sandbox.write(
        {
            "experiments/x.py": f"""
                from expt import provider

                @provider
                def a(): {body}

                def experiment_x(a): ...
            """
        }
    )
    assert sandbox.expt().exit_code == 1
    error = sandbox.record()["error"]
    assert (error["type"], error["message"]) == ("RuntimeError", message)


def test_the_teardown_of_a_session_provider_that_raises_is_a_notice(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/x.py": """
                from expt import provider

                @provider(scope="session")
                def a():
                    yield 1
                    raise ValueError("stuck")

                def experiment_x(a): return a
            """
        }
    )
    done = sandbox.expt()
    assert done.exit_code == 0, done.stderr
    assert "the teardown of a session provider failed: ValueError: stuck" in done.stdout


def test_a_session_provider_is_torn_down_when_no_case_to_come_needs_it(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/x.py": """
                from expt import provider

                def tell(text):
                    with open("told.txt", "a") as file:
                        file.write(text + "\\n")

                @provider(scope="session")
                def base(size: int):
                    tell(f"base {size}")
                    yield size
                    tell(f"base {size} down")

                @provider(scope="session")
                def data(base):
                    tell(f"data {base}")
                    yield base
                    tell(f"data {base} down")

                def experiment_x(data, lr: float): tell(f"run {data} {lr}")

                def experiment_z(): tell("last")
            """
        }
    )
    done = sandbox.expt("--sweep", "size=1,2", "--sweep", "lr=0.1,0.2")
    assert done.exit_code == 0, done.stderr
    assert (sandbox.root / "told.txt").read_text().splitlines() == [
        "base 1", "data 1", "run 1 0.1", "run 1 0.2", "data 1 down", "base 1 down",
        "base 2", "data 2", "run 2 0.1", "run 2 0.2", "data 2 down", "base 2 down",
        "last",
    ]  # fmt: skip


def test_the_nearest_provider_supplies_and_the_archive_says_what_it_shadowed(
    sandbox: Sandbox,
) -> None:
    sandbox.write(
        {
            "experiments/conftest.py": """
                from expt import provider

                @provider
                def data(size: int = 3): return size
            """,
            "experiments/a/conftest.py": """
                from expt import provider

                @provider
                def data(): return "a"
            """,
            "experiments/a/x.py": """
                from expt import provider

                def experiment_x(data): return data
            """,
            "experiments/b/x.py": "def experiment_x(data): return data",
        }
    )
    assert sandbox.expt().exit_code == 0
    b, a = sandbox.runs()
    assert (a.results, b.results) == ({"value": "a"}, {"value": 3})
    assert [origin.where for origin in a.origins["data"]] == [
        "experiments/a/conftest.py:3", "experiments/conftest.py:3"
    ]  # fmt: skip
    assert b.params["size"] == 3
    assert sandbox.expt("-p", "data=7", "-k", "b").exit_code == 0
    assert sandbox.run().results == {"value": 7}


def test_a_wrapping_provider_that_is_also_imported_wraps_once(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/conftest.py": """
                from expt import provider

                @provider
                def lr(lr): return lr * 10
            """,
            "experiments/x.py": """
                from experiments.conftest import lr

                def experiment_x(lr: float = 1.0): return lr
            """,
        }
    )
    assert sandbox.expt().exit_code == 0
    assert sandbox.run().results == {"value": 10.0}


def test_everything_that_takes_part_is_listed_with_file_line_and_docstring(
    sandbox: Sandbox,
) -> None:
    sandbox.write(
        {
            "experiments/conftest.py": '''
                import expt

                @expt.provider(scope="session")
                def data(size: int = 3):
                    """Numbers."""
                    return range(size)

                @expt.on("after")
                @expt.on("again")
                def log_after(n, size: int = 3):
                    """Write it down."""

                def expt_run_finished(run):
                    """Ring."""

                def analysis_all(run):
                    """Look."""
            ''',
            "experiments/x.py": '''
                import expt

                def experiment_x(data, hooks):
                    """Count."""
                    words = hooks.filter("words", [])
                    hooks.call("after", n=1)
                    hooks.call("again", n=1)

                @expt.on("after", replace=True)
                def mine(n):
                    """Rather this."""
            ''',
        }
    )
    node_id = "experiments/x.py::experiment_x"
    (told,) = sandbox.expt("params", node_id, "--json").json()
    parts = {
        section: [(p["name"], p["where"], p["description"], p["detail"]) for p in told[section]]
        for section in ("providers", "points", "listeners", "hooks", "analyses")
    }
    conftest = "experiments/conftest.py"
    assert parts == {
        "providers": [("data", f"{conftest}:3", "Numbers.", "session; asks for size")],
        "points": [
            ("words", "experiments/x.py:5", "", "filter"),
            ("after", "experiments/x.py:6", "", "call"),
            ("again", "experiments/x.py:7", "", "call"),
        ],
        "listeners": [
            ("again", f"{conftest}:8", "Write it down.", "asks for size"),
            ("after", "experiments/x.py:9", "Rather this.", "replaces"),
        ],
        "hooks": [("expt_run_finished", f"{conftest}:13", "Ring.", "")],
        "analyses": [("analysis_all", f"{conftest}:16", "Look.", "")],
    }
    shown = sandbox.expt("params", node_id).stdout
    for part in parts.values():
        for name, where, description, _ in part:
            assert name in shown
            assert where in shown
            assert description in shown


def test_what_a_session_provider_draws_does_not_depend_on_which_case_came_first(
    sandbox: Sandbox,
) -> None:
    sandbox.write(
        {
            "experiments/x.py": """
                import random
                from expt import provider

                @provider(scope="session")
                def same():
                    return random.random()

                @provider(scope="session")
                def other(seed):
                    return random.random()

                def experiment_x(same, other):
                    return {"same": same, "other": other, "own": random.random()}
            """
        }
    )
    assert sandbox.expt("--sweep", "seed=1,2").exit_code == 0
    assert sandbox.expt("-p", "seed=2").exit_code == 0
    alone, second, first = (run.results for run in sandbox.runs())
    assert alone == second
    assert first["same"] == second["same"]
    assert first["other"] != second["other"]
    assert first["own"] != second["own"]
