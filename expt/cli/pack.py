"""`expt pack REF… -o FILE.zip` and `expt unpack FILE`: archives in one file, and back."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from expt.archive.packing import pack_archives, unpack_archives
from expt.cli.parser import Parser, add_file, add_root, repeated
from expt.cli.which_runs import add_filters, find_chosen, is_choosing, tell_running
from expt.exchange.anonymous import copy_anonymous
from expt.exchange.identities import find_identities
from expt.ground.errors import ExitCode, ExptError, UsageError
from expt.ground.screen import output
from expt.ground.text import counted, human_size
from expt.reading.references import find_archive_root, load_archive

if TYPE_CHECKING:
    from collections.abc import Sequence

    from expt.reading.run import Run


def main(words: list[str]) -> int:
    """Pack the chosen runs, each at its place below the archive root."""
    parser = Parser(prog="expt pack", description="Pack archives into one zip file.")
    add_filters(parser)
    add: Any = parser.add_argument
    add_file(parser, "FILE.zip")
    add("--anonymous", action="store_true", help="nobody can be told from it: for a blind review")
    repeated(parser, "--also TEXT", "with --anonymous: another text that must go; repeatable")
    asked = parser.parse_args(words)
    if asked.also and not asked.anonymous:
        raise UsageError("'--also' says what else '--anonymous' takes out", "--also", "give both")
    if not is_choosing(asked):
        raise UsageError("expt pack needs to be told which runs", None, "expt pack latest -o x.zip")
    root = find_archive_root(asked.runs)
    runs = list(find_chosen(root, asked))
    if not runs:
        raise UsageError("no run is like that, nothing is packed")
    try:
        if asked.anonymous:
            told = _pack_anonymous(runs, root, asked.file, asked.also)
        else:
            pack_archives([(_place(run, root), run.path) for run in runs], asked.file)
            told = []
    except OSError as error:
        raise ExptError(f"it cannot be packed: {error.strerror}", str(asked.file)) from None
    size = human_size(asked.file.stat().st_size)
    screen = output()
    screen.line(f"{asked.file}  {counted(len(runs), 'archive')}, {size}")
    tell_running(runs)
    screen.lines([f"  {line}"] for line in told)
    return int(ExitCode.OK)


def _pack_anonymous(runs: Sequence[Run], root: Path, file: Path, also: Sequence[str]) -> list[str]:
    """Pack copies in which nobody is named; what was done to them."""
    identities = find_identities(runs, Path.cwd(), also)
    scrub = identities.scrubber()
    changed, left_out, still_named = 0, list[str](), list[str]()
    with tempfile.TemporaryDirectory(prefix="expt-pack-") as folder:
        copies = []
        for run in runs:
            place = scrub(_place(run, root))
            copied = copy_anonymous(run, Path(folder, place), identities)
            copies.append((place, Path(folder, place)))
            changed += len(copied.changed)
            left_out += copied.left_out
            still_named += copied.still_named
        pack_archives(copies, file)
    count = len(identities.strong) + len(identities.weak)
    told = [f"{count} names of people, machines and places are gone; {changed} files changed"]
    told += [f"left out, for it names somebody: {name}" for name in left_out]
    told += [f"a name is a word of the program, and stays: {name}" for name in still_named]
    return told + [f"a name is a word of the format, and stays: {name}" for name in identities.kept]


def unpack(words: list[str]) -> int:
    """Put packed archives below the archive root."""
    parser = Parser(prog="expt unpack", description="Unpack archives below the archive root.")
    add: Any = parser.add_argument
    add("file", type=Path, metavar="FILE.zip", help="what 'expt pack' wrote")
    add_root(parser, "where to; it is made if it is not there")
    asked = parser.parse_args(words)
    root = Path(asked.runs) if asked.runs else find_archive_root(None)
    screen = output()
    for path in unpack_archives(asked.file, root):
        screen.line(load_archive(path).short_id, "  ", str(path))
    return int(ExitCode.OK)


def _place(run: Run, root: Path) -> str:
    """Where the archive is below the root; of one from elsewhere what its experiment says."""
    path = run.path.resolve()
    if path.is_relative_to(root.resolve()) and path != root.resolve():
        return path.relative_to(root.resolve()).as_posix()
    place, _, function = run.experiment.partition("::")
    return f"{place.removesuffix('.py').strip('./')}/{function}/{path.name}"
