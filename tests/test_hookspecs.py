"""Hook points of the user's own, hooks in conftests, and analyses: who is called, and when."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from expt.ground.model import Place
from expt.planning.contents import Listener
from expt.planning.providers import Function
from expt.running.supplies import Hooks

if TYPE_CHECKING:
    from collections.abc import Callable

    from expt.testing import Sandbox

pytestmark = pytest.mark.inline


def listening(function: Callable[..., Any]) -> Listener:
    place = Place("x.py", 1)
    return Listener("point", function, place, Function("f", function, place, ()))


def heard(sandbox: Sandbox) -> list[str]:
    """What hooks wrote down, and forget it."""
    path = sandbox.root / "heard.txt"
    lines = path.read_text().splitlines() if path.exists() else []
    path.unlink(missing_ok=True)
    return lines


def refused(sandbox: Sandbox, *words: str) -> str:
    done = sandbox.expt(*words)
    assert done.exit_code == 4, done.stdout + done.stderr
    assert not (sandbox.root / "runs").exists()
    return done.stderr


# Hook points, alone


def test_a_point_calls_everyone_outermost_first_and_returns_what_they_returned() -> None:
    hooks = Hooks([listening(lambda n: ("outer", n)), listening(lambda n: ("inner", n))])
    assert hooks.call("point", n=1) == [("outer", 1), ("inner", 1)]
    assert hooks.call("nobody", n=1) == []


def test_a_filter_hands_the_value_through_outermost_first() -> None:
    hooks = Hooks([listening(lambda text: text + "a"), listening(lambda text: text + "b")])
    assert hooks.filter("point", "-") == "-ab"
    assert hooks.filter("nobody", "-") == "-"


def test_a_default_counts_where_nobody_listens() -> None:
    assert Hooks([]).filter("point", "a", default=str.upper) == "A"
    assert Hooks([]).filter("point", "a", default=lambda text, n: text * n, n=3) == "aaa"
    assert Hooks([listening(lambda text: text)]).filter("point", "a", default=str.upper) == "a"


def everything(text: str, **values: int) -> str:
    return f"{text}{sorted(values.items())}"


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda text: text, "x"),
        (lambda text, step: f"{text}{step}", "x1"),
        (lambda text, loss: f"{text}{loss}", "x2"),
        (lambda text, *, loss, step: f"{text}{loss}{step}", "x21"),
        (lambda text, more="?": f"{text}{more}", "x?"),
        (everything, "x[('loss', 2), ('step', 1)]"),
        (str.upper, "X"),
    ],
)
def test_a_listener_is_given_those_of_the_values_that_it_takes(
    function: Callable[..., Any], expected: str
) -> None:
    assert Hooks([listening(function)]).filter("point", "x", step=1, loss=2) == expected


def test_a_listener_that_takes_what_the_point_does_not_give_is_told_so() -> None:
    hooks = Hooks([listening(lambda epoch: epoch)])
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'epoch'"):
        hooks.call("point", step=1)


# Hook points, from outside


def test_listeners_of_the_root_the_folder_and_the_module_are_called_in_that_order(
    sandbox: Sandbox,
) -> None:
    listener = """
        import expt

        @expt.on("where")
        @expt.on("text")
        def tell(text=""):
            return text + "{name}"
    """
    sandbox.write(
        {
            "expt.toml": "",
            "conftest.py": listener.format(name="root "),
            "experiments/conftest.py": listener.format(name="tree "),
            "experiments/a/conftest.py": listener.format(name="folder "),
            "experiments/b/conftest.py": listener.format(name="not me "),
            "experiments/a/x.py": listener.format(name="module ")
            + """
        def experiment_x(hooks):
            return {"where": hooks.call("where"), "text": hooks.filter("text", "> ")}
    """,
        }
    )
    assert sandbox.expt("experiments/a").exit_code == 0
    assert sandbox.run().results == {
        "where": ["root ", "tree ", "folder ", "module "],
        "text": "> root tree folder module ",
    }


def test_providers_may_have_hook_points_too(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/conftest.py": """
                import expt

                @expt.provider
                def words(hooks):
                    return hooks.filter("words", ["one", "three"], default=sorted)
            """,
            "experiments/x.py": "def experiment_x(words): return {'words': words}",
            "experiments/y.py": """
                import expt

                @expt.on("words")
                def longest(words): return [max(words, key=len)]

                def experiment_y(words): return {"words": words}
            """,
        }
    )
    assert sandbox.expt().exit_code == 0
    y, x = sandbox.runs()
    assert (x.results, y.results) == ({"words": ["one", "three"]}, {"words": ["three"]})


def test_a_listener_that_raises_fails_the_run(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/x.py": """
                import expt

                @expt.on("after")
                def stumble(): raise ValueError("no")

                def experiment_x(hooks, track):
                    track("loss", 1.0)
                    hooks.call("after")
            """
        }
    )
    assert sandbox.expt().exit_code == 1
    assert sandbox.record()["error"]["message"] == "no"
    assert sandbox.run().series["loss"].last == 1.0


# Hooks in conftests

HEARING = """
    def hear(*words):
        with open("heard.txt", "a") as file:
            print("{name}", *words, file=file)

    def expt_run_started(run, case):
        hear("started", case.id, run.path.is_dir())

    def expt_value_tracked(kind, name, value):
        hear("tracked", name, kind, value)

    def expt_run_finished(outcome, case):
        hear("finished", case.id, outcome.status)
