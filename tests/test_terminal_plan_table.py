"""What `--plan` and `expt params` print."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from expt.ground.model import Case, Experiment, Opaque, Origin, Plan
from expt.ground.screen import Screen, cells
from expt.terminal.plan_table import plan_to_json, print_case, print_plan

MNIST = Experiment(
    id="experiments/mnist.py::experiment_train",
    path="experiments/mnist.py",
    function="experiment_train",
    line=3,
    description="Train a classifier",
)
OUTER = Origin("params.toml", "experiments/params.toml:1", 0.01)
DEFAULT = Origin("default", "experiments/mnist.py:3", 3)


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("COLUMNS", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)


def make_case(lr: float, seed: int, *, skip: str | None = None, **more: Any) -> Case:
    origins = {
        "lr": (Origin("sweep", "--sweep lr=0.1,0.01", lr), OUTER),
        "seed": (Origin("sweep", "--sweep seed=0,1", seed),),
        "epochs": (DEFAULT,),
        **{name: (Origin("-p", f"-p {name}=…", value),) for name, value in more.items()},
    }
    params = {"lr": lr, "seed": seed, "epochs": 3, **more}
    axes = {"lr": lr, "seed": seed}
    return Case(MNIST, f"lr-{lr}-seed-{seed}", params, origins, axes, skip=skip)


class Window(io.StringIO):
    def isatty(self) -> bool:
        return True


def printed(plan: Plan, *, verbose: bool = False) -> str:
    stream = io.StringIO()
    print_plan(plan, Screen(stream, {}), verbose=verbose)
    return stream.getvalue()


def test_what_differs_comes_first_then_every_value_with_its_origin() -> None:
    cases = (
        make_case(0.1, 0),
        make_case(0.1, 1, skip="completed already: 7fk2abcdef"),
        make_case(0.01, 0),
        make_case(0.01, 1),
    )
    plan = Plan(
        cases,
        ("nothing takes 'lrr'\n  at experiments/params.toml:9",),
        ("-p wd=0 collapses the axis 'wd'",),
        2,
    )
    assert (
        printed(plan)
        == """\
experiments/mnist.py::experiment_train  4 cases
  Train a classifier
  case                                                      lr  seed
  lr-0.1-seed-0                                            0.1     0
  lr-0.1-seed-1   skipped: completed already: 7fk2abcdef   0.1     1
  lr-0.01-seed-0                                          0.01     0
  lr-0.01-seed-1                                          0.01     1

  lr      2 values  --sweep lr=0.1,0.01
    over  0.01      experiments/params.toml:1
  seed    2 values  --sweep seed=0,1
  epochs  3         default experiments/mnist.py:3

note: -p wd=0 collapses the axis 'wd'
warning: nothing takes 'lrr'
  at experiments/params.toml:9
4 cases of 1 experiment; 3 to run, 1 skipped; 2 deselected
"""
    )


def test_a_value_that_comes_from_elsewhere_in_some_cases_tells_each_origin() -> None:
    big = Origin("--variant", "experiments/params.toml:7", 512)
    small = Origin("default", "experiments/mnist.py:3", 16)
    cases = tuple(
        Case(MNIST, label, {"width": width}, {"width": origins}, {"variant": label})
        for label, width, origins in (("small", 16, (small,)), ("big", 512, (big, small)))
    )
    assert (
        printed(Plan(cases))
        == """\
experiments/mnist.py::experiment_train  2 cases
  Train a classifier
  case   width
  small     16
  big      512

  width   2 values  default experiments/mnist.py:3
  width   2 values  --variant experiments/params.toml:7
    over  16        default experiments/mnist.py:3

2 cases of 1 experiment
"""
    )


def test_five_layers_show_all_five() -> None:
    layers = (
        Origin("-p", "-p epochs=30", 30),
        Origin("--smoke", "experiments/params.toml:9", 1),
        Origin("--variant", "experiments/params.toml:7", 10),
        Origin("params.toml", "experiments/params.toml:3", 100),
        DEFAULT,
    )
    case = Case(MNIST, None, {"epochs": 30}, {"epochs": layers})
    assert (
        printed(Plan((case,)))
        == """\
