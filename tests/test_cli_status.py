"""`expt status` tells what runs now; `expt stop` ends one run and not its session."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from expt.testing import Sandbox

TREE = {
    "experiments/first.py": """
        import time

        def experiment_one(track, lr: int):
            track("loss", 0.5)
            end = time.monotonic() + (100 if lr < 3 else 0)
            while time.monotonic() < end:
                time.sleep(0.05)
    """
}


def wait_until_it_tracked(sandbox: Sandbox, case: str) -> dict:
    deadline = time.monotonic() + 60
    while not any(run.last for run in sandbox.runs(status="running") if run.case == case):
        assert time.monotonic() < deadline, "nothing runs"
        time.sleep(0.02)
    told = sandbox.expt("status", "--json").json()
    assert told[0]["last"]
    return told[0]


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("stop",), "interrupted"),
        (("stop", "--kill"), "failed"),
        (("rm", "--force", "--yes"), "interrupted"),
    ],
    ids=["stop", "kill", "rm"],
)
def test_a_run_is_listed_and_ended_and_the_others_go_on(
    sandbox: Sandbox, words: tuple[str, ...], status: str
) -> None:
    """The second is on another machine: its process cannot be reached from here; its folder can.

    One that is removed is ended before, so that nobody writes that it failed in its place.
    """
    sandbox.write(TREE)
    process = sandbox.start("experiments", "--sweep", "lr=1,2,3")
    ids = []
    for case in ("lr-1", "lr-2"):
        run = wait_until_it_tracked(sandbox, case)
        assert run["pid"] > 0
        assert run["host"] == os.uname().nodename
        told = sandbox.expt("status").stdout
        assert f"experiment_one[{case}]" in told
        assert "loss=0.5" in told
        if case == "lr-2":
            record = Path(run["path"], "run.json")
            data = json.loads(record.read_text())
            data["owner"]["host"] = "far"
            record.write_text(json.dumps(data))
        stopped = sandbox.expt(*words, run["id"])
        assert stopped.exit_code == 0, stopped.stderr
        ids.append(run["id"])
    process.communicate(timeout=60)
    assert process.returncode == (2 if status == "interrupted" else 1)
    ended = {run.case: run.status for run in sandbox.runs()}
    left = {} if words[0] == "rm" else {"lr-1": status, "lr-2": status}
    assert ended == {**left, "lr-3": "completed"}
    assert sandbox.expt("verify", *(ids if left else [])).exit_code == 0
    assert sandbox.expt("status").stdout == "nothing is running\n"


def test_what_does_not_run_is_not_stopped(sandbox: Sandbox) -> None:
    sandbox.write(TREE)
    sandbox.expt("experiments", "-p", "lr=3")
    done = sandbox.expt("stop", "latest")
    assert done.exit_code == 4
    assert done.stderr.splitlines()[0].endswith("is completed")
