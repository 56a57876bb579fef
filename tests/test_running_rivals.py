"""Two sessions that resume one sweep at once: each case is run by one of them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from made_runs import id_of, make_run

from expt.ground.model import Case, Experiment
from expt.ground.options import KeepingOptions, Options, RunningOptions
from expt.running.rivals import Rivals

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from expt.testing import Sandbox

TEXT = """
    import time
    from pathlib import Path
    import expt

    def experiment_a(n: int = 0):
        Path(f"begun-{n}").touch()
        while not Path("go").exists():
            time.sleep(0.02)
        return n

    @expt.needs(given="a.py::experiment_a")
    def experiment_b(given: expt.Run):
        return given.results["value"]
"""


def test_each_case_is_run_by_one_of_two_sessions_that_resume(sandbox: Sandbox) -> None:
    """The second begins while the first is at its first case, and both go on at once.

    What needs a case is run by whoever has a run of it.
    """
    sandbox.write({"experiments/a.py": TEXT})
    words = ("experiments", "--sweep", "n=0,1,2,3", "--resume")
    sessions = []
    try:
        for n in (0, 1):
            sessions.append(sandbox.start(*words))
            wait_for_case(sandbox, n, sessions[n])
        idle = sandbox.expt("experiments", "--sweep", "n=0,1", "--resume")
        (sandbox.root / "go").touch()
        said = [process.communicate(timeout=100)[0] for process in sessions]
    finally:
        for process in sessions:
            process.kill()
    assert (idle.exit_code, idle.lines[-1]) == (0, "nothing to run: 4 in other sessions")
    assert [process.returncode for process in sessions] == [0, 0]
    runs = [(run.experiment[-1], run.results["value"]) for run in sandbox.runs(status="completed")]
    assert sorted(runs) == [(name, n) for name in "ab" for n in range(4)], said
    assert len(sandbox.runs()) == len(runs)
    assert "note: experiments/a.py::experiment_a[n-1]: left out, " in said[0]


def test_what_another_session_says_of_this_one_does_not_hide_it(tmp_path: Path) -> None:
    """Its run has the id of our session as a tag; one of our own is passed over."""
    name = "experiments/walk.py::experiment_walk"
    case = Case(Experiment(name, name, "experiment_walk", 1), None, {}, {}, fingerprint="f")
    running = RunningOptions(resume=True)
    options = Options(tmp_path, tmp_path, KeepingOptions(tmp_path), running=running)
    ours = "2026-11-23_10-00-00_ours"
    for number, (session, tags) in enumerate([(ours, ()), ("other", (ours,))]):
        make_run(tmp_path, number, lineage={"session": session, "fingerprint": "f"}, tags=tags)
    with Rivals(options, ours).kept_out(case) as outcome:
        assert outcome is not None
        assert outcome.run_id == id_of(1)


def wait_for_case(sandbox: Sandbox, n: int, process: subprocess.Popen[str]) -> None:
    while not (sandbox.root / f"begun-{n}").exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
