"""What every executor keeps, as tests: derive a class, and name the executor.

    from expt.testing import ExecutorContract

    class TestMine(ExecutorContract):
        executor = "my_package:make_executor"

Each test runs `expt` in a sandbox of its own and looks at the archives alone.
"""

from __future__ import annotations

import functools
import signal
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from expt.testing.sandbox import end_now

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterable, Sequence

    from expt.reading.run import Run
    from expt.testing.sandbox import Done, Sandbox

_ENDS: Final = '''
    import os, signal, subprocess, sys, threading

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
        subprocess.run(["echo", "printed by a child"], check=True)
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

    def experiment_skips():
        expt.skip("not today")
'''
_STATUSES: Final = {
    "completes": "completed",
    "raises": "failed ValueError",
    "raises_no_pickle": "failed experiments.ends.NoPickle",
    "is_killed": "failed WorkerDied",
    "leaves": "failed WorkerDied",
    "exits": "failed SystemExit",
    "skips": "skipped",
}
_TINY: Final = """
    def experiment_tiny(x: int):
        return {"twice": 2 * x}
"""
_NODES: Final = """
    import os, pathlib, signal, time

    RUNS = pathlib.Path("runs")

    def have_ended(others):
        files = [file for name in ("ends", "tiny") for file in RUNS.glob(f"{name}/*/*/run.json")]
        return len(files) == others and not any(b'"running"' in it.read_bytes() for it in files)

    def experiment_work(track, y: int = 0, others: int = 0):
        with open("begun.txt", "a") as file:
            file.write(f"{y}\\n")
        track("y", y)
        if y == 2 and not os.path.exists("spare"):
            while not have_ended(others):
                time.sleep(0.05)
            os.kill(os.getppid(), signal.SIGKILL)  # the engine's own process
            time.sleep(600)
        return {"y": y}
"""
_MANY: Final = """
    import time
    import expt

    @expt.provider(scope="session")
    def made():
        yield 1
        with open("torn-down.txt", "a") as file:
            file.write("x")

    def experiment_waits(track, made, z: int):
        track("z", z)
        time.sleep(0.1)
        return {"z": z}
"""
_HANGS: Final = """
    import time

    def experiment_hangs(track, x: int):
        track("x", x)
        while True:
            try:
                time.sleep(600)
            except BaseException:
                if x > 0:  # the first one swallows it
                    raise
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
_ALL: Final = ("experiments",)


class ExecutorContract:
    """Tests of one executor: `executor` is what `--executor` is given.

    `words` are more words of the command line, `configuration` the text of an `expt.toml`;
    `lone` are words more for what needs no two runs at once.
    `tiny` is how many tiny cases are run at once, `patience` the seconds that a session may take.
    """

    executor: str
    words: tuple[str, ...] = ()
    lone: tuple[str, ...] = ()
    configuration = ""
    tiny = 1000
    patience = 110.0

    # What the tests are made of

    def prepare(self, sandbox: Sandbox, **experiments: str) -> Sandbox:
        """A project with these files of experiments."""
        files = {f"experiments/{name}.py": text for name, text in experiments.items()}
        return sandbox.write({"expt.toml": self.configuration, **files})

    def expt(self, sandbox: Sandbox, *words: str, of: Sequence[str] = _ALL) -> Done:
        """Run a session on the executor to its end."""
        return sandbox.expt(*self._told(of, words), timeout=self.patience)

    def start(
        self, sandbox: Sandbox, *words: str, of: Sequence[str] = _ALL
    ) -> subprocess.Popen[str]:
        """Start a session on the executor."""
        return sandbox.start(*self._told(of, words))

    def _told(self, files: Sequence[str], words: Sequence[str]) -> tuple[str, ...]:
        return (*files, "--executor", self.executor, *self.words, *words)

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

    def test_archives_are_those_of_workers_and_neither_a_node_nor_a_session_that_dies_lies(
        self, sandbox: Sandbox
    ) -> None:
        self.prepare(sandbox, ends=_ENDS, tiny=_TINY, nodes=_NODES)
        tiny = f"x={{range=[0,{self.tiny},1]}}"
        others = f"others={len(_STATUSES) + self.tiny}"
        lost = ("--sweep", "y=0,1,2,3,4,5", "-p", others, "-p", "seed=1")
        files = [f"experiments/{name}.py" for name in ("ends", "tiny", "nodes")]
        done = self.expt(sandbox, *lost, "--sweep", tiny, "-v", of=files)
        assert done.exit_code == 1, done.stdout[-5000:] + done.stderr[-5000:]
        ends = _runs_of(sandbox, "ends")
        statuses = {run.experiment.partition("experiment_")[2]: _status(run) for run in ends}
        assert statuses == _STATUSES
        here = _told_by_workers(sandbox, "ends", _ENDS, "-p", "seed=1")
        assert _told(sandbox.root, ends) == here
        results = {run.params["x"]: run.results["twice"] for run in _runs_of(sandbox, "tiny")}
        assert results == {x: 2 * x for x in range(self.tiny)}
        self._check_lost_node(sandbox)
        sandbox.write({"spare": ""})
        self._check_killed_session(sandbox, *lost)
        assert {run.params["y"] for run in _runs_of(sandbox, "nodes", "completed")} == set(range(6))

    def _check_lost_node(self, sandbox: Sandbox) -> None:
        """It has failed its runs, and no case has run twice."""
        found = _runs_of(sandbox, "nodes")
        runs = {run.params["y"]: run for run in found}
        assert sorted(runs) == [0, 1, 2, 3, 4, 5] and len(found) == 6
        lost = [y for y, run in runs.items() if run.status != "completed"]
        assert 2 in lost
        for y in lost:  # the engine's process may have worked on others too, or be all there is
            assert _status(runs[y]) == "failed WorkerDied", runs[y].error
            assert "lost with its node" in str(runs[y].error)
        assert runs[2].series["y"].last == 2
        begun = (sandbox.root / "begun.txt").read_text().split()
        assert sorted(begun) == sorted(set(begun)), "a case ran twice"

    def _check_killed_session(self, sandbox: Sandbox, *words: str) -> None:
        """None of its archives lies; the next one runs what is missing, and ends as it should."""
        self.prepare(sandbox, many=_MANY)
        files = ("experiments/nodes.py", "experiments/many.py")
        sweep = (*words, "--sweep", "z={range=[0,12,1]}")
        process = self.start(sandbox, *sweep, "--resume", *self.lone, of=files)
        try:
            self.wait_until(lambda: _runs_of(sandbox, "many", "completed"), "an end of a run")
        finally:
            end_now(process)
        self.wait_until(lambda: not sandbox.runs(status="running"), "an end of all runs")
        for run in _runs_of(sandbox, "many"):
            assert run.status in ("completed", "interrupted", "lost"), run.status
            assert run.status != "completed" or run.results == {"z": run.params["z"]}
        (sandbox.root / "torn-down.txt").unlink(missing_ok=True)
        done = self.expt(sandbox, *sweep, "--resume", *self.lone, of=files)
        assert done.exit_code == 0, done.stdout + done.stderr
        whole = _runs_of(sandbox, "many", "completed")
        assert sorted(run.params["z"] for run in whole) == list(range(12)), "each case once"
        self.wait_until((sandbox.root / "torn-down.txt").exists, "the teardown")

    def test_what_hangs_is_ended_and_after_x_what_waits_is_cancelled(
        self, sandbox: Sandbox
    ) -> None:
        self.prepare(sandbox, hangs=_HANGS)
        words = ("-x", "--timeout", "1", "--sweep", "x={range=[0,40,1]}", "-p", "seed=1")
        done = self.expt(sandbox, *words)
        assert done.exit_code == 1, done.stdout + done.stderr
        runs = sandbox.runs()
        assert 0 < len(runs) < 40
        assert {_status(run) for run in runs} == {"failed TimeoutError"}
        told = _told(sandbox.root, runs)
        here = _told_by_workers(sandbox, "hangs", _HANGS, *words, "-n", "2")
        both = told.keys() & here.keys()
        assert both and {case: told[case] for case in both} == {case: here[case] for case in both}

    def test_an_interrupt_ends_what_runs_and_begins_nothing_more(self, sandbox: Sandbox) -> None:
        self.prepare(sandbox, sleeps=_SLEEPS)
        process = self.start(sandbox, "--sweep", "x={range=[0,40,1]}", *self.lone)
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
        self.prepare(sandbox, sleeps=_SLEEPS)
        words = ("--sweep", "x={range=[0,40,1]}", "-p", "stubborn=true")
        process = self.start(sandbox, *words, *self.lone)
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


def _has_tracked(sandbox: Sandbox) -> bool:
    return any("x" in run.series and len(run.series["x"]) for run in sandbox.runs())


def _status(run: Any) -> str:
    return f"{run.status} {run.error.type}" if run.error else str(run.status)


def _runs_of(sandbox: Sandbox, file: str, *statuses: str) -> list[Any]:
    """The runs of the experiments of one file."""
    runs = [run for run in sandbox.runs() if run.experiment.startswith(f"experiments/{file}.py:")]
    return [run for run in runs if not statuses or run.status in statuses]


def _told_by_workers(sandbox: Sandbox, name: str, experiments: str, *words: str) -> dict[str, Any]:
    """What the archives of our own workers say of experiments."""
    kind: Any = type(sandbox)
    return _told_in(kind, name, experiments, words)


@functools.cache  # the same for every executor
def _told_in(kind: Any, name: str, experiments: str, words: tuple[str, ...]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        here = kind(Path(folder))
        here.write({"expt.toml": "", f"experiments/{name}.py": experiments})
        done = here.expt("experiments", *words)
        assert done.exit_code == 1, done.stdout + done.stderr
        return _told(here.root, here.runs())


def _told(root: Path, runs: Iterable[Run]) -> dict[str, Any]:
    """What archives say, without what no two sessions have in common."""
    told = {}
    for run in runs:
        record = run.record
        one = {
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
        told[run.node_id] = repr(one).replace(str(root), "")
    return told
