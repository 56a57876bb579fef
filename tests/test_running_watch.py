"""`--watch`: what a run takes of the machine, as series that nobody else can write to."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import TYPE_CHECKING

import pytest

from expt.reading.reproduction import find_unlike
from expt.running.watch import descendants, read_line, take_sample

if TYPE_CHECKING:
    from pathlib import Path

    from expt.testing import Sandbox

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="measured in /proc")

UNTIL = """
    import time

    from expt.reading.references import load_archive

    def until(run, name, holds):
        # goes on until that holds of the values that `--watch` has measured
        end = time.monotonic() + 60
        while time.monotonic() < end:
            yield
            series = load_archive(run.path).series
            if name in series and holds(list(series[name].values)):
                return
"""
BUSY = """
    from until import until

    def experiment_busy(track, run, name: str = "expt/memory", count: int = 3):
        data = bytearray(80_000_000)
        for _ in until(run, name, lambda values: len(values) >= count):
            track("loss", 1.0)
"""


@linux
def test_memory_and_processors_are_series_of_the_run(sandbox: Sandbox) -> None:
    sandbox.write({"experiments/until.py": UNTIL, "experiments/a.py": BUSY})
    done = sandbox.expt("experiments", "--watch", "0.1", "-p", "seed=1", render=True)
    assert done.exit_code == 0, done.stderr
    run = sandbox.run()
    memory, cpu = run.series["expt/memory"], run.series["expt/cpu"]
    assert len(memory) >= 3
    assert memory.options["unit"] == "bytes"
    assert 80_000_000 < max(memory.values) < 2_000_000_000
    assert cpu.options["unit"] == "processors"
    assert 0 < max(cpu.values) < 3
    assert list(memory.steps) == sorted(memory.steps)
    assert 0 < memory.steps[0] < memory.steps[-1] <= run.duration + 1
    assert {"expt/memory", "expt/cpu"} <= run.plots.keys()
    assert next(iter(run.last)) == "loss"
    assert "expt/memory" in sandbox.expt("show", "latest").stdout


@linux
def test_processes_that_a_run_starts_count(sandbox: Sandbox) -> None:
    child = "import sys; data = bytearray(150_000_000); sys.stdin.read()"
    sandbox.write(
        {
            "experiments/until.py": UNTIL,
            "experiments/a.py": f"""
            import subprocess, sys, time
            from until import until

            def experiment_parent(run):
                with subprocess.Popen([sys.executable, "-c", {child!r}], stdin=-1):
                    for _ in until(run, "expt/memory", lambda found: max(found) > 150_000_000):
                        time.sleep(0.05)
            """,
        }
    )
    assert sandbox.expt("experiments", "--watch", "0.1").exit_code == 0
    assert max(sandbox.run().series["expt/memory"].values) > 150_000_000


@linux
def test_a_worker_that_dies_leaves_what_was_measured(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/until.py": UNTIL,
            "experiments/a.py": """
            import os, signal, time
            from until import until

            def experiment_dies(run):
                for _ in until(run, "expt/memory", lambda found: len(found) >= 3):
                    time.sleep(0.05)
                os.kill(os.getpid(), signal.SIGKILL)
            """,
        }
    )
    assert sandbox.expt("experiments", "--watch", "0.1").exit_code == 1
    run = sandbox.run()
    assert (run.status, run.error.type) == ("failed", "WorkerDied")
    assert len(run.series["expt/memory"]) >= 3
    assert run.series.damage == ()


TOOL = """\
#!{python}
import os, sys, time
open({place!r}, "w").write(str(os.getpid()) + "\\n" + " ".join(sys.argv[1:]))
while True:
    print("0, 1024, 37", flush=True)
    print("1, [N/A], 100", flush=True)
    time.sleep(0.05)
