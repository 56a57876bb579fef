"""What every executor keeps, as tests: derive a class, and name the executor.

    from expt.testing import ExecutorContract

    class TestMine(ExecutorContract):
        executor = "my_package:make_executor"

Each test runs `expt` in a sandbox of its own and looks at the archives alone.
"""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING, Any, Final

from expt.testing.sandbox import end_now

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    from expt.testing.sandbox import Done, Sandbox

_ENDS: Final = '''
    import os, signal, subprocess, sys, threading, time

    import expt

    class NoPickle(Exception):
        def __init__(self, first, second):
            super().__init__("no pickle holds this")
            self.lock = threading.Lock()

    def experiment_completes(track, rng, archive, width: int = 3):
        """What a run does in good health."""
        for step in range(width):
            track("loss", float(rng.random()))
        track("words", "one")
        archive.save("table.json", {"width": width})
        print("printed")
        subprocess.run([sys.executable, "-c", "print('printed by a child')"], check=True)
        return {"squared": width**2, "cwd": os.getcwd()}

    def experiment_raises(track):
        track("x", 1.0)
        raise ValueError("on purpose")

    def experiment_raises_no_pickle(track):
        track("x", 1.0)
        raise NoPickle(1, 2)

    def experiment_is_killed(track):
        track("x", 1.0)
        os.kill(os.getpid(), signal.SIGKILL)

    def experiment_leaves(track):
        track("x", 1.0)
        os._exit(0)

    def experiment_exits(track):
        track("x", 1.0)
        sys.exit(0)

    def experiment_hangs(track):
        track("x", 1.0)
        time.sleep(600)

    def experiment_hangs_and_swallows(track):
        track("x", 1.0)
        while True:
            try:
                time.sleep(600)
            except BaseException:
                pass

    def experiment_skips():
        expt.skip("not today")
'''
_STATUSES: Final = {
    "completes": "completed",
    "raises": "failed ValueError",
    "raises_no_pickle": "failed experiments.work.NoPickle",
    "is_killed": "failed WorkerDied",
    "leaves": "failed WorkerDied",
    "exits": "failed SystemExit",
    "hangs": "failed TimeoutError",
    "hangs_and_swallows": "failed TimeoutError",
    "skips": "skipped",
}
_NODES: Final = """
    import os, signal, time

    def experiment_work(track, x: int = 0):
        with open("begun.txt", "a") as file:
            file.write(f"{x}\\n")
        track("x", x)
        if x == 2 and not os.path.exists("spare"):
            os.kill(os.getppid(), signal.SIGKILL)  # the engine's own process
            time.sleep(600)
        return {"x": x}
"""
_TINY: Final = """
    import expt

    @expt.provider(scope="session")
    def two():
        yield 2
        with open("torn-down.txt", "a") as file:
            file.write("x")

    def experiment_tiny(two, x: int):
        return {"twice": two * x}
"""
_SLEEPS: Final = """
    import time

    def experiment_sleeps(track, x: int, stubborn: bool = False):
        track("x", x)
        until = time.monotonic() + 120
        while time.monotonic() < until:
            try:
                time.sleep(0.05)
            except BaseException:
                if not stubborn:
                    raise
"""
_FIRST_FAILS: Final = """
    import time

    def experiment_fails(x: int):
        time.sleep(0.2)
        raise ValueError(x)
"""
_MANY: Final = """
    import time
    import expt

    @expt.provider(scope="session")
    def made():
        yield 1

    def experiment_waits(track, made, x: int):
        track("x", x)
        time.sleep(0.2)
        return {"x": x}
"""


