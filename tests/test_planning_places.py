"""Building on experiments: values in the call, bases that never run, modules that are used."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from expt.testing import Sandbox

pytestmark = pytest.mark.inline

TRAIN = """
import expt

@expt.mark.base
def experiment_train(hooks, width: int = 8, lr: float = 0.1):
    hooks.call("after", width=width)
    return [width, lr]

experiment_wide = expt.extends(experiment_train, width=512)
"""


def ran(sandbox: Sandbox) -> dict[str, object]:
    return {run.experiment.rpartition("::")[2]: run.results["value"] for run in sandbox.runs()}


def test_values_of_extends_are_a_layer_of_the_new_place(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/train.py": TRAIN,
            "experiments/params.toml": "width = 16\nseed = 1\n",
            "experiments/big/huge.py": """
            import expt
            from experiments.train import experiment_wide

            experiment_huge = expt.extends(experiment_wide, width=4096, lr=0.5)
            """,
            "experiments/big/params.toml": "lr = 0.2\n",
            "experiments/hosted/params.toml": (
                'lr = 0.3\n[expt]\nextends = "../big/huge.py::experiment_huge"\n'
            ),
        }
    )
    assert sandbox.expt().exit_code == 0
    runs = {run.experiment: run for run in sandbox.runs()}
    assert {name: run.results["value"] for name, run in runs.items()} == {
        "experiments/train.py::experiment_wide": [512, 0.1],
        "experiments/big/huge.py::experiment_huge": [4096, 0.5],
        "experiments/hosted::experiment_huge": [4096, 0.3],
    }
    huge = runs["experiments/big/huge.py::experiment_huge"]
    told = [(origin.layer, origin.where, origin.value) for origin in huge.origins["width"]]
    assert told == [
        ("extends", "experiments/big/huge.py:4", 4096),
        ("extends", "experiments/train.py:8", 512),
        ("params.toml", "experiments/params.toml:1", 16),
        ("default", "experiments/train.py:3", 8),
    ]
    assert huge.lineage["deviations"] == {"width": 4096, "lr": 0.5}
    wide = runs["experiments/train.py::experiment_wide"]
    assert wide.lineage["deviations"] == {"width": 512}
    plan = sandbox.expt("-k", "huge and not hosted", "--plan").stdout
    assert "extends experiments/big/huge.py:4" in plan
    again = sandbox.expt(huge.experiment, "--params", huge.path / "params.toml")
    assert again.exit_code == 0
    assert sandbox.run().results == huge.results


def test_a_base_is_hosted_and_never_run_itself(sandbox: Sandbox) -> None:
    sandbox.write({"experiments/train.py": TRAIN})
    listed = sandbox.expt("--collect-only", "-q").lines
    assert listed == ["experiments/train.py::experiment_wide"]
    assert sandbox.expt("experiments/train.py::experiment_train").exit_code == 4
    assert sandbox.expt("-m", "base").exit_code == 5
    assert sandbox.expt().exit_code == 0
    assert ran(sandbox) == {"experiment_wide": [512, 0.1]}


def test_a_value_that_nothing_takes_is_told(sandbox: Sandbox) -> None:
    sandbox.write({"experiments/train.py": TRAIN.replace("width=512", "widht=512")})
    told = sandbox.expt("--plan").stdout
    assert "experiments/train.py:8: nothing takes the parameter 'widht' of expt.extends" in told
    assert "did you mean 'width'?" in told


def test_use_takes_a_module_from_the_command_line(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/train.py": TRAIN,
            "mixins/more.py": """
            import expt

            @expt.provider
            def lr(factor: float = 2.0): return 10 * factor

            @expt.on("after")
            def note(width, results):
                results["heard"] = width
            """,
        }
    )
    assert sandbox.expt("--use", "mixins/more.py", "-p", "factor=3").exit_code == 0
    run = sandbox.run()
    assert run.results == {"heard": 512, "value": [512, 30.0]}
    assert "mixins/more.py" in run.code
    done = sandbox.expt("--use", "mixins/mor.py")
    assert done.exit_code == 4
    assert "there is no module 'mixins/mor.py' to use" in done.stderr


def test_new_lists_what_an_extension_may_change(sandbox: Sandbox) -> None:
    sandbox.write({"experiments/train.py": TRAIN})
    for name, place, width in (
        ("wide", "experiments/mine.py", "width 512 extends experiments/train.py:8 over 8"),
        ("train", "experiments/here", "width 8 default experiments/train.py:3"),
    ):
        node_id = f"experiments/train.py::experiment_{name}"
        done = sandbox.expt("new", place, "--extends", node_id)
        assert done.exit_code == 0, done
        told = " ".join(done.stdout.split())
        assert width in told
        assert "hook points after experiments/train.py:5 call" in told
