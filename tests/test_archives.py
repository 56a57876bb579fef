"""Archives of every format ever released still load. Add a folder a format; change none."""

from __future__ import annotations

import datetime as dt
import math
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import expt
from expt.ground.errors import NewerArchive

ARCHIVES = Path(__file__).parent / "archives"


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A copy, since looking at an archive may leave an index beside it."""
    copy = tmp_path / "v1"
    shutil.copytree(ARCHIVES / "v1", copy)
    return copy


def test_format_1_loads_with_every_kind_of_value(archive: Path) -> None:
    run = expt.load(archive)
    assert (run.id, run.status, run.tags, run.note) == (
        "igq4icpleq", "completed", ("first",), "a fixture"
    )  # fmt: skip
    assert run.params["name"] == "007"
    assert run.params["nothing"] is None
    assert run.params["table"] == {"a": 1, "b": [1, 2]}
    assert run.params["when"] == dt.date(2026, 1, 2)
    assert run.params["where"] == Path("data/x")
    assert math.isnan(run.params["wild"])
    assert [origin.layer for origin in run.origins["lr"]] == ["params.toml", "default"]
    assert run.results == {
        "date": dt.date(2026, 1, 2),
        "value": 1.5,
        "infinite": float("-inf"),
        "path": Path("data/x"),
    }
    assert run.series["loss"].values.tolist() == [0.2, 0.1, 0.2 / 3, 0.05]
    assert run.series["loss"].steps.tolist() == [0, 1, 2, 3]
    assert run.series["count"].last == 2**53 + 1
    assert run.series["odd/name é"].last == float("inf")
    assert run.series["picture"].values[0].tolist() == np.arange(48).reshape(4, 4, 3).tolist()
    assert run.series["grid"].last.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert run.series["words"].last == "two\nlines"
    assert run.series["table"].last == {"accuracy": 0.5, "nested": {"deep": 1}}
    assert run.series["table/nested/deep"].last == 1
    assert run.series["figure"].values[0].shape[:2] == (150, 150)
    assert run.artifacts["notes/a b.json"].load() == {"x": [1, 2]}
    assert run.artifacts["model.npz"].load()["w"].tolist() == [1.0, 1.0]
    assert "printed" in run.log
    assert "def experiment_kinds" in run.code["experiments/kinds.py"]


def test_format_1_is_shown_and_its_script_runs(archive: Path) -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "expt", "show", str(archive)],
        capture_output=True, text=True, check=False, cwd=archive.parent,
    )  # fmt: skip
    assert shown.returncode == 0, shown.stderr
    assert "Every kind of value, once or twice." in shown.stdout
    script = subprocess.run(
        [sys.executable, str(archive / "analysis.py")],
        capture_output=True, text=True, check=False, cwd=archive.parent,
    )  # fmt: skip
    assert script.returncode == 0, script.stderr


def test_a_newer_format_is_named(archive: Path) -> None:
    record = archive / "run.json"
    record.write_text(record.read_text().replace('"format": 1', '"format": 99', 1))
    with pytest.raises(NewerArchive, match="99"):
        expt.load(archive)
