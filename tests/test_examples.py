"""The example trees run end to end: right numbers, whole archives, pictures, scripts that work."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import expt
from expt import Run, Runs

ROOT = Path(__file__).parents[1]
IGNORED = shutil.ignore_patterns("runs", "__pycache__", "benchmarks", "notebook.csv")

WITHIN = {
    "experiment_ising": 0.05,
    "experiment_percolation": 0.03,
    "experiment_lorenz": 0.01,
    "experiment_gray_scott": 0.8,
    "experiment_network": 0.04,
    "experiment_rings": 0.04,
}
"""How far each measured value may be from the exact one, in its own units."""


def run_expt(folder: Path, *words: str) -> str:
    """What `expt WORDS` prints; it must end with exit code 0."""
    return run_python(folder, "-m", "expt", *words)


def run_python(folder: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env={**os.environ, "NO_COLOR": "1", "MPLBACKEND": "agg"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=360,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the example tree, so that the repository gets no archives."""
    shutil.copytree(ROOT / "experiments", tmp_path / "experiments", ignore=IGNORED)
    return tmp_path


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
def test_the_whole_tree_agrees_with_theory_and_is_drawn(tree: Path) -> None:
    run_expt(tree, "experiments/", "-n", "2")
    runs = expt.runs(tree / "runs")
    assert {function_of(run) for run in runs} == WITHIN.keys()
    assert {run.status for run in runs} == {"completed"}
    for run in runs:
        error = run.results["error"]
        assert error <= WITHIN[function_of(run)], run.experiment
        assert error == pytest.approx(abs(run.results["value"] - run.results["exact"]))
        check_pictures(run)
        assert "off by" in run.log
    kinds = {series.kind for run in runs for series in run.series.values()}
    assert kinds == {"scalar", "image", "figure", "array", "text", "structured"}
    check_lineage(runs)
    check_scripts(runs, tree)


def check_lineage(runs: Runs) -> None:
    extended = {
        run.experiment: list(run.lineage["extends"]) for run in runs if run.lineage["extends"]
    }
    assert extended == {
        "experiments/dynamics/spots::experiment_gray_scott": [
            "experiments/dynamics/gray_scott.py::experiment_gray_scott"
        ],
        "experiments/learning/rings.py::experiment_rings": [
            "experiments/learning/network.py::experiment_network"
        ],
    }


def check_scripts(runs: Runs, tree: Path) -> None:
    """Each analysis.py runs after its archive moved and the sources are gone, from elsewhere."""
    elsewhere = tree / "elsewhere"
    elsewhere.mkdir()
    one_of_each = {function_of(run): run.path for run in runs}
    moved = [shutil.move(path, elsewhere / name) for name, path in one_of_each.items()]
    shutil.rmtree(tree / "experiments")
    for archive in moved:
        run_python(tree, str(Path(archive) / "analysis.py"))


def test_smoke_runs_every_experiment_of_the_tree_and_leaves_listings_alone(tree: Path) -> None:
    run_expt(tree, "experiments/", "--smoke", "--no-render")
    assert len(expt.runs(tree / "runs")) == 0
    smoked = expt.runs(tree / "runs", smoke=True)
    assert {function_of(run) for run in smoked} == WITHIN.keys()


def test_keyword_selects_the_ising_model_and_command_line_shadows_the_folder(tree: Path) -> None:
    run_expt(tree, "-k", "ising and not network", "-p", "seed=3", "--smoke", "--no-render")
    runs = expt.runs(tree / "runs", smoke=True)
    assert {function_of(run) for run in runs} == {"experiment_ising"}
    seed = [(origin.layer, origin.where, origin.value) for origin in runs[0].origins["seed"]]
    assert seed == [
        ("-p", "-p seed", 3),
        ("params.toml", "experiments/params.toml:3", 1),
    ]


def test_the_variant_is_a_set_of_values_for_its_folder(tree: Path) -> None:
    plan: list[dict[str, Any]] = json.loads(
        run_expt(tree, "--variant", "wide", "--plan", "--json", "experiments/learning")
    )
    assert {case["params"]["hidden"] for case in plan} == {128}


def test_conftest_example_is_a_project_of_its_own(tmp_path: Path) -> None:
    project = tmp_path / "project"
    shutil.copytree(ROOT / "conftest_example", project, ignore=IGNORED)
    run_expt(project, "--no-render")
    runs = expt.runs(project / "runs")
    errors = {run.case or function_of(run): run.results["error"] for run in runs}
    assert errors.keys() == {"experiment_half_life", "nearest-0.1", "nearest-0.2"}
    assert max(errors.values()) < 2
    notebook = (project / "notebook.csv").read_text().splitlines()
    assert len(notebook) == 3
    assert np.all(["completed" in line for line in notebook])
