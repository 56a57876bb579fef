"""What a case costs at an engine, beside the engine's own empty task and beside our workers.

    expt experiments/benchmarks/engines.py

Tiny cases, on a worker that is warm, while the next one waits at the engine. `case_ms` is the
median time from the beginning of one run to that of the next, read from the archives, and
`here_ms` the same with our own workers; `task_ms` is that of a task of the engine that strips a
name. What handing over costs beside both is `more_ms`. All are taken in the same run.
"""

from __future__ import annotations

import itertools
import statistics
import subprocess
import sys
import time
import tomllib
from importlib.util import find_spec
from os.path import basename
from typing import TYPE_CHECKING, Final

import expt
from expt.executors.engines.spelling import find_engine

if TYPE_CHECKING:
    from pathlib import Path

TINY: Final = "def experiment_tiny(x: int):\n    return x\n"
CONFIGURATION: Final = """
[executors.pool]
factory = "concurrent.futures:ProcessPoolExecutor"
max_workers = 1
at_once = 2
[executors.loky]
factory = "loky:get_reusable_executor"
max_workers = 1
at_once = 2
[executors.executorlib]
factory = "executorlib:SingleNodeExecutor"
max_workers = 1
block_allocation = true
at_once = 2
[executors.dask]
workers = 1
at_once = 2
[executors.ray]
workers = 1
at_once = 2
"""


@expt.sweep(executor=["pool", "loky", "executorlib", "dask", "ray"])
def experiment_a_case(place: Path, executor: str, cases: int = 200):
    """Milliseconds of a tiny case and of an empty task."""
    package = {"pool": "concurrent", "dask": "distributed"}.get(executor, executor)
    if find_spec(package) is None:
        expt.skip(f"'{package}' is not installed")
    here = time_cases(place / "here", "workers", cases)
    case = time_cases(place / "there", executor, cases)
    task = time_tasks(place, executor, cases)
    return {"case_ms": case, "here_ms": here, "task_ms": task, "more_ms": case - here - task}


def time_cases(folder: Path, executor: str, cases: int) -> float:
    """The median milliseconds between the beginnings of two runs."""
    (folder / "experiments").mkdir(parents=True)
    (folder / "experiments" / "tiny.py").write_text(TINY)
    (folder / "expt.toml").write_text(CONFIGURATION)
    words = ["--executor", executor, "--no-render", "-q"]
    sweep = f"x={{range=[0,{cases},1]}}"
    command = [sys.executable, "-m", "expt", *words, "--sweep", sweep]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    starts = sorted(run.started.timestamp() for run in expt.runs(folder / "runs"))
    return 1e3 * statistics.median(after - before for before, after in itertools.pairwise(starts))


def time_tasks(folder: Path, executor: str, tasks: int) -> float:
    """The median milliseconds of an empty task, the engine's own."""
    engine = find_engine(executor, tomllib.loads(CONFIGURATION), folder)
    made = engine.make(folder, lambda: None)
    try:
        for _ in range(5):
            made.submit(basename, "x").result()
        took = []
        for _ in range(tasks):
            began = time.perf_counter()
            made.submit(basename, "x").result()
            took.append(time.perf_counter() - began)
    finally:
        made.shutdown()
    return 1e3 * statistics.median(took)
