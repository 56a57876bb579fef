"""A process of a session is killed at random: the archives tell the truth, nothing is left.

A session of eight runs with two workers and its renderer; any process below it may be hit.
`EXPT_KILLS=60` kills so many instead of 3, and `EXPT_KILLS_FROM` draws other moments.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from expt.ground.files import TEMPORARY_PREFIX
from expt.ground.layout import UNFINISHED_PREFIX
from expt.reading.finding import find_runs

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="it asks /proc")
KILLS = int(os.environ.get("EXPT_KILLS", "3"))
FIRST = int(os.environ.get("EXPT_KILLS_FROM", "0"))
POINTS, RUNS = 30, 8
SOURCE = f"""\
import time

def experiment_a(track, n: int):
    for step in range({POINTS}):
        track("loss", step + n, step=step)
        time.sleep(0.01)
    return {{"n": n}}
"""


@pytest.mark.timeout(180)
@pytest.mark.parametrize("number", range(FIRST, FIRST + KILLS))
def test_whatever_process_is_killed_the_archives_are_true_and_nothing_is_left(
    number: int, tmp_path: Path
) -> None:
    (tmp_path / "tmp").mkdir()
    (tmp_path / "m.py").write_text(SOURCE)
    values = ",".join(map(str, range(RUNS)))
    marked = {**os.environ, "TMPDIR": str(tmp_path / "tmp"), "EXPT_KILLED_IN": str(tmp_path)}
    session = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "expt",
            "m.py",
            "--sweep",
            f"n={values}",
            "-n",
            "2",
            "--max-cases=99",
        ],
        cwd=tmp_path,
        env=marked,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
    )
    chance = random.Random(number)
    wait_for_an_archive(tmp_path / "runs", session)
    time.sleep(chance.uniform(0, 2.5))
    below = [pid for pid in processes_of(tmp_path) if pid != session.pid]
    killed = chance.choice(sorted(below)) if below else None
    if killed is not None:
        try:
            os.kill(killed, signal.SIGKILL)
        except ProcessLookupError:
            killed = None
    said = session.communicate(timeout=120)[0].decode()
    assert "Traceback" not in said, said
    check_archives(tmp_path / "runs", said)
    check_nothing_is_left(tmp_path, said)


def wait_for_an_archive(root: Path, session: subprocess.Popen[bytes]) -> None:
    while session.poll() is None and not any(root.glob("m/experiment_a/*/run.json")):
        time.sleep(0.05)


def processes_of(place: Path) -> set[int]:
    """Every living process of the session, by what it was given in its environment."""
    mark, found = f"EXPT_KILLED_IN={place}\0".encode(), set()
    for folder in Path("/proc").iterdir():
        try:
            marked = folder.name.isdecimal() and mark in (folder / "environ").read_bytes() + b"\0"
            if marked and ") Z " not in (folder / "stat").read_text():
                found.add(int(folder.name))
        except OSError:
            continue
    return found


def check_archives(root: Path, said: str) -> None:
    runs = find_runs(root)
    assert not runs.damaged, said
    assert len(runs) == RUNS, said
    for run in runs:
        assert run.status in ("completed", "failed"), (run, said)
        tracked = [run.params["n"] + step for step in range(POINTS)]
        values = list(run.series["loss"].values) if "loss" in run.series else []
        if run.status == "completed":
            assert (values, run.results) == (tracked, {"n": run.params["n"]})
        else:
            assert values == tracked[: len(values)]
            assert run.error is not None and "SIGKILL" in run.error.message, run.error
    assert sum(run.status == "failed" for run in runs) <= 2, (
        said
    )  # a helper takes its workers along


def check_nothing_is_left(place: Path, said: str) -> None:
    end = time.monotonic() + 60
    while (left := processes_of(place)) and time.monotonic() < end:
        time.sleep(0.1)
    assert not left, said
    assert not list((place / "tmp").rglob("*")), said
    names = [path.name for path in place.rglob("*")]
    assert not [name for name in names if name.startswith((TEMPORARY_PREFIX, UNFINISHED_PREFIX))]
