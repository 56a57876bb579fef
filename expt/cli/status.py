"""`expt status`: what runs now below an archive root, where, since when, with its latest values."""

from __future__ import annotations

import datetime as dt
import time
from typing import TYPE_CHECKING, Any

from expt.cli.parser import Parser, add_root
from expt.ground.errors import ExitCode
from expt.ground.screen import Column, output
from expt.ground.text import counted, human_duration, short_text
from expt.reading.finding import find_runs
from expt.reading.references import find_archive_root

if TYPE_CHECKING:
    from pathlib import Path

    from expt.ground.screen import Line
    from expt.reading.run import Run

_VALUES = 4  # of a run that a line shows


def main(words: list[str]) -> int:
    """Show a line for each run that is running."""
    parser = Parser(prog="expt status", description="What runs now, and where.")
    add: Any = parser.add_argument
    add("--json", action="store_true", help="a JSON array of objects, as of 'expt show --json'")
    add_root(parser)
    asked = parser.parse_args(words)
    root = find_archive_root(asked.runs)
    found = find_runs(root, status=("running",), smoke=True, scratch=True)
    runs = [run for run in found if run.status == "running"]
    screen = output()
    if asked.json:
        told = [{**run.outline(), "host": run.host, "pid": run.record.pid} for run in runs]
        screen.write_json(told)
        return int(ExitCode.OK)
    left = _left_at_engines(root)
    if not runs:
        screen.lines(left or [["nothing is running"]])
        return int(ExitCode.OK)
    now = dt.datetime.now(dt.UTC)
    ages = [human_duration((now - run.started).total_seconds()) for run in runs]
    screen.table(
        [
            Column("id", [run.short_id for run in runs], "cyan", whole=True),
            Column("run", [run.node_id for run in runs]),
            Column("where", [f"{run.host} pid {run.record.pid}" for run in runs], "dim"),
            Column("for", ages, right=True),
            Column("latest", [_latest(run) for run in runs]),
        ]
    )
    screen.lines(left)
    return int(ExitCode.OK)


def _left_at_engines(root: Path) -> list[Line]:
    """A line for what each session has left at an engine, as long as something is to come."""
    from expt.executors.engines.detached import find_detached  # few sessions leave anything

    lines: list[Line] = []
    for one in find_detached(root):
        waiting, is_there = len(one.waiting()), one.is_at_engine()
        if not waiting and not is_there:
            one.mailbox.close()  # all of it has begun, and the archives tell the rest
            continue
        age = human_duration(time.time() - one.at)
        what = f"{counted(len(one.cases), 'case')} left {age} ago, {waiting} wait"
        if not is_there:
            what += f" and will not begin, since {one.engine} knows them no more: --resume"
        lines.append([f"{one.engine} {', '.join(one.jobs)}: ", what])
    return lines


def _latest(run: Run) -> str:
    """`loss=0.1 accuracy=0.9`: the first few of its last values."""
    values = list(run.last.items())
    more = " …" if len(values) > _VALUES else ""
    return " ".join(f"{name}={short_text(value)}" for name, value in values[:_VALUES]) + more
