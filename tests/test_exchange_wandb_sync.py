"""Runs are handed to `wandb sync`, and are sent once its mark is there.

The package is a stand-in that keeps what it is given: W&B's service is nobody's to test against.
Where wandb is installed its own command says that it would take the runs.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from exchanged import make_everything

if TYPE_CHECKING:
    from expt.testing import Sandbox

pytestmark = pytest.mark.inline

STAND_IN = """
    import json, pathlib, sys

    words = sys.argv[1:]
    folders = [pathlib.Path(word) for word in words if "/" in word]
    told = {"words": [w for w in words if "/" not in w], "runs": sorted(f.name for f in folders)}
    with open("told.jsonl", "a") as file:
        file.write(json.dumps(told) + "\\n")
    for folder in folders:
        (log,) = folder.glob("run-*.wandb")
        if pathlib.Path("refuse").exists():
            print("wandb: ERROR api key not configured")
        else:
            log.with_name(log.name + ".synced").touch()
"""


@pytest.fixture
def box(sandbox: Sandbox) -> Sandbox:
    sandbox.write({"stand_in/wandb/__init__.py": "", "stand_in/wandb/__main__.py": STAND_IN})
    sandbox.environ["PYTHONPATH"] = str(sandbox.root / "stand_in")
    return sandbox


def told(box: Sandbox) -> list[dict[str, list[str]]]:
    return [json.loads(line) for line in (box.root / "told.jsonl").read_text().splitlines()]


def test_runs_go_to_the_project(box: Sandbox) -> None:
    run = make_everything(box)
    done = box.expt("export", "wandb", "latest", "-o", "wandb://team/proj")
    assert (done.exit_code, done.stderr) == (0, "")
    (sync,) = told(box)
    assert sync["words"] == ["sync", "--yes", "-p", "proj", "-e", "team"]
    assert sync["runs"] == [f"offline-run-{run.started:%Y%m%d_%H%M%S}-{run.id}"]


def test_what_was_not_uploaded_is_an_error_with_its_words(box: Sandbox) -> None:
    make_everything(box)
    box.write({"refuse": ""})
    done = box.expt("export", "wandb", "latest", "-o", "wandb://proj")
    assert (done.exit_code, done.stderr) == (
        4,
        "error: 1 of 1 runs were not uploaded: wandb: ERROR api key not configured\n"
        "  at wandb://proj\n",
    )
    done = box.expt("export", "wandb", "latest", "-o", "wandb://")
    assert done.stderr.startswith("error: no project is named\n")


def test_a_mirror_sends_each_run_and_tells_what_it_could_not(box: Sandbox) -> None:
    box.write({"expt.toml": '[mirror]\nwandb = "team/proj"\ntimeout = 50\n'})
    make_everything(box)
    assert len(told(box)) == 1
    box.write({"refuse": ""})
    done = box.expt("experiments")
    assert done.exit_code == 0
    text = done.stdout + done.stderr
    assert "notice: 1 run not sent to wandb at wandb://team/proj: 1 of 1 runs were not" in text
    assert f"later: expt export wandb {box.run().id} -o wandb://team/proj" in text


def test_wandbs_own_command_would_take_them(sandbox: Sandbox) -> None:
    pytest.importorskip("wandb")
    run = make_everything(sandbox)
    sandbox.expt("export", "wandb", "-o", "wandb")
    done = subprocess.run(
        [sys.executable, "-m", "wandb", "sync", "--dry-run"],
        cwd=sandbox.root,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert f"run-{run.id}.wandb" in done.stdout + done.stderr
    assert "Would sync 1 run" in done.stdout + done.stderr
