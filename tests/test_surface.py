"""A package's names are imported on first use, and are the same for mypy and for Python."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from expt.testing import Sandbox

ROOT = Path(__file__).parent.parent
PACKAGES = sorted(
    ".".join(path.parent.relative_to(ROOT).parts)
    for path in (ROOT / "expt").rglob("__init__.py")
    if "__getattr__ = surface(" in path.read_text(encoding="utf-8")
)


def imported_for_mypy(package: str) -> dict[str, str]:
    """Where mypy finds the names of a package."""
    place = ROOT / package.replace(".", "/") / "__init__.py"
    tree = ast.parse(place.read_text(encoding="utf-8"))
    (block, *_) = [
        node for node in tree.body if isinstance(node, ast.If) and "TYPE" in ast.unparse(node.test)
    ]
    return {
        alias.name: str(node.module)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


@pytest.mark.parametrize("package", PACKAGES)
def test_python_finds_each_name_where_mypy_does(package: str) -> None:
    module = importlib.import_module(package)
    names = imported_for_mypy(package)
    assert sorted(names) == sorted(module.__all__)
    for name, home in names.items():
        assert getattr(module, name) is getattr(importlib.import_module(home), name)


def test_there_are_such_packages() -> None:
    assert {"expt.archive", "expt.parameters", "expt.reading"} <= set(PACKAGES)


def test_a_name_that_a_package_has_not_is_an_error_of_the_usual_kind() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nope'"):
        importlib.import_module("expt.parameters").nope  # noqa: B018
    with pytest.raises(ImportError, match="nope"):
        exec("from expt.parameters import nope")


# What that is for

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
    assert {*SLOW, "expt.planning", "expt.running", "expt.reading", "expt.tracking"} & {
        *modules
    } <= {"shlex"}
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
    modules = set(str(run.results["modules"]).split())
    assert modules & set(SLOW) <= {"decimal", "csv", "zipfile", "shlex"}
    assert not modules & {"expt.rendering", "expt.reading.run", "expt.cli.show"}