"""


@pytest.mark.inline(False)
def test_a_conftest_hears_of_experiments_below_its_folder_and_of_no_other(
    sandbox: Sandbox,
) -> None:
    sandbox.write(
        {
            "experiments/a/conftest.py": HEARING.format(name="a:"),
            "experiments/a/x.py": "def experiment_x(track): track('loss', 1.5)",
            "experiments/b/y.py": "def experiment_y(track): track('loss', 2.5)",
            "experiments/b/params.toml": "[expt]\nextends = '../a/x.py::experiment_x'",
        }
    )
    assert sandbox.expt().exit_code == 0
    assert len(sandbox.runs()) == 3
    assert heard(sandbox) == [
        "a: started experiments/a/x.py::experiment_x True",
        "a: tracked loss scalar 1.5",
        "a: finished experiments/a/x.py::experiment_x completed",
    ]


@pytest.mark.inline(False)
def test_a_hook_that_raises_is_reported_once_and_the_others_are_called(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "expt.toml": "",
            "conftest.py": HEARING.format(name="root:"),
            "experiments/conftest.py": """
                import sys

                def expt_run_started():
                    sys.exit(3)

                def expt_value_tracked(step):
                    raise ValueError("not that")

                def expt_run_finished(case):
                    raise ValueError("[red]never")
            """,
            "experiments/a/conftest.py": HEARING.format(name="a:"),
            "experiments/a/x.py": """
                def experiment_x(track):
                    for step in range(3):
                        track("loss", 1.0)
            """,
            "plugin.py": HEARING.format(name="plugin:"),
        }
    )
    done = sandbox.expt("--plugin", "plugin.py")
    assert done.exit_code == 0, done.stderr
    assert sandbox.run().status == "completed"
    for text in (
        "expt_run_started of 'experiments/conftest.py' failed: SystemExit: 3"
        " (experiments/conftest.py:4)",
        "expt_value_tracked of 'experiments/conftest.py' failed: ValueError: not that"
        " (experiments/conftest.py:7)",
        "expt_run_finished of 'experiments/conftest.py' failed: ValueError: [red]never"
        " (experiments/conftest.py:10)",
    ):
        assert done.stdout.count(text) == 1, done.stdout
    lines = heard(sandbox)
    for name in ("root:", "a:", "plugin:"):
        assert [line.split()[1] for line in lines if line.startswith(name)] == [
            "started", "tracked", "tracked", "tracked", "finished"
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("conftest", "text"),
    [
        (
            "def expt_session_finished(): ...",
            (
                "error: 'expt_session_finished' is called where no conftest.py is imported\n"
                "  at experiments/conftest.py:1\n"
                "  make it a plugin: move it into a file of its own, and load that with\n"
                '  --plugin FILE, or by plugins = ["FILE"] in the configuration\n'
            ),
        ),
        (
            "import expt\n\n@expt.hook\ndef expt_render_series(series): ...",
            (
                "error: 'expt_render_series' is called where no conftest.py is imported\n"
                "  at experiments/conftest.py:3\n"
                "  make it a plugin: move it into a file of its own, and load that with\n"
                '  --plugin FILE, or by plugins = ["FILE"] in the configuration\n'
            ),
        ),
        (
            "def expt_make_providers(): ...",
            (
                "error: 'expt_make_providers' is for plugins\n"
                "  at experiments/conftest.py:1\n"
                "  in a conftest.py, mark a function with @expt.provider\n"
            ),
        ),
        (
            "def expt_run_finishd(run): ...",
            (
                "error: there is no hook 'expt_run_finishd'\n"
                "  at experiments/conftest.py:1\n"
                "  did you mean 'expt_run_finished' or 'expt_plan_finished'"
                " or 'expt_session_finished'?\n"
            ),
        ),
        (
            "def expt_run_finished(rum): ...",
            (
                "error: 'expt_run_finished' has no argument 'rum'\n"
                "  at experiments/conftest.py:1\n"
                "  arguments: case, outcome, run\n"
            ),
        ),
    ],
)
def test_what_a_conftest_cannot_hear_is_told_before_anything_runs(
    sandbox: Sandbox, conftest: str, text: str
) -> None:
    sandbox.write(
        {"experiments/conftest.py": conftest, "experiments/x.py": "def experiment_x(): ..."}
    )
    assert refused(sandbox) == text


def test_a_hook_beside_an_experiment_is_a_warning(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/x.py": """
                def experiment_x(): ...

                def experiment_y(): ...

                def expt_run_finished(run): ...

                def expt_helper(): ...
            """
        }
    )
    done = sandbox.expt()
    assert done.exit_code == 0, done.stderr
    told = "'expt_run_finished' is not called here: move it into a conftest.py or a plugin"
    assert done.stdout.count(f"experiments/x.py:5: {told}") == 1
    assert "expt_helper" not in done.stdout


MONEY = """
    class Money:
        def __init__(self, cents): self.cents = cents

        def __repr__(self): return f"Money({self.cents})"