"""


def test_gpus_are_series_where_the_driver_has_its_tool(sandbox: Sandbox, tmp_path: Path) -> None:
    place = tmp_path / "told"
    tool = tmp_path / "bin" / "nvidia-smi"
    tool.parent.mkdir()
    tool.write_text(TOOL.format(python=sys.executable, place=str(place)))
    tool.chmod(0o755)
    sandbox.write({"experiments/until.py": UNTIL, "experiments/a.py": BUSY})
    sandbox.environ["PATH"] = f"{tool.parent}{os.pathsep}{os.environ['PATH']}"
    words = ("experiments", "--watch", "0.2", "--devices", "1", "-p", "name=expt/gpu1/load")
    assert sandbox.expt(*words).exit_code == 0
    run = sandbox.run()
    assert set(run.series["expt/gpu0/memory"].values) == {1 << 30}
    assert run.series["expt/gpu0/load"].last == 0.37
    assert run.series["expt/gpu1/load"].last == 1.0
    assert "expt/gpu1/memory" not in run.series
    pid, words_of_tool = place.read_text().split("\n")
    assert "--loop-ms=200 --id=1" in words_of_tool
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid), 0)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("0, 1024, 37\n", {"expt/gpu0/memory": 1 << 30, "expt/gpu0/load": 0.37}),
        ("3, 0, [N/A]\n", {"expt/gpu3/memory": 0}),
        ("No devices were found\n", {}),
        ("\n", {}),
        ("Unable to determine the device handle, 3, 4\n", {}),
    ],
)
def test_what_the_tool_does_not_tell_is_no_value(line: str, told: dict[str, float]) -> None:
    assert {name: value for name, value, _ in read_line(line)} == told


def test_no_experiment_writes_under_the_names_of_expt(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/a.py": """
            def experiment_a(track):
                track("loss", 1.0)
                for value in (1.0, "text"):
                    try:
                        track("expt/memory", value)
                    except ValueError as error:
                        track("why", str(error))
                track("expt", 2.0)
                track("experiment/loss", 3.0)
            """
        }
    )
    assert sandbox.expt("experiments").exit_code == 0
    series = sandbox.run().series
    assert list(series) == ["loss", "why", "expt", "experiment/loss"]
    assert series["why"].last == (
        "'expt/memory' was not tracked: names that begin with 'expt/' are what --watch measures; "
        "give it another name"
    )


@linux
def test_what_was_measured_is_no_difference_between_runs(sandbox: Sandbox) -> None:
    source = "import time\ndef experiment_a(track):\n    track('x', 1.0)\n    time.sleep(0.3)\n"
    sandbox.write({"experiments/a.py": source})
    for seconds in ("0.05", "0.1"):
        assert sandbox.expt("experiments", "-p", "seed=1", "--watch", seconds).exit_code == 0
    one, other = sandbox.runs()
    assert find_unlike(one, other) == []
    assert sandbox.expt("diff", one.id, other.id, "--json").json()["last"] == {}


@linux
def test_a_run_that_goes_on_from_another_is_measured_on(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/until.py": UNTIL,
            "experiments/a.py": """
            import os, time
            from until import until

            def experiment_a(run, checkpoint):
                begun = checkpoint.load(0)
                for _ in until(run, "expt/memory", lambda found: len(found) > 2 + 3 * begun):
                    time.sleep(0.05)
                checkpoint.save(1)
                if not begun:
                    os._exit(3)
            """,
        }
    )
    assert sandbox.expt("experiments", "--watch", "0.1").exit_code == 1
    assert sandbox.expt("experiments", "--watch", "0.1", "--resume").exit_code == 0
    newest, oldest = sandbox.runs()
    assert newest.lineage["resumed_from"] == oldest.id
    steps = list(newest.series["expt/memory"].steps)
    assert steps == sorted(steps)
    assert len(steps) > len(oldest.series["expt/memory"])
    assert steps[0] == oldest.series["expt/memory"].steps[0]


@linux
def test_children_of_children_are_found() -> None:
    inner = "import time; time.sleep(60)"
    outer = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}])"
    process = os.posix_spawn(sys.executable, [sys.executable, "-c", outer], os.environ)
    found: list[int] = []
    try:
        end = time.monotonic() + 30
        while not found and time.monotonic() < end:
            time.sleep(0.05)
            found = list(descendants(process))
        assert {process, *found} <= set(descendants(os.getpid()))
        assert found
        sample = take_sample(os.getpid())
        assert sample.memory is not None and sample.memory > 0
    finally:
        for pid in (*reversed(found), process):
            os.kill(pid, signal.SIGKILL)
        os.waitpid(process, 0)
