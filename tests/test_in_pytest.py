"""`pytest --expt`: experiments are items, run by expt, and imported by no pytest."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest
from warm_start import PLUGIN, run_warm

if TYPE_CHECKING:
    from expt.testing import Sandbox

ROOT = Path(__file__).parents[1]

WITHOUT = [f"-pno:{name}" for name in ("anyio", "cacheprovider", "cov", "hypothesispytest")]
"""Plugins that these pytests do not need, and that take most of their time."""

NEVER_IN_PYTEST = """
import sys
assert "_py" "test" not in sys.modules, "imported by the wrong process"
"""

LIGHT = "render = false\nplugins = ['no:script']"
"""Of sessions whose scripts nobody looks at: each would start a process for them."""

TREE = {
    "pyproject.toml": """
        [tool.expt]
        render = false
        [tool.pytest.ini_options]
        testpaths = ["tests"]
    """,
    "tests/test_plain.py": "def test_plain(): pass",
    "experiments/params.toml": """
        lr = 0.1
        [expt.smoke]
        lr = 0.2
    """,
    "experiments/conftest.py": f"""{NEVER_IN_PYTEST}
from expt import provider

@provider
def data():
    return [1, 2]
""",
    "experiments/deep/first.py": f"""{NEVER_IN_PYTEST}
import expt

def experiment_good(track, lr, data):
    track("lr", lr)

@expt.mark.gpu
def experiment_bad(lr):
    print("before the end")
    raise ValueError("boom")

def experiment_without_data():
    expt.skip("no data")

@expt.mark.skipif(True, reason="never here")
def experiment_never():
    pass

@expt.sweep(n=[1, 2])
def experiment_swept(n):
    pass

@expt.sweep(n=list(range(3)))
def experiment_computed(n):
    assert n < 2
""",
    "experiments/big/params.toml": """
        [expt]
        extends = "../deep/first.py::experiment_good"
    """,
}

IDS = [
    "experiments/big/params.toml::experiment_good",
    "experiments/deep/first.py::experiment_good",
    "experiments/deep/first.py::experiment_bad",
    "experiments/deep/first.py::experiment_without_data",
    "experiments/deep/first.py::experiment_never",
    "experiments/deep/first.py::experiment_swept[n-1]",
    "experiments/deep/first.py::experiment_swept[n-2]",
    "experiments/deep/first.py::experiment_computed[?]",
]


def surroundings(sandbox: Sandbox) -> dict[str, str]:
    """The environment of a pytest with temporary folders of its own: it deletes older ones."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    return {**kept, "PYTEST_DEBUG_TEMPROOT": str(sandbox.root.parent)}


def run_pytest(sandbox: Sandbox, *words: str) -> subprocess.CompletedProcess[str]:
    if not (sandbox.root / "pyproject.toml").exists():
        sandbox.write({"expt.toml": LIGHT})
    environment = {**surroundings(sandbox), **PLUGIN, "NO_COLOR": "1", "COLUMNS": "120"}
    return run_warm(["-m", "pytest", *WITHOUT, *words], sandbox.root, environment, python=True)


def collected(done: subprocess.CompletedProcess[str]) -> list[str]:
    return [line for line in done.stdout.splitlines() if "::" in line and " " not in line]


@pytest.fixture(scope="module")
def tree(shared_sandbox: Sandbox) -> Sandbox:
    return shared_sandbox.write(TREE)


@pytest.fixture(scope="module")
def ran(tree: Sandbox) -> subprocess.CompletedProcess[str]:
    """`pytest --expt` of everything, tests included."""
    return run_pytest(tree, "--expt", "-ra", "--junitxml", "report.xml", "--strict-markers")


def test_each_experiment_is_an_item_beside_the_tests(
    tree: Sandbox, ran: subprocess.CompletedProcess[str]
) -> None:
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "2 failed, 5 passed, 2 skipped" in ran.stdout
    cases = ElementTree.parse(tree.root / "report.xml").iter("testcase")
    archives = {
        case.get("name"): [each.get("value") for each in case.iter("property")] for case in cases
    }
    assert len(archives["experiment_good"]) == 1
    assert len(archives["experiment_computed[?]"]) == 3
    assert archives["test_plain"] == []


