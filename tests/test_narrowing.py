"""What the index refutes of a condition does not match: every run that does is found."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import struct
from typing import TYPE_CHECKING, Any

import pytest
from made_runs import make_run

from expt.ground.errors import UsageError
from expt.ground.layout import INDEX_FILE, RUN_FILE
from expt.reading.finding import choose_runs, find_runs
from expt.reading.index import open_catalogue
from expt.reading.narrowing import narrow
from expt.reading.query import make_query
from expt.reading.references import load_archives
from expt.reading.where import compile_condition

if TYPE_CHECKING:
    from pathlib import Path

    from expt.reading.runs import Runs

CONDITIONS = [
    "duration > 2 and not note",
    "lr < 0.01",
    "lr < 0.01 and results.accuracy > 0.9",
    "0.001 <= lr <= 0.1",
    "lr == 0.1",
    "lr == 0.30000000000000004 or lr == 1",
    "-0.5 == lr",
    "lr > -1 and not lr > 0",
    "lr == true",
    "params.lr >= 1e300",
    "model.name == 'adam'",
    'model.name in ["adam", "sgd"] and lr > 0',
    "model.name == 3",
    'params["a.b"] > 1',
    "a.b > 1",
    "last.loss < 1",
    'min["loss"] < last["loss"]',
    'last["eval/loss"] > 0.5 or lr < 0.001',
    "status == 'failed'",
    "status == 'lost'",
    "status == 'running' or duration > 4",
    "duration <= 4",
    "setup > 1",
    "lineage.rerun_of == 'other'",
    "lineage.session == 'b' and setup < 1",
    "lineage.sweep.lr > 1",
    "experiment == 'experiments/walk.py::experiment_walk' and lr < 1",
    "case == 'lr-1'",
    "results.accuracy > 0.5 or note",
    """quoted == 'say "hi"'""",
    "lr > 5",
    "lr + 1 > 1.5",
    "lr > results.accuracy",
    "lr < inf",
    "seed == 9007199254740993",
    "seed >= 9007199254740992",
    "tags == []",
]
VALUES: dict[str, list[Any]] = {
    "lr": [0.001, 0.01, 0.1, 0.30000000000000004, 1, 0, -0.5, 1e300, "fast", None, True, [0.1],
           float("nan"), float("inf"), {"a": 1}],
    "seed": [0, 1, 2**53, 2**53 + 1, 2**63, 10**30],
    "model": [{"name": "adam"}, {"name": "sgd", "lr": 0.1}, {"name": 3}, "adam", {1: "adam"}],
    "a": [{"b": 1}, {"b": 2}, 3],
    "a.b": [0, 5],
    "quoted": ['say "hi"', "it's", "\ud800", "τ"],
}  # fmt: skip


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Archives of every kind of value, long settled."""
    root = tmp_path_factory.mktemp("many")
    drawn = random.Random(3)
    for number in range(80):
        params = {name: drawn.choice(some) for name, some in VALUES.items() if drawn.random() < 0.7}
        series: dict[str, Any] = {
            name: {"kind": "scalar", "count": 1, "last": last, "min": last - 1, "max": last}
            for name in ("loss", "eval/loss")
            if (last := drawn.uniform(-1, 2)) > -0.5
        }
        path = make_run(
            root,
            number,
            status=drawn.choice(["completed", "completed", "failed", "running"]),
            case=drawn.choice([None, "lr-1"]),
            duration=drawn.choice([1.0, 4.0, 9.0]),
            params=params,
            made={"lr": 9.0} if drawn.random() < 0.1 else {},
            results={"accuracy": drawn.choice([0.5, 0.91, 1, None, "good"])},
            series=series,
            note=drawn.choice([None, "look"]),
            setup=drawn.choice([None, 0.5, 2.0]),
            lineage=drawn.choice(
                [{}, {"session": "a", "rerun_of": "other"}, {"session": "b", "sweep": {"lr": 3}}]
            ),
        )
        settle(path)
    return root


@pytest.fixture(scope="module")
def archives(root: Path) -> Runs:
    """All of them, read without an index."""
    return load_archives(sorted(path.parent for path in root.rglob(RUN_FILE)))


def settle(path: Path, moment: int = 1_700_000_000) -> None:
    for place in (path / RUN_FILE, path):
        os.utime(place, (moment, moment))


