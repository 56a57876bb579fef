"""What one `track` costs, against the least that could be done and against what else there is."""

from __future__ import annotations

import gc
import itertools
import logging
import mmap
import struct
import time
from importlib.util import find_spec

import numpy as np

TEN_CALLS, ONE_CALL = "ten calls", "one call of ten"
RECORD = struct.Struct("<qddII")


class Naive:
    """A mapped file and a dict of names: nothing is checked, nothing is safe, nothing grows."""

    def __init__(self, path, records):
        with path.open("wb+") as file:
            file.truncate(records * RECORD.size)
            self.map = mmap.mmap(file.fileno(), 0)
        self.names = {}
        self.place = 0

    def track(self, name, value, step=None):
        number = self.names.get(name)
        if number is None:
            number = self.names[name] = len(self.names) + 1
        if step is None:
            step = self.place
        RECORD.pack_into(self.map, self.place, step, time.time(), value, 0, number)
        self.place += RECORD.size


def start_pycomex(folder):
    from pycomex.functional.experiment import Experiment

    module = {"__name__": "bench", "__file__": __file__, "__doc__": ""}
    return Experiment(base_path=str(folder), namespace="bench", glob=module).track


def start_sacred(_folder):
    from sacred import Experiment

    logging.getLogger("bench").setLevel(logging.ERROR)
    experiment = Experiment("bench", save_git_info=False)
    experiment.main(lambda: None)
    return experiment.run().log_scalar


def start_tensorboard(folder):
    from tensorboardX import SummaryWriter

    return SummaryWriter(str(folder)).add_scalar


def start_wandb(folder):
    import wandb

    settings = wandb.Settings(silent=True, console="off")
    run = wandb.init(dir=str(folder), mode="offline", settings=settings)
    return lambda name, value: run.log({name: value})


PEERS = {
    "pycomex": start_pycomex,
    "sacred": start_sacred,
    "tensorboardX": start_tensorboard,
    "wandb": start_wandb,
}


def forms(track, naive):
    """One way to track a value a line: what it is called, and a function that does it."""
    single, double = np.float32(0.5), np.float64(0.5)
    ten = {f"m{number}": 0.5 for number in range(10)}
    names = list(ten)
    return {
        "nothing": lambda: None,
        "naive": lambda: naive("loss", 0.5),
        "float": lambda: track("float", 0.5),
        "float at a step": lambda: track("at a step", 0.5, step=7),
        "int": lambda: track("int", 7),
        "numpy float64": lambda: track("float64", double),
        "numpy float32": lambda: track("float32", single),
        TEN_CALLS: lambda: [track(name, 0.5) for name in names],
        ONE_CALL: lambda: track(**ten),
    }


def seconds_a_call(call, calls):
    """Of `call`, the loop round it included."""
    loop = itertools.repeat(None, calls)
    before = time.perf_counter()
    for _ in loop:
        call()
    return (time.perf_counter() - before) / calls


def experiment_track_cost(
    track, log, place, calls: int = 500, rounds: int = 30, peers: bool = True
):
    """Cost of tracking one value, as ratios to a naive mapped file in the same run."""
    naive = Naive(place / "naive.bin", calls * (rounds + 1)).track
    contestants = forms(track, naive)
    for name, start in PEERS.items() if peers else ():
        if find_spec(name) is None:
            log.info("%s is not installed", name)
            continue
        write = start(place / name)
        contestants[name] = lambda write=write: write("loss", 0.5)

    for call in contestants.values():
        call()
    best = dict.fromkeys(contestants, float("inf"))
    gc.disable()
    try:
        for _ in range(rounds):
            for name, call in contestants.items():
                few = calls // 10 if name in {*PEERS, TEN_CALLS, ONE_CALL} else calls
                best[name] = min(best[name], seconds_a_call(call, few))
    finally:
        gc.enable()

    loop = best.pop("nothing")
    cost = {name: seconds - loop for name, seconds in best.items()}
    rows = [
        {"way": name, "microseconds": seconds * 1e6, "ratio": seconds / cost["naive"]}
        for name, seconds in cost.items()
    ]
    track.table("cost", rows)
    for row in rows:
        log.info("%-16s %8.3f µs  %8.2f × naive", row["way"], row["microseconds"], row["ratio"])
    ratios = {row["way"]: row["ratio"] for row in rows if row["way"] != "naive"}
    ratios["one call, against ten"] = ratios.pop(ONE_CALL) / ratios.pop(TEN_CALLS)
    return ratios
