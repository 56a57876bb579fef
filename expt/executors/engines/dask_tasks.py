"""Dask: a cluster at an address, or processes of this machine.

Every case is a task of its own (`pure=False`: two equal calls are two), tried once. A cluster that
tries again where a worker died is answered by the second node: it refuses.
"""

from __future__ import annotations

import logging
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any

from expt.executors.engines.answers import Answered
from expt.executors.engines.standard import children_ignore_interrupts
from expt.executors.limits import count_processors
from expt.ground.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Future

_PATIENCE = "20s"


class DaskTasks(Executor):
    """Cases as tasks of a Dask cluster, each with the `resources` that it holds."""

    def __init__(self, address: str | None, settings: Mapping[str, Any]) -> None:
        import dask
        from distributed import Client, LocalCluster

        logging.getLogger("distributed").setLevel(logging.CRITICAL)  # expt tells what is lost
        self._resources = settings.get("resources")
        self._cluster: Any = None
        address = address or settings.get("address")
        try:
            if address is None and "scheduler_file" not in settings:
                # what is lost is not tried again, and need not be refused
                once = dask.config.set({"distributed.scheduler.allowed-failures": 0})
                with once, children_ignore_interrupts():
                    self._cluster = LocalCluster(
                        n_workers=settings.get("workers") or count_processors(),
                        threads_per_worker=1,
                        resources=self._resources,
                        dashboard_address=None,
                    )
                self._client = Client(self._cluster)
            elif address is None:
                file = settings["scheduler_file"]
                self._client = Client(scheduler_file=file, timeout=_PATIENCE)
            else:
                self._client = Client(address, timeout=_PATIENCE)
        except (OSError, TimeoutError, ValueError) as error:
            at = address or settings.get("scheduler_file") or "this machine"
            raise UsageError(f"there is no Dask cluster at {at}", f"{error}") from error

    def submit(self, function: Callable[..., Any], /, *words: Any, **named: Any) -> Future[Any]:
        """Begin when there is room."""
        answered = Answered()
        task = self._client.submit(
            function, *words, pure=False, retries=0, resources=self._resources, **named
        )
        task.add_done_callback(answered.take_from)
        return answered

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self._client.close()
        if self._cluster is not None:
            self._cluster.close()
