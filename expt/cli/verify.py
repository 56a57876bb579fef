"""`expt verify [REF…]`: every file of every run against the hashes that were taken at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from expt.archive.manifest import check_manifest
from expt.cli.parser import Parser
from expt.cli.which_runs import add_filters, find_chosen
from expt.ground.errors import ExitCode, ReadingError
from expt.ground.screen import Line, output
from expt.reading.references import find_archive_root

if TYPE_CHECKING:
    from expt.reading.run import Run


def main(words: list[str]) -> int:
    """Exit code 1 where anything is not as it was."""
    parser = Parser(prog="expt verify", description="Check archives against their hashes.")
    add_filters(parser)
    asked = parser.parse_args(words)
    found = find_chosen(find_archive_root(asked.runs), asked, telling=False)
    screen = output()
    whole = unsealed = 0
    broken = len(found.damaged)
    for error in found.damaged:
        screen.line(("damaged  ", "red"), f"{error.at}: {error.what}")
    for run in found:
        told = _check(run)
        if told is None:
            unsealed += 1
            screen.line(f"{run.short_id}  has no manifest: {_why_none(run)}")
        elif told:
            broken += 1
            screen.lines([[f"{run.short_id}  {run.node_id}"], *told])
        else:
            whole += 1
    counts = [(whole, "whole"), (broken, "not as they were"), (unsealed, "without a manifest")]
    screen.line(", ".join(f"{count} {word}" for count, word in counts if count) or "no runs")
    return int(ExitCode.FAILED if broken else ExitCode.OK)


def _check(run: Run) -> list[Line] | None:
    try:
        deviations = check_manifest(run.path)
    except ReadingError as error:
        return [["  ", error.what]]
    if deviations is None:
        return None
    return [["  ", (f"{one.what:<10}", "red"), one.name] for one in deviations]


def _why_none(run: Run) -> str:
    if run.status in ("running", "lost"):
        return f"it is {run.status}"
    return "it was made without one, or its end was cut short"
