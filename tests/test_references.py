"""What people type names one run, or the error says what there is."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from expt.archive.writer import write_record
from expt.ground.errors import DamagedArchive, NewerArchive, NoSuchRun
from expt.ground.layout import RUN_FILE
from expt.ground.model import RunRecord
from expt.reading.finding import find_runs
from expt.reading.references import find_archive_root, load_archives, load_run

if TYPE_CHECKING:
    from pathlib import Path

MNIST = "experiments/vision/mnist.py::experiment_train"
WALK = "experiments/walk.py::experiment_walk"


def make_run(
    root: Path, run_id: str, minute: int, experiment: str = WALK, case: str | None = None
) -> Path:
    path = root / f"folder/2026-11-23_10-{minute:02}-00_{run_id}"
    path.mkdir(parents=True)
    started = f"2026-11-23T10:{minute:02}:00.000000+00:00"
    write_record(path, RunRecord(run_id, experiment, case, "", "completed", started))
    return path


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Five runs, the oldest first: abcd1…, abcd2…, m1…, m2…, wxyz…."""
    root = tmp_path / "runs"
    make_run(root, "abcd111111", 1)
    make_run(root, "abcd222222", 2)
    make_run(root, "m111111111", 3, MNIST, "lr-0.1")
    make_run(root, "m222222222", 4, MNIST, "lr-0.2")
    make_run(root, "wxyz222222", 5)
    return root


@pytest.mark.parametrize(
    ("reference", "run_id"),
    [
        ("latest", "wxyz222222"),
        ("latest~0", "wxyz222222"),
        ("latest~2", "m111111111"),
        ("abcd222222", "abcd222222"),
        ("abcd2", "abcd222222"),
        ("ABCD2", "abcd222222"),
        ("w", "wxyz222222"),
        (WALK, "wxyz222222"),
        (f"{WALK}~1", "abcd222222"),
        (MNIST, "m222222222"),
        (f"{MNIST}[lr-0.1]", "m111111111"),
        ("mnist.py::experiment_train", "m222222222"),
        ("vision/mnist.py::experiment_train[lr-0.1]", "m111111111"),
        ("2026-11-23_10-01-00_abcd111111", "abcd111111"),
        ("folder/2026-11-23_10-01-00_abcd111111", "abcd111111"),
    ],
)
def test_a_reference_names_one_run(runs: Path, reference: str, run_id: str) -> None:
    assert load_run(reference, runs).id == run_id


def test_a_path_names_an_archive_wherever_it_is(runs: Path, tmp_path: Path, monkeypatch) -> None:
    moved = tmp_path / "mail" / "attachment"
    shutil.copytree(runs / "folder/2026-11-23_10-01-00_abcd111111", moved)
    nowhere = tmp_path / "nowhere"
    for reference in (moved, str(moved), f"{moved}/", moved / RUN_FILE):
        assert load_run(reference, nowhere).path == moved
    (moved / "analysis.py").write_text("")
    assert load_run(str(moved / "analysis.py"), nowhere).id == "abcd111111"
    monkeypatch.chdir(tmp_path / "mail")
    assert load_run("attachment", nowhere).path == moved
    assert load_run("./attachment", nowhere).path == moved
    monkeypatch.chdir(moved)
    assert load_run(".", nowhere).path == moved


def told(reference: str, root: Path) -> str:
    with pytest.raises(NoSuchRun) as caught:
        load_run(reference, root)
    return str(caught.value).replace(str(root), "runs")


def test_an_ambiguous_id_lists_the_candidates(runs: Path) -> None:
    assert told("abcd", runs) == (
        "'abcd' begins the ids of 2 runs\n"
        f"  abcd222222  {WALK}  completed\n"
        f"  abcd111111  {WALK}  completed"
    )


def test_copies_of_one_archive_are_told_by_their_paths(runs: Path) -> None:
    original = runs / "folder/2026-11-23_10-01-00_abcd111111"
    shutil.copytree(original, runs / "copies" / original.name)
    lines = told("abcd1", runs).splitlines()
    assert lines[0] == "'abcd1' is the id of 2 runs"
    assert sorted(line.split()[0] for line in lines[1:]) == [
        f"runs/copies/{original.name}",
        f"runs/folder/{original.name}",
    ]


def test_a_whole_node_id_is_meant_before_the_end_of_another(runs: Path) -> None:
    make_run(runs, "short11111", 0, "walk.py::experiment_walk")
    assert load_run("walk.py::experiment_walk", runs).id == "short11111"


