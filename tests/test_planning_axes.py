"""Which axes an experiment has, how they end, and from which seeds its cases start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from expt.testing import Sandbox

pytestmark = pytest.mark.inline

TAKES = "def experiment_x(lr: float = 0.1, wd: float = 0.0): return lr\n"


def plan(sandbox: Sandbox, *words: str) -> list[dict[str, Any]]:
    done = sandbox.expt("--plan", "--json", *words)
    assert done.exit_code == 0, done.stderr
    return done.json()


def told(sandbox: Sandbox, *words: str) -> str:
    done = sandbox.expt("--plan", *words)
    assert done.exit_code == 0, done.stderr
    return done.stdout


# Axes


def test_a_nearer_plain_value_ends_the_axis_of_an_outer_folder(sandbox: Sandbox) -> None:
    """And the plan says so; what is beside the axis, or nearer still, does not."""
    sandbox.write(
        {
            "experiments/params.toml": "[expt.sweep]\nlr = [1, 2]\nwd = [3, 4]",
            "experiments/a.py": TAKES,
            "experiments/inner/params.toml": "lr = 0.5\n",
            "experiments/inner/b.py": TAKES,
            "experiments/own/params.toml": "[experiment_x]\nlr = 0.5\n",
            "experiments/own/c.py": TAKES,
            "experiments/inner/again/params.toml": "[expt.sweep]\nlr = [7]\n",
            "experiments/inner/again/d.py": TAKES,
            "experiments/same/params.toml": "lr = 9\n[expt.sweep]\nlr = [5, 6]\n",
            "experiments/same/e.py": TAKES,
        }
    )
    values: dict[str, list[float]] = {}
    for case in plan(sandbox):
        values.setdefault(case["experiment"].split("::")[0][12:], []).append(case["params"]["lr"])
    assert values == {
        "a.py": [1, 1, 2, 2],
        "inner/again/d.py": [7, 7],
        "inner/b.py": [0.5, 0.5],
        "own/c.py": [0.5, 0.5],
        "same/e.py": [5, 6, 5, 6],
    }
    notes = [line for line in told(sandbox).splitlines() if line.startswith("note:")]
    assert notes == [
        f"note: experiments/{file}::experiment_x: experiments/{line} ends the axis 'lr' of "
        "experiments/params.toml:2"
        for file, line in [
            ("inner/b.py", "inner/params.toml:1"),
            ("own/c.py", "own/params.toml:2"),
        ]
    ]
    ids = sandbox.expt("--co", "-q").lines
    assert "experiments/inner/b.py::experiment_x[wd-3]" in ids
    assert "experiments/a.py::experiment_x[lr-1-wd-3]" in ids


EXTENDED = """
    import expt

    @expt.sweep(lr=[1, 2], wd=[3, 4])
    def experiment_a(lr: float = 0.1, wd: float = 0.0): return lr

    experiment_b = expt.extends(experiment_a, lr=0.5)
    experiment_c = expt.extends(experiment_b, wd=7)
    one = 1
    experiment_d = expt.extends(experiment_a, wd=one)
    """


def test_a_value_of_expt_extends_ends_the_axis_of_its_base(sandbox: Sandbox) -> None:
    """As a nearer plain value does; the labels are known without importing where it is a literal,
    and a folder that hosts it may sweep the name again."""
    again = '[expt]\nextends = "../a.py::experiment_b"\n[expt.sweep]\nlr = [8, 9]\n'
    sandbox.write(
        {
            "experiments/a.py": EXTENDED,
            "experiments/flat/params.toml": 'wd = 9\n[expt]\nextends = "../a.py::experiment_a"\n',
            "experiments/again/params.toml": again,
            "experiments/swept/params.toml": "[expt.sweep]\nlr = [5, 6]\n",
            "experiments/swept/e.py": """
                import expt
                def experiment_e(lr: float = 0.1): return lr
                experiment_f = expt.extends(experiment_e, lr=0.5)
                """,
        }
    )
    ids = sorted(case["id"].removeprefix("experiments/") for case in plan(sandbox))
    assert [one for one in ids if "experiment_a[" not in one] == [
        *(f"a.py::experiment_b[wd-{wd}]" for wd in (3, 4)),
        "a.py::experiment_c",
        *(f"a.py::experiment_d[lr-{lr}]" for lr in (1, 2)),
        *(f"again::experiment_b[wd-{wd}-lr-{lr}]" for wd in (3, 4) for lr in (8, 9)),
        *(f"swept/e.py::experiment_e[lr-{lr}]" for lr in (5, 6)),
        "swept/e.py::experiment_f",
    ]
    assert [one for one in ids if one.startswith("flat")] == [
        f"flat::experiment_a[lr-{lr}]" for lr in (1, 2)
    ]
    listed = sandbox.expt("--co", "-q").lines
    unknown = f"experiments/{ids[ids.index('a.py::experiment_d[lr-1]')]}"
    assert set(listed) == {
        *(f"experiments/{one}" for one in ids if "experiment_d" not in one),
        unknown.replace("[lr-1]", "[?]"),
    }
    said = told(sandbox)
    for note in (
        "a.py::experiment_b: experiments/a.py:6 ends the axis 'lr' of experiments/a.py:3",
        "flat::experiment_a: experiments/flat/params.toml:1 ends the axis 'wd' of",
        "swept/e.py::experiment_f: experiments/swept/e.py:3 ends the axis 'lr' of",
    ):
        assert f"note: experiments/{note}" in said


@pytest.mark.parametrize(
    ("given", "cases"),
    [
        ("opt={lr=5}", [{"lr": 5, "name": "adam"}]),
        ("opt={name='x'}", [{"lr": 1, "name": "x"}, {"lr": 2, "name": "x"}]),
        ("opt={lr=5, name='x'}", [{"lr": 5, "name": "x"}]),
        ("opt.lr=5", [{"lr": 5, "name": "adam"}]),
        ("opt={}", [{"lr": 1, "name": "adam"}, {"lr": 2, "name": "adam"}]),
        ("opt+={name='x'}", None),
    ],
)
def test_a_table_of_p_collapses_the_axes_of_what_it_says(
    sandbox: Sandbox, given: str, cases: list[dict[str, Any]] | None
) -> None:
    sandbox.write(
        {
            "experiments/a.py": """
                def experiment_x(opt: dict = {"lr": 0.1, "name": "adam"}): return opt["lr"]
                """
        }
    )
    words = ("--sweep", "opt.lr=1,2", "-p", given)
    if cases is None:
        assert sandbox.expt("--plan", *words).exit_code == 4
        return
    assert [case["params"]["opt"] for case in plan(sandbox, *words)] == cases
    if len(cases) == 1:
        name = given.partition("=")[0]
        assert f"-p {name} collapses the axis 'opt.lr'" in told(sandbox, *words)


def test_a_member_by_p_collapses_the_axes_below_the_choice(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/params.toml": """
                [expt.choices.db]
                default = "mysql"
                [expt.choices.db.mysql]
                port = 3306
                [expt.choices.db.postgresql]
                port = 5432
                """,
            "experiments/a.py": "def experiment_x(db: dict): return db['port']\n",
        }
    )
    (case,) = plan(sandbox, "-p", "db=postgresql", "--sweep", "db.port=1,2")
    assert case["params"]["db"] == {"port": 5432}


def test_a_provider_wraps_the_value_that_ended_an_axis(sandbox: Sandbox) -> None:
    """A swept value is final; one that ends an axis is a plain value again."""
    sandbox.write(
        {
            "experiments/params.toml": "[expt.sweep]\nlr = [1, 2]\n",
            "experiments/inner/params.toml": "lr = 0.5\n",
            "experiments/inner/b.py": f"""
            import expt
            @expt.provider
            def lr(lr): return lr * 10
            {TAKES}
            """,
        }
    )
    assert sandbox.expt("-p", "seed=1").exit_code == 0
    assert sandbox.run().results["value"] == 5.0


@pytest.mark.parametrize(
    ("files", "words", "what", "at"),
    [
        ({}, ["--sweep", "lr=1", "--sweep", "lr=2"], "the axis 'lr' is swept twice", "--sweep lr"),
        (
            {"experiments/params.toml": "[expt.sweep]\nlr=[1]\n[expt.zip]\nlr=[2]\nwd=[3]\n"},
            [],
            "the axis 'lr' is swept twice",
            "experiments/params.toml:4",
        ),
        (
            {"experiments/b.py": "import expt\n@expt.sweep(lr=[1])\n@expt.sweep(lr=[2])\n" + TAKES},
            [],
            "the axis 'lr' of 'experiment_x' is swept twice",
            "experiments/b.py:2",
        ),
        (
            {"experiments/params.toml": "[expt]\nrepeat = 0\n"},
            [],
            "'repeat' of [expt] must be a whole number from 1",
            "experiments/params.toml:2",
        ),
    ],
)
def test_an_axis_that_is_none_is_an_error(
    sandbox: Sandbox, files: dict[str, str], words: list[str], what: str, at: str
) -> None:
    sandbox.write({"experiments/a.py": TAKES, **files})
    done = sandbox.expt(*words)
    assert done.exit_code == 4
    assert what in done.stderr
    assert f"at {at}" in done.stderr


def test_repeat_of_a_folder_is_repeat_of_the_command_line(sandbox: Sandbox) -> None:
    """Case: rng-same-for-all-cases: it can be said in a params.toml, nearest wins."""
    sandbox.write(
        {
            "experiments/params.toml": "seed = 3\n[expt]\nrepeat = 2\n",
            "experiments/a.py": TAKES,
            "experiments/inner/params.toml": "[expt]\nrepeat = 3\n",
            "experiments/inner/b.py": TAKES,
        }
    )
    cases = plan(sandbox)
    assert [case["case"] for case in cases] == [f"repeat-{i}" for i in (0, 1, 0, 1, 2)]
    origin = cases[0]["origins"]["seed"][0]
    assert (origin["layer"], origin["where"]) == ("sweep", "experiments/params.toml:3")
    assert cases[0]["params"] == plan(sandbox, "--repeat", "1")[0]["params"]
    assert len(plan(sandbox, "--repeat", "1")) == 2
    assert sandbox.expt("--co", "-q").lines[0] == "experiments/a.py::experiment_x[repeat-0]"


def test_random_axes_are_drawn_from_the_seed(sandbox: Sandbox) -> None:
    """On the command line and in a folder; the archive's values give the run again."""
    sandbox.write({"experiments/a.py": TAKES})
    words = ["--sweep", "lr={loguniform=[1e-5,1e-1], n=3}"]
    first = plan(sandbox, *words, "-p", "seed=1")
    assert first == plan(sandbox, *words, "-p", "seed=1")
    assert first != plan(sandbox, *words, "-p", "seed=2")
    assert first[0]["origins"]["lr"][0]["where"] == "--sweep lr"
    note = next(line for line in told(sandbox, *words).splitlines() if "draws the same" in line)
    seed = note.rpartition("-p seed=")[2].split()[0]
    assert f"'lr' drawn from seed {seed}" in note
    assert sandbox.expt("--co", "-q", *words).lines == ["experiments/a.py::experiment_x[?]"]
    swept = plan(sandbox, *words, "--sweep", "seed=1,2")
    assert swept[::2][0]["params"] == first[0]["params"]
    assert {c["params"]["lr"] for c in swept} == {c["params"]["lr"] for c in first}
    assert "drawn from" not in told(sandbox, *words, "--sweep", "seed=1,2")
    sandbox.write(
        {"experiments/params.toml": "seed = 1\n[expt.sweep]\nlr = {loguniform=[1e-5,1e-1], n=3}\n"}
    )
    assert [c["params"]["lr"] for c in plan(sandbox)] == [c["params"]["lr"] for c in first]
    assert sandbox.expt("-p", f"lr={first[0]['params']['lr']}").exit_code == 0
    assert sandbox.run().params["lr"] == first[0]["params"]["lr"]


