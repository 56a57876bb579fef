"""MLflow's file store goes out, is read by MLflow's client, and comes in, also MLflow's own."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from exchanged import assert_came_back, make_everything

from expt.exchange.mlflow_words import safe_keys
from expt.exchange.own_files import made_anew
from expt.reading.finding import find_runs

if TYPE_CHECKING:
    from pathlib import Path

    from expt.testing import Sandbox

pytestmark = pytest.mark.inline


@pytest.fixture(scope="module")
def exported(shared_sandbox: Sandbox) -> Sandbox:
    make_everything(shared_sandbox, "-p", "name=001", "-p", 'layers=["1", "2"]')
    done = shared_sandbox.expt("export", "mlflow", "-o", "mlruns")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.lines == [
        "mlruns  1 run",
        "  not in it: series of kind image: picture (as files alone)",
        "  not in it: series of kind array: weights (as files alone)",
        "  not in it: series of kind text: says (as files alone)",
        "  not in it: series of kind structured: rows (as files alone)",
        "  not in it: steps that are no whole numbers (in their place the count): floats",
        "  not in it: whole numbers beyond 2^53, rounded: train/count",
        "  not in it: times finer than a millisecond",
    ]
    return shared_sandbox


def client_of(store: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    return mlflow.MlflowClient(store.as_uri())


@pytest.mark.filterwarnings("ignore")  # of mlflow and what it imports
def test_mlflows_own_client_has_every_value_step_and_time(
    exported: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_of(exported.root / "mlruns", monkeypatch)
    run = exported.run()
    experiment = client.get_experiment_by_name("experiments/all.py::experiment_all")
    (found,) = client.search_runs([experiment.experiment_id])
    assert found.info.status == "FINISHED"
    assert found.info.start_time == round(run.started.timestamp() * 1000)
    assert found.data.params["lr"] == "0.1"
    assert found.data.params["layers"] == '["1", "2"]'
    assert found.data.metrics["results.accuracy"] == 0.1 + 0.2
    assert found.data.metrics["results.deep.n"] == 3
    assert found.data.tags["expt.id"] == run.id
    for name in ("loss", "odd"):
        series, history = run.series[name], client.get_metric_history(found.info.run_id, name)
        np.testing.assert_array_equal([one.value for one in history], series.values)
        assert [one.step for one in history] == series.steps.tolist()
        assert [one.timestamp for one in history] == [round(t * 1000) for t in series.times]
    assert {file.path for file in client.list_artifacts(found.info.run_id)} == {
        "expt",
        "model.bin",
    }


def test_a_run_comes_back_as_it_was_with_all_its_series(exported: Sandbox) -> None:
    done = exported.expt("import", "mlflow", "mlruns", "--runs", "back", "--no-render")
    assert (done.exit_code, done.stderr) == (0, "")
    old, (new,) = exported.run(), find_runs(exported.root / "back")
    assert_came_back(old, new, without=set(), rounded={"train/count", "floats"}, precision=0.0005)
    assert (new.code, new.log, new.environment) == (old.code, old.log, old.environment)
    assert list(new.artifacts) == ["model.bin"]
    assert new.artifacts["model.bin"].load() == b"1234"
    assert exported.expt("verify", "--runs", "back").lines[-1] == "1 whole"


def test_exporting_twice_leaves_one_run(exported: Sandbox) -> None:
    before = sorted(path for path in (exported.root / "mlruns").rglob("*"))
    assert exported.expt("export", "mlflow", "-o", "mlruns").exit_code == 0
    assert sorted(path for path in (exported.root / "mlruns").rglob("*")) == before


@pytest.mark.filterwarnings("ignore")  # of mlflow and what it imports
def test_what_mlflow_wrote_is_read(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    client = client_of(sandbox.root / "mlruns", monkeypatch)
    experiment = client.create_experiment("my tests")
    run_id = client.create_run(experiment, run_name="first").info.run_id
    for name, value in {"lr": 0.1, "n": 3, "name": "adam", "flag": True, "o": {"a": 1}}.items():
        client.log_param(run_id, name, value)
    for step in range(3):
        client.log_metric(run_id, "train/loss", step / 2, timestamp=1_700_000_000_000 + step)
    client.log_metric(run_id, "end", float("nan"), step=7)
    client.log_text(run_id, "a text", "notes/a.txt")
    client.set_tag(run_id, "mlflow.note.content", "what I think")
    client.set_tag(run_id, "owner", "me")
    client.set_terminated(run_id, "FAILED")
    deleted = client.create_run(experiment).info.run_id
    client.delete_run(deleted)
    done = sandbox.expt("import", "mlflow", "mlruns", "--no-render")
    assert (done.exit_code, done.stderr) == (0, "")
    (run,) = sandbox.runs()
    assert (run.status, run.note, run.tags) == ("failed", "what I think", ("first",))
    assert run.experiment == "mlflow::experiment_my_tests"
    assert run.params == {"lr": 0.1, "n": 3, "name": "adam", "flag": True, "o": "{'a': 1}"}
    loss = run.series["train/loss"]
    assert (loss.values.tolist(), loss.steps.tolist()) == ([0, 0.5, 1], [0, 0, 0])
    assert loss.times.tolist() == [1.7e9, 1.7e9 + 0.001, 1.7e9 + 0.002]
    assert np.isnan(run.series["end"].last)
    assert run.artifacts["notes/a.txt"].load() == "a text"
    assert run.artifacts["mlflow/tags/owner"].load() == b"me"
    assert run.lineage["imported_from"]["id"] == run_id


def store(sandbox: Sandbox, meta: str, **files: str) -> None:
    pytest.importorskip("yaml")
    whole = "run_id: r1\nstart_time: 1700000000000\nstatus: 3\nlifecycle_stage: active\n" + meta
    sandbox.write({"mlruns/1/meta.yaml": "experiment_id: '1'\nname: x\n"})
    sandbox.write({"mlruns/1/r1/meta.yaml": whole})
    sandbox.write({f"mlruns/1/r1/{name}": text for name, text in files.items()})


@pytest.mark.parametrize(
    ("meta", "told"),
    [
        ("x: !!python/object/apply:os.system ['touch hit']\n", "is no plain YAML"),
        ("a: &a [1]\nb: *a\n", "has aliases, which are not followed"),
        ("a: [\n", "is no plain YAML"),
    ],
    ids=["tag", "alias", "torn"],
)
def test_no_yaml_is_executed(sandbox: Sandbox, meta: str, told: str) -> None:
    store(sandbox, meta)
    done = sandbox.expt("import", "mlflow", "mlruns")
    assert done.exit_code == 1
    assert told in done.stderr
    assert not (sandbox.root / "hit").exists()


def test_artifacts_elsewhere_and_links_are_not_followed(sandbox: Sandbox) -> None:
    store(sandbox, 'artifact_uri: "s3://bucket/r1"\n', **{"metrics/m": "1700000000000 1.5 2\n"})
    (sandbox.root / "mlruns/1/r1/artifacts").symlink_to(sandbox.root)
    done = sandbox.expt("import", "mlflow", "mlruns", "--no-render")
    assert (done.exit_code, done.stderr) == (0, "")
    run = sandbox.run()
    assert run.series["m"].values.tolist() == [1.5]
    assert list(run.artifacts) == []
    assert "its artifacts are elsewhere, and not copied: s3://bucket/r1" in run.notices


def test_a_torn_metric_is_named(sandbox: Sandbox) -> None:
    store(sandbox, "", **{"metrics/m": "1700000000000 1.5 2\n17000"})
    done = sandbox.expt("import", "mlflow", "mlruns", "--no-render")
    assert done.exit_code == 1
    assert "metrics/m:2 has no value of a metric" in done.stderr
    assert list(sandbox.runs()) == []


def test_keys_are_paths_that_no_two_names_share() -> None:
    names = ["loss", "loss/train", "c/d", "c", "a?b", "a_b", "../x", "/y", "ü", ""]
    keys = safe_keys(names)
    assert keys == {
        "loss": "loss",
        "loss/train": "loss_train",
        "c/d": "c/d",
        "c": "c_",
        "a?b": "a_b",
        "a_b": "a_b_",
        "../x": "x",
        "/y": "y",
        "ü": "ü",
        "": "_",
    }
    values = list(keys.values())
    assert len(set(values)) == len(values)
    assert not any(one.startswith(f"{other}/") for one in values for other in values)


def test_what_a_process_that_died_had_begun_is_removed_and_nobody_elses(tmp_path: Path) -> None:
    gone, alive = tmp_path / ".run-999999999", tmp_path / f".run-{os.getppid()}"
    for folder in (gone, alive):
        folder.mkdir()
    with made_anew(tmp_path / "run"):
        pass
    assert sorted(tmp_path.iterdir()) == [alive, tmp_path / "run"]
