"""Which case runs where: those that share an expensive session provider meet on one worker."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from expt.testing import Sandbox

TREE = {
    "experiments/first.py": """
        import os, time
        from pathlib import Path
        import expt

        @expt.provider(scope="session")
        def dataset(data: str):
            with open("made.txt", "a") as file:
                file.write(f"{data}\\n")
            return data

        def experiment_one(results, dataset, lr: int, together: bool = False):
            results["pid"] = os.getpid()
            Path(f"began-{dataset}").touch()
            end = time.monotonic() + 60
            while together and len(list(Path().glob("began-*"))) < 2 and time.monotonic() < end:
                time.sleep(0.01)
            time.sleep(0.05)
    """
}
WORDS = ("experiments", "--sweep", "data=a,b", "--sweep", "lr=1,2,3,4")


def test_each_value_of_a_session_provider_is_made_on_one_worker(sandbox: Sandbox) -> None:
    """The first cases of both wait for each other, so that no worker does it all alone."""
    sandbox.write(TREE)
    assert sandbox.expt(*WORDS, "-n", "2", "-p", "together=true").exit_code == 0
    by_worker: dict[int, list[str]] = {}
    for run in sandbox.runs():
        by_worker.setdefault(run.results["pid"], []).append(run.params["data"])
    assert len(by_worker) == 2
    # a worker that has nothing left may help the other: one value is made twice at most
    assert len((sandbox.root / "made.txt").read_text().split()) <= 3


def test_one_worker_keeps_the_order_of_the_plan(sandbox: Sandbox) -> None:
    sandbox.write(TREE)
    assert sandbox.expt("experiments", "--sweep", "lr=1,2", "--sweep", "data=a,b").exit_code == 0
    cases = [run.case for run in reversed(sandbox.runs())]
    assert cases == ["lr-1-data-a", "lr-1-data-b", "lr-2-data-a", "lr-2-data-b"]


def test_workers_begin_apart_where_many_cases_share_a_value_of_the_session(
    sandbox: Sandbox,
) -> None:
    """The first so many that wait may all share one: `AHEAD`, here the next alone."""
    few = "from expt.executors import waiting\nfrom expt.sessions import scheduling\n"
    sandbox.write(
        {
            **TREE,
            "expt.toml": "plugins = ['few.py']",
            "few.py": f"{few}scheduling.AHEAD = waiting.AHEAD = 1\n",
        }
    )
    words = ("--sweep", "data=a,b", "--sweep", "lr=1,2", "-p", "together=true", "-n", "2")
    assert sandbox.expt(*words).exit_code == 0
    assert sorted((sandbox.root / "made.txt").read_text().split()[:2]) == ["a", "b"]