# Seeds

WALK = "def experiment_walk(rng, replica: int = 0): return rng.normal()\n"


def test_a_seed_that_nobody_gave_is_another_for_every_case(sandbox: Sandbox) -> None:
    """Case: rng-same-for-all-cases: replicas differ, and one of them again is the same."""
    sandbox.write({"experiments/a.py": WALK})
    words = ["--sweep", "replica={range=[20]}"]
    assert sandbox.expt(*words).exit_code == 0
    runs = sandbox.runs()
    assert len({run.results["value"] for run in runs}) == 20
    assert all(run.origins["seed"][0].layer == "drawn" for run in runs)
    assert all(run.origins["seed"][0].value == run.params["seed"] for run in runs)
    one = runs[3]
    assert sandbox.expt(*words, "-k", one.case, "-p", f"seed={one.params['seed']}").exit_code == 0
    assert sandbox.run().results == one.results
    assert sandbox.expt(*words, "-k", f"{one.case} and replica", "--plan").exit_code == 0
    again = {case["case"]: case["fingerprint"] for case in plan(sandbox, *words)}
    assert again[one.case] == one.lineage["fingerprint"]  # the drawn seed is no part of it


def test_a_seed_that_is_given_is_that_of_all_cases(sandbox: Sandbox) -> None:
    sandbox.write({"experiments/a.py": WALK})
    cases = plan(sandbox, "--sweep", "replica=0,1", "-p", "seed=5")
    assert [case["params"]["seed"] for case in cases] == [5, 5]


