"""Slurm, by submitit: cases as jobs of an array, several to a job where that is asked for.

    submit ─► gathered for a moment ─► one array ─► a job: its cases, one after the other
                                                        │ out of time, preempted: requeued, and
    result file ─► answers                              ▼ what is left goes on from its checkpoint

A job says nothing while it runs. Its answer is a file; that it ended without one is seen in
`squeue`, which every Slurm has, and not in its accounting, which many have not.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import os
import queue
import subprocess
import threading
import time
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any, Final

from expt.executors.engines.answers import Answered
from expt.ground.errors import UsageError
from expt.ground.value_classes import define, frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from concurrent.futures import Future
    from pathlib import Path

_GATHER: Final = 0.3  # seconds without another case until an array is submitted
_ARRAY: Final = 1000  # jobs of one array: Slurm's own limit is 1001 at first
_LOOK: Final = 0.5  # seconds between two looks for answers
_ASK_SOON, _ASK_LATE = 1.0, 5.0  # seconds between two questions to Slurm: most jobs fail early
_SETTLE: Final = 3.0  # seconds that a file may come later than the end of its job
_PATIENCE: Final = 30.0  # seconds for a command of Slurm's
_TIME: Final = 60  # minutes of a job, where nothing is said
_NAMES: Final = {
    "account": "slurm_account",
    "cpus": "cpus_per_task",
    "gpus": "gpus_per_node",
    "memory": "mem_gb",
    "options": "slurm_additional_parameters",
    "parallel": "slurm_array_parallelism",
    "partition": "slurm_partition",
    "qos": "slurm_qos",
    "setup": "slurm_setup",
    "time": "timeout_min",
}
"""Our settings, and what submitit calls them."""


class Batch:
    """The cases of one job; where it is requeued, those that are left."""

    def __init__(
        self, work_on: Callable[[bytes], bytes], leave: Callable[[], None], parcels: Sequence[bytes]
    ) -> None:
        self._work_on = work_on
        self._leave = leave
        self._parcels = tuple(parcels)

    def __call__(self) -> list[bytes]:
        return [self._work_on(parcel) for parcel in self._parcels]

    def checkpoint(self) -> Any:
        """What submitit submits again, when the job has to go."""
        from submitit.helpers import DelayedSubmission

        self._leave()
        return DelayedSubmission(Batch(self._work_on, self._leave, self._parcels))


@frozen(eq=False)
class _Waiting:
    """A case that is not submitted yet."""

    parcel: bytes
    future: Answered


@define(eq=False)
class _Job:
    job: Any
    cases: list[_Waiting]
    ended_at: float | None = None  # since when Slurm does not know it


class SlurmJobs(Executor):
    """Cases as jobs. `folder` is where submitit keeps what it writes, on the shared file system.

    `leave` ends what runs, on the node, before its job is requeued.
    """

    def __init__(
        self, folder: Path, settings: Mapping[str, Any], leave: Callable[[], None]
    ) -> None:
        import submitit

        self._leave = leave
        self._per_job = settings.get("cases_per_job", 1)
        self._is_local = settings.get("cluster") == "local"
        cluster = "local" if self._is_local else "slurm"
        try:
            self._submitit = submitit.AutoExecutor(folder=folder, cluster=cluster)
            told: dict[str, Any] = {"timeout_min": _TIME, "name": "expt"}
            told |= {_NAMES[key]: value for key, value in settings.items() if key in _NAMES}
            self._submitit.update_parameters(**told)
        except (RuntimeError, TypeError, NameError, ValueError) as error:
            raise UsageError(f"Slurm is not to be had here: {error}", "--executor slurm") from error
        self._folder = folder
        self._function: Callable[[bytes], bytes] | None = None
        self._waiting: queue.SimpleQueue[_Waiting | Future[list[str]]] = queue.SimpleQueue()
        self._jobs: list[_Job] = []
        self._submitted: list[str] = []
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._asked_at = self._submitted_at = 0.0
        self._thread = threading.Thread(target=self._work, name="expt-slurm", daemon=True)
        self._thread.start()

    def submit(self, function: Callable[..., Any], /, *words: Any, **named: Any) -> Future[Any]:
        """Have the case in the next array."""
        (parcel,) = words
        self._function = function
        waiting = _Waiting(parcel, Answered())
        self._waiting.put(waiting)
        return waiting.future

    def flush(self) -> list[str]:
        """Submit what is gathered; the ids of all jobs so far. Raises `UsageError`."""
        told: Future[list[str]] = concurrent.futures.Future()
        self._waiting.put(told)  # the thread may have gathered some already: it alone submits
        return told.result()

    def cancel_waiting(self) -> None:
        """Take back the jobs that have not begun."""
        if self._submitted and not self._is_local:
            arrays = sorted({job.partition("_")[0] for job in self._submitted})
            _ask_slurm("scancel", "--state=PENDING", *arrays)
            self._asked_at = 0.0

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self._closing.set()
        self._thread.join()

    # The thread

    def _work(self) -> None:
        refused: Exception | None = None
        while not self._closing.is_set():
            gathered, told = self._gather()
            if gathered:
                error = self._submit_array(gathered)
                refused = refused or error
                for waiting in gathered if error is not None else ():
                    waiting.future.set_exception(error)
            if told is not None and refused is not None:
                what = "Slurm takes no job"
                told.set_exception(UsageError(what, "--executor slurm", str(refused)))
            elif told is not None:
                told.set_result(list(self._submitted))
            with self._lock:
                jobs = list(self._jobs)
            if jobs:
                self._look(jobs)

    def _gather(self) -> tuple[list[_Waiting], Future[list[str]] | None]:
        """The cases that come one after the other, and who waits for word that they are submitted;
        none where none comes."""
        gathered: list[_Waiting] = []
        patience = _LOOK
        with contextlib.suppress(queue.Empty):
            while len(gathered) < _ARRAY * self._per_job and not self._closing.is_set():
                one = self._waiting.get(timeout=patience)
                if not isinstance(one, _Waiting):
                    return gathered, one
                gathered.append(one)
                patience = _GATHER
        return gathered, None

    def _submit_array(self, gathered: Sequence[_Waiting]) -> Exception | None:
        size = self._per_job
        batches = [list(gathered[i : i + size]) for i in range(0, len(gathered), size)]
        try:
            for first in range(0, len(batches), _ARRAY):
                some = batches[first : first + _ARRAY]
                made = [
                    Batch(self._function, self._leave, [one.parcel for one in cases])  # type: ignore[arg-type]
                    for cases in some
                ]
                with self._submitit.batch() if len(made) > 1 else contextlib.nullcontext():
                    jobs = [self._submitit.submit(batch) for batch in made]
                with self._lock:
                    self._jobs += [_Job(*pair) for pair in zip(jobs, some, strict=True)]
                    self._submitted += [job.job_id for job in jobs]
                    self._submitted_at = time.monotonic()
        except Exception as error:  # submitit's own, and those of commands that are not there
            return error
        return None

    def _look(self, jobs: Sequence[_Job]) -> None:
        """Settle the futures of jobs that have answered, and of those that are no more."""
        names = set()
        with contextlib.suppress(OSError):
            names = set(os.listdir(self._folder))
        for one in jobs:
            if one.job.paths.result_pickle.name in names:
                self._take_answers(one)
        left = [one for one in jobs if one in self._jobs]
        now = time.monotonic()
        patience = min(_ASK_LATE, max(_ASK_SOON, (now - self._submitted_at) / 4))
        if left and now - self._asked_at > patience:
            self._asked_at = now
            known = self._known_jobs(left)
            for one in left:
                self._settle(one, known is None or one.job.job_id in known)

    def _known_jobs(self, jobs: Sequence[_Job]) -> set[str] | None:
        """Those that wait or run; None where Slurm does not answer."""
        if self._is_local:
            return {one.job.job_id for one in jobs if not one.job.done()}
        told = _ask_slurm("squeue", "--noheader", "--me", "--array", "--format=%i")
        return None if told is None else set(told.split())

    def _settle(self, one: _Job, is_known: bool) -> None:
        if is_known:
            one.ended_at = None
        elif one.ended_at is None:
            one.ended_at = time.monotonic()
        if one.ended_at is None or time.monotonic() - one.ended_at < _SETTLE:
            return
        self._drop(one)
        error = RuntimeError(f"the job {one.job.job_id} of Slurm ended without an answer")
        for waiting in one.cases:
            waiting.future.set_exception(error)

    def _take_answers(self, one: _Job) -> None:
        self._drop(one)
        try:
            answers = one.job.result()
        except Exception as error:  # what submitit makes of a job that failed
            for waiting in one.cases:
                waiting.future.set_exception(RuntimeError(str(error)))
            return
        for waiting, answer in zip(one.cases, answers, strict=True):
            waiting.future.set_result(answer)

    def _drop(self, one: _Job) -> None:
        with self._lock:
            self._jobs.remove(one)


def known_arrays() -> set[str] | None:
    """The ids of this user's jobs and arrays that wait or run; None where Slurm does not say."""
    told = _ask_slurm("squeue", "--noheader", "--me", "--array", "--format=%F")
    return None if told is None else set(told.split())


def _ask_slurm(*words: str) -> str | None:
    """What a command of Slurm's says; None where it fails."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=_PATIENCE, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
