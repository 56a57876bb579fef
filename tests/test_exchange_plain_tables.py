"""Runs as CSV and Parquet, read by Python's csv, pyarrow and duckdb."""

from __future__ import annotations

import csv
import math
from typing import TYPE_CHECKING

import pytest
from exchanged import make_everything

if TYPE_CHECKING:
    from expt.testing import Sandbox

pytestmark = pytest.mark.inline

LEFT_OUT = [
    "  not in it: series of kind image: picture",
    "  not in it: series of kind array: weights",
    "  not in it: series of kind structured: rows",
    "  not in it: artifacts: 1 file",
    "  not in it: code",
    "  not in it: output",
    "  not in it: environments, origins of values, lineage",
]


@pytest.fixture(scope="module")
def made(shared_sandbox: Sandbox) -> Sandbox:
    make_everything(shared_sandbox)
    return shared_sandbox


def test_csv_gives_back_every_number_and_text(made: Sandbox) -> None:
    done = made.expt("export", "csv", "-o", "tables")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.lines == ["tables  1 run", *LEFT_OUT]
    run = made.run()
    with (made.root / "tables/series.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    by_name = {name: [row for row in rows if row["series"] == name] for name in run.series}
    assert {row["run"] for row in rows} == {run.id}
    loss = run.series["loss"]
    assert [float(row["value"]) for row in by_name["loss"]] == loss.values.tolist()
    assert [int(row["step"]) for row in by_name["loss"]] == loss.steps.tolist()
    assert [float(row["time"]) for row in by_name["loss"]] == loss.times.tolist()
    assert [int(row["value"]) for row in by_name["train/count"]] == [2**53 + n for n in range(5)]
    assert [row["value"] for row in by_name["odd"]] == ["nan", "-inf"]
    assert [float(row["step"]) for row in by_name["floats"]] == [0.25]
    assert [row["value"] for row in by_name["says"]] == ["first line\nsecond: <b>"]
    with (made.root / "tables/runs.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["id"], row["status"], row["note"]) == (run.id, "completed", "a note")
    assert float(row["results.accuracy"]) == 0.1 + 0.2
    assert (row["params.lr"], row["params.layers"]) == ("0.1", "[3, 4]")
    assert row["results.deep.n"] == "3"


def test_parquet_has_types_and_is_read_by_others(made: Sandbox) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    done = made.expt("export", "parquet", "-o", "typed")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.lines == ["typed  1 run", *LEFT_OUT]
    run = made.run()
    rows = parquet.read_table(made.root / "typed/series.parquet").to_pylist()
    loss = [row for row in rows if row["series"] == "loss"]
    assert [row["value"] for row in loss] == run.series["loss"].values.tolist()
    assert [row["step"] for row in loss] == run.series["loss"].steps.tolist()
    assert [row["time"] for row in loss] == run.series["loss"].times.tolist()
    counts = [row for row in rows if row["series"] == "train/count"]
    assert [row["value"] for row in counts] == [2**53, None, None, None, None]
    assert [row["text"] for row in counts[1:]] == [str(2**53 + n) for n in range(1, 5)]
    odd = [row["value"] for row in rows if row["series"] == "odd"]
    assert math.isnan(odd[0])
    assert odd[1] == -math.inf
    (says,) = (row["text"] for row in rows if row["series"] == "says")
    assert says == "first line\nsecond: <b>"
    table = parquet.read_table(made.root / "typed/runs.parquet")
    (row,) = table.to_pylist()
    assert row["started"] == run.started
    assert (row["params.lr"], row["results.accuracy"]) == (0.1, 0.1 + 0.2)
    assert {str(field.type) for field in table.schema if field.name == "case"} == {"string"}


def test_duckdb_queries_it(made: Sandbox) -> None:
    pytest.importorskip("pyarrow")
    duckdb = pytest.importorskip("duckdb")
    made.expt("export", "parquet", "-o", "queried")
    query = (
        "select series, count(*), min(value) "
        f"from '{made.root}/queried/series.parquet' join '{made.root}/queried/runs.parquet' r "
        "on run = r.id where \"params.lr\" < 1 and series = 'loss' group by series"
    )
    assert duckdb.sql(query).fetchall() == [("loss", 5, 1 / 81)]


def test_what_is_there_is_left_alone_unless_forced(made: Sandbox) -> None:
    made.write({"mine/runs.csv": "mine"})
    done = made.expt("export", "csv", "-o", "mine")
    assert (done.exit_code, done.stderr) == (
        4,
        "error: mine is there already\n  at -o mine\n  --force writes over it\n",
    )
    assert (made.root / "mine/runs.csv").read_text() == "mine"
    assert made.expt("export", "csv", "-o", "mine", "--force").exit_code == 0
    assert (made.root / "mine/runs.csv").read_text().startswith("id,")
