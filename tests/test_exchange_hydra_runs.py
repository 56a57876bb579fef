"""Output folders of Hydra become archives; fresh ones where hydra is installed."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from expt.testing import Sandbox

pytestmark = pytest.mark.inline

pytest.importorskip("yaml")

PROGRAM = """
    import logging
    from pathlib import Path

    import hydra
    from hydra.core.hydra_config import HydraConfig

    @hydra.main(version_base=None, config_path="conf", config_name="config")
    def app(cfg):
        logging.getLogger("x").info("lr is %s", cfg.lr)
        Path(HydraConfig.get().runtime.output_dir, "out.json").write_text('{"a": 1}')

    app()
"""
CONFIG = "lr: 0.1\ndb:\n  host: local\n  url: ${db.host}:3\nlist: [1, 2]\nnothing: null\n"
VALUES = {"db": {"host": "local", "url": "${db.host}:3"}, "list": [1, 2], "nothing": None}


def check(run: Any, lr: float) -> None:
    assert run.experiment == "app.py::experiment_app"
    assert run.params == {"lr": lr, **VALUES}
    assert run.log.endswith(f"[x][INFO] - lr is {lr}\n")
    assert run.artifacts["out.json"].load() == {"a": 1}
    assert ".hydra/overrides.yaml" in run.artifacts
    assert run.notices[0] == "Hydra does not say how the run ended"
    assert run.finished >= run.started


@pytest.mark.filterwarnings("ignore")  # of hydra
def test_what_hydra_wrote_is_read(sandbox: Sandbox) -> None:
    pytest.importorskip("hydra")
    sandbox.write({"app.py": PROGRAM, "conf/config.yaml": CONFIG})
    for words in ([], ["-m", "lr=1,2"]):
        command = [sys.executable, "app.py", *words]
        subprocess.run(command, cwd=sandbox.root, timeout=60, check=True, capture_output=True)
    done = sandbox.expt("import", "hydra", ".", "--no-render")
    assert (done.exit_code, done.stderr) == (0, "")
    runs = {run.case: run for run in sandbox.runs()}
    assert set(runs) == {None, "lr-1", "lr-2"}
    check(runs[None], 0.1)
    check(runs["lr-2"], 2)
    assert runs["lr-2"].command == ("app.py", "lr=2")
    assert len(sandbox.runs(where="lr < 1.5")) == 2
    assert sandbox.expt("verify").lines[-1] == "3 whole"


def made(config: str = CONFIG) -> dict[str, str]:
    """What hydra 1.3.8 leaves of the program above."""
    folder = "outputs/2026-11-26/08-06-44"
    job = "hydra:\n  mode: RUN\n  job:\n    name: app\n  runtime:\n    output_dir: /home/me/p/"
    return {
        f"{folder}/.hydra/config.yaml": config,
        f"{folder}/.hydra/hydra.yaml": f"{job}{folder}\n",
        f"{folder}/.hydra/overrides.yaml": "[]\n",
        f"{folder}/app.log": "[2026-11-26 08:06:44,953][x][INFO] - lr is 0.1\n",
        f"{folder}/out.json": '{"a": 1}',
    }


def test_a_folder_is_read_without_hydra(sandbox: Sandbox) -> None:
    sandbox.write(made())
    sandbox.environ["TZ"] = "UTC"
    done = sandbox.expt("import", "hydra", "outputs", "--no-render")
    assert (done.exit_code, done.stderr) == (0, "")
    run = sandbox.run()
    check(run, 0.1)
    assert run.record.started == "2026-11-26T08:06:44+00:00"
    assert run.duration == 0.953
    assert run.lineage["imported_from"]["id"] == "p/outputs/2026-11-26/08-06-44"


@pytest.mark.parametrize(
    "config", ["lr: !!python/name:os.system\n", "a: [\n", "- 1\n", "a: &a [1]\nb: [*a, *a]\n"]
)
def test_no_tag_is_executed_and_damage_is_named(sandbox: Sandbox, config: str) -> None:
    sandbox.write(made(config))
    done = sandbox.expt("import", "hydra", "outputs", "--no-render")
    assert done.exit_code == 1
    assert ".hydra/config.yaml" in done.stderr
