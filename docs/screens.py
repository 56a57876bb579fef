"""Makes `docs/screens/`, a picture of each screen, from commands that run in a small project.

python docs/screens.py [FOLDER]
"""

from __future__ import annotations

import contextlib
import os
import pty
import re
import sys
import tempfile
import termios
import textwrap
import time
import traceback
from pathlib import Path
from typing import NoReturn

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

import expt
from expt.archive.owner import owner_of_this_process
from expt.archive.progress_file import HowFar, write_progress
from expt.archive.writer import write_record
from expt.cli.main import main as main_of_expt
from expt.cli.show.following import Follower
from expt.ground.messages import ProviderMaking, RunFinished, RunProgressed, RunStarted
from expt.ground.model import Case, Experiment, Outcome, Plan
from expt.ground.value_classes import evolve
from expt.terminal.live import LiveView
from expt.tracking.recorder import open_recorder

FOLDER = Path(__file__).with_name("screens")
COLUMNS = 92
FONTS = re.compile(r"@font-face \{\{.*?\}\}\s*", re.DOTALL)  # nothing is fetched to look at it
PROJECT = {
    "expt.toml": "",
    "experiments/conftest.py": '''
        from expt import provider

        @provider(scope="session")
        def digits(test_size: float = 0.25):
            """Images of digits, read once."""
            return list(range(100))
        ''',
    "experiments/mlp.py": '''
        import random

        def experiment_mlp(track, digits, lr: float = 0.1, hidden: list = [32], epochs: int = 30,
                           seed: int = 0):
            """Train an MLP on the digits."""
            noise = random.Random(f"{lr} {hidden} {seed}")
            quality = 1 - 0.3 / (1 + 12 * lr) / len(hidden)
            for epoch in range(epochs):
                loss = (1 - quality) + 2 / (epoch + 2) + 0.05 * noise.random()
                track("loss", loss, step=epoch)
            print("trained with", lr)
            return {"accuracy": quality + 0.01 * noise.random(), "val_loss": loss}
        ''',
    "experiments/bad.py": """
        import numpy as np

        def helper(matrix, vector):
            return np.linalg.solve(matrix, vector)

        def experiment_singular(track, n: int = 3):
            matrix, vector = np.zeros((n, n)), np.ones(n)
            for step in range(30):
                track("residual", 1 / (step + 1))
                print("batch", step)
            print("WARNING about to die")
            return helper(matrix, vector)
        """,
    "experiments/train.py": """
        from pathlib import Path

        def experiment_train(track, progress, lr: float = 0.1, data: Path = Path("data.csv")):
            \"\"\"Fit a line.\"\"\"
            for step in progress(range(60)):
                track("loss", (1 - lr) ** step)
                track("slope", 2 - 2 * (1 - lr) ** step)
            print("done")
            return {"slope": 2.0, "error": 0.01}
        """,
    "experiments/careful.py": """
        import expt
        from experiments.train import experiment_train

        experiment_careful = expt.extends(experiment_train)

        @expt.provider
        def lr(lr: float):
            return lr * 2
        """,
    "data.csv": "x,y",
}
SWEEP = ["experiments/mlp.py", "--sweep", "lr=0.01,0.1,0.3", "--sweep", "hidden=[[32],[64,32]]"]
SCREENS = {
    "sweep": [*SWEEP, "--sweep", "seed=0,1", "--no-render", "-n", "2"],
    "failure": ["experiments/bad.py", "--no-render", "-l"],
    "list": ["show", "-k", "mlp", "--sort", "accuracy", "--reverse", "--limit", "6"],
    "one": ["experiments/careful.py", "--no-render"],
    "run": ["show", "careful.py::experiment_careful"],
    "comparison": [
        "show",
        "experiments/mlp.py::experiment_mlp[lr-0.3-hidden-_64__32_-seed-1]",
        "experiments/mlp.py::experiment_mlp[lr-0.01-hidden-_32_-seed-0]",
    ],
    "plan": ["experiments/mlp.py", "--sweep", "lr=0.01,0.1", "--plan"],
    "help": ["show", "--help"],
}
"""Name of the picture: the words of the command."""


