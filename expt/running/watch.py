"""`--watch SECONDS`: what a run takes of the machine, over time, as series of the run.

    thread of the run's process ─ every SECONDS ─► expt/memory   bytes of it and its descendants
                                                   expt/cpu      processors that they keep busy
    nvidia-smi, where it is ─ ─ ─ ─ a line each ─► expt/gpu0/memory, expt/gpu0/load

Steps are seconds since the run began. A sample is in its file when it is taken, as whatever is
tracked: a worker that dies leaves those before. A sample takes some tenths of a millisecond; where
one takes longer (a thousand descendants) the next one waits for it, so that watching never takes
more than a fiftieth of one processor.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from expt.ground.layout import OWN_SERIES
from expt.ground.processes import PROC, start_apart, stat_of

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from expt.tracking.recorder import Recorder

MEMORY: Final = f"{OWN_SERIES}memory"
CPU: Final = f"{OWN_SERIES}cpu"
_SHARE: Final = 50  # a sample that takes a second is followed by fifty without one
_TOOL: Final = "nvidia-smi"
_MIB: Final = 1 << 20
_SHORTEST: Final = 0.05  # seconds over which processors are counted: the system counts in ticks
_PATIENCE: Final = 5.0  # seconds for a thread or a tool to end


class Sample(NamedTuple):
    """Of a process and its descendants: bytes in memory now, seconds of processors so far."""

    memory: int | None
    cpu: float


class Watch:
    """Samples from `start` to `stop`, into the series of one run."""

    def __init__(self, recorder: Recorder, seconds: float) -> None:
        self._recorder = recorder
        self._seconds = seconds
        self._ended = threading.Event()
        self._threads: list[threading.Thread] = []
        self._tool: subprocess.Popen[str] | None = None
        self._began = time.monotonic()
        self._recording = threading.Lock()

    def start(self) -> None:
        """Begin. What cannot be measured here is left out.

        Raises `RuntimeError` where the system gives no thread.
        """
        self._begin(self._sample_processes)
        self._tool = start_tool(self._seconds, os.environ)
        if self._tool is not None:
            self._begin(self._read_tool)

    def go_on_at(self, step: float) -> None:
        """The run goes on from another one, which had been watched until this step.

        What has a step by its own beginning is recorded by now: what is carried over replaces it.
        """
        with self._recording:
            self._began = min(self._began, time.monotonic() - step)

    def stop(self) -> None:
        """Take the last sample; nothing is recorded any more."""
        self._ended.set()
        if self._tool is not None:
            self._tool.terminate()
        for thread in self._threads:
            thread.join(_PATIENCE)
        if self._tool is not None:
            import subprocess  # loaded by who started it

            with contextlib.suppress(subprocess.TimeoutExpired):
                self._tool.wait(_PATIENCE)

    def _begin(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, name="expt --watch", daemon=True)
        thread.start()
        self._threads.append(thread)

    def _sample_processes(self) -> None:
        before, previous = self._began, take_sample(os.getpid())
        is_first, is_last, spent = True, False, 0.0
        with contextlib.suppress(RuntimeError, OSError):  # the run has ended, or its disk is full
            while not is_last:
                is_last = self._ended.wait(max(self._seconds, _SHARE * spent))
                began = time.thread_time()  # not what others took meanwhile
                now, sample = time.monotonic(), take_sample(os.getpid())
                if is_first or now - before >= _SHORTEST:
                    busy = max(0.0, sample.cpu - previous.cpu) / max(now - before, 1e-6)
                    self._record(CPU, round(busy, 3), "processors")
                if sample.memory is not None:
                    self._record(MEMORY, sample.memory, "bytes")
                before, previous, is_first = now, sample, False
                spent = time.thread_time() - began

    def _read_tool(self) -> None:
        assert self._tool is not None and self._tool.stdout is not None  # noqa: S101
        with contextlib.suppress(RuntimeError, OSError, ValueError), self._tool.stdout as lines:
            for line in lines:
                for name, value, unit in read_line(line):
                    self._record(name, value, unit)

    def _record(self, name: str, value: float, unit: str) -> None:
        with self._recording:
            step = round(time.monotonic() - self._began, 3)
            self._recorder.measure(name, value, step=step, unit=unit)


# Processes


def take_sample(pid: int) -> Sample:
    """What a process and its living descendants take; the ended ones count for their time."""
    times = os.times()
    cpu = time.process_time() + times.children_user + times.children_system
    memory = _memory_of(pid)
    for child in descendants(pid):
        memory = None if memory is None else memory + (_memory_of(child) or 0)
        cpu += _cpu_of(child)
    return Sample(memory, cpu)


def descendants(pid: int) -> Iterator[int]:
    """The processes below one, as far as the system tells: Linux does."""
    pending = [pid]
    while pending:
        tasks = PROC / str(pending.pop()) / "task"
        with contextlib.suppress(OSError):
            for task in os.listdir(tasks):
                with contextlib.suppress(OSError):
                    children = [*map(int, (tasks / task / "children").read_text().split())]
                    yield from children
                    pending += children


def _memory_of(pid: int) -> int | None:
    try:
        pages = int((PROC / str(pid) / "statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def _cpu_of(pid: int) -> float:
    """Seconds of a process and of those below it that it has waited for."""
    try:
        ticks = map(int, stat_of(pid)[11:15])
    except (OSError, ValueError):
        return 0.0
    return sum(ticks) / os.sysconf("SC_CLK_TCK")


# Devices


def start_tool(seconds: float, environ: Mapping[str, str]) -> subprocess.Popen[str] | None:
    """The driver's tool, which tells of the devices of this process again and again."""
    command = shutil.which(_TOOL, path=environ.get("PATH"))
    if command is None:
        return None
    words = [
        command,
        "--query-gpu=index,memory.used,utilization.gpu",
        "--format=csv,noheader,nounits",
        f"--loop-ms={max(round(seconds * 1000), 100)}",
    ]
    own = environ.get("CUDA_VISIBLE_DEVICES")
    if own is not None:
        if not own.strip("- "):
            return None
        words.append(f"--id={own}")
    try:
        return start_apart(words)  # a Ctrl-C is the run's
    except OSError:
        return None


def read_line(line: str) -> Iterable[tuple[str, float, str]]:
    """Names, values and units in a line of the tool, `0, 1024, 37`: of what it is not silent on."""
    index, *fields = (word.strip() for word in line.split(","))
    for word, name, scale, unit in zip(
        fields, ("memory", "load"), (_MIB, 0.01), ("bytes", ""), strict=False
    ):
        if index.isdecimal() and word.isdecimal():
            value = int(word) * scale
            yield f"{OWN_SERIES}gpu{index}/{name}", value, unit
