"""Running an archived run again: its values, its code, and whether the same comes out."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from made_runs import make_run

from expt.ground.model import LAYER_COMMAND, Origin
from expt.ground.text import MASK
from expt.reading.finding import find_runs
from expt.reading.references import load_archive, load_run
from expt.reading.reproduction import find_unlike, is_like
from expt.sessions.rerunning import final_values

if TYPE_CHECKING:
    from pathlib import Path

    from expt.testing import Sandbox

pytestmark = pytest.mark.inline

TREE = {
    "pyproject.toml": "[tool.expt]\n",
    "experiments/params.toml": """
        scale = 2.0
        [expt.choices.net.small]
        width = 1
        [expt.choices.net.large]
        width = 9
        [expt.choices.net]
        default = "small"
    """,
    "experiments/helper.py": "FACTOR = 2\n",
    "experiments/train.py": """
        import random
        import time

        import numpy as np
        import helper
        from expt import provider

        @provider
        def scale(scale):
            return scale * 10

        def experiment_seeded(track, rng, net, scale: float, lr: float = 0.1):
            for step in range(5):
                track("loss", lr * random.random() * helper.FACTOR * scale, step=step)
            track("weights", rng.normal(size=(3, 3)))
            track("facts", {"net": net["width"], "x": np.random.rand()})
            return {"lr": lr, "scale": scale, "width": net["width"], "noise": rng.normal(size=4)}

        def experiment_loose(track):
            track("time", time.perf_counter())
            return {"time": time.perf_counter()}
    """,
}


@pytest.fixture
def tree(sandbox: Sandbox) -> Sandbox:
    return sandbox.write(TREE)


@pytest.fixture(scope="module")
def seeded_once(shared_sandbox: Sandbox) -> Sandbox:
    """The tree with one run, for tests that add none."""
    shared_sandbox.write(TREE)
    assert shared_sandbox.expt("-k", "seeded").exit_code == 0
    return shared_sandbox


@pytest.fixture
def seeded(seeded_once: Sandbox, sandbox: Sandbox) -> Sandbox:
    """The tree with one run."""
    shutil.copytree(seeded_once.root, sandbox.root, dirs_exist_ok=True)
    return sandbox


def test_a_seeded_run_is_reproduced_after_the_tree_was_edited_and_after_it_was_deleted(
    tree: Sandbox,
) -> None:
    tree.expt("-k", "seeded", "--sweep", "lr=0.1,0.2", "-p", "scale=3", "-p", "net=large")
    first = tree.run("latest~1")
    assert (first.results["scale"], first.results["width"]) == (3, 9), "-p is wrapped by nothing"
    tree.write({"experiments/helper.py": "FACTOR = 5\n", "experiments/params.toml": "scale = 1\n"})
    done = tree.expt("rerun", first.id, "--check")
    assert (done.exit_code, done.lines[0].split()[:2]) == (0, ["reproduced", first.short_id])
    again = tree.run("latest")
    assert again.lineage["rerun_of"] == first.id
    assert again.params == first.params
    shutil.rmtree(tree.root / "experiments")
    done = tree.expt("rerun", "-k", "seeded", "--check")
    assert done.exit_code == 0, done.stdout + done.stderr
    assert done.lines[-1] == "2 of 2 reproduced", "reruns are not run again"


def test_a_value_below_a_provider_is_wrapped_again(seeded: Sandbox) -> None:
    assert seeded.run().results["scale"] == 20
    assert seeded.expt("rerun", "latest", "--check").exit_code == 0
    assert seeded.run().results["scale"] == 20


def test_an_unseeded_run_is_not_reproduced_and_says_what_differs(tree: Sandbox) -> None:
    tree.expt("-k", "loose")
    done = tree.expt("rerun", "latest", "--check", "--rtol", "1e-12")
    assert done.exit_code == 1
    assert done.lines[0].startswith("not reproduced  ")
    assert done.lines[1].startswith("  results.time  ")
    assert done.lines[2].startswith("  series time: step 0 ")
    (verdict,) = tree.expt("rerun", "latest", "--check", "--json").json()
    assert (verdict["reproduced"], len(verdict["differs"])) == (False, 2)
    assert verdict["id"] != verdict["rerun"] == tree.run().id


def test_a_rerun_of_archived_code_is_of_the_commit_that_it_was_of(sandbox: Sandbox) -> None:
    """The working tree may be at another one."""

    def git(*words: str) -> None:
        told = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
        subprocess.run(["git", *told, *words], cwd=sandbox.root, check=True, capture_output=True)

    experiment = "def experiment_one(lr=0.1):\n    return {'twice': lr * 2}\n"
    sandbox.write({"experiments/one.py": experiment, ".gitignore": "runs\n", "expt.toml": ""})
    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "first")
    sandbox.write({"experiments/one.py": experiment + "# edited\n"})
    sandbox.expt("experiments")
    old = sandbox.run()
    sandbox.write({"experiments/one.py": experiment + "# edited again\n"})
    git("commit", "-q", "-a", "-m", "second")
    sandbox.expt("rerun", "latest")
    new = sandbox.run()
    assert new.lineage["rerun_of"] == old.id
    assert (new.environment["git"], new.patch) == (old.environment["git"], old.patch)
    assert old.environment["git"]["dirty"] and "# edited" in old.patch
    sandbox.expt("rerun", old.id, "--current-code")
    today = sandbox.run()
    assert today.environment["git"]["commit"] != old.environment["git"]["commit"]
    assert sandbox.expt("diff", old.id, new.id, "--json").json()["git"] == {}


def test_other_values_are_deviations_and_todays_code_is_told(tree: Sandbox) -> None:
    tree.expt("-k", "seeded", "--sweep", "lr=0.1,0.2")
    first = tree.run("latest~1")
    tree.expt("rerun", first.id, "-p", "lr=0.5", "-p", "net=large")
    again = tree.run()
    assert (again.results["lr"], again.results["width"]) == (0.5, 9)
    assert again.lineage["deviations"] == {"lr": 0.5, "net": "large"}
    assert again.params["seed"] == first.params["seed"]
    tree.write({"experiments/helper.py": "FACTOR = 5\n"})
    done = tree.expt("rerun", first.id, "--check", "--current-code")
    assert done.exit_code == 1
    assert "  other code: experiments/helper.py" in done.lines


def test_the_command_that_a_run_shows_works_from_another_folder(
    seeded: Sandbox, tmp_path: Path
) -> None:
    tree, first = seeded, seeded.run()
    (line,) = (line for line in tree.expt("show", first.id).lines if line.startswith("  as it was"))
    words = line.split()[4:]
    (tmp_path / "elsewhere").mkdir()
    assert tree.expt(*words, cwd=tmp_path / "elsewhere").exit_code == 0
    assert tree.run().lineage["rerun_of"] == first.id
    assert tree.run().results == first.results


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "error: expt rerun needs to be told which runs\n  expt rerun latest\n"),
        (
            ("latest", "--check", "-p", "lr=1"),
            "error: with other values nothing can be reproduced\n  at -p\n  leave out '--check'\n",
        ),
        (
            ("latest", "--json"),
            "error: '--json' tells what '--check' found\n  at --json\n  give both\n",
        ),
        (("--status", "failed"), "error: no run is like that, nothing is run\n"),
        (
            ("latest", "-p", "lrr=1"),
            "error: no selected experiment has a parameter 'lrr'\n",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(
    seeded_once: Sandbox, words: tuple[str, ...], message: str
) -> None:
    done = seeded_once.expt("rerun", *words)
    assert done.exit_code == 4
    assert done.stderr.startswith(message)
    assert len(seeded_once.runs()) == 1


def test_a_rerun_that_leaves_no_archive_is_told_and_the_others_are_checked(
    sandbox: Sandbox,
) -> None:
    """As on a disk that is full: the new run's archive cannot be read."""
    sandbox.write(
        {
            "experiments/a.py": """
                import os, shutil
                from pathlib import Path

                def experiment_a(archive, lr=0):
                    if lr == 1 and Path("full").exists():
                        shutil.rmtree(archive.path)
                        Path(archive.path).write_text("")
            """
        }
    )
    assert sandbox.expt("--sweep", "lr=1,2", "-p", "seed=1").exit_code == 0
    sandbox.write({"full": ""})
    done = sandbox.expt("rerun", "--check", "-k", "experiment_a")
    assert done.exit_code == 1
    assert "Traceback" not in done.stderr
    words = {line.split()[0] for line in done.lines if "experiment_a[lr-2]" in line}
    assert "reproduced" in words
    assert any(line.startswith("cannot be run") for line in done.lines), done.lines
    assert done.lines[-1] == "1 of 2 reproduced"


