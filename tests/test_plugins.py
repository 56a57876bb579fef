"""Plugins: how they are found, what they may add, and that none of them ends another."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import pytest

from expt.cli.parser import VERBS
from expt.ground.errors import UsageError
from expt.ground.hookspecs import hook
from expt.ground.options import KeepingOptions, Options
from expt.plugins.builtin import parent_plugins, worker_plugins
from expt.plugins.manager import BUILTIN_PLUGINS, EntryPoint, Plugins, find_entry_points

if TYPE_CHECKING:
    from pathlib import Path

    from expt.testing import Sandbox

SIMPLE = "def experiment_x(track): track('loss', 1.5)"


class Deaf:
    """Implements nothing."""


class Teller:
    def __init__(self) -> None:
        self.heard: list[Any] = []

    @hook
    def expt_run_finished(self, case: Any) -> str:
        self.heard.append(case)
        return "told"


class Raiser:
    def expt_run_finished(self) -> None:
        raise ValueError("[red]no")

    def expt_make_providers(self) -> None:
        raise KeyError("providers")


class Leaver:
    def expt_run_finished(self) -> None:
        sys.exit(3)


def of(**plugins: Any) -> Plugins:
    return Plugins(plugins, ["no:notify"])


def refusal(plugin: Any) -> str:
    with pytest.raises(UsageError) as caught:
        of(mine=plugin)
    return str(caught.value)


# The manager, alone


def test_a_method_named_after_a_hook_is_one_with_or_without_its_mark() -> None:
    marked, bare = Teller(), Leaver()
    plugins = of(marked=marked, bare=bare)
    assert plugins.names == ["marked", "bare"]
    assert plugins.listens("expt_run_finished")
    assert not plugins.listens("expt_value_tracked")


def test_an_observing_hook_fails_for_itself_alone_and_is_told_once() -> None:
    teller = Teller()
    plugins = of(raiser=Raiser(), teller=teller, leaver=Leaver(), deaf=Deaf())
    for _ in range(2):
        answers = plugins.observe("expt_run_finished", run=None, case="a case", outcome=None)
        assert answers == ["told"]
    assert teller.heard == ["a case", "a case"]
    raising = Raiser.expt_run_finished.__code__.co_firstlineno + 1
    leaving = Leaver.expt_run_finished.__code__.co_firstlineno + 1
    assert sorted(plugins.failures) == [
        f"expt_run_finished of 'leaver' failed: SystemExit: 3 ({__file__}:{leaving})",
        f"expt_run_finished of 'raiser' failed: ValueError: [red]no ({__file__}:{raising})",
    ]


def test_what_interrupts_a_hook_interrupts_the_run() -> None:
    class Interrupted:
        def expt_run_finished(self) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        of(mine=Interrupted()).observe("expt_run_finished", run=None, case=None, outcome=None)


def test_a_deciding_hook_that_fails_is_a_mistake_with_its_place() -> None:
    line = Raiser.expt_make_providers.__code__.co_firstlineno + 1
    with pytest.raises(UsageError) as caught:
        of(mine=Raiser()).decide("expt_make_providers")
    assert str(caught.value) == (
        f"a plugin failed in expt_make_providers: KeyError: 'providers'\n  at {__file__}:{line}"
    )


def test_a_converter_may_say_that_a_value_does_not_fit() -> None:
    class Converts:
        def expt_convert_value(self, value: Any) -> None:
            raise TypeError("not that")

    arguments = {"value": 1, "annotation": int}
    with pytest.raises(TypeError, match="not that"):
        of(mine=Converts()).decide("expt_convert_value", (TypeError,), **arguments)


def test_what_is_no_hook_is_refused() -> None:
    class Misspelt:
        def expt_run_finishd(self) -> None: ...

    class Misled:
        def expt_run_finished(self, rum: Any) -> None: ...

    class Wrapper:
        @hook(wrapper=True)
        def expt_run_finished(self) -> Any:
            yield

    first = Misspelt.expt_run_finishd.__code__.co_firstlineno
    assert refusal(Misspelt()) == (
        "the plugin 'mine' does not fit: there is no hook 'expt_run_finishd'\n"
        f"  at {__file__}:{first}\n"
        "  did you mean 'expt_run_finished' or 'expt_plan_finished' or 'expt_session_finished'?"
    )
    second = Misled.expt_run_finished.__code__.co_firstlineno
    assert refusal(Misled()) == (
        "the plugin 'mine' does not fit: 'expt_run_finished' has no argument 'rum'\n"
        f"  at {__file__}:{second}\n"
        "  arguments: case, outcome, run"
    )
    third = Wrapper.expt_run_finished.__code__.co_firstlineno
    assert refusal(Wrapper()) == (
        "the plugin 'mine' does not fit: 'expt_run_finished' is a wrapper\n"
        f"  at {__file__}:{third}\n"
        "  implement the hook itself"
    )


def test_entry_points_are_read_from_what_is_installed(tmp_path: Path) -> None:
    info = tmp_path / "one-1.0.dist-info"
    info.mkdir()
    (info / "entry_points.txt").write_text(
        "[console_scripts]\none = one:main\n\n[expt]\n# a word\nfirst = one.plugin\n"
        "second=one.plugin:Part.of [extra]\n\n[other]\nthird = one\n"
    )
    (tmp_path / "two.egg-info").mkdir()
    (tmp_path / "broken-1.0.dist-info").mkdir()
    (tmp_path / "broken-1.0.dist-info/entry_points.txt").write_bytes(b"[expt]\n\xff = x\n")
    path = [str(tmp_path), str(tmp_path / "nowhere")]
    assert find_entry_points(path) == [
        EntryPoint("first", "one.plugin"),
        EntryPoint("second", "one.plugin", "Part.of"),
    ]


def test_the_names_of_built_in_plugins_are_known_everywhere(tmp_path: Path) -> None:
    keeping = KeepingOptions(tmp_path / "runs")
    configured = {"notify": {"bell": True}, "mirror": {"mlflow": "http://127.0.0.1:1"}}
    options = Options(tmp_path, tmp_path, keeping, configuration=configured)
    made = {*parent_plugins(options, sys.stdout), *worker_plugins(options)}
    assert made == set(BUILTIN_PLUGINS)


# A plugin of somebody else, installed


MODULE = """
    from pathlib import Path

    import expt


    class Money:
        def __init__(self, cents):
            self.cents = cents


    @expt.hook
    def expt_add_options(parser):
        parser.add_argument("--greet", metavar="NAME", help="say hello to NAME")


    @expt.hook
    def expt_add_verbs(verbs):
        def main(words):
            \"\"\"Say what was said.

            Twice.
            \"\"\"
            print(*words, *words)
            return 7

        verbs["echo"] = main


    @expt.hook
    def expt_session_finished(options, outcomes):
        if options.plugin_options["greet"]:
            print(f"hello {options.plugin_options['greet']}, {len(outcomes)} runs")


    @expt.hook
    def expt_make_providers():
        return {"currency": lambda: "EUR"}


    @expt.hook
    def expt_convert_value(value, annotation):
        if annotation is Money:
            if not isinstance(value, int):
                raise ValueError("write it in cents")
            return Money(value)


    @expt.hook
    def expt_recognise_value(value):
        return ("scalar", value.cents / 100) if isinstance(value, Money) else None


    @expt.hook
    def expt_render_series(series, folder, stem):
        if series.name == "cost":
            path = folder / f"{stem}.txt"
            path.write_text(f"{series.last} and no more")
            return [path]


    @expt.hook
    def expt_render_run(run, folder):
        path = folder / "summary.txt"
        path.write_text(run.status)
        return [path]
