"""Launchers that start one command many times: rank 0 alone archives.

torchrun, mpirun, srun   recognised by the set of variables that each of them gives
EXPT_RANK                says it for any other

Seeds that nobody gives are drawn from what a launcher tells all of its processes alike.
"""

from __future__ import annotations

import atexit
import functools
import itertools
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from expt.ground.outer_run import find_outer_run
from expt.ground.processes import PROC, start_of, stat_of
from expt.ground.value_classes import evolve, frozen

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from expt.ground.options import Options

RANK_VARIABLE: Final = "EXPT_RANK"

_LAUNCHERS: Final = {
    "torchrun": ("RANK", ("WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "TORCHELASTIC_RUN_ID")),
    "mpirun": ("OMPI_COMM_WORLD_RANK", ("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK")),
    "srun": ("SLURM_PROCID", ("SLURM_STEP_NUM_TASKS", "SLURM_STEP_ID", "SLURM_LOCALID")),
}
"""The variable of the rank, and those beside it, the number of processes first."""

_LAUNCHES: Final = {
    "torchrun": (
        *("TORCHELASTIC_RUN_ID", "MASTER_ADDR", "MASTER_PORT"),
        "TORCHELASTIC_RESTART_COUNT",
    ),
    "mpirun": ("PMIX_NAMESPACE", "OMPI_MCA_ess_base_jobid", "OMPI_MCA_orte_ess_jobid"),
    "srun": ("SLURM_JOB_ID", "SLURM_STEP_ID"),
}
"""What a launcher tells all of its processes alike, and differs between two launches."""


@frozen
class Launched:
    """Which of the processes of a launcher this one is."""

    number: int
    launcher: str

    def __str__(self) -> str:
        if self.number == 0:
            return f"rank 0 of {self.launcher}: this process archives, the others do not"
        return f"rank {self.number} of {self.launcher}: nothing of this process is archived"


def find_rank(environ: Mapping[str, str]) -> Launched | None:
    """The rank of this process; None where no launcher has started several."""
    if environ.get(RANK_VARIABLE, "").isdecimal():
        return Launched(int(environ[RANK_VARIABLE]), RANK_VARIABLE)
    for launcher, (name, beside) in _LAUNCHERS.items():
        if not all(environ.get(other) for other in beside):
            continue
        size = environ[beside[0]]
        if environ.get(name, "").isdecimal() and size.isdecimal() and int(size) > 1:
            return Launched(int(environ[name]), launcher)
    return None


def find_launch(environ: Mapping[str, str]) -> str | None:
    """A text that is the same in all processes of one launch; None where they are told none.

    `torchrun` on one machine may tell each launch the same: there its own process is a part.
    """
    rank = find_rank(environ)
    if rank is None or rank.launcher == RANK_VARIABLE:
        return None
    told = [environ.get(name, "") for name in _LAUNCHES[rank.launcher]]
    if not any(told):
        return None
    if rank.launcher == "torchrun" and environ.get("LOCAL_WORLD_SIZE") == environ["WORLD_SIZE"]:
        told.append(_process_above(b"TORCHELASTIC_RUN_ID="))
    return " ".join(told)


def _process_above(variable: bytes) -> str:
    """The nearest process above this one that was not given a variable: its id and start."""
    pid = os.getpid()
    try:
        while variable in (PROC / str(pid) / "environ").read_bytes():
            pid = int(stat_of(pid)[1])
    except (OSError, ValueError):
        return ""
    return f"{pid} {start_of(pid)}"


@functools.cache
def _sessions() -> Iterator[int]:
    """The numbers of the sessions of this process: each draws for itself."""
    return itertools.count()


def archived_by_rank(options: Options) -> Options:
    """Options for the rank of this process, where a launcher has started several.

    Seeds are drawn alike in all of them. The archives of another rank than 0 go nowhere: to a
    temporary folder that is deleted when this process ends; what is read is read where it always
    is.
    """
    rank = find_rank(os.environ)
    if rank is None:
        return options
    outer = find_outer_run()
    launch = find_launch(os.environ) if outer is None else outer.launch
    if launch is not None:
        options = evolve(options, launch=f"{launch} {next(_sessions())}")
    if rank.number == 0:
        return options
    import shutil  # slow, as is the other, and few are launched
    import tempfile

    nowhere = Path(tempfile.mkdtemp(prefix="expt-rank-"))
    atexit.register(shutil.rmtree, nowhere, ignore_errors=True)
    keeping = evolve(options.keeping, render=False)
    return evolve(options, keeping=keeping, nowhere=nowhere)
