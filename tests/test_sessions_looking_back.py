"""What the archives say of a plan's cases: --resume, --lf, --ff, --retries, the plan, its price."""

from __future__ import annotations

import json
import re
import shutil
from importlib import metadata
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from expt.testing import Done, Sandbox

pytestmark = pytest.mark.inline

HELPER = "X = 1\n\ndef double(x):\n    return 2 * x\n"
FILES = {
    "experiments/conftest.py": "",
    "experiments/helper.py": HELPER,
    "experiments/other.py": "Y = 1\n",
    "experiments/first.py": """
        from pathlib import Path
        import helper

        def experiment_one(track, data: Path = Path("data.txt"), lr: float = 0.1, extra: int = 0):
            if lr == 2 and Path("broken").exists():
                raise ValueError("no")
            track("x", helper.double(lr))
    """,
    "data.txt": "1",
    "broken": "",
}
SWEEP = ("experiments", "--sweep", "lr=1,2,3")


@pytest.fixture(scope="module")
def one_night(shared_sandbox: Sandbox) -> Sandbox:
    shared_sandbox.write(FILES)
    assert shared_sandbox.expt(*SWEEP).exit_code == 1
    (shared_sandbox.root / "broken").unlink()
    return shared_sandbox


@pytest.fixture
def night(one_night: Sandbox, sandbox: Sandbox) -> Sandbox:
    """A sandbox where a sweep has run, and its second case has failed."""
    shutil.copytree(one_night.root, sandbox.root, dirs_exist_ok=True)
    return sandbox


def plan(sandbox: Sandbox, *words: str) -> dict[str, tuple[str, str]]:
    told: list[dict[str, Any]] = sandbox.expt(*SWEEP, "--plan", "--json", *words).json()
    return {case["case"]: (case["state"], case["why"]) for case in told}


def ran(done: Done) -> list[str]:
    return [line.split("[lr-")[1][0] for line in done.lines if "experiment_one[lr-" in line]


@pytest.mark.parametrize("how", ["--resume", "--ff"])
def test_the_table_at_the_end_has_the_whole_sweep_in_its_order(sandbox: Sandbox, how: str) -> None:
    """Whatever was done before, and whatever ran first."""
    sandbox.write(
        {
            "experiments/one.py": """
                from pathlib import Path

                def experiment_one(lr: float = 0.1):
                    if lr == 2 and Path("broken").exists():
                        raise ValueError("no")
                    return {"loss": lr * 10}
            """,
            "broken": "",
        }
    )
    first = sandbox.expt(*SWEEP)
    assert table(first) == [
        ["lr", "n", "loss"],
        ["1", "1", "10"],
        ["2", "0 of 1"],
        ["3", "1", "30"],
    ]
    (sandbox.root / "broken").unlink()
    again = sandbox.expt(*SWEEP, how)
    assert table(again) == [["lr", "loss"], ["1", "10"], ["2", "20"], ["3", "30"]]


def test_what_the_rest_will_take_is_told_from_the_runs_with_the_nearest_values(
    sandbox: Sandbox,
) -> None:
    """And not from all, of which most were short tries."""
    sandbox.write({"experiments/a.py": "def experiment_a(pause: float = 0, lr: float = 1): pass\n"})
    assert sandbox.expt("--sweep", "pause=0,9", "--sweep", "lr=1,2").exit_code == 0
    assert sandbox.expt("--sweep", "lr=3,4,5").exit_code == 0
    for run in sandbox.runs():
        record = json.loads((run.path / "run.json").read_bytes())
        record["duration"] = 100.0 if run.params["pause"] else 1.0
        (run.path / "run.json").write_text(json.dumps(record))
    for pause, told in (("9", "about 3m20s of runs"), ("0", "about 2.0s of runs")):
        planned = sandbox.expt("-p", f"pause={pause}", "--sweep", "lr=6,7", "--plan")
        assert told in planned.stdout, planned.stdout


def table(done: Done) -> list[list[str]]:
    start = next(n for n, line in enumerate(done.lines) if line.endswith("   by lr")) + 2
    return [re.split(r"\s{2,}", line.strip()) for line in done.lines[start : start + 4]]


