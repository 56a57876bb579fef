"""What a failed run says of its error: all of it, without our frames, with the next command."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from expt.testing import Sandbox


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("breakpoint()", "RuntimeError: breakpoint() needs the terminal: run with --pdb"),
        ("pdb.set_trace(); x = 1", "bdb.BdbQuit: breakpoint() needs the terminal: run with --pdb"),
        ("sys.breakpointhook()", "RuntimeError: breakpoint() needs the terminal: run with --pdb"),
    ],
)
def test_a_breakpoint_without_a_terminal_names_the_option(
    sandbox: Sandbox, body: str, error: str
) -> None:
    """case: breakpoint-without-pdb"""
    sandbox.write({"experiments/a.py": f"import pdb, sys\ndef experiment_a():\n    {body}\n"})
    assert sandbox.expt().exit_code == 1
    found = sandbox.record()["error"]
    assert f"{found['type']}: {found['message']}" == error
    if not body.startswith("pdb"):  # which stops at the line after
        lines = found["traceback"].splitlines(keepends=True)  # Python 3.13 underlines the call
        assert "".join(line for line in lines if set(line) - set(" ~^\n")) == (
            "Traceback (most recent call last):\n"
            f'  File "{sandbox.root}/experiments/a.py", line 3, in experiment_a\n'
            f"    {body}\n{error}\n"
        )


def test_a_breakpoint_of_another_debugger_is_left_to_it(sandbox: Sandbox) -> None:
    sandbox.write({"experiments/a.py": "def experiment_a():\n    breakpoint()\n"})
    sandbox.environ["PYTHONBREAKPOINT"] = "0"
    assert sandbox.expt().exit_code == 0


@pytest.mark.inline
def test_short_tracebacks_show_every_member_of_a_group(sandbox: Sandbox) -> None:
    """case: tb-short-hides-group"""
    sandbox.write(
        {
            "experiments/a.py": """
                def experiment_a():
                    inner = ExceptionGroup("inner", [TypeError("t2")])
                    raise ExceptionGroup("several", [ValueError("v1"), inner])
            """
        }
    )
    done = sandbox.expt("--tb", "short")
    assert (
        "  | experiments/a.py:3: in experiment_a\n"
        '  |     raise ExceptionGroup("several", [ValueError("v1"), inner])\n'
        "  | ExceptionGroup: several (2 sub-exceptions)\n"
        "  +-+---------------- 1 ----------------\n"
        "    | ValueError: v1\n"
        "    +---------------- 2 ----------------\n"
        "    | ExceptionGroup: inner (1 sub-exception)\n"
        "    +-+---------------- 1 ----------------\n"
        "      | TypeError: t2\n"
        "      +------------------------------------\n"
    ) in done.stdout


@pytest.mark.parametrize("style", ["short", "auto", "long"])
@pytest.mark.inline
def test_every_teardown_that_raised_is_shown(sandbox: Sandbox, style: str) -> None:
    sandbox.write(
        {
            "experiments/a.py": """
                import expt

                @expt.provider
                def one():
                    yield 1
                    raise OSError("first torn")

                @expt.provider
                def two(one):
                    yield 2
                    raise KeyError("second torn")

                @expt.provider
                def twice():
                    yield 1
                    yield 2

                def experiment_a(one, two, twice):
                    raise ValueError("boom")
            """
        }
    )
    done = sandbox.expt("--tb", style)
    for text in ("ValueError: boom", "first torn", "second torn", "yields more than once"):
        assert text in done.stdout, text
    assert sandbox.record()["error"]["message"] == "boom"
    assert "/expt/running/" not in sandbox.record()["error"]["traceback"]


def test_a_failure_has_one_line_wherever_it_has_one(sandbox: Sandbox) -> None:
    """A sibling of the case tb-short-hides-group: what is raised may be a megabyte, or a page."""
    sandbox.write(
        {
            "experiments/a.py": """
                def experiment_long(): raise ValueError("x" * 1_000_000)
                def experiment_page(): raise ValueError("first\\nsecond")
                """
        }
    )
    done = sandbox.expt("--tb", "no")
    told = [line for line in done.lines if "ValueError" in line]
    assert [len(line) < 1_500 for line in told] == [True, True]
    assert any("ValueError: first  " in line for line in told), told
    failures = {run.failure for run in sandbox.runs()}
    assert failures == {f"ValueError: {'x' * 1_000}…", "ValueError: first"}
    assert max(len(run.error.message) for run in sandbox.runs() if run.error) == 1_000_000
