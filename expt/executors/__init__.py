"""Where and when requests are worked on: in worker processes, or here."""

from expt.executors.death import Death
from expt.executors.inline import InlineExecutor
from expt.executors.limits import count_processors, device_variables, thread_limits
from expt.executors.starting import ForkStarter, SpawnStarter, Starter, make_starter
from expt.executors.wire import Connection, raised
from expt.executors.workers import AHEAD, CLOSE, ExecutorBroken, WorkerExecutor

__all__ = [
    "AHEAD",
    "CLOSE",
    "Connection",
    "Death",
    "ExecutorBroken",
    "ForkStarter",
    "InlineExecutor",
    "SpawnStarter",
    "Starter",
    "WorkerExecutor",
    "count_processors",
    "device_variables",
    "make_starter",
    "raised",
    "thread_limits",
]
