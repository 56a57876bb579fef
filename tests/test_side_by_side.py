"""Work of several processes: what it makes is what one process makes, of trees and of items."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest
from warm_start import run_warm

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Runs = Callable[[str], str]

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2,
    reason="forks read where this is Linux with two processors",
)

HEAD = """
import os, signal, sys, threading
from pathlib import Path
from expt.discovery import find_experiments
from expt.ground.side_by_side import work_side_by_side
ITEMS, OWN = range(300), os.getpid()
forks = []
os.register_at_fork(after_in_parent=lambda: forks.append(1))
def twice(work):
    return work_side_by_side(work, ITEMS, fewest=50, portion=8)
"""


@pytest.fixture
def in_one_thread(tmp_path: Path) -> Runs:
    """What a script prints in a process of its own, which has one thread."""

    def run(script: str) -> str:
        done = run_warm(["-c", HEAD + script], tmp_path, {**os.environ}, python=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_answers_have_the_order_of_the_items(in_one_thread: Runs) -> None:
    script = "answers = twice(lambda item: [item, (item, 'text')])\n"
    script += "assert answers == [[item, (item, 'text')] for item in ITEMS]\nprint(len(forks))"
    assert int(in_one_thread(script)) > 0


@pytest.mark.parametrize(
    "failing",
    [
        "os.kill(os.getpid(), signal.SIGKILL)",
        "raise RuntimeError",
        "return object()",
    ],
    ids=["killed", "raises", "not plain"],
)
def test_what_a_fork_cannot_do_is_left_to_the_caller(in_one_thread: Runs, failing: str) -> None:
    script = f"""
def work(item):
    if os.getpid() != OWN:
        {failing}
    return item * 2
assert all(answer in (None, item * 2) for item, answer in zip(ITEMS, twice(work)))
print(len(forks))
"""
    assert int(in_one_thread(script)) > 0


def test_a_mistake_of_this_process_ends_the_forks(in_one_thread: Runs) -> None:
    script = """
held, hold = os.pipe()
os.register_at_fork(after_in_child=lambda: os.close(hold))
def work(item):
    if os.getpid() == OWN:
        os.close(hold)
        raise KeyboardInterrupt
    os.read(held, 1)  # nobody takes everything before this process takes something
    return item
try:
    twice(work)
except KeyboardInterrupt:
    try:
        os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        print("alone")
"""
    assert in_one_thread(script) == "alone\n"


@pytest.mark.parametrize(
    "why",
    [
        "ITEMS = range(20)",
        "os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])",
        "ended = threading.Event(); threading.Thread(target=ended.wait, daemon=True).start()",
    ],
    ids=["few items", "one processor", "a thread"],
)
def test_nothing_is_forked_where_it_would_not_help_or_could_harm(
    in_one_thread: Runs, why: str
) -> None:
    script = f"{why}\nassert twice(lambda item: item) == [None] * len(ITEMS)\nprint(len(forks))"
    assert in_one_thread(script) == "0\n"


TREE = {
    "a.py": "import expt\n\n\n@expt.mark.base\ndef experiment_base(track, lr=1): pass\n",
    "b.py": "import expt\nfrom a import experiment_base\n\n"
    "experiment_x = expt.extends(experiment_base, lr=3)\n",
    "c.py": "def experiment_broken(:\n",
    "d.py": "def experiment_twice(): pass\n\n\ndef experiment_twice(): pass\n",
    "e.py": "import expt\n\n\n@expt.needs(m='f.py::experiment_f')\ndef experiment_n(m): pass\n",
    "f.py": "import expt\n\n\n@expt.sweep(a=[1, None, 'x'])\ndef experiment_f(a): pass\n",
    "g/params.toml": "[expt]\nextends = ['../a.py::experiment_base', 'gone.py::experiment_x']\n"
    "marks = ['slow']\n[expt.sweep]\nlr = {range = [0, 3, 1]}\nday = [2020-01-01]\n",
    "g/g.py": "def experiment_g(lr, day): pass\n",
    "h.py": "def experiment_yields():\n    yield 1\n",
}


def test_a_tree_reads_alike_by_one_process_and_by_several(
    in_one_thread: Runs, tmp_path: Path
) -> None:
    """Experiments, mistakes and the order of both, wherever in the tree they stand."""
    for copy in range(40):
        for name, text in TREE.items():
            path = tmp_path / "experiments" / f"{copy:02}" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    told = in_one_thread(
        """
every = os.sched_getaffinity(0)
found = []
for processors in ([min(every)], every):
    os.sched_setaffinity(0, processors)
    found.append(find_experiments([], Path.cwd()))
one, several = found
assert one.experiments == several.experiments
assert [*map(repr, one.experiments)] == [*map(repr, several.experiments)]
assert [*map(str, one.mistakes)] == [*map(str, several.mistakes)]
print(len(forks) > 0, len(one.experiments), len(one.mistakes))
"""
    )
    assert told == f"True {40 * 6} {40 * 4}\n"


@pytest.mark.parametrize("words", [["-k", "f0"], ["--plan", "-k", "f0"]], ids=["a run", "a plan"])
def test_a_session_reads_a_large_tree_so_too(in_one_thread: Runs, words: list[str]) -> None:
    """Before it has a thread: with one, no fork would be safe."""
    tree = "Path('expt.toml').touch(); Path('experiments').mkdir()\n"
    tree += "for n in range(150):\n"
    tree += "    Path(f'experiments/m{n}.py').write_text(f'def experiment_f{n}():\\n    pass\\n')\n"
    script = "import expt.discovery as discovery\nfrom expt.cli.main import main\n"
    script += "def watched(*args, **named):\n    forks.clear()\n"
    script += "    answers = work_side_by_side(*args, **named)\n"
    script += "    print('forks', len(forks))\n"
    script += "    return answers\n"
    script += "discovery.work_side_by_side = watched\n"
    script += f"sys.exit(main({[*words, '--no-render']!r}))\n"
    told = in_one_thread(tree + script).splitlines()
    assert next(line for line in told if line.startswith("forks")) != "forks 0"
