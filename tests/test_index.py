"""The index is a cache: whatever happens to it, the listing tells what is on the disk."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
import zlib
from pathlib import Path
from typing import Any

import pytest
from warm_start import WarmProcess

from expt.archive.writer import write_record
from expt.ground.errors import NoSuchRun
from expt.ground.layout import INDEX_FILE, RUN_FILE
from expt.ground.model import RunRecord
from expt.reading.finding import find_runs
from expt.reading.index import open_catalogue
from expt.reading.index_file import VERSION
from expt.reading.references import load_run

STARTED = "2026-11-23T10:15:30.000001+00:00"


def make_run(root: Path, number: int, started: str = STARTED, folder: str = "walk") -> Path:
    """A whole archive of a run whose id ends in `number`, settled long ago."""
    path = root / folder / f"2026-11-23_10-15-30_run{number:07}"
    path.mkdir(parents=True)
    record = RunRecord(
        id=f"run{number:07}",
        experiment="experiments/walk.py::experiment_walk",
        case=None,
        description="",
        status="completed",
        started=started,
        params={"steps": number},
    )
    write_record(path, record)
    settle(path)
    return path


def settle(path: Path) -> None:
    """Make the archive as old as one that the index may rely on."""
    for place in (path / RUN_FILE, path):
        os.utime(place, (1_700_000_000, 1_700_000_000), follow_symlinks=False)


def steps(root: Path) -> list[int]:
    return [run.params["steps"] for run in find_runs(root)]


def test_runs_come_newest_first_by_microseconds_whatever_their_zone(tmp_path: Path) -> None:
    make_run(tmp_path, 1, "2026-11-23T10:15:30.000001+00:00")
    make_run(tmp_path, 2, "2026-11-23T12:15:30.000003+02:00")
    make_run(tmp_path, 3, "2026-11-23T05:15:30.000002-05:00")
    assert steps(tmp_path) == [2, 3, 1]
    assert steps(tmp_path) == [2, 3, 1]


def test_an_unchanged_archive_is_told_from_the_index(tmp_path: Path) -> None:
    file = make_run(tmp_path, 1) / RUN_FILE
    assert steps(tmp_path) == [1]
    file.write_bytes(b" " * file.stat().st_size)
    settle(file.parent)
    assert steps(tmp_path) == [1]


def test_an_archive_written_in_place_is_read_again(tmp_path: Path) -> None:
    file = make_run(tmp_path, 1) / RUN_FILE
    assert steps(tmp_path) == [1]
    file.write_text(file.read_text().replace('"steps": 1', '"steps": 7'))
    assert steps(tmp_path) == [7]
    file.write_text(file.read_text().replace('"steps": 7', '"steps": 8'))
    os.utime(file, (1_700_000_001, 1_700_000_001))
    assert steps(tmp_path) == [8]


def test_a_file_so_fresh_that_its_stamp_may_stay_is_read_each_time(tmp_path: Path) -> None:
    path = make_run(tmp_path, 1)
    now = time.time()
    os.utime(path / RUN_FILE, (now, now))
    assert steps(tmp_path) == [1]
    file = path / RUN_FILE
    file.write_text(file.read_text().replace('"steps": 1', '"steps": 7'))
    os.utime(file, (now, now))
    assert steps(tmp_path) == [7]


def test_archives_that_are_removed_moved_or_added_are_noticed(tmp_path: Path) -> None:
    first, second = make_run(tmp_path, 1), make_run(tmp_path, 2)
    assert sorted(steps(tmp_path)) == [1, 2]
    shutil.rmtree(first)
    second.rename(tmp_path / "kept")
    make_run(tmp_path, 3, folder="new/deep")
    assert sorted(steps(tmp_path)) == [2, 3]
    assert {run.path.name for run in find_runs(tmp_path)} == {
        "kept",
        "2026-11-23_10-15-30_run0000003",
    }


@pytest.mark.parametrize(
    "content", [b"", b"no database at all", b"SQLite format 3\0" + b"\xff" * 900]
)
def test_a_damaged_index_is_begun_again(tmp_path: Path, content: bytes) -> None:
    make_run(tmp_path, 1)
    (tmp_path / INDEX_FILE).write_bytes(content)
    assert steps(tmp_path) == [1]
    with sqlite3.connect(tmp_path / INDEX_FILE) as index:
        assert index.execute("SELECT count(*) FROM shelves").fetchone() == (1,)
    index.close()


def test_an_index_cut_in_half_costs_nothing_but_time(tmp_path: Path) -> None:
    for number in range(60):
        make_run(tmp_path, number)
    assert len(steps(tmp_path)) == 60
    file = tmp_path / INDEX_FILE
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    assert sorted(steps(tmp_path)) == list(range(60))


def change_index(root: Path, statement: str) -> None:
    index = sqlite3.connect(root / INDEX_FILE)
    index.execute(statement)
    index.commit()
    index.close()


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE shelves",
        "DROP TABLE columns",
        "DROP TABLE summaries",
        "UPDATE shelves SET started = 'yesterday'",
        "UPDATE shelves SET names = NULL",
        "UPDATE columns SET content = '[2, 2]'",
        "DELETE FROM columns",
        "UPDATE summaries SET summary = '{'",
        "DELETE FROM summaries",
    ],
)
def test_an_index_that_was_tampered_with_is_not_believed(tmp_path: Path, statement: str) -> None:
    make_run(tmp_path, 1)
    assert steps(tmp_path) == [1]
    change_index(tmp_path, statement)
    make_run(tmp_path, 2)
    assert sorted(steps(tmp_path)) == [1, 2]


def test_an_index_of_another_version_is_begun_again(tmp_path: Path) -> None:
    make_run(tmp_path, 1)
    assert steps(tmp_path) == [1]
    change_index(tmp_path, "PRAGMA user_version = 99")
    assert steps(tmp_path) == [1]
    index = sqlite3.connect(tmp_path / INDEX_FILE)
    assert index.execute("PRAGMA user_version").fetchone() == (VERSION,)
    index.close()


def test_a_database_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    make_run(tmp_path, 1)
    change_index(tmp_path, "CREATE TABLE theirs (value)")
    assert steps(tmp_path) == [1]
    index = sqlite3.connect(tmp_path / INDEX_FILE)
    assert index.execute("SELECT name FROM sqlite_master").fetchall() == [("theirs",)]
    index.close()


def test_a_place_that_cannot_have_an_index_is_read_without(tmp_path: Path) -> None:
    make_run(tmp_path, 1)
    (tmp_path / INDEX_FILE).mkdir()
    assert steps(tmp_path) == [1]


def test_an_index_that_another_process_holds_is_read_around(tmp_path: Path) -> None:
    make_run(tmp_path, 1)
    assert steps(tmp_path) == [1]
    make_run(tmp_path, 2)
    holder = sqlite3.connect(tmp_path / INDEX_FILE, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        assert sorted(steps(tmp_path)) == [1, 2]
    finally:
        holder.close()


def test_several_processes_may_make_the_index_at_once(tmp_path: Path) -> None:
    for number in range(50):
        make_run(tmp_path, number)
    script = (
        "import sys; from pathlib import Path; from expt.reading.finding import find_runs;"
        "print(len(find_runs(Path(sys.argv[1]))))"
    )
    words = ["-c", script, str(tmp_path)]
    listers = [WarmProcess([*words], str(tmp_path), {**os.environ}, python=True) for _ in range(4)]
    assert [lister.communicate()[0] for lister in listers] == ["50\n"] * 4
    assert len(steps(tmp_path)) == 50


BAD = {
    "empty": b"",
    "torn": b'{"format": 1, "id": "run',
    "not an object": b"[1, 2]",
    "not UTF-8": b'{"format": 1, "id": "\xff"}',
    "no strict JSON": b'{"format": 1, "duration": NaN}',
    "nested": b'{"params": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "a long number": b'{"format": ' + b"1" * 5_000 + b"}",
    "no format": b'{"id": "x", "experiment": "x", "status": "completed", "started": "2026-11-23"}',
    "newer": b'{"format": 2}',
    "wrong types": b'{"format": 1, "id": 3, "experiment": [], "status": "completed"}',
    "a status of its own": b"completed -> conquered",
    "no time": b"2026-11-23T -> soon",
    "a series that is none": b'"series": {} -> "series": {"loss": 3}',
    "params that are a path": b'"params": {"steps": 2} -> "params": {"$path": "x"}',
    "a torn tag": b'"params": {"steps": 2} -> "params": {"$dict": [[1]]}',
    "a key that cannot be one": b'"params": {"steps": 2} -> "params": {"$dict": [[{}, 1]]}',
    "tags that are numbers": b'"tags": [] -> "tags": [1]',
}


@pytest.mark.parametrize("name", BAD)
def test_one_bad_archive_is_named_and_the_rest_is_shown(tmp_path: Path, name: str) -> None:
    make_run(tmp_path, 1)
    bad = make_run(tmp_path, 2)
    content = BAD[name]
    if b" -> " in content:
        old, new = content.split(b" -> ")
        whole = (bad / RUN_FILE).read_bytes()
        assert old in whole
        content = whole.replace(old, new)
    (bad / RUN_FILE).write_bytes(content)
    for _ in range(2):
        found = find_runs(tmp_path)
        assert [run.params["steps"] for run in found] == [1]
        assert [error.at for error in found.damaged] == [str(bad)]
        assert found.damaged[0].what


def test_what_is_no_regular_file_is_not_opened(tmp_path: Path) -> None:
    make_run(tmp_path, 1)
    fifo, link, folder, missing = (make_run(tmp_path, number) for number in (2, 3, 4, 5))
    for path in (fifo, link, folder, missing):
        (path / RUN_FILE).unlink()
    os.mkfifo(fifo / RUN_FILE)
    (link / RUN_FILE).symlink_to(make_run(tmp_path / "elsewhere", 6) / RUN_FILE)
    (folder / RUN_FILE).mkdir()
    os.utime(missing, (1_700_000_000, 1_700_000_000))
    found = find_runs(tmp_path)
    assert sorted(run.params["steps"] for run in found) == [1, 6]
    assert {error.at for error in found.damaged} == {str(p) for p in (fifo, link, folder, missing)}


def test_an_archive_that_is_being_claimed_is_not_yet_there(tmp_path: Path) -> None:
    path = make_run(tmp_path, 1)
    (path / RUN_FILE).unlink()
    found = find_runs(tmp_path)
    assert (len(found), found.damaged) == (0, ())


def test_a_link_that_leads_out_of_the_root_is_told_of_and_not_followed(tmp_path: Path) -> None:
    """case: link-in-root; siblings: a link that looks like an archive, one to `/`."""
    runs, disk = tmp_path / "runs", tmp_path / "disk"
    make_run(runs, 1)
    outside = make_run(disk, 2)
    links = [runs / "walk" / "up", runs / "here", runs / outside.name]
    for link, target in zip(links, (Path("/"), disk, outside), strict=True):
        link.symlink_to(target)
    for _ in range(2):
        found = find_runs(runs)
        assert [run.params["steps"] for run in found] == [1]
        assert {(error.at, error.what) for error in found.damaged} == {
            (str(link), "a link that leads out of the archive root") for link in links
        }


def test_a_link_to_a_folder_of_the_root_changes_nothing_and_hidden_folders_neither(
    tmp_path: Path,
) -> None:
    """case: link-in-root, sibling: somebody's own link to the newest run."""
    newest = make_run(tmp_path, 1)
    (tmp_path / "newest").symlink_to(newest)
    (tmp_path / "walk" / "loop").symlink_to(tmp_path)
    make_run(tmp_path, 2, folder=".hidden")
    found = find_runs(tmp_path)
    assert ([run.params["steps"] for run in found], found.damaged) == ([1], ())


