"""The local clock, whatever `TZ` says."""

from __future__ import annotations

import datetime as dt
import os
import time
from typing import TYPE_CHECKING

import pytest

from expt.ground.clock import local_now, on_local_clock
from expt.reading.moments import parse_day

if TYPE_CHECKING:
    from collections.abc import Iterator

    from expt.testing import Sandbox

pytestmark = pytest.mark.skipif(not hasattr(time, "tzset"), reason="TZ is asked once here")
NAIVE = dt.datetime(2026, 3, 29, 12)


@pytest.fixture(params=["XYZ-25", "XYZ+26", "Pacific/Apia", ":nope", "", "\x1b"])
def zone(request: pytest.FixtureRequest) -> Iterator[str]:
    before = os.environ.get("TZ")
    os.environ["TZ"] = request.param
    time.tzset()
    yield request.param
    os.environ.pop("TZ")
    if before is not None:
        os.environ["TZ"] = before
    time.tzset()


def test_every_zone_has_a_now_and_days(zone: str) -> None:
    """Siblings of the cases since-across-dst and since-overflow."""
    assert abs(local_now() - dt.datetime.now(dt.UTC)) < dt.timedelta(minutes=1)
    told = on_local_clock(NAIVE)
    assert told.replace(tzinfo=None) == NAIVE and told.tzinfo is not None
    for text in ("today", "yesterday", "last tuesday", "2026-03-29", "2026-03-29T12:00+14:00"):
        start, end = parse_day(text, "--on", local_now())
        assert dt.timedelta(hours=22) < end - start < dt.timedelta(hours=26)


def test_the_ends_of_the_calendar_are_not_told_as_something_else() -> None:
    with pytest.raises((OverflowError, ValueError)):
        on_local_clock(dt.datetime.max.replace(tzinfo=dt.timezone(-dt.timedelta(hours=23))))


def test_runs_run_in_a_zone_that_python_does_not_know(sandbox: Sandbox) -> None:
    sandbox.write({"experiments/a.py": "def experiment_a(track): track('a', 1)\n"})
    sandbox.environ["TZ"] = "XYZ-25"
    assert sandbox.expt("--junitxml", "x.xml").exit_code == 0
    for words in ([], ["--since", "yesterday"], ["latest"], ["--where", "started > 'yesterday'"]):
        done = sandbox.expt("show", *words)
        assert done.exit_code == 0 and "experiment_a" in done.stdout, done.stderr
