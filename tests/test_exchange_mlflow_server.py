"""Runs are sent to an MLflow server: one that speaks its REST API, and where it installs its own.

The first is `mlflow_rest`; the second is started where the package mlflow is there.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
import urllib.request
from typing import TYPE_CHECKING

import numpy as np
import pytest
from clusters import free_ports
from exchanged import make_everything
from mlflow_rest import MlflowRest

from expt.exchange.mlflow_server import send_runs
from expt.ground.errors import ExptError

if TYPE_CHECKING:
    from pathlib import Path

    from expt.reading.run import Run
    from expt.testing import Sandbox

pytestmark = pytest.mark.inline


@pytest.fixture(scope="module")
def whole(shared_sandbox: Sandbox) -> Run:
    return make_everything(shared_sandbox, "--no-render")


@pytest.fixture
def made(whole: Run, shared_sandbox: Sandbox) -> Sandbox:
    """The project that has it, and nothing else."""
    return shared_sandbox


def test_a_server_is_told_values_metrics_tags_files_and_the_end(made: Sandbox, whole: Run) -> None:
    with MlflowRest() as server:
        done = made.expt("export", "mlflow", "latest", "-o", server.address)
        assert (done.exit_code, done.stderr) == (0, "")
        assert "  not in it: infinite numbers, which a server keeps as the largest double" in (
            done.lines
        )
        again = made.expt("export", "mlflow", "latest", "-o", server.address)
        assert again.exit_code == 0
        kept = server.kept
    assert kept.experiments == {"experiments/all.py::experiment_all": "1"}
    (told,) = kept.runs.values()
    assert told["info"]["status"] == "FINISHED"
    assert told["info"]["start_time"] == round(whole.started.timestamp() * 1000)
    assert told["params"]["lr"] == "0.1"
    assert told["tags"]["mlflow.note.content"] == "a note"
    loss = whole.series["loss"]
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


def test_a_server_that_takes_no_files_is_told_the_rest(made: Sandbox) -> None:
    with MlflowRest(proxies=False) as server:
        done = made.expt("export", "mlflow", "-o", server.address)
        assert server.kept.files == {}
        assert len(server.kept.runs) == 1
    assert done.exit_code == 0
    told = "files: the server takes none, its artifacts are at s3://bucket/1/r0/artifacts"
    assert f"  not in it: {told}" in done.lines


def test_a_server_that_refuses_or_is_not_there_is_an_error(made: Sandbox) -> None:
    with MlflowRest() as server:
        server.kept.refuses.add("log-batch")
        done = made.expt("export", "mlflow", "-o", server.address.replace("//", "//me:hidden@"))
        assert (done.exit_code, done.stderr) == (
            4,
            "error: the MLflow server was not told: it answers 500: out of order\n"
            f"  at {server.address}\n",
        )
        (told,) = server.kept.runs.values()
        assert told["info"]["status"] == "RUNNING"
        assert server.kept.headers[0]["Authorization"] == "Basic bWU6aGlkZGVu"
        server.kept.refuses.clear()
        assert made.expt("export", "mlflow", "-o", server.address).exit_code == 0
        assert told["info"]["status"] == "FINISHED"
        assert len(server.kept.runs) == 1
    done = made.expt("export", "mlflow", "-o", server.address)
    assert done.exit_code == 4
    assert done.stderr.startswith("error: the MLflow server was not told: ")


def test_an_experiment_that_another_export_just_made_is_taken(whole: Run) -> None:
    with MlflowRest() as server:
        server.kept.taken.add(whole.experiment)
        assert send_runs([whole], server.address)[0] == [whole]
        (told,) = server.kept.runs.values()
    assert told["info"]["artifact_uri"].startswith("mlflow-artifacts:/7/")


@pytest.mark.parametrize("path", ["get-by-name", "search", "runs/create", "log-batch", "artifacts"])
@pytest.mark.parametrize(
    "answer",
    [
        *(b"[]", b"7", b'"x"', b"<html>", b"\xff", b"[" * 100_000),
        *(b'{"experiment": 3, "runs": 3, "run": []}', b'{"runs": [{"info": 1}]}'),
    ],
)
def test_a_server_that_answers_something_else_is_an_error(
    whole: Run, path: str, answer: bytes
) -> None:
    with MlflowRest() as server:
        server.kept.answers[path] = answer
        if path == "artifacts" or (path == "log-batch" and answer.startswith(b"{")):
            assert send_runs([whole], server.address)[0] == [whole]
            return
        if (path, answer[:8]) == ("search", b'{"runs":'):
            answer = b"[]"
        with pytest.raises(ExptError, match="is it an MLflow server") as raised:
            send_runs([whole], server.address)
    assert raised.value.at == server.address


@pytest.mark.parametrize(
    "address",
    [
        *("http://127.0.0.1:99999", "http://[::1", "http://", "http://a b/", "http://ü" * 40),
        *("http://127.0.0.1:9/ü\n", "http://x..y:9"),
    ],
)
def test_an_address_that_is_none_is_an_error(whole: Run, address: str) -> None:
    with pytest.raises(ExptError):
        send_runs([whole], address)


def test_a_server_that_breaks_off_is_an_error(whole: Run) -> None:
    """Within an answer, and before one; an endless one is not read to its end."""
    for answer in (
        b"HTTP/1.1 500 x\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{",
        b"",
        b"HTTP/1.1 2",
    ):
        with socket.create_server(("127.0.0.1", 0)) as listening:
            port = listening.getsockname()[1]

            def answer_once(answer: bytes = answer, listening: socket.socket = listening) -> None:
                connection, _ = listening.accept()
                with connection:
                    connection.recv(10_000)
                    connection.sendall(answer)

            thread = threading.Thread(target=answer_once)
            thread.start()
            with pytest.raises(ExptError, match="the MLflow server was not told"):
                send_runs([whole], f"http://127.0.0.1:{port}")
            thread.join(20)


def test_a_file_that_the_server_does_not_take_keeps_back_nothing_else(sandbox: Sandbox) -> None:
    source = """
        def experiment_files(archive):
            (archive.path / "artifacts").mkdir()
            for name in ("a#b", "12:30.txt", "back\\\\slash", "z"):
                (archive.path / "artifacts" / name).write_text(name)
    """
    sandbox.write({"experiments/files.py": source})
    assert sandbox.expt("experiments").exit_code == 0
    with MlflowRest() as server:
        done = sandbox.expt("export", "mlflow", "-o", server.address)
        files = {name.rpartition("/artifacts/")[2] for name in server.kept.files}
        (told,) = server.kept.runs.values()
    assert done.exit_code == 0
    assert "  not in it: files whose names the server does not take: a#b" in done.lines
    assert files >= {"12:30.txt", "back\\slash", "z", "expt/run.json"}
    assert told["info"]["status"] == "FINISHED"


def test_long_texts_go_in_requests_that_a_server_takes(sandbox: Sandbox) -> None:
    values = ", ".join(f"p{number}: str = chr(1) * 6000" for number in range(60))
    sandbox.write({"experiments/long.py": f"def experiment_long({values}): pass\n"})
    assert sandbox.expt("experiments", "--no-render").exit_code == 0
    with MlflowRest() as server:
        assert sandbox.expt("export", "mlflow", "-o", server.address).exit_code == 0
        (told,) = server.kept.runs.values()
    del told["params"]["seed"]
    assert told["params"] == {f"p{number}": "\1" * 6000 for number in range(60)}


@pytest.mark.timeout(400)  # the package alone takes a minute to import on a busy machine
@pytest.mark.filterwarnings("ignore")  # of mlflow and what it imports
def test_mlflows_own_server_has_every_value(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("mlflow.server", reason="the whole of mlflow is not installed")
    import mlflow

    run = make_everything(sandbox)
    (port,) = free_ports(1)
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
