"""One command started many times by a launcher: rank 0 alone archives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from expt.ground.launchers import Rank, find_rank

if TYPE_CHECKING:
    from expt.testing import Sandbox

TORCHRUN = {
    "WORLD_SIZE": "2",
    "LOCAL_RANK": "1",
    "MASTER_ADDR": "127.0.0.1",
    "TORCHELASTIC_RUN_ID": "none",
}
SRUN = {"SLURM_STEP_NUM_TASKS": "4", "SLURM_STEP_ID": "0", "SLURM_LOCALID": "1"}


@pytest.mark.parametrize(
    ("environ", "rank"),
    [
        ({}, None),
        ({"RANK": "1"}, None),
        ({"RANK": "1", "WORLD_SIZE": "2"}, None),
        ({"RANK": "1", **TORCHRUN}, Rank(1, "torchrun")),
        ({"RANK": "0", **TORCHRUN, "WORLD_SIZE": "1"}, None),
        ({"SLURM_PROCID": "0"}, None),
        ({"SLURM_PROCID": "3", **SRUN}, Rank(3, "srun")),
        (
            {
                "OMPI_COMM_WORLD_RANK": "2",
                "OMPI_COMM_WORLD_SIZE": "3",
                "OMPI_COMM_WORLD_LOCAL_RANK": "0",
            },
            Rank(2, "mpirun"),
        ),
        ({"EXPT_RANK": "5", "RANK": "1", **TORCHRUN}, Rank(5, "EXPT_RANK")),
        ({"EXPT_RANK": "x"}, None),
    ],
)
def test_a_launcher_is_recognised_by_its_own_variables(
    environ: dict[str, str], rank: Rank | None
) -> None:
    assert find_rank(environ) == rank


def test_only_rank_0_archives_and_its_log_tells(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/x.py": """
            import os

            def experiment_x(track, archive):
                track("rank", int(os.environ["RANK"]))
                archive.save("kept.txt", "kept")
                with open(f"rank{os.environ['RANK']}.txt", "w") as file:
                    file.write(str(archive.path))
            """
        }
    )
    for rank in ("0", "1"):
        sandbox.environ.update({**TORCHRUN, "RANK": rank})
        assert sandbox.expt("-p", "seed=1").exit_code == 0
    (run,) = sandbox.runs()
    assert list(run.series["rank"].values) == [0]
    assert "rank 0 of torchrun: this process archives, the others do not" in run.log
    other = sandbox.root / (sandbox.root / "rank1.txt").read_text()
    assert not other.exists()
    assert not other.is_relative_to(sandbox.root / "runs")