def test_a_failure_carries_the_traceback_of_the_run_its_archive_and_the_way_to_run_it_again(
    tree: Sandbox, ran: subprocess.CompletedProcess[str]
) -> None:
    told = ran.stdout.partition("_ experiment_bad _")[2].partition("\n____")[0]
    assert f'File "{tree.root}/experiments/deep/first.py", line 12, in experiment_bad' in told
    assert "ValueError: boom" in told
    assert "expt/" not in told.replace("experiments/", "").partition("archive:")[0]
    archive = Path(told.partition("archive: ")[2].splitlines()[0])
    assert archive.is_relative_to(tree.root / "runs" / ".smoke")
    assert (archive / "run.json").is_file()
    assert "again: expt experiments/deep/first.py::experiment_bad --smoke" in told
    assert "before the end" in told
    assert "FAILED experiments/deep/first.py::experiment_bad - ValueError: boom" in ran.stdout


def test_a_skipped_run_is_a_skipped_item_with_its_reason(
    ran: subprocess.CompletedProcess[str],
) -> None:
    assert "SKIPPED [1] experiments/deep/first.py:14: no data" in ran.stdout
    assert "SKIPPED [1] experiments/deep/first.py:18: never here" in ran.stdout


def test_all_items_of_a_process_are_one_session_with_the_values_of_smoke(
    tree: Sandbox, ran: subprocess.CompletedProcess[str]
) -> None:
    runs = tree.runs(smoke=True)
    assert len({run.lineage["session"] for run in runs}) == 1
    assert {run.params["lr"] for run in runs if "lr" in run.params} == {0.2}
    assert list(tree.runs()) == []


def test_node_ids_are_those_of_expt_but_for_the_file_of_a_folder(tree: Sandbox) -> None:
    assert collected(run_pytest(tree, "--expt", "--co", "-q", "experiments")) == IDS
    listed = tree.expt("experiments", "--co", "-q").lines
    assert [line.replace("big::", "big/params.toml::") for line in listed] == IDS


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["-m", "gpu"], IDS[2:3]),
        (["-k", "swept and not 2 or big"], [IDS[0], IDS[5]]),
        (["experiments/deep/first.py::experiment_swept[n-2]", "experiments/big"], [IDS[6], IDS[0]]),
    ],
)
def test_pytest_selects_as_it_selects_tests(
    tree: Sandbox, words: list[str], expected: list[str]
) -> None:
    done = run_pytest(tree, "--expt", "--co", "-q", "--strict-markers", *words)
    assert collected(done) == expected


def test_without_the_option_there_are_no_experiments(tree: Sandbox) -> None:
    assert collected(run_pytest(tree, "--co", "-q")) == ["tests/test_plain.py::test_plain"]
    assert collected(run_pytest(tree, "--co", "-q", "experiments")) == []


def test_a_pytest_that_does_not_ask_imports_one_small_module() -> None:
    code = "import sys, pytest, expt.in_pytest; print([m for m in sys.modules if 'expt' in m])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['expt', 'expt.in_pytest']"


def test_an_installed_expt_brings_the_plugin() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["pytest11"] == {"expt": "expt.in_pytest"}