def test_what_was_done_before_is_drawn_with_the_rest_of_its_sweep(sandbox: Sandbox) -> None:
    """As the table at the end has it, and the script of the session loads it."""
    sandbox.write(
        {
            "experiments/train.py": """
                from pathlib import Path

                def experiment_train(track, lr=0):
                    track("loss", lr, step=0)
                    track("loss", lr, step=1)
                    assert lr != 2 or not Path("broken").exists()
            """,
            "broken": "",
            "seen.py": """
                def expt_render_session(runs, folder):
                    (folder / "seen.txt").write_text(" ".join(run.case for run in runs))
                    return [folder / "seen.txt"]
            """,
        }
    )
    words = (*SWEEP, "--plugin", "seen.py", "--plugin", "no:plots", "--plugin", "no:videos")
    sandbox.expt(*words, render=True)
    (sandbox.root / "broken").unlink()
    assert sandbox.expt(*words, "--resume", render=True).exit_code == 0
    *_, folder = sorted((sandbox.root / "runs/.sessions").iterdir())
    assert (folder / "seen.txt").read_text() == "lr-1 lr-3 lr-2"
    load = (folder / "analysis.py").read_text().partition("\ndef show")[0]
    found: dict[str, Any] = {"__file__": str(folder / "analysis.py")}
    exec(load, found)
    assert {run.case: run.status for run in found["session"]} == dict.fromkeys(
        ("lr-1", "lr-2", "lr-3"), "completed"
    )


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (["-p", "lr=2"], ["--sweep", "lr=2,5"]),
        (["--sweep", "lr=2,3"], ["-p", "lr=2"]),
        (["--sweep", "lr=2.0,3.0"], ["--sweep", "lr=2,3"]),
        (["--sweep", "lr=2,3", "-p", "extra=1"], ["--sweep", "lr=2", "--sweep", "extra=1"]),
        (["--repeat", "2", "-p", "seed=1"], ["--repeat", "2", "-p", "seed=1"]),
        (["--repeat", "2"], ["--repeat", "2"]),
    ],
)
def test_a_case_is_done_whoever_gave_it_its_values(
    sandbox: Sandbox, first: list[str], then: list[str]
) -> None:
    sandbox.write({**FILES, "broken": ""})
    (sandbox.root / "broken").unlink()
    sandbox.expt("experiments", *first)
    count = len(sandbox.runs())
    sandbox.expt("experiments", *then, "--resume")
    new = sandbox.runs()[:-count]
    assert [run.params["lr"] for run in new] == ([5] if "lr=2,5" in then else [])


def test_resume_runs_what_is_missing_and_then_nothing(night: Sandbox) -> None:
    done = night.expt(*SWEEP, "--resume")
    assert done.exit_code == 0
    assert ran(done) == ["2"]
    again = night.expt(*SWEEP, "--resume")
    assert again.exit_code == 0
    assert ran(again) == []
    assert "note: 3 of 3 cases are done, 0 to run" in again.stdout
    assert night.expt(*SWEEP, "--resume", "-q").lines == ["nothing to run: 3 done"]
    assert night.expt(*SWEEP, "--resume", "-qq").lines == []
    assert len(night.runs()) == 4


def test_the_plan_says_done_failed_and_new(night: Sandbox) -> None:
    assert plan(night) == {"lr-1": ("done", ""), "lr-2": ("failed", ""), "lr-3": ("done", "")}
    told = night.expt("experiments", "--sweep", "lr=3,4", "--plan", "--resume")
    assert "2 cases of 1 experiment; 1 done, 1 new; 1 to run" in told.lines
    assert any(line.startswith("about ") for line in told.lines)


@pytest.mark.parametrize(
    ("files", "words", "why"),
    [
        ({"experiments/helper.py": "X = 1\n\ndef double(x):\n    return x + x\n"}, (),
         "experiments/helper.py:4"),
        ({"experiments/first.py": FILES["experiments/first.py"].replace("no", "No")}, (),
         "experiments/first.py:6"),
        ({}, ("-p", "extra=5"), "extra was 0 and is 5"),
        ({"experiments/params.toml": "extra = 6"}, (), "extra was 0 and is 6"),
        ({"data.txt": "2"}, (), "the file of data"),
        ({"data.txt": None}, (), "the file of data, is gone"),
        ({"experiments/helper.py": None, "experiments/helper/__init__.py": HELPER}, (),
         "experiments/helper/__init__.py is new and 1 more"),
        ({"experiments/conftest.py": None}, (), "experiments/conftest.py is gone"),
        ({"experiments/helper.py": HELPER.replace("\n", "\r\n")}, (),
         "experiments/helper.py, the ends of its lines"),
    ],
    ids=["helper", "own file", "-p", "params.toml", "input", "no input", "moved", "gone", "CRLF"],
)  # fmt: skip
def test_a_changed_case_tells_the_file_and_line_the_value_or_the_input(
    night: Sandbox, files: dict[str, str | None], words: tuple[str, ...], why: str
) -> None:
    for path in files:
        (night.root / path).unlink(missing_ok=True)
    night.write({path: content for path, content in files.items() if content is not None})
    told = plan(night, *words, "--resume")
    assert [state for state, _ in told.values()] == ["changed", "changed", "changed"]
    there = f", {night.root / 'data.txt'}"
    assert {found.replace(there, "") for _, found in told.values()} == {why}


@pytest.mark.parametrize("words", [("-p", "extra=5"), ("-p", "data=broken")])
def test_without_resume_a_case_of_other_values_is_new(
    night: Sandbox, words: tuple[str, ...]
) -> None:
    night.write({"broken": ""})
    assert {state for state, _ in plan(night, *words).values()} == {"new"}
    assert {state for state, _ in plan(night, *words, "--resume").values()} == {"changed"}


def test_a_new_case_is_expected_to_take_what_others_took_in_the_middle(night: Sandbox) -> None:
    assert night.expt(*SWEEP, "--lf").exit_code == 0
    for run, seconds in zip(night.runs(), (100.0, 1.0, 7.0, 2.0), strict=True):
        path = run.path / "run.json"
        record = json.loads(path.read_text())
        path.write_text(json.dumps({**record, "duration": seconds}))
    (told,) = night.expt("experiments", "--sweep", "lr=4", "--plan", "--json").json()
    assert told["expected"]["seconds"] == 2.0


