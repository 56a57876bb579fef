"""Folders of Sacred become archives; a fresh one where sacred is installed."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from expt.exchange.archiving import write_archive
from expt.exchange.foreign import ForeignRun
from expt.exchange.sacred_runs import read_sacred
from expt.reading.references import load_archive

if TYPE_CHECKING:
    from expt.testing import Sandbox

pytestmark = pytest.mark.inline

PROGRAM = """
    import sys

    import numpy as np
    from sacred import SETTINGS, Experiment
    from sacred.observers import FileStorageObserver

    SETTINGS.CAPTURE_MODE = "sys"  # by itself it waits for no 'tee', which may be late

    ex = Experiment("mnist", save_git_info=False)
    ex.observers.append(FileStorageObserver("sac"))

    @ex.config
    def values():
        lr = 0.1
        opt = {"name": "adam", "betas": (0.9, 0.99)}
        seed = 3

    @ex.automain
    def main(_run, lr):
        print("hello")
        for i in range(3):
            _run.log_scalar("train.loss", lr / (i + 1), i * 10)
        _run.info["arr"] = np.arange(3)
        with open("model.txt", "w") as file:
            file.write("model")
        _run.add_artifact("model.txt")
        if lr > 1:
            raise ValueError("too far: 2")
        return 0.9
"""


def check(run: Any) -> None:
    assert (run.status, run.experiment) == ("completed", "ex.py::experiment_mnist")
    assert run.params == {"lr": 0.1, "opt": {"name": "adam", "betas": [0.9, 0.99]}, "seed": 3}
    assert run.results == {"value": 0.9, "info": {"arr": [0, 1, 2]}}
    loss = run.series["train.loss"]
    assert loss.values.tolist() == [0.1, 0.05, 0.1 / 3]
    assert loss.steps.tolist() == [0, 10, 20]
    assert all(run.started.timestamp() <= t <= run.finished.timestamp() for t in loss.times)
    assert "hello\n" in run.log
    assert run.artifacts["model.txt"].load() == "model"
    assert 'Experiment("mnist"' in run.code["ex.py"]
    assert "sacred" in run.environment["packages"]


@pytest.mark.filterwarnings("ignore")  # of sacred
def test_what_sacred_wrote_is_read(sandbox: Sandbox) -> None:
    pytest.importorskip("sacred")
    sandbox.write({"ex.py": PROGRAM})
    for words in ([], ["with", "lr=2.0"]):
        subprocess.run(
            [sys.executable, "ex.py", *words],
            cwd=sandbox.root,
            timeout=60,
            check=not words,
            capture_output=True,
        )
    done = sandbox.expt("import", "sacred", "sac", "--no-render")
    assert (done.exit_code, done.stderr) == (0, "")
    failed, completed = sandbox.runs()
    check(completed)
    assert failed.status == "failed"
    assert (failed.error.type, failed.error.message) == ("ValueError", "too far: 2")
    assert failed.error.traceback.startswith("Traceback")
    assert sandbox.expt("verify").lines[-1] == "2 whole"


def made(**changes: Any) -> dict[str, str]:
    """What sacred 0.8.7 leaves of the program above."""
    times = [f"2026-11-26T08:06:37.55181{i}" for i in range(3)]
    loss = {"steps": [0, 10, 20], "timestamps": times, "values": [0.1, 0.05, 0.1 / 3]}
    run = {
        "experiment": {
            "mainfile": "ex.py",
            "name": "mnist",
            "dependencies": ["numpy==2.4.6", "sacred==0.8.7"],
            "sources": [["ex.py", "_sources/ex_7e01.py"]],
        },
        "host": {"hostname": "vm", "python_version": "3.11.7"},
        "artifacts": ["model.txt"],
        "command": "main",
        "result": 0.9,
        "start_time": "2026-11-26T08:06:37.544419",
        "stop_time": "2026-11-26T08:06:37.556222",
        "status": "COMPLETED",
        **changes,
    }
    opt = {"betas": {"py/tuple": [0.9, 0.99]}, "name": "adam"}
    array = {"dtype": "int64", "py/object": "numpy.ndarray", "values": [0, 1, 2]}
    return {
        "sac/_sources/ex_7e01.py": PROGRAM,
        "sac/1/run.json": json.dumps(run),
        "sac/1/config.json": json.dumps({"lr": 0.1, "opt": opt, "seed": 3}),
        "sac/1/metrics.json": json.dumps({"train.loss": loss}),
        "sac/1/info.json": json.dumps({"arr": array}),
        "sac/1/cout.txt": "hello\n",
        "sac/1/model.txt": "model",
    }


def test_a_folder_is_read_without_sacred(sandbox: Sandbox) -> None:
    sandbox.write(made())
    done = sandbox.expt("import", "sacred", "sac", "--no-render")
    assert (done.exit_code, done.stderr) == (0, "")
    run = sandbox.run()
    check(run)
    assert run.started.timestamp() == 1795680397.544419
    assert run.host == "vm"


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("metrics.json", '{"a": {"steps": [1], "values": []}}', "metrics.json is torn at 'a'"),
        ("run.json", '{"format": 1, "id": "x"}', "run.json is none of Sacred's"),
        ("config.json", "[1]", "config.json has no dict on top"),
        ("info.json", "{" * 100_000, "info.json is not JSON"),
    ],
)
def test_damage_is_named(sandbox: Sandbox, name: str, content: str, told: str) -> None:
    sandbox.write({**made(), f"sac/1/{name}": content})
    done = sandbox.expt("import", "sacred", "sac", "--no-render")
    assert done.exit_code == 1
    assert told in done.stderr
    assert list(sandbox.runs()) == []


@pytest.mark.parametrize(
    ("name", "content"),
    [
        *(("run.json", {"status": odd, "result": odd}) for odd in ([1], {"a": []}, None, 10**400)),
        ("config.json", {"py/object": "numpy.ndarray", "values": 3}),
        ("config.json", {"py/tuple": [1]}),
        ("info.json", {"py/tuple": [1]}),
    ],
)
def test_odd_values_break_nothing(sandbox: Sandbox, name: str, content: Any) -> None:
    files = made()
    table = {} if name == "config.json" else json.loads(files[f"sac/1/{name}"])
    sandbox.write({**files, f"sac/1/{name}": json.dumps(table | content)})
    (found,) = read_sacred(sandbox.root / "sac")
    assert isinstance(found, ForeignRun)
    path, _ = write_archive(found, sandbox.root / "runs")
    assert load_archive(path).status == ("interrupted" if "status" in content else "completed")


def test_code_that_leads_out_is_not_read(sandbox: Sandbox) -> None:
    experiment = {"name": "x", "mainfile": "x.py", "sources": [["x.py", "../secret.py"]]}
    sandbox.write({**made(experiment=experiment), "secret.py": "SECRET = 1"})
    done = sandbox.expt("import", "sacred", "sac", "--no-render")
    assert done.exit_code == 1
    assert "'../secret.py' names no file inside" in done.stderr