def main(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        project = Path(place)
        for name, content in PROJECT.items():
            (project / name).parent.mkdir(exist_ok=True)
            (project / name).write_text(textwrap.dedent(content).lstrip())
        for name, words in SCREENS.items():
            console = recorder()
            console.print(Text.assemble(("$ ", "bold green"), f"expt {' '.join(words)}"))
            console.print(Text.from_ansi(run(project, words).replace(place, "/project")))
            keep(console, folder / f"{name}.svg")
        console = recorder()
        draw_live(project, console)
        keep(console, folder / "live.svg")
        console = recorder()
        draw_followed(project, console)
        keep(console, folder / "follow.svg")


def recorder() -> Console:
    return Console(
        record=True, width=COLUMNS, file=open(os.devnull, "w"), force_terminal=True, highlight=False
    )


def keep(console: Console, path: Path) -> None:
    form = FONTS.sub("", CONSOLE_SVG_FORMAT)
    console.save_svg(str(path), title=path.stem, code_format=form, unique_id=path.stem)


def run(project: Path, words: list[str]) -> str:
    """What a command writes to a terminal; `CI` keeps it from drawing over itself.

    It is a fork, where what is imported here need not be imported once more.
    """
    leader, follower = pty.openpty()
    termios.tcsetwinsize(follower, (60, COLUMNS))
    child = os.fork()
    if child == 0:
        os.close(leader)
        be_command(project, words, follower)
    os.close(follower)
    written = b""
    while True:
        try:
            data = os.read(leader, 65536)
        except OSError:  # the other end is closed
            break
        if not data:
            break
        written += data
    os.close(leader)
    os.waitpid(child, 0)
    return written.decode().replace("\r\n", "\n").rstrip("\n")


def be_command(project: Path, words: list[str], terminal: int) -> NoReturn:
    """Be `expt WORDS` in the project, to its end, with stdout and stderr on the terminal."""
    try:
        os.chdir(project)
        with open(os.devnull) as nothing:
            os.dup2(nothing.fileno(), 0)
        for stream in (sys.stdout, sys.stderr):
            os.dup2(terminal, stream.fileno())
        sys.stdout.reconfigure(line_buffering=True)
        for name in ("NO_COLOR", "COLUMNS"):
            os.environ.pop(name, None)
        os.environ |= {"TERM": "xterm-256color", "CI": "1", "TZ": "UTC"}
        time.tzset()
        with contextlib.suppress(SystemExit):  # --help
            main_of_expt(words)
        sys.stdout.flush()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(0)


def draw_live(project: Path, console: Console) -> None:
    """The region in the middle of a sweep, by the events that draw it."""
    found = Experiment(
        "experiments/mlp.py::experiment_mlp",
        "experiments/mlp.py",
        "experiment_mlp",
        3,
        "Train an MLP on the digits.",
    )
    cases = [
        Case(found, f"lr-{lr}-seed-{seed}", {}, {}, {"lr": lr, "seed": seed})
        for lr in (0.01, 0.1, 0.3)
        for seed in range(8)
    ]
    view = LiveView(0.0, renders=False, workers=2)
    view.take_plan(Plan(tuple(cases)))
    for number, case in enumerate(cases[:15]):
        path = project / f"live{number}"
        view.take_in(RunStarted(case.id, "", str(path), 1, 0.0), 2.0 * number)
        results = {"accuracy": 0.97 + number / 2000}
        outcome = Outcome(case.id, "", "", "completed", 2.0, results)
        if number == 9:
            outcome = Outcome(case.id, "", "", "failed", 2.0)
        view.take_in(RunFinished(case.id, outcome), 2.0 * number + 2)
    for number, case in enumerate(cases[15:17]):
        path = project / f"now{number}"
        view.take_in(RunStarted(case.id, "", str(path), 1, 0.0), 30.0)
        if number:
            view.take_in(ProviderMaking(case.id, "digits"), 30.0)
            continue
        series = open_recorder(path / "series", label=case.id)
        for step in range(16):
            view.take_in(RunProgressed(case.id, step, 30), 30 + step / 15)
            series.track("loss", 2 / (step + 1))
            view.draw(30 + step / 15, COLUMNS, 30)
        series.close()
    drawn = view.draw(31.1, COLUMNS, 30)
    assert drawn is not None
    console.print(drawn)


def draw_followed(project: Path, console: Console) -> None:
    """What `--follow` shows of a run, in the middle of it."""
    run = expt.load("careful.py::experiment_careful", runs=project / "runs")
    going_on = evolve(run.record, status="running", owner=owner_of_this_process())
    write_record(run.path, going_on)
    write_progress(run.path, HowFar(42, 60, ""))
    follower = Follower(run.reload(), named=False)
    follower.poll()
    console.print(Text.assemble(("$ ", "bold green"), "expt show latest --follow"))
    console.print(follower.draw(COLUMNS, 16))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
