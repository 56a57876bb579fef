"""Makes `docs/benchmarks.md` from the newest archives of the benchmarks.

    expt experiments/benchmarks && python docs/benchmarks.py

With `--print` the tables go to stdout and no file is written.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import expt

PAGE = Path(__file__).with_name("benchmarks.md")
HEAD = """\
# Benchmarks

What expt costs, measured by experiments that expt runs.
Each races another tool or the least that could be done, by turns in one run.
A ratio is the median of its rounds, with the lowest and the highest.
Only ratios carry over to another machine, and a busy machine widens the range.
Growth is what one more costs at the largest size, against the size where it costs least.
It is taken from the difference of two sizes, so that the start is no part of it.

```console not-run=it-takes-some-minutes
$ pip install -e ".[bench]"
$ expt experiments/benchmarks
$ python docs/benchmarks.py
```

`--smoke` is quick and rough.
`--variant whole` goes to ten thousand files, a hundred thousand archives, ten million points.
"""
ROWS = {
    "experiment_start_up": "From the shell and back",
    "experiment_collection": "Collecting files of ten functions",
    "experiment_planning": "Planning a sweep",
    "experiment_marginal_run": "One more run in a session, its code archived",
    "experiment_scaling": "Two workers",
    "experiment_reload": "Points that come back as arrays",
    "experiment_listing": "Listing and filtering",
    "experiment_durability": "Killed while it tracked",
    "experiment_frames": "A hundred pictures",
}
"""Function of the benchmarks: what it is about. Its results are rows."""


def main(words: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="the archive root")
    parser.add_argument("--print", action="store_true", help="to stdout alone")
    asked = parser.parse_args(words)
    text = make_page(newest(expt.runs(asked.runs, status="completed")))
    if asked.print:
        sys.stdout.write(text)
    else:
        PAGE.write_text(text, encoding="utf-8")


def newest(runs: expt.Runs) -> dict[str, expt.Run]:
    """Function, with its case where it has one: the newest completed run of the benchmarks."""
    found: dict[str, expt.Run] = {}
    for run in runs:  # newest first
        if run.experiment.startswith("experiments/benchmarks/"):
            found.setdefault(run.node_id.partition("::")[2], run)
    return found


def function_of(run: expt.Run) -> str:
    return run.experiment.rpartition("::")[2]


def make_page(runs: dict[str, expt.Run]) -> str:
    """The page; what was not measured is left out and said."""
    parts = [HEAD]
    told = [runs[name] for name in ROWS if name in runs]
    if told:
        lines = ["| what | | lowest | highest | | aim |", "|---|---|---|---|---|---|"]
        for run in told:
            lines.append(f"| **{ROWS[function_of(run)]}** | | | | | |")
            lines += [row_line(name, row) for name, row in run.results.items()]
        parts.append("## Ratios and times\n\n" + "\n".join(lines) + "\n")
    if "experiment_track_cost" in runs:
        ways = runs["experiment_track_cost"].results
        lines = ["| way | × the naive one |", "|---|---|"]
        lines += [f"| {name} | {ratio:.2f} |" for name, ratio in ways.items()]
        about = "Against a mapped file that checks nothing and grows never."
        parts.append(f"## One `track`\n\n{about}\n\n" + "\n".join(lines) + "\n")
    searches = [run for run in runs.values() if function_of(run) == "experiment_best_of_sixty"]
    if searches:
        lines = ["| function | random | tpe | tpe, four at once |", "|---|---|---|---|"]
        lines += [
            "| {} | {random:.3g} | {tpe:.3g} | {tpe_four_at_once:.3g} |".format(
                run.params["function"], **run.results
            )
            for run in sorted(searches, key=lambda run: str(run.params["function"]))
        ]
        about = "The best value of sixty trials, lower is better: medians over forty seeds, "
        about += "of the network over ten."
        parts.append(f"## Searching\n\n{about}\n\n" + "\n".join(lines) + "\n")
    missing = [name for name in (*ROWS, "experiment_track_cost") if name not in runs]
    if missing:
        parts.append(f"Not measured here: {', '.join(f'`{name}`' for name in missing)}.\n")
    if runs:
        parts.append("## Where\n\n" + surroundings(next(iter(runs.values()))))
    return "\n".join(parts)


def row_line(name: str, row: dict[str, Any]) -> str:
    value, low, high = (f"{row[key]:.3g}" for key in ("value", "low", "high"))
    if "sizes" in row:
        name += f" of one more, {row['sizes'][0]:,} to {row['sizes'][-1]:,}"
        name += "; what fewer cost is hidden by the start" if row.get("hidden") else ""
        name += f"; dearer from {row['bends']:,} on" if row.get("bends") else ""
        name += f": {row['why']}" if row.get("bends") and row["why"] else ""
    aim = "" if row["goal"] is None else f"{row['goal']:.3g}"
    return f"| {name.replace('_', ' ')} | {value} | {low} | {high} | {row['unit']} | {aim} |"


def surroundings(run: expt.Run) -> str:
    environment = run.environment
    packages = environment["packages"]
    names = ("expt-runner", "numpy", "pytest", "pycomex", "sacred", "tensorboardX", "wandb")
    versions = ", ".join(f"{name} {packages[name]}" for name in names if name in packages)
    processor = environment["cpu"]
    return (
        f"{run.started:%Y-%m-%d}, {processor['usable']} cores of {processor['model']}, "
        f"Python {environment['python']}; {versions}.\n"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
