"""What `--executor` names, and what is told where it names nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from expt.executors.engines.spelling import find_engine

if TYPE_CHECKING:
    from pathlib import Path

    from expt.testing import Sandbox

pytestmark = pytest.mark.inline


def test_n_counts_before_what_the_table_says_that_an_engine_is_handed_at_once(
    tmp_path: Path,
) -> None:
    table = {"factory": "concurrent.futures:ThreadPoolExecutor", "at_once": 2}
    configuration = {"executors": {"pool": table}}
    assert find_engine("pool", configuration, tmp_path).at_once == 2
    assert find_engine("pool", configuration, tmp_path, 3).at_once == 3


ONE = "def experiment_one(x: int = 0):\n    return {'x': x}\n"
CONFIGURATION = """
[executors.pool]
factory = "concurrent.futures:ThreadPoolExecutor"
{line}
"""


@pytest.mark.parametrize(
    ("spelled", "told"),
    [
        (
            "wrokers",
            "error: there is no executor 'wrokers'\n"
            "  at --executor wrokers\n"
            "  did you mean 'workers'?\n",
        ),
        (
            "nowhere.at_all:Pool",
            "error: 'nowhere.at_all' is not installed\n"
            "  at --executor nowhere.at_all:Pool\n"
            "  the name before ':' is a module, as in concurrent.futures:…\n",
        ),
        (
            "concurrent.futures:Pool",
            "error: 'concurrent.futures' has no 'Pool'\n  at --executor concurrent.futures:Pool\n",
        ),
        (
            "builtins:dict",
            "error: 'builtins:dict' gives a 'dict', which is no executor\n"
            "  at --executor builtins:dict\n"
            "  it must give what has the methods of concurrent.futures.Executor\n",
        ),
    ],
)
def test_a_name_of_nothing_is_told_before_anything_runs(
    sandbox: Sandbox, spelled: str, told: str
) -> None:
    sandbox.write({"experiments/one.py": ONE})
    done = sandbox.expt("--executor", spelled)
    assert (done.exit_code, done.stderr) == (4, told)
    assert not sandbox.runs()


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            "at_once = 0",
            "error: 'at_once' of 'pool' must be a whole number from 1\n  at expt.toml:3\n",
        ),
        (
            "variables = {A = 1}",
            "error: 'variables' of 'pool' must be a table of texts\n  at expt.toml:3\n",
        ),
    ],
)
def test_a_setting_that_means_nothing_is_told_with_its_line(
    sandbox: Sandbox, line: str, told: str
) -> None:
    sandbox.write(
        {"experiments/one.py": ONE, "expt.toml": CONFIGURATION.format(line=line).lstrip()}
    )
    done = sandbox.expt("--executor", "pool")
    assert (done.exit_code, done.stderr) == (4, told)


def test_what_a_factory_refuses_is_told(sandbox: Sandbox) -> None:
    sandbox.write(
        {"experiments/one.py": ONE, "expt.toml": CONFIGURATION.format(line="sixe = 2").lstrip()}
    )
    done = sandbox.expt("--executor", "pool")
    assert done.exit_code == 4
    assert done.stderr.startswith("error: 'pool' refuses its settings: ThreadPoolExecutor")


def test_a_name_of_ones_own_is_an_executor_and_its_variables_are_on_the_node(
    sandbox: Sandbox,
) -> None:
    sandbox.write(
        {
            "experiments/one.py": "import os\n"
            "def experiment_one(): return {'seen': os.environ['SEEN']}\n",
            "expt.toml": CONFIGURATION.format(line='variables = {SEEN = "yes"}').lstrip(),
        }
    )
    done = sandbox.expt("--executor", "pool")
    assert done.exit_code == 0, done.stdout + done.stderr
    assert sandbox.run().results == {"seen": "yes"}


@pytest.mark.parametrize("words", [("-n", "0"), ("--pdb",), ("--devices", "0")])
def test_what_an_engine_cannot_do_is_refused(sandbox: Sandbox, words: tuple[str, ...]) -> None:
    sandbox.write({"experiments/one.py": ONE})
    done = sandbox.expt("--executor", "concurrent.futures:ThreadPoolExecutor", *words)
    assert done.exit_code == 4
    assert words[0] in done.stderr


@pytest.mark.parametrize(("spelled", "same"), [("inline", True), ("workers", False)])
def test_our_own_executors_have_names(sandbox: Sandbox, spelled: str, same: bool) -> None:
    sandbox.write({"experiments/one.py": ONE})
    process = sandbox.start("--executor", spelled)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert (sandbox.record()["pid"] == process.pid) is same
