"""How far a running run is, for those who look from elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from expt.archive.progress_file import HowFar, read_progress, write_progress
from expt.ground.layout import PROGRESS_FILE
from expt.running.supplies import Progress

if TYPE_CHECKING:
    from pathlib import Path

    from expt.ground.messages import RunProgressed


def test_how_far_a_run_is_can_be_read_until_it_is_taken_away(tmp_path: Path) -> None:
    for far in (HowFar(100, 1000, "a long label"), HowFar(2, None, ""), HowFar(3, 4, "\n🦜")):
        write_progress(tmp_path, far)
        assert read_progress(tmp_path) == far
    write_progress(tmp_path, HowFar(1, 2, "🦜" * 1000))
    assert read_progress(tmp_path) == HowFar(1, 2, "🦜" * 40)
    write_progress(tmp_path, None)
    assert read_progress(tmp_path) is None


@pytest.mark.parametrize("text", ["", "[1", "[1, 2]", "{}", '["a", 2, ""]', "[-1, 2, 3]", "[" * 9])
def test_what_says_nothing_of_it_is_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / PROGRESS_FILE).write_text(text)
    assert read_progress(tmp_path) is None


def test_a_folder_that_is_gone_is_no_error(tmp_path: Path) -> None:
    write_progress(tmp_path / "gone", HowFar(1, 2, ""))
    assert read_progress(tmp_path / "gone") is None


def test_the_outermost_of_two_loops_is_told_however_fast_the_other_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    told: list[RunProgressed] = []
    progress = Progress("x", told.append, tmp_path)
    for epoch in progress(range(3), label="epoch"):
        assert read_progress(tmp_path) == HowFar(epoch, 3, "epoch")
        for _ in progress(range(4), label="batch"):
            now += 0.03
    outer = [event.done for event in told if event.label == "epoch"]
    inner = [event.done for event in told if event.label == "batch"]
    assert outer == [0, 1, 2, 3]
    assert inner == [0, 4, 4, 4]
    assert read_progress(tmp_path) is None


def test_a_name_in_the_place_of_the_total_is_told(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="a name is label='epoch'"):
        Progress("x", print, tmp_path)(range(3), "epoch")  # type: ignore[arg-type]
