"""The table of runs as the page is told of it: columns of the index tell what the runs would."""

from __future__ import annotations

import json
import math
import os
import random
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest
from made_runs import id_of, make_run, values_of

from expt.archive.run_labels import Labels, write_labels
from expt.ground.layout import INDEX_FILE, RUN_FILE
from expt.reading.fields import FIELDS
from expt.reading.finding import find_runs, list_runs
from expt.reading.listed import Listing, list_of

pytest.importorskip("starlette", reason="the extra 'page' is not installed")

from expt.page.run_table import tell_table

if TYPE_CHECKING:
    from pathlib import Path

VALUES: dict[str, list[Any]] = {
    "lr": [0.001, 1, 1.0, True, 2**60, math.nan, math.inf, -0.0, "fast", "long " * 50, None, [0.1]],
    "net": [{"width": 3, "opt": {"name": "adam"}}, {"width": {}}, {"depth": [1, {"a": 2}]}, 3],
    "path": ["a/b", {1: "x"}, {"$a": 2}, "\ud800τ", "very long" * 300],
}


def settle(path: Path) -> None:
    for name in (RUN_FILE, "labels.json", "."):
        if (path / name).exists():
            os.utime(path / name, (1_700_000_000, 1_700_000_000))


def whole(root: Path) -> Listing:
    *_, listing = list_runs(root, first=2000)
    return listing


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Archives with every kind of value, labels, units and series, long settled."""
    root, drawn = tmp_path_factory.mktemp("drawn"), random.Random(5)
    for number in range(150):
        params = {name: drawn.choice(some) for name, some in VALUES.items() if drawn.random() < 0.7}
        series = {
            "expt/memory": {"kind": "scalar", "count": 1, "last": 3, "min": 1, "max": 3},
            "loss": {"kind": "scalar", "count": 1, "last": drawn.choice([0.5, math.nan, None])},
            "grid": {"kind": drawn.choice(["array", "image"]), "count": 1},
        }
        path = make_run(
            root,
            number,
            status=drawn.choice(["completed", "failed", "completed", "running"]),
            case=drawn.choice([None, "lr-1"]),
            finished=drawn.choice([None, "2026-11-23T11:00:00+01:00"]),
            duration=drawn.choice([1.0, None, 3]),
            setup=drawn.choice([None, 0.5]),
            description=drawn.choice(["", "Walk."]),
            tags=drawn.choice([(), ("a", "b")]),
            note=drawn.choice([None, "look"]),
            params=params,
            words=drawn.choice([{}, {"lr": {"unit": "1/s", "description": "d"}}]),
            results={"accuracy": drawn.choice([0.5, 1, None, "good"]), "net": {"a": 1}},
            series={name: series[name] for name in series if drawn.random() < 0.7},
            lineage=drawn.choice([{}, {"session": "s", "sweep": {"lr": 3}, "extends": []}]),
        )
        if drawn.random() < 0.2:
            write_labels(path, Labels(("best",), ("a",), drawn.choice([None, "", "again"])))
        settle(path)
    return root


def test_columns_tell_what_the_runs_would(root: Path) -> None:
    (root / INDEX_FILE).unlink(missing_ok=True)
    by_runs = tell_table(list_of(find_runs(root)))
    for listing in (whole(root), whole(root)):
        by_columns = tell_table(listing)
        assert 10 < len(listing.runs) < 120, "those of which columns tell everything are not asked"
        assert {**by_columns, "columns": None} == {**by_runs, "columns": None}
        columns, runs = values_of(by_columns), values_of(by_runs)
        assert columns.keys() == runs.keys()
        assert [key for key in runs if repr(columns[key]) != repr(runs[key])] == []
        json.dumps(by_columns, allow_nan=False)


def test_a_damaged_column_costs_time_and_nothing_else(root: Path) -> None:
    expected = values_of(tell_table(whole(root)))
    index = sqlite3.connect(root / INDEX_FILE)
    index.execute("UPDATE columns SET content = '[\"[\"]' WHERE name LIKE '%accuracy%'")
    index.commit()
    index.close()
    listing = whole(root)
    assert len(listing.runs) == len(listing.ids)
    assert repr(values_of(tell_table(listing))["results", "accuracy"]) == repr(
        expected["results", "accuracy"]
    )
    (root / INDEX_FILE).unlink()


def test_of_very_many_the_newest_come_first_as_far_as_they_are_what_they_were(
    tmp_path: Path,
) -> None:
    paths = [make_run(tmp_path, number, params={"lr": number}) for number in range(20)]
    assert [len(listing.ids) for listing in list_runs(tmp_path, first=2)] == [20], "no index yet"
    for path in paths:
        settle(path)
    whole(tmp_path)
    (paths[18] / RUN_FILE).write_text((paths[18] / RUN_FILE).read_text())
    make_run(tmp_path, 20)
    first, rest = list_runs(tmp_path, first=2)
    assert (first.ids, first.more) == ([id_of(19)], 19)
    assert (rest.ids, rest.more) == ([id_of(number) for number in range(20, -1, -1)], 0)
    assert len(list(list_runs(tmp_path, first=3))) == 1, "these are not very many"
    assert len(list(list_runs(tmp_path, first=2, status="failed"))) == 1


def test_the_table_has_the_names_of_the_command_line(tmp_path: Path) -> None:
    make_run(tmp_path / "runs", 1, setup=2.5, lineage={"session": "s", "sweep": {"lr": 3}})
    make_run(tmp_path / "runs", 2, lineage={"rerun_of": id_of(1)})
    table = tell_table(whole(tmp_path / "runs"))
    columns = values_of(table)
    assert {name for part, name in columns if part == "run"} == set(table["fields"])
    assert {*table["fields"], "id", "path"} == set(FIELDS)
    assert columns["run", "setup"] == [None, 2.5]
    assert columns["lineage", "session"] == ["gap", "s"]
    assert columns["lineage", "sweep.lr"] == ["gap", 3]
    assert columns["lineage", "rerun_of"] == [id_of(1), "gap"]


def test_runs_that_differ_in_their_names_are_rows_of_one_table(tmp_path: Path) -> None:
    given: list[dict[str, Any]] = [
        {"lr": 1, "net": {"width": 2, "opt": {"name": "adam"}}},
        {"net": {"opt": {"name": "sgd"}, "width": {}}, "lr": 1.0, "net.width": 7},
        {"lr": True, "odd": {1: {"x": 2}, "$a": 3}, "where": math.inf},
    ]
    for number, params in enumerate(given):
        make_run(tmp_path / "runs", number, params=params, results={"zero": 0.0 * (1 - number)})
    columns = values_of(tell_table(list_of(find_runs(tmp_path / "runs")[::-1])))
    assert {name: values for (part, name), values in columns.items() if part == "params"} == {
        "lr": [1, 1.0, True],
        "net.width": [2, 7, "gap"],
        "net.opt.name": ["adam", "sgd", "gap"],
        "odd": ["gap", "gap", {"$dict": [[1, {"x": 2}], ["$a", 3]]}],
        "where": ["gap", "gap", {"$float": "inf"}],
    }
    assert [type(value) for value in columns["params", "lr"]] == [int, float, bool]
    assert [math.copysign(1, value) for value in columns["results", "zero"]] == [1, 1, -1]


def test_the_table_tells_which_runs_have_a_series_that_is_no_scalar(tmp_path: Path) -> None:
    make_run(tmp_path / "runs", 0, series={"grid": {"kind": "array", "count": 1}})
    make_run(tmp_path / "runs", 1)
    table = tell_table(whole(tmp_path / "runs"))
    assert values_of(table)["series", "grid"] == ["gap", "array"]


def test_a_last_value_that_is_not_finite_is_strict_json_in_the_table(tmp_path: Path) -> None:
    series = {"odd": {"kind": "scalar", "count": 1, "last": math.inf, "min": 0.5, "max": math.inf}}
    make_run(tmp_path / "runs", 0, series=series)
    table = tell_table(whole(tmp_path / "runs"))
    assert values_of(json.loads(json.dumps(table, allow_nan=False)))["last", "odd"] == [
        {"$float": "inf"}
    ]
