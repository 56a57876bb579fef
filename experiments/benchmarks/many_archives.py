"""Ten thousand archives, as a sweep leaves them, for whoever measures a listing.

    python experiments/benchmarks/many_archives.py DIR [COUNT]

One run is run, and each of the others is a copy of its archive with values, results and times of
its own, through the writer that runs have. The hashes of their `manifest.json` are those of the
run that was run.
"""

from __future__ import annotations

import datetime as dt
import os
import random
import shutil
import sys
import tempfile
from pathlib import Path

from attrs import evolve

from expt.archive.record import read_record
from expt.archive.writer import write_record

SOURCE = """
def experiment_train(track, lr: float = 0.1, momentum: float = 0.9, optimizer: str = "adam"):
    "Train something small."
    for step in range(20):
        track("loss", 1.0 / (step + 1), step=step)
    return {"accuracy": 0.5, "loss": 0.1}
"""
BEGAN = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def run_one(folder: Path) -> Path:
    """The archive of one run that was really run."""
    import expt

    source = folder / "experiments" / "train.py"
    source.parent.mkdir(parents=True)
    source.write_text(SOURCE)
    (folder / "expt.toml").write_text("")
    before = Path.cwd()
    os.chdir(folder)
    try:
        (run,) = expt.run("experiments", render=False)
    finally:
        os.chdir(before)
    return Path(run.path)


def make_archives(root: Path, count: int, *, whole: bool = True, seed: int = 0) -> None:
    """`count` archives below `root`; where not `whole`, each is its `run.json` alone."""
    rng = random.Random(seed)  # noqa: S311 - the same archives each time
    with tempfile.TemporaryDirectory() as folder:
        model = run_one(Path(folder))
        record = read_record(model)
        for number in range(count):
            run_id = "".join(rng.choices("abcdefghijklmnopqrstuvwxyz234567", k=10))
            began = BEGAN + dt.timedelta(minutes=number)
            lr = 10 ** rng.uniform(-4, 0)
            accuracy = rng.random()
            place = root / "train" / "experiment_train" / f"{began:%Y-%m-%d_%H-%M-%S}_{run_id}"
            if whole:
                shutil.copytree(model, place)
            else:
                place.mkdir(parents=True)
            params = {
                "lr": lr,
                "momentum": rng.choice([0.0, 0.9, 0.99]),
                "optimizer": rng.choice(["adam", "sgd"]),
                "seed": number,
            }
            series = {"loss": {**record.series["loss"], "last": rng.random(), "min": 0.01}}
            write_record(
                place,
                evolve(
                    record,
                    id=run_id,
                    case=f"lr-{lr:.6g}",
                    started=began.isoformat(),
                    finished=(began + dt.timedelta(seconds=3)).isoformat(),
                    params=params,
                    results={"accuracy": accuracy, "loss": 1 - accuracy},
                    series=series,
                    tags=("tuned",) if number % 10 == 0 else (),
                ),
            )


if __name__ == "__main__":
    make_archives(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 10_000)
