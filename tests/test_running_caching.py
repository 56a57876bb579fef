"""A cached provider is made once, for all runs and workers, until its code or values change."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from expt.testing import Sandbox

pytestmark = pytest.mark.inline

TREE = {
    "experiments/helper.py": "SCALE = 2\n",
    "experiments/other.py": "X = 1\n",
    "experiments/first.py": """
        import random, time
        from pathlib import Path
        import numpy as np
        import helper
        import expt

        @expt.provider(cache=True)
        def dataset(size: int, data: Path = Path("data.txt")):
            with open("made.txt", "a") as file:
                file.write("x")
            time.sleep(0.2)
            random.random()
            return {"array": np.arange(size) * helper.SCALE, "text": (data.read_text(), 1)}

        def experiment_one(results, dataset, size: int = 3, lr: int = 0):
            results["sum"] = int(dataset["array"].sum())
            results["text"] = type(dataset["text"]).__name__
            results["drawn"] = random.random()
    """,
    "data.txt": "a",
}


@pytest.fixture
def cached(sandbox: Sandbox) -> Sandbox:
    sandbox.write(TREE)
    assert sandbox.expt("experiments", "-p", "seed=1").exit_code == 0
    return sandbox


def made(sandbox: Sandbox) -> int:
    return len((sandbox.root / "made.txt").read_text())


def test_many_workers_that_ask_at_once_make_it_once(sandbox: Sandbox) -> None:
    sandbox.write(TREE)
    done = sandbox.expt("experiments", "--sweep", "lr=1,2,3,4", "-n", "4")
    assert done.exit_code == 0, done.stdout
    assert made(sandbox) == 1
    assert {run.results["sum"] for run in sandbox.runs()} == {6}


def test_eight_processes_that_ask_at_once_make_it_once(sandbox: Sandbox) -> None:
    sandbox.write(TREE)
    processes = [sandbox.start("experiments", "-n", "0") for _ in range(8)]
    try:
        ends = [process.communicate(timeout=120) for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0] * 8, ends
    assert made(sandbox) == 1
    assert [run.results["sum"] for run in sandbox.runs()] == [6] * 8


def test_a_kept_value_has_its_types_and_leaves_the_same_randomness(cached: Sandbox) -> None:
    assert cached.expt("experiments", "-p", "seed=1").exit_code == 0
    assert made(cached) == 1
    again, first = cached.runs()
    assert again.results == first.results
    assert first.results["text"] == "tuple"


@pytest.mark.parametrize(
    ("files", "words", "count"),
    [
        ({"experiments/helper.py": "SCALE = 3\n"}, (), 2),
        ({"experiments/other.py": "X = 2\n"}, (), 1),
        ({"data.txt": "b"}, (), 2),
        ({}, ("-p", "size=4"), 2),
        ({}, ("-p", "lr=4"), 1),
        ({}, ("--no-cache",), 2),
    ],
    ids=["helper", "not imported", "input", "its value", "another value", "no-cache"],
)
def test_it_is_made_again_where_what_it_is_made_from_changes(
    cached: Sandbox, files: dict[str, str], words: tuple[str, ...], count: int
) -> None:
    cached.write(files)
    assert cached.expt("experiments", "-p", "seed=1", *words).exit_code == 0
    assert made(cached) == count


def test_a_damaged_file_is_made_again_with_a_notice(cached: Sandbox) -> None:
    (file,) = (cached.root / "runs/.cache").glob("dataset-*.zip")
    os.truncate(file, file.stat().st_size // 2)
    done = cached.expt("experiments", "-p", "seed=1")
    assert done.exit_code == 0
    assert made(cached) == 2
    assert "the cached value of 'dataset' is damaged and made again" in done.stdout
    cached.expt("experiments", "-p", "seed=1")
    assert made(cached) == 2


def test_what_no_file_holds_is_made_each_time_with_a_notice(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/first.py": """
                import expt

                @expt.provider(cache=True)
                def thing():
                    return object()

                def experiment_one(thing):
                    pass
            """
        }
    )
    done = sandbox.expt("experiments")
    assert done.exit_code == 0
    assert "the value of 'thing' is not cached: the state is of type 'object'" in done.stdout


def test_a_generator_cannot_be_cached(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/first.py": """
                import expt

                @expt.provider(cache=True)
                def thing():
                    yield 1

                def experiment_one(thing):
                    pass
            """
        }
    )
    done = sandbox.expt("experiments")
    assert done.exit_code == 4
    assert done.stderr.splitlines() == [
        "error: the provider 'thing' yields, and its value is to be cached",
        "  at experiments/first.py:3",
        "  return the value, or leave out cache=True: what is kept has no teardown",
    ]


def test_the_cache_is_listed_and_pruned(cached: Sandbox) -> None:
    (value,) = cached.expt("cache", "--json").json()
    assert value["provider"] == "dataset"
    assert value["bytes"] > 0
    assert "dataset" in cached.expt("cache").stdout
    assert cached.expt("cache", "--prune", "--older", "1").lines[-1] == "0 values, 0 B deleted"
    assert cached.expt("cache", "other", "--prune").lines[-1] == "0 values, 0 B deleted"
    assert cached.expt("cache", "--prune").exit_code == 0
    assert list((cached.root / "runs/.cache").iterdir()) == []
