"""What is random in a run starts from its seed, whenever the library of it is imported."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import numpy as np
import pytest

from expt.testing import Sandbox

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    """One whose commands start cold: what they have imported is what they need."""
    return Sandbox(tmp_path)


def results_of(sandbox: Sandbox, source: str, *words: str) -> dict[str, dict[str, object]]:
    """The results of all experiments of a file, by name without `experiment_`."""
    sandbox.write({"experiments/a.py": source})
    done = sandbox.expt("--no-render", "-p", "seed=7", *words)
    assert done.exit_code == 0, done.stderr
    return {
        run.experiment.rpartition("experiment_")[2]: dict(run.results) for run in sandbox.runs()
    }


def draws(seed: int, count: int = 2) -> list[float]:
    return np.random.RandomState(seed).random_sample(count).tolist()


def test_numpy_is_not_imported_for_a_run_that_does_not(sandbox: Sandbox) -> None:
    results = results_of(
        sandbox,
        """
        import random, sys

        def experiment_a(track):
            for step in range(10):
                track("loss", 1.0 / (step + 1))
            return {"numpy": "numpy" in sys.modules, "drawn": random.random()}
        """,
    )
    assert results["a"] == {"numpy": False, "drawn": random.Random(7).random()}


def test_numpy_is_seeded_when_the_run_imports_it(sandbox: Sandbox) -> None:
    results = results_of(
        sandbox,
        """
        import sys

        def experiment_a():
            before = "numpy" in sys.modules
            from numpy import random
            return {"before": before, "drawn": random.random(2).tolist()}

        def experiment_b():
            before = "numpy.random" in sys.modules
            import numpy
            return {"before": before, "drawn": numpy.random.random(2).tolist()}
        """,
    )
    assert results["a"] == {"before": False, "drawn": draws(7)}
    assert results["b"] == {"before": True, "drawn": draws(7)}


def test_what_a_session_provider_draws_changes_nothing_for_its_run(sandbox: Sandbox) -> None:
    results = results_of(
        sandbox,
        """
        import expt

        @expt.provider(scope="session")
        def drawn():
            import numpy
            return numpy.random.random(3).tolist()

        def experiment_a(drawn):
            import numpy
            return {"provider": drawn, "drawn": numpy.random.random(2).tolist()}

        def experiment_b(drawn):
            import numpy
            return {"provider": drawn, "drawn": numpy.random.random(2).tolist()}
        """,
    )
    assert results["a"]["drawn"] == results["b"]["drawn"] == draws(7)
    assert results["a"]["provider"] == results["b"]["provider"] != draws(7, 3)


def test_what_the_class_of_an_argument_draws_changes_nothing_for_its_run(sandbox: Sandbox) -> None:
    """A default is an object that is there, a value from elsewhere is made for the run."""
    source = """
        import random
        from dataclasses import dataclass

        @dataclass
        class Net:
            width: int = 1

            def __post_init__(self):
                random.random()

        def experiment_a(net: Net = Net()):
            return {"drawn": random.random()}
        """
    drawn = random.Random(7).random()
    assert results_of(sandbox, source)["a"] == {"drawn": drawn}
    results_of(sandbox, source, "-p", "net.width=2")
    assert sandbox.run().results == {"drawn": drawn}


def test_numpy_that_a_run_imported_is_as_imported_for_the_next(sandbox: Sandbox) -> None:
    results = results_of(
        sandbox,
        """
        def experiment_a():
            import numpy
            numpy.seterr(all="raise")
            numpy.set_printoptions(precision=1, linewidth=20)
            numpy.random.set_bit_generator(numpy.random.PCG64())

        def experiment_b():
            import numpy
            printing = numpy.get_printoptions()
            return {
                "errors": numpy.geterr()["divide"],
                "printing": [printing["precision"], printing["linewidth"]],
                "drawn": numpy.random.random(2).tolist(),
            }
        """,
    )
    assert results["b"] == {"errors": "warn", "printing": [8, 75], "drawn": draws(7)}


def test_how_a_module_sets_numpy_up_holds_for_every_run(sandbox: Sandbox) -> None:
    results = results_of(
        sandbox,
        """
        import numpy

        numpy.seterr(divide="raise")

        def experiment_a():
            numpy.seterr(divide="ignore")

        def experiment_b():
            return {"errors": numpy.geterr()["divide"]}
        """,
    )
    assert results["b"] == {"errors": "raise"}


def test_a_seed_waits_for_numpy_in_this_process_too(sandbox: Sandbox) -> None:
    source = """
        def experiment_a():
            import numpy
            return {"drawn": numpy.random.random(2).tolist()}
        """
    assert results_of(sandbox, source, "-n", "0")["a"] == {"drawn": draws(7)}
