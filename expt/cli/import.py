"""`expt import FORMAT PATH`: runs of another tool become archives like any other."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from expt.cli.export import add_plugins, make_parser
from expt.cli.parser import add_root, place, repeated
from expt.cli.render import render_plugins
from expt.exchange.archiving import imported_from, write_archive
from expt.exchange.formats import find_format, own_imports
from expt.ground.errors import ExitCode, ExptError
from expt.ground.screen import Screen, output
from expt.reading.finding import find_runs
from expt.reading.references import find_archive_root, load_archive
from expt.rendering.renderer import render_archive

if TYPE_CHECKING:
    from expt.exchange.foreign import ForeignRun, Import
    from expt.plugins.manager import Plugins


def main(words: list[str]) -> int:
    """Import what is there and has not been imported; exit code 1 where something cannot be."""
    formats = own_imports()
    parser = make_parser("import", "Make archives of another tool's runs.", formats)
    add: Any = parser.add_argument
    add("format", metavar="FORMAT", help="whose runs: see below, and what plugins add")
    add("path", type=place, metavar="PATH", help="a run, or a folder with runs below it")
    add("--again", action="store_true", help="also what was imported before")
    repeated(parser, "--tag TAG", "label the runs", dest="tags")
    add("--no-render", dest="render", action="store_false", help="draw no pictures")
    add_plugins(parser)
    add_root(parser, "the archive root; it is made if it is not there")
    asked = parser.parse_args(words)
    plugins = render_plugins(asked.plugins)
    plugins.decide("expt_add_formats", exports={}, imports=formats)
    form: Import = find_format(asked.format, formats, "import")
    root = asked.runs.absolute() if asked.runs else find_archive_root(None)
    known = set() if asked.again else _known_runs(root)
    return _import_all(
        form, Path(asked.path), root, known, plugins if asked.render else None, asked.tags
    )


def _known_runs(root: Path) -> set[tuple[object, object]]:
    """The format and the id of what was imported before, and whole: an import that was killed
    leaves a run that is lost."""
    if not root.is_dir():
        return set()
    whole = [run for run in find_runs(root) if run.status not in ("running", "lost")]
    origins = [run.listed_lineage.get("imported_from") for run in whole]
    return {(one.get("format"), one.get("id")) for one in origins if isinstance(one, dict)}


def _import_all(
    form: Import,
    path: Path,
    root: Path,
    known: set[tuple[object, object]],
    plugins: Plugins | None,
    tags: list[str],
) -> int:
    screen, complaints = output(), Screen(sys.stderr)
    made = there = failed = 0
    for found in form.read(path):
        try:
            if isinstance(found, ExptError):
                raise found
            if _key(found) in known:
                there += 1
                continue
            folder, notices = write_archive(found, root, tags)
        except (ExptError, OSError) as error:
            failed += 1
            complaints.line(("warning:", "yellow"), f" {_told(error)}")
            continue
        known.add(_key(found))
        made += 1
        if plugins is not None:
            notices = (*notices, *render_archive(folder, plugins.observe).failures)
        run = load_archive(folder)
        screen.line((run.short_id, "cyan"), f"  {run.node_id}  {run.status}")
        screen.lines([("  notice: ", "yellow"), notice] for notice in notices)
    screen.line(_conclusion(made, there, failed))
    return int(ExitCode.FAILED if failed else ExitCode.OK)


def _told(error: ExptError | OSError) -> str:
    if isinstance(error, OSError):
        return f"{error.filename or ''}: {error.strerror or error}"
    return f"{error.at or ''}: {error.what}"


def _key(run: ForeignRun) -> tuple[object, object]:
    origin = imported_from(run)
    return origin["format"], origin["id"]


def _conclusion(made: int, there: int, failed: int) -> str:
    told = [f"{made} imported"]
    if there:
        told.append(f"{there} imported before: --again imports them once more")
    if failed:
        told.append(f"{failed} cannot be read")
    return ", ".join(told)
