"""From layers, sweeps and variants to cases: what the command plans, seen from outside."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from expt.planning.inputs import HASH_CAP

if TYPE_CHECKING:
    from expt.testing import Sandbox

pytestmark = pytest.mark.inline

TAKES = "def experiment_x(track, lr: float = 0.1, seed: int = 0): track('x', lr)\n"


def plan(sandbox: Sandbox, *words: str) -> list[dict[str, Any]]:
    done = sandbox.expt("--plan", "--json", *words)
    assert done.exit_code in (0, 5), done.stderr
    return done.json()


def labels(sandbox: Sandbox, *words: str) -> list[str | None]:
    return [case["case"] for case in plan(sandbox, *words)]


def refused(sandbox: Sandbox, *words: str) -> str:
    done = sandbox.expt(*words)
    assert done.exit_code == 4, done.stdout + done.stderr
    assert not (sandbox.root / "runs").exists()
    return done.stderr


def test_a_sweep_is_a_product_and_the_last_axis_is_fastest(sandbox: Sandbox) -> None:
    sandbox.write({"experiments/a.py": TAKES})
    words = ["--sweep", "lr=0.1,0.01", "--sweep", "seed=0,1,2"]
    assert labels(sandbox, *words) == [
        "lr-0.1-seed-0", "lr-0.1-seed-1", "lr-0.1-seed-2",
        "lr-0.01-seed-0", "lr-0.01-seed-1", "lr-0.01-seed-2",
    ]  # fmt: skip
    assert labels(sandbox, *words, "-k", "lr-0.1 and seed-2") == ["lr-0.1-seed-2"]
    assert labels(sandbox, *words, "-k", "not seed-2") == [
        "lr-0.1-seed-0", "lr-0.1-seed-1", "lr-0.01-seed-0", "lr-0.01-seed-1"
    ]  # fmt: skip


def test_an_experiment_gets_the_axes_that_it_takes_and_that_of_the_seed(sandbox: Sandbox) -> None:
    sandbox.write({"experiments/a.py": TAKES + "def experiment_y(track): track('y', 1)\n"})
    cases = labels(sandbox, "--sweep", "lr=1,2", "--sweep", "seed=0,1")
    assert cases[4:] == ["seed-0", "seed-1"]


def test_a_value_of_the_command_line_collapses_an_axis_and_the_plan_says_so(
    sandbox: Sandbox,
) -> None:
    sandbox.write({"experiments/a.py": TAKES})
    words = ["--sweep", "lr=0.1,0.01", "--sweep", "seed=0,1", "-p", "lr=0.5"]
    assert labels(sandbox, *words) == ["seed-0", "seed-1"]
    told = sandbox.expt("--plan", *words).stdout
    assert "experiments/a.py::experiment_x: -p lr collapses the axis 'lr'" in told


def test_zip_pairs_axes(sandbox: Sandbox) -> None:
    sandbox.write({"experiments/a.py": TAKES})
    words = ["--sweep", "lr=0.1,0.01", "--sweep", "seed=0,1", "--zip", "lr,seed"]
    assert labels(sandbox, *words) == ["lr-0.1-seed-0", "lr-0.01-seed-1"]
    error = refused(sandbox, "--sweep", "lr=1,2,3", "--sweep", "seed=0,1", "--zip", "lr,seed")
    assert "'lr' has 3 and 'seed' has 2" in error


def test_sweeps_of_decorators_and_folders_and_the_command_line(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/a.py": """
                import expt

                RATES = [0.1, 0.2]

                @expt.sweep(lr=RATES)
                def experiment_computed(track, lr: float, size: int = 1): ...
            """,
            "experiments/params.toml": "[expt.sweep]\nsize = [1, 2]\n",
        }
    )
    assert labels(sandbox) == [
        "lr-0.1-size-1", "lr-0.1-size-2", "lr-0.2-size-1", "lr-0.2-size-2"
    ]  # fmt: skip
    assert labels(sandbox, "--sweep", "lr=5.0") == ["size-1-lr-5.0", "size-2-lr-5.0"]
    done = sandbox.expt("--collect-only", "-q")
    assert done.lines == ["experiments/a.py::experiment_computed[?]"]


def test_only_those_that_take_an_axis_get_it(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/a.py": TAKES + "def experiment_y(track): ...\n",
            "experiments/b.py": """
                from expt import provider

                @provider
                def model(width: int = 3):
                    return width

                def experiment_z(model): ...
            """,
        }
    )
    ids = [case["id"] for case in plan(sandbox, "--sweep", "width=1,2")]
    assert ids == [
        "experiments/a.py::experiment_x",
        "experiments/a.py::experiment_y",
        "experiments/b.py::experiment_z[width-1]",
        "experiments/b.py::experiment_z[width-2]",
    ]
    assert "no selected experiment has a parameter 'witdh'" in refused(
        sandbox, "--sweep", "witdh=1,2"
    )


def test_repeats_have_independent_seeds_that_do_not_depend_on_their_number(
    sandbox: Sandbox,
) -> None:
    sandbox.write({"experiments/a.py": TAKES})
    three = plan(sandbox, "--repeat", "3", "-p", "seed=7")
    two = plan(sandbox, "--repeat", "2", "-p", "seed=7")
    seeds = [case["params"]["seed"] for case in three]
    assert [case["case"] for case in three] == ["repeat-0", "repeat-1", "repeat-2"]
    assert len(set(seeds)) == 3
    assert [case["params"]["seed"] for case in two] == seeds[:2]
    from numpy.random import SeedSequence

    assert seeds == [int(s.generate_state(1)[0]) for s in SeedSequence(7).spawn(3)]


def test_variants_and_smoke_beat_inner_plain_keys(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/params.toml": """
                lr = 1.0
                [expt.variants.big]
                lr = 100.0
                [expt.smoke]
                lr = 0.001
            """,
            "experiments/deep/params.toml": "lr = 2.0\n",
            "experiments/deep/a.py": TAKES,
        }
    )
    assert plan(sandbox)[0]["params"]["lr"] == 2.0
    assert plan(sandbox, "--variant", "big")[0]["params"]["lr"] == 100.0
    assert plan(sandbox, "--smoke")[0]["params"]["lr"] == 0.001
    assert plan(sandbox, "--smoke", "--variant", "big")[0]["params"]["lr"] == 0.001
    error = refused(sandbox, "--variant", "bigg")
    assert "no selected experiment has the variant 'bigg'" in error
    assert "did you mean 'big'?" in error


def test_variants_stack_and_are_an_axis(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/params.toml": """
                [expt.variants.a]
                lr = 1.0
                [expt.variants.b]
                lr = 2.0
                seed = 2
            """,
            "experiments/x.py": TAKES,
        }
    )
    stacked = plan(sandbox, "--variant", "b", "--variant", "a")[0]["params"]
    assert stacked == {"lr": 1.0, "seed": 2}
    axis = plan(sandbox, "--variant", "a,b")
    assert [(case["case"], case["params"]["lr"]) for case in axis] == [
        ("variant-a", 1.0), ("variant-b", 2.0)
    ]  # fmt: skip


def test_what_no_smoke_reaches_is_listed_and_not_run(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/with/params.toml": "[expt.smoke]\nlr = 0.001\n",
            "experiments/with/a.py": TAKES,
            "experiments/without/b.py": TAKES,
        }
    )
    done = sandbox.expt("--smoke")
    assert done.exit_code == 0
    assert "experiments/without/b.py::experiment_x: no [expt.smoke] reaches it" in done.stdout
    assert sandbox.runs(smoke=False) == [] or len(sandbox.runs()) == 0
    assert [run.params["lr"] for run in sandbox.runs(smoke=True)] == [0.001]


def test_a_wrong_value_in_a_file_is_told_with_its_line(sandbox: Sandbox) -> None:
    sandbox.write({"experiments/a.py": TAKES, "experiments/params.toml": '# rates\nlr = "fast"\n'})
    assert refused(sandbox) == (
        "error: 'lr' must be float, not 'fast'\n"
        "  at experiments/params.toml:2\n"
        "  set by params.toml, over 0.1 of default (experiments/a.py:1)\n"
    )


def test_texts_stay_texts_and_token_counts_are_no_secrets(sandbox: Sandbox) -> None:
    sandbox.write({"experiments/a.py": "def experiment_x(tag='', max_tokens: int = 1): ...\n"})
    assert sandbox.expt("-p", "tag=1#2", "-p", "max_tokens=2048").exit_code == 0
    assert sandbox.run().params["tag"] == "1#2"
    assert sandbox.run().params["max_tokens"] == 2048


def test_a_key_that_nothing_takes_is_a_warning_with_its_line(sandbox: Sandbox) -> None:
    sandbox.write({"experiments/a.py": TAKES, "experiments/params.toml": "# rates\nlrr = 3.0\n"})
    told = sandbox.expt("--plan").stdout
    assert (
        "experiments/params.toml:2: nothing takes the parameter 'lrr'; did you mean 'lr'?" in told
    )


def test_five_layers_are_shown_and_archived_with_file_and_line(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "params.toml": "lr = 1.0\n",
            "experiments/params.toml": "# rates\nlr = 2.0\n",
            "experiments/deep/params.toml": "lr = 3.0\n[experiment_x]\nlr = 4.0\n",
            "experiments/deep/a.py": TAKES,
        }
    )
    expected = [
        {"layer": "params.toml", "where": "experiments/deep/params.toml:3", "value": 4.0},
        {"layer": "params.toml", "where": "experiments/deep/params.toml:1", "value": 3.0},
        {"layer": "params.toml", "where": "experiments/params.toml:2", "value": 2.0},
        {"layer": "params.toml", "where": "params.toml:1", "value": 1.0},
        {"layer": "default", "where": "experiments/deep/a.py:1", "value": 0.1},
    ]
    sandbox.write({"expt.toml": ""})
    assert plan(sandbox)[0]["origins"]["lr"] == expected
    told = sandbox.expt("--plan").stdout
    for origin in expected:
        assert origin["where"] in told
    sandbox.expt()
    assert sandbox.record()["origins"]["lr"] == expected


def test_an_archives_values_are_input_for_an_equal_run(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/a.py": """
                import datetime
                from pathlib import Path
                from expt import provider

                @provider
                def lr(lr: float = 0.5):
                    return lr * 10

                def experiment_x(
                    results, lr, name: str = "007", nothing: int | None = None,
                    table: dict = {"a": 1, "b": [1, 2]}, when=datetime.date(2026, 1, 2),
                    where: Path = Path("data/x"), wild=float("nan"), seed: int = 3,
                ):
                    results["lr"] = lr
            """
        }
    )
    assert sandbox.expt("-p", "table.a=5").exit_code == 0
    first = sandbox.record()
    done = sandbox.expt("--params", sandbox.run().path / "params.toml")
    assert done.exit_code == 0, done.stderr
    second = sandbox.record()
    assert json.dumps(second["params"]) == json.dumps(first["params"])
    assert (first["params"]["lr"], first["results"]["lr"]) == (0.5, 5.0)
    assert second["results"] == first["results"]


def test_the_same_case_alone_and_as_the_fifth_gives_the_same_numbers(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/a.py": """
                import random
                import numpy as np
                from expt import provider

                @provider(scope="session")
                def noise(rng):
                    return float(rng.normal()) + random.random() + np.random.rand()

                def experiment_x(results, rng, noise, case: int = 0, seed: int = 5):
                    results["numbers"] = [
                        float(rng.normal()), random.random(), float(np.random.rand()), noise
                    ]
            """
        }
    )
    sandbox.expt("--sweep", "case=0,1,2,3,4")
    fifth = sandbox.run().results["numbers"]
    sandbox.expt("-p", "case=4")
    assert sandbox.run().results["numbers"] == fifth


def test_secrets_are_nowhere_below_the_archive(sandbox: Sandbox) -> None:
    secret, by_name, in_file = "hush-hush-1", "hush-hush-2", "hush-hush-3"
    sandbox.write(
        {
            "experiments/params.toml": f'api_key = "{in_file}"\ntoken = "${{TOKEN}}"\n',
            "experiments/a.py": """
                import expt

                def experiment_x(
                    track, token: expt.Secret, api_key: str, db_password: str = "none"
                ):
                    print("token", token, api_key)
                    track("length", len(token))
                    raise ValueError(f"refused {token} {db_password}")
            """,
        }
    )
    subprocess.run(["git", "init", "-q"], cwd=sandbox.root, check=True)
    sandbox.environ["TOKEN"] = secret
    done = sandbox.expt("-p", f"db_password={by_name}")
    assert done.exit_code == 1, done.stderr
    assert sandbox.run().series["length"].last == len(secret)
    for path in (sandbox.root / "runs").rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            for text in (secret, by_name, in_file):
                assert text.encode() not in content, path
    for text in (secret, by_name, in_file):
        assert text not in sandbox.expt("--plan", "-p", f"db_password={by_name}").stdout
        assert text not in done.stdout


def test_paths_are_relative_to_the_file_that_set_them_and_are_inputs(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/deep/params.toml": 'data = "table.txt"\n',
            "experiments/deep/table.txt": "1 2 3\n",
            "experiments/deep/a.py": """
                from pathlib import Path

                def experiment_x(results, data: Path):
                    results["text"] = data.read_text()
            """,
            "other.txt": "4 5 6\n",
        }
    )
    assert sandbox.expt().exit_code == 0
    record = sandbox.record()
    assert record["results"]["text"] == "1 2 3\n"
    assert record["inputs"]["data"]["size"] == 6
    assert record["inputs"]["data"]["sha256"] == hashlib.sha256(b"1 2 3\n").hexdigest()
    before = record["lineage"]["fingerprint"]
    (sandbox.root / "experiments/deep/table.txt").write_text("7 8 9\n")
    sandbox.expt()
    assert sandbox.record()["lineage"]["fingerprint"] != before
    assert sandbox.expt("-p", "data=other.txt").exit_code == 0
    assert sandbox.run().results["text"] == "4 5 6\n"


def test_of_a_file_too_large_to_hash_size_and_time_are_in_the_fingerprint(
    sandbox: Sandbox,
) -> None:
    source = "from pathlib import Path\ndef experiment_x(data: Path): ..."
    sandbox.write({"experiments/a.py": source, "data.csv": ""})
    os.truncate(sandbox.root / "data.csv", HASH_CAP + 1)
    told = []
    for time in (1, 2, 2):
        os.utime(sandbox.root / "data.csv", (time, time))
        told.append(plan(sandbox, "-p", "data=data.csv")[0]["fingerprint"])
    assert told[0] != told[1] == told[2]


def test_fingerprints_change_with_values_and_code_and_not_with_drawn_seeds(
    sandbox: Sandbox,
) -> None:
    sandbox.write(
        {
            "experiments/helpers.py": "RATE = 1\n",
            "experiments/a.py": "import helpers\ndef experiment_x(track, lr=1.0): ...\n",
        }
    )

    def fingerprint(*words: str) -> str:
        return plan(sandbox, *words)[0]["fingerprint"]

    first = fingerprint()
    assert fingerprint() == first
    assert fingerprint("-p", "lr=2.0") != first
    assert fingerprint("-p", "seed=1") != first
    sandbox.write({"experiments/helpers.py": "RATE = 2\n"})
    assert fingerprint() != first


def test_every_case_of_every_experiment_has_a_fingerprint_of_its_own(sandbox: Sandbox) -> None:
    sandbox.write({"experiments/a.py": "def experiment_x(a=1): ...\ndef experiment_y(a=1): ...\n"})
    prints = [case["fingerprint"] for case in plan(sandbox, "--repeat", "2")]
    assert len(set(prints)) == 4
    assert [case["fingerprint"] for case in plan(sandbox, "--repeat", "2")] == prints


def test_dotted_names_appending_and_addressing(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/a.py": """
                def experiment_x(
                    optimizer: dict = {"name": "adam", "lr": 0.1}, tags: list = ["a"]
                ): ...
                def experiment_y(optimizer: dict = {"name": "sgd", "lr": 1.0}): ...
            """
        }
    )
    x, y = plan(
        sandbox, "-p", "experiment_x:optimizer.lr=0.5", "-p", 'tags+=["b", "c"]', "-p", "tags+=d"
    )
    assert x["params"]["optimizer"] == {"name": "adam", "lr": 0.5}
    assert y["params"]["optimizer"] == {"name": "sgd", "lr": 1.0}
    assert x["params"]["tags"] == ["a", "b", "c", "d"]
    assert [origin["layer"] for origin in x["origins"]["optimizer.lr"]] == ["-p", "default"]
    error = refused(sandbox, "-p", "experiment_z:lr=1")
    assert "no selected experiment is named 'experiment_z'" in error


def test_nested_classes_are_made_from_tables(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/params.toml": "[model]\nwidth = 3\n",
            "experiments/a.py": """
                from dataclasses import dataclass
                from enum import Enum
                from typing import Literal

                class Kind(Enum):
                    SMALL = "small"
                    LARGE = "large"

                @dataclass
                class Model:
                    width: int
                    depth: float = 2.0
                    kind: Kind = Kind.SMALL

                def experiment_x(results, model: Model, way: Literal["up", "down"] = "up"):
                    results["made"] = [model.width, model.depth, model.kind.name, way]
            """,
        }
    )
    assert sandbox.expt("-p", "model.kind=large", "-p", "way=down").exit_code == 0
    assert sandbox.run().results["made"] == [3, 2.0, "LARGE", "down"]
    (sandbox.root / "runs").rename(sandbox.root / "old")
    assert "'up'" in refused(sandbox, "-p", "way=left")
    assert "did you mean 'width'" in refused(sandbox, "-p", "model.widht=1")


def test_a_provider_that_asks_for_its_own_name_wraps_what_is_below(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/params.toml": "lr = 0.5\n",
            "experiments/a.py": """
                from expt import provider

                @provider
                def lr(lr):
                    return lr * 10

                def experiment_x(results, lr): results["lr"] = lr
            """,
        }
    )
    sandbox.expt()
    record = sandbox.record()
    assert (record["params"]["lr"], record["results"]["lr"]) == (0.5, 5.0)
    assert [origin["layer"] for origin in record["origins"]["lr"]] == ["provider", "params.toml"]
    sandbox.expt("-p", "lr=3.0")
    record = sandbox.record()
    assert (record["params"]["lr"], record["results"]["lr"]) == (3.0, 3.0)


def test_providers_that_disagree_about_a_default_are_named(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/a.py": """
                from expt import provider

                @provider
                def one(size=1): return size

                @provider
                def two(size=2): return size

                def experiment_x(one, two): ...
            """
        }
    )
    error = refused(sandbox)
    assert "different defaults for 'size'" in error
    assert "experiments/a.py:3" in error
    assert "experiments/a.py:6" in error
    assert sandbox.expt("-p", "size=3").exit_code == 0


def test_a_name_of_the_users_that_collides_with_a_built_in_one(sandbox: Sandbox) -> None:
    sandbox.write(
        {"experiments/conftest.py": "import expt\n@expt.provider\ndef track(): ...\n",
         "experiments/a.py": TAKES}
    )  # fmt: skip
    error = refused(sandbox)
    assert "the provider 'track' has the name of a built-in provider" in error
    assert "experiments/conftest.py" in error
    assert Path("experiments/conftest.py").name in error


def test_a_swept_secret_names_no_case(sandbox: Sandbox) -> None:
    sandbox.write({"experiments/a.py": "def experiment_x(results, api_key): ...\n"})
    assert sandbox.expt("--sweep", "api_key=hush-1,hush-2").exit_code == 0
    assert sorted(run.case for run in sandbox.runs()) == ["api_key-api_key0", "api_key-api_key1"]
    for path in (sandbox.root / "runs").rglob("*"):
        assert not path.is_file() or b"hush-" not in path.read_bytes(), path
