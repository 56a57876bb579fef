"""`expt export FORMAT [REF…] -o DEST`: runs in another tool's format."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from expt.cli.command_line import read_options
from expt.cli.parser import Parser, place, repeated
from expt.cli.which_runs import add_filters, find_chosen, tell_running
from expt.exchange.formats import find_format, own_exports
from expt.ground.errors import ExitCode, ExptError, UsageError
from expt.ground.screen import output
from expt.ground.text import counted
from expt.plugins.manager import Plugins
from expt.reading.references import find_archive_root

if TYPE_CHECKING:
    from collections.abc import Mapping

    from expt.exchange.foreign import Export, Import


def main(words: list[str]) -> int:
    """Write the chosen runs, and say what the format cannot hold of them."""
    formats = own_exports()
    parser = make_parser("export", "Write runs in another tool's format.", formats)
    add: Any = parser.add_argument
    add("format", metavar="FORMAT", help="see below, and what plugins add")
    add_filters(parser)
    told = "the file, folder or address"
    add("-o", dest="destination", type=place, required=True, metavar="DEST", help=told)
    add("--force", action="store_true", help="also over what is there")
    add_plugins(parser)
    asked = parser.parse_args(words)
    options, _, _ = read_options([w for name in asked.plugins for w in ("--plugin", name)])
    Plugins({}, options.plugins).decide("expt_add_formats", exports=formats, imports={})
    form: Export = find_format(asked.format, formats, "export")
    runs = find_chosen(find_archive_root(asked.runs), asked)
    if not runs:
        raise UsageError("no run is like that, nothing is exported")
    if not (form.adds or asked.force):
        _reject_existing(asked.destination)
    try:
        left_out = list(form.write(runs, asked.destination))
    except OSError as error:
        told = f"it cannot be exported: {error.strerror or error}"
        raise ExptError(told, error.filename or asked.destination) from None
    screen = output()
    screen.line(f"{asked.destination}  {counted(len(runs), 'run')}")
    tell_running(runs)
    screen.lines([("  not in it: ", "yellow"), told] for told in left_out)
    return int(ExitCode.OK)


def make_parser(verb: str, description: str, formats: Mapping[str, Export | Import]) -> Parser:
    """A parser whose help lists the formats."""
    told = "".join(f"  {name:<12} {one.what}\n" for name, one in sorted(formats.items()))
    return Parser(prog=f"expt {verb}", description=description, epilog=f"formats:\n{told}")


def add_plugins(parser: Parser) -> None:
    """Add `--plugin`."""
    told = "load a plugin, which may add a format"
    repeated(parser, "--plugin NAME|FILE", told, dest="plugins")


def _reject_existing(destination: str) -> None:
    there = Path(destination)
    if os.path.lexists(there) and not (there.is_dir() and not any(there.iterdir())):
        raise UsageError(
            f"{destination} is there already", f"-o {destination}", "--force writes over it"
        )
