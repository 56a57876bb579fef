"""A night: the session is killed half-way and goes on; it is interrupted at any stage and ends."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import subprocess

    from expt.testing import Sandbox

CASES = 30
SWEEP = ("experiments", "--sweep", f"n={{range=[0,{CASES}]}}", "-n", "2")
TREE = {
    "experiments/helper.py": "def double(x):\n    return 2 * x\n",
    "experiments/other.py": "X = 1\n",
    "experiments/first.py": """
        import time
        from pathlib import Path
        import helper

        def experiment_one(track, n: int):
            track("x", helper.double(n))
            time.sleep(0.02)
            while n > 25 and not Path("day.txt").exists():
                time.sleep(0.02)
            return n
    """,
}


def completed(sandbox: Sandbox) -> list[int]:
    return sorted(run.params["n"] for run in sandbox.runs(status="completed"))


def left_over(sandbox: Sandbox, seconds: float = 60.0) -> list[str]:
    """The commands of processes that still work in the sandbox after a while."""
    deadline = time.monotonic() + seconds
    while True:
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if Path(os.readlink(process / "cwd")) == sandbox.root.resolve():
                    found.append((process / "cmdline").read_text().replace("\0", " "))
        if not found or time.monotonic() > deadline:
            return found
        time.sleep(0.05)


def test_a_sweep_killed_half_way_is_resumed_with_exactly_what_is_missing(sandbox: Sandbox) -> None:
    """The parent is killed; then a helper is edited, and a file that nothing imports.

    The last cases wait, so that the session cannot have ended before it is killed.
    """
    sandbox.write(TREE)
    process = sandbox.start(*SWEEP)
    try:
        deadline = time.monotonic() + 120
        while len(list((sandbox.root / "runs").rglob("manifest.json"))) < CASES // 2:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
    finally:
        process.kill()
    assert left_over(sandbox) == []
    before = completed(sandbox)
    assert CASES // 2 <= len(before) < CASES
    assert len(set(before)) == len(before)
    assert {run.status for run in sandbox.runs()} <= {"completed", "lost"}

    sandbox.write({"day.txt": ""})
    done = sandbox.expt(*SWEEP, "--resume")
    assert done.exit_code == 0, done
    missing = CASES - len(before)
    assert f"note: {len(before)} of {CASES} cases are done, {missing} to run" in done.lines
    ran = sorted(run.params["n"] for run in sandbox.runs(session="latest"))
    assert ran == sorted({*range(CASES)} - {*before})
    assert completed(sandbox) == [*range(CASES)]

    sandbox.write({"experiments/other.py": "X = 2\n"})
    told = sandbox.expt(*SWEEP, "--plan", "--resume", "--json").json()
    assert [(case["state"], case["why"]) for case in told] == [("done", "")] * CASES
    sandbox.write({"experiments/helper.py": "def double(x):\n    return x + x\n"})
    told = sandbox.expt(*SWEEP, "--plan", "--resume", "--json").json()
    assert [(case["state"], case["why"]) for case in told] == [
        ("changed", "experiments/helper.py:2")
    ] * CASES


def test_x_begins_nothing_after_the_failure_that_it_waits_for(sandbox: Sandbox) -> None:
    """Those that ran beside it come to their ends; whatever was handed out ahead does not begin.

    Another worker may take one more, between the failure and the news of it.
    """
    sandbox.write(
        {
            "experiments/first.py": """
                import time

                def experiment_one(n: int):
                    if n == 4:
                        raise ValueError("no")
                    time.sleep(0.01)
            """
        }
    )
    for workers in ("1", "2", "3"):
        done = sandbox.expt("experiments", "--sweep", "n={range=[0,40]}", "-x", "-n", workers)
        assert done.exit_code == 1
        runs = sandbox.runs(session="latest", sort="started")
        failed = next(run for run in runs if run.status == "failed")
        assert failed.finished is not None
        after = [run for run in runs if run.started > failed.finished]
        assert failed.record.pid not in {run.record.pid for run in after}
        assert len(after) < int(workers)


HANG = '''
import os, time
from pathlib import Path

def hang(stage):
    """Where this is the stage of the test, until it is interrupted; or, if stubborn, longer."""
    if Path("stage.txt").read_text() != stage:
        return
    Path("begun.txt").touch()
    while True:
        try:
            while True:
                time.sleep(0.05)
        except KeyboardInterrupt:
            Path("heard.txt").touch()
            if not Path("stubborn.txt").exists():
                raise
'''
STAGES = {
    "hang.py": HANG,
    "plugin.py": """
        import hang

        def expt_collection_finished():
            hang.hang("discovery")

        def expt_render_run(run, folder):
            hang.hang("rendering")
    """,
    "experiments/first.py": """
        import expt
        import hang

        hang.hang("import")

        @expt.provider
        def thing():
            hang.hang("set-up")
            yield 1
            hang.hang("teardown")

        @expt.provider(scope="session")
        def shared():
            hang.hang("session set-up")
            yield 1
            hang.hang("session teardown")

        def experiment_one(track, thing, shared):
            track("x", 1)
            hang.hang("run")

        def analysis_one(run):
            hang.hang("analysis")

        def analysis_session_one(runs):
            hang.hang("session analysis")
    """,
}
NAMES = (
    *("discovery", "import", "session set-up", "set-up", "run", "teardown", "analysis"),
    *("session analysis", "session teardown", "rendering"),
)


def await_file(sandbox: Sandbox, name: str, process: subprocess.Popen[str]) -> bool:
    """Whether the file comes before the process ends."""
    deadline = time.monotonic() + 60
    while not (sandbox.root / name).exists():
        if process.poll() is not None:
            return False
        assert time.monotonic() < deadline, name
        time.sleep(0.01)
    return True


@pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="processes are found in /proc")
@pytest.mark.parametrize("times", ["once", "twice"])
@pytest.mark.parametrize("stage", NAMES)
def test_interrupted_at_any_stage_it_ends_and_leaves_nothing_behind(
    sandbox: Sandbox, stage: str, times: str
) -> None:
    """Twice, where the code swallows the first. Each archive that there is, is whole."""
    sandbox.write(STAGES)
    sandbox.write({"stage.txt": stage} | ({"stubborn.txt": ""} if times == "twice" else {}))
    process = sandbox.start("experiments", "--plugin", "plugin.py", render=stage == "rendering")
    try:
        assert await_file(sandbox, "begun.txt", process), process.communicate()
        process.send_signal(signal.SIGINT)
        if times == "twice" and await_file(sandbox, "heard.txt", process):
            process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 2, (out, err)
    assert left_over(sandbox) == []
    runs = sandbox.runs() if (sandbox.root / "runs").exists() else []
    late = stage in ("analysis", "session analysis", "session teardown", "rendering")
    expected = [] if stage in ("discovery", "import") else ["completed" if late else "interrupted"]
    assert [run.status for run in runs] == expected
    if runs:
        checked = sandbox.expt("verify")
        assert checked.exit_code == 0, checked
        assert "running" not in (runs[0].path / "run.json").read_text()
