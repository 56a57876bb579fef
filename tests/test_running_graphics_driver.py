"""A GPU that a run has lost is told, and no later run suffers for it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from expt.testing import Sandbox

DRIVER = """
static int lost = 0, failing = 0;
int cuDeviceGetCount(int *count) { *count = 1; return 0; }
int cuDevicePrimaryCtxGetState(int d, unsigned *flags, int *active) { *active = 1; return 0; }
int cuDevicePrimaryCtxRetain(void **context, int d) { return 0; }
int cuDevicePrimaryCtxRelease_v2(int d) { return 0; }
int cuCtxPushCurrent_v2(void *context) { return 0; }
int cuCtxPopCurrent_v2(void **context) { return 0; }
int cuStreamQuery(void *stream) { return lost ? lost : 600; }
int cuCtxSynchronize(void) { if (failing) lost = 710; return lost; }
int cuGetErrorName(int code, const char **name) {
    *name = code == 710 ? "CUDA_ERROR_ASSERT" : "CUDA_ERROR_ILLEGAL_ADDRESS"; return 0;
}
void begin_failing(void) { failing = 1; }
void fail(void) { lost = 700; }
"""
"""What a driver does of which a kernel has failed, at once or when it is waited for."""


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library in the place of NVIDIA's."""
    compiler = shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("needs a C compiler, and Linux")
    folder = tmp_path_factory.mktemp("driver")
    (folder / "driver.c").write_text(DRIVER)
    library = folder / "libcuda.so.1"
    words = ["-shared", "-fPIC", "-Wl,-soname,libcuda.so.1", "-o", str(library)]
    subprocess.run([compiler, *words, str(folder / "driver.c")], check=True, timeout=60)
    return library


def run_cases(sandbox: Sandbox, driver: Path, *words: str) -> list[tuple[str, str]]:
    """Status and error of three cases, of which the second calls `words[0]` of the driver."""
    call, *options = words
    sandbox.write(
        {
            "experiments/a.py": f"""
            import ctypes, os
            from expt.running import graphics_driver
            graphics_driver.DEVICE_FILES = (__file__,)
            CUDA = ctypes.CDLL({str(driver)!r})

            def experiment_a(a: int):
                if a == 2:
                    CUDA.{call}()
                    if {call == "fail"}:
                        raise RuntimeError("CUDA error: an illegal memory access")
                if CUDA.cuStreamQuery(None) == 700:
                    raise RuntimeError("CUDA error of another run")
                return {{"pid": os.getpid()}}
            """
        }
    )
    sandbox.expt("--sweep", "a=1,2,3", *options)
    runs = sorted(sandbox.runs(), key=lambda run: run.started)
    return [(run.status, run.error.message if run.error else "") for run in runs]


def test_the_run_after_one_that_lost_the_gpu_has_a_process_of_its_own(
    sandbox: Sandbox, driver: Path
) -> None:
    told = ("failed", "CUDA error: an illegal memory access")
    assert run_cases(sandbox, driver, "fail") == [("completed", ""), told, ("completed", "")]
    (failed,) = [run for run in sandbox.runs() if run.status == "failed"]
    assert failed.notices == (
        "the GPU is lost to this process (CUDA_ERROR_ILLEGAL_ADDRESS); the next run gets a new "
        "worker, except with '-n 0'",
    )


def test_in_one_process_what_follows_fails_and_is_told_why(sandbox: Sandbox, driver: Path) -> None:
    _, _, last = run_cases(sandbox, driver, "fail", "-n", "0")
    assert last == ("failed", "CUDA error of another run")


def test_a_run_whose_kernels_fail_after_its_last_line_has_failed(
    sandbox: Sandbox, driver: Path
) -> None:
    first, second, third = run_cases(sandbox, driver, "begin_failing")
    assert (first, third) == (("completed", ""), ("completed", ""))
    assert second == (
        "failed",
        "CUDA_ERROR_ASSERT, in a kernel that nothing waited for; with CUDA_LAUNCH_BLOCKING=1 the "
        "line that began it fails",
    )