@pytest.mark.parametrize("name", [".smoke", ".scratch"])
def test_a_root_of_its_own_that_is_a_link_is_no_root(tmp_path: Path, name: str) -> None:
    """case: link-in-root, sibling: the hidden roots, where an id is looked for too."""
    runs = tmp_path / "runs"
    make_run(runs, 1)
    make_run(tmp_path / "disk", 2)
    (runs / name).symlink_to(tmp_path / "disk")
    assert len(find_runs(runs, smoke=True, scratch=True)) == 1
    with pytest.raises(NoSuchRun):
        load_run("run0000002", runs)


def test_the_root_itself_may_be_a_link(tmp_path: Path) -> None:
    make_run(tmp_path / "disk", 1)
    (tmp_path / "runs").symlink_to(tmp_path / "disk")
    for _ in range(2):
        assert steps(tmp_path / "runs") == [1]


def index_of(root: Path) -> Path:
    """The index of a root with three runs, written."""
    for number in (1, 2, 3):
        make_run(root, number)
    assert sorted(steps(root)) == [1, 2, 3]
    return root / INDEX_FILE


def test_no_bit_of_the_index_is_shown_as_a_value(tmp_path: Path) -> None:
    """case: index-damage, sibling: any byte that holds text of a run."""
    content = index_of(tmp_path).read_bytes()
    told = outlines(tmp_path)
    places = [at for at in range(len(content)) if content[at : at + 7] in _TEXTS]
    assert len(places) > 9
    for at in places:
        for offset in (0, 6):
            changed = bytearray(content)
            changed[at + offset] ^= 1
            index_file(tmp_path).write_bytes(bytes(changed))
            assert outlines(tmp_path) == told


