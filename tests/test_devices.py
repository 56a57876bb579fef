"""Each running case holds a device of its own, and its share of the processors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from expt.cli.devices import find_devices, read_devices
from expt.executors.limits import THREADS, count_processors, thread_limits
from expt.ground.errors import UsageError

if TYPE_CHECKING:
    from expt.testing import Sandbox


@pytest.mark.parametrize(
    ("text", "slots"),
    [
        (None, ()),
        ("0", ("0",)),
        ("0,1", ("0", "1")),
        ("2x0,2x1", ("0", "1", "0", "1")),
        ("3x0,1", ("0", "1", "0", "0")),
        ("GPU-3f,MIG-1/2", ("GPU-3f", "MIG-1/2")),
    ],
)
def test_slots_of_what_was_typed(text: str | None, slots: tuple[str, ...]) -> None:
    assert read_devices(text) == slots


@pytest.mark.parametrize("text", ["", "0,", "0x1", "0,,1"])
def test_what_names_no_device_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="a device has no name, or no slot"):
        read_devices(text)


def test_auto_takes_those_that_are_visible(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,5")
    assert read_devices("auto") == ("2", "5")
    assert read_devices("2xauto") == ("2", "5", "2", "5")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(UsageError, match="no device is found"):
        find_devices("--devices auto")


def test_processors_are_divided_unless_somebody_has_decided() -> None:
    share = str(max(1, count_processors() // 2))
    assert thread_limits(2, {}) == dict.fromkeys(THREADS, share)
    assert thread_limits(1, {}) == {}
    assert thread_limits(2, {"OMP_NUM_THREADS": "3"}) == {}
    assert "MKL_NUM_THREADS" not in thread_limits(2, {"MKL_NUM_THREADS": "3"})


TREE = {
    "experiments/first.py": """
        import os, time

        SEEN = {n: os.environ.get(n) for n in ("CUDA_VISIBLE_DEVICES", "EXPT_DEVICE")}

        def experiment_one(results, lr: int):
            results["seen"] = SEEN
            results["threads"] = os.environ.get("OMP_NUM_THREADS")
            results["begun"] = time.time()
            time.sleep(0.15)
            results["ended"] = time.time()
    """
}


def test_never_more_run_than_there_are_devices_and_each_sees_its_own(sandbox: Sandbox) -> None:
    sandbox.write(TREE)
    words = ("experiments", "--sweep", "lr=1,2,3,4,5,6", "--devices", "0,1", "-n", "4")
    assert sandbox.expt(*words).exit_code == 0
    runs = sorted(sandbox.runs(), key=lambda run: run.results["begun"])
    devices = {run.results["seen"]["CUDA_VISIBLE_DEVICES"] for run in runs}
    assert devices == {"0", "1"}
    for run in runs:
        at_once = [
            other
            for other in runs
            if other.results["begun"] <= run.results["begun"] < other.results["ended"]
        ]
        held = [other.results["seen"]["EXPT_DEVICE"] for other in at_once]
        assert len(held) == len(set(held)) <= 2
        assert run.usage["device"] == run.results["seen"]["EXPT_DEVICE"]
        assert run.results["threads"] == str(max(1, count_processors() // 2))


def test_a_fresh_process_for_each_run_has_a_device_too(sandbox: Sandbox) -> None:
    sandbox.write(TREE)
    words = ("experiments", "--sweep", "lr=1,2,3", "--devices", "7", "--isolate")
    assert sandbox.expt(*words).exit_code == 0
    assert {run.results["seen"]["EXPT_DEVICE"] for run in sandbox.runs()} == {"7"}


def test_with_n_0_this_process_has_the_first(sandbox: Sandbox) -> None:
    sandbox.write(TREE)
    done = sandbox.expt("experiments", "-p", "lr=1", "--devices", "7,8", "-n", "0")
    assert done.exit_code == 0, done.stderr
    assert sandbox.run().results["seen"]["EXPT_DEVICE"] == "7"
