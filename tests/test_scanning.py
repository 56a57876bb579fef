"""Looking over archives: what is found, by one process or by two."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from warm_start import run_warm

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT = """
import os, sys, threading
from pathlib import Path
from expt.ground.processes import is_single
from expt.reading import scanning
from expt.reading.scanning import scan_archives

scanning.FEWEST = 1000  # archives that are worth a process
forks = []
os.register_at_fork(after_in_parent=lambda: forks.append(True))
root = Path(sys.argv[1])
by_two = scan_archives(root)
assert is_single() and bool(forks) == (len(os.sched_getaffinity(0)) > 1)
forks.clear()
end = threading.Event()
thread = threading.Thread(target=end.wait)
thread.start()
assert not is_single()
by_one = scan_archives(root)
assert not forks
end.set()
thread.join()
assert by_one == by_two
print(len(by_one), sum("+" in stamp for stamp in by_one.values()),
      sum(stamp.startswith("!") for stamp in by_one.values()))
"""


def test_two_processes_find_what_one_does(tmp_path: Path) -> None:
    """Of 2,603 archives: every third with labels, some damaged, a last one that is claimed."""
    for number in range(2603):
        path = tmp_path / "walk" / f"2026-11-23_10-15-30_run{number:07}"
        path.mkdir(parents=True)
        if number % 1000 == 7:
            (path / "run.json").symlink_to("nowhere")
        elif number != 2602:
            (path / "run.json").touch()
            _settle(path / "run.json")
        if number % 3 == 0:
            (path / "labels.json").touch()
            _settle(path / "labels.json")
    os.utime(path, (9_000_000_000, 9_000_000_000))  # for this test's while
    done = run_warm(["-c", SCRIPT, str(tmp_path)], tmp_path, {**os.environ}, python=True)
    assert (done.stdout, done.stderr) == ("2602 867 3\n", "")


def _settle(path: Path) -> None:
    os.utime(path, (1_700_000_000, 1_700_000_000))
