"""What a case costs at an engine, beside the engine's own empty task and beside our workers.

    expt experiments/benchmarks/engines.py

Tiny cases, one after the other, on a worker that is warm. `case_ms` is the median time from the
beginning of one run to that of the next, read from the archives; `task_ms` that of a task that
strips a name. Both are taken in the same run.
"""

from __future__ import annotations

import itertools
import statistics
import subprocess
import sys
import time
from os.path import basename
from typing import TYPE_CHECKING, Final

import expt
from expt.executors.engines import find_engine

if TYPE_CHECKING:
    from pathlib import Path

TINY: Final = "def experiment_tiny(x: int):\n    return x\n"
SETTINGS: Final = {
    "executors": {
        "executorlib": {
            "factory": "executorlib:SingleNodeExecutor",
            "max_workers": 1,
            "block_allocation": True,
        },
        "dask": {"workers": 1},
        "ray": {"workers": 1},
    }
}
CONFIGURATION: Final = """
[executors.executorlib]
factory = "executorlib:SingleNodeExecutor"
max_workers = 1
block_allocation = true
[executors.dask]
workers = 1
[executors.ray]
workers = 1
"""


@expt.sweep(
    executor=[
        "workers",
        "concurrent.futures:ProcessPoolExecutor",
        "loky:get_reusable_executor",
        "executorlib",
        "dask",
        "ray",
    ]
)
def experiment_a_case(tmp_path: Path, executor: str, cases: int = 200):
    """Milliseconds of a tiny case and of an empty task."""
    case = time_cases(tmp_path, executor, cases)
    if executor == "workers":
        return {"case_ms": case}
    task = time_tasks(tmp_path, executor, cases)
    return {"case_ms": case, "task_ms": task, "more_ms": case - task}


def time_cases(folder: Path, executor: str, cases: int) -> float:
    """The median milliseconds between the beginnings of two runs."""
    (folder / "experiments").mkdir()
    (folder / "experiments" / "tiny.py").write_text(TINY)
    (folder / "expt.toml").write_text(CONFIGURATION)
    words = ["--executor", executor, "-n", "1", "--no-render", "-q"]
    sweep = f"x={{range=[0,{cases},1]}}"
    command = [sys.executable, "-m", "expt", *words, "--sweep", sweep]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    starts = sorted(run.started.timestamp() for run in expt.runs(folder / "runs"))
    return 1e3 * statistics.median(after - before for before, after in itertools.pairwise(starts))


def time_tasks(folder: Path, executor: str, tasks: int) -> float:
    """The median milliseconds of an empty task, the engine's own."""
    engine = find_engine(executor, SETTINGS, folder, 1)
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
