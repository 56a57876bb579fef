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
    import os, time

    def experiment_counts(track, checkpoint, x: int = 0, steps: int = 2):
        state = checkpoint.load({"step": 0})
        while x and not os.path.exists(f"go-{x}"):
            time.sleep(0.1)
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


def has_no_job(slurm_conf: str) -> bool:
    return not ask_slurm(slurm_conf, "squeue", "-h", "--me").strip()


def test_what_is_left_at_slurm_is_told_by_status_and_what_is_lost_is_run_by_resume(
    project: Sandbox, slurm_conf: str
) -> None:
    sweep = ("--executor", "slurm", "--sweep", "x=1,2,3", "-p", "seed=1", "-p", "steps=3")
    done = project.expt("--detach", *sweep)
    assert done.exit_code == 0, done.stdout + done.stderr
    (array,) = set(ask_slurm(slurm_conf, "squeue", "-h", "--me", "--array", "-o", "%F").split())
    assert "3 cases submitted in" in done.stdout
    assert f"submitted as {array};" in done.stdout
    assert "3 cases left" in project.expt("status").stdout
    resumed = project.expt("--resume", "--plan", *sweep)
    assert resumed.exit_code == 0, resumed.stdout
    assert " running" in resumed.stdout
    assert "left out, it waits at an engine" in resumed.stdout
    wait_until(lambda: len(project.runs(status="running")) == 2, "two runs")
    ask_slurm(slurm_conf, "scancel", "--me", "--state=PENDING")
    ask_slurm(slurm_conf, "scancel", f"{array}_1")
    project.write({"go-1": ""})
    wait_until(lambda: has_no_job(slurm_conf), "the end at Slurm")
    wait_until(lambda: "will not begin" in project.expt("status").stdout, "word of it")
    wait_until(lambda: not project.runs(status="running"), "the ends of those that ran")
    assert [run.params["x"] for run in project.runs(status="completed")] == [1]
    project.write({"go-2": "", "go-3": ""})
    done = project.expt("--resume", *sweep)  # an array, of which each job answers
    assert done.exit_code == 0, done.stdout + done.stderr
    results = [(run.params["x"], run.results) for run in project.runs(status="completed")]
    assert sorted(results) == [(x, {"last": 3}) for x in (1, 2, 3)]


def test_a_job_that_is_requeued_goes_on_from_its_checkpoint(
    project: Sandbox, slurm_conf: str
) -> None:
    steps = 12
    words = ("--executor", "slurm", "-p", f"steps={steps}", "-p", "seed=1")
    done = project.expt("--detach", *words)
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
    wait_until(lambda: has_no_job(slurm_conf), "the end at Slurm")
    assert project.expt("status").stdout == "nothing is running\n"
    assert not list((project.root / "runs").glob(".sessions/*"))
    again = project.expt("--resume", *words)
    assert again.exit_code == 0
    assert len(project.runs()) == 2, "it ran again"


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
