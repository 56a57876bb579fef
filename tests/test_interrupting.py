"""Ctrl-C, its kin and time limits reach every stage of a session, and every session inside one."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from expt.ground.processes import process_is_alive

if TYPE_CHECKING:
    from pathlib import Path

    from expt.testing import Sandbox

SLOW = """
    import time

    import expt

    @expt.provider
    def thing():
        yield 1
        open("teardown.txt", "w").write("done")

    def experiment_slow(track, thing):
        track("begun", 1)
        open("begun.txt", "w").close()
        for _ in range(600):
            time.sleep(0.1)

    def experiment_then(): ...
"""
INNER = """
    import time

    def experiment_inner(n: int = 100):
        open("begun.txt", "w").close()
        for _ in range(n):
            time.sleep(0.1)
        return n
"""
OUTER = """
    import expt

    def experiment_outer(results):
        runs = expt.run("experiments/inner.py", options=["--no-render"])
        results["inner"] = runs[0].status
"""
SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


def wait_for(path: Path, process: subprocess.Popen[str], timeout: float = 60.0) -> None:
    deadline = time.monotonic() + timeout
    while not path.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, f"no {path.name}"
        time.sleep(0.02)


def end_with(process: subprocess.Popen[str], number: int) -> tuple[int, str]:
    process.send_signal(number)
    out, _ = process.communicate(timeout=60)
    return process.returncode, out


@pytest.mark.parametrize("workers", ["1", "0"])
@pytest.mark.parametrize("number", SIGNALS)
def test_every_signal_that_asks_to_end_is_a_ctrl_c_with_teardown(
    sandbox: Sandbox, number: int, workers: str
) -> None:
    """case: hangup-leaves-lost, case: inline-signals"""
    sandbox.write({"experiments/a.py": SLOW})
    process = sandbox.start("-n", workers, "--timeout", "1000")
    wait_for(sandbox.root / "begun.txt", process)
    assert end_with(process, number)[0] == 2
    assert (sandbox.root / "teardown.txt").exists()
    assert [run.status for run in sandbox.runs()] == ["interrupted"]
    assert sandbox.run().series["begun"].last == 1


def test_what_nohup_ignores_stays_ignored(sandbox: Sandbox) -> None:
    sandbox.write({"experiments/a.py": SLOW.replace("range(600)", "range(20)")})
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "expt", "-k", "slow", "--no-render"],
            cwd=sandbox.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    finally:
        signal.signal(signal.SIGHUP, before)
    wait_for(sandbox.root / "begun.txt", process)
    assert end_with(process, signal.SIGHUP)[0] == 0


@pytest.mark.parametrize(
    ("stage", "statuses"),
    [
        ("def analysis_a(run):", ["completed"]),
        ("def analysis_session_a(runs):", ["completed", "completed"]),
        ("@expt.provider(scope='session')\ndef thing():\n    yield 1", ["completed", "completed"]),
    ],
)
def test_an_interrupt_of_what_follows_a_run_ends_a_session_in_this_process(
    sandbox: Sandbox, stage: str, statuses: list[str]
) -> None:
    """An analysis or a teardown that a Ctrl-C ends is no failure of its run, and is the last."""
    sandbox.write(
        {
            "experiments/a.py": "import expt, signal\n"
            f"{stage}\n    signal.raise_signal(signal.SIGINT)\n"
            f"def experiment_a(i=0{', *, thing' if 'thing' in stage else ''}): ..."
        }
    )
    assert sandbox.expt("--sweep", "i=1,2", "-n", "0").exit_code == 2
    assert [run.status for run in sandbox.runs()] == statuses


def test_a_second_interrupt_ends_what_swallows_the_first_in_this_process(sandbox: Sandbox) -> None:
    """After a while: here at import, where nothing else would end it; with the cursor shown."""
    import pty

    sandbox.write(
        {
            "experiments/a.py": """
                import signal, time
                while True:
                    try:
                        time.sleep(0.01)
                        signal.raise_signal(signal.SIGINT)
                    except BaseException:
                        pass
                def experiment_a(): ...
            """
        }
    )
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(sandbox.root)
        os.execv(sys.executable, [sys.executable, "-m", "expt", "-n", "0"])
    told = b""
    while select.select([terminal], [], [], 60)[0]:
        try:
            told += os.read(terminal, 4096)
        except OSError:  # at its end
            break
    else:
        os.kill(pid, signal.SIGKILL)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 2
    assert told.endswith(b"\x1b[?25h\r\n")


def test_a_run_in_this_process_that_is_stopped_does_not_end_the_session(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/a.py": """
                import signal
                from pathlib import Path

                from expt.archive.owner import ask_to_stop

                def experiment_a(archive, i=0):
                    if i == 1:  # what 'expt stop' does
                        ask_to_stop(Path(archive.path), None)
                        signal.raise_signal(signal.SIGINT)
            """
        }
    )
    assert sandbox.expt("--sweep", "i=1,2", "-n", "0").exit_code == 2
    assert {run.case: run.status for run in sandbox.runs()} == {
        "i-1": "interrupted",
        "i-2": "completed",
    }


def test_a_terminal_that_is_hung_up_leaves_interrupted_runs(sandbox: Sandbox) -> None:
    """The session's screen is gone with it, and every write to it fails."""
    import pty

    sandbox.write({"experiments/a.py": SLOW})
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(sandbox.root)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # 'nohup pytest' ignores it
        os.execv(sys.executable, [sys.executable, "-m", "expt", "--no-render"])
    deadline = time.monotonic() + 60
    while not (sandbox.root / "begun.txt").exists() and time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.05)[0]:
            os.read(terminal, 4096)
    os.close(terminal)  # whose session hears SIGHUP
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 2
    assert [run.status for run in sandbox.runs()] == ["interrupted"]
    assert (sandbox.root / "teardown.txt").exists()