def test_what_null_draws_is_no_part_of_the_fingerprint(sandbox: Sandbox) -> None:
    sandbox.write({"experiments/a.py": WALK})
    first, second = (plan(sandbox, "-p", "seed:=null")[0] for _ in range(2))
    assert first["params"]["seed"] != second["params"]["seed"]
    assert first["fingerprint"] == second["fingerprint"]


FAKE = """
state = None
def manual_seed(seed):
    global state
    state = seed
def rand():
    return state
"""


def test_torch_is_seeded_where_it_was_imported(sandbox: Sandbox) -> None:
    """Case: torch-not-seeded; tensorflow likewise, and neither is imported for it."""
    sandbox.write(
        {
            "torch.py": FAKE,
            "tensorflow/__init__.py": "from tensorflow import random\n",
            "tensorflow/random.py": FAKE.replace("manual_seed", "set_seed"),
            "experiments/a.py": """
            import tensorflow, torch
            def experiment_a(): return [torch.rand(), tensorflow.random.rand()]
            """,
            "experiments/b.py": """
            import sys
            def experiment_b(): return "torch" in sys.modules
            """,
            "experiments/c.py": """
            def experiment_c():
                import tensorflow, torch
                return [torch.rand(), tensorflow.random.rand()]
            """,
        }
    )
    assert sandbox.expt("-p", "seed=5", "-k", "c.py").exit_code == 0
    assert sandbox.run().results["value"] == [5, 5]
    assert sandbox.expt("-p", "seed=5", "-k", "a.py").exit_code == 0
    assert sandbox.run().results["value"] == [5, 5]
    assert sandbox.expt("-p", "seed=5", "-k", "b.py").exit_code == 0
    assert sandbox.run().results["value"] is False


def test_a_value_that_stands_on_its_axis_twice_is_two_cases(sandbox: Sandbox) -> None:
    """As a drawn choice gives it; they go by their places, in a listing and in a plan alike."""
    sandbox.write({"experiments/m.py": "def experiment_a(lr=0.0): return lr"})
    words = ("experiments", "--sweep", "lr=1,1,2")
    ids = [f"experiments/m.py::experiment_a[lr-{each}]" for each in ("lr0", "lr1", "2")]
    assert sandbox.expt(*words, "--co", "-q").lines == ids
    assert [case["id"] for case in sandbox.expt(*words, "--plan", "--json").json()] == ids
    assert sandbox.expt(*words).exit_code == 0
    assert sorted(run.node_id for run in sandbox.runs()) == sorted(ids)
    assert "3 done" in sandbox.expt(*words, "--resume").stdout
