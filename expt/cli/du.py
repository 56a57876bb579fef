"""`expt du`: what archives take on the disk, an experiment a line, the largest first."""

from __future__ import annotations

from typing import Any

from expt.cli.parser import Parser
from expt.cli.which_runs import add_filters, find_chosen
from expt.ground.errors import ExitCode
from expt.ground.files import folder_size
from expt.ground.screen import Column, output
from expt.ground.text import human_size
from expt.reading.references import find_archive_root


def main(words: list[str]) -> int:
    """Count the bytes of every file of the chosen runs."""
    parser = Parser(prog="expt du", description="The sizes of archives on the disk.")
    add_filters(parser)
    add: Any = parser.add_argument
    add("--json", action="store_true", help="a JSON object: experiment → runs and bytes")
    asked = parser.parse_args(words)
    sizes: dict[str, list[int]] = {}
    for run in find_chosen(find_archive_root(asked.runs), asked):
        sizes.setdefault(run.experiment, []).append(folder_size(run.path))
    ordered = sorted(sizes.items(), key=lambda pair: -sum(pair[1]))
    screen = output()
    if asked.json:
        screen.write_json({n: {"runs": len(f), "bytes": sum(f)} for n, f in ordered})
        return int(ExitCode.OK)
    rows = [(name, len(found), sum(found)) for name, found in ordered]
    rows.append(("in all", sum(row[1] for row in rows), sum(row[2] for row in rows)))
    screen.table(
        [
            Column("experiment", [row[0] for row in rows]),
            Column("runs", [str(row[1]) for row in rows], right=True),
            Column("size", [human_size(row[2]) for row in rows], right=True),
        ]
    )
    return int(ExitCode.OK)
