"""Archives of every format ever released still load. Add a folder a format; change none."""

from __future__ import annotations

import datetime as dt
import math
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from warm_start import run_warm

import expt
from expt.ground.errors import NewerArchive

if TYPE_CHECKING:
    from expt.testing import Sandbox

ARCHIVES = Path(__file__).parent / "archives"
PAGE = Path(__file__).parents[1] / "docs/reference/archive-format.md"
NODE = shutil.which("node")


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
    shown = run_warm(["show", str(archive)], archive.parent, {**os.environ})
    assert shown.returncode == 0, shown.stderr
    assert "Every kind of value, once or twice." in shown.stdout
    script = run_warm(
        [str(archive / "analysis.py")], archive.parent, {**os.environ}, python=True, draws=True
    )
    assert script.returncode == 0, script.stderr


def test_a_newer_format_is_named(archive: Path) -> None:
    record = archive / "run.json"
    record.write_text(record.read_text().replace('"format": 1', '"format": 99', 1))
    with pytest.raises(NewerArchive, match="99"):
        expt.load(archive)


@pytest.mark.skipif(NODE is None, reason="node is not installed")
def test_the_reader_in_javascript_of_the_formats_page_reads_every_kind(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/all.py": """
                import numpy as np

                def experiment_all(track, lr: float = 0.1):
                    for step in range(3):
                        track("loss", 1 / (step + 1), step=step)
                        track("count", step * 10, step=step / 2)
                    track("text", "hällo")
                    track("facts", {"nan": float("nan"), "keys": {1: 2}})
                    track("weights", np.eye(3))
                    return {"inf": float("inf"), "list": [1, 2]}
            """
        }
    )
    assert sandbox.expt().exit_code == 0
    run = sandbox.run()
    with (run.path / "series/entries.jsonl").open("a") as file:
        file.write('{"id": 3, "st')  # torn
    found = re.search(r"^```javascript\n(.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S)
    assert found is not None
    assert found[1].count("\n") <= 40
    script = sandbox.root / "read.mjs"
    script.write_text(found[1], encoding="utf-8")
    done = subprocess.run(
        [str(NODE), script, run.path], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stderr == ""
    head, *lines = done.stdout.splitlines()
    assert head.startswith("completed { lr: 0.1")
    assert "inf: Infinity" in head
    assert lines[:3] == [
        "loss 3 2 0.3333333333333333",
        "count 3 1 20",
        "text 1 0 hällo",
    ]
    assert "nan: NaN" in done.stdout
    assert "Map(1) { 1 => 2 }" in done.stdout
    (weights,) = (line for line in lines if line.startswith("weights"))
    assert Path(weights.split(" ", 3)[3]).is_file()
