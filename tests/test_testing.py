"""The sandbox that plugin authors get."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from expt.testing import sandbox as sandbox  # the one that others get, which starts cold

if TYPE_CHECKING:
    from expt.testing import Sandbox


def test_texts_are_dedented_and_bytes_are_written_as_they_are(sandbox: Sandbox) -> None:
    same = sandbox.write({"a/b.py": "\n    x = 1\n\n    y = 2\n", "c": b"\r\n\xff"})
    assert same is sandbox
    assert (sandbox.root / "a/b.py").read_text() == "x = 1\n\ny = 2\n"
    assert (sandbox.root / "c").read_bytes() == b"\r\n\xff"


def test_a_command_is_run_in_the_project_with_few_variables(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXPT_STRANGER", "here")
    sandbox.environ["EXPT_GUEST"] = "welcome"
    sandbox.write(
        {
            "experiments/x.py": """
                import os

                def experiment_x(track):
                    track("loss", 0.5)
                    return {name: os.environ.get(name) for name in ("EXPT_STRANGER", "EXPT_GUEST")}
            """
        }
    )
    done = sandbox.expt("experiments")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.lines == done.stdout.splitlines()
    run = sandbox.run()
    assert run.results == {"EXPT_STRANGER": None, "EXPT_GUEST": "welcome"}
    assert sandbox.record()["series"]["loss"]["last"] == 0.5
    assert [one.id for one in sandbox.runs(status="completed")] == [run.id]
    assert sandbox.expt("show", "--json").json()[0]["id"] == run.id


def test_pictures_are_made_where_they_are_asked_for(sandbox: Sandbox) -> None:
    sandbox.write({"experiments/x.py": "def experiment_x(track): track('loss', 1.0)"})
    for render in (False, True):
        assert sandbox.expt("run", "experiments", "-n", "0", render=render).exit_code == 0
        assert (sandbox.run().path / "plots/loss.png").exists() is render


def test_a_command_that_takes_too_long_is_killed(sandbox: Sandbox) -> None:
    sandbox.write({"experiments/x.py": "import time\ndef experiment_x(): time.sleep(60)"})
    with pytest.raises(subprocess.TimeoutExpired):
        sandbox.expt(timeout=1)


def test_a_command_can_be_started_in_another_folder_and_killed(sandbox: Sandbox) -> None:
    sandbox.write({"experiments/x.py": "import time\ndef experiment_x(): time.sleep(60)"})
    process = sandbox.start(".", "--runs", "../runs", cwd="experiments")
    process.kill()
    out, _ = process.communicate()
    assert process.returncode != 0
    assert "Traceback" not in out


def test_a_script_is_run(sandbox: Sandbox) -> None:
    sandbox.write({"a.py": "import sys, expt\nprint(expt.__name__, sys.argv[1:])\nsys.exit(3)"})
    done = sandbox.python("a.py", "x")
    assert (done.exit_code, done.lines) == (3, ["expt ['x']"])


def test_it_is_a_fixture_for_the_tests_of_others(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "conftest.py": "pytest_plugins = ['expt.testing']",
            "test_mine.py": """
                def test_mine(sandbox):
                    sandbox.write({"experiments/x.py": "def experiment_x(): return 3"})
                    assert sandbox.expt("-n", "0").exit_code == 0
                    assert sandbox.run().results == {"value": 3}
            """,
        }
    )
    without = [f"-pno:{name}" for name in ("anyio", "cacheprovider", "cov", "hypothesispytest")]
    command = [sys.executable, "-m", "pytest", "-q", *without, "."]
    environ = {**os.environ, "PYTEST_DEBUG_TEMPROOT": str(sandbox.root)}
    done = subprocess.run(
        command, cwd=sandbox.root, env=environ, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
