"""`expt pack REF… -o FILE.zip` and `expt unpack FILE`: archives in one file, and back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from expt.archive.packing import pack_archives, unpack_archives
from expt.cli.arguments import Parser, file_to_write
from expt.cli.which_runs import add_filters, find_chosen, is_choosing
from expt.ground.errors import ExitCode, ExptError, UsageError
from expt.ground.screen import output
from expt.ground.text import human_size
from expt.reading import find_archive_root, load_archive

if TYPE_CHECKING:
    from expt.reading import Run


def main(words: list[str]) -> int:
    """Pack the chosen runs, each at its place below the archive root."""
    parser = Parser(prog="expt pack", description="Pack archives into one zip file.")
    add_filters(parser)
    add: Any = parser.add_argument
    add(
        "-o",
        dest="file",
        type=file_to_write,
        required=True,
        metavar="FILE.zip",
        help="the file to write",
    )
    asked = parser.parse_args(words)
    if not is_choosing(asked):
        raise UsageError("expt pack needs to be told which runs", None, "expt pack latest -o x.zip")
    root = find_archive_root(asked.runs)
    runs = list(find_chosen(root, asked))
    if not runs:
        raise UsageError("no run is like that, nothing is packed")
    try:
        pack_archives([(_place(run, root), run.path) for run in runs], asked.file)
    except OSError as error:
        raise ExptError(f"it cannot be packed: {error.strerror}", str(asked.file)) from None
    size = human_size(asked.file.stat().st_size)
    output().line(f"{asked.file}  {len(runs)} archives, {size}")
    return int(ExitCode.OK)


def unpack(words: list[str]) -> int:
    """Put packed archives below the archive root."""
    parser = Parser(prog="expt unpack", description="Unpack archives below the archive root.")
    add: Any = parser.add_argument
    add("file", type=Path, metavar="FILE.zip", help="what 'expt pack' wrote")
    add("--runs", type=Path, metavar="DIR", help="where to; it is made if it is not there")
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
