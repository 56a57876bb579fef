"""What archives cost: points that come back, runs that are listed, and what a kill leaves."""

from __future__ import annotations

import json
import os
import signal
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
    for count in points:
        command("expt", "--no-render", "-p", f"points={count}", cwd=tree)
    archives = {run.params["points"]: run.path for run in expt.runs(tree / "runs")}

    def reload(count):
        series = expt.load(archives[count]).series["loss"]
        assert len(series.values) == len(series.steps) == count

    largest = max(points)
    least = archives[largest] / "series/scalars.bin"
    names = {count: f"{count} back as arrays" for count in points}
    times = race(
        {name: lambda count=count: reload(count) for count, name in names.items()}
        | {"the bytes alone": lambda: np.fromfile(least, np.uint8).sum() and None}
    )
    return {
        "reload": race.milliseconds(times, names[largest], 15 * largest / 1_000_000),
        "reload_above_the_least": race.ratio(times, names[largest], "the bytes alone", None),
        "growth": grow(
            "point",
            {count: times[name] for count, name in names.items()},
            "arrays of more bytes than the processor's caches hold are written to fresh memory",
        ),
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
    roots = {count: place / f"runs{count}" for count in archives}
    for count, root in roots.items():
        make_archives(root, count)
    answers = {count: set() for count in archives}

    def listing(count):
        asked = ["--runs", roots[count], "--where", WHERE, "--json"]
        answers[count].add(command("expt", "show", *asked, cwd=roots[count]))

    def listing_with_none(count):
        (roots[count] / ".index.sqlite").unlink(missing_ok=True)
        listing(count)

    def read_all():
        for path in roots[largest].glob("*/*/*/run.json"):
            json.loads(path.read_bytes())

    largest = max(archives)
    with_none = {count: f"{count} without an index" for count in archives}
    times = race(
        {name: lambda count=count: listing_with_none(count) for count, name in with_none.items()}
        | {
            "an index": lambda: listing(largest),
            "python alone": lambda: command("this", cwd=place) and None,
            "every record read": read_all,
        }
    )
    assert {len(each) for each in answers.values()} == {1}, "an index answers otherwise than none"
    scale = largest / 10_000
    return {
        "listing": race.milliseconds(times, "an index", None if scale < 1 else 400 * scale),
        "listing_beside_python": race.ratio(times, "an index", "python alone", None),
        "listing_without_index": race.milliseconds(
            times, with_none[largest], None if scale < 1 else 1500 * scale
        ),
        "growth": grow("archive", {count: times[name] for count, name in with_none.items()}),
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
