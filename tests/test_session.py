"""The main job, end to end: a tree is written, the command runs, the archive is read."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

import expt
from expt.sessions.session import new_session_id
from expt.testing import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TOLD = os.path.exists(f"/proc/self/task/{os.getpid()}/children")

SIMPLE = """
    def experiment_one(track, results, lr: float = 0.1, epochs: int = 3):
        '''Train something.'''
        for epoch in range(epochs):
            track("loss", lr / (epoch + 1), step=epoch)
        results["best"] = lr
        return {"accuracy": 0.9}
"""


def wait_for(condition, timeout: float = 60.0):
    """Ask until it is true; what it said."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"not within {timeout} s: {condition}")


def running_record(sandbox: Sandbox, name: str) -> dict | None:
    """`run.json` of the run of `experiment_NAME` that says running and has tracked something."""
    for path in (sandbox.root / "runs").rglob(f"experiment_{name}/*/run.json"):
        record = json.loads(path.read_text())
        if record["status"] == "running" and (path.parent / "series" / "names.jsonl").exists():
            return record
    return None


def test_a_run_leaves_a_whole_archive(sandbox: Sandbox) -> None:
    sandbox.write({"experiments/first.py": SIMPLE, "experiments/params.toml": "lr = 0.01\n"})
    done = sandbox.expt("experiments/", "-p", "epochs=5", render=True)
    assert done.exit_code == 0, done.stderr
    run = sandbox.run()
    assert run.status == "completed"
    assert run.results == {"best": 0.01, "accuracy": 0.9}
    assert run.series["loss"].values.tolist() == [0.01 / n for n in range(1, 6)]
    assert run.series["loss"].steps.tolist() == [0, 1, 2, 3, 4]
    names = {path.name for path in run.path.iterdir()}
    assert names >= {
        "run.json", "params.toml", "environment.json", "code", "output.log", "series", "plots",
        "analysis.py",
    }  # fmt: skip
    assert (run.path / "code/experiments/first.py").read_bytes() == (
        sandbox.root / "experiments/first.py"
    ).read_bytes()
    assert (run.path / "plots/loss.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.skipif(not TOLD, reason="the system tells of no process's children")
@pytest.mark.parametrize(
    ("words", "processes"),
    [([], 1), (["--sweep", "seed=1,2"], 2), (["--plugin", "plugin.py"], 2)],
    ids=["one", "two", "drawn by a plugin"],
)
def test_the_script_of_a_single_run_that_nobody_draws_is_its_workers(
    sandbox: Sandbox, words: list[str], processes: int
) -> None:
    source = """
        import os
        from pathlib import Path

        def experiment_count(seed=1):
            helper = os.getppid()
            return len(Path(f"/proc/{helper}/task/{helper}/children").read_text().split())
        """
    plugin = "def expt_render_run(run): ..."
    sandbox.write({"experiments/count.py": source, "plugin.py": plugin})
    done = sandbox.expt(*words)
    assert done.exit_code == 0, done.stderr
    assert {run.results["value"] for run in sandbox.runs()} == {processes}
    assert all((run.path / "analysis.py").exists() for run in sandbox.runs())


def test_what_a_single_run_leaves_in_modules_does_not_cost_its_script(sandbox: Sandbox) -> None:
    sandbox.write({"experiments/a.py": "import json\ndef experiment_a(): json.dumps = None\n"})
    done = sandbox.expt()
    assert (done.exit_code, done.stderr) == (0, "")
    assert "notice" not in done.stdout
    assert (sandbox.run().path / "analysis.py").exists()


def test_selection_and_a_value_of_the_command_line(sandbox: Sandbox) -> None:
    body = "def experiment_{0}(track): track('x', 1)\n"
    sandbox.write(
        {
            "experiments/ising.py": body.format("ising"),
            "experiments/network.py": body.format("ising_network"),
            "experiments/params.toml": "seed = 1\n",
        }
    )
    done = sandbox.expt("experiments/", "-k", "ising and not network", "-p", "seed=3")
    assert done.exit_code == 0
    assert [run.experiment for run in sandbox.runs()] == ["experiments/ising.py::experiment_ising"]
    assert sandbox.record()["origins"]["seed"] == [
        {"layer": "-p", "where": "-p seed", "value": 3},
        {"layer": "params.toml", "where": "experiments/params.toml:1", "value": 1},
    ]


@pytest.mark.parametrize(
    ("words", "exit_code", "error"),
    [
        (
            ["-p", "lrr=1"],
            4,
            (
                "error: no selected experiment has a parameter 'lrr'\n"
                "  at -p lrr=1\n"
                "  did you mean 'lr'? parameters: epochs, lr, seed\n"
            ),
        ),
        (
            ["-p", "my_plugin"],
            4,
            (
                "error: 'my_plugin' sets no parameter: it has no '='\n"
                "  at -p my_plugin\n"
                "  write -p NAME=VALUE; a plugin is loaded with --plugin my_plugin\n"
            ),
        ),
        (
            ["--zzzz", "3"],
            4,
            "error: there is no option '--zzzz'\n  see: expt --help\n",
        ),
        (
            ["-p", "epochs=3.5"],
            4,
            (
                "error: 'epochs' must be int, not 3.5\n"
                "  at -p epochs\n"
                "  set by -p, over 3 of default (experiments/first.py:1)\n"
            ),
        ),
        (
            ["-p", "epochs=1,2"],
            4,
            (
                "error: 'epochs' must be int, not '1,2'\n"
                "  at -p epochs\n"
                "  each of several values: --sweep epochs=1,2\n"
                "  set by -p, over 3 of default (experiments/first.py:1)\n"
            ),
        ),
    ],
)
@pytest.mark.inline
def test_what_is_typed_wrong_fails_before_anything_runs(
    sandbox: Sandbox, words: list[str], exit_code: int, error: str
) -> None:
    sandbox.write({"experiments/first.py": SIMPLE})
    done = sandbox.expt("experiments/", *words)
    assert (done.exit_code, done.stderr) == (exit_code, error)
    assert not (sandbox.root / "runs").exists()


@pytest.mark.inline
def test_nothing_selected_is_exit_code_5(sandbox: Sandbox) -> None:
    sandbox.write({"experiments/first.py": SIMPLE})
    assert sandbox.expt("experiments/", "-k", "nothing_matches").exit_code == 5
    assert sandbox.expt("experiments/", "-k", "a b").exit_code == 4


def test_a_failing_experiment_keeps_its_data_and_the_others_run(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/first.py": """
                def experiment_bad(track):
                    track("before", 1.5)
                    inner()

                def inner():
                    raise ValueError("no more")

                def experiment_good(track):
                    track("x", 1)
            """
        }
    )
    done = sandbox.expt("experiments/")
    assert done.exit_code == 1
    good, bad = sandbox.runs()
    assert (good.status, bad.status) == ("completed", "failed")
    assert bad.series["before"].values.tolist() == [1.5]
    error = sandbox.record("latest~1")["error"]
    assert (error["type"], error["message"]) == ("ValueError", "no more")
    assert "in inner" in error["traceback"]
    assert "expt/running" not in error["traceback"]
    assert "ValueError: no more" in done.stdout


DEATHS = {
    "os.kill(os.getpid(), 9)": "was killed by SIGKILL",
    "os.kill(os.getpid(), 11)": "was killed by SIGSEGV",
    "os._exit(0)": "ended with exit code 0",
    "os.abort()": "was killed by SIGABRT",
}
DIES = """
def experiment_dies_{number}(track, results):
    for step in range(1000):
        track("x", step * 0.5)
    results["so far"] = 7
    print("last words")
    {end}
"""


LIVES = "def experiment_lives(track): track('x', 1)\n"


@pytest.fixture(scope="module")
def dead(new_sandbox: Callable[[], Sandbox]) -> Sandbox:
    """A session whose worker dies in all runs but the last."""
    source = "".join(DIES.format(number=number, end=end) for number, end in enumerate(DEATHS))
    sandbox = new_sandbox().write({"experiments/first.py": f"import os\n{source}{LIVES}"})
    done = sandbox.expt("experiments/")
    assert done.exit_code == 1, done.stderr
    return sandbox


@pytest.mark.parametrize("end", DEATHS)
def test_a_worker_that_dies_is_a_failed_run_and_no_more(dead: Sandbox, end: str) -> None:
    (lives,) = dead.runs(k="lives")
    (dies,) = dead.runs(k=f"dies_{[*DEATHS].index(end)}")
    assert (lives.status, dies.status) == ("completed", "failed")
    assert len(dies.series["x"].values) == 1000
    assert dies.results == {"so far": 7}
    assert "last words" in dies.log
    record = dead.record(dies.id)
    assert record["error"]["type"] == "WorkerDied"
    assert record["error"]["message"] == f"the worker {DEATHS[end]}"
    assert record["series"]["x"]["count"] == 1000


ENDLESS = """
    import time

    def experiment_a_waits(track):
        try:
            track("x", 1.5)
            open("begun", "w").close()
            time.sleep(600)
        finally:
            track("cleaned up", 1)

    def experiment_b_never(track):
        track("x", 1)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_the_run_with_its_data_and_starts_no_other(
    sandbox: Sandbox, number: signal.Signals
) -> None:
    sandbox.write({"experiments/first.py": ENDLESS})
    process = sandbox.start("experiments/")
    wait_for((sandbox.root / "begun").exists)
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == 2
    (run,) = sandbox.runs()
    assert run.status == "interrupted"
    assert {name: series.last for name, series in run.series.items()} == {"x": 1.5, "cleaned up": 1}


def test_a_second_interrupt_kills_what_does_not_listen(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/first.py": """
                import time

                def experiment_deaf(track):
                    while True:
                        try:
                            track("x", 1.5)
                            time.sleep(600)
                        except KeyboardInterrupt:
                            track("heard", 1)
            """
        }
    )
    process = sandbox.start("experiments/")
    wait_for(lambda: running_record(sandbox, "deaf") and "x" in sandbox.run().series)
    process.send_signal(signal.SIGINT)
    wait_for(lambda: "heard" in sandbox.run().series)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 2
    assert sandbox.run().status == "interrupted"
    assert sandbox.run().series["x"].last == 1.5


def test_an_archive_that_was_moved_loads_without_its_source(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    sandbox.write({"experiments/first.py": SIMPLE})
    sandbox.expt("experiments/", render=True)
    moved = tmp_path / "elsewhere"
    shutil.move(sandbox.run().path, moved)
    shutil.rmtree(sandbox.root)
    sandbox.root.mkdir()
    run = expt.load(moved)
    assert run.results["accuracy"] == 0.9
    assert "experiment_one" in run.code["experiments/first.py"]
    done = sandbox.expt("show", moved)
    assert done.exit_code == 0
    assert "accuracy" in done.stdout
    assert sandbox.python(moved / "analysis.py").exit_code == 0


def test_collecting_imports_nothing_of_the_users(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/first.py": "raise SystemExit\ndef experiment_one(): ...\n",
            "experiments/second.py": """
                from pathlib import Path
                experiment_name = "x"
                experiment_dir = Path()
                raise RuntimeError
                def experiment_two(): ...
            """,
        }
    )
    done = sandbox.expt("--collect-only", "-q")
    assert done.exit_code == 0
    assert done.lines == [
        "experiments/first.py::experiment_one",
        "experiments/second.py::experiment_two",
    ]


@pytest.mark.inline
def test_values_that_look_like_experiments_disturb_nobody(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/first.py": """
                from pathlib import Path
                experiment_name = "x"
                experiment_dir = Path()
                def experiment_two(track): track("x", 1)
            """
        }
    )
    assert sandbox.expt().exit_code == 0
    assert len(sandbox.runs()) == 1


@pytest.mark.inline
def test_an_empty_folder_without_git_or_project(sandbox: Sandbox) -> None:
    sandbox.write({"experiments/first.py": SIMPLE})
    sandbox.expt("experiments/")
    run = sandbox.run()
    assert run.experiment == "experiments/first.py::experiment_one"
    assert run.path.parent == sandbox.root / "runs/first/experiment_one"


def test_odd_folders_and_files_of_one_name(sandbox: Sandbox) -> None:
    body = "import helpers\ndef experiment_x(results): results['name'] = helpers.NAME\n"
    sandbox.write(
        {
            "experiments/with space/same.py": body,
            "experiments/with space/helpers.py": "NAME = 'space'\n",
            "experiments/dotted.v2/same.py": body,
            "experiments/dotted.v2/helpers.py": "NAME = 'dotted'\n",
            "experiments/übung/same.py": body,
            "experiments/übung/helpers.py": "NAME = 'übung'\n",
        }
    )
    done = sandbox.expt("experiments/")
    assert done.exit_code == 0, done.stdout
    assert {run.experiment: run.results["name"] for run in sandbox.runs()} == {
        "experiments/with space/same.py::experiment_x": "space",
        "experiments/dotted.v2/same.py::experiment_x": "dotted",
        "experiments/übung/same.py::experiment_x": "übung",
    }


def test_a_class_of_the_module_is_pickled_through_a_process_pool(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/deep/pool.py": """
                from concurrent.futures import ProcessPoolExecutor
                from dataclasses import dataclass

                @dataclass
                class Job:
                    size: int

                def work(job):
                    return Job(job.size * 2)

                def experiment_pool(results):
                    with ProcessPoolExecutor(2) as pool:
                        results["sizes"] = [job.size for job in pool.map(work, [Job(1), Job(2)])]
            """
        }
    )
    done = sandbox.expt("experiments/")
    assert done.exit_code == 0, done.stdout
    assert sandbox.run().results["sizes"] == [2, 4]


def test_code_has_the_bytes_that_were_imported(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/helpers.py": "VALUE = 'imported'\n",
            "experiments/first.py": """
                import helpers
                from pathlib import Path

                def experiment_edits(results):
                    Path("experiments/helpers.py").write_text("VALUE = 'edited later'\\n")
                    results["value"] = helpers.VALUE
            """,
        }
    )
    sandbox.expt("experiments/")
    assert sandbox.run().code["experiments/helpers.py"] == "VALUE = 'imported'\n"


RETURNED = {
    "3": {"value": 3},
    "0.5": {"value": 0.5},
    "None": {},
    "{'a': 1, 'b': float('nan')}": {"a": 1, "b": pytest.approx(float("nan"), nan_ok=True)},
    "__import__('numpy').float32(0.5)": {"value": 0.5},
}


@pytest.fixture(scope="module")
def returned(new_sandbox: Callable[[], Sandbox]) -> Sandbox:
    """A session of an experiment for each value that is returned."""
    lines = (f"def experiment_{i}(): return {text}\n" for i, text in enumerate(RETURNED))
    sandbox = new_sandbox().write({"experiments/first.py": "".join(lines)})
    assert sandbox.expt().exit_code == 0
    return sandbox


@pytest.mark.parametrize("text", RETURNED)
def test_what_is_returned_becomes_results(returned: Sandbox, text: str) -> None:
    run = returned.run(f"experiment_{[*RETURNED].index(text)}")
    assert run.results == RETURNED[text]


@pytest.mark.inline
def test_what_json_cannot_hold_is_kept_all_the_same(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/first.py": """
                import numpy as np

                class Model:
                    def __repr__(self):
                        return "Model(3 layers)"

                def experiment_one():
                    return {"weights": np.arange(6.0).reshape(2, 3), "model": Model(), "n": 1}
            """
        }
    )
    done = sandbox.expt()
    assert done.exit_code == 0
    run = sandbox.run()
    assert run.results["n"] == 1
    assert "Model(3 layers)" in str(run.results["model"])
    (array,) = [artifact for name, artifact in run.artifacts.items() if "weights" in name]
    assert array.load().tolist() == [[0, 1, 2], [3, 4, 5]]
    assert len(sandbox.record()["notices"]) == 2


def test_output_of_subprocesses_and_logs_is_in_the_log(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/first.py": """
                import logging, os, subprocess, sys

                def experiment_talks(log):
                    print("printed")
                    print("to stderr", file=sys.stderr)
                    subprocess.run([sys.executable, "-c", "print('from a child')"])
                    os.write(1, b"below python\\n")
                    log.info("logged")
                    logging.getLogger("library").warning("warned")
            """
        }
    )
    done = sandbox.expt()
    log = sandbox.run().log
    for words in ("printed", "to stderr", "from a child", "below python", "logged", "warned"):
        assert words in log
        assert words not in done.stdout


@pytest.mark.parametrize("verb", [["--help"], ["--collect-only"], ["--co", "-k", "one"]])
def test_listing_and_helping_import_nothing_slow(sandbox: Sandbox, verb: list[str]) -> None:
    """Neither libraries nor what reads values: a file of values is not read to list."""
    sandbox.write({"experiments/first.py": SIMPLE, "experiments/params.toml": "lr = 0.1"})
    script = sandbox.root / "probe.py"
    script.write_text(
        "import sys\nfrom expt.cli import main as cli\n"
        "try:\n    cli.main(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        "slow = {'numpy', 'matplotlib', 'rich', 'cattrs', 'imageio', 'PIL', 'hashlib',\n"
        "        'expt.parameters', 'expt.planning', 'expt.archive'} & set(sys.modules)\n"
        "print('slow:', sorted(slow))\n"
    )
    done = Sandbox(sandbox.root).python(script, *verb)  # which imports anew
    assert done.lines[-1] == "slow: []", done.stdout + done.stderr


def test_a_later_run_of_a_session_masks_nothing_where_there_is_no_secret(sandbox: Sandbox) -> None:
    sandbox.write({"experiments/params.toml": "lr = 3\n", "experiments/first.py": SIMPLE})
    assert sandbox.expt("experiments/", "--sweep", "epochs=1,2,3").exit_code == 0
    assert [run.notices for run in sandbox.runs()] == [(), (), ()]


@pytest.mark.inline
def test_local_variables_stand_below_frames_and_secrets_are_masked(sandbox: Sandbox) -> None:
    source = """
        from expt import Secret

        def experiment_one(pin: Secret, size=3):
            api_key, text = "k-123", "a"
            class Rows:
                __repr__ = lambda self: "[[1],\\n     [2]]"
            rows = Rows()
            raise ValueError("boom")
        """
    sandbox.write({"experiments/first.py": source})
    assert sandbox.expt("experiments/", "-p", "pin=7731").exit_code == 1
    assert "size = 3" not in sandbox.record()["error"]["traceback"]
    done = sandbox.expt("experiments/", "-p", "pin=7731", "-l")
    assert done.exit_code == 1
    for told in (done.stdout, sandbox.record()["error"]["traceback"]):
        assert "    size = 3\n" in told
        assert "    rows = [[1], [2]]\n" in told
        assert "    api_key = '***'\n    pin = '***'\n" in told
        assert "7731" not in told
        assert "k-123" not in told


def test_what_imports_and_session_providers_took_is_told_apart(sandbox: Sandbox) -> None:
    """The run that had to wait for them has it in `setup`, and no run in its duration."""
    source = """
        import time
        from expt import provider
        time.sleep(1)

        @provider(scope="session")
        def dataset():
            time.sleep(2)

        def experiment_one(dataset, lr=1): ...
        """
    sandbox.write({"experiments/first.py": source})
    assert sandbox.expt("experiments/", "--sweep", "lr=1,2").exit_code == 0
    later, first = sandbox.runs()
    assert first.setup >= 3 > later.setup
    assert max(first.duration, later.duration) < 2


def test_everything_in_this_process(sandbox: Sandbox) -> None:
    sandbox.write({"experiments/first.py": SIMPLE})
    assert sandbox.expt("experiments/", "-n", "0", render=True).exit_code == 0
    assert sandbox.run().results["accuracy"] == 0.9
    assert (sandbox.run().path / "plots/loss.png").exists()


def test_several_workers_run_every_case(sandbox: Sandbox) -> None:
    sandbox.write({"experiments/first.py": SIMPLE})
    done = sandbox.expt("experiments/", "-n", "3", "--sweep", "epochs=1,2,3,4,5,6,7,8")
    assert done.exit_code == 0, done.stderr
    assert sorted(run.params["epochs"] for run in sandbox.runs()) == list(range(1, 9))


def test_workers_can_be_spawned(sandbox: Sandbox) -> None:
    sandbox.write({"experiments/first.py": SIMPLE})
    sandbox.environ["EXPT_START_METHOD"] = "spawn"
    done = sandbox.expt("experiments/")
    assert done.exit_code == 0, done.stderr
    assert sandbox.run().status == "completed"


def test_a_script_runs_its_own_experiments(sandbox: Sandbox) -> None:
    text = SIMPLE + "\n    if __name__ == '__main__':\n        import expt\n        expt.main()\n"
    sandbox.write({"experiments/first.py": text})
    done = sandbox.python("experiments/first.py", "-p", "epochs=2", "--no-render")
    assert done.exit_code == 0, done.stderr
    assert sandbox.run().params["epochs"] == 2


def test_running_from_python_returns_the_runs(sandbox: Sandbox) -> None:
    script = """
        import expt

        runs = expt.run("experiments/", k="one", params={"lr": 0.2}, options=["--no-render"], n=0)
        print([run.params["lr"] for run in runs], expt.load("latest").id == runs[0].id)
        try:
            expt.run("experiments/", params={"lrr": 0.2}, n=0)
        except expt.ExptError as error:
            print(str(error).splitlines()[0])
        """
    sandbox.write({"experiments/first.py": SIMPLE, "ask.py": script})
    assert sandbox.python("ask.py").lines == [
        "[0.2] True",
        "no selected experiment has a parameter 'lrr'",
    ]


@pytest.mark.inline
def test_labels_and_scratch(sandbox: Sandbox) -> None:
    sandbox.write({"experiments/first.py": SIMPLE})
    sandbox.expt("--tag", "paper", "--tag", "v2", "--note", "a try")
    record = sandbox.record()
    assert (record["tags"], record["note"]) == (["paper", "v2"], "a try")
    for _ in range(2):
        assert sandbox.expt("--scratch").exit_code == 0
    assert len(sandbox.runs()) == 1
    assert len(list((sandbox.root / "runs/.scratch").rglob("run.json"))) == 1


@pytest.mark.parametrize("workers", ["0", "1"])
@pytest.mark.parametrize(("words", "ran"), [(["-x"], "ab"), (["--maxfail", "2"], "abcd")])
def test_after_so_many_failures_no_other_run_begins(
    sandbox: Sandbox, words: list[str], ran: str, workers: str
) -> None:
    sandbox.write(
        {
            "experiments/first.py": """
                import expt

                def experiment_a(): expt.skip("is no failure")
                def experiment_b(): raise ValueError("first")
                def experiment_c(): return 1
                def experiment_d(): raise ValueError("second")
                def experiment_e(): return 1
                def experiment_f(): return 1
                def experiment_g(): return 1
            """
        }
    )
    assert sandbox.expt(*words, "-n", workers).exit_code == 1
    names = "".join(run.experiment[-1] for run in reversed(sandbox.runs()))
    assert names == ran or (workers == "1" and names.startswith(ran) and names != "abcdefg")


def test_skipping(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/first.py": """
                import expt

                def experiment_a(track):
                    track("x", 1)
                    expt.skip("no data here")

                @expt.mark.skipif(True, reason="never on Mondays")
                def experiment_b():
                    raise AssertionError

                @expt.mark.skipif(False, reason="always")
                def experiment_c():
                    return 1
            """
        }
    )
    assert sandbox.expt().exit_code == 0
    c, b, a = sandbox.runs()
    assert [run.status for run in (a, b, c)] == ["skipped", "skipped", "completed"]
    assert a.series["x"].last == 1
    assert sandbox.record(a.id)["notices"] == ["skipped: no data here"]
    assert sandbox.record(b.id)["notices"] == ["skipped: never on Mondays"]


def test_a_module_that_fails_at_import_is_named_and_nothing_runs(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/broken.py": "import nothing_of_that_name\ndef experiment_x(): ...\n",
            "experiments/good.py": "def experiment_y(): return 1\n",
        }
    )
    done = sandbox.expt()
    assert done.exit_code == 4
    assert "error: 'experiments/broken.py' cannot be imported: ModuleNotFoundError" in done.stderr
    assert "at experiments/broken.py:1" in done.stderr
    assert not (sandbox.root / "runs").exists()
    going_on = sandbox.expt("--continue-on-collection-errors")
    assert going_on.exit_code == 1
    assert "experiments/broken.py" in going_on.stdout + going_on.stderr
    assert [run.experiment for run in sandbox.runs()] == ["experiments/good.py::experiment_y"]


def test_the_next_run_does_not_notice_what_the_last_one_did(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/first.py": """
                import logging, os, random, shutil, signal, sys, tempfile

                def experiment_a_wild():
                    folder = tempfile.mkdtemp()
                    os.chdir(folder)
                    shutil.rmtree(folder)
                    os.environ["WILD"] = "1"
                    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
                    logging.disable(logging.CRITICAL)
                    sys.setrecursionlimit(123)
                    sys.stdout = None
                    os.close(1)
                    os.close(0)

                def experiment_b_tame(results, log):
                    print("heard")
                    log.warning("logged")
                    results["cwd"] = os.getcwd()
                    results["wild"] = os.environ.get("WILD")
                    results["limit"] = sys.getrecursionlimit()
                    results["signal"] = signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL
            """
        }
    )
    done = sandbox.expt()
    assert done.exit_code == 0, done.stdout
    run = sandbox.run()
    assert run.results == {
        "cwd": str(sandbox.root), "wild": None, "limit": sys.getrecursionlimit(), "signal": True
    }  # fmt: skip
    assert "heard" in run.log
    assert "logged" in run.log


def test_a_fork_that_returns_in_the_child_makes_no_second_run(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/first.py": """
                import os

                def experiment_forks(results):
                    child = os.fork()
                    if child:
                        os.waitpid(child, 0)
                        results["who"] = "parent"

                def experiment_next(results):
                    results["who"] = "next"
            """
        }
    )
    done = sandbox.expt()
    assert done.exit_code == 0, done.stdout
    assert [run.results for run in sandbox.runs()] == [{"who": "next"}, {"who": "parent"}]


def test_a_timeout_is_a_failure(sandbox: Sandbox) -> None:
    sandbox.write({"experiments/first.py": ENDLESS})
    done = sandbox.expt("-k", "waits", "--timeout", "0.5")
    assert done.exit_code == 1
    record = sandbox.record()
    assert record["status"] == "failed"
    assert record["error"]["type"] == "TimeoutError"
    assert record["error"]["message"] == "the run took longer than --timeout 0.5"


def test_a_run_that_does_not_end_when_its_time_is_over_is_ended(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "expt.toml": "plugins = ['short.py']",
            "short.py": """
                from expt.executors import one_worker, workers

                one_worker.GRACE = workers.GRACE = 0.1
            """,
            "experiments/a.py": """
                import signal, time

                def experiment_a():
                    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM):
                        signal.signal(number, signal.SIG_IGN)
                    time.sleep(60)
            """,
        }
    )
    assert sandbox.expt("--timeout", "0.2").exit_code == 1
    assert sandbox.record()["error"]["message"] == "the run took longer than --timeout 0.2"


def test_eight_sessions_at_once_make_eight_archives(sandbox: Sandbox) -> None:
    sandbox.write({"experiments/first.py": "def experiment_one(): return 1\n"})
    processes = [sandbox.start("experiments/", "-n", "0") for _ in range(8)]
    for process in processes:
        process.communicate(timeout=100)
    assert [process.returncode for process in processes] == [0] * 8
    assert len(sandbox.runs()) == 8


def test_a_closed_pipe_as_stdout_does_not_end_the_session(sandbox: Sandbox) -> None:
    sandbox.write({"experiments/first.py": SIMPLE})
    read, write = os.pipe()
    os.close(read)

    done = subprocess.run(
        [sys.executable, "-m", "expt", "experiments/", "--no-render"],
        cwd=sandbox.root, stdout=write, stderr=subprocess.PIPE, timeout=60, check=False,
    )  # fmt: skip
    os.close(write)
    assert sandbox.run().status == "completed"
    assert b"Traceback" not in done.stderr


def test_an_interrupt_while_pictures_are_made_ends_the_session(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "slow.py": """
                import time

                def expt_render_run(run):
                    (run.path / "began").touch()
                    time.sleep(600)
            """,
            "experiments/first.py": "def experiment_one(): return 1\n",
        }
    )
    process = sandbox.start("experiments/", "--plugin", "slow.py", render=True)
    wait_for(lambda: list((sandbox.root / "runs").rglob("began")))
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 2
    assert sandbox.run().status == "completed"


def test_the_debugger_opens_where_the_experiment_failed(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/a.py": "def experiment_bad(lr=0.5):\n    raise ValueError('oops')\n",
            "experiments/b.py": "def experiment_quit():\n    breakpoint()\n    x = 1\n",
        }
    )
    done = subprocess.run(
        [sys.executable, "-m", "expt", "--pdb", "--no-render"],
        cwd=sandbox.root, input="p lr * 3\nc\nq\n", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "(Pdb) 1.5" in done.stdout
    assert done.stdout.count("(Pdb)") == 3  # who leaves it does not get it again
    assert "expt/running" not in done.stdout + done.stderr
    assert {run.status for run in sandbox.runs()} == {"failed"}


SWEPT = """
    def experiment_one(track, lr: float = 0.1, seed: int = 0):
        for epoch in range(5):
            track("train/loss", lr / (epoch + 1))
        track("once", 1.0)
        return {"accuracy": 1 - lr}
"""


def test_a_module_of_a_folder_above_is_told_how_it_is_imported(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/helper.py": "X = 1\n",
            "experiments/deep/a.py": "import helper\ndef experiment_a(): return helper.X\n",
        }
    )
    told = sandbox.expt("-n", "0").stderr.splitlines()
    assert told[-2:] == [
        "  ModuleNotFoundError: No module named 'helper'",
        "  experiments/helper.py is there: from experiments import helper",
    ]
    file = sandbox.root / "experiments/deep/a.py"
    file.write_text(file.read_text().replace("import helper", "from experiments import helper"))
    assert sandbox.expt("-n", "0").exit_code == 0


@pytest.mark.parametrize("workers", ["0", "1"])
def test_a_sweep_has_pictures_and_a_script_of_its_own(sandbox: Sandbox, workers: str) -> None:
    sandbox.write({"experiments/first.py": SWEPT})
    done = sandbox.expt("experiments/", "--sweep", "lr=0.1,0.2", "-n", workers, render=True)
    assert done.exit_code == 0, done.stderr

    session = sandbox.run().lineage["session"]
    folder = sandbox.root / "runs/.sessions" / session
    assert sorted(path.name for path in folder.iterdir()) == [
        "analysis.py", "results.png", "train_loss.png",
    ]  # fmt: skip
    assert (folder / "train_loss.png").read_bytes().startswith(b"\x89PNG")
    assert [path.name for path in folder.parent.iterdir()] == [session]
    made = sandbox.python("analysis.py", cwd=folder)
    assert made.exit_code == 0, made.stderr
    assert "<2 runs>" in made.stdout


def test_one_run_and_runs_without_pictures_have_no_session_folder(sandbox: Sandbox) -> None:
    sandbox.write({"experiments/first.py": SWEPT})

    sandbox.expt("experiments/", render=True)
    sandbox.expt("experiments/", "--sweep", "lr=0.1,0.2")

    assert not (sandbox.root / "runs/.sessions").exists()


def test_a_session_that_cannot_be_rendered_is_a_notice(sandbox: Sandbox) -> None:
    sandbox.write({"experiments/first.py": SWEPT, "runs/.sessions": "a file in the way"})

    done = sandbox.expt("experiments/", "--sweep", "lr=0.1,0.2", render=True)

    assert done.exit_code == 0
    assert "the session cannot be rendered" in done.stdout + done.stderr


def test_a_script_that_runs_itself_keeps_the_code_that_it_had_imported(sandbox: Sandbox) -> None:
    """case: expt-main-leaves-code-out"""
    script = """
        import sys

        import expt

        sys.path.insert(0, "src")
        from mypkg.deep import f

        def experiment_a(x: int = 2): return f(x)

        if __name__ == "__main__":
            expt.main()
    """
    sandbox.write(
        {
            "expt.toml": "",
            "src/mypkg/__init__.py": "",
            "src/mypkg/deep.py": "from mypkg.inner import f\n",
            "src/mypkg/inner.py": "def f(x): return x\n",
            "experiments/a.py": script,
        }
    )
    for words in (["-n", "1"], ["-n", "0"]):
        done = sandbox.python("experiments/a.py", "--no-render", *words)
        assert done.exit_code == 0, done.stderr
        code = sandbox.run().path / "code"
        kept = sorted(p.relative_to(code).as_posix() for p in code.rglob("*.py"))
        assert kept == [
            "experiments/a.py", "src/mypkg/__init__.py", "src/mypkg/deep.py", "src/mypkg/inner.py"
        ]  # fmt: skip
        assert set(sandbox.record()["sources"]) == set(kept)


def test_ids_of_sessions_sort_as_the_sessions_began() -> None:
    """Also within a second: the last of a sorted list is the newest."""
    moments = [new_session_id()[:-2] for _ in range(1000)]
    assert moments == sorted(moments)
    assert len(set(moments)) > 1


def test_nothing_is_forked_once_a_plugin_may_have_threads(sandbox: Sandbox) -> None:
    """A fork beside a thread that imports waits for that import for ever: no picture was made."""
    sandbox.write(
        {
            "experiments/one.py": SIMPLE,
            "plugin.py": """
                import os
                import threading

                import expt

                ended = threading.Event()


                @expt.hook
                def expt_collection_finished():
                    os.register_at_fork(before=lambda: print("forked"))
                    threading.Thread(target=ended.wait, daemon=True).start()


                @expt.hook
                def expt_session_finished():
                    ended.set()
                """,
        }
    )
    done = sandbox.expt("experiments", "--plugin", "plugin.py")
    assert done.exit_code == 0, done.stderr
    assert "forked" not in done.stdout
