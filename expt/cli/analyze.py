"""`expt analyze [REF…] -o FILE`: a script that reads the chosen runs, to go on from."""

from __future__ import annotations

from typing import Any

from expt.cli.parser import Parser, add_file
from expt.cli.which_runs import add_filters, find_chosen
from expt.ground.errors import ExitCode, ExptError, UsageError
from expt.ground.files import write_atomically
from expt.ground.screen import output
from expt.ground.text import counted
from expt.reading.references import find_archive_root
from expt.rendering.script import write_runs_script


def main(words: list[str]) -> int:
    """Write the script; one that is there already is left alone unless forced."""
    parser = Parser(prog="expt analyze", description="An analysis script for many runs.")
    add_filters(parser)
    add: Any = parser.add_argument
    add_file(parser, "FILE.py")
    add("--force", action="store_true", help="also over a file that is there")
    asked = parser.parse_args(words)
    if asked.file.exists() and not asked.force:
        raise UsageError(
            f"{asked.file} is there already", f"-o {asked.file}", "--force writes over it"
        )
    runs = find_chosen(find_archive_root(asked.runs), asked)
    if not runs:
        raise UsageError("no run is like that: there is nothing to analyse")
    text = write_runs_script(runs)
    try:
        write_atomically(asked.file.absolute(), text.encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise ExptError(f"it cannot be written: {error.strerror}", str(asked.file)) from None
    output().line(f"{asked.file}  {counted(len(runs), 'run')}")
    return int(ExitCode.OK)