_TEXTS = {b'"steps"', b'"experi', b"complet", b"run0000", b'"params', b"walk/20", b"experim"}


def index_file(root: Path) -> Path:
    return root / INDEX_FILE


def outlines(root: Path) -> list[dict[str, Any]]:
    """What a listing tells, whether the index has it ready or not."""
    found = [run.outline() for run in find_runs(root)]
    assert [json.loads(run.outline_text) for run in find_runs(root, outlined=True)] == found
    return found


def test_a_row_of_another_archive_is_not_taken_for_this_ones(tmp_path: Path) -> None:
    """case: index-damage, sibling: whole values in the wrong places."""
    index_of(tmp_path)
    told = outlines(tmp_path)
    with sqlite3.connect(index_file(tmp_path)) as index:
        folders = [row[0] for row in index.execute("SELECT folder FROM summaries")]
        (other,) = index.execute(
            "SELECT summary FROM summaries WHERE folder = ?", folders[:1]
        ).fetchone()
        index.execute("UPDATE summaries SET summary = ? WHERE folder = ?", (other, folders[1]))
        index.execute("UPDATE shelves SET started = id, status = experiment")
    index.close()
    assert outlines(tmp_path) == told


def test_forged_rows_with_right_checksums_break_nothing(tmp_path: Path) -> None:
    """case: index-damage, sibling: an index that somebody wrote on purpose."""
    index_of(tmp_path)
    told = outlines(tmp_path)
    for summary in ("{}", '{"id": 3}', "[" * 5000, '{"started": "9999-12-31T23:59:59-23:59"}'):
        with sqlite3.connect(index_file(tmp_path)) as index:
            for folder, length in index.execute("SELECT folder, told FROM summaries").fetchall():
                checksum = zlib.crc32(f"{folder}\0{summary}\0{length}".encode())
                index.execute(
                    "UPDATE summaries SET summary = ?, checksum = ? WHERE folder = ?",
                    (summary, checksum, folder),
                )
        index.close()
        assert outlines(tmp_path) == told


