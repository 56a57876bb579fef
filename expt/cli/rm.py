"""`expt rm REF…`: delete archives, after saying which and how large they are.

Never more than was named: links are not followed, and what runs is left alone, or ended first
where that is forced. An archive is moved out of sight first, so that no listing meets half of one.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
from typing import TYPE_CHECKING, Any, Final

from expt.cli.parser import Parser
from expt.cli.show.listing import age_text
from expt.cli.stop import end_runs
from expt.cli.which_runs import add_filters, find_chosen, is_choosing
from expt.ground.errors import ExitCode, ExptError, UsageError
from expt.ground.files import folder_size
from expt.ground.screen import Column, Screen, output
from expt.ground.text import counted, human_size
from expt.reading.references import find_archive_root

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from expt.reading.run import Run

_ASIDE: Final = ".deleted-"


def main(words: list[str]) -> int:
    """List, ask, delete."""
    parser = Parser(prog="expt rm", description="Delete archives.")
    add_filters(parser)
    add: Any = parser.add_argument
    add("--dry-run", action="store_true", help="say what would be deleted, and delete nothing")
    add("--yes", action="store_true", help="do not ask")
    add("--force", action="store_true", help="end what is running, and delete it too")
    asked = parser.parse_args(words)
    if not is_choosing(asked):
        raise UsageError(
            "expt rm needs to be told which runs", None, "expt rm REF…, or: expt rm --status failed"
        )
    runs = list(find_chosen(find_archive_root(asked.runs), asked))
    screen = output()
    going = [run for run in runs if run.status == "running"]
    if not asked.force:
        runs = _without(going, runs, "is running, and stays: --force deletes it too")
    if not runs:
        screen.line("nothing is deleted" if going else "no run is like that, nothing is deleted")
        return int(ExitCode.OK)
    sizes = {run.id: folder_size(run.path) for run in runs}
    _tell(screen, runs, [*sizes.values()])
    if asked.dry_run:
        screen.line("nothing is deleted: --dry-run")
        return int(ExitCode.OK)
    if not asked.yes and not _agrees(len(runs), sum(sizes.values())):
        screen.line("nothing is deleted")
        return int(ExitCode.OK)
    if asked.force:
        for number in (signal.SIGINT, signal.SIGKILL):
            going = [run for run in end_runs(going, number) if run.status == "running"]
        runs = _without(going, runs, "does not end, and stays")
    for run in runs:
        _delete(run.path)
    size = human_size(sum(sizes[run.id] for run in runs))
    screen.line(f"deleted {counted(len(runs), 'archive')}, {size}")
    return int(ExitCode.FAILED if asked.force and going else ExitCode.OK)


def _without(going: Sequence[Run], runs: Sequence[Run], why: str) -> list[Run]:
    """The others, once it is told why these stay."""
    output().lines([f"{run.short_id} {why}"] for run in going)
    staying = {run.id for run in going}
    return [run for run in runs if run.id not in staying]


def _tell(screen: Screen, runs: Sequence[Run], sizes: Sequence[int]) -> None:
    screen.table(
        [
            Column("id", [run.short_id for run in runs], whole=True),
            Column("run", [run.node_id for run in runs]),
            Column("status", [run.status for run in runs]),
            Column("age", [age_text(run) for run in runs], right=True),
            Column("size", [human_size(size) for size in sizes], right=True),
        ]
    )


def _agrees(count: int, size: int) -> bool:
    if not sys.stdin.isatty():
        raise UsageError("nobody can be asked here", None, "'--yes' deletes without asking")
    sys.stdout.write(f"delete {counted(count, 'archive')}, {human_size(size)}? [y/N] ")
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _delete(archive: Path) -> None:
    aside = archive.with_name(f"{_ASIDE}{archive.name}")
    for left in archive.parent.glob(f"{_ASIDE}*"):  # by a process that was killed
        shutil.rmtree(left, ignore_errors=True)
    try:
        with contextlib.suppress(FileNotFoundError):  # somebody else deletes it, too
            os.rename(archive, aside)
            shutil.rmtree(aside)
    except OSError as error:
        what = f"the archive cannot be deleted: {error.strerror}"
        raise ExptError(what, str(archive), "see: expt show") from None
    with contextlib.suppress(OSError):
        for folder in archive.parents[:2]:  # of the function and of the file, where they are empty
            folder.rmdir()