def found(root: Path, where: str) -> list[str]:
    return [run.id for run in find_runs(root, where=where)]


@pytest.mark.parametrize("where", CONDITIONS)
def test_the_answer_is_that_of_a_plain_scan_with_an_index_and_without(
    root: Path, archives: Runs, where: str
) -> None:
    (root / INDEX_FILE).unlink(missing_ok=True)
    scanned = sorted(run.id for run in choose_runs(archives, where=where))
    assert sorted(found(root, where)) == scanned, "with none"
    assert sorted(found(root, where)) == scanned, "with a warm one"
    outlined = find_runs(root, where=where, outlined=True)
    assert sorted(run.id for run in outlined) == scanned, "told by the index"
    for run in outlined[:9]:
        assert run.outline_text == load_archives([run.path])[0].outline_text


@pytest.mark.parametrize("where", CONDITIONS)
def test_what_columns_are_sure_of_matches(root: Path, where: str) -> None:
    query = make_query(where=where)
    narrowing = narrow(compile_condition(where).tree)
    with open_catalogue(root) as catalogue:
        _, sure = catalogue.narrowed(narrowing)
    for run in load_archives([root / folder for folder in sorted(sure)[:20]]):
        assert query.admits(run)


def test_most_of_what_does_not_match_is_not_read(root: Path) -> None:
    narrowing = narrow(compile_condition("results.accuracy > 0.95 and lr < 0.01").tree)
    assert narrowing is not None
    with open_catalogue(root) as catalogue:
        rows, sure = catalogue.narrowed(narrowing)
        assert len(rows) < len(catalogue.rows) * 0.6
        assert sure < {row.folder for row in rows}


@pytest.mark.parametrize("where", ["not lr > 1", "lr + 1 > 2", "lr < seed", "lr > 1 or note"])
def test_what_columns_cannot_tell_is_not_asked_of_them(where: str) -> None:
    assert narrow(compile_condition(where).tree) is None


def test_what_was_changed_behind_the_index_is_noticed(tmp_path: Path) -> None:
    paths = [make_run(tmp_path, number, params={"lr": 1.0}) for number in range(20)]
    for path in paths:
        settle(path)
    assert found(tmp_path, "lr < 0.5") == []
    for path in paths[:5]:
        record = json.loads((path / RUN_FILE).read_text())
        (path / RUN_FILE).write_text(json.dumps({**record, "params": {"lr": 0.25}}))
        settle(path, 1_700_000_001)
    assert len(found(tmp_path, "lr < 0.5")) == 5
    assert len(found(tmp_path, "lr < 0.5")) == 5


def test_an_index_that_cannot_be_written_refutes_nothing_that_changed(tmp_path: Path) -> None:
    path = make_run(tmp_path, 1, params={"lr": 1.0})
    settle(path)
    assert found(tmp_path, "lr < 0.5") == []
    record = json.loads((path / RUN_FILE).read_text())
    (path / RUN_FILE).write_text(json.dumps({**record, "params": {"lr": 0.25}}))
    settle(path, 1_700_000_001)
    holder = sqlite3.connect(tmp_path / INDEX_FILE, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        assert len(found(tmp_path, "lr < 0.5")) == 1
    finally:
        holder.close()


def test_a_flipped_bit_of_the_index_hides_no_run(tmp_path: Path) -> None:
    settle(make_run(tmp_path, 1, params={"lr": 0.125}))
    assert len(found(tmp_path, "lr < 0.5")) == 1
    file = tmp_path / INDEX_FILE
    content = file.read_bytes()
    was, flipped = (b"d" + struct.pack("<d", value) for value in (0.125, 0.925))
    assert was in content
    file.write_bytes(content.replace(b'"lr": 0.125', b'"lr": 0.925').replace(was, flipped))
    assert len(found(tmp_path, "lr < 0.5")) == 1


@pytest.mark.parametrize("name", ['a"b', "a' OR 1=1 --", "$.x", "a\\b", "a.b.c.d.e.f"])
def test_hostile_names_are_names(tmp_path: Path, name: str) -> None:
    settle(make_run(tmp_path, 1, params={name: 1, "x": 2}))
    where = f"params[{json.dumps(name)}] == 1"
    assert len(found(tmp_path, where)) == 1
    with pytest.raises(UsageError, match="no run has a value"):
        found(tmp_path, f"params[{json.dumps(name + 'x')}] == 1")