def test_an_index_that_is_a_view_without_end_is_begun_again(tmp_path: Path) -> None:
    """case: index-damage"""
    index_of(tmp_path)
    told = outlines(tmp_path)
    index_file(tmp_path).unlink()
    with sqlite3.connect(index_file(tmp_path)) as index:
        index.executescript(
            f"PRAGMA application_id = {0x65787074}; PRAGMA user_version = {VERSION};"
            "CREATE VIEW shelves AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n)"
            " SELECT i AS number, '[]' folder, 's' stamp, 0 checksum FROM n;"
        )
    index.close()
    for _ in range(2):
        assert outlines(tmp_path) == told


@pytest.mark.parametrize("target", ["missing.db", "empty.cfg"])
def test_an_index_that_is_a_link_is_not_opened(tmp_path: Path, target: str) -> None:
    """case: index-link"""
    runs, outside = tmp_path / "runs", tmp_path / "outside"
    outside.mkdir()
    make_run(runs, 1)
    (outside / "empty.cfg").touch()
    index_file(runs).symlink_to(outside / target)
    assert steps(runs) == [1]
    assert [(place.name, place.stat().st_size) for place in outside.iterdir()] == [("empty.cfg", 0)]


@pytest.mark.parametrize("make", ["hard link", "fifo", "journal"])
def test_what_stands_in_the_place_of_the_index_is_left_alone(tmp_path: Path, make: str) -> None:
    """case: index-link, siblings: a second name of a file outside, a FIFO, a linked journal."""
    runs, other = tmp_path / "runs", tmp_path / "empty.cfg"
    make_run(runs, 1)
    other.touch()
    if make == "hard link":
        index_file(runs).hardlink_to(other)
    elif make == "fifo":
        os.mkfifo(index_file(runs))
    else:
        (runs / f"{INDEX_FILE}-journal").symlink_to(other)
    for _ in range(2):
        assert steps(runs) == [1]
    assert other.stat().st_size == 0


def test_names_that_the_index_cannot_hold_are_listed_all_the_same(tmp_path: Path) -> None:
    name = os.fsdecode(b"2026-11-23_10-15-30_\xff\xfe")
    path = make_run(tmp_path, 1)
    try:
        path.rename(tmp_path / "walk" / "\udcff")
        path = make_run(tmp_path, 2)
        path.rename(tmp_path / "walk" / name)
    except OSError:
        pytest.skip("the file system takes UTF-8 alone")
    for number in range(3, 9):
        make_run(tmp_path, number)
    for _ in range(2):
        assert sorted(steps(tmp_path)) == list(range(1, 9))
        assert [run.params["steps"] for run in find_runs(tmp_path, where="steps == 2")] == [2]


def test_where_there_are_no_archives_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    assert steps(tmp_path) == []
    assert steps(tmp_path / "nowhere") == []
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_summaries_of_many_rows_come_in_the_order_asked_for(tmp_path: Path) -> None:
    for number in range(30):
        make_run(tmp_path, number)
    steps(tmp_path)
    with open_catalogue(tmp_path) as catalogue:
        rows = catalogue.rows[::-1]
        assert [row for row, _ in catalogue.summaries(rows)] == list(rows)
        assert all(told and f'"{row.id}"' in told.text for row, told in catalogue.summaries(rows))


def test_listing_imports_no_numpy(tmp_path: Path) -> None:
    make_run(tmp_path, 1)
    script = (
        "import sys; from pathlib import Path; from expt.cli.show import main;"
        "main(['--runs', sys.argv[1]]);"
        "print(sorted({'numpy', 'matplotlib', 'rich', 'cattrs', 'PIL'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