"""
CONVERTING = """
    from money import Money

    def expt_convert_value(annotation, value):
        if annotation is Money:
            if not isinstance(value, str):
                raise ValueError("write it as '3 EUR'")
            return Money(int(value.split()[0]) * {factor})

    def expt_recognise_value(value):
        if isinstance(value, Money):
            return "scalar", value.cents
"""


def test_a_conftest_converts_and_recognises_values_of_a_class_of_its_own(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "expt.toml": "",
            "money.py": MONEY,
            "experiments/conftest.py": CONVERTING.format(factor=100),
            "experiments/x.py": """
                from money import Money

                def experiment_x(track, price: Money):
                    track("cost", price)
                    return price.cents
            """,
            "experiments/near/conftest.py": CONVERTING.format(factor=7),
            "experiments/near/y.py": """
                from money import Money

                def experiment_y(price: Money): return price.cents
            """,
            "elsewhere/params.toml": """
                price = "4 EUR"

                [expt]
                extends = "../experiments/x.py::experiment_x"
            """,
            "experiments/params.toml": "price = '3 EUR'",
        }
    )
    done = sandbox.expt("experiments", "elsewhere")
    assert done.exit_code == 0, done.stderr
    assert {run.experiment: run.results["value"] for run in sandbox.runs()} == {
        "experiments/x.py::experiment_x": 300,
        "experiments/near/y.py::experiment_y": 21,
        "elsewhere::experiment_x": 400,
    }
    (x,) = sandbox.runs(k="x.py")
    assert (x.params["price"], x.series["cost"].last) == ("3 EUR", 300)
    assert sandbox.expt("experiments/x.py", "-p", "price=5").stderr == (
        "error: 'price' must be Money, not 5\n"
        "  at -p price\n"
        "  write it as '3 EUR'\n"
        "  set by -p, over '3 EUR' of params.toml (experiments/params.toml:1)\n"
    )


def test_a_converter_that_fails_is_told_with_its_place(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "expt.toml": "",
            "money.py": MONEY,
            "experiments/conftest.py": """
                def expt_convert_value(value):
                    return {}[value]
            """,
            "experiments/x.py": """
                from money import Money

                def experiment_x(price: Money): ...
            """,
        }
    )
    conftest = sandbox.root / "experiments/conftest.py"
    assert refused(sandbox, "-p", "price=x") == (
        f"error: a conftest.py failed in expt_convert_value: KeyError: 'x'\n  at {conftest}:2\n"
    )


# Analyses


def test_analyses_go_with_their_experiment_outermost_first(sandbox: Sandbox) -> None:
    analysis = "\n    def analysis_{name}(run):\n        print('{text}', run.status)\n"
    sandbox.write(
        {
            "experiments/conftest.py": analysis.format(name="all", text="tree"),
            "experiments/a/conftest.py": analysis.format(name="all", text="nearer")
            + analysis.format(name="folder", text="folder"),
            "experiments/a/x.py": """
                def experiment_x(): ...

                def experiment_y(): ...

                def analysis_x(run): print("x", run.status)

                def analysis_both(run): print("both", run.status)
            """,
        }
    )
    assert sandbox.expt().exit_code == 0
    y, x = sandbox.runs()
    assert x.log.splitlines() == [
        "nearer completed", "folder completed", "x completed", "both completed"
    ]  # fmt: skip
    assert y.log.splitlines() == ["nearer completed", "folder completed", "both completed"]


@pytest.mark.inline(False)
def test_a_failing_analysis_is_reported_and_fails_neither_the_run_nor_the_next(
    sandbox: Sandbox,
) -> None:
    sandbox.write(
        {
            "experiments/x.py": """
                import sys

                def experiment_x(track): track("loss", 1.0)

                def analysis_a(run): raise ValueError("[/nope]")

                def analysis_b(run): sys.exit(3)

                def analysis_c(run): run.save("answer", {"loss": run.series["loss"].last})
            """
        }
    )
    done = sandbox.expt()
    assert done.exit_code == 0, done.stderr
    run = sandbox.run()
    assert run.status == "completed"
    assert "analysis_a failed: [/nope]" in done.stdout
    assert "analysis_b failed: 3" in done.stdout
    assert "ValueError: [/nope]" in run.log
    (answer,) = run.artifacts
    assert answer.startswith("answer")


def test_an_edited_analysis_script_works_on_the_archive_alone(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "library/words.py": "def join(words): return ' and '.join(words)",
            "experiments/conftest.py": """
                from library.words import join

                def analysis_all(run):
                    print(join(["conftest", run.status]))
            """,
            "experiments/base.py": """
                def experiment_base(track): track("loss", 1.5)

                def analysis_base(run):
                    print("base", run.series["loss"].last)
            """,
            "experiments/b/x.py": """
                import expt
                from experiments.base import experiment_base

                experiment_x = expt.extends(experiment_base)

                def analysis_x(run):
                    print("x", run.params)
            """,
        }
    )
    assert sandbox.expt("experiments/b", render=True).exit_code == 0
    archive = sandbox.run().path.rename(sandbox.root / "moved")
    for tree in ("library", "experiments"):
        (sandbox.root / tree).rename(sandbox.root / f"gone_{tree}")
    script = archive / "analysis.py"
    text = script.read_text()
    script.write_text(text.replace('print("base", ', 'print("edited", '))
    done = sandbox.python(script, cwd="..")
    assert done.exit_code == 0, done.stderr
    seed = json.loads((archive / "run.json").read_text())["params"]["seed"]
    told = [line for line in done.lines if line.startswith(("conftest", "edited", "x "))]
    assert told == ["conftest and completed", "edited 1.5", f"x {{'seed': {seed}}}"]


def test_analyses_are_outside_the_duration_and_only_of_what_completed(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/x.py": """
                import time

                def experiment_x(): ...

                def experiment_y(): raise ValueError

                def analysis_all(run):
                    print("analysis", run.status)
                    time.sleep(0.5)
            """
        }
    )
    assert sandbox.expt().exit_code == 1
    y, x = sandbox.runs()
    assert x.log.splitlines() == ["analysis completed"]
    assert x.duration < 0.5
    assert "analysis failed" not in y.log


def test_the_docs_list_every_hook_and_where_it_is_called() -> None:
    from expt.ground import hookspecs

    page = (Path(__file__).parent.parent / "docs/reference/hooks.md").read_text()
    for name in dir(hookspecs):
        if name.startswith("expt_"):
            assert f"### `{name}(" in page
            who = (getattr(hookspecs, name).__doc__ or "").partition(".")[0]
            assert who.partition(", ")[2] in ("parent", "worker", "page", "renderer")
            start = page.index(f"### `{name}(")
            assert f"\n{who}.\n" in page[start : start + 400]
