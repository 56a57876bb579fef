"""One command started many times by a launcher: rank 0 alone archives."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from expt.ground.launchers import Launched, find_launch, find_rank

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
        ({"RANK": "1", **TORCHRUN}, Launched(1, "torchrun")),
        ({"RANK": "0", **TORCHRUN, "WORLD_SIZE": "1"}, None),
        ({"SLURM_PROCID": "0"}, None),
        ({"SLURM_PROCID": "3", **SRUN}, Launched(3, "srun")),
        (
            {
                "OMPI_COMM_WORLD_RANK": "2",
                "OMPI_COMM_WORLD_SIZE": "3",
                "OMPI_COMM_WORLD_LOCAL_RANK": "0",
            },
            Launched(2, "mpirun"),
        ),
        ({"EXPT_RANK": "5", "RANK": "1", **TORCHRUN}, Launched(5, "EXPT_RANK")),
        ({"EXPT_RANK": "x"}, None),
    ],
)
def test_a_launcher_is_recognised_by_its_own_variables(
    environ: dict[str, str], rank: Launched | None
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


# Seeds


DRAWS = """
    import os, random
    import expt

    def experiment_x(rng, seed):
        place = os.environ.get("RANK") or os.environ["EXPT_RANK"]
        with open(f"drawn{place}.txt", "a") as file:
            file.write(f"{seed} {rng.random()} {random.random()}\\n")

    def experiment_y():
        for _ in range(2):
            expt.run("experiments", k="experiment_x", n=0)
    """


def drawn(sandbox: Sandbox, environ: dict[str, str], *words: str) -> list[str]:
    """What the ranks 0 and 1 of one launch draw, where they draw the same."""
    found = []
    for rank in ("0", "1"):
        sandbox.environ.update({**environ, "RANK": rank})
        assert sandbox.expt(*words).exit_code == 0
        found.append((sandbox.root / f"drawn{rank}.txt").read_text().splitlines())
        (sandbox.root / f"drawn{rank}.txt").unlink()
    assert found[0] == found[1]
    return found[0]


@pytest.mark.inline
def test_ranks_agree_on_a_seed_that_nobody_gives(sandbox: Sandbox) -> None:
    words = ("-k", "experiment_x", "--sweep", "n=1,2", "--repeat", "2")
    sandbox.write({"experiments/x.py": DRAWS.replace("(rng, seed)", "(rng, seed, n=0)")})
    first = drawn(sandbox, {**TORCHRUN, "TORCHELASTIC_RUN_ID": "one"}, *words)
    again = drawn(sandbox, {**TORCHRUN, "TORCHELASTIC_RUN_ID": "two"}, *words)
    assert len({*first, *again}) == 8, "each case has its own, and so has each launch"


def test_ranks_agree_inside_of_runs_too(sandbox: Sandbox) -> None:
    sandbox.write({"experiments/x.py": DRAWS})
    lines = drawn(sandbox, {**TORCHRUN, "TORCHELASTIC_RUN_ID": "one"}, "-k", "experiment_y")
    assert len(set(lines)) == 2, "each session in a run has its own"


def test_ranks_that_nobody_tells_of_their_launch_are_warned(sandbox: Sandbox) -> None:
    sandbox.write({"experiments/x.py": DRAWS})
    sandbox.environ["EXPT_RANK"] = "0"
    words = ("-k", "experiment_x", "--plan")
    warned = "warning: each process of EXPT_RANK draws seeds of its own"
    assert warned in sandbox.expt(*words).stdout
    assert warned not in sandbox.expt(*words, "-p", "seed=1").stdout


LAUNCH = """
import os, subprocess, sys
own = [sys.executable, "-c", "import os; from expt.ground.launchers import find_launch\\n"
       "print(find_launch(os.environ))"]
given = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "a", "LOCAL_RANK": "0",
         "TORCHELASTIC_RUN_ID": "none"}
for rank, words in (("0", own), ("1", ["sh", "-c", '"$@"; true', "sh", *own])):
    subprocess.run(words, env={**os.environ, **given, "RANK": rank}, check=True)
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/environ"), reason="it asks /proc")
def test_two_launches_that_are_told_the_same_are_two() -> None:
    """Also where a rank is started by a shell of its own."""
    told = []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", LAUNCH], capture_output=True, text=True, timeout=60, check=True
        )
        told.append(done.stdout.splitlines())
    assert told[0][0] == told[0][1] != told[1][0] == told[1][1]
    assert find_launch({"EXPT_RANK": "1"}) is None
