"""`expt tag REF… NAME…`: add tags to runs, or take them away; `expt note` writes the note."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from expt.archive.run_labels import Labels, change_labels
from expt.cli.parser import Parser, add_root
from expt.ground.errors import ExitCode, ExptError, NoSuchRun, UsageError
from expt.ground.screen import output
from expt.ground.value_classes import evolve
from expt.reading.references import find_archive_root, load_run

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from expt.reading.run import Run


def main(words: list[str]) -> int:
    """The leading words that name runs are runs, the rest are tags."""
    parser = Parser(prog="expt tag", description="Add tags to archived runs.")
    add: Any = parser.add_argument
    add("words", metavar="REF… NAME…", nargs="+", help="runs, then the tags")
    add("--remove", action="store_true", help="take the tags away")
    add_root(parser)
    asked = parser.parse_intermixed_args(words)
    runs, tags = _split(asked.words, find_archive_root(asked.runs))
    change = Labels.without_tags if asked.remove else Labels.with_tags
    for run in runs:
        _change(run, lambda labels: change(labels, tags))
    return int(ExitCode.OK)


def write_note(words: list[str]) -> int:
    """Make a text the note of a run; an empty one takes it away."""
    parser = Parser(prog="expt note", description="Write the note of an archived run.")
    add: Any = parser.add_argument
    add("reference", metavar="REF", help="the run")
    add("text", metavar="TEXT", help="what is to be said of it")
    add_root(parser)
    asked = parser.parse_args(words)
    run = load_run(asked.reference, find_archive_root(asked.runs))
    _change(run, lambda labels: evolve(labels, note=asked.text))
    return int(ExitCode.OK)


def _split(words: Sequence[str], root: Path) -> tuple[list[Run], list[str]]:
    """The runs that are named first, and the names that follow them."""
    runs = [load_run(words[0], root)]
    for word in words[1:-1]:
        try:
            runs.append(load_run(word, root))
        except NoSuchRun:
            break
    tags = list(words[len(runs) :])
    if not tags:
        raise UsageError("no tag is given", None, f"write: expt tag {words[0]} NAME")
    if any(not tag.strip() or "," in tag for tag in tags):
        raise UsageError("a tag is a word without commas", None, "'expt note' takes sentences")
    return runs, tags


def _change(run: Run, change: Callable[[Labels], Labels]) -> None:
    try:
        change_labels(run.path, change)
    except OSError as error:
        raise ExptError(f"the labels cannot be written: {error.strerror}", str(run.path)) from None
    fresh = run.reload()
    told = [f"tags {', '.join(fresh.tags) or 'none'}", *([fresh.note] if fresh.note else [])]
    output().line(run.short_id, "  ", "  ".join(told))
