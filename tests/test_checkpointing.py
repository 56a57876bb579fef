"""A run that did not come to its end goes on from its checkpoint, bit for bit."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from expt.reading.run import Run
    from expt.testing import Sandbox

pytestmark = pytest.mark.inline

KILLS = int(os.environ.get("EXPT_KILLS", "5"))

TRAINING = """
    import random, time
    import numpy as np

    def experiment_train(track, checkpoint, rng, results, archive, steps: int = 30):
        track("begun", 1)                              # before anything is loaded
        state = checkpoint.load({"step": 0, "weights": np.zeros(3)})
        results.setdefault("seen", [])
        for step in range(state["step"], steps):
            noise = rng.normal(size=3) + random.random() + np.random.rand()
            weights = state["weights"] + noise
            track("loss", weights.sum(), step=step)
            track("counted", step)                     # without a step of its own
            track("picture", np.full((4, 4), step, "uint8"))
            track("note", f"step {step}")
            results["seen"].append(step)
            with archive.open("steps.txt", "a") as file:
                file.write(f"{step}\\n")
            state = {"step": step + 1, "weights": weights}
            checkpoint.save(state)
            time.sleep(PAUSE)
        return {"weights": list(state["weights"]), "random": rng.random()}
"""


def training(pause: float) -> str:
    return TRAINING.replace("PAUSE", str(pause))


def tracked(run: Run) -> dict[str, tuple[list, list]]:
    return {
        name: (series.steps.tolist(), np.asarray(series.values).tolist())
        for name, series in run.series.items()
    }


def assert_same(run: Run, other: Run) -> None:
    assert (run.status, other.status) == ("completed", "completed")
    assert tracked(run) == tracked(other)
    assert run.results == other.results
    assert artifact(run) == artifact(other)


def artifact(run: Run) -> str:
    return (run.path / "artifacts/steps.txt").read_text()


def archives(sandbox: Sandbox) -> set[Path]:
    return {file.parent for file in (sandbox.root / "runs").rglob("run.json")}


def kill_after_a_while(sandbox: Sandbox, *words: str) -> bool:
    """Start a session, kill all of it some time after its run began; whether it still ran."""
    before = archives(sandbox)
    process = sandbox.start("experiments", "--resume", *words)
    while process.poll() is None and archives(sandbox) == before:
        time.sleep(0.02)
    time.sleep(random.random() * 0.2)
    alive = process.poll() is None
    process.kill()
    process.communicate()
    return alive


@pytest.mark.timeout(120 + 10 * KILLS)
@pytest.mark.inline(False)
def test_killed_at_many_moments_and_resumed_it_is_as_if_nothing_had_been(sandbox: Sandbox) -> None:
    """`EXPT_KILLS=50` kills more often."""
    sandbox.write({"experiments/first.py": training(0.02)})
    killed = sum(kill_after_a_while(sandbox, "-p", "seed=7") for _ in range(KILLS))
    assert killed
    done = sandbox.expt("experiments", "--resume", "-p", "seed=7")
    assert done.exit_code == 0, done.stdout
    resumed = sandbox.run()
    assert sandbox.expt("experiments", "-p", "seed=7").exit_code == 0
    assert_same(resumed, sandbox.run())
    assert resumed.series["counted"].values.tolist() == list(range(30))


FAILING = (
    training(0.0)
    .replace("checkpoint.save(state)", "checkpoint.save(state); stop(step)")
    .replace(
        "def experiment_train",
        "def stop(step):\n"
        "        if step == 20 and __import__('os').path.exists('stop'): raise OSError('full')\n\n"
        "    def experiment_train",
    )
)


@pytest.fixture(scope="module")
def failed_once(shared_sandbox: Sandbox) -> Sandbox:
    shared_sandbox.write({"experiments/first.py": FAILING, "stop": ""})
    assert shared_sandbox.expt("experiments").exit_code == 1
    (shared_sandbox.root / "stop").unlink()
    return shared_sandbox


@pytest.fixture(scope="module")
def whole(failed_once: Sandbox, new_sandbox: Callable[[], Sandbox]) -> Run:
    """The run that failed, as it is where it does not."""
    sandbox = new_sandbox()
    sandbox.write({"experiments/first.py": FAILING})
    seed = failed_once.run().params["seed"]
    assert sandbox.expt("experiments", "-p", f"seed={seed}").exit_code == 0
    return sandbox.run()


@pytest.fixture
def stopped(failed_once: Sandbox, sandbox: Sandbox) -> Sandbox:
    """A sandbox with a run that failed after step 20."""
    shutil.copytree(failed_once.root, sandbox.root, dirs_exist_ok=True)
    return sandbox


def test_a_drawn_seed_is_taken_over_and_the_lineage_names_the_run(
    stopped: Sandbox, whole: Run
) -> None:
    failed = stopped.run()
    assert stopped.expt("experiments", "--resume").exit_code == 0
    resumed = stopped.run()
    assert resumed.lineage["resumed_from"] == failed.id
    assert resumed.params["seed"] == failed.params["seed"]
    assert_same(resumed, whole)
    assert f"resumed from {failed.id}" in stopped.expt("show", resumed.id).stdout


def test_without_resume_a_run_begins_at_its_beginning(stopped: Sandbox) -> None:
    assert stopped.expt("experiments").exit_code == 0
    run = stopped.run()
    assert "resumed_from" not in run.lineage
    assert run.series["loss"].steps.tolist() == list(range(30))


def test_after_a_change_of_code_nothing_goes_on(stopped: Sandbox) -> None:
    stopped.write({"experiments/first.py": FAILING + "\n    # edited\n"})
    assert stopped.expt("experiments", "--resume").exit_code == 0
    assert "resumed_from" not in stopped.run().lineage


@pytest.mark.parametrize("suffix", ["json", "zip"])
def test_of_a_checkpoint_cut_in_half_the_one_before_is_taken(
    stopped: Sandbox, whole: Run, suffix: str
) -> None:
    failed = stopped.run()
    newest = max((failed.path / "checkpoints").glob(f"*.{suffix}"))
    assert newest.name == f"000021.{suffix}"
    os.truncate(newest, newest.stat().st_size // 2)
    assert stopped.expt("experiments", "--resume").exit_code == 0
    resumed = stopped.run()
    assert resumed.lineage["resumed_from"] == failed.id
    assert_same(resumed, whole)


def test_without_a_sound_checkpoint_it_begins_anew(stopped: Sandbox) -> None:
    for file in (stopped.run().path / "checkpoints").iterdir():
        os.truncate(file, 10)
    assert stopped.expt("experiments", "--resume").exit_code == 0
    run = stopped.run()
    assert "resumed_from" not in run.lineage
    assert run.series["loss"].steps.tolist() == list(range(30))


@pytest.mark.inline(False)
def test_a_run_killed_before_it_saved_leaves_the_checkpoint_of_the_one_before(
    stopped: Sandbox, whole: Run
) -> None:
    failed = stopped.run()
    process = stopped.start("experiments", "--resume")
    while len(archives(stopped)) == 1 and process.poll() is None:
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert stopped.expt("experiments", "--resume").exit_code == 0
    resumed = stopped.run()
    assert resumed.params["seed"] == failed.params["seed"]
    assert_same(resumed, whole)


@pytest.mark.inline(False)
def test_a_folder_is_a_checkpoint_once_its_block_has_ended(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/first.py": """
                import os

                def experiment_one(track, checkpoint):
                    with checkpoint.folder() as path:
                        known = path / "step.txt"
                        begun = int(known.read_text()) if known.exists() else 0
                    for step in range(begun, 10):
                        track("x", step, step=step)
                        if step == 6 and os.path.exists("stop"):
                            with checkpoint.folder() as path:
                                (path / "step.txt").write_text("99")
                                os._exit(3)
                        with checkpoint.folder() as path:
                            (path / "step.txt").write_text(str(step + 1))
                """,
            "stop": "",
        }
    )
    assert sandbox.expt("experiments").exit_code == 1
    died = sandbox.run()
    assert len([p for p in (died.path / "checkpoints").iterdir() if p.is_dir()]) == 2
    (sandbox.root / "stop").unlink()
    assert sandbox.expt("experiments", "--resume").exit_code == 0
    resumed = sandbox.run()
    assert resumed.lineage["resumed_from"] == died.id
    assert resumed.series["x"].values.tolist() == list(range(10))


def test_a_state_that_cannot_be_kept_fails_at_the_call_and_leaves_the_last_one(
    sandbox: Sandbox,
) -> None:
    sandbox.write(
        {
            "experiments/first.py": """
                def experiment_one(checkpoint, results):
                    checkpoint.save({"a": (1, 2)})
                    try:
                        checkpoint.save({"a": object()})
                    except TypeError as error:
                        results["refused"] = str(error)
                    assert checkpoint.load() == {"a": (1, 2)}
                """
        }
    )
    done = sandbox.expt("experiments")
    assert done.exit_code == 0, done.stdout
    assert sandbox.run().results["refused"].startswith("the state['a'] is of type 'object'")


def test_a_checkpoint_that_a_provider_loads_keeps_random_states_too(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/first.py": """
                import os, random
                import expt

                @expt.provider
                def state(checkpoint, rng):
                    rng.random()
                    return checkpoint.load({"step": 0})

                def experiment_one(track, state, checkpoint, rng):
                    for step in range(state["step"], 8):
                        track("x", rng.random() + random.random(), step=step)
                        checkpoint.save({"step": step + 1})
                        if step == 3 and os.path.exists("stop"):
                            raise OSError
                """,
            "stop": "",
        }
    )
    sandbox.expt("experiments", "-p", "seed=1")
    (sandbox.root / "stop").unlink()
    assert sandbox.expt("experiments", "-p", "seed=1", "--resume").exit_code == 0
    resumed = sandbox.run()
    assert "resumed_from" in resumed.lineage
    sandbox.expt("experiments", "-p", "seed=1")
    assert tracked(resumed) == tracked(sandbox.run())


TORCH = """
import numpy as np

