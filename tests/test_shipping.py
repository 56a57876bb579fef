"""Nodes without our file system: what they need goes with a case, and its archive comes back."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from expt.ground.errors import ExptError
from expt.ground.messages import Begin
from expt.ground.options import KeepingOptions, Options
from expt.sessions.shipping import lay_out

if TYPE_CHECKING:
    from expt.testing import Sandbox

PROJECT = {
    "expt.toml": """
        [executors.far]
        factory = "concurrent.futures:ProcessPoolExecutor"
        max_workers = 1
        ship = true
        files = ["words/*.txt"]
    """,
    "helpers.py": "from deeper.still import double\n",
    "deeper/__init__.py": "",
    "deeper/still.py": "def double(x): return 2 * x\n",
    "unused.py": "raise RuntimeError('nobody imports this')\n",
    "words/greeting.txt": "hello",
    "data/numbers.csv": "1,2,3\n",
    "experiments/params.toml": "width = 4\n[expt]\nuse = ['used.py']\n",
    "experiments/used.py": "import expt\n@expt.provider\ndef offset(): return 100\n",
    "experiments/conftest.py": "import expt\n@expt.provider\ndef base(): return 10\n",
    "experiments/far.py": """
        import os
        from pathlib import Path

        from helpers import double

        def experiment_far(track, archive, base, offset, width: int, x: int, data: Path):
            track("x", double(x))
            archive.save("seen.json", {"x": x})
            print("printed there")
            return {
                "sum": double(x) + base + offset + width,
                "greeting": Path("words/greeting.txt").read_text(),
                "data": data.read_text(),
                "root": os.getcwd(),
                "unused": os.path.exists("unused.py"),
            }

        def experiment_dies(track, x: int):
            track("x", x)
            os._exit(3)
    """,
}
WORDS = ("--executor", "far", "--sweep", "x=1,2,3", "-p", "data=data/numbers.csv", "-p", "seed=1")


def test_code_and_inputs_go_and_archives_come_back(sandbox: Sandbox) -> None:
    sandbox.write(PROJECT)
    done = sandbox.expt("-k", "far and not dies", *WORDS)
    assert done.exit_code == 0, done.stdout + done.stderr
    runs = {run.params["x"]: run for run in sandbox.runs()}
    assert sorted(runs) == [1, 2, 3]
    for x, run in runs.items():
        results = run.results
        assert results["sum"] == 2 * x + 10 + 100 + 4
        assert (results["greeting"], results["data"], results["unused"]) == (
            "hello",
            "1,2,3\n",
            False,
        )
        assert not Path(results["root"]).is_relative_to(sandbox.root), "it ran here"
        assert not Path(results["root"]).exists(), "what was laid out there is left"
        assert run.series["x"].last == 2 * x
        assert "printed there" in (run.path / "output.log").read_text()
        assert run.path.is_relative_to(sandbox.root / "runs" / "far" / "experiment_far")
    assert sandbox.expt("verify").exit_code == 0
    assert "0 to run" in sandbox.expt("-k", "far and not dies", "--resume", *WORDS).stdout


def test_a_run_that_dies_there_is_told_here_with_what_it_tracked(sandbox: Sandbox) -> None:
    sandbox.write(PROJECT)
    done = sandbox.expt("-k", "dies", "--executor", "far", "-p", "x=7")
    assert done.exit_code == 1, done.stdout + done.stderr
    (run,) = sandbox.runs()
    assert run.error is not None
    assert (run.status, run.error.message) == ("failed", "the worker ended with exit code 3")
    assert run.series["x"].last == 7


def test_an_input_that_cannot_go_is_told_before_anything_is_submitted(sandbox: Sandbox) -> None:
    sandbox.write(PROJECT)
    outside = sandbox.root.parent / "outside.csv"
    outside.write_text("4")
    done = sandbox.expt("-k", "far and not dies", *WORDS, "-p", f"data={outside}")
    assert done.exit_code == 4
    assert done.stderr == (
        f"error: 'data' is {outside}, which no node has\n"
        "  at ship = true\n"
        "  what is shipped lies below the root directory, and is named relative to it\n"
    )
    assert not sandbox.runs()


def test_a_case_that_goes_on_takes_its_checkpoint_along(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "expt.toml": PROJECT["expt.toml"],
            "experiments/counts.py": """
                import os

                def experiment_counts(checkpoint, track):
                    state = checkpoint.load({"step": 0})
                    for step in range(state["step"], 4):
                        track("step", step, step=step)
                        checkpoint.save({"step": step + 1})
                        if step == 1:
                            os._exit(1)
            """,
        }
    )
    words = ("--executor", "far", "-p", "seed=1")
    assert sandbox.expt(*words).exit_code == 1
    done = sandbox.expt(*words, "--resume")
    assert done.exit_code == 0, done.stdout + done.stderr
    again, first = sandbox.runs()
    assert again.lineage["resumed_from"] == first.id
    assert list(again.series["step"].values) == [0, 1, 2, 3]


def test_a_name_that_leads_outside_is_not_laid_out(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as packed:
        packed.writestr("../../escaped.py", "")
    begin = Begin(Options(root=tmp_path, cwd=tmp_path, keeping=KeepingOptions(tmp_path / "runs")))
    with pytest.raises(ExptError, match="leads outside"):
        lay_out(stream.getvalue(), b"", begin, tmp_path / "node")
    assert not list(tmp_path.rglob("escaped.py"))
