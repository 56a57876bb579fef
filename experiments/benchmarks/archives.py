"""What archives cost: points that come back, runs that are listed, and what a kill leaves."""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import time

import numpy as np

import expt
from expt.archive.writer import write_record
from expt.ground.model import RunRecord

WHERE = "lr < 0.01 and results.accuracy > 0.9"


def make_tree(folder, body):
    (folder / "experiments").mkdir(parents=True)
    (folder / "expt.toml").touch()
    (folder / "experiments/points.py").write_text(body)
    return folder


POINTS = """
def experiment_points(track, points: int = 10):
    for step in range(points):
        track("loss", step * 0.5, step=step)
"""


def experiment_reload(race, command, grow, place, points: list[int]):
    """The values and the steps of one series, from a fresh `expt.load`."""
    tree = make_tree(place / "tree", POINTS)
    costs = {}
    for count in points:
        command("expt", "--no-render", "-p", f"points={count}", cwd=tree)
        archive = expt.runs(tree / "runs")[0].path

        def reload(archive=archive, count=count):
            series = expt.load(archive).series["loss"]
            assert len(series.values) == len(series.steps) == count

        times = race(
            {
                "back as arrays": reload,
                "the bytes alone": lambda archive=archive: (
                    np.fromfile(archive / "series/scalars.bin", np.uint8).sum() and None
                ),
            }
        )
        costs[count] = statistics.median(times["back as arrays"])
    return {
        "reload": race.milliseconds(times, "back as arrays", 15 * max(points) / 1_000_000),
        "reload_above_the_least": race.ratio(times, "back as arrays", "the bytes alone", None),
        "growth": grow("point", costs),
    }


def make_archives(root, count):
    """Completed runs of a sweep, as a session writes their records."""
    rng = np.random.default_rng(count)
    for number in range(count):
        name = f"{number:010}".translate(str.maketrans("0189", "wxyz"))
        path = root / "walk/experiment_walk" / f"2026-01-01_00-00-00_{name}"
        path.mkdir(parents=True)
        lr, accuracy = float(10 ** rng.uniform(-4, -1)), float(rng.random())
        write_record(
            path,
            RunRecord(
                id=name,
                experiment="experiments/walk.py::experiment_walk",
                case=f"lr-{lr:.3g}",
                description="Walk about.",
                status="completed",
                started=f"2026-01-01T00:00:00.{number:06}+00:00",
                duration=1.0,
                params={"lr": lr, "width": int(rng.integers(1, 99)), "seed": number},
                results={"accuracy": accuracy, "loss": 1 - accuracy},
            ),
        )


def experiment_listing(race, command, grow, place, archives: list[int]):
    """`expt show --where … --json`, with the index that an earlier listing left and with none."""
    costs = {}
    for count in archives:
        root = place / f"runs{count}"
        make_archives(root, count)
        index = root / ".index.sqlite"
        answers = set()

        def listing(root=root, answers=answers):
            asked = ["--runs", root, "--where", WHERE, "--json"]
            answers.add(command("expt", "show", *asked, cwd=root))

        def listing_with_none(index=index, listing=listing):
            index.unlink(missing_ok=True)
            listing()

        def read_all(root=root):
            for path in root.glob("*/*/*/run.json"):
                json.loads(path.read_bytes())

        times = race(
            {
                "no index": listing_with_none,
                "an index": listing,
                "python alone": lambda: command("this", cwd=place) and None,
                "every record read": read_all,
            }
        )
        assert len(answers) == 1, "an index answers otherwise than none"
        costs[count] = statistics.median(times["no index"])
    scale = max(archives) / 10_000
    return {
        "listing": race.milliseconds(times, "an index", None if scale < 1 else 400 * scale),
        "listing_beside_python": race.ratio(times, "an index", "python alone", None),
        "listing_without_index": race.milliseconds(
            times, "no index", None if scale < 1 else 1500 * scale
        ),
        "growth": grow("archive", costs),
    }


def experiment_durability(race, place, tracked: int = 10_000):
    """What is there of a run whose process is killed the moment it has tracked so many points."""
    body = POINTS + '    open("ready", "w").close()\n    __import__("time").sleep(600)\n'
    tree = make_tree(place / "tree", body)
    words = ["-n", "0", "--no-render", "-p", f"points={tracked}"]
    process = subprocess.Popen(
        [sys.executable, "-m", "expt", *words], cwd=tree, stdout=subprocess.DEVNULL
    )
    while not list(tree.rglob("ready")):
        if process.poll() is not None:
            raise RuntimeError("the run that was to be killed ended by itself")
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    run = expt.runs(tree / "runs")[0]
    kept = len(run.series["loss"])
    assert run.status == "lost", run.status
    return {"readable_after_a_kill": race.row([kept / tracked], "of the points", 1.0)}
