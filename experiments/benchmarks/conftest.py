"""What the benchmarks share: contestants that take turns, and commands in a place of their own."""

from __future__ import annotations

import itertools
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import expt

GROWTH = 1.5
"""How many times as much as at the cheapest size one more may cost at the largest."""

ALONE = "× itself, no other being measurable"


def is_steady(costs):
    """Whether the middle half of some rounds lies within twice its least: more than noise."""
    if len(costs) < 2:
        return costs[0] > 0
    low, _, high = statistics.quantiles(costs, n=4, method="inclusive")
    return low > 0 and high < 2 * low


class Race:
    """Contestants that take turns, so that a busy machine is as busy for each of them."""

    def __init__(self, log, rounds):
        self.log = log
        self.rounds = rounds

    def __call__(self, contestants):
        """Name → seconds of each round. What a contestant returns it has measured by itself."""
        times = {name: [] for name in contestants}
        for call in contestants.values():
            call()
        for _ in range(self.rounds):
            for name, call in contestants.items():
                begun = time.perf_counter()
                own = call()
                times[name].append(time.perf_counter() - begun if own is None else own)
        for name, seconds in times.items():
            self.log.info("%-36s %10.3f ms", name, statistics.median(seconds) * 1e3)
        return times

    def ratio(self, times, name, against, goal):
        """A row: round by round, how many times as long as another contestant."""
        ratios = [one / other for one, other in zip(times[name], times[against], strict=True)]
        return self.row(ratios, f"× {against}", goal)

    def milliseconds(self, times, name, goal):
        """A row: the time itself."""
        return self.row([seconds * 1e3 for seconds in times[name]], "ms", goal)

    @staticmethod
    def row(values, unit, goal):
        """What `docs/benchmarks.py` makes a line of: the median, the range, what is aimed at."""
        return {
            "value": statistics.median(values),
            "low": min(values),
            "high": max(values),
            "unit": unit,
            "goal": goal,
        }


@expt.provider(scope="session")
def workshop():
    """The folder of all benchmarks of a session, which goes with the last of them.

    ext4 makes files slowly for a while after thousands were deleted: it looks at the number of each
    before it passes over it.
    """
    with tempfile.TemporaryDirectory(prefix="expt-benchmarks-") as folder:
        yield Path(folder)


@expt.provider
def place(workshop):
    """An empty folder for one benchmark."""
    return Path(tempfile.mkdtemp(dir=workshop))


@expt.provider
def race(log, rounds: int = 7):
    """Has contestants take turns, `rounds` times after one that does not count."""
    return Race(log, rounds)


@expt.provider
def command():
    """Runs a module of Python as a command, in a folder, without the settings of this session."""
    ours = ("EXPT_", "PYTEST_", "PYTHON")
    environment = {n: value for n, value in os.environ.items() if not n.startswith(ours)}
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"

    def run(*words, cwd):
        done = subprocess.run(
            [sys.executable, "-m", *map(str, words)],
            cwd=cwd,
            env=environment,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(map(str, words))}\n{done.stdout}{done.stderr}")
        return done.stdout

    return run


@expt.provider
def grow(track):
    """Draws what one more costs against how many there are, and tells whether that grows."""
    import matplotlib.pyplot as plt

    def tell(name, seconds, why=""):
        """`seconds` are of the whole, by size: of rounds in which the sizes took turns, or one.

        The start, which all have, is left out of a cost, and so are steps between two sizes that
        the spread of the start hides. `why` says what a cost that grows is due to.
        """
        rounds = {n: each if isinstance(each, list) else [each] for n, each in seconds.items()}
        steps = {
            (small, large): [
                (more - less) / (large - small)
                for less, more in zip(rounds[small], rounds[large], strict=True)
            ]
            for small, large in itertools.pairwise(sorted(rounds))
        }
        last = max(steps)
        shown = {step: costs for step, costs in steps.items() if step == last or is_steady(costs)}
        costs = {large: statistics.median(each) for (_, large), each in shown.items()}
        figure, axes = plt.subplots(figsize=(5, 3.2))
        axes.loglog([*costs], [cost * 1e6 for cost in costs.values()], "o-")
        axes.set(title=f"one more {name}", xlabel=f"{name}s", ylabel="µs")
        track(f"one more {name}", figure)
        cheapest = min(costs.values())
        dear = itertools.takewhile(
            lambda size: costs[size] > GROWTH * cheapest, sorted(costs, reverse=True)
        )
        ratios = [cost / cheapest if cheapest > 0 else math.inf for cost in shown[last]]
        return {
            **Race.row(ratios, "× the cheapest" if costs.keys() > {last[1]} else ALONE, GROWTH),
            "sizes": [min(shown)[0], last[1]],
            "hidden": len(shown) < len(steps),
            "bends": min(dear, default=None),
            "why": why,
        }

    return tell