class ExecutorContract:
    """Tests of one executor: `executor` is what `--executor` is given.

    `words` are more words of the command line, `configuration` the text of an `expt.toml`;
    `tiny` is how many tiny cases are run at once, `patience` the seconds that a session may take.
    """

    executor: str
    words: tuple[str, ...] = ()
    configuration = ""
    tiny = 1000
    patience = 110.0

    # What the tests are made of

    def prepare(self, sandbox: Sandbox, experiments: str) -> Sandbox:
        """A project with these experiments."""
        return sandbox.write({"expt.toml": self.configuration, "experiments/work.py": experiments})

    def expt(self, sandbox: Sandbox, *words: str) -> Done:
        """Run a session on the executor to its end."""
        told = ("--executor", self.executor, *self.words, *words)
        return sandbox.expt("experiments", *told, timeout=self.patience)

    def start(self, sandbox: Sandbox, *words: str) -> subprocess.Popen[str]:
        """Start a session on the executor."""
        return sandbox.start("experiments", "--executor", self.executor, *self.words, *words)

    def wait_until(self, holds: Callable[[], object], what: str) -> None:
        """Fail where something does not come to hold within `patience`."""
        deadline = time.monotonic() + self.patience
        while not holds():
            assert time.monotonic() < deadline, f"{what} did not come"
            time.sleep(0.1)

    def end_of(self, process: subprocess.Popen[str]) -> int:
        """The exit code of a session that is about to end."""
        try:
            process.communicate(timeout=self.patience)
        finally:
            end_now(process)
        return process.returncode

    # What is kept

    def test_the_ends_of_runs_and_their_archives_are_those_of_workers(
        self, sandbox: Sandbox
    ) -> None:
        self.prepare(sandbox, _ENDS)
        common = ("-p", "seed=1", "--timeout", "8")
        here = sandbox.start("experiments", *common, "--runs", "here", "-n", "2")
        try:
            there = self.expt(sandbox, *common)
        finally:
            code = self.end_of(here)
        assert (there.exit_code, code) == (1, 1), there.stdout + there.stderr
        told = _told(sandbox.root / "runs")
        assert told == _told(sandbox.root / "here")
        statuses = {
            run.experiment.partition("experiment_")[2]: _status(run) for run in sandbox.runs()
        }
        assert statuses == _STATUSES

    def test_a_lost_node_fails_its_run_and_no_case_runs_twice(self, sandbox: Sandbox) -> None:
        self.prepare(sandbox, _NODES)
        done = self.expt(sandbox, "--sweep", "x=0,1,2,3,4,5", "-v")
        assert done.exit_code == 1, done.stdout + done.stderr
        runs = {run.params["x"]: run for run in sandbox.runs()}
        assert sorted(runs) == [0, 1, 2, 3, 4, 5] and len(sandbox.runs()) == 6
        lost = [x for x, run in runs.items() if run.status != "completed"]
        assert 2 in lost
        for x in lost:  # the engine's process may have worked on others too, or be all there is
            assert _status(runs[x]) == "failed WorkerDied", runs[x].error
            assert "lost with its node" in str(runs[x].error)
        assert runs[2].series["x"].last == 2
        begun = (sandbox.root / "begun.txt").read_text().split()
        assert sorted(begun) == sorted(set(begun)), "a case ran twice"
        sandbox.write({"spare": ""})
        again = self.expt(sandbox, "--sweep", "x=0,1,2,3,4,5", "--resume")
        assert again.exit_code == 0, again.stdout + again.stderr
        assert {run.params["x"] for run in sandbox.runs(status="completed")} == set(range(6))

    def test_tiny_cases_come_out_right_and_session_providers_are_torn_down(
        self, sandbox: Sandbox
    ) -> None:
        self.prepare(sandbox, _TINY)
        done = self.expt(sandbox, "-q", "--sweep", f"x={{range=[0,{self.tiny},1]}}")
        assert done.exit_code == 0, done.stdout[-2000:] + done.stderr[-2000:]
        results = {run.params["x"]: run.results["twice"] for run in sandbox.runs()}
        assert results == {x: 2 * x for x in range(self.tiny)}
        self.wait_until((sandbox.root / "torn-down.txt").exists, "the teardown")

    def test_an_interrupt_ends_what_runs_and_begins_nothing_more(self, sandbox: Sandbox) -> None:
        self.prepare(sandbox, _SLEEPS)
        process = self.start(sandbox, "--sweep", "x={range=[0,40,1]}")
        try:
            self.wait_until(lambda: _has_tracked(sandbox), "a run")
            process.send_signal(signal.SIGINT)
        finally:
            code = self.end_of(process)
        assert code == 2
        runs = sandbox.runs()
        assert 0 < len(runs) < 40
        assert {run.status for run in runs} == {"interrupted"}
        assert any("x" in run.series for run in runs)
        assert not list((sandbox.root / "runs").glob(".sessions/*/mailbox"))

    def test_a_second_interrupt_ends_what_does_not_listen(self, sandbox: Sandbox) -> None:
        self.prepare(sandbox, _SLEEPS)
        process = self.start(sandbox, "--sweep", "x={range=[0,40,1]}", "-p", "stubborn=true")
        try:
            self.wait_until(lambda: _has_tracked(sandbox), "a run")
            process.send_signal(signal.SIGINT)
            assert process.stdout is not None
            for line in process.stdout:  # two at once would be one
                if "again to kill it" in line:
                    break
            process.send_signal(signal.SIGINT)
        finally:
            code = self.end_of(process)
        assert code == 2
        runs = sandbox.runs()
        assert 0 < len(runs) < 40
        assert {run.status for run in runs} == {"interrupted"}

    def test_after_x_what_waits_is_cancelled(self, sandbox: Sandbox) -> None:
        self.prepare(sandbox, _FIRST_FAILS)
        done = self.expt(sandbox, "-x", "--sweep", "x={range=[0,40,1]}")
        assert done.exit_code == 1, done.stdout + done.stderr
        runs = sandbox.runs()
        assert 0 < len(runs) < 40
        assert {_status(run) for run in runs} == {"failed ValueError"}

    def test_a_killed_session_leaves_no_archive_that_lies(self, sandbox: Sandbox) -> None:
        self.prepare(sandbox, _MANY)
        sweep = ("--sweep", "x={range=[0,16,1]}", "-p", "seed=1")
        process = self.start(sandbox, *sweep)
        try:
            self.wait_until(lambda: sandbox.runs(status="completed"), "an end of a run")
        finally:
            end_now(process)
        self.wait_until(lambda: not sandbox.runs(status="running"), "an end of all runs")
        before = {run.params["x"]: run for run in sandbox.runs()}
        for run in before.values():
            assert run.status in ("completed", "interrupted", "lost"), run.status
            assert run.status != "completed" or run.results == {"x": run.params["x"]}
        done = self.expt(sandbox, *sweep, "--resume")
        assert done.exit_code == 0, done.stdout + done.stderr
        whole = sandbox.runs(status="completed")
        assert sorted(run.params["x"] for run in whole) == list(range(16)), "each case once"


def _has_tracked(sandbox: Sandbox) -> bool:
    return any("x" in run.series and len(run.series["x"]) for run in sandbox.runs())


def _status(run: Any) -> str:
    return f"{run.status} {run.error.type}" if run.error else str(run.status)


def _told(root: Path) -> dict[str, Any]:
    """What the archives below a root say, without what no two sessions have in common."""
    from expt.reading.finding import find_runs

    told = {}
    for run in find_runs(root):
        record = run.record
        told[run.node_id] = {
            "status": run.status,
            "error": None if run.error is None else (run.error.type, run.error.message),
            "params": run.params,
            "origins": record.origins,
            "results": run.results,
            "series": {name: list(run.series[name].values) for name in run.series},
            "sources": record.sources,
            "fingerprint": run.lineage["fingerprint"],
            "cwd": record.cwd,
            "notices": record.notices,
            "log": (run.path / "output.log").read_text() if run.status == "completed" else "",
            "files": sorted(
                file.relative_to(run.path).as_posix()
                for file in run.path.rglob("*")
                if file.is_file()
            ),
        }
    return told
