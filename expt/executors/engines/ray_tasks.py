"""Ray: a cluster at an address, or one that is started here and ends with the session."""

from __future__ import annotations

import logging
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any

from expt.executors.engines.answers import Answered
from expt.executors.engines.standard import children_ignore_interrupts
from expt.ground.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Future


class RayTasks(Executor):
    """Cases as tasks of Ray, tried once, each with the processors and devices that it holds."""

    def __init__(self, address: str | None, settings: Mapping[str, Any]) -> None:
        import ray

        self._ray = ray
        address = address or settings.get("address")
        quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
        try:
            with children_ignore_interrupts():
                if address is not None:
                    ray.init(address, **quiet)
                else:
                    ray.init(num_cpus=settings.get("workers"), include_dashboard=False, **quiet)
        except (ConnectionError, OSError, RuntimeError, ValueError) as error:
            at = address or "this machine"
            raise UsageError(f"there is no Ray cluster at {at}", f"{error}") from error
        self._needs = {
            "num_cpus": settings.get("cpus", 1),
            "num_gpus": settings.get("gpus", 0),
            "resources": settings.get("resources", {}),
            "max_retries": 0,
        }
        self._remote: dict[Callable[..., Any], Any] = {}

    def submit(self, function: Callable[..., Any], /, *words: Any, **named: Any) -> Future[Any]:
        """Begin when there is room."""
        answered = Answered()
        if function not in self._remote:  # which sends it to the cluster, once
            self._remote[function] = self._ray.remote(**self._needs)(function)
        task = self._remote[function].remote(*words, **named)
        task.future().add_done_callback(answered.take_from)
        return answered

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self._ray.shutdown()
