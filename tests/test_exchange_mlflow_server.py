"""Runs are sent to an MLflow server: one that speaks its REST API, and where it installs its own.

The first is `mlflow_rest`; the second is started where the package mlflow is there.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import urllib.request
from typing import TYPE_CHECKING

import numpy as np
import pytest
from exchanged import make_everything
from mlflow_rest import MlflowRest

if TYPE_CHECKING:
    from pathlib import Path

    from expt.testing import Sandbox


def test_a_server_is_told_values_metrics_tags_files_and_the_end(sandbox: Sandbox) -> None:
    run = make_everything(sandbox)
    with MlflowRest() as server:
        done = sandbox.expt("export", "mlflow", "latest", "-o", server.address)
        assert (done.exit_code, done.stderr) == (0, "")
        assert "  not in it: infinite numbers, which a server keeps as the largest double" in (
            done.lines
        )
        again = sandbox.expt("export", "mlflow", "latest", "-o", server.address)
        assert again.exit_code == 0
        kept = server.kept
    assert kept.experiments == {"experiments/all.py::experiment_all": "1"}
    (told,) = kept.runs.values()
    assert told["info"]["status"] == "FINISHED"
    assert told["info"]["start_time"] == round(run.started.timestamp() * 1000)
    assert told["params"]["lr"] == "0.1"
    assert told["tags"]["mlflow.note.content"] == "a note"
    loss = run.series["loss"]
    expected = {
        ("loss", value, round(when * 1000), step)
        for value, when, step in zip(loss.values, loss.times, loss.steps, strict=True)
    }
    assert {one for one in told["metrics"] if one[0] == "loss"} == expected
    odd = {one[1] for one in told["metrics"] if one[0] == "odd"}
    assert odd == {"NaN", "-Infinity"}
    assert kept.files["1/r0/artifacts/model.bin"] == b"1234"
    assert kept.files["1/r0/artifacts/expt/output.log"] == b"some output\n"


def test_many_points_go_in_requests_that_a_server_takes(sandbox: Sandbox) -> None:
    source = "def experiment_many(track):\n    for i in range(2300): track('x', float(i))\n"
    sandbox.write({"experiments/many.py": source})
    sandbox.expt("experiments")
    with MlflowRest() as server:
        assert sandbox.expt("export", "mlflow", "-o", server.address).exit_code == 0
        (told,) = server.kept.runs.values()
    assert sorted(one[1] for one in told["metrics"]) == [float(i) for i in range(2300)]


def test_a_server_that_takes_no_files_is_told_the_rest(sandbox: Sandbox) -> None:
    make_everything(sandbox)
    with MlflowRest(proxies=False) as server:
        done = sandbox.expt("export", "mlflow", "-o", server.address)
        assert server.kept.files == {}
        assert len(server.kept.runs) == 1
    assert done.exit_code == 0
    told = "files: the server takes none, its artifacts are at s3://bucket/1/r0/artifacts"
    assert f"  not in it: {told}" in done.lines


def test_a_server_that_refuses_or_is_not_there_is_an_error(sandbox: Sandbox) -> None:
    make_everything(sandbox)
    with MlflowRest() as server:
        server.kept.refuses.add("log-batch")
        done = sandbox.expt("export", "mlflow", "-o", server.address.replace("//", "//me:hidden@"))
        assert (done.exit_code, done.stderr) == (
            4,
            "error: the MLflow server was not told: it answers 500: out of order\n"
            f"  at {server.address}\n",
        )
        (told,) = server.kept.runs.values()
        assert told["info"]["status"] == "RUNNING"
        assert server.kept.headers[0]["Authorization"] == "Basic bWU6aGlkZGVu"
        server.kept.refuses.clear()
        assert sandbox.expt("export", "mlflow", "-o", server.address).exit_code == 0
        assert told["info"]["status"] == "FINISHED"
        assert len(server.kept.runs) == 1
    done = sandbox.expt("export", "mlflow", "-o", server.address)
    assert done.exit_code == 4
    assert done.stderr.startswith("error: the MLflow server was not told: ")


@pytest.mark.timeout(400)  # the package alone takes a minute to import on a busy machine
@pytest.mark.filterwarnings("ignore")  # of mlflow and what it imports
def test_mlflows_own_server_has_every_value(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("mlflow.server", reason="the whole of mlflow is not installed")
    import mlflow

    run = make_everything(sandbox)
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    words = ["server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    words += ["--backend-store-uri", f"sqlite:///{tmp_path}/ml.db"]
    words += ["--artifacts-destination", str(tmp_path / "files")]
    server = subprocess.Popen(
        [sys.executable, "-m", "mlflow", *words],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _wait(f"{address}/health", server)
        done = sandbox.expt("export", "mlflow", "latest", "-o", address)
        assert (done.exit_code, done.stderr) == (0, "")
        client = mlflow.MlflowClient(address)
        experiment = client.get_experiment_by_name(run.experiment)
        (found_run,) = client.search_runs([experiment.experiment_id])
        assert found_run.info.status == "FINISHED"
        assert found_run.data.params["lr"] == "0.1"
        history = client.get_metric_history(found_run.info.run_id, "loss")
        history = sorted(history, key=lambda one: one.step)
        np.testing.assert_array_equal([one.value for one in history], run.series["loss"].values)
        assert [one.step for one in history] == run.series["loss"].steps.tolist()
        paths = {file.path for file in client.list_artifacts(found_run.info.run_id)}
        assert paths == {"expt", "model.bin"}
    finally:
        import os
        import signal

        os.killpg(server.pid, signal.SIGKILL)
        server.wait(10)


def _wait(address: str, server: subprocess.Popen[bytes]) -> None:
    for _ in range(180):
        assert server.poll() is None
        try:
            with urllib.request.urlopen(address, timeout=1):
                return
        except OSError:
            time.sleep(0.5)
    raise AssertionError("the server did not start")
