"""What a session costs: one more run of it, and what a second worker brings."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import textwrap
import time
from importlib.util import find_spec
from itertools import count

PEERS = {
    "tensorboardX": """
        from tensorboardX import SummaryWriter
        for number in range(count):
            with SummaryWriter(f"{folder}/{number}") as writer:
                writer.add_scalar("a", number, 0)
        """,
    "sacred": """
        from sacred import Experiment
        from sacred.observers import FileStorageObserver
        experiment = Experiment("one", save_git_info=False, interactive=True)
        experiment.observers.append(FileStorageObserver(folder))
        experiment.logger = logging.getLogger("one")
        def one(n, _run):
            _run.log_scalar("a", n)
            return n
        experiment.main(one)
        for number in range(count):
            experiment.run(config_updates={"n": number})
        """,
    "pycomex": """
        from pycomex.functional.experiment import Experiment
        def one(e):
            e.track("a", e.N)
            e["value"] = e.N
        with contextlib.redirect_stdout(io.StringIO()):
            for number in range(count):
                names = {"__name__": "__main__", "__file__": __file__, "__doc__": "", "N": number}
                names["__NOTIFY__"] = False
                experiment = Experiment(base_path=folder, namespace="one", glob=names)
                experiment(one)
                experiment.run()
        """,
}
"""What makes `count` runs in `folder`, one value tracked in each: the body of a program."""

PEER_HEAD = "import contextlib, io, logging, sys\ncount, folder = int(sys.argv[1]), sys.argv[2]\n"


def experiment_marginal_run(race, command, grow, place, runs: list[int], modules: int = 5):
    """One more run in a session, archived whole with its modules, without pictures."""
    tree = place / "tree"
    (tree / "experiments").mkdir(parents=True)
    (tree / "expt.toml").touch()
    for number in range(modules):
        (tree / f"experiments/part{number}.py").write_text(f"VALUE = {number}\n")
    imports = "".join(f"import part{number}\n" for number in range(modules))
    body = "def experiment_one(track, n: int = 0):\n    track('a', n)\n    return n\n"
    (tree / "experiments/one.py").write_text(f"{imports}\n\n{body}")
    command("expt", "--no-render", cwd=tree)
    (archive,) = tree.glob("runs/*/*/*")
    kept = {
        str(path.relative_to(archive)): None if path.is_dir() else path.read_bytes()
        for path in sorted(archive.rglob("*"))
    }
    folders = count()

    def session(size):
        command("expt", "--no-render", "-q", "--sweep", f"n={{range=[0,{size},1]}}", cwd=tree)

    def peer(name):
        program = place / f"{name}_{next(folders)}.py"
        program.write_text(PEER_HEAD + textwrap.dedent(PEERS[name]))
        target = place / program.stem

        def make(size):
            command(program.stem, size, f"{target}-{next(folders)}", cwd=place)

        return make

    def one_more(make, size):
        return lambda: (timed(make, size) - timed(make, 1)) / (size - 1)

    def same_files():
        """The files and folders of one archive, and nothing else."""
        folder = place / f"floor{next(folders)}"
        folder.mkdir()
        for name, content in kept.items():
            if content is None:
                os.mkdir(f"{folder}/{name}")
            else:
                with open(f"{folder}/{name}", "wb", buffering=0) as file:
                    file.write(content)

    there = [name for name in PEERS if find_spec(name)]
    costs, largest = {}, max(runs)
    for size in runs:
        contestants = {"one more run": one_more(session, size)}
        if size == largest:
            contestants["its files alone"] = same_files
            contestants |= {name: one_more(peer(name), min(size, 50)) for name in there}
        times = race(contestants)
        costs[size] = statistics.median(times["one more run"]) * size
    return {
        "marginal_run": race.milliseconds(times, "one more run", 3.0),
        "marginal_run_above_its_files": race.ratio(times, "one more run", "its files alone", None),
        **{
            f"marginal_run_beside_{name}": race.ratio(times, "one more run", name, 1.0)
            for name in there
        },
        "growth": grow("run", costs),
    }


def timed(call, *arguments):
    begun = time.perf_counter()
    call(*arguments)
    return time.perf_counter() - begun


def experiment_scaling(race, command, place, cases: int = 8, seconds: float = 1.0):
    """A sweep that computes, on one worker and on two."""
    tree = place / "tree"
    (tree / "experiments").mkdir(parents=True)
    (tree / "expt.toml").touch()
    (tree / "experiments/busy.py").write_text(
        "import time\n\n\ndef experiment_busy(n: int = 0, seconds: float = 0.1):\n"
        "    end = time.process_time() + seconds\n"
        "    while time.process_time() < end:\n        pass\n"
    )
    sweep = ["--no-render", "--sweep", f"n={{range=[0,{cases},1]}}", "-p", f"seconds={seconds}"]
    spin = f"import time\nwhile time.process_time() < {cases * seconds / 2}: pass"

    def processes(first, second):
        for started in (first, second):
            running = [subprocess.Popen([sys.executable, "-c", spin]) for _ in range(started)]
            for process in running:
                process.wait()

    times = race(
        {
            "one worker": lambda: command("expt", *sweep, "-n", 1, cwd=tree) and None,
            "two workers": lambda: command("expt", *sweep, "-n", 2, cwd=tree) and None,
            "two processes in turn": lambda: processes(1, 1),
            "two processes at once": lambda: processes(2, 0),
        }
    )
    return {
        "two_workers": race.ratio(times, "two workers", "one worker", 1 / 1.85),
        "two_plain_processes": race.ratio(
            times, "two processes at once", "two processes in turn", None
        ),
    }
