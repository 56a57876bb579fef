"""The example trees run end to end: right numbers, whole archives, pictures, scripts that work."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from warm_start import run_warm

if TYPE_CHECKING:
    from expt import Run, Runs
    from expt.testing import Done, Sandbox

pytestmark = pytest.mark.inline

ROOT = Path(__file__).parents[1]
IGNORED = shutil.ignore_patterns("runs", "__pycache__", "benchmarks", "notebook.csv")

RUN_ALL = """
import runpy, sys
for script in sys.argv[1:]:
    runpy.run_path(script, run_name="__main__")
"""

WITHIN = {
    "experiment_ising": 0.05,
    "experiment_percolation": 0.03,
    "experiment_lorenz": 0.01,
    "experiment_gray_scott": 0.8,
    "experiment_network": 0.04,
    "experiment_rings": 0.04,
}
"""How far each measured value may be from the exact one, in its own units."""


@pytest.fixture(scope="module")
def tree(shared_sandbox: Sandbox) -> Sandbox:
    """A copy of the example tree, so that the repository gets no archives."""
    shutil.copytree(ROOT / "experiments", shared_sandbox.root / "experiments", ignore=IGNORED)
    return shared_sandbox


@pytest.fixture(scope="module")
def smoked(tree: Sandbox) -> Runs:
    """The small runs of the whole tree that `--smoke` makes, with pictures; one of each sweep."""
    one = ("-p", "temperature=2.2", "-p", "length=16", "-p", "size=32", "-p", "steps=10")
    ran(tree, "experiments/", "--smoke", *one, render=True, timeout=200)
    return tree.runs(smoke=True, session="latest")


def ran(sandbox: Sandbox, *words: str, render: bool = False, timeout: float = 100) -> Done:
    """Started where matplotlib is imported already, which some of the experiments do."""
    told = words if render else (*words, "--no-render")
    done = sandbox.expt(*told, render=True, timeout=timeout)
    assert done.exit_code == 0, done.stdout + done.stderr
    return done


def function_of(run: Run) -> str:
    return run.experiment.partition("::")[2]


def check_pictures(run: Run) -> None:
    """Each series but texts has its rendering, and each video its frames."""
    index = json.loads((run.path / "plots" / "index.json").read_text())
    for name, series in run.series.items():
        files = index.get(name, [])
        assert files or series.kind == "text", f"{run.experiment}: no rendering of {name}"
        videos = [file for file in files if file.endswith(".mp4")]
        assert videos or series.kind not in ("image", "figure")
        for video in videos:
            assert count_frames(run.path / "plots" / video) == len(series)


def count_frames(video: Path) -> int:
    import imageio_ffmpeg

    frames, _ = imageio_ffmpeg.count_frames_and_secs(str(video))
    return int(frames)


@pytest.mark.timeout(400)
def test_the_whole_tree_agrees_with_theory(tree: Sandbox) -> None:
    lengths = {"sweeps": 1000, "epochs": 250, "steps": 2000, "duration": 20.0}
    few = {**lengths, "pictures": 1, "samples": 60, "size": 64}
    words = [word for name, value in few.items() for word in ("-p", f"{name}={value}")]
    ran(tree, "experiments/", *words, timeout=360)
    runs = tree.runs()
    assert {function_of(run) for run in runs} == WITHIN.keys()
    assert {run.status for run in runs} == {"completed"}
    for run in runs:
        error = run.results["error"]
        assert error <= WITHIN[function_of(run)], run.experiment
        assert error == pytest.approx(abs(run.results["value"] - run.results["exact"]))
        assert "off by" in run.log


def test_smoke_runs_every_experiment_of_the_tree_and_leaves_listings_alone(
    tree: Sandbox, smoked: Runs
) -> None:
    assert {function_of(run) for run in smoked} == WITHIN.keys()
    assert not {run.id for run in tree.runs()} & {run.id for run in smoked}


def test_every_kind_of_series_is_drawn(smoked: Runs) -> None:
    for run in smoked:
        check_pictures(run)
    kinds = {series.kind for run in smoked for series in run.series.values()}
    assert kinds == {"scalar", "image", "figure", "array", "text", "structured"}


def test_a_run_says_what_it_extends(smoked: Runs) -> None:
    extended = {
        run.experiment: list(run.lineage["extends"]) for run in smoked if run.lineage["extends"]
    }
    assert extended == {
        "experiments/dynamics/spots::experiment_gray_scott": [
            "experiments/dynamics/gray_scott.py::experiment_gray_scott"
        ],
        "experiments/learning/rings.py::experiment_rings": [
            "experiments/learning/network.py::experiment_network"
        ],
    }


def test_each_script_runs_from_elsewhere_after_its_archive_moved_and_the_sources_are_gone(
    tree: Sandbox, smoked: Runs, tmp_path: Path
) -> None:
    one_of_each = {function_of(run): run.path for run in smoked}
    scripts = [shutil.copytree(path, tmp_path / name) for name, path in one_of_each.items()]
    hidden = tree.root.rename(tree.root.with_name("gone"))
    try:
        words = ["-c", RUN_ALL, *(str(script / "analysis.py") for script in scripts)]
        done = run_warm(words, tmp_path, dict(os.environ), merged=True, draws=True, python=True)
    finally:
        hidden.rename(tree.root)
    assert done.returncode == 0, done.stdout


def test_keyword_selects_the_ising_model_and_command_line_shadows_the_folder(
    tree: Sandbox, smoked: Runs
) -> None:
    ran(tree, "-k", "ising and not network", "-p", "seed=3", "--smoke")
    runs = tree.runs(smoke=True, session="latest")
    assert {function_of(run) for run in runs} == {"experiment_ising"}
    seed = [(origin.layer, origin.where, origin.value) for origin in runs[0].origins["seed"]]
    assert seed == [
        ("-p", "-p seed", 3),
        ("params.toml", "experiments/params.toml:3", 1),
    ]


def test_the_variant_is_a_set_of_values_for_its_folder(tree: Sandbox) -> None:
    plan = ran(tree, "--variant", "wide", "--plan", "--json", "experiments/learning").json()
    assert {case["params"]["hidden"] for case in plan} == {128}


def test_conftest_example_is_a_project_of_its_own(sandbox: Sandbox) -> None:
    shutil.copytree(ROOT / "conftest_example", sandbox.root, ignore=IGNORED, dirs_exist_ok=True)
    ran(sandbox)
    errors = {run.case or function_of(run): run.results["error"] for run in sandbox.runs()}
    assert errors.keys() == {"experiment_half_life", "nearest-0.1", "nearest-0.2"}
    assert max(errors.values()) < 2
    notebook = (sandbox.root / "notebook.csv").read_text().splitlines()
    assert len(notebook) == 3
    assert np.all(["completed" in line for line in notebook])
