"""`expt show`: list archived runs, show one in full, compare several; all through the reader.

words ─► runs ─► listing      none named
                 detail       one             (--follow: following)
                 comparison   several
                 machine      --json, --csv
"""

from __future__ import annotations

import contextlib
import gc
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from expt.cli.arguments import Parser
from expt.cli.show.listing import show_columns, show_listing
from expt.cli.show.machine import csv_text, json_text
from expt.ground.errors import ExitCode, ReadingError, UsageError
from expt.ground.screen import Screen, output
from expt.ground.text import visible
from expt.reading import find_archive_root, find_runs, load_run, sort_runs

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from expt.reading import Run

_RECENT: Final = 25  # runs that a terminal lists unless --limit says otherwise
_SELECTING: Final = ("k", "status", "tag", "since", "until", "limit", "sort", "reverse")

EXAMPLES: Final = """\
a REF is an id or the beginning of one, latest, latest~2, a node id, or the path of an archive

  expt show                                     recent runs
  expt show -k train --status failed            some of them
  expt show latest                              one in full
  expt show latest latest~1                     what differs between two
  expt show --columns id,lr,results.accuracy,min.loss --sort min.loss
"""


def main(words: list[str]) -> int:
    """Parse, find, and print in the form that was asked for."""
    parser = Parser(prog="expt show", description="List archived runs, or show one, or compare.")
    parser.epilog = EXAMPLES
    add_arguments(parser)
    asked = parser.parse_args(words)
    _reject_contradictions(asked)
    root = find_archive_root(asked.runs)
    if not asked.references:
        with _without_collection():
            return _list(asked, root)
    runs = [_load(reference, root, asked) for reference in asked.references]
    screen = output()
    if asked.json or asked.csv:
        return _write_machine(runs, asked, screen, whole=True)
    # each of these with what it needs alone: a list of runs waits for none of it
    if asked.follow:
        from expt.cli.show.following import follow

        follow(runs, screen)
    elif len(runs) == 1:
        from expt.cli.show.detail import View, show_detail

        show_detail(View(runs[0], screen, Path.cwd(), lambda text: _load(text, root, asked)))
    else:
        from expt.cli.show.comparison import show_comparison

        show_comparison(runs, screen, every=asked.all)
    return int(ExitCode.OK)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The words of `expt show`."""
    add: Any = parser.add_argument
    add("references", metavar="REF", nargs="*", help="runs to show or compare; none lists them")
    add("-k", default="", metavar="EXPR", help="only runs whose names match, as in 'expt run -k'")
    add("--status", action="append", metavar="STATUS", help="only this status; repeatable")
    add("--tag", action="append", metavar="TAG", help="only with this tag; repeatable, all of them")
    add("--since", metavar="WHEN", help="only started since: 2026-11-23, '2 days ago', yesterday")
    add("--until", metavar="WHEN", help="only started until")
    add("--limit", type=int, metavar="N", help="at most N runs, 0 for all; a terminal lists 25")
    add("--sort", metavar="NAME", help="by a value such as lr, duration, results.x, min.loss")
    add("--reverse", action="store_true", help="the other way round")
    add("--columns", metavar="A,B,…", help="these values as columns")
    add("--all", action="store_true", help="compare also what does not differ")
    add("--flat", action="store_true", help="one table for all experiments")
    add("--follow", action="store_true", help="show the values of running runs until they end")
    add("--json", action="store_true", help="a JSON array of objects")
    add("--csv", action="store_true", help="comma-separated values")
    add("--smoke", action="store_true", help="archives of --smoke too")
    add("--scratch", action="store_true", help="archives of --scratch too")
    add("--runs", type=Path, metavar="DIR", help="the archive root")


def _reject_contradictions(asked: argparse.Namespace) -> None:
    if asked.json and asked.csv:
        raise UsageError("'--json' and '--csv' are two forms", "--csv", "give one of them")
    _columns(asked)
    if asked.json and asked.columns:
        raise UsageError(
            "'--columns' is for the table and for '--csv'", "--json", "JSON has every value"
        )
    if asked.follow and not asked.references:
        raise UsageError(
            "'--follow' follows runs that are named", "--follow", "expt show latest --follow"
        )
    if asked.limit is not None and asked.limit < 0:
        raise UsageError(f"there are no {asked.limit} runs", f"--limit {asked.limit}", "0 is all")
    given = [name for name in _SELECTING if getattr(asked, name)]
    if asked.references and given:
        option = "-k" if given[0] == "k" else f"--{given[0]}"
        raise UsageError(
            f"'{option}' selects from the list, and runs are named already",
            visible(asked.references[0]),
            "leave out one of the two",
        )


def _list(asked: argparse.Namespace, root: Path) -> int:
    screen = output()
    is_table = not (asked.json or asked.csv)
    limit = (
        min(asked.limit, sys.maxsize - 1)
        if asked.limit is not None
        else _RECENT
        if is_table and screen.terminal
        else 0
    )
    found = find_runs(
        root,
        k=asked.k,
        status=asked.status,
        tag=asked.tag,
        since=asked.since,
        until=asked.until,
        limit=limit + 1 if limit and not asked.sort else None,
        smoke=asked.smoke,
        scratch=asked.scratch,
    )
    _tell_damages(found.damaged)
    ordered = sort_runs(found, asked.sort) if asked.sort else list(found)
    if asked.reverse:
        ordered.reverse()
    runs = ordered[:limit] if limit else ordered
    if not is_table:
        return _write_machine(runs, asked, screen, whole=False)
    if not runs:
        Screen(sys.stderr).line(_nothing(asked, root))
        return int(ExitCode.OK)
    columns = _columns(asked)
    if columns is not None:
        show_columns(runs, screen, columns)
    else:
        sort = asked.sort and f"{'-' if asked.reverse else ''}{asked.sort}"
        show_listing(runs, screen, sort=sort, flat=asked.flat)
    if len(ordered) > len(runs) and asked.limit is None:
        screen.line(("older runs: expt show --limit 0", "dim"))
    return int(ExitCode.OK)


@contextlib.contextmanager
def _without_collection() -> Iterator[None]:
    """No garbage collection: ten thousand runs are a million objects that are all still needed,
    and the collector would look at them again and again, for half of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _write_machine(
    runs: Sequence[Run], asked: argparse.Namespace, screen: Screen, *, whole: bool
) -> int:
    if asked.csv:
        text = csv_text(runs, columns=_columns(asked))
        screen.write(visible(text, lines=True) if screen.isatty() else text)
    else:
        screen.write(json_text(runs, whole=whole))
    return int(ExitCode.OK)


def _load(reference: str, root: Path, asked: argparse.Namespace) -> Run:
    return load_run(reference, root, smoke=asked.smoke, scratch=asked.scratch)


def _columns(asked: argparse.Namespace) -> list[str] | None:
    if asked.columns is None:
        return None
    names = [name.strip() for name in asked.columns.split(",") if name.strip()]
    if not names:
        raise UsageError("'--columns' names no column", None, "--columns id,lr,results.accuracy")
    return names


def _tell_damages(damaged: Sequence[ReadingError]) -> None:
    """The archives that cannot be read, on stderr: the listing goes on without them."""
    Screen(sys.stderr).lines(
        [("warning:", "yellow"), f" {error.at or ''}: {error.what}"] for error in damaged
    )


def _nothing(asked: argparse.Namespace, root: Path) -> str:
    if any(getattr(asked, name) for name in _SELECTING):
        return "no run is like that: 'expt show' lists them all"
    return f"no runs yet in {root}: 'expt' runs the experiments"