@pytest.mark.parametrize("number", SIGNALS)
def test_an_interrupt_at_planning_ends_at_once(sandbox: Sandbox, number: int) -> None:
    """case: discovery-interrupt. The import hangs, and swallows what interrupts it."""
    hang = """
        import time
        open("begun.txt", "w").close()
        while True:
            try:
                time.sleep(60)
            except BaseException:
                pass

        def experiment_x(): ...
    """
    sandbox.write({"experiments/a.py": hang})
    process = sandbox.start()
    wait_for(sandbox.root / "begun.txt", process)
    assert end_with(process, number)[0] == 2
    assert not (sandbox.root / "runs").exists()


def test_an_interrupt_during_discovery_ends_at_once(sandbox: Sandbox) -> None:
    """case: discovery-interrupt. A plugin is called in the middle of it, and waits there."""
    sandbox.write(
        {
            "experiments/a.py": "def experiment_x(): open('ran.txt', 'w')",
            "plugin.py": """
                import time

                def expt_collection_finished():
                    open("begun.txt", "w").close()
                    time.sleep(60)
            """,
        }
    )
    process = sandbox.start("--plugin", "plugin.py")
    wait_for(sandbox.root / "begun.txt", process)
    assert end_with(process, signal.SIGINT)[0] == 2
    assert not (sandbox.root / "ran.txt").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="which thread hears of it is its affair")