def test_an_entry_point_of_a_distribution_is_all_that_pytest_needs(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    metadata = tmp_path / "expt_here-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: expt-here\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[pytest11]\nexpt_here = expt.in_pytest\n")
    sandbox.write({"experiments/a.py": "def experiment_a(): pass"})
    paths = [str(tmp_path), str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--expt", "--co", "-q", "experiments"],
        cwd=sandbox.root,
        env={
            **surroundings(sandbox),
            "PYTHONPATH": os.pathsep.join(paths),
            "PYTEST_ADDOPTS": LEAVE_OUT,
        },
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert collected(done) == ["experiments/a.py::experiment_a"], done.stdout + done.stderr


LEAVE_OUT = " ".join(["-pno:expt", *WITHOUT])
"""An installed expt has the plugin already: here its second name is what is tried."""


def test_full_runs_experiments_as_they_are_also_those_that_smoke_leaves_out(
    sandbox: Sandbox,
) -> None:
    sandbox.write({"experiments/a.py": "def experiment_a(lr=1.0): pass"})
    smoke = run_pytest(sandbox, "--expt", "-rs", "experiments")
    assert smoke.returncode == 0
    assert "SKIPPED [1] experiments/a.py:1: experiments/a.py::experiment_a: no [expt.smoke]" in (
        smoke.stdout
    )
    full = run_pytest(sandbox, "--expt-full", "experiments")
    assert (full.returncode, len(sandbox.runs())) == (0, 1), full.stdout + full.stderr


def test_xdist_runs_items_side_by_side(sandbox: Sandbox) -> None:
    pytest.importorskip("xdist", reason="of the extra 'test'")
    sandbox.write(
        {"experiments/a.py": "".join(f"def experiment_{i}(): assert {i} != 1\n" for i in range(4))}
    )
    done = run_pytest(sandbox, "--expt-full", "-n", "2", "experiments")
    assert "1 failed, 3 passed" in done.stdout, done.stdout + done.stderr
    assert "FAILED experiments/a.py::experiment_1 - AssertionError" in done.stdout
    assert len(sandbox.runs()) == 4
    assert len({run.lineage["session"] for run in sandbox.runs()}) == 2


def test_what_is_wrong_with_a_file_or_its_values_is_told_where_it_stands(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/broken.py": "def experiment_x(:\n",
            "experiments/lazy.py": "async def experiment_y(): pass\n",
            "experiments/values.py": "def experiment_z(lr: float): pass\n",
            "experiments/params.toml": 'lr = "much"\n',
        }
    )
    done = run_pytest(sandbox, "--expt-full", "experiments", "--continue-on-collection-errors")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "at experiments/broken.py:1" in done.stdout
    assert "at experiments/lazy.py:1" in done.stdout
    assert "at experiments/params.toml:1" in done.stdout
    assert "1 failed, 2 errors" in done.stdout
    assert "Traceback" not in done.stdout


def test_an_item_that_exceeds_a_time_limit_of_pytest_ends_and_the_next_one_runs(
    sandbox: Sandbox,
) -> None:
    """The alarm of the limit is rung by the experiment, once it has begun."""
    pytest.importorskip("pytest_timeout", reason="of the extra 'test'")
    sandbox.write(
        {
            "tell_pid.py": "import os; open('pid', 'w').write(str(os.getpid()))",
            "experiments/a.py": """
            import os
            import signal
            import time
            from pathlib import Path

            def experiment_quick():
                pass

            def experiment_endless():
                os.kill(int(Path("pid").read_text()), signal.SIGALRM)
                time.sleep(300)

            def experiment_next():
                pass
            """,
        }
    )
    words = ("experiments", "-p", "tell_pid", "--timeout", "200", "--timeout-method", "signal")
    done = run_pytest(sandbox, "--expt-full", "-v", *words, "--deselect", "nothing")
    assert "1 failed, 2 passed" in done.stdout, done.stdout + done.stderr
    assert "Timeout (>200.0s)" in done.stdout
    statuses = {run.experiment.rpartition("_")[2]: run.status for run in sandbox.runs()}
    assert statuses == {"quick": "completed", "endless": "interrupted", "next": "completed"}


def test_a_conftest_of_tests_is_pytests_as_ever(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "conftest.py": """
            import pytest
            import expt

            @pytest.fixture
            def number():
                return 3
            """,
            "test_it.py": "def test_it(number): assert number == 3",
            "experiments/a.py": "def experiment_a(): pass",
        }
    )
    done = run_pytest(sandbox, "--expt", "test_it.py")
    assert "1 passed" in done.stdout, done.stdout + done.stderr
