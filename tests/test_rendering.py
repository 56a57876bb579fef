"""Whatever one rendering does, the others are made and the archive says what is there."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import warnings
from typing import TYPE_CHECKING, Any

import pytest

from expt.archive.writer import write_record
from expt.ground.model import RunRecord
from expt.reading.references import load_archive
from expt.rendering.renderer import MOST_SERIES, file_stems, render_archive
from expt.tracking.recorder import open_recorder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from expt.reading.run import Run
    from expt.testing import Sandbox


def make_run(folder: Path, track: Callable[[Any], None], **fields: Any) -> Run:
    """An archive of what `track` tracks."""
    folder.mkdir(exist_ok=True)
    recorder = open_recorder(folder / "series", label="abcdefgh23")
    track(recorder.track)
    recorder.close()
    started = "2026-11-23T10:15:30.000000+00:00"
    known = {"case": None, "description": "", "status": "completed", "started": started, **fields}
    write_record(folder, RunRecord(id="abcdefgh23", experiment="e/first.py::experiment_x", **known))
    return load_archive(folder)


class Renderer:
    """Plays the plugins of a session: `draw` is called for every series."""

    def __init__(self, draw: Callable[[Any, Path, str], Any], whole: Any = None) -> None:
        self._draw, self._whole = draw, whole

    def __call__(
        self, hook: str, complain: Callable[[str], None], /, **arguments: Any
    ) -> list[Any]:
        if hook == "expt_render_run":
            return [] if self._whole is None else [self._whole(arguments["folder"])]
        made = self._draw(arguments["series"], arguments["folder"], arguments["stem"])
        if made == "complain":
            complain("it was not to be")
            return []
        return [] if made is None else [made]


def write_picture(series: Any, folder: Path, stem: str) -> list[Path]:
    path = folder / f"{stem}.png"
    path.write_bytes(b"png")
    return [path]


def two_series(track: Any) -> None:
    track("loss", 1.0)
    track("eval/acc", 0.5)


@pytest.mark.parametrize(
    ("names", "stems"),
    [
        (["loss", "w.1", "Δ"], ["loss", "w.1", "_"]),
        (["eval/acc"], ["eval_acc"]),
        (["eval/acc", "eval acc", "eval_acc"], ["eval_acc~", "eval_acc~", "eval_acc"]),
        (["loss", "Loss", "LOSS"], ["loss", "Loss~", "LOSS~"]),
        (["overview", "con", "COM1.x"], ["overview~", "con~", "COM1.x~"]),
        (["../../etc/passwd", ".hidden", "/", ""], ["etc_passwd", "hidden", "_", "_~"]),
        (["a\x00b\n", "\ud800"], ["a_b", "_"]),
        (["x" * 300, "x" * 301], ["x" * 60, "x" * 60 + "~"]),
    ],
)
def test_names_are_data_and_never_share_a_file(names: list[str], stems: list[str]) -> None:
    found = file_stems(names)

    assert list(found) == names
    assert [re.sub("~[0-9a-f]{10}$", "~", stem) for stem in found.values()] == stems
    assert len({stem.lower() for stem in found.values()}) == len(names)


def test_the_index_maps_series_to_files(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a", two_series)

    rendered = render_archive(run.path, Renderer(write_picture))

    assert rendered.files == ("plots/loss.png", "plots/eval_acc.png")
    assert rendered.failures == ()
    assert json.loads((run.path / "plots/index.json").read_text()) == {
        "loss": ["loss.png"],
        "eval/acc": ["eval_acc.png"],
    }
    assert run.reload().plots["loss"] == (run.path / "plots/loss.png",)


def test_a_failure_is_a_notice_that_names_the_series_and_the_others_are_drawn(
    tmp_path: Path,
) -> None:
    def draw(series: Any, folder: Path, stem: str) -> Any:
        if series.name == "loss":
            raise ArithmeticError("no numbers today")
        return write_picture(series, folder, stem)

    run = make_run(tmp_path / "a", two_series)

    rendered = render_archive(run.path, Renderer(draw))

    assert rendered.files == ("plots/eval_acc.png",)
    assert rendered.failures == ("'loss': ArithmeticError: no numbers today",)
    assert json.loads((run.path / "plots/notices.json").read_text()) == list(rendered.failures)


def test_what_could_not_be_drawn_is_forgotten_once_it_is(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a", two_series)
    render_archive(run.path, Renderer(lambda *_: "complain"))
    assert (run.path / "plots/notices.json").exists()

    render_archive(run.path, Renderer(write_picture))

    assert not (run.path / "plots/notices.json").exists()
    assert run.reload().plots["loss"] == (run.path / "plots/loss.png",)


def test_complaints_and_warnings_are_notices_too_and_told_once(tmp_path: Path) -> None:
    def draw(series: Any, folder: Path, stem: str) -> Any:
        for _ in range(2):
            warnings.warn("a little crooked", stacklevel=1)
        warnings.warn("not of interest", DeprecationWarning, stacklevel=1)
        return "complain"

    run = make_run(tmp_path / "a", lambda track: track("a\n" + "x" * 90, 1.0))

    assert render_archive(run.path, Renderer(draw)).failures == (
        f"'a\\n{'x' * 37}…{'x' * 16}': it was not to be",
        f"'a\\n{'x' * 37}…{'x' * 16}': a little crooked",
    )


@pytest.mark.parametrize(
    ("made", "notice"),
    [
        (7, "'loss': a hook returned 7, not the paths of files"),
        (["/etc/passwd"], "'loss': a hook returned '/etc/passwd', which is no file in its folder"),
        (["nothing.png"], "'loss': a hook returned 'nothing.png', which is no file in its folder"),
    ],
)
def test_what_is_no_file_of_the_folder_is_not_listed(
    tmp_path: Path, made: Any, notice: str
) -> None:
    run = make_run(tmp_path / "a", lambda track: track("loss", 1.0))

    rendered = render_archive(run.path, Renderer(lambda *_: made))

    assert (rendered.files, rendered.failures) == ((), (notice,))


def test_made_again_the_files_are_the_same_and_what_is_drawn_no_more_goes(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a", two_series)
    first = render_archive(run.path, Renderer(write_picture))
    (run.path / "plots/mine.txt").write_text("kept")
    assert render_archive(run.path, Renderer(write_picture)) == first

    def only_loss(series: Any, folder: Path, stem: str) -> Any:
        return write_picture(series, folder, stem) if series.name == "loss" else None

    render_archive(run.path, Renderer(only_loss))

    left = sorted(path.name for path in (run.path / "plots").iterdir())
    assert left == ["index.json", "loss.png", "mine.txt"]


def test_an_old_index_that_is_damaged_or_points_elsewhere_deletes_nothing(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a", two_series)
    plots = run.path / "plots"
    plots.mkdir()
    for text in ("{", "[]", '{"a": ["../run.json", "/etc/hosts", 3, ".."]}', '{"a": "run.json"}'):
        (plots / "index.json").write_text(text)
        assert render_archive(run.path, Renderer(write_picture)).failures == ()

    assert (run.path / "run.json").is_file()


def test_a_run_without_pictures_has_no_folder_for_them(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a", lambda track: track("note", "text"))

    render_archive(run.path, Renderer(lambda *_: None))

    assert not (run.path / "plots").exists()


def test_files_of_the_whole_run_are_named_relative_to_the_archive(tmp_path: Path) -> None:
    def write_report(folder: Path) -> list[Path]:
        (folder / "report.txt").write_text("all is well")
        return [folder / "report.txt", folder.parent / "run.json"]

    run = make_run(tmp_path / "a", two_series)

    rendered = render_archive(run.path, Renderer(lambda *_: None, write_report))

    assert rendered.files == ("plots/report.txt", "run.json")


def test_a_great_many_series_are_not_all_drawn(tmp_path: Path) -> None:
    def many(track: Any) -> None:
        for index in range(MOST_SERIES + 7):
            track(f"s{index}", 1.0)

    rendered = render_archive(make_run(tmp_path / "a", many).path, Renderer(write_picture))

    assert len(rendered.files) == MOST_SERIES
    assert rendered.failures == (
        (
            f"the first {MOST_SERIES} of {MOST_SERIES + 7} series are drawn;"
            " run.plot(name) draws any of them"
        ),
    )


def test_an_archive_that_cannot_be_read_is_a_notice(tmp_path: Path) -> None:
    rendered = render_archive(tmp_path, Renderer(write_picture))

    assert rendered.files == ()
    assert rendered.failures[0].startswith("the archive cannot be rendered: ")


# What a foreign archive, or a renderer that was killed, has left


def test_a_link_in_plots_is_replaced_by_the_file(tmp_path: Path) -> None:
    """case: render-escape"""
    run = make_run(tmp_path / "a", two_series)
    (outside := tmp_path / "outside").mkdir()
    (outside / "thesis.txt").write_text("PRECIOUS")
    (run.path / "plots").mkdir()
    for name in ("loss.png", "index.json", "notices.json"):
        (run.path / "plots" / name).symlink_to(outside / "thesis.txt")

    assert render_archive(run.path, Renderer(write_picture)).failures == ()

    assert (outside / "thesis.txt").read_text() == "PRECIOUS"
    assert (run.path / "plots/loss.png").read_bytes() == b"png"
    assert not any(path.is_symlink() for path in (run.path / "plots").iterdir())


def test_plots_that_is_a_link_is_refused(tmp_path: Path) -> None:
    """case: render-escape"""
    run = make_run(tmp_path / "a", two_series)
    (outside := tmp_path / "outside").mkdir()
    (run.path / "plots").symlink_to(outside)

    rendered = render_archive(run.path, Renderer(write_picture))

    assert rendered.files == ()
    assert rendered.failures[0].startswith("the archive cannot be rendered: 'plots' is a link")
    assert list(outside.iterdir()) == []


def test_a_folder_in_plots_that_is_a_link_is_replaced(tmp_path: Path) -> None:
    """case: render-escape"""

    def draw(series: Any, folder: Path, stem: str) -> list[Path]:
        (folder / "deep").mkdir(exist_ok=True)
        return write_picture(series, folder / "deep", stem)

    run = make_run(tmp_path / "a", two_series)
    (outside := tmp_path / "outside").mkdir()
    (run.path / "plots").mkdir()
    (run.path / "plots/deep").symlink_to(outside)

    assert "plots/deep/loss.png" in render_archive(run.path, Renderer(draw)).files

    assert list(outside.iterdir()) == []
    assert (run.path / "plots/deep/loss.png").is_file()


def test_what_a_killed_renderer_left_is_removed_by_the_next(tmp_path: Path) -> None:
    """case: unfinished"""
    run = make_run(tmp_path / "a", two_series)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    (run.path / f".unfinished-{gone.pid}").mkdir()
    (run.path / f".unfinished-{gone.pid}/im.mp4").write_bytes(b"half")
    (run.path / "plots").mkdir()
    (run.path / f"plots/.unfinished-{gone.pid}.mp4").write_bytes(b"half")
    alive = run.path / f".unfinished-{os.getppid()}"
    alive.mkdir()

    render_archive(run.path, Renderer(write_picture))

    assert [path.name for path in run.path.rglob(".unfinished-*")] == [alive.name]


@pytest.mark.parametrize("hook", ["expt_render_run(run, folder)", "expt_render_session(folder)"])
def test_what_a_killed_renderer_left_is_removed_by_its_session(sandbox: Sandbox, hook: str) -> None:
    """sibling of case: unfinished"""
    sandbox.write(
        {
            "experiments/a.py": "def experiment_a(track, n: int): track('loss', n)\n",
            "killer.py": f"""
                import os

                def {hook}:
                    (folder / "half.png").write_bytes(b"half")
                    os.kill(os.getpid(), 9)
                """,
        }
    )
    done = sandbox.expt("--sweep", "n=1,2", "--plugin", "killer.py", render=True)
    assert "killed by SIGKILL" in done.stdout, done.stdout + done.stderr
    assert list((sandbox.root / "runs").rglob(".unfinished-*")) == []
    assert {run.status for run in sandbox.runs()} == {"completed"}


def test_while_it_is_drawn_nothing_of_it_is_listed(tmp_path: Path) -> None:
    """case: unfinished"""
    seen = []

    def draw(series: Any, folder: Path, stem: str) -> list[Path]:
        seen.extend((run.path / "plots").glob("*"))
        return write_picture(series, folder, stem)

    run = make_run(tmp_path / "a", two_series)
    render_archive(run.path, Renderer(draw))

    assert seen == []
    assert not list(run.path.glob(".unfinished-*"))
