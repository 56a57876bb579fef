"""What a session costs: one more run of it, and what a second worker brings."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from itertools import count


def experiment_marginal_run(race, command, grow, place, runs: list[int], modules: int = 5):
    """One more run in a session, archived whole with its modules, without pictures."""
    tree = place / "tree"
    (tree / "experiments").mkdir(parents=True)
    (tree / "expt.toml").touch()
    for number in range(modules):
        (tree / f"experiments/part{number}.py").write_text(f"VALUE = {number}\n")
    imports = "".join(f"import part{number}\n" for number in range(modules))
    body = "def experiment_one(track, n: int = 0):\n    track('a', n)\n    return n\n"
    (tree / "experiments/one.py").write_text(f"{imports}\n\n{body}")

    def session(size):
        begun = time.perf_counter()
        command("expt", "--no-render", "-q", "--sweep", f"n={{range=[0,{size},1]}}", cwd=tree)
        return time.perf_counter() - begun

    folders = count()

    def folder_and_files():
        folder = place / f"floor{next(folders)}"
        folder.mkdir()
        for number in range(5):
            (folder / str(number)).write_bytes(b"x" * 1000)

    costs = {}
    for size in runs:
        times = race(
            {
                "one more run": lambda size=size: (session(size) - session(1)) / (size - 1),
                "a folder and five files": folder_and_files,
            }
        )
        costs[size] = statistics.median(times["one more run"]) * size
    return {
        "marginal_run": race.milliseconds(times, "one more run", 3.0),
        "marginal_run_above_the_least": race.ratio(
            times, "one more run", "a folder and five files", None
        ),
        "growth": grow("run", costs),
    }


def experiment_scaling(race, command, place, cases: int = 8, seconds: float = 0.5):
    """A sweep that computes, on one worker and on two."""
    tree = place / "tree"
    (tree / "experiments").mkdir(parents=True)
    (tree / "expt.toml").touch()
    (tree / "experiments/busy.py").write_text(
        "import time\n\n\ndef experiment_busy(n: int = 0, seconds: float = 0.1):\n"
        "    end = time.process_time() + seconds\n"
        "    while time.process_time() < end:\n        pass\n"
    )
    sweep = ["--no-render", "--sweep", f"n={{range=[0,{cases},1]}}", "-p", f"seconds={seconds}"]
    spin = f"import time\nwhile time.process_time() < {cases * seconds / 2}: pass"

    def processes(first, second):
        for started in (first, second):
            running = [subprocess.Popen([sys.executable, "-c", spin]) for _ in range(started)]
            for process in running:
                process.wait()

    times = race(
        {
            "one worker": lambda: command("expt", *sweep, "-n", 1, cwd=tree) and None,
            "two workers": lambda: command("expt", *sweep, "-n", 2, cwd=tree) and None,
            "two processes in turn": lambda: processes(1, 1),
            "two processes at once": lambda: processes(2, 0),
        }
    )
    return {
        "two_workers": race.ratio(times, "two workers", "one worker", 1 / 1.85),
        "two_plain_processes": race.ratio(
            times, "two processes at once", "two processes in turn", None
        ),
    }
