"""Launchers that start one command many times: rank 0 alone archives.

torchrun, mpirun, srun   recognised by the set of variables that each of them gives
EXPT_RANK                says it for any other
"""

from __future__ import annotations

import atexit
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from expt.ground.value_classes import evolve, frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from expt.ground.options import Options

VARIABLE: Final = "EXPT_RANK"

_LAUNCHERS: Final = {
    "torchrun": ("RANK", ("WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "TORCHELASTIC_RUN_ID")),
    "mpirun": ("OMPI_COMM_WORLD_RANK", ("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK")),
    "srun": ("SLURM_PROCID", ("SLURM_STEP_NUM_TASKS", "SLURM_STEP_ID", "SLURM_LOCALID")),
}
"""The variable of the rank, and those beside it, the number of processes first."""


@frozen
class Rank:
    """Which of the processes of a launcher this one is."""

    number: int
    launcher: str

    def __str__(self) -> str:
        if self.number == 0:
            return f"rank 0 of {self.launcher}: this process archives, the others do not"
        return f"rank {self.number} of {self.launcher}: nothing of this process is archived"


def find_rank(environ: Mapping[str, str]) -> Rank | None:
    """The rank of this process; None where no launcher has started several."""
    if environ.get(VARIABLE, "").isdecimal():
        return Rank(int(environ[VARIABLE]), VARIABLE)
    for launcher, (name, beside) in _LAUNCHERS.items():
        told = all(environ.get(other) for other in beside)
        size = environ.get(beside[0], "")
        if told and environ.get(name, "").isdecimal() and size.isdecimal() and int(size) > 1:
            return Rank(int(environ[name]), launcher)
    return None


def archived_by_rank(options: Options) -> Options:
    """Options whose archives go nowhere, where this process is of another rank than 0.

    They go to a temporary folder that is deleted when this process ends; what is read is read
    where it always is.
    """
    rank = find_rank(os.environ)
    if rank is None or rank.number == 0:
        return options
    import shutil  # slow, as is the other, and few are launched
    import tempfile

    nowhere = Path(tempfile.mkdtemp(prefix="expt-rank-"))
    atexit.register(shutil.rmtree, nowhere, ignore_errors=True)
    keeping = evolve(options.keeping, render=False)
    return evolve(options, keeping=keeping, nowhere=nowhere)
