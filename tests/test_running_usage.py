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
                    held = bytearray(200 << 20)
                    end = time.process_time() + 0.3
                    while time.process_time() < end:
                        pass

                def experiment_b_small():
                    pass
            """
        }
    )
    assert sandbox.expt("experiments").exit_code == 0
    large, small = (sandbox.run(f"first.py::experiment_{name}") for name in ("a_large", "b_small"))
    assert large.usage["peak_memory"] > small.usage["peak_memory"] + 150 * MEGABYTE
    assert large.usage["cpu_time"] >= 0.3 > small.usage["cpu_time"]
    assert "of CPU" in sandbox.expt("show", large.id).stdout