"""
USES = """
    from expt_money import Money

    def experiment_buy(track, price: Money, currency):
        track("cost", price)
        return {"cents": price.cents, "currency": currency}
"""


@pytest.fixture
def shop(sandbox: Sandbox) -> Sandbox:
    """A project, and a distribution `expt-money` as an installer leaves it."""
    sandbox.write(
        {
            "experiments/buy.py": USES,
            "experiments/params.toml": "price = 350",
            "site/expt_money.py": MODULE,
            "site/expt_money-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: expt-money\n",
            "site/expt_money-1.0.dist-info/entry_points.txt": "[expt]\nmoney = expt_money\n",
        }
    )
    before = os.environ.get("PYTHONPATH", "")
    sandbox.environ["PYTHONPATH"] = os.pathsep.join([str(sandbox.root / "site"), before])
    return sandbox


def test_an_installed_plugin_adds_an_option_a_kind_a_rendering_a_class_and_a_provider(
    shop: Sandbox,
) -> None:
    done = shop.expt("--greet", "you", render=True)
    assert done.exit_code == 0, done.stderr
    assert "hello you, 1 runs" in done.lines
    run = shop.run()
    assert run.results == {"cents": 350, "currency": "EUR"}
    assert (run.series["cost"].kind, run.series["cost"].last) == ("scalar", 3.5)
    assert (run.path / "plots/cost.txt").read_text() == "3.5 and no more"
    assert (run.path / "plots/summary.txt").read_text() == "completed"
    assert (run.path / "plots/cost.png").exists()
    assert shop.record()["params"]["price"] == 350
    assert "--greet NAME" in shop.expt("--help").stdout


@pytest.mark.inline
def test_what_a_plugin_stores_is_read_without_it(shop: Sandbox) -> None:
    assert shop.expt(render=True).exit_code == 0
    del shop.environ["PYTHONPATH"]
    done = shop.expt("show", "latest")
    assert done.exit_code == 0, done.stderr
    assert "cost" in done.stdout


@pytest.mark.inline
def test_a_value_that_a_plugins_class_refuses_is_told_like_any_other(shop: Sandbox) -> None:
    assert shop.expt("-p", "price=much").stderr == (
        "error: 'price' must be Money, not 'much'\n"
        "  at -p price\n"
        "  write it in cents\n"
        "  set by -p, over 350 of params.toml (experiments/params.toml:1)\n"
    )


@pytest.mark.inline
def test_a_verb_of_a_plugin_gets_its_words_as_they_are(shop: Sandbox) -> None:
    done = shop.expt("echo", "--tag", "x", "--nothing-of-expt")
    assert (done.exit_code, done.stderr) == (7, "")
    assert done.lines == ["--tag x --nothing-of-expt --tag x --nothing-of-expt"]
    assert "  echo          Say what was said.\n" in shop.expt("--help").stdout
    shop.write({"echo/x.py": SIMPLE})
    assert shop.expt("./echo").exit_code == 0


def test_a_verb_that_expt_has_is_refused(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "plugin.py": "def expt_add_verbs(verbs): verbs['show'] = print",
            "experiments/x.py": SIMPLE,
        }
    )
    assert sandbox.expt("--plugin", "plugin.py").stderr == (
        "error: a plugin adds the verb 'show', which expt has\n"
        f"  verbs of expt: {', '.join(sorted(VERBS))}\n"
    )


@pytest.mark.inline
def test_a_plugin_is_left_out_by_name(shop: Sandbox) -> None:
    done = shop.expt("--plugin", "no:money")
    assert done.exit_code == 4
    assert "error: nothing supplies the argument 'currency' of 'experiment_buy'" in done.stderr
    shop.write({"expt.toml": "plugins = ['no:money']"})
    assert "there is no option '--greet'" in shop.expt("--greet", "you").stderr
    assert shop.expt("--plugin", "no:mony").stderr == (
        "error: there is no plugin 'mony' to leave out\n"
        "  at --plugin no:mony\n"
        "  did you mean 'money'?\n"
    )


@pytest.mark.parametrize(
    "left_out",
    [
        ("plots",),
        ("script", "terminal"),
        (*sorted({*BUILTIN_PLUGINS} - {"plots", "script", "terminal"}),),
    ],
)
def test_built_in_plugins_are_left_out_by_name(sandbox: Sandbox, left_out: tuple[str, ...]) -> None:
    sandbox.write({"experiments/x.py": SIMPLE})
    words = [word for name in left_out for word in ("--plugin", f"no:{name}")]
    done = sandbox.expt(*words, render=True)
    assert (done.exit_code, done.stderr) == (0, "")
    path = sandbox.run().path
    assert (path / "plots/loss.png").exists() is ("plots" not in left_out)
    assert (path / "analysis.py").exists() is ("script" not in left_out)
    assert ("1 completed" in done.stdout) is ("terminal" not in left_out)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("mony", "there is no plugin 'mony'\n  at --plugin mony\n  did you mean 'money'?\n"),
        (
            "no_such_module",
            (
                "there is no plugin 'no_such_module'\n"
                "  at --plugin no_such_module\n"
                "  a file is named with its suffix: plugin.py\n"
            ),
        ),
        ("gone.py", "there is no plugin file 'gone.py'\n  at --plugin gone.py\n"),
        (
            "broken.py",
            (
                "the plugin file 'broken.py' cannot be imported: ZeroDivisionError: "
                "division by zero\n  at {root}/broken.py:1\n"
            ),
        ),
        (
            "asks.py",
            (
                "the plugin file 'asks.py' cannot be imported: ModuleNotFoundError: "
                "No module named 'nothing_of_that_name'\n  at {root}/asks.py:1\n"
            ),
        ),
        (
            "expt_money:nothing",
            (
                "the plugin 'expt_money:nothing' cannot be imported: AttributeError: "
                "module 'expt_money' has no attribute 'nothing'\n"
            ),
        ),
    ],
)
def test_a_plugin_that_cannot_be_loaded_is_told_before_anything_runs(
    shop: Sandbox, name: str, text: str
) -> None:
    shop.write({"broken.py": "1 / 0", "asks.py": "import nothing_of_that_name"})
    done = shop.expt("--plugin", name)
    assert done.exit_code == 4
    assert done.stderr == "error: " + text.format(root=shop.root)
    assert not (shop.root / "runs").exists()


def test_an_option_that_expt_has_is_refused_with_the_plugins_line(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/x.py": SIMPLE,
            "plugin.py": "def expt_add_options(parser):\n    parser.add_argument('--tag')\n",
        }
    )
    assert sandbox.expt("--plugin", "plugin.py").stderr == (
        "error: a plugin failed in expt_add_options: ArgumentError: argument --tag: "
        "conflicting option string: --tag\n"
        f"  at {sandbox.root}/plugin.py:2\n"
    )


def test_plugin_files_of_the_configuration_are_relative_to_it(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "expt.toml": "plugins = ['tools/plugin.py']",
            "tools/plugin.py": """
                def expt_session_finished(outcomes): print("plugin:", len(outcomes))

                def expt_run_finished(case): print("in the worker")
            """,
            "experiments/x.py": SIMPLE,
        }
    )
    done = sandbox.expt(".", cwd="experiments")
    assert (done.exit_code, done.stderr) == (0, "")
    assert "plugin: 1" in done.lines
    assert "in the worker" in sandbox.run().log


# How often hooks are called


COUNTING = """
    def hear(*words):
        with open("heard.txt", "a") as file:
            print(*words, file=file)

    def expt_session_started(): hear("session started")

    def expt_plan_finished(plan): hear("planned", len(plan.cases))

    def expt_run_started(case): hear("started", case.id.rpartition("_")[2])

    def expt_run_finished(case, outcome):
        hear("finished", case.id.rpartition("_")[2], outcome.status)

    def expt_event_received(event):
        if type(event).__name__ == "RunFinished":
            hear("event", event.case_id.rpartition("_")[2])

    def expt_session_finished(outcomes, exit_code):
        hear("session finished", len(outcomes), int(exit_code))
