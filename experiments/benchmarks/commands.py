"""What a command costs: start-up, the smallest run, collection, planning, beside pytest."""

from __future__ import annotations

import statistics
from importlib.util import find_spec

import expt

needs_pytest = expt.mark.skipif(find_spec("pytest") is None, reason="pytest is not installed")


def write(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@needs_pytest
def experiment_start_up(race, command, place):
    """`--help`, and one experiment that does nothing, from the shell and back to it."""
    tree = write(
        place / "tree",
        {
            "expt.toml": "",
            "experiments/tiny.py": "def experiment_tiny():\n    return 1\n",
            "test_tiny.py": "def test_tiny():\n    assert True\n",
        },
    )
    times = race(
        {
            "expt --help": lambda: command("expt", "--help", cwd=tree) and None,
            "pytest --help": lambda: command("pytest", "--help", cwd=tree) and None,
            "a smallest run": lambda: command("expt", "--no-render", cwd=tree) and None,
            "a smallest test": lambda: command("pytest", cwd=tree) and None,
        }
    )
    return {
        "help": race.ratio(times, "expt --help", "pytest --help", 0.4),
        "smallest_run": race.ratio(times, "a smallest run", "a smallest test", 1.0),
    }


@needs_pytest
def experiment_collection(race, command, grow, place, files: list[int], functions: int = 10):
    """Files of ten functions: all of them listed, and one of them run."""
    costs = {}
    for count in files:
        tree = place / str(count)
        write(
            tree,
            {"expt.toml": ""}
            | {
                f"experiments/m{number}.py": "".join(
                    f"def experiment_f{i}_{number}(track, lr: float = 0.1):\n    track('a', lr)\n\n"
                    for i in range(functions)
                )
                for number in range(count)
            }
            | {
                f"tests/test_m{number}.py": "".join(
                    f"def test_f{i}_{number}():\n    assert True\n\n" for i in range(functions)
                )
                for number in range(count)
            },
        )
        one = f"f0_{count - 1}"
        times = race(
            {
                "collecting": lambda tree=tree: command("expt", "--co", cwd=tree) and None,
                "pytest's": lambda tree=tree: command("pytest", "--co", "-q", cwd=tree) and None,
                "one of them": lambda tree=tree, one=one: (
                    command("expt", "-k", one, "--no-render", cwd=tree) and None
                ),
                "pytest's one": lambda tree=tree, one=one: (
                    command("pytest", "-k", one, cwd=tree) and None
                ),
            }
        )
        costs[count] = statistics.median(times["collecting"])
    return {
        "collection": race.ratio(times, "collecting", "pytest's", 0.12),
        "one_of_them": race.ratio(times, "one of them", "pytest's one", 1 / 6),
        "growth": grow("file", costs),
    }


def experiment_planning(race, command, grow, place, planned: list[int]):
    """A sweep that is planned and not run."""
    source = "def experiment_line(track, lr: float = 0.1, seed: int = 0):\n    track('a', lr)\n"
    tree = write(place / "tree", {"expt.toml": "", "experiments/line.py": source})
    costs = {}
    for count in planned:
        sweep = ["--sweep", f"seed={{range=[0,{count},1]}}", "--max-cases", count]
        times = race(
            {
                "a sweep": lambda sweep=sweep: command("expt", "--plan", *sweep, cwd=tree) and None,
                "one case": lambda: command("expt", "--plan", cwd=tree) and None,
            }
        )
        costs[count] = statistics.median(times["a sweep"])
    pairs = zip(times["a sweep"], times["one case"], strict=True)
    per_case = race.row([(a - b) / count * 1e3 for a, b in pairs], "ms a case", 1.0)
    return {"planning": per_case, "growth": grow("case", costs)}
