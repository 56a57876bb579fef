"""Listeners are supplied like providers: what the point passes, and all that the graph has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from expt.testing import Sandbox

pytestmark = pytest.mark.inline

TRAIN = """
import expt

def experiment_train(hooks, lr: float = 0.1):
    for epoch in range(3):
        hooks.call("after_epoch", epoch=epoch)
    return {"words": hooks.filter("words", ["a", "bb"], lr=lr)}

def experiment_silent(lr: float = 0.1):
    return lr
"""


def test_a_listener_may_ask_for_track(sandbox: Sandbox) -> None:
    """Case: listener-cannot-ask-for-track."""
    sandbox.write(
        {
            "experiments/train.py": TRAIN
            + """
@expt.on("after_epoch")
def listen(epoch, track):
    track("epoch", epoch)
"""
        }
    )
    assert sandbox.expt("-k", "train and not silent").exit_code == 0
    assert list(sandbox.run().series["epoch"].values) == [0, 1, 2]


def test_it_may_ask_for_anything_and_its_parameters_belong_to_the_run(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/train.py": TRAIN,
            "experiments/conftest.py": """
            import expt

            @expt.provider
            def factor(gain: float): return gain * 10

            @expt.on("after_epoch")
            def scale(epoch, track, rng, results, archive, factor, power: int = 2):
                track("scaled", factor * epoch**power)
                results.setdefault("draws", []).append(rng.random())
                archive.save(f"epoch{epoch}.txt", str(factor))

            @expt.on("words")
            def longer(words, lr, suffix: str = "!"):
                return [word + suffix + str(lr) for word in words]
            """,
            "experiments/params.toml": "gain = 0.5\nseed = 1\n",
        }
    )
    assert sandbox.expt("-p", "power=1").exit_code == 0
    silent, train = sandbox.runs(sort="experiment")
    assert dict(silent.params) == {"lr": 0.1, "seed": 1}
    assert dict(train.params) == {"lr": 0.1, "gain": 0.5, "power": 1, "suffix": "!", "seed": 1}
    assert train.origins["gain"][0].where == "experiments/params.toml:1"
    assert list(train.series["scaled"].values) == [0.0, 5.0, 10.0]
    assert len(set(train.results["draws"])) == 3
    assert train.results["words"] == ["a!0.1", "bb!0.1"]
    assert [*train.artifacts] == ["epoch0.txt", "epoch1.txt", "epoch2.txt"]
    again = sandbox.expt("-k", "experiment_train", "--params", train.path / "params.toml")
    assert again.exit_code == 0
    assert sandbox.run().results == train.results
    told = " ".join(sandbox.expt("params", "experiments/train.py::experiment_train").stdout.split())
    assert "after_epoch experiments/conftest.py:6 asks for track, rng, results, archive," in told


def test_what_nothing_supplies_is_an_error_of_the_plan(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/train.py": TRAIN
            + """
@expt.on("after_epoch")
def listen(epoc, track):
    track("epoch", epoc)
"""
        }
    )
    done = sandbox.expt("-k", "experiment_train")
    assert done.exit_code == 4
    assert done.stderr.splitlines() == [
        "error: nothing supplies the argument 'epoc' of 'listen'",
        "  at experiments/train.py:11",
        "  the hook point 'after_epoch' passes: epoch",
        "  give it a default, a key in params.toml, a provider, or -p epoc=…",
    ]


def test_where_a_source_does_not_tell_what_is_passed_nothing_is_refused(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/train.py": """
            import expt

            def experiment_train(hooks, n: int = 2):
                values = {"epoch": 1, "n": 7}
                return hooks.call("after", **values)

            @expt.on("after")
            def listen(epoch, n, gain=3):
                return epoch + n + gain
            """
        }
    )
    assert sandbox.expt("-p", "gain=10").exit_code == 0
    assert sandbox.run().results["value"] == [18]


def test_one_that_replaces_is_called_in_place_of_all_outside_it(sandbox: Sandbox) -> None:
    """What is replaced asks for nothing, and so does a default at the point."""
    sandbox.write(
        {
            "experiments/conftest.py": """
            import expt

            @expt.on("words")
            def outside(words, nobody_has_this):
                return ["outside"]
            """,
            "experiments/train.py": """
            import expt

            def clean(words): return ["default"]

            def experiment_train(hooks):
                words = hooks.filter("words", ["a"], default=clean)
                return [words, hooks.filter("x", 1, default=abs)]

            @expt.on("words", replace=True)
            def inside(words):
                return [*words, "inside"]
            """,
        }
    )
    done = sandbox.expt()
    assert done.exit_code == 0, done
    assert sandbox.run().results["value"] == [["a", "inside"], 1]


def test_a_hook_point_in_a_helper_counts(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/helper.py": """
            def loop(hooks):
                hooks.call("after", step=1)
            """,
            "experiments/train.py": """
            import expt
            from helper import loop

            def experiment_train(hooks, results):
                loop(hooks)

            @expt.on("after")
            def listen(step, results, gain: float = 2.0):
                results["gain"] = gain * step
            """,
        }
    )
    assert sandbox.expt("-p", "gain=4").exit_code == 0
    assert sandbox.run().results == {"gain": 4.0}
