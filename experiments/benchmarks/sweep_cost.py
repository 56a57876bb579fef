"""What one more run costs in a session, and what a second worker saves, beside plain processes."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import textwrap
import time

TRIVIAL = """
    import helper

    def experiment_trivial(track, n: int = 0):
        track("n", n)
        return n
"""
BUSY = """
    import time

    def experiment_busy(n: int = 0, seconds: float = 0.5):
        end = time.process_time() + seconds
        while time.process_time() < end:
            pass
"""
SPIN = "import time\nend = time.process_time() + {0}\nwhile time.process_time() < end: pass"


def write_tree(folder, source):
    (folder / "experiments").mkdir()
    (folder / "experiments/helper.py").write_text("X = 1\n")
    (folder / "experiments/first.py").write_text(textwrap.dedent(source))


def run_expt(folder, *words):
    """Seconds on the clock, and seconds of processor time of all its processes."""
    command = [sys.executable, "-m", "expt", "experiments", "--no-render", "-qq", *words]
    environment = {k: v for k, v in os.environ.items() if k not in ("EXPT_RUN", "EXPT_DEVICE")}
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(command, cwd=folder, env=environment, check=True)
    took, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return took, used


def spin(processes, seconds):
    """Seconds on the clock for plain processes that work at the same time."""
    began = time.monotonic()
    started = [
        subprocess.Popen([sys.executable, "-c", SPIN.format(seconds)]) for _ in range(processes)
    ]
    for process in started:
        process.wait()
    return time.monotonic() - began


def experiment_one_more_run(track, results, tmp_path, cases: int = 200, rounds: int = 7):
    """One more trivial run in a session, archive whole, no pictures.

    Args:
        cases: Of the long session; the short one has one.
        rounds: Both, one after the other.
    """
    write_tree(tmp_path, TRIVIAL)
    run_expt(tmp_path)
    for _ in range(rounds):
        short = run_expt(tmp_path)
        long = run_expt(tmp_path, "--sweep", f"n={{range=[0,{cases}]}}")
        clock, used = ((b - a) / (cases - 1) * 1e3 for a, b in zip(short, long, strict=True))
        track("ms on the clock", clock)
        track("ms of processor time", used)
        results["best on the clock"] = min(results.get("best on the clock", clock), clock)
        results["best of processor time"] = min(results.get("best of processor time", used), used)


def experiment_second_worker(track, results, tmp_path, cases: int = 8, rounds: int = 5):
    """A sweep that only computes, on one worker and on two; and so many plain processes."""
    write_tree(tmp_path, BUSY)
    sweep = ("--sweep", f"n={{range=[0,{cases}]}}")
    ratios, plain = [], []
    for _ in range(rounds):
        one, _ = run_expt(tmp_path, *sweep, "-n", "1")
        two, _ = run_expt(tmp_path, *sweep, "-n", "2")
        ratios.append(one / two)
        plain.append(2 * spin(1, cases / 4) / spin(2, cases / 4))
        track("ratio of expt", ratios[-1])
        track("ratio of plain processes", plain[-1])
    results["median of expt"] = statistics.median(ratios)
    results["median of plain processes"] = statistics.median(plain)
    results["share"] = statistics.median(ratios) / statistics.median(plain)