uint8 = np.uint8

class Tensor:
    def __init__(self, array): self.array = np.array(array)
    def numpy(self): return self.array

def frombuffer(buffer, dtype): return Tensor(np.frombuffer(buffer, dtype))

class Generator:
    def __init__(self): self.state = np.zeros(8, np.uint8)
    def get(self): return Tensor(self.state)
    def put(self, tensor): self.state[:] = tensor.array
    def seed(self, seed): self.state[:] = np.frombuffer(seed.to_bytes(8, "little"), np.uint8)
    def draw(self):
        drawn = int.from_bytes(self.state.tobytes(), "little")
        self.seed((drawn * 6364136223846793005 + 1) % (1 << 63))
        return drawn

own = Generator()
get_rng_state, set_rng_state, manual_seed, rand = own.get, own.put, own.seed, own.draw

class cuda:
    own, started = Generator(), False
    @classmethod
    def is_initialized(cls): return cls.started
    @classmethod
    def init(cls): cls.started = True; cls.own.seed(1)
    @classmethod
    def get_rng_state_all(cls): return [cls.own.get()]
    @classmethod
    def set_rng_state(cls, state, device): assert cls.started; cls.own.put(state)
    @staticmethod
    def device_count(): return 1
"""
"""As much of torch as has to do with its random numbers; it seeds a GPU that begins."""


@pytest.mark.inline(False)
def test_torch_goes_on_where_a_checkpoint_left_off(sandbox: Sandbox) -> None:
    source = """
        import os

        def experiment_a(checkpoint, track):
            first = checkpoint.load(0)
            import torch
            if not torch.cuda.is_initialized():
                torch.cuda.init()
            for step in range(first, 4):
                track("drawn", [torch.rand(), torch.cuda.own.draw()], step=step)
                checkpoint.save(step + 1)
                if step == 1 and os.environ.get("DIE"):
                    os._exit(1)
        """
    sandbox.write({"torch.py": TORCH, "experiments/a.py": source})
    sandbox.environ["DIE"] = "1"
    assert sandbox.expt("-p", "seed=7").exit_code == 1
    del sandbox.environ["DIE"]
    assert sandbox.expt("-p", "seed=7", "--resume").exit_code == 0
    resumed = sandbox.run()
    assert resumed.lineage["resumed_from"]
    assert sandbox.expt("-p", "seed=7").exit_code == 0
    whole = sandbox.run()
    assert [*resumed.series["drawn"].values] == [*whole.series["drawn"].values]
