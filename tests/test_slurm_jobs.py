"""Slurm: submitting and leaving, going on after a requeue, and what never goes into its files."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from clusters import ask_slurm, one_node_slurm, why_no_slurm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import WarmSandbox

    from expt.testing import Sandbox

pytestmark = [
    pytest.mark.skipif(why_no_slurm() is not None, reason=why_no_slurm() or ""),
    pytest.mark.timeout(300),
]
COUNTS = """
    import time

    def experiment_counts(track, checkpoint, x: int = 0, steps: int = 2):
        state = checkpoint.load({"step": 0})
        while state["step"] < steps:
            track("x", x + state["step"], step=state["step"])
            time.sleep(0.3)
            state["step"] += 1
            checkpoint.save(state)
        return {"last": state["step"]}
"""


@pytest.fixture(autouse=True)
def _engines(sandbox: WarmSandbox) -> None:
    sandbox.engines = True


@pytest.fixture(scope="module")
def slurm_conf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with one_node_slurm(tmp_path_factory.mktemp("slurm")) as file:
        yield file


@pytest.fixture
def project(sandbox: Sandbox, slurm_conf: str) -> Sandbox:
    sandbox.environ["SLURM_CONF"] = slurm_conf
    return sandbox.write({"expt.toml": "", "experiments/counts.py": COUNTS})


def wait_until(holds: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + 100
    while not (found := holds()):
        assert time.monotonic() < deadline, f"{what} did not come"
        time.sleep(0.2)
    return found


def test_what_is_left_at_slurm_is_told_by_status_and_not_run_again(project: Sandbox) -> None:
    sweep = ("--executor", "slurm", "--sweep", "x=1,2,3", "-p", "seed=1", "-p", "steps=5")
    done = project.expt("--detach", *sweep)
    assert done.exit_code == 0, done.stdout + done.stderr
    assert "3 cases submitted in" in done.stdout
    assert "3 cases left" in project.expt("status").stdout
    resumed = project.expt("--resume", "--plan", *sweep)
    assert resumed.exit_code == 0, resumed.stdout
    assert " running" in resumed.stdout
    assert "left out, it waits at an engine" in resumed.stdout
    wait_until(lambda: len(project.runs(status="completed")) == 3, "the ends of all")
    wait_until(lambda: project.expt("status").stdout == "nothing is running\n", "the end at Slurm")
    assert not list((project.root / "runs").glob(".sessions/*"))
    again = project.expt("--resume", *sweep)
    assert again.exit_code == 0
    assert len(project.runs()) == 3


def test_what_slurm_has_lost_is_told_and_run_by_resume(project: Sandbox, slurm_conf: str) -> None:
    sweep = ("--executor", "slurm", "--sweep", "x=1,2,3,4", "-p", "seed=1", "-p", "steps=9")
    project.expt("--detach", *sweep)
    ask_slurm(slurm_conf, "scancel", "--me", "--state=PENDING")
    ask_slurm(slurm_conf, "scancel", "--me")
    wait_until(lambda: "will not begin" in project.expt("status").stdout, "the end at Slurm")
    wait_until(lambda: not project.runs(status="running"), "the ends of those that ran")
    done = project.expt("--resume", *sweep)
    assert done.exit_code == 0, done.stdout + done.stderr
    assert sorted(run.params["x"] for run in project.runs(status="completed")) == [1, 2, 3, 4]


def test_a_job_that_is_requeued_goes_on_from_its_checkpoint(
    project: Sandbox, slurm_conf: str
) -> None:
    steps = 12
    done = project.expt("--detach", "--executor", "slurm", "-p", f"steps={steps}", "-p", "seed=1")
    assert done.exit_code == 0, done.stdout + done.stderr
    wait_until(
        lambda: any(len(run.series["x"].values) > 2 for run in project.runs() if "x" in run.series),
        "a few steps",
    )
    (job,) = ask_slurm(slurm_conf, "squeue", "-h", "-o", "%A").split()
    ask_slurm(slurm_conf, "scancel", "--signal=USR2", job)
    (first,) = wait_until(lambda: project.runs(status="interrupted"), "the end of the first try")

    def is_completed() -> Any:
        ask_slurm(slurm_conf, "scontrol", "update", f"JobId={job}", "StartTime=now")
        return project.runs(status="completed")

    (second,) = wait_until(is_completed, "the end of the second try")
    assert second.lineage["resumed_from"] == first.id
    assert list(second.series["x"].steps) == list(range(steps))
    assert 2 < len(first.series["x"].values) < steps


def test_an_array_has_a_job_for_each_case_and_all_answer(project: Sandbox) -> None:
    done = project.expt("--executor", "slurm", "--sweep", "x=1,2")
    assert done.exit_code == 0, done.stdout + done.stderr
    assert {run.params["x"]: run.results["last"] for run in project.runs()} == {1: 2, 2: 2}


def test_a_secret_is_not_handed_to_what_keeps_it_in_files(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/secret.py": "import expt\n"
            "def experiment_secret(token: expt.Secret): return {'long': len(token)}\n"
        }
    )
    done = sandbox.expt("--executor", "slurm", "-p", "token=abcdefghijk")
    assert done.exit_code == 4
    assert done.stderr == (
        "error: a parameter is secret, and this engine keeps what it is handed in files\n"
        "  at --executor slurm\n"
        "  read it in the experiment, from the environment\n"
    )
    assert not [file for file in sandbox.root.rglob("*.pkl") if b"abcdefghijk" in file.read_bytes()]


def test_nothing_else_can_be_left(sandbox: Sandbox) -> None:
    sandbox.write({"experiments/counts.py": COUNTS})
    done = sandbox.expt("--detach")
    assert done.exit_code == 4
    assert done.stderr == (
        "error: nothing here goes on when expt is gone\n"
        "  at --detach\n"
        "  what is left to Slurm does: --executor slurm\n"
    )
