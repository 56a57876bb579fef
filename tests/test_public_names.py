"""The public surface: these names and no others."""

from __future__ import annotations

import subprocess
import sys

import expt


def test_the_public_names_are_these() -> None:
    assert sorted(expt.__all__) == [
        "ExptError",
        "Kept",
        "Run",
        "Runs",
        "Secret",
        "Track",
        "extends",
        "hook",
        "load",
        "main",
        "mark",
        "needs",
        "on",
        "provider",
        "run",
        "runs",
        "session",
        "skip",
        "stop",
        "sweep",
    ]


def test_every_public_name_can_be_had() -> None:
    for name in expt.__all__:
        assert getattr(expt, name) is not None


def test_importing_expt_imports_nothing_else_of_it() -> None:
    code = "import sys, expt; print(sorted(n for n in sys.modules if n.startswith('expt.')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