def test_the_end_of_several_node_ids_is_ambiguous(runs: Path) -> None:
    make_run(runs, "other11111", 6, "experiments/sound/mnist.py::experiment_train")
    assert told("mnist.py::experiment_train", runs) == (
        "'mnist.py::experiment_train' is the end of several node ids\n"
        "  experiments/sound/mnist.py::experiment_train\n"
        "  experiments/vision/mnist.py::experiment_train"
    )


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        (
            "zzzz",
            (
                "no run answers to 'zzzz'\n  at runs\n"
                "  'expt show' lists the runs; the beginning of an id is enough"
            ),
        ),
        (
            "experiments/walk.py::experiment_wolk",
            (
                "no run answers to 'experiments/walk.py::experiment_wolk'\n  at runs\n"
                f"  did you mean '{WALK}' or '{MNIST}'?"
            ),
        ),
        (
            "",
            (
                "no run answers to ''\n  at runs\n"
                "  'expt show' lists the runs; the beginning of an id is enough"
            ),
        ),
        ("latest~5", "there are only 5 runs\n  at runs"),
        (f"{WALK}~9", f"there are only 3 runs of '{WALK}'\n  at runs"),
        (
            "\x1b[31m",
            (
                "no run answers to '\\x1b[31m'\n  at runs\n"
                "  'expt show' lists the runs; the beginning of an id is enough"
            ),
        ),
    ],
)
def test_what_nothing_answers_to_is_an_error_with_what_there_is(
    runs: Path, reference: str, message: str
) -> None:
    assert told(reference, runs) == message


@pytest.mark.parametrize("reference", ["a/b/c", "x" * 5000, "a\0b", "~/x", "..", "\udcff"])
def test_no_text_is_more_than_a_missing_run(runs: Path, reference: str) -> None:
    with pytest.raises((NoSuchRun, DamagedArchive)):
        load_run(reference, runs)


def test_without_any_run_the_error_says_how_to_get_one(tmp_path: Path) -> None:
    assert told("latest", tmp_path) == (
        "there are no runs yet\n  at runs\n  'expt' runs the experiments"
    )


def test_smoke_and_scratch_runs_are_latest_only_when_asked_for(runs: Path) -> None:
    make_run(runs / ".smoke", "smoke11111", 30)
    make_run(runs / ".scratch", "scratch111", 40)
    assert load_run("latest", runs).id == "wxyz222222"
    assert load_run("latest", runs, smoke=True).id == "smoke11111"
    assert load_run("latest", runs, smoke=True, scratch=True).id == "scratch111"
    assert load_run(WALK, runs, smoke=True).id == "smoke11111"
    assert load_run("smok", runs).id == "smoke11111"
    assert len(find_runs(runs)) == 5
    assert len(find_runs(runs, smoke=True)) == 6


def test_a_damaged_archive_is_named_by_its_reason(runs: Path) -> None:
    path = make_run(runs, "dddd111111", 20)
    (path / RUN_FILE).write_text('{"format": 99}')
    for reference in ("dddd", str(path)):
        with pytest.raises(NewerArchive, match="99"):
            load_run(reference, runs)
    (path / RUN_FILE).unlink()
    with pytest.raises(DamagedArchive) as caught:
        load_run(str(path), runs)
    assert str(caught.value) == (
        f"this folder has no run.json\n  at {path}\n  'expt show' lists the runs"
    )


def test_several_archives_are_loaded_in_their_order(runs: Path, tmp_path: Path) -> None:
    paths = sorted((runs / "folder").iterdir())
    loaded = load_archives([paths[3], tmp_path / "gone", paths[0]])
    assert [run.id for run in loaded] == ["m222222222", "abcd111111"]
    assert [error.at for error in loaded.damaged] == [str(tmp_path / "gone")]


def test_ids_are_shown_as_short_as_they_are_unique(runs: Path) -> None:
    assert [run.short_id for run in find_runs(runs)] == ["wxyz", "m222", "m111", "abcd2", "abcd1"]
    assert load_run("latest~3", runs).short_id == "abcd2"


def test_the_archive_root_is_that_of_the_project(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "expt.toml").write_text('runs = "elsewhere"\n')
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    assert find_archive_root(None, inner) == tmp_path / "elsewhere"
    assert find_archive_root(inner, tmp_path) == inner
    monkeypatch.chdir(inner)
    assert find_archive_root() == tmp_path / "elsewhere"
    with pytest.raises(NoSuchRun) as caught:
        find_archive_root(tmp_path / "missing")
    assert str(caught.value) == (f"there is no archive root '{tmp_path / 'missing'}'\n  at --runs")