def test_a_bad_archive_is_named_and_the_others_are_checked(tree: Sandbox) -> None:
    tree.expt("-k", "seeded", "--sweep", "lr=0.1,0.2,0.3")
    newer, linked, _ = tree.runs()
    record = json.loads((newer.path / "run.json").read_text())
    (newer.path / "run.json").write_text(json.dumps({**record, "format": 99}))
    outside = tree.root / "outside"
    (linked.path / "code").rename(outside)
    (linked.path / "code").symlink_to(outside)
    done = tree.expt("rerun", "-k", "seeded", "--check")
    assert done.exit_code == 1
    assert f"cannot be run  {linked.short_id}  {linked.node_id}" in done.lines
    assert "  this run has no code that could be run again" in done.lines
    assert done.lines[-1] == "1 of 2 reproduced"
    assert str(newer.path) in done.stderr
    assert tree.expt("rerun", str(newer.path)).exit_code == 4


def test_a_secret_that_was_given_is_not_given_again_as_its_mask(tmp_path: Path) -> None:
    origins = {name: (Origin(LAYER_COMMAND, "-p"),) for name in ("lr", "token", "table")}
    params = {"lr": 0.1, "token": MASK, "table": {"key": MASK}}
    run = load_archive(make_run(tmp_path, 1, params=params, origins=origins))
    assert [".".join(one.name) for one in final_values(run, ())] == ["lr"]


