"""Series are read once for all that ask about them, and never told as they were before."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from made_runs import make_run

from expt.reading.run import Run
from expt.tracking.recorder import open_recorder

pytest.importorskip("numpy")

from expt.archive.owner import owner_of_this_process
from expt.page.open_series import OpenSeries

if TYPE_CHECKING:
    from pathlib import Path

    from expt.reading.series.tracked import SeriesMap


def tell_loss(series: SeriesMap) -> bytes:
    return str(series["loss"].values.tolist()).encode()


def make_tracked(root: Path, number: int, *values: float) -> Run:
    path = make_run(root, number)
    track(path, *values)
    return Run(path)


def track(path: Path, *values: float) -> None:
    recorder = open_recorder(path / "series", label="x")
    for value in values:
        recorder.track("loss", value)
    recorder.close()


def test_what_was_read_of_a_run_is_there_for_the_next_question(tmp_path: Path) -> None:
    run = make_tracked(tmp_path, 1, 1.0, 2.0)
    seen: list[SeriesMap] = []

    def tell(series: SeriesMap) -> bytes:
        seen.append(series)
        return b"told"

    tellers = OpenSeries()
    for question in ("whole", "zoomed", "whole"):
        assert tellers.tell(Run(run.path), None, question, tell) == b"told"
    assert len(seen) == 2, "the third was asked before"
    assert seen[0] is seen[1]


def test_files_that_have_changed_are_read_again(tmp_path: Path) -> None:
    run = make_tracked(tmp_path, 1, 1.0)
    tellers = OpenSeries()
    assert tellers.tell(run, None, "", tell_loss) == b"[1.0]"
    shutil.rmtree(run.path / "series")
    track(run.path, 1.0, 2.0)
    assert tellers.tell(Run(run.path), None, "", tell_loss) == b"[1.0, 2.0]"


def test_a_run_that_goes_on_is_read_once_a_moment(tmp_path: Path) -> None:
    path = make_run(tmp_path, 1, status="running", owner=owner_of_this_process())
    recorder = open_recorder(path / "series", label="x")
    tellers = OpenSeries()

    def told(moment: int | None) -> bytes:
        return tellers.tell(Run(path), moment, "", tell_loss)

    recorder.track("loss", 1.0)
    assert told(1) == b"[1.0]"
    recorder.track("loss", 2.0)
    assert told(1) == b"[1.0]", "the moment is the same"
    assert told(None) == b"[1.0, 2.0]", "nobody knows of moments"
    assert told(2) == b"[1.0, 2.0]"
    recorder.close()


def test_what_was_asked_about_longest_ago_makes_room(tmp_path: Path) -> None:
    runs = [make_tracked(tmp_path, number, 1.0) for number in range(3)]
    size = sum(file.stat().st_size for file in (runs[0].path / "series").iterdir())
    asked: list[str] = []

    def ask(tellers: OpenSeries, run: Run) -> None:
        def tell(_: SeriesMap) -> bytes:
            asked.append(run.id)
            return b""

        tellers.tell(run, None, "", tell)

    first, second, third = runs
    tellers = OpenSeries(2 * size)
    for run in (first, second, first, third, first, second):
        ask(tellers, run)
    assert asked == [run.id for run in (first, second, third, second)]
    asked.clear()
    tellers = OpenSeries(0)
    for run in (first, first, second, first):
        ask(tellers, run)
    assert asked == [run.id for run in (first, second, first)], "the last one stays in any case"
