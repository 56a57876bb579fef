"""PyComex archives become archives like any other.

`archives/pycomex-0.29/results` was left by its `mnist.py` and `broken.py`, run once with pycomex
0.29.0; only the pictures that PyComex drew of numbers were deleted. Where pycomex is installed a
test makes fresh ones.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    from expt.testing import Sandbox

pytestmark = pytest.mark.inline

MADE = Path(__file__).parent / "archives/pycomex-0.29"


@pytest.fixture(scope="module")
def imported(shared_sandbox: Sandbox) -> Sandbox:
    shutil.copytree(MADE / "results", shared_sandbox.root / "results")
    done = shared_sandbox.expt("import", "pycomex", "results")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.lines[-1] == "2 imported"
    return shared_sandbox


def folder_of(name: str) -> Path:
    return next((MADE / "results" / name).iterdir())


def test_parameters_come_with_their_words(imported: Sandbox) -> None:
    run = imported.run("experiment_mnist")
    model = run.params.pop("MODEL")
    assert run.params == {
        "EPOCHS": 3,
        "LEARNING_RATE": 0.1,
        "OPTIMIZER": {"name": "adam", "betas": [0.9, 0.999], "clip": None},
    }
    assert model.startswith("<object object at ")
    assert "of the parameter 'MODEL' PyComex kept the text alone" in run.notices
    assert [origin.layer for origin in run.origins["LEARNING_RATE"]] == ["imported"]


def test_tracked_series_come_with_their_order_and_pictures_byte_for_byte(
    imported: Sandbox,
) -> None:
    run = imported.run("experiment_mnist")
    assert {name: series.kind for name, series in run.series.items()} == {
        "loss": "scalar",
        "curve": "figure",
        "epochs": "scalar",
    }
    assert run.series["loss"].values.tolist() == [1.0, 0.5, 1 / 3]
    assert run.series["loss"].steps.tolist() == [0, 1, 2]
    assert run.series["epochs"].values.dtype == np.int64
    pictures = [path.read_bytes() for path in sorted((folder_of("mnist") / ".track").iterdir())]
    kept = [path.read_bytes() for path in sorted(run.path.glob("series/*-curve/*.png"))]
    assert kept == pictures
    assert "PyComex keeps no times of what is tracked; the run's start stands: epochs, loss" in (
        run.notices
    )


def test_what_else_was_stored_is_the_results(imported: Sandbox) -> None:
    results = imported.run("experiment_mnist").results
    assert np.isnan(results.pop("nothing"))
    assert results == {"metrics": {"accuracy": 0.5}, "confusion": [[0, 1], [2, 3]]}


def test_artifacts_code_and_log_come_along(imported: Sandbox) -> None:
    run = imported.run("experiment_mnist")
    assert run.artifacts["notes.txt"].load() == "a note"
    assert run.artifacts["report.json"].load() == {"a": 1}
    assert run.artifacts["models/weights.bin"].load() == bytes(range(16))
    assert "__CACHING__" in run.artifacts["experiment_meta.json"].load()["parameters"]
    assert run.code["experiment_code.py"] == (MADE / "mnist.py").read_text()
    assert sorted(run.code) == ["analysis.py", "experiment_code.py"]
    assert " - begins\n" in run.log


def test_status_times_and_origin_are_those_of_the_archive(imported: Sandbox) -> None:
    run = imported.run("experiment_mnist")
    meta = json.loads((folder_of("mnist") / "experiment_meta.json").read_text())
    assert (run.status, run.description) == ("completed", "Train a classifier.")
    assert run.started.timestamp() == pytest.approx(meta["start_time"], abs=1e-5)
    assert run.finished is not None
    assert run.finished.timestamp() == pytest.approx(meta["end_time"], abs=1e-5)
    assert run.duration == meta["duration"]
    assert run.lineage["imported_from"] == {
        "format": "pycomex",
        "id": f"results/mnist/{folder_of('mnist').name}",
        "path": str(imported.root / "results/mnist" / folder_of("mnist").name),
    }


def test_a_failed_one_keeps_its_error(imported: Sandbox) -> None:
    run = imported.run("experiment_broken")
    assert run.status == "failed"
    assert run.error is not None
    assert (run.error.type, run.error.message) == ("ValueError", "no luck")
    assert run.error.traceback.startswith("Traceback (most recent call last):\n")
    assert run.error.traceback.endswith("ValueError: no luck")


@pytest.mark.parametrize(
    "words",
    [
        ("show",),
        ("show", "experiment_mnist"),
        ("show", "experiment_mnist", "experiment_broken"),
        ("show", "--where", "LEARNING_RATE < 1 and results.metrics.accuracy > 0.1"),
        ("diff", "experiment_mnist", "experiment_broken"),
        ("du",),
        ("verify",),
        ("pack", "experiment_mnist", "-o", "one.zip"),
    ],
    ids=" ".join,
)
def test_every_reading_verb_takes_it(imported: Sandbox, words: tuple[str, ...]) -> None:
    done = imported.expt(*words)
    assert (done.exit_code, done.stderr) == (0, "")
    if words == ("verify",):
        assert done.lines[-1] == "2 whole"


def test_it_has_pictures_and_a_script_that_runs(imported: Sandbox) -> None:
    run = imported.run("experiment_mnist")
    assert {"loss", "curve"} <= set(run.plots)
    done = imported.python(run.path / "analysis.py")
    assert (done.exit_code, done.stderr) == (0, "")


def test_it_cannot_be_run_again_and_says_why(imported: Sandbox) -> None:
    done = imported.expt("rerun", "experiment_mnist")
    assert done.exit_code == 4
    assert done.stderr.startswith("error: the run was made by pycomex, and expt cannot run it\n")


def test_the_same_archive_is_imported_once(sandbox: Sandbox) -> None:
    shutil.copytree(MADE / "results", sandbox.root / "results")
    sandbox.expt("import", "pycomex", "results/mnist", "--no-render")
    done = sandbox.expt("import", "pycomex", "results", "--no-render")
    assert done.lines[-1] == "1 imported, 1 imported before: --again imports them once more"
    sandbox.expt("import", "pycomex", "results", "--again", "--no-render", "--tag", "old")
    assert len(sandbox.runs()) == 4
    assert len(sandbox.runs(tag=["old"])) == 2


def test_a_damaged_one_is_named_and_the_others_are_imported(sandbox: Sandbox) -> None:
    shutil.copytree(MADE / "results", sandbox.root / "results")
    folder = sandbox.root / "results/broken" / folder_of("broken").name
    (folder / "experiment_data.json").write_text('{"x": [1')
    done = sandbox.expt("import", "pycomex", "results", "--no-render")
    assert done.exit_code == 1
    assert done.lines[-1] == "1 imported, 1 cannot be read"
    assert f"warning: {folder.relative_to(sandbox.root)}: experiment_data.json is not JSON" in (
        done.stderr
    )
    assert len(sandbox.runs()) == 1


def hostile(meta: dict[str, Any], data: dict[str, Any], folder: Path) -> None:
    folder.mkdir(parents=True)
    meta = {"status": "done", "start_time": 1.7e9, "end_time": 1.7e9 + 1, **meta}
    (folder / "experiment_meta.json").write_text(json.dumps(meta))
    (folder / "experiment_data.json").write_text(json.dumps(data))


def test_nothing_outside_the_archive_is_read_or_written(sandbox: Sandbox) -> None:
    """Names that lead out, in the data, as a link, and as a place of the new archive."""
    sandbox.write({"secret.png": (folder_of("mnist") / ".track/curve_001.png").read_bytes()})
    folder = sandbox.root / "x/one"
    hostile(
        {"namespace": "../../out/../..", "name": "../../n", "__track__": ["a", "b"]},
        {"a": [".track/../../../secret.png"], "b": [".track/link.png"]},
        folder,
    )
    (folder / ".track").mkdir()
    (folder / ".track/link.png").symlink_to(sandbox.root / "secret.png")
    (folder / "linked.txt").symlink_to(sandbox.root / "secret.png")
    (folder / "linked").symlink_to(sandbox.root)
    before = {path for path in sandbox.root.parent.rglob("*") if "runs" not in path.parts}
    done = sandbox.expt("import", "pycomex", "x", "--no-render")
    assert done.exit_code == 1, done
    assert "'.track/../../../secret.png' names no file inside" in done.stderr
    assert list((sandbox.root / "runs").rglob("run.json")) == []
    after = {path for path in sandbox.root.parent.rglob("*") if "runs" not in path.parts}
    assert after == before
    hostile({"namespace": "../../out", "name": "../n"}, {}, sandbox.root / "y/two")
    assert sandbox.expt("import", "pycomex", "y", "--no-render").exit_code == 0
    assert sandbox.run().experiment == "out::experiment__n"


def test_what_does_not_fit_is_told_and_the_rest_is_kept(sandbox: Sandbox) -> None:
    hostile(
        {
            "__track__": ["mixed", "deep/a", "deep/b", "gone"],
            "parameters": {"A": {"value": [1] * 3}, "api_key": {"value": "sk-123456789"}, "B": 3},
        },
        {"mixed": [1, 2.5, True, "a text", None, 2**70 + 1], "deep": {"a": [1], "c": 3}},
        sandbox.root / "x",
    )
    done = sandbox.expt("import", "pycomex", "x", "--no-render")
    assert (done.exit_code, done.stderr) == (0, "")
    run = sandbox.run()
    assert run.series["mixed"].values.tolist() == [1, 2.5, 1]
    assert run.series["deep/a"].values.tolist() == [1]
    assert run.results == {"deep": {"c": 3}}
    assert run.params["A"] == [1, 1, 1]
    assert "sk-123456789" not in (run.path / "run.json").read_text()
    told = "\n".join(run.notices)
    assert "'mixed' was not tracked: the series is of kind 'scalar', and this value of 'text'" in (
        told
    )
    assert "masked in params, and in no other file that was copied: api_key" in told


def test_packages_of_a_reproducible_one_become_pins(sandbox: Sandbox) -> None:
    hostile({}, {}, sandbox.root / "x")
    packages = {
        "__python__": {"version": "3.11.2"},
        "numpy": {"version": "1.26.4", "name": "numpy"},
    }
    sandbox.write({"x/.dependencies.json": json.dumps(packages)})
    sandbox.expt("import", "pycomex", "x", "--no-render")
    done = sandbox.expt("requirements", "latest")
    assert done.lines[1:] == ["# Python 3.11.2", "numpy==1.26.4"]


def test_a_folder_without_archives_is_an_error(sandbox: Sandbox) -> None:
    sandbox.write({"x/readme.txt": ""})
    done = sandbox.expt("import", "pycomex", "x")
    assert (done.exit_code, done.stderr) == (
        4,
        "error: no folder there has a file 'experiment_meta.json'\n  at x\n",
    )


def test_a_fresh_archive_of_the_installed_pycomex(sandbox: Sandbox) -> None:
    pytest.importorskip("pycomex")
    script = shutil.copy(MADE / "mnist.py", sandbox.root)
    subprocess.run([sys.executable, script], check=True, timeout=100, cwd=sandbox.root)
    done = sandbox.expt("import", "pycomex", "results")
    assert (done.exit_code, done.stderr) == (0, "")
    run = sandbox.run()
    assert run.series["loss"].values.tolist() == [1.0, 0.5, 1 / 3]
    assert len(run.series["curve"].values) == 3
    assert run.results["metrics"] == {"accuracy": 0.5}
    assert run.params["OPTIMIZER"]["name"] == "adam"
    assert {"notes.txt", "loss.png", "curve.mp4"} <= set(run.artifacts)
    assert sandbox.expt("verify").lines[-1] == "1 whole"