def test_a_package_of_another_version_is_a_reason_where_nothing_else_is(night: Sandbox) -> None:
    """As after an upgrade of expt that makes other fingerprints."""
    run = night.run("experiment_one[lr-1]")
    for name, old, new in (
        ("run.json", run.record.lineage["fingerprint"], "0" * 64),
        ("environment.json", f'"attrs": "{metadata.version("attrs")}"', '"attrs": "0.1"'),
    ):
        path = run.path / name
        path.write_text(path.read_text().replace(old, new))
    state, why = plan(night, "--resume")["lr-1"]
    assert (state, why) == (
        "changed",
        f"the package attrs was 0.1 and is {metadata.version('attrs')}",
    )


def test_an_edit_of_what_is_not_imported_changes_nothing(night: Sandbox) -> None:
    night.write({"experiments/other.py": "Y = 2\n", "experiments/new.py": "Z = 3\n"})
    assert plan(night)["lr-1"] == ("done", "")


def test_lf_selects_what_failed_last_and_says_so_where_nothing_did(night: Sandbox) -> None:
    assert ran(night.expt(*SWEEP, "--lf")) == ["2"]
    done = night.expt(*SWEEP, "--lf")
    assert done.exit_code == 5
    assert "note: no case failed when it last ran" in done.lines


def test_ff_runs_first_what_failed_last(night: Sandbox) -> None:
    assert list(plan(night, "--ff")) == ["lr-2", "lr-1", "lr-3"]
    assert ran(night.expt(*SWEEP, "--ff")) == ["2", "1", "3"]


def test_what_runs_first_has_what_it_needs_before_it(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/chain.py": """
                import expt
                from pathlib import Path

                def experiment_first(lr=0): ...

                @expt.needs(first="::experiment_first")
                def experiment_then(first, lr=0):
                    assert lr == 1 or not Path("broken").exists()
            """,
            "broken": "",
        }
    )
    words = ("experiments", "--sweep", "lr=1,2", "--ff")
    assert sandbox.expt(*words).exit_code == 1
    (sandbox.root / "broken").unlink()
    planned = [case["id"] for case in sandbox.expt(*words, "--plan", "--json").json()]
    names = [id_.partition("_")[2] for id_ in planned]
    assert names == ["first[lr-2]", "then[lr-2]", "first[lr-1]", "then[lr-1]"]
    assert re.findall(r"completed  (\S+)", sandbox.expt(*words).stdout)[0] == planned[0]


def test_a_retry_has_an_archive_and_the_last_one_counts(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/first.py": """
                from pathlib import Path

                def experiment_one(track):
                    Path("tries").open("a").write("x")
                    if len(Path("tries").read_text()) < 3:
                        raise OSError("not yet")
            """
        }
    )
    done = sandbox.expt("experiments", "--retries", "2")
    assert done.exit_code == 0
    assert [run.status for run in sandbox.runs()] == ["completed", "failed", "failed"]
    assert "1 completed in" in done.stdout
    assert "experiment_one failed (OSError): retry 2 of 2" in done.stdout
    (sandbox.root / "tries").unlink()
    dots = sandbox.expt("experiments", "--retries", "2", "-q").lines
    assert [line[:7] for line in dots[:5]] == ["F", "notice:", "F", "notice:", "."]


def test_retries_end(sandbox: Sandbox) -> None:
    sandbox.write({"experiments/first.py": "def experiment_one():\n    raise OSError\n"})
    assert sandbox.expt("experiments", "--retries", "1").exit_code == 1
    assert len(sandbox.runs()) == 2


def test_the_longest_begin_first(sandbox: Sandbox) -> None:
    """As the archives tell: here they are told what no machine makes longer."""
    sandbox.write({"experiments/first.py": "def experiment_one(lr: float): pass"})
    assert ran(sandbox.expt(*SWEEP)) == ["1", "2", "3"]
    for run in sandbox.runs():
        record = json.loads((run.path / "run.json").read_text())
        record["duration"] = {1: 500.0, 2: 900.0, 3: 700.0}[run.params["lr"]]
        (run.path / "run.json").write_text(json.dumps(record))
    assert ran(sandbox.expt(*SWEEP, "--order", "longest")) == ["2", "3", "1"]


def test_a_plan_shows_the_seed_of_the_run_that_a_done_case_has(sandbox: Sandbox) -> None:
    """And not one that is drawn anew each time, with which nothing has run."""
    sandbox.write({"experiments/m.py": "def experiment_a(lr: float = 0.1):\n    return lr\n"})
    (run,) = (sandbox.expt("experiments"), sandbox.runs())[1]
    (case,) = sandbox.expt("experiments", "--plan", "--resume", "--json").json()
    assert (case["state"], case["params"]["seed"]) == ("done", run.params["seed"])
    assert case["origins"]["seed"] == [
        {"layer": "drawn", "where": f"for {run.id}", "value": run.params["seed"]}
    ]
