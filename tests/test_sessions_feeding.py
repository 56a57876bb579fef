"""Cases that a plugin adds for how others ended: what a search does, for any rule."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from expt.testing import Sandbox

HALVING = {
    "experiments/fit.py": """
        def experiment_fit(lr: float = 1.0, width: list = [1]):
            return {"loss": lr * lr}
    """,
    "halving.py": """
        from expt import hook

        @hook
        def expt_add_cases(case, outcome):
            if outcome.status == "completed" and outcome.results["loss"] > 0.02:
                return [{"lr": case.params["lr"] / 2}]
    """,
}
ONE = ("experiments", "--plugin", "halving.py")


@pytest.fixture
def halving(sandbox: Sandbox) -> Sandbox:
    sandbox.write(HALVING)
    return sandbox


def rates(sandbox: Sandbox) -> list[float]:
    """The learning rates of all runs, as they were begun."""
    return [run.params["lr"] for run in reversed(sandbox.runs())]


@pytest.mark.parametrize("workers", ["0", "1", "2"])
def test_each_outcome_may_add_cases_until_none_does(halving: Sandbox, workers: str) -> None:
    done = halving.expt(*ONE, "-n", workers)
    assert done.exit_code == 0, done.stderr
    assert rates(halving) == [1, 0.5, 0.25, 0.125]
    assert "4 completed" in done.stdout
    added = halving.runs()[0]
    assert added.node_id == "experiments/fit.py::experiment_fit[lr-0.125]"
    assert (added.origins["lr"][0].layer, added.origins["lr"][0].where) == (
        "sweep",
        "expt_add_cases",
    )
    assert added.lineage["sweep"] == {"lr": 0.125}


def test_the_same_command_goes_on_where_it_stopped(halving: Sandbox) -> None:
    """What was done before is asked about, the run that was added among it."""
    rule = HALVING["halving.py"]
    halving.write({"halving.py": rule.replace("0.02", "0.3")})
    halving.expt(*ONE)
    assert rates(halving) == [1, 0.5]
    halving.write({"halving.py": rule})
    done = halving.expt(*ONE, "--resume")
    assert done.exit_code == 0, done.stderr
    assert rates(halving) == [1, 0.5, 0.25, 0.125]
    again = halving.expt(*ONE, "--resume")
    assert again.exit_code == 0, again.stderr
    assert len(halving.runs()) == 4
    assert "nothing to run: 1 done" in again.stdout


def test_a_case_that_the_session_has_is_not_run_again(halving: Sandbox) -> None:
    halving.write(
        {
            "halving.py": """
                from expt import hook

                @hook
                def expt_add_cases(case, outcome):
                    return [{"lr": 2.0}, {"lr": 1.0}, {"lr": 2.0}]
            """
        }
    )
    halving.expt(*ONE, "--sweep", "lr=1,3")
    assert rates(halving) == [1, 3, 2]


def test_values_too_long_to_be_named_make_cases_of_their_own(halving: Sandbox) -> None:
    halving.write(
        {
            "halving.py": """
                from expt import hook

                @hook
                def expt_add_cases(case, outcome):
                    if case.label is None:
                        return [{"width": [n] * 30} for n in (1, 2)]
            """
        }
    )
    halving.expt(*ONE)
    ids = {run.node_id for run in halving.runs()}
    assert len(ids) == 3
    assert sorted(run.params["width"][-1] for run in halving.runs()) == [1, 1, 2]


MISTAKES = {
    "a name that nobody takes": ("[{'rate': 1}]", (), "has a parameter 'rate'"),
    "a value that does not fit": ("[{'lr': 'high'}]", (), "'high'"),
    "a name that -p has settled": ("[{'lr': 2.0}]", ("-p", "lr=1"), "'lr' is final: -p lr"),
    "no list": ("{'lr': 2.0}", (), "gave {'lr': 2.0}"),
    "no tables": ("['lr']", (), "gave ['lr']"),
    "a value that cannot travel": ("[{'lr': lambda: 1}]", (), "is of type 'function'"),
    "an exception": ("1 / 0", (), "a plugin failed in expt_add_cases: ZeroDivisionError"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_when_what_runs_has_ended(halving: Sandbox, mistake: str) -> None:
    answer, words, told = MISTAKES[mistake]
    halving.write(
        {
            "halving.py": f"""
                from expt import hook

                @hook
                def expt_add_cases(case, outcome):
                    return {answer}
            """
        }
    )
    done = halving.expt(*ONE, *words)
    assert (done.exit_code, statuses(halving)) == (4, ["completed"]), done.stderr
    assert told in done.stderr


def statuses(sandbox: Sandbox) -> list[str]:
    return [run.status for run in sandbox.runs()]


def test_what_is_added_needs_runs_as_what_is_planned_does(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/chain.py": """
                import expt

                def experiment_make(size: int = 1):
                    return {"size": size}

                @expt.needs(made="chain.py::experiment_make")
                def experiment_use(made, size: int = 1):
                    return {"twice": made.results["size"] * 2}
            """,
            "more.py": """
                from expt import hook

                @hook
                def expt_add_cases(case, outcome):
                    if case.experiment.function == "experiment_use" and case.params["size"] < 3:
                        return [{"size": case.params["size"] + 1}]
            """,
        }
    )
    done = sandbox.expt("experiments", "--plugin", "more.py")
    assert done.exit_code == 0, done.stderr
    told = [run.results for run in reversed(sandbox.runs())]
    assert told == [{"size": 1}, {"twice": 2}, {"size": 2}, {"twice": 4}, {"size": 3}, {"twice": 6}]
