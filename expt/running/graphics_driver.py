"""Whether this process may still use its GPU: asked of the driver, whichever library works there.

A kernel that reads beyond its memory, or whose assertion fails, costs its process the GPU: every
call from then on fails, in later runs too. A library tells of it at some later call; the driver at
once. It is asked only where a library has loaded it, by the interface of
https://docs.nvidia.com/cuda/cuda-driver-api.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

DEVICE_FILES: tuple[str, ...] = ("/dev/nvidiactl", "/dev/dxg", "/dev/nvmap")
"""One of them is where there is such a GPU; looking for the library takes ten times as long."""

_LIBRARY: Final = "libcuda.so.1"
_LOST: Final = (214, *range(700, 800))  # a broken memory, and what a kernel may die of


class KernelFailed(RuntimeError):
    """Something that a run had begun on a GPU has failed, and no call of it told so."""


def finish_kernels() -> None:
    """Wait for all that was begun on a GPU. Raises `KernelFailed`."""
    if why := next(_lost_contexts(wait=True), ""):
        hint = "with CUDA_LAUNCH_BLOCKING=1 the line that began it fails"
        raise KernelFailed(f"{why}, in a kernel that nothing waited for; {hint}")


def why_lost() -> str:
    """The error that keeps this process from its GPU, `CUDA_ERROR_ASSERT`; else an empty text."""
    return next(_lost_contexts(wait=False), "")


def _lost_contexts(wait: bool) -> Iterator[str]:
    ctypes: Any = sys.modules.get("ctypes")
    if ctypes is None or not hasattr(os, "RTLD_NOLOAD"):
        return
    if not any(map(os.path.exists, DEVICE_FILES)):
        return
    try:
        cuda = ctypes.CDLL(_LIBRARY, mode=os.RTLD_NOLOAD | os.RTLD_NOW)
    except OSError:  # nobody uses a GPU
        return
    count, flags, active = ctypes.c_int(), ctypes.c_uint(), ctypes.c_int()
    if cuda.cuDeviceGetCount(ctypes.byref(count)):
        return
    for device in range(count.value):
        cuda.cuDevicePrimaryCtxGetState(device, ctypes.byref(flags), ctypes.byref(active))
        if active.value:
            code = _ask_context(ctypes, cuda, device, wait)
            if code in _LOST:
                name = ctypes.c_char_p()
                cuda.cuGetErrorName(code, ctypes.byref(name))
                yield (name.value or b"an unknown error").decode(errors="replace")


def _ask_context(ctypes: Any, cuda: Any, device: int, wait: bool) -> int:
    """What the context of a device says of its work; with `wait` of all, else of what is over."""
    context = ctypes.c_void_p()
    if code := cuda.cuDevicePrimaryCtxRetain(ctypes.byref(context), device):
        return int(code)
    cuda.cuCtxPushCurrent_v2(context)
    code = cuda.cuCtxSynchronize() if wait else cuda.cuStreamQuery(None)
    cuda.cuCtxPopCurrent_v2(ctypes.byref(context))
    cuda.cuDevicePrimaryCtxRelease_v2(device)
    return int(code)
