"""Offline runs of W&B go out, are read with its messages, and come in, also its own.

Where wandb is installed its protocol reads what expt wrote, and expt reads what it wrote.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from exchanged import assert_came_back, make_everything

from expt.exchange.wandb_log import LogWriter, read_log
from expt.reading.finding import find_runs

if TYPE_CHECKING:
    from pathlib import Path

    from expt.testing import Sandbox

pytestmark = pytest.mark.inline

PROGRAM = """
    import numpy as np
    import wandb

    config = {"lr": 0.1, "layers": [1, 2], "o": {"a": None}}
    run = wandb.init(
        project="proj", name="first", config=config, notes="a note", tags=["t1"], mode="offline"
    )
    for i in range(3):
        run.log({"loss": 1 / (i + 1), "deep": {"acc": i}}, step=i * 10)
    run.log({"odd": float("nan"), "said": "hello"}, step=30)
    run.log({"picture": wandb.Image(np.arange(12, dtype="u1").reshape(2, 2, 3))}, step=40)
    run.summary["best"] = 0.9
    print("some output")
    run.finish()
"""


@pytest.fixture(scope="module")
def exported(shared_sandbox: Sandbox) -> Sandbox:
    make_everything(shared_sandbox)
    done = shared_sandbox.expt("export", "wandb", "-o", "wandb")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.lines == [
        "wandb  1 run",
        "  not in it: series of kind image: picture (as files alone)",
        "  not in it: series of kind array: weights (as files alone)",
        "  not in it: series of kind structured: rows (as files alone)",
        "  not in it: steps that are no whole numbers (in their place the count): floats",
        "  not in it: whole numbers beyond 2^53, which W&B's page rounds: train/count",
        "  not in it: times: one for all that was tracked at a step",
    ]
    return shared_sandbox


def log_of(sandbox: Sandbox) -> Path:
    (log,) = (sandbox.root / "wandb").glob("offline-run-*/run-*.wandb")
    return log


def test_a_run_comes_back_as_it_was(exported: Sandbox) -> None:
    done = exported.expt("import", "wandb", "wandb", "--runs", "back", "--no-render")
    assert (done.exit_code, done.stderr) == (0, "")
    old, (new,) = exported.run(), find_runs(exported.root / "back")
    assert_came_back(old, new, without=set(), rounded=set())
    assert (new.code, new.log, new.environment) == (old.code, old.log, old.environment)
    assert list(new.artifacts) == ["model.bin"]
    assert exported.expt("verify", "--runs", "back").lines[-1] == "1 whole"


@pytest.mark.filterwarnings("ignore")  # of wandb and protobuf
def test_wandbs_own_messages_read_it(exported: Sandbox) -> None:
    messages = pytest.importorskip("wandb.proto.wandb_internal_pb2")
    run = exported.run()
    records = []
    with log_of(exported).open("rb") as file:
        for content in read_log(file):
            record = messages.Record()
            record.ParseFromString(content)
            records.append(record)
    kinds = [record.WhichOneof("record_type") for record in records]
    assert (kinds[0], kinds[1], kinds[-1]) == ("header", "run", "exit")
    assert [record.num for record in records] == list(range(1, len(records) + 1))
    told = records[1].run
    assert (told.run_id, told.project) == (run.id, "experiment_all")
    config = {item.key: json.loads(item.value_json) for item in told.config.update}
    assert config == {"lr": 0.1, "name": "adam", "layers": [3, 4], "seed": run.params["seed"]}
    loss = {}
    for record in records:
        if record.WhichOneof("record_type") == "history":
            row = {i.nested_key[0]: json.loads(i.value_json) for i in record.history.item}
            assert row["_step"] == record.history.step.num
            loss |= {row["_step"]: row["loss"]} if "loss" in row else {}
    series = run.series["loss"]
    assert loss == dict(zip(series.steps.tolist(), series.values.tolist(), strict=True))
    assert records[-1].exit.exit_code == 0
    files = next(record.files for record in records if record.WhichOneof("record_type") == "files")
    assert "artifacts/model.bin" in {item.path for item in files.files}


@pytest.mark.filterwarnings("ignore")  # of wandb
def test_what_wandb_wrote_is_read(sandbox: Sandbox) -> None:
    pytest.importorskip("wandb")
    sandbox.write({"program.py": PROGRAM})
    subprocess.run(
        [sys.executable, "program.py"],
        cwd=sandbox.root,
        timeout=100,
        check=True,
        capture_output=True,
    )
    done = sandbox.expt("import", "wandb", "wandb", "--no-render")
    assert (done.exit_code, done.stderr) == (0, "")
    (run,) = sandbox.runs()
    assert (run.status, run.note, run.tags) == ("completed", "a note", ("first", "t1"))
    assert run.params == {"lr": 0.1, "layers": [1, 2], "o": {"a": None}}
    assert run.results == {"best": 0.9}
    loss = run.series["loss"]
    assert (loss.values.tolist(), loss.steps.tolist()) == ([1, 0.5, 1 / 3], [0, 10, 20])
    assert all(run.started.timestamp() <= time for time in loss.times)
    assert [value["acc"] for value in run.series["deep"].values] == [0, 1, 2]
    assert np.isnan(run.series["odd"].last)
    assert run.series["said"].values[0] == "hello"
    expected = np.arange(12, dtype="u1").reshape(2, 2, 3)
    np.testing.assert_array_equal(run.series["picture"].values[0], expected)
    assert "some output" in run.log
    assert "wandb" in run.environment["packages"]
    assert sandbox.expt("verify").lines[-1] == "1 whole"


def test_a_folder_of_files_alone_is_read(sandbox: Sandbox) -> None:
    pytest.importorskip("yaml")
    about = {"startedAt": "2026-11-26T08:06:44Z", "program": "train.py", "host": "vm"}
    rows = [{"_step": i, "_timestamp": 1.8e9 + i, "loss": 1 / (i + 1)} for i in range(3)]
    sandbox.write(
        {
            "wandb/run-1-abc/files/config.yaml": "lr:\n  desc: null\n  value: 0.1\n",
            "wandb/run-1-abc/files/wandb-summary.json": '{"loss": 0.3, "best": 1, "_runtime": 5}',
            "wandb/run-1-abc/files/wandb-metadata.json": json.dumps(about),
            "wandb/run-1-abc/files/wandb-history.jsonl": "\n".join(map(json.dumps, rows)),
        }
    )
    done = sandbox.expt("import", "wandb", "wandb", "--no-render")
    assert (done.exit_code, done.stderr) == (0, "")
    run = sandbox.run()
    assert (run.experiment, run.params) == ("wandb::experiment_train", {"lr": 0.1})
    assert (run.results, run.duration) == ({"best": 1}, 5)
    assert run.series["loss"].times.tolist() == [1.8e9, 1.8e9 + 1, 1.8e9 + 2]
    assert "W&B does not say how the run ended" in run.notices


def test_a_record_may_begin_with_the_last_bytes_of_a_block(tmp_path: Path) -> None:
    records = [b"x" * (32768 - 7 - 7 - 7), b"the head of its first piece alone fits into the block"]
    writer = LogWriter()
    file = tmp_path / "x"
    file.write_bytes(writer.begun + b"".join(writer.add(record) for record in records))
    with file.open("rb") as stream:
        assert list(read_log(stream)) == records


def test_records_of_any_length_come_back_and_a_torn_end_costs_the_last(tmp_path: Path) -> None:
    records = [bytes([i]) * size for i, size in enumerate((0, 1, 32750, 32760, 100_000, 7, 65_000))]
    writer = LogWriter()
    content = writer.begun + b"".join(writer.add(record) for record in records)
    file = tmp_path / "x"
    file.write_bytes(content)
    with file.open("rb") as stream:
        assert list(read_log(stream)) == records
    file.write_bytes(content[:-3])
    with file.open("rb") as stream:
        assert list(read_log(stream)) == records[:-1]
    file.write_bytes(content[:50_000] + b"\xff" + content[50_001:])
    with file.open("rb") as stream, pytest.raises(ValueError, match="checksum"):
        list(read_log(stream))


@pytest.mark.parametrize("content", [b"", b"garbage" * 100, b":W&B\xe1\xbe\x00" + b"\xff" * 100])
def test_a_log_that_is_none_is_named(sandbox: Sandbox, content: bytes) -> None:
    sandbox.write({"wandb/offline-run-1-x/run-x.wandb": content})
    done = sandbox.expt("import", "wandb", "wandb", "--no-render")
    assert done.exit_code == 1
    assert "warning: wandb/offline-run-1-x: " in done.stderr
    assert "internal error" not in done.stderr


def test_a_picture_that_leads_out_is_not_read(sandbox: Sandbox) -> None:
    files = "wandb/run-1-abc/files"
    row: dict[str, Any] = {"_step": 0, "x": {"_type": "image-file", "path": "../../../secret.png"}}
    sandbox.write(
        {
            "secret.png": b"\x89PNG",
            f"{files}/wandb-summary.json": '{"best": 1}',
            f"{files}/wandb-metadata.json": '{"startedAt": "2026-11-26T08:06:44Z"}',
            f"{files}/wandb-history.jsonl": json.dumps(row),
        }
    )
    done = sandbox.expt("import", "wandb", "wandb", "--no-render")
    assert done.exit_code == 1
    assert "names no file inside" in done.stderr
    assert list(sandbox.runs()) == []
