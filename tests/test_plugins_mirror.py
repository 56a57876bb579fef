"""Runs are sent elsewhere beside their archives: never late, never failing, never in silence.

The server is `mlflow_rest`, which speaks MLflow's documented REST API; MLflow's own server is tried
by `test_exchange_mlflow_server`.
"""

from __future__ import annotations

import re
import socket
import time
from typing import TYPE_CHECKING

import pytest
from mlflow_rest import MlflowRest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from expt.testing import Sandbox

pytestmark = pytest.mark.inline

EXPERIMENTS = """
    import os

    def experiment_good(track, lr: float = 0.1):
        track("loss", lr)
        return {"accuracy": 1 - lr}

    def analysis_good(run):
        run.save("late.txt", "made by the analysis")

    def experiment_bad(track):
        track("x", 1)
        raise ValueError("no luck")

    def experiment_dead(track):
        track("y", 2)
        os._exit(3)
"""


@pytest.fixture
def server() -> Iterator[MlflowRest]:
    with MlflowRest() as server:
        yield server


def configure(sandbox: Sandbox, address: str, **more: float) -> None:
    lines = "".join(f"{name} = {value}\n" for name, value in more.items())
    text = f'[mirror]\nmlflow = "{address}"\n{lines}'
    sandbox.write({"expt.toml": text, "experiments/all.py": EXPERIMENTS})


@pytest.mark.inline(False)
def test_every_run_is_there_however_it_ended(sandbox: Sandbox, server: MlflowRest) -> None:
    configure(sandbox, server.address, timeout=50)
    done = sandbox.expt("experiments", "--sweep", "lr=0.1,0.2")
    assert done.exit_code == 1
    assert f"4 runs sent to mlflow at {server.address}" in done.lines
    told = {run["tags"]["expt.id"]: run for run in server.kept.runs.values()}
    assert set(told) == {run.id for run in sandbox.runs()}
    for run in sandbox.runs():
        expected = "FINISHED" if run.status == "completed" else "FAILED"
        assert told[run.id]["info"]["status"] == expected
    assert {tuple(run["params"].items())[:1] for run in told.values()} >= {(("lr", "0.2"),)}
    assert any(name.endswith("/late.txt") for name in server.kept.files)


def test_without_a_mirror_nothing_is_sent_and_no_process_is_started(sandbox: Sandbox) -> None:
    sandbox.write({"experiments/all.py": EXPERIMENTS})
    done = sandbox.expt("experiments", "-k", "good")
    assert "sent" not in done.stdout + done.stderr


def test_what_was_not_sent_is_told_and_sent_later_by_the_command(sandbox: Sandbox) -> None:
    with MlflowRest() as server:
        address = server.address
    configure(sandbox, address, timeout=50)
    done = sandbox.expt("experiments", "-k", "good")
    assert done.exit_code == 0
    text = done.stdout + done.stderr
    assert f"notice: 1 run not sent to mlflow at {address}: the MLflow server was not told" in text
    (command,) = re.findall(r"later: expt (.*)", text)
    assert command == f"export mlflow {sandbox.run().id} -o {address}"
    with MlflowRest() as server:
        later = command.replace(address, server.address).split()
        assert sandbox.expt(*later).exit_code == 0
        assert len(server.kept.runs) == 1


def test_many_runs_that_were_not_sent_are_named_by_their_session(sandbox: Sandbox) -> None:
    with MlflowRest() as server:
        address = server.address
    configure(sandbox, address, timeout=50)
    values = ",".join(f"0.{number}" for number in range(13))
    done = sandbox.expt("experiments", "-k", "good", "--sweep", f"lr={values}", "--no-render")
    (command,) = re.findall(r"later: expt (.*)", done.stdout + done.stderr)
    runs = sandbox.runs()
    assert len(runs) == 13
    assert command == f"export mlflow --session {runs[0].lineage['session']} -o {address}"
    with MlflowRest() as server:
        later = command.replace(address, server.address).split()
        assert sandbox.expt(*later).exit_code == 0
        assert len(server.kept.runs) == 13


def test_a_server_that_never_answers_costs_the_end_its_patience_and_the_run_nothing(
    sandbox: Sandbox,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        address = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        configure(sandbox, address, timeout=1)
        began = time.monotonic()
        done = sandbox.expt("experiments", "-k", "good", "--sweep", "lr=0.1,0.2,0.3")
        took = time.monotonic() - began
    assert done.exit_code == 0
    assert took < 25  # an answer is waited for 30 seconds
    assert {run.status for run in sandbox.runs()} == {"completed"}
    text = done.stdout + done.stderr
    assert f"3 runs not sent to mlflow at {address}: it took longer than" in text


def test_a_refusal_of_one_run_leaves_the_others(sandbox: Sandbox, server: MlflowRest) -> None:
    configure(sandbox, server.address.replace("//", "//me:hidden@"), timeout=50)
    server.kept.refuses.add("log-batch")
    done = sandbox.expt("experiments", "-k", "good")
    text = done.stdout + done.stderr
    assert done.exit_code == 0
    assert "it answers 500: out of order" in text
    assert "hidden" not in text


def test_smoke_runs_are_not_sent(sandbox: Sandbox, server: MlflowRest) -> None:
    configure(sandbox, server.address)
    sandbox.write({"experiments/params.toml": "[expt.smoke]\nlr = 0.5\n"})
    assert sandbox.expt("experiments", "-k", "good", "--smoke").exit_code == 0
    assert server.kept.runs == {}
    assert sandbox.expt("experiments", "-k", "good", "--plugin", "no:mirror").exit_code == 0
    assert server.kept.runs == {}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[mirror]\nmlfow = "x"\n', "unknown key 'mlfow' in [mirror]"),
        ("[mirror]\nmlflow = 3\n", "'mlflow' in [mirror] must be a text, not 3"),
        ('[mirror]\nmlflow = "http://${NOT_THERE}"\n', "a variable that the environment does not"),
    ],
)
def test_a_mistake_in_the_table_is_told_before_anything_runs(
    sandbox: Sandbox, text: str, told: str
) -> None:
    sandbox.write({"expt.toml": text, "experiments/all.py": EXPERIMENTS})
    done = sandbox.expt("experiments", "-k", "good")
    assert done.exit_code == 4
    assert told in done.stderr
    assert not (sandbox.root / "runs").exists()


def test_a_path_is_a_file_store(sandbox: Sandbox) -> None:
    configure(sandbox, "mlruns", timeout=50)
    assert sandbox.expt("experiments", "-k", "good").exit_code == 0
    assert len(list((sandbox.root / "mlruns").glob("*/*/meta.yaml"))) == 1
