"""How a run ended: status and error by what it and its teardowns raised."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from expt.ground.declarations import Skipped
from expt.ground.model import Case, Experiment
from expt.ground.options import KeepingOptions, Options, RunningOptions
from expt.running.judging import Judge
from expt.running.pruning import TrialPruned

if TYPE_CHECKING:
    from collections.abc import Sequence

CASE = Case(Experiment("a.py::experiment_x", "a.py", "experiment_x", 1), None, {}, {})


def make_judge(notices: list[str], began: float = math.inf) -> Judge:
    keeping, running = KeepingOptions(Path("/runs")), RunningOptions(timeout=5.0)
    options = Options(Path("/"), Path("/"), keeping, running=running)
    return Judge(CASE, options, str.lower, notices.append, began)


@pytest.mark.parametrize(
    ("raised", "teardown", "status", "kind", "notices"),
    [
        (None, [], "completed", None, []),
        (Skipped("no data"), [], "skipped", None, ["skipped: no data"]),
        (TrialPruned("it is worse"), [], "completed", None, ["it is worse"]),
        (ValueError("X"), [], "failed", "ValueError", []),
        (SystemExit(0), [], "failed", "SystemExit", []),
        (KeyboardInterrupt(), [], "interrupted", "KeyboardInterrupt", []),
        (None, [OSError("Y")], "failed", "OSError", []),
        (Skipped("no data"), [OSError("Y")], "failed", "OSError", []),
        (ValueError("X"), [KeyboardInterrupt()], "failed", "ValueError", []),
    ],
)
def test_status_and_error_follow_what_was_raised_first(
    raised: BaseException | None,
    teardown: Sequence[BaseException],
    status: str,
    kind: str | None,
    notices: list[str],
) -> None:
    told: list[str] = []
    judge = make_judge(told)
    found, error = judge.judge(raised, teardown)
    assert (found, error and error.type, told) == (status, kind, notices)
    assert judge.is_pruned == isinstance(raised, TrialPruned)


def test_an_interrupt_behind_the_time_limit_is_a_timeout() -> None:
    status, error = make_judge([], time.monotonic() - 6).judge(KeyboardInterrupt(), [])
    assert error is not None
    assert (status, error.type, error.message) == (
        "failed",
        "TimeoutError",
        "the run took longer than --timeout 5",
    )


def test_what_is_told_of_an_error_has_no_secret() -> None:
    assert make_judge([]).describe(ValueError("SECRET")).message == "secret"
