"""A run's record tells the memory and the processor time that it took."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from expt.testing import Sandbox

MEGABYTE = 1 << 20


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the mark cannot be set back")
def test_each_run_of_a_worker_tells_its_own_peak_and_processor_time(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/first.py": """
                import time

                def experiment_a_large():
                    held = bytearray(100 << 20)
                    end = time.process_time() + 0.2
                    while time.process_time() < end:
                        pass

                def experiment_b_small():
                    pass
            """
        }
    )
    assert sandbox.expt("experiments").exit_code == 0
    large, small = (sandbox.run(f"first.py::experiment_{name}") for name in ("a_large", "b_small"))
    assert large.usage["peak_memory"] > small.usage["peak_memory"] + 70 * MEGABYTE
    assert large.usage["cpu_time"] >= 0.2 > small.usage["cpu_time"]
    assert "of CPU" in sandbox.expt("show", large.id).stdout


CUDA = """
import types

held = []
cuda = types.SimpleNamespace(
    is_initialized=lambda: bool(held),
    device_count=lambda: 2,
    reset_peak_memory_stats=lambda device: held.__setitem__(device, 1),
    max_memory_allocated=lambda device: held[device],
)
"""


def test_a_run_that_uses_gpus_tells_the_peak_that_torch_knows(sandbox: Sandbox) -> None:
    """Of all of them, and of this run alone; nothing where torch has touched none."""
    sandbox.write(
        {
            "torch.py": CUDA,
            "experiments/first.py": """
                import torch

                def experiment_a_without():
                    pass

                def experiment_b_large():
                    torch.held[:] = [3_000_000_000, 1_000_000_000]

                def experiment_c_small():
                    torch.held[1] = 5
            """,
        }
    )
    assert sandbox.expt("experiments").exit_code == 0
    names = ("a_without", "b_large", "c_small")
    runs = [sandbox.run(f"first.py::experiment_{name}") for name in names]
    assert [run.usage.get("peak_gpu_memory") for run in runs] == [None, 4_000_000_000, 6]
    assert ", 4.0 GB of GPU, " in sandbox.expt("show", runs[1].id).stdout


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the mark cannot be set back")
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_run_whose_worker_died_tells_what_it_took(sandbox: Sandbox, method: str) -> None:
    """The run before it, in the same worker, took more."""
    sandbox.write(
        {
            "experiments/first.py": """
                import os, time

                def work(seconds):
                    end = time.process_time() + seconds
                    while time.process_time() < end:
                        pass

                def experiment_a_before():
                    held = bytearray(150 << 20)
                    work(0.25)

                def experiment_b_dies(track):
                    held = bytearray(60 << 20)
                    work(0.05)
                    os.kill(os.getpid(), 9)
            """
        }
    )
    sandbox.environ["EXPT_START_METHOD"] = method
    assert sandbox.expt("experiments").exit_code == 1
    before, died = (sandbox.run(f"first.py::experiment_{n}") for n in ("a_before", "b_dies"))
    assert died.record.error is not None
    assert died.record.error.type == "WorkerDied"
    assert 0.05 <= died.usage["cpu_time"] < before.usage["cpu_time"]
    assert 60 * MEGABYTE < died.usage["peak_memory"] < before.usage["peak_memory"]
