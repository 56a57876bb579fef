"""`expt render REF…`: make the renderings of archives again."""

from __future__ import annotations

import sys
from pathlib import Path

from expt.cli.command_line import read_options
from expt.cli.parser import Parser, add_root, repeated
from expt.ground.errors import ExitCode
from expt.ground.screen import Screen, output, pasted
from expt.plugins.builtin import worker_plugins
from expt.plugins.manager import Plugins
from expt.reading.references import find_archive_root, load_run
from expt.rendering.renderer import render_archive


def main(words: list[str]) -> int:
    """Read each archive, and draw; exit code 1 where something could not be drawn."""
    parser = Parser(prog="expt render", description=__doc__)
    parser.add_argument("references", nargs="+", metavar="REF", help="as for 'expt show'")
    add_root(parser, "where the archives are")
    repeated(parser, "--plugin NAME|FILE", None)
    asked = parser.parse_args(words)
    root = find_archive_root(asked.runs)
    plugins = render_plugins(asked.plugin)
    failed = False
    for reference in asked.references:
        run = load_run(reference, root)
        made = render_archive(run.path, plugins.observe)
        for name in made.files:
            output().line(pasted(run.path / name, Path.cwd()))
        for failure in made.failures:
            failed = True
            Screen(sys.stderr).line(("notice: ", "yellow"), failure)
    return int(ExitCode.FAILED if failed else ExitCode.OK)


def render_plugins(named: list[str]) -> Plugins:
    """The plugins that a session here would render with."""
    options, _, _ = read_options([word for name in named for word in ("--plugin", name)])
    return Plugins(worker_plugins(options), options.plugins)