experiments/mnist.py::experiment_train
  Train a classifier
  epochs  30   -p epochs=30
    over  1    --smoke experiments/params.toml:9
    over  10   --variant experiments/params.toml:7
    over  100  experiments/params.toml:3
    over  3    default experiments/mnist.py:3

1 case of 1 experiment
"""
    )


def test_a_long_sweep_is_listed_in_full_with_verbose() -> None:
    plan = Plan(tuple(make_case(0.1, seed) for seed in range(50)))
    assert "  … 10 more; -v shows them\n" in printed(plan)
    assert "  lr-0.1-seed-49    49\n" in printed(plan, verbose=True)


@pytest.mark.parametrize("width", [20, 40, 80, 160])
def test_lines_of_a_table_keep_to_the_width(width: int) -> None:
    many = {f"parameter_with_a_long_name_{index}": "x" * 100 for index in range(20)}
    cases = [make_case(0.1, seed, **many) for seed in range(2)]
    cases += [make_case(0.2, 5, skip="s" * 200, **dict.fromkeys(many, "y" * 90))]
    stream = Window()
    screen = Screen(stream, {"COLUMNS": str(width), "NO_COLOR": "1"})
    print_plan(Plan(tuple(cases)), screen, verbose=False)
    table = stream.getvalue().split("\n\n")[0].splitlines()[1:]
    assert max(cells(line) for line in table if "no room for" not in line) <= width


def test_users_text_is_shown_and_not_obeyed() -> None:
    origin = (Origin("params.toml", "ex[red]/params.toml:1\x1b[31m", "x"),)
    name = "[/nope]\x1b[2J"
    case = Case(MNIST, "\x1b]0;x\x07", {name: '"""\n\x1b'}, {name: origin})
    text = printed(Plan((case,)))
    assert "\x1b" not in text
    assert '[/nope]\\x1b[2J  \'"""\\n\\x1b\'  ex[red]/params.toml:1\\x1b[31m' in text


def test_json_is_strict_and_has_ids_params_and_origins() -> None:
    case = make_case(float("inf"), 1, model=Opaque("<Net>"), data=Path("d.csv"), wd=None)
    (told,) = json.loads(plan_to_json(Plan((case,))), parse_constant=pytest.fail)
    assert told["id"] == "experiments/mnist.py::experiment_train[lr-inf-seed-1]"
    assert told["params"] == {
        "lr": {"$float": "inf"},
        "seed": 1,
        "epochs": 3,
        "model": "<Net>",
        "data": {"$path": "d.csv"},
        "wd": None,
    }
    assert told["origins"]["lr"] == [
        {"layer": "sweep", "where": "--sweep lr=0.1,0.01", "value": {"$float": "inf"}},
        {"layer": "params.toml", "where": "experiments/params.toml:1", "value": 0.01},
    ]
    assert plan_to_json(Plan(())) == "[]"


def test_secrets_are_masked_in_values_and_in_what_they_shadow() -> None:
    origins = {
        "token": (Origin("-p", "-p token=***", "hunter2"), Origin("default", "a.py:1", "hunter1")),
        "db": (Origin("params.toml", "p.toml:1", {"user": "me", "password": "hunter3"}),),
    }
    params = {"token": "hunter2", "db": {"user": "me", "password": "hunter3"}}
    case = Case(MNIST, None, params, origins, secrets=frozenset({"token", "db.password"}))
    plan = Plan((case,))
    stream = io.StringIO()
    print_case(case, Screen(stream, {}), verbose=True)
    for text in (printed(plan), plan_to_json(plan), stream.getvalue()):
        assert "hunter" not in text
        assert "***" in text
        assert "me" in text


def test_one_case_is_told_with_its_base_and_its_fingerprint() -> None:
    experiment = Experiment(
        "experiments/big::experiment_train",
        MNIST.path,
        "experiment_train",
        3,
        extends=(MNIST.id,),
    )
    case = Case(experiment, None, {"epochs": 3}, {"epochs": (DEFAULT,)}, fingerprint="ab12")
    stream = io.StringIO()
    print_case(case, Screen(stream, {}), verbose=True)
    assert (
        stream.getvalue()
        == """\
experiments/big::experiment_train
  extends experiments/mnist.py::experiment_train
  epochs  3  default experiments/mnist.py:3
  fingerprint ab12
"""
    )
