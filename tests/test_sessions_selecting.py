"""Selection selects: what it leaves out cannot fail a session, and `--co` lists what would run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from expt.testing import Sandbox

pytestmark = pytest.mark.inline

SWEPT = """
    import expt

    @expt.sweep(n=[1, 2, 3])
    def experiment_a(n: int = 0):
        return n
    """
GOOD = "def experiment_good():\n    return 1\n"
ID = "experiments/a.py::experiment_a"


def listed(sandbox: Sandbox, *words: str) -> list[str]:
    done = sandbox.expt(*words, "--co", "-q")
    assert done.exit_code in (0, 5), done.stderr
    return [line.partition("::experiment_")[2] for line in done.lines]


def planned(sandbox: Sandbox, *words: str) -> list[str]:
    done = sandbox.expt(*words, "--plan", "--json")
    assert done.exit_code in (0, 5), done.stderr
    return [case["id"].partition("::experiment_")[2] for case in done.json()]


@pytest.mark.parametrize(
    ("words", "cases"),
    [
        (["-k", "n-1"], ["a[n-1]"]),
        ([f"{ID}[n-2]"], ["a[n-2]"]),
        (["--deselect", f"{ID}[n-2]"], ["a[n-1]", "a[n-3]"]),
        (["-k", "not n-1", "-p", "n=5"], ["a"]),
        (["-k", "not n-1", "--sweep", "n=1,7"], ["a[n-7]"]),
        (["--sweep", "n=0x1,0x2", "-k", "n-2"], ["a[n-2]"]),
        (["--sweep", "n={range=[4]}", "-k", "n-3"], ["a[n-3]"]),
        (["--repeat", "2", "-k", "n-3 and repeat-1"], ["a[n-3-repeat-1]"]),
        (["-m", "slow"], []),
    ],
)
def test_the_listing_is_of_what_would_run(
    sandbox: Sandbox, words: list[str], cases: list[str]
) -> None:
    """case: collect-only-ignores-cases"""
    sandbox.write({"experiments/a.py": SWEPT})
    assert listed(sandbox, *words) == cases
    assert planned(sandbox, *words) == cases


def test_a_text_is_read_as_the_annotation_in_the_source_says(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/a.py": """
                def experiment_rate(lr: float): pass
                def experiment_name(lr: str): pass
                def experiment_else(lr: "float | None"): pass
                """
        }
    )
    words = ["--sweep", "lr=1e-3,1e-4"]
    assert listed(sandbox, *words) == [
        "rate[lr-0.001]", "rate[lr-0.0001]", "name[lr-1e-3]", "name[lr-1e-4]", "else[?]",
    ]  # fmt: skip
    assert planned(sandbox, *words)[:4] == listed(sandbox, *words)[:4]


def test_axes_of_folders_that_go_in_step_are_listed_so(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/a.py": "def experiment_a(n, m): pass\ndef experiment_b(m): pass\n",
            "experiments/params.toml": "[expt]\nzip = ['n', 'm']\n"
            "[expt.sweep]\nn = {range = [2]}\nm = ['u', 'v']\n",
        }
    )
    assert listed(sandbox) == ["a[n-0-m-u]", "a[n-1-m-v]", "b[m-u]", "b[m-v]"]
    assert planned(sandbox) == listed(sandbox)


@pytest.mark.parametrize("marks", ['"slow"', '["slow"]'])
def test_marks_of_a_folder_are_what_planning_takes_them_for(sandbox: Sandbox, marks: str) -> None:
    sandbox.write({"experiments/a.py": GOOD, "experiments/params.toml": f"[expt]\nmarks = {marks}"})
    assert listed(sandbox, "-m", "slow") == planned(sandbox, "-m", "slow") == ["good"]


BROKEN = "import a_library_that_is_not_there as lib\n"


@pytest.mark.parametrize(
    "decorators",
    [
        "@lib.no_grad()",
        "@lib.compile(mode='x')\n@lib.seed(1)",
        "from functools import cache\n@cache",
        "from helper import timed\n@timed",
        "def twice(f): return f\n@twice",
    ],
)
def test_a_file_that_no_term_matches_is_not_imported_whatever_its_decorators(
    sandbox: Sandbox, decorators: str
) -> None:
    """case: k-blocked-by-other-file"""
    other = f"{BROKEN}{decorators}\ndef experiment_eval(): return 1\n"
    sandbox.write(
        {
            "experiments/good.py": GOOD,
            "experiments/other.py": other,
            "experiments/helper.py": "def timed(f): return f\n",
        }
    )
    done = sandbox.expt("-k", "good")
    assert done.exit_code == 0, done.stderr
    assert "other.py" not in done.stdout + done.stderr


COMPUTED = f"{BROKEN}import expt\n@expt.sweep(n=lib.values)\ndef experiment_eval(n): return n\n"
DIES = "import os, expt\nos._exit(7)\n@expt.sweep(n=VALUES)\ndef experiment_eval(n): return n\n"


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (COMPUTED, "'experiments/other.py' cannot be imported: ModuleNotFoundError"),
        (DIES, "the process that imports experiments ended with exit code 7"),
        (
            "import expt\nV = ['x']\n@expt.sweep(n=V)\ndef experiment_eval(gone): pass\n",
            "nothing supplies the argument 'gone'",
        ),
    ],
)
@pytest.mark.inline(False)
def test_what_is_kept_because_nothing_tells_is_a_note_where_it_cannot_be_planned(
    sandbox: Sandbox, other: str, told: str
) -> None:
    sandbox.write({"experiments/good.py": GOOD, "experiments/other.py": other})
    done = sandbox.expt("-k", "good")
    assert done.exit_code == 0, done.stderr
    note = "note: experiments/other.py::experiment_eval: left out, since nothing tells whether it"
    assert note in done.stdout
    assert told in done.stdout
    alone = sandbox.expt("-k", "nowhere")
    assert alone.exit_code == 4
    assert told in alone.stderr


def test_a_value_of_a_case_that_the_selection_leaves_out_may_be_wrong(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/a.py": "import expt\nV = [1, 'x']\n@expt.sweep(n=V)\n"
            "def experiment_a(n: int): return n\n"
        }
    )
    assert planned(sandbox, "-k", "n-1") == ["a[n-1]"]
    assert sandbox.expt("-k", "n-x").exit_code == 4


def test_a_parameter_counts_only_where_a_case_is_selected(sandbox: Sandbox) -> None:
    other = "import expt\nV = ['x']\n@expt.sweep(n=V)\ndef experiment_eval(n, lr=1): pass\n"
    sandbox.write({"experiments/good.py": GOOD, "experiments/other.py": other})
    done = sandbox.expt("-k", "good", "-p", "lr=3", "--plan")
    assert done.exit_code == 4
    assert "no selected experiment has a parameter 'lr'" in done.stderr


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (f"{BROKEN}def experiment_broken(): return 1\n", "cannot be imported: ModuleNotFoundError"),
        ("def experiment_broken(:\n", "this file is not Python"),
        ("def experiment_broken(gone): pass\n", "nothing supplies the argument 'gone'"),
        (
            "import os\nos._exit(7)\ndef experiment_broken(): return 1\n",
            "the process that imports experiments ended with exit code 7",
        ),
    ],
)
@pytest.mark.inline(False)
def test_an_error_that_the_session_goes_past_is_shown_and_its_code_is_not_0(
    sandbox: Sandbox, broken: str, told: str
) -> None:
    """case: continue-on-errors-hides-error"""
    sandbox.write({"experiments/good.py": GOOD, "experiments/broken.py": broken})
    done = sandbox.expt("--continue-on-collection-errors", "-q")
    assert done.exit_code == 1, done.stderr
    assert [run.experiment for run in sandbox.runs()] == ["experiments/good.py::experiment_good"]
    assert told in done.stderr
    assert "experiments/broken.py" in done.stderr
    assert "nothing was run" not in done.stderr
    assert sandbox.expt("--continue-on-collection-errors", "--plan").exit_code == 1
    (sandbox.root / "experiments/good.py").unlink()
    assert sandbox.expt("--continue-on-collection-errors").exit_code == 4


def test_a_listing_that_goes_past_an_error_tells_it(sandbox: Sandbox) -> None:
    sandbox.write({"experiments/good.py": GOOD, "experiments/b.py": "def experiment_broken(:\n"})
    done = sandbox.expt("--co", "--continue-on-collection-errors")
    assert (done.exit_code, done.lines[0]) == (1, "experiments/good.py::experiment_good")
    assert "error: this file is not Python" in done.stderr


@pytest.mark.parametrize(
    ("mark", "told"),
    [
        (
            "skipif(\"sys.platform == 'win32'\", reason='x')",
            "must be a bool, not 'sys.platform == 'win32''\n  at experiments/a.py:2\n"
            "  leave out the quotes: a text is never evaluated",
        ),
        ("skipif(bool, reason='x')", "  call it: condition()"),
        ("skipif(None, reason='x')", "not null\n  at experiments/a.py:2\n  write bool(...)"),
        ("skipif(True, reson='x')", "@expt.mark.skipif has no argument 'reson'"),
        ("skipif(reason='x')", "@expt.mark.skipif needs a condition"),
    ],
)
def test_a_condition_that_is_no_bool_is_refused(sandbox: Sandbox, mark: str, told: str) -> None:
    """case: skipif-text"""
    sandbox.write({"experiments/a.py": f"import expt\n@expt.mark.{mark}\n{GOOD}"})
    done = sandbox.expt()
    assert done.exit_code == 4
    assert told in done.stderr
