"""`--scratch` overwrites what is over, and no two runs ever share a folder."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from expt.archive.scratch import claim_scratch

if TYPE_CHECKING:
    from pathlib import Path

    from expt.testing import Sandbox

pytestmark = pytest.mark.inline


def archives(sandbox: Sandbox) -> list[str]:
    root = sandbox.root / "runs/.scratch"
    return sorted(path.parent.relative_to(root).as_posix() for path in root.rglob("run.json"))


def test_each_case_of_a_scratch_sweep_has_a_folder_of_its_own(sandbox: Sandbox) -> None:
    """case: scratch-sweep-shares-one-folder"""
    text = """
        def experiment_e(track, archive, x: int = 1):
            for _ in range(20):
                track("x", x)
            archive.save(f"{x}.txt", str(x))
    """
    sandbox.write({"experiments/e.py": text})
    for _ in range(2):
        done = sandbox.expt("--scratch", "--sweep", "x=1,2,3", "-n", "2")
        assert done.exit_code == 0, done.stderr
        assert archives(sandbox) == [f"e/experiment_e/x-{x}" for x in (1, 2, 3)]
    for run in sandbox.runs(scratch=True):
        x = run.params["x"]
        assert set(run.series["x"].values.tolist()) == {float(x)}
        assert [path.name for path in (run.path / "artifacts").iterdir()] == [f"{x}.txt"]


def test_experiments_of_several_paths_do_not_meet_in_one_folder(sandbox: Sandbox) -> None:
    """case: scratch-collides-across-paths"""
    sandbox.write(
        {
            "expt.toml": 'paths = ["a/experiments", "b/experiments"]',
            "a/experiments/train.py": "def experiment_train(): return 'a'",
            "b/experiments/train.py": "def experiment_train(): return 'b'",
        }
    )
    assert sandbox.expt("--scratch").exit_code == 0
    assert archives(sandbox) == ["a/train/experiment_train", "b/train/experiment_train"]
    assert {run.results["value"] for run in sandbox.runs(scratch=True)} == {"a", "b"}


def test_a_session_does_not_take_away_what_another_one_still_writes_to(sandbox: Sandbox) -> None:
    """case: scratch-mixed"""
    text = """
        import pathlib, time

        def experiment_x(track, i: int = 0):
            for k in range(100):
                track("loss", i * 1000 + k)
            pathlib.Path(f"begun{i}").touch()
            while i == 1 and not pathlib.Path("end").exists():
                time.sleep(0.01)
            return {"done": i}
    """
    sandbox.write({"experiments/m.py": text})
    first = sandbox.start("--scratch", "-p", "i=1")
    deadline = time.monotonic() + 60
    while not (sandbox.root / "begun1").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert sandbox.expt("--scratch", "-p", "i=2").exit_code == 0
    (sandbox.root / "end").touch()
    first.communicate(timeout=60)
    assert first.returncode == 0
    assert archives(sandbox) == ["m/experiment_x", "m/experiment_x~2"]
    for run in sandbox.runs(scratch=True):
        i = run.params["i"]
        assert run.results["done"] == i
        assert run.series["loss"].values.tolist() == [i * 1000 + k for k in range(100)]


def test_a_folder_that_cannot_be_made_fails_the_run_at_once(sandbox: Sandbox) -> None:
    """case: claim-spin"""
    sandbox.write({"experiments/m.py": "def experiment_x(): ..."})
    (sandbox.root / "runs").mkdir()
    (sandbox.root / "runs/m").symlink_to("/gone/disk")
    done = sandbox.expt(timeout=30)
    assert done.exit_code == 1
    assert "no archive can be made: File exists" in done.stdout
    assert "runs/m" in done.stdout


def test_a_case_takes_the_place_of_the_archive_whose_folder_it_is_to_stand_in(
    tmp_path: Path,
) -> None:
    whole = claim_scratch(tmp_path, "experiment_e", None, "e", "1")
    (whole / "run.json").write_text('{"experiment": "e", "status": "completed"}')
    case = claim_scratch(tmp_path, "experiment_e", "x-1", "e", "2")
    assert (case, [*whole.iterdir()]) == (whole / "x-1", [case])