@pytest.mark.parametrize(
    ("one", "other", "rtol", "alike"),
    [
        (1.0, 1.0, None, True),
        (1, 1.0, None, False),
        (0.0, -0.0, None, False),
        (float("nan"), float("nan"), None, True),
        (1.0, 1.0 + 1e-12, None, False),
        (1.0, 1.0 + 1e-12, 1e-9, True),
        (1.0, 1.1, 1e-9, False),
        (1.0, 2.0, 0.5, True),
        ([1.0, {"a": 2.0}], [1.0, {"a": 2.0 + 1e-12}], 1e-9, True),
        ([1.0], [1.0, 2.0], 1e-9, False),
        ("a", "b", 1.0, False),
        (True, 1, 1.0, False),
        (10**400, 10**400 + 1, 0.1, False),
    ],
)
def test_values_are_alike_bit_for_bit_or_within_the_tolerance(
    one: Any, other: Any, rtol: float | None, alike: bool
) -> None:
    assert is_like(one, other, rtol) is alike


def test_what_only_one_run_has_differs(tmp_path: Path) -> None:
    make_run(tmp_path, 1, results={"a": 1, "b": {"c": 2}})
    make_run(tmp_path, 2, results={"a": 1}, status="failed")
    new, old = find_runs(tmp_path)
    assert find_unlike(old, new) == [
        "status completed → failed",
        "results.b.c only in the old run",
    ]
    assert find_unlike(old, load_run(str(old.path), tmp_path)) == []
