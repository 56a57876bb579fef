"""The process of the command ends with its exit code, whatever comes at its end."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from expt.testing import Sandbox

LATE = """
    import atexit, os, signal, sys

    class Late:
        def __del__(self, interrupt=os.kill, number=int(signal.{name}), pid=os.getpid):
            interrupt(pid(), number)

    def expt_session_finished():
        if {at_exit}:
            atexit.register(os.kill, os.getpid(), signal.{name})
        else:  # after the interpreter has given up its handlers
            sys.late = Late()
"""


@pytest.mark.parametrize(("name", "at_exit"), [("SIGTERM", True), ("SIGINT", False)])
def test_an_interrupt_after_the_session_changes_nothing(
    sandbox: Sandbox, name: str, at_exit: bool
) -> None:
    """The second Ctrl-C of somebody who is quick may come when the first has done its work."""
    sandbox.write({"experiments/a.py": "def experiment_a(): ..."})
    sandbox.write({"late.py": LATE.format(name=name, at_exit=at_exit)})
    words = ["-n", "0", "-q", "--no-render", "--plugin", "late.py"]
    code = subprocess.run(  # none that starts warm: those end before the interpreter does
        [sys.executable, "-m", "expt", *words],
        cwd=sandbox.root,
        stdout=subprocess.DEVNULL,
        timeout=60,
    ).returncode
    assert code == 0
    assert sandbox.run().status == "completed"
