"""What a run took of the machine: the most memory at once, of GPUs too, and processor time.

On Linux the kernel's mark of the most memory is set back when a run begins, so that a run in a
worker that has had larger ones tells its own; elsewhere it is that of the process so far.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from typing import Any, Final

_RESET: Final = b"5"  # what `clear_refs` takes for "forget the most memory": see proc(5)
_PEAK: Final = re.compile(rb"^VmHWM:\s*(\d+) kB", re.MULTILINE)


class Meter:
    """Measures from where it is made."""

    def __init__(self) -> None:
        self._resets = _reset_peak()
        _ask_gpus("reset_peak_memory_stats")
        self.begun = _cpu_seconds()

    def read(self) -> dict[str, Any]:
        """`peak_memory` in bytes, None where the system does not tell; `cpu_time` in seconds of
        this process and of children that have ended; `peak_gpu_memory` in bytes where torch used
        GPUs, of tensors; `device` where the run had one of its own."""
        peak = (_peak_since_reset() if self._resets else None) or _peak_of_process()
        taken = {"peak_memory": peak, "cpu_time": round(_cpu_seconds() - self.begun, 6)}
        if of_gpus := _ask_gpus("max_memory_allocated"):
            taken["peak_gpu_memory"] = sum(of_gpus)
        device = os.environ.get("EXPT_DEVICE")
        return taken if device is None else {**taken, "device": device}


def _ask_gpus(question: str) -> list[Any]:
    """What `torch.cuda` answers for each GPU; nothing where it has not begun to use them."""
    cuda = getattr(sys.modules.get("torch"), "cuda", None)
    with contextlib.suppress(Exception):  # another library's code: a GPU may be lost
        if cuda is not None and cuda.is_initialized():
            return [getattr(cuda, question)(device) for device in range(cuda.device_count())]
    return []


def _cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _reset_peak() -> bool:
    try:
        descriptor = os.open("/proc/self/clear_refs", os.O_WRONLY | getattr(os, "O_CLOEXEC", 0))
    except OSError:
        return False
    try:
        os.write(descriptor, _RESET)
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)


def _peak_since_reset() -> int | None:
    try:
        descriptor = os.open("/proc/self/status", os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    except OSError:
        return None
    try:
        found = _PEAK.search(os.read(descriptor, 4096))  # it stands in the first kilobyte
    finally:
        os.close(descriptor)
    return int(found[1]) * 1024 if found else None


def _peak_of_process() -> int | None:
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak) if sys.platform == "darwin" else int(peak) * 1024
