"""The database of an index: what is written again, and what is left as it is."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from typing import TYPE_CHECKING, Any

from made_runs import make_run

from expt.ground.layout import INDEX_FILE, RUN_FILE
from expt.reading.finding import find_runs
from expt.reading.index_file import open_index
from expt.reading.outlines import Outlined
from expt.reading.shelves import Row, Shelf

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def settle(path: Path, moment: int = 1_700_000_000) -> Path:
    for place in (path / RUN_FILE, path):
        os.utime(place, (moment, moment))
    return path


def rows_of(root: Path, query: str) -> list[Any]:
    index = sqlite3.connect(root / INDEX_FILE)
    try:
        return index.execute(query).fetchall()
    finally:
        index.close()


def test_one_that_changed_has_its_own_shelf_written_again_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("expt.reading.shelves.SIZE", 51)
    model = settle(make_run(tmp_path, 1, params={"n": 1}))
    content = (model / RUN_FILE).read_text()
    paths = [model.with_name(f"2026-11-23_10-15-30_run{number:07}") for number in range(110)]
    for number, path in enumerate(paths):
        path.mkdir()
        (path / RUN_FILE).write_text(content.replace('"n": 1', f'"n": {number}'))
        settle(path)
    shutil.rmtree(model)
    assert len(find_runs(tmp_path)) == 110
    before = folders_of_shelves(tmp_path)
    assert [len(folders) for folders in before] == [51, 51, 8]
    (paths[60] / RUN_FILE).write_text(content.replace('"n": 1', '"n": 7000'))
    settle(paths[60], 1_700_000_001)
    shutil.rmtree(paths[61])
    for _ in range(2):
        assert len(find_runs(tmp_path, where="n >= 100")) == 11
    for where in ("not n < 90", "n > 5"):
        told = find_runs(tmp_path, where=where, outlined=True)
        assert [run.outline_text for run in told] == [
            json.dumps(run.outline()) for run in find_runs(tmp_path, where=where)
        ]
    after = folders_of_shelves(tmp_path)
    assert sorted(len(folders) for folders in after) == [7, 51, 51]
    assert before[0] in after
    assert rows_of(tmp_path, "SELECT count(*) FROM summaries") == [(109,)]
    assert rows_of(tmp_path, "SELECT DISTINCT shelf FROM columns ORDER BY shelf") == rows_of(
        tmp_path, "SELECT number FROM shelves ORDER BY number"
    )


def folders_of_shelves(root: Path) -> list[list[str]]:
    return [
        folders.removeprefix("=").split("\n")
        for (folders,) in rows_of(root, "SELECT folder FROM shelves")
    ]


def test_where_another_process_wrote_meanwhile_nothing_is_written(tmp_path: Path) -> None:
    row = Row("walk/a", "1.1.1", "a", "x.py::experiment_x", None, "completed", 1, [], None, True)
    shelf = Shelf.of([row], [{"a": 1}])
    (tmp_path / INDEX_FILE).touch()
    late, soon = (open_index(tmp_path / INDEX_FILE) for _ in range(2))
    assert late is not None
    assert soon is not None
    try:
        soon.renew(shelf, {"walk/a": Outlined("{}", 0)}, {"walk/a"})
        late.renew(shelf, {"walk/a": Outlined("{}", 0)}, {"walk/a"})
    finally:
        late.close()
        soon.close()
    assert rows_of(tmp_path, "SELECT number, folder FROM shelves") == [(1, "=walk/a")]


def test_a_summary_that_the_index_cannot_hold_is_not_told_as_it_was_before(tmp_path: Path) -> None:
    path = settle(make_run(tmp_path, 1, params={"text": "short", "n": 1}))
    assert [run.params["n"] for run in find_runs(tmp_path)] == [1]
    record = json.loads((path / RUN_FILE).read_text())
    record["params"] = {"text": "x" * (1 << 24), "n": 2}
    (path / RUN_FILE).write_text(json.dumps(record))
    settle(path, 1_700_000_001)
    for _ in range(2):
        assert [run.params["n"] for run in find_runs(tmp_path)] == [2]
    assert rows_of(tmp_path, "SELECT count(*) FROM summaries") == [(0,)]


def test_a_damaged_shelf_is_written_anew(tmp_path: Path) -> None:
    settle(make_run(tmp_path, 1))
    assert len(find_runs(tmp_path)) == 1
    index = sqlite3.connect(tmp_path / INDEX_FILE)
    index.execute("UPDATE shelves SET id = '[\"other\"]'")
    index.commit()
    index.close()
    for _ in range(2):
        assert len(find_runs(tmp_path, where="status == 'completed'")) == 1
    assert len(rows_of(tmp_path, "SELECT id FROM shelves")) == 1