"""
ENDS = """
    import os, signal, time

    def experiment_a(): ...

    def experiment_b(): raise ValueError

    def experiment_c():
        os.kill(os.getpid(), signal.SIGKILL)

    def experiment_d(): ...

    def analysis_d(run):
        os._exit(3)

    def experiment_e(): ...
"""


@pytest.mark.parametrize("words", [[], ["-n", "2"], ["-n", "0"], ["--isolate"]])
def test_a_plugin_hears_of_each_end_once(sandbox: Sandbox, words: list[str]) -> None:
    sandbox.write({"experiments/x.py": ENDS, "plugin.py": COUNTING})
    select = ["-k", "_a or _b or _e"] if words == ["-n", "0"] else []
    names = ["a", "b", "e"] if select else ["a", "b", "c", "d", "e"]
    done = sandbox.expt("--plugin", "plugin.py", *words, *select)
    assert done.exit_code == 1, done.stderr
    lines = (sandbox.root / "heard.txt").read_text().splitlines()
    ends = {"b": "failed", "c": "failed"}
    assert sorted(lines) == sorted(
        [
            "session started",
            f"planned {len(names)}",
            *(f"started {name}" for name in names),
            *(f"event {name}" for name in names),
            *(f"finished {name} {ends.get(name, 'completed')}" for name in names),
            f"session finished {len(names)} 1",
        ]
    )
    assert (lines[0], lines[-1]) == ("session started", f"session finished {len(names)} 1")


def test_a_run_that_was_killed_for_its_time_is_heard_of_once(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/x.py": """
                import time

                def experiment_a():
                    while True:
                        try:
                            time.sleep(9)
                        except BaseException:
                            pass
            """,
            "plugin.py": COUNTING,
        }
    )
    assert sandbox.expt("--plugin", "plugin.py", "--timeout", "0.2").exit_code == 1
    lines = (sandbox.root / "heard.txt").read_text().splitlines()
    assert lines.count("finished a failed") == 1
    error = sandbox.record()["error"]
    assert (error["type"], error["message"]) == (
        "TimeoutError",
        "the run took longer than --timeout 0.2",
    )


@pytest.mark.inline
def test_a_session_that_ends_by_a_mistake_is_finished_once(sandbox: Sandbox) -> None:
    sandbox.write({"experiments/x.py": "def experiment_x(nobody): ...", "plugin.py": COUNTING})
    assert sandbox.expt("--plugin", "plugin.py").exit_code == 4
    lines = (sandbox.root / "heard.txt").read_text().splitlines()
    assert lines == ["session started", "session finished 0 4"]


def test_one_plugins_failure_changes_nothing_for_another(sandbox: Sandbox) -> None:
    names = ["session_started", "plan_finished", "event_received", "session_finished"]
    names += ["run_started", "run_finished", "value_tracked"]
    failing = "import sys\n" + "".join(f"def expt_{name}(): sys.exit('no')\n" for name in names)
    sandbox.write({"experiments/x.py": ENDS, "plugin.py": COUNTING, "failing.py": failing})
    words = ["--plugin", "failing.py", "-k", "_a", "--plugin", "plugin.py"]
    done = sandbox.expt(*words)
    assert done.exit_code == 0, done.stderr
    lines = (sandbox.root / "heard.txt").read_text().splitlines()
    assert lines[-1] == "session finished 1 0"
    assert "finished a completed" in lines
    for number, name in enumerate(names[:4]):
        what = f"expt_{name} of 'failing.py' failed: SystemExit: no"
        told = f"warning: {what} (failing.py:{number + 2})"
        assert done.stderr.count(told) == 1, done.stderr
    assert done.stdout.count("expt_run_finished of 'failing.py' failed: SystemExit: no") == 1


def test_a_plugin_supplies_the_executor(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/x.py": SIMPLE,
            "plugin.py": """
                from concurrent.futures import Future

                class InThisThread:
                    def __init__(self, worker): self.worker = worker

                    def submit(self, request):
                        with open("heard.txt", "a") as file:
                            print(type(request).__name__, file=file)
                        future = Future()
                        future.set_result(self.worker.answer(request))
                        return future

                    def interrupt(self, *, kill=False): ...

                    def shutdown(self, wait=True, *, cancel_futures=False):
                        self.worker.close()
                        with open("heard.txt", "a") as file:
                            print("shutdown", file=file)

                def expt_make_executor(options, make_worker):
                    return InThisThread(make_worker())
            """,
        }
    )
    done = sandbox.expt("--plugin", "plugin.py", "--sweep", "seed=1,2")
    assert done.exit_code == 0, done.stderr
    assert [run.params["seed"] for run in sandbox.runs()] == [2, 1]
    assert (sandbox.root / "heard.txt").read_text().splitlines() == [
        "PlanRequest", "RunRequest", "RunRequest", "shutdown"
    ]  # fmt: skip


def test_failures_of_hooks_are_warnings_in_python(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/x.py": SIMPLE,
            "plugin.py": "def expt_session_started(): 1 / 0\n",
            "script.py": """
                import warnings
                import expt

                with warnings.catch_warnings(record=True) as caught:
                    warnings.simplefilter("always")
                    runs = expt.run(options=["--plugin", "plugin.py", "--no-render"], n=0)
                print([run.status for run in runs], *(one.category.__name__ for one in caught))
                print(*(one.message for one in caught))
            """,
        }
    )
    done = sandbox.python("script.py")
    assert done.lines[0] == "['completed'] UserWarning", done
    assert "expt_session_started of 'plugin.py' failed" in done.lines[1]
