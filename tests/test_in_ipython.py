"""`%load_ext expt` gives `%expt …`, which shows what the command shows."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

from expt.in_ipython import run_line
from expt.testing.sandbox import end_now

if TYPE_CHECKING:
    from expt.testing import Sandbox

pytestmark = pytest.mark.skipif(
    find_spec("IPython") is None, reason="IPython, of the extra 'test', is not installed"
)

TREE = {
    "experiments/a.py": """
        import expt

        def experiment_a(track, lr: float = 0.1):
            track("lr", lr)
            return {"lr": lr}
        """,
    "shell.py": """
        import sys
        from IPython.core.interactiveshell import InteractiveShell

        shell = InteractiveShell.instance()
        for cell in sys.stdin.read().split(";;"):
            result = shell.run_cell(cell.strip())
            result.raise_error()
        """,
}


def environment() -> dict[str, str]:
    left_out = ("PYTEST", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "PYTHONDONTWRITEBYTECODE")
    return {name: text for name, text in os.environ.items() if not name.startswith(left_out)}


CELLS = [
    "%load_ext expt",
    "lr = 0.25",
    "%expt experiments -p lr={lr} -p seed=1 --no-render -n 0",
    "print(_exit_code)",
    "%expt show latest",
    "print('refused:')",
    "%expt experiments -p lrr=1",
    "print(_exit_code)",
    "%expt 'open",
    "print(_exit_code)",
]


@pytest.fixture(scope="module")
def shown(shared_sandbox: Sandbox) -> str:
    """What the cells of one shell show, one after the other."""
    done = subprocess.run(
        [sys.executable, "shell.py"],
        input=";;".join(CELLS),
        cwd=shared_sandbox.write(TREE).root,
        env={**environment(), "IPYTHONDIR": str(shared_sandbox.root / ".ipython")},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_magic_runs_the_command_with_variables_of_the_notebook(
    shared_sandbox: Sandbox, shown: str
) -> None:
    told, _, _ = shown.partition("refused:")
    assert shared_sandbox.run().params["lr"] == 0.25
    assert "\x1b[" in told
    plain = re.sub(r"\x1b\[[\d;]*m|\x1b\]8;.*?\x1b\\", "", told)
    assert "1 completed in" in plain
    _, _, after = plain.partition("next: expt show")
    assert "0" in after.splitlines()
    assert "0.25" in after
    assert shared_sandbox.run().id in after


def test_what_the_command_refuses_is_told_and_raises_nothing(shown: str) -> None:
    _, _, told = shown.partition("refused:")
    assert "no selected experiment has a parameter 'lrr'" in told
    assert "error: No closing quotation" in told
    assert [line for line in told.splitlines() if line.isdigit()] == ["4", "4"]


def test_an_interrupt_is_passed_on_to_the_command(sandbox: Sandbox) -> None:
    slow = "import time\ndef experiment_slow(track):\n    track('x', 1)\n    time.sleep(100)\n"
    sandbox.write({"experiments/slow.py": slow, "line.py": RUN})
    process = subprocess.Popen(
        [sys.executable, "line.py"],
        cwd=sandbox.root,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        while not list(sandbox.root.glob("runs/**/scalars.bin")):
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        told, _ = process.communicate(timeout=60)
    finally:
        end_now(process)
    assert told.splitlines()[-1] == "2"
    assert sandbox.run().status == "interrupted"


RUN = """
import signal
from expt.in_ipython import run_line
signal.signal(signal.SIGINT, signal.default_int_handler)  # as in a notebook
print(run_line('experiments --no-render'))
"""


def test_a_line_is_shown_where_python_prints(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_line("--version") == 0
    assert capsys.readouterr().out.startswith("expt ")
