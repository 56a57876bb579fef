"""What a command costs: start-up, the smallest run, collection, planning, beside pytest."""

from __future__ import annotations

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
    trees = {count: write_functions(place / str(count), count, functions) for count in files}
    largest = max(files)
    tree, one = trees[largest], f"f0_{largest - 1}"
    contestants = {
        collecting(count): lambda tree=tree: command("expt", "--co", cwd=tree) and None
        for count, tree in trees.items()
    }
    contestants |= {
        "pytest's": lambda: command("pytest", "--co", "-q", cwd=tree) and None,
        "one of them": lambda: command("expt", "-k", one, "--no-render", cwd=tree) and None,
        "pytest's one": lambda: command("pytest", "-k", one, cwd=tree) and None,
    }
    times = race(contestants)
    return {
        "collection": race.ratio(times, collecting(largest), "pytest's", 0.12),
        "one_of_them": race.ratio(times, "one of them", "pytest's one", 1 / 6),
        "growth": grow("file", {count: times[collecting(count)] for count in files}),
    }


def collecting(count):
    return f"collecting {count} files"


def write_functions(folder, count, functions):
    """As many files of experiments, and as many of tests."""
    ours = "def experiment_f{}(track, lr: float = 0.1):\n    track('a', lr)\n\n"
    theirs = "def test_f{}():\n    assert True\n\n"
    files = {"expt.toml": ""}
    for number in range(count):
        names = [f"{i}_{number}" for i in range(functions)]
        files[f"experiments/m{number}.py"] = "".join(map(ours.format, names))
        files[f"tests/test_m{number}.py"] = "".join(map(theirs.format, names))
    return write(folder, files)


def experiment_planning(race, command, grow, place, planned: list[int]):
    """A sweep that is planned and not run."""
    source = "def experiment_line(track, lr: float = 0.1, seed: int = 0):\n    track('a', lr)\n"
    tree = write(place / "tree", {"expt.toml": "", "experiments/line.py": source})

    def plan(count):
        sweep = ["--sweep", f"seed={{range=[0,{count},1]}}", "--max-cases", count]
        return command("expt", "--plan", *sweep, cwd=tree)

    sweeps = {count: f"a sweep of {count}" for count in planned}
    times = race(
        {name: lambda count=count: plan(count) and None for count, name in sweeps.items()}
        | {"one case": lambda: command("expt", "--plan", cwd=tree) and None}
    )
    largest = max(planned)
    pairs = zip(times[sweeps[largest]], times["one case"], strict=True)
    return {
        "planning": race.row([(a - b) / largest * 1e3 for a, b in pairs], "ms a case", 1.0),
        "growth": grow("case", {count: times[name] for count, name in sweeps.items()}),
    }
