"""What a worker may take: how much time for a request, how many threads, which device."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from expt.ground.messages import PlanRequest, SessionAnalysisRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from expt.ground.messages import Request

FIRST: Final = "OMP_NUM_THREADS"  # the others follow it, where they are not set themselves
THREADS: Final = (
    *(FIRST, "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS"),
    *("VECLIB_MAXIMUM_THREADS", "NUMBA_NUM_THREADS"),
)


def time_limit(
    request: Request, timeout: float | None, plan_timeout: float | None
) -> tuple[float | None, str]:
    """Seconds that a request may take, and how it is told; a run's time begins with its archive."""
    if isinstance(request, PlanRequest):
        return plan_timeout, f"--plan-timeout {plan_timeout or 0.0:g}"
    limit = timeout if isinstance(request, SessionAnalysisRequest) else None
    return limit, f"--timeout {timeout or 0.0:g}"


def count_processors() -> int:
    """How many processors this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def thread_limits(workers: int, environ: Mapping[str, str]) -> dict[str, str]:
    """Variables that divide the processors among workers; those that are set stay as they are."""
    if workers < 2 or FIRST in environ:
        return {}
    share = str(max(1, count_processors() // workers))
    return {name: share for name in THREADS if name not in environ}


def device_variables(device: str) -> dict[str, str]:
    """Variables that show a worker one device alone."""
    return {"CUDA_VISIBLE_DEVICES": device, "EXPT_DEVICE": device}
