"""`--junitxml` writes what CI systems read: a test case for each case, with the traceback."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest

if TYPE_CHECKING:
    from expt.testing import Sandbox

pytestmark = pytest.mark.inline

TREE = {
    "experiments/deep/first.py": r"""
        import expt

        def experiment_good(lr: int = 0):
            pass

        def experiment_bad():
            raise ValueError("<no> & \x1b[31m\ud800")

        def experiment_left_out():
            expt.skip("no data")
    """
}


def test_cases_failures_and_skips_stand_in_the_file(sandbox: Sandbox) -> None:
    sandbox.write(TREE)
    words = ("experiments", "--sweep", "lr=1,2", "--junitxml", "out/report.xml")
    assert sandbox.expt(*words).exit_code == 1
    suite = ElementTree.parse(sandbox.root / "out/report.xml").getroot()[0]
    counts = {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": "4", "failures": "1", "errors": "0", "skipped": "1"}
    cases = {case.get("name"): case for case in suite}
    assert list(cases) == [
        "experiment_good[lr-1]", "experiment_good[lr-2]", "experiment_bad", "experiment_left_out"
    ]  # fmt: skip
    bad = cases["experiment_bad"]
    assert (bad.get("classname"), bad.get("file"), bad.get("line")) == (
        "experiments.deep.first", "experiments/deep/first.py", "6"
    )  # fmt: skip
    failure = bad.find("failure")
    assert failure is not None
    assert failure.get("message") == r"ValueError: <no> & \x1b[31m\xd800"
    assert "raise ValueError" in (failure.text or "")
    skipped = cases["experiment_left_out"].find("skipped")
    assert skipped is not None
    assert skipped.get("message") == "no data"


def test_a_session_that_a_mistake_ended_is_not_green(sandbox: Sandbox) -> None:
    sandbox.write({"experiments/bad.py": "def experiment_bad(nobody_supplies_it): ..."})
    done = sandbox.expt("--junitxml", "report.xml")
    assert done.exit_code == 4
    suite = ElementTree.parse(sandbox.root / "report.xml").getroot()[0]
    assert (suite.get("tests"), suite.get("errors")) == ("1", "1")
    assert sandbox.expt("-k", "nothing", "--junitxml", "report.xml").exit_code == 5
    assert ElementTree.parse(sandbox.root / "report.xml").getroot()[0].get("errors") == "0"


def test_a_file_that_cannot_be_written_is_told_and_fails_nothing(sandbox: Sandbox) -> None:
    sandbox.write({**TREE, "out": "a file"})
    done = sandbox.expt("experiments", "-k", "good", "--junitxml", "out/report.xml")
    assert done.exit_code == 0
    assert "expt_session_finished" in done.stderr
