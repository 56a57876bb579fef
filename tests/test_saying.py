"""Each way to say something to an experiment: the plan shows it with file and line, the archive
tells it, and `--params` of the archive gives an equal run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from expt.ground.value_classes import field, frozen

if TYPE_CHECKING:
    from collections.abc import Callable

    from expt.reading.run import Run
    from expt.testing import Sandbox

pytestmark = pytest.mark.inline

BASE = """
    import expt

    def experiment_base(rng, lr: float = 0.1, width: int = 4):
        return {"x": rng.random() * lr * width}
    """
SWEPT = BASE.replace("    def", "    @expt.sweep(lr=[2, 3])\n    def")
CHOICES = """
    [expt.choices.db]
    default = "mysql"
    [expt.choices.db.mysql]
    port = 3306
    [expt.choices.db.postgresql]
    port = 5432
    """


@frozen
class Saying:
    """Files, words, what the plan shows, and what the archive of one of the runs has to tell."""

    files: dict[str, str]
    planned: tuple[str, ...]
    told: Callable[[Run], Any]
    value: Any
    words: tuple[str, ...] = ()
    again: tuple[str, ...] = field(factory=tuple)
    """What a session needs to be told that is no value."""


SAYINGS = {
    "a parameter of a listener": Saying(
        {
            "experiments/a.py": """
                def experiment_a(hooks, results):
                    hooks.call("after_epoch", epoch=3)
                """,
            "experiments/conftest.py": """
                import expt

                @expt.on("after_epoch")
                def warm(epoch, results, rng, decay: float = 0.5):
                    results["warm"] = rng.random() * decay * epoch
                """,
            "experiments/params.toml": "decay = 0.25",
        },
        ("decay", "0.25", "experiments/params.toml:1", "experiments/conftest.py:3"),
        lambda run: (run.params["decay"], "warm" in run.results),
        (0.25, True),
    ),
    "what a provider made": Saying(
        {
            "experiments/a.py": "def experiment_a(batch_size: int = 8): return batch_size",
            "experiments/conftest.py": """
                from expt import provider

                @provider
                def batch_size(batch_size: int, gpus: int = 4):
                    return batch_size * gpus
                """,
            "experiments/params.toml": "gpus = 2",
        },
        ("experiments/conftest.py:3", "experiments/params.toml:1", "experiments/a.py:1"),
        lambda run: (run.params["batch_size"], run.made["batch_size"], run.results["value"]),
        (8, 16, 16),
    ),
    "a value that nothing wraps": Saying(
        {
            "experiments/a.py": "def experiment_a(lr: float = 0.1): return lr",
            "experiments/conftest.py": """
                from expt import provider

                @provider
                def lr(lr: float):
                    return lr * 10
                """,
        },
        ("0.5", "-p lr", "experiments/a.py:1"),
        lambda run: (run.params["lr"], run.results["value"]),
        (0.5, 0.5),
        ("-p", "lr=0.5"),
    ),
    "a choice": Saying(
        {
            "experiments/a.py": "def experiment_a(db: dict): return db['port']",
            "experiments/params.toml": CHOICES,
        },
        ("db.port", "5432", "experiments/params.toml:6", "postgresql"),
        lambda run: (run.params["db"], run.results["value"]),
        ({"port": 5432}, 5432),
        ("-p", "db=postgresql"),
    ),
    "a value from values": Saying(
        {
            "experiments/a.py": """
                from expt import provider

                @provider
                def steps(epochs: int, per_epoch: int = 10):
                    return epochs * per_epoch

                def experiment_a(steps, epochs: int = 2): return steps
                """,
            "experiments/params.toml": "epochs = 3",
        },
        ("experiments/params.toml:1", "experiments/a.py:3", "experiments/a.py:7"),
        lambda run: (run.params, run.made.get("steps"), run.results["value"]),
        ({"epochs": 3, "per_epoch": 10, "seed": 1}, 30, 30),
        ("-p", "seed=1"),
    ),
    "words": Saying(
        {
            "experiments/a.py": """
                from typing import Annotated

                def experiment_a(lr: Annotated[float, "step size", "1/s"] = 0.1): return lr
                """
        },
        ("step size [1/s]", "experiments/a.py:3"),
        lambda run: run.words,
        {"lr": {"description": "step size", "unit": "1/s"}},
    ),
    "values of expt.extends": Saying(
        {"experiments/a.py": f"{BASE}\n    experiment_a = expt.extends(experiment_base, width=9)"},
        ("9", "experiments/a.py:6", "experiments/a.py:3"),
        lambda run: (run.params["width"], run.lineage["extends"], run.lineage["deviations"]),
        (9, ["experiments/a.py::experiment_base"], {"width": 9}),
    ),
    "a folder that extends": Saying(
        {
            "experiments/b.py": BASE.replace("    def", "    @expt.mark.base\n    def"),
            "experiments/big/params.toml": """
                width = 7
                [expt]
                extends = "../b.py::experiment_base"
                """,
        },
        ("experiments/big::experiment_base", "experiments/big/params.toml:1"),
        lambda run: (run.params["width"], run.lineage["extends"]),
        (7, ["experiments/b.py::experiment_base"]),
    ),
    "a module in use": Saying(
        {
            "experiments/a.py": "def experiment_a(size): return size",
            "mixin.py": """
                from expt import provider

                @provider
                def size(unit: int = 2): return unit * 3
                """,
            "experiments/params.toml": '[expt]\nuse = ["../mixin.py"]',
        },
        ("unit", "mixin.py:3"),
        lambda run: (run.params["unit"], run.results["value"], "mixin.py" in run.code),
        (2, 6, True),
    ),
    "a module in use, as typed": Saying(
        {
            "experiments/a.py": "def experiment_a(size): return size",
            "mixin.py": """
                from expt import provider

                @provider
                def size(unit: int = 2): return unit * 3
                """,
        },
        ("unit", "mixin.py:3"),
        lambda run: (run.results["value"], "--use" in run.command),
        (6, True),
        ("--use", "mixin.py"),
        ("--use", "mixin.py"),
    ),
    "a nearer value that ends an axis": Saying(
        {
            "experiments/params.toml": "[expt.sweep]\nlr = [1, 2]",
            "experiments/near/params.toml": "lr = 3",
            "experiments/near/a.py": "def experiment_a(lr: float = 0.1): return lr",
        },
        ("experiments/near/params.toml:1 ends the axis 'lr' of experiments/params.toml:2",),
        lambda run: (run.params["lr"], run.case),
        (3.0, None),
    ),
    "an axis of a decorator": Saying(
        {"experiments/a.py": SWEPT},
        ("sweep experiments/a.py:3",),
        lambda run: run.lineage["sweep"] == {"lr": run.params["lr"]},
        True,
    ),
    "repeats": Saying(
        {"experiments/a.py": BASE, "experiments/params.toml": "[expt]\nrepeat = 2"},
        ("sweep experiments/params.toml:2",),
        lambda run: run.lineage["sweep"]["repeat"] in (0, 1),
        True,
    ),
    "a random axis": Saying(
        {
            "experiments/a.py": BASE,
            "experiments/params.toml": "[expt.sweep]\nlr = {loguniform = [1e-5, 1e-1], n = 2}",
        },
        ("sweep experiments/params.toml:2", "draws the same again"),
        lambda run: run.lineage["sweep"] == {"lr": run.params["lr"]},
        True,
    ),
    "a seed that nobody gives": Saying(
        {"experiments/a.py": BASE},
        ("seed", "drawn"),
        lambda run: run.origins["seed"][0].layer,
        "drawn",
    ),
    "a file that is kept": Saying(
        {
            "experiments/a.py": """
                from pathlib import Path
                import expt

                def experiment_a(data: expt.Kept[Path]): return data.read_text()
                """,
            "experiments/params.toml": 'data = "words.txt"',
            "experiments/words.txt": "hello",
        },
        ("experiments/words.txt", "experiments/params.toml:1"),
        lambda run: (run.results["value"], list(run.inputs)),
        ("hello", ["data"]),
    ),
    "a run that gives up": Saying(
        {
            "experiments/a.py": """
                import expt

                def experiment_a(track, lr: float = 0.1):
                    track("lr", lr)
                    expt.stop("hopeless")
                """,
            "experiments/params.toml": "lr = 9",
        },
        ("experiments/params.toml:1",),
        lambda run: (run.status, run.notices, run.params["lr"]),
        ("completed", ("stopped: hopeless",), 9.0),
    ),
    "a variant": Saying(
        {
            "experiments/a.py": BASE,
            "experiments/params.toml": "[expt.variants.wide]\nwidth = 64",
        },
        ("64", "--variant experiments/params.toml:2"),
        lambda run: run.params["width"],
        64,
        ("--variant", "wide"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SAYINGS)
def test_it_is_planned_told_and_run_again(sandbox: Sandbox, name: str) -> None:
    saying = SAYINGS[name]
    sandbox.write(saying.files)
    plan = sandbox.expt("--plan", "-v", *saying.words)
    assert plan.exit_code == 0, plan.stderr
    for text in saying.planned:
        assert text in plan.stdout, f"{text} is not in\n{plan.stdout}"
    assert sandbox.expt(*saying.words).exit_code == 0
    runs = sandbox.runs()
    run = runs[0]
    assert saying.told(run) == saying.value
    again = sandbox.expt(run.experiment, "--params", run.id, *saying.again)
    assert again.exit_code == 0, again.stdout + again.stderr
    (new,) = [one for one in sandbox.runs() if one.id not in {old.id for old in runs}]
    assert (new.params, new.results, new.made) == (run.params, run.results, run.made)


def test_a_run_as_an_input_is_planned_told_and_run_again(sandbox: Sandbox) -> None:
    """It is pinned: a newer one is not taken by `--params` of the archive."""
    sandbox.write(
        {
            "experiments/a.py": """
                import expt

                def experiment_train(seed: int): return {"w": seed}

                def experiment_evaluate(model: expt.Run): return model.results["w"] * 2
                """,
            "experiments/params.toml": '[experiment_evaluate]\nmodel = "a.py::experiment_train"',
        }
    )
    assert sandbox.expt("-k", "train", "-p", "seed=1").exit_code == 0
    (model,) = sandbox.runs()
    plan = sandbox.expt("--plan", "-v", "-k", "evaluate")
    assert "experiments/params.toml:2" in plan.stdout and model.id in plan.stdout
    assert sandbox.expt("-k", "evaluate").exit_code == 0
    run = sandbox.runs()[0]
    assert run.params["model"] == model.id
    assert run.lineage["inputs"]["model"] == model.id
    assert sandbox.expt("-k", "train", "-p", "seed=5").exit_code == 0
    assert sandbox.expt("-k", "evaluate", "--params", run.id).exit_code == 0
    new = sandbox.runs()[0]
    assert (new.params, new.results) == (run.params, run.results) == (run.params, {"value": 2})


def test_a_key_that_nothing_takes_is_told_with_its_line(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/a.py": BASE,
            "experiments/params.toml": """
                widht = 1
                [experiment_bse]
                lr = 1
                [expt.variants.wide]
                widht = 2
                [expt.smoke]
                lrr = 3
                """,
        }
    )
    warned = sandbox.expt("--plan").stdout
    for line, closest in ((1, "width"), (2, "experiment_base"), (5, "width"), (7, "lr")):
        (told,) = [one for one in warned.splitlines() if f"experiments/params.toml:{line}:" in one]
        assert told.startswith("warning: ") and f"did you mean '{closest}'" in told