def test_an_interrupt_that_a_waiting_run_did_not_hear_is_told_again(sandbox: Sandbox) -> None:
    """As it is where it comes just before the call: here it goes to another thread."""
    sandbox.write(
        {
            "experiments/a.py": """
                import signal, threading, time
                def experiment_deaf():
                    other = threading.Thread(target=time.sleep, args=(60,), daemon=True)
                    other.start()
                    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
                    open("begun.txt", "w").close()
                    time.sleep(60)
            """
        }
    )
    process = sandbox.start("-n", "1")
    wait_for(sandbox.root / "begun.txt", process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 2, err
    assert sandbox.run().status == "interrupted"


def test_an_interrupt_reaches_the_teardown_of_a_session_provider(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/a.py": """
                import time

                import expt

                @expt.provider(scope="session")
                def thing():
                    yield 1
                    open("begun.txt", "w").close()
                    time.sleep(60)

                def experiment_x(thing): ...
            """
        }
    )
    process = sandbox.start()
    wait_for(sandbox.root / "begun.txt", process)
    assert end_with(process, signal.SIGINT)[0] == 2
    assert [run.status for run in sandbox.runs()] == ["completed"]


@pytest.mark.parametrize("workers", ["1", "0"])
def test_a_limit_of_time_holds_with_and_without_workers(sandbox: Sandbox, workers: str) -> None:
    """case: timeout-ignored-with-n0"""
    sandbox.write({"experiments/a.py": SLOW})
    done = sandbox.expt("--timeout", "1.5", "-n", workers)
    assert done.exit_code == 1, done.stderr
    slow, then = sandbox.run("latest~1"), sandbox.run()
    assert (slow.status, slow.error.type) == ("failed", "TimeoutError")
    assert (sandbox.root / "teardown.txt").exists()
    assert then.status == "completed"


@pytest.mark.parametrize("workers", ["1", "0"])
def test_a_limit_of_time_holds_for_analyses_of_a_run_and_of_a_session(
    sandbox: Sandbox, workers: str
) -> None:
    text = """
        import time

        def experiment_x(): ...

        def analysis_x(run):
            time.sleep(600)

        def analysis_session_late(runs):
            time.sleep(600)
    """
    sandbox.write({"experiments/a.py": text})
    done = sandbox.expt("--timeout", "0.5", "-n", workers)
    assert done.exit_code == 0, done.stderr
    assert "analysis_x took longer than --timeout 0.5" in done.stdout
    assert "the analyses of the session took longer than --timeout 0.5" in done.stdout
    assert sandbox.run().status == "completed"


@pytest.mark.parametrize("words", [["--timeout", "1e10"], ["--timeout", "1e10", "-n", "0"]])
def test_a_limit_of_years_is_as_good_as_none(sandbox: Sandbox, words: list[str]) -> None:
    """case: timeout-large"""
    sandbox.write({"experiments/a.py": "def experiment_x(): ..."})
    assert sandbox.expt(*words, "--plan-timeout", "3000000").exit_code == 0


def test_a_limit_that_cannot_be_kept_is_refused(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """case: timeout-ignored-with-n0. An alarm rings in the main thread alone."""
    import threading

    import expt

    sandbox.write({"experiments/a.py": "def experiment_x(): ..."})
    monkeypatch.chdir(sandbox.root)
    raised: list[BaseException] = []

    def run_there() -> None:
        try:
            expt.run(options=["--no-render", "-n", "0", "--timeout", "5"])
        except expt.ExptError as error:
            raised.append(error)

    thread = threading.Thread(target=run_there)
    thread.start()
    thread.join()
    assert [str(error).partition(":")[0] for error in raised] == ["'--timeout' cannot be kept here"]


def test_a_stopped_worker_over_its_time_is_ended(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/a.py": """
                import os, signal

                def experiment_x(): os.kill(os.getpid(), signal.SIGSTOP)
            """
        }
    )
    assert sandbox.expt("--timeout", "1").exit_code in (0, 1)
    assert sandbox.run().status in ("failed", "completed")


# Sessions inside of runs, and in loops


def test_a_limit_of_time_reaches_an_inner_session_and_fails_the_outer_run(
    sandbox: Sandbox,
) -> None:
    """case: nested-run-hides-timeout"""
    sandbox.write({"expt.toml": "", "experiments/inner.py": INNER, "experiments/outer.py": OUTER})
    done = sandbox.expt("experiments/outer.py", "--timeout", "2")
    assert done.exit_code == 1, done.stderr
    (outer,) = sandbox.runs(k="outer")
    assert (outer.status, outer.error.type) == ("failed", "TimeoutError")
    statuses = {run.status for run in sandbox.runs(k="inner")}
    assert statuses <= {"interrupted", "failed"}


@pytest.mark.parametrize("workers", ["1", "0"])
def test_an_interrupt_reaches_an_inner_session_and_interrupts_the_outer_run(
    sandbox: Sandbox, workers: str
) -> None:
    """case: run-swallows-ctrl-c"""
    sandbox.write({"expt.toml": "", "experiments/inner.py": INNER, "experiments/outer.py": OUTER})
    process = sandbox.start("experiments/outer.py", "-n", workers)
    wait_for(sandbox.root / "begun.txt", process)
    assert end_with(process, signal.SIGINT)[0] == 2
    assert {run.experiment.rpartition("_")[2]: run.status for run in sandbox.runs()} == {
        "inner": "interrupted",
        "outer": "interrupted",
    }


@pytest.mark.skipif(sys.platform != "linux", reason="takes prctl")
def test_a_killed_run_leaves_no_inner_worker(sandbox: Sandbox) -> None:
    """case: nested-run-hides-timeout. A worker that does not end in time is killed so."""
    sandbox.environ["EXPT_COLD_TESTS"] = "1"  # a fork of another process is no child of the run
    sandbox.write({"expt.toml": "", "experiments/inner.py": INNER, "experiments/outer.py": OUTER})
    process = sandbox.start("experiments/outer.py")
    wait_for(sandbox.root / "begun.txt", process)
    records = [json.loads(p.read_text()) for p in (sandbox.root / "runs").rglob("run.json")]
    pids = {record["experiment"].rpartition("_")[2]: record["pid"] for record in records}
    os.kill(pids["outer"], signal.SIGKILL)
    process.communicate(timeout=60)
    assert process.returncode == 1
    deadline = time.monotonic() + 60
    while process_is_alive(pids["inner"]) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not process_is_alive(pids["inner"])
    assert {run.experiment.rpartition("_")[2]: run.status for run in sandbox.runs()} == {
        "inner": "lost",
        "outer": "failed",
    }


def test_a_run_that_is_interrupted_alone_ends_the_session(sandbox: Sandbox) -> None:
    sandbox.write({"experiments/a.py": "def experiment_a(n=0): raise KeyboardInterrupt"})
    assert sandbox.expt("--sweep", "n=1,2,3", "-n", "0").exit_code == 2
    assert [run.status for run in sandbox.runs()] == ["interrupted"]


def test_ctrl_c_ends_a_loop_of_runs(sandbox: Sandbox) -> None:
    """case: run-swallows-ctrl-c"""
    sandbox.write(
        {
            "expt.toml": "",
            "experiments/inner.py": INNER,
            "loop.py": """
                import expt

                if __name__ == "__main__":
                    for i in range(3):
                        expt.run("experiments", options=["--no-render"])
                        print("went on")
            """,
        }
    )
    process = subprocess.Popen(
        [sys.executable, "loop.py"],
        cwd=sandbox.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    wait_for(sandbox.root / "begun.txt", process)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert "went on" not in out
    assert err.rstrip().endswith("KeyboardInterrupt")
    assert [run.status for run in sandbox.runs()] == ["interrupted"]


def test_what_a_handler_of_signals_raises_in_a_session_ends_its_runs_at_once(
    sandbox: Sandbox,
) -> None:
    """As the limit that a test has: it may be an exception that is none of Ctrl-C's."""
    sandbox.write(
        {
            "experiments/a.py": """
                import os, signal, time

                def experiment_x(n):
                    os.kill(n, signal.SIGALRM)
                    while True:
                        try:
                            time.sleep(100)
                        except BaseException:
                            pass
            """,
            "script.py": """
                import os, signal
                import expt

                class Late(BaseException): ...

                def tell(*_): raise Late

                signal.signal(signal.SIGALRM, tell)
                try:
                    expt.run(options=["--no-render", "-p", f"n={os.getpid()}"])
                except Late:
                    print("late")
            """,
        }
    )
    assert sandbox.python("script.py").lines == ["late"]
    assert sandbox.run().status == "interrupted"


def test_what_a_session_was_told_holds_inside_its_runs(sandbox: Sandbox) -> None:
    """case: runs-option-not-seen-inside"""
    sandbox.write(
        {
            "expt.toml": "",
            "experiments/inner.py": INNER,
            "experiments/params.toml": "[expt.smoke]\nn = 1\n",
            "experiments/outer.py": """
                import os, threading

                import expt

                def experiment_outer(results):
                    results["before"] = len(expt.runs())
                    def inside():
                        (run,) = expt.run("experiments/inner.py", options=["--no-render"])
                        results["inner"] = [run.id, run.path.parts[-5:-3], run.params["n"]]
                        results["command"] = list(run.command)
                    thread = threading.Thread(target=inside)
                    thread.start()
                    thread.join()
                    results["after"] = len(expt.runs())
            """,
        }
    )
    done = sandbox.expt(
        "experiments/outer.py", "--runs", "other", "--smoke", "--timeout", "50", "-n", "2"
    )
    assert done.exit_code == 0, done.stdout
    assert not (sandbox.root / "runs").exists()
    from expt.reading.finding import find_runs

    (outer,) = find_runs(sandbox.root / "other", k="outer", smoke=True)
    (inner,) = find_runs(sandbox.root / "other", k="inner", smoke=True)
    assert outer.results["inner"] == [inner.id, ["other", ".smoke"], 1]
    assert (outer.results["before"], outer.results["after"]) == (1, 2)
    assert (outer.lineage["parent"], inner.lineage["parent"]) == (None, outer.id)
    assert "--timeout 50.0" in " ".join(outer.results["command"])
    assert "-n 2" in " ".join(outer.results["command"])


def test_nothing_of_a_run_is_told_to_what_comes_after_it(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/a.py": """
                import os

                import expt

                before = os.environ.get("EXPT_RUN")

                def experiment_a(run):
                    assert before is None
                    assert run.id in os.environ["EXPT_RUN"]

                def experiment_b(run):
                    assert run.id in os.environ["EXPT_RUN"]
            """
        }
    )
    assert sandbox.expt("-n", "0").exit_code == 0
