"""What the processes of a session import: no more than they use."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from expt.testing import Sandbox

if TYPE_CHECKING:
    from pathlib import Path

SLOW = [
    "attr",
    "cattrs",
    "numpy",
    "matplotlib",
    "rich",
    "sqlite3",
    "subprocess",
    "zipfile",
    "csv",
    "html",
    "decimal",
    "shlex",
    "difflib",
    "asyncio",
    "urllib.request",
    "importlib.metadata",
    "importlib.resources",
]


def imported_by_python_itself() -> set[str]:
    """Those too of `.pth` files, which some installations have."""
    code = "import sys; print(*sys.modules)"
    return {*subprocess.check_output([sys.executable, "-c", code], text=True, timeout=60).split()}


def test_the_process_that_draws_the_screen_imports_little(tmp_path: Path) -> None:
    sandbox = Sandbox(tmp_path)
    sandbox.write({"experiments/a.py": "def experiment_a(): pass"})
    code = (
        "import sys; from expt.cli.main import main; code = main(['--no-render', '-q']);"
        "print(code, *sorted(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=sandbox.root,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    code, *modules = done.stdout.splitlines()[-1].split()
    assert code == "0"
    forbidden = {*SLOW, "expt.planning", "expt.running", "expt.reading", "expt.tracking"}
    assert forbidden & {*modules} - imported_by_python_itself() <= {"shlex"}
    assert "expt.parameters.sweeps" not in modules


def test_a_run_imports_little(tmp_path: Path) -> None:
    sandbox = Sandbox(tmp_path)
    source = """
        import sys

        def experiment_a(track):
            track("loss", 1.0)
            return {"modules": " ".join(sorted(sys.modules))}
        """
    sandbox.write({"experiments/a.py": source})
    assert sandbox.expt("--no-render").exit_code == 0
    (run,) = sandbox.runs()
    modules = set(str(run.results["modules"]).split()) - imported_by_python_itself()
    assert modules & set(SLOW) <= {"decimal", "csv", "zipfile", "shlex"}
    assert not modules & {"expt.rendering", "expt.reading.run", "expt.cli.show"}
