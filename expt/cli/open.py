"""`expt open REF [SERIES]`: a picture, the folder or the page, by what the system opens it with."""

from __future__ import annotations

import shutil
import webbrowser
from typing import TYPE_CHECKING, Any

from expt.archive.served_page import find_addresses
from expt.cli.parser import Parser, add_root
from expt.ground.errors import ExitCode, UsageError, suggestion
from expt.ground.layout import OVERVIEW_FILE, PLOTS_DIR
from expt.ground.processes import start_apart
from expt.ground.screen import output
from expt.reading.references import find_archive_root, load_run

if TYPE_CHECKING:
    from pathlib import Path

    from expt.reading.run import Run

_OPENERS = ("xdg-open", "open", "wslview")


def main(words: list[str]) -> int:
    """Print what is opened, and open it where the system can."""
    parser = Parser(prog="expt open", description="Open what a run left.")
    add: Any = parser.add_argument
    add("reference", metavar="REF", help="the run")
    add("series", metavar="SERIES", nargs="?", help="the picture of this series")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--folder", action="store_true", help="the folder of the archive")
    what.add_argument(
        "--page", action="store_true", help="the run in the page, as 'expt view' shows it"
    )
    add_root(parser)
    asked = parser.parse_args(words)
    if asked.series is not None and (asked.folder or asked.page):
        other = "--folder" if asked.folder else "--page"
        raise UsageError(
            f"'{other}' opens no picture", f"SERIES {asked.series}", "name one of them"
        )
    root = find_archive_root(asked.runs)
    run = load_run(asked.reference, root)
    if asked.page:
        address_of = find_addresses(root)
        if address_of is None:
            from expt.cli.view import main as view  # the page is slow to import

            where = ["--runs", str(asked.runs)] if asked.runs else []
            return view([run.id, *where])
        output().write(f"{address_of(run.id)}\n")
        webbrowser.open(address_of(run.id))
        return int(ExitCode.OK)
    path = run.path if asked.folder else _picture(run, asked.series)
    output().line(str(path))
    opener = next(filter(None, map(shutil.which, _OPENERS)), None)
    if opener is not None:
        start_apart([opener, str(path)], heard=False)
    return int(ExitCode.OK)


def _picture(run: Run, series: str | None) -> Path:
    """The picture of a series; without one the overview, else the folder."""
    if series is None:
        overview = run.path / PLOTS_DIR / OVERVIEW_FILE
        return overview if overview.is_file() else run.path
    files = run.plots.get(series)
    if files:
        return files[0]
    hint = suggestion(series, run.plots, "pictures")
    raise UsageError(f"there is no picture of '{series}'", str(run.path), hint)
