"""What a process knows of itself, and what it has a fork do."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest
from warm_start import run_warm

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT = """
import os
from expt.ground.processes import beside, is_single

def work():
    {work}

print("begun")  # waits in the buffer, which the fork has too
with beside(work) as answer:
    found = answer()
print(len(found), found[:3], is_single())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no process is known to be single")
@pytest.mark.parametrize(
    ("work", "told"),
    [
        ("return b'x' * 1_000_000", "begun\n1000000 b'xxx' True\n"),
        ("raise ValueError", "begun\n0 b'' True\n"),
        ("raise SystemExit(3)", "begun\n0 b'' True\n"),
        ("os.kill(os.getpid(), 9)", "begun\n0 b'' True\n"),
    ],
)
def test_a_fork_hands_back_what_it_made_or_nothing(work: str, told: str, tmp_path: Path) -> None:
    done = run_warm(["-c", SCRIPT.format(work=work)], tmp_path, {**os.environ}, python=True)
    assert (done.stdout, done.stderr) == (told, "")
