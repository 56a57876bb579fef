"""The words that choose runs, the same for every verb that takes REFs and filters."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from expt.cli.parser import Parser, add_root
from expt.ground.errors import UsageError
from expt.ground.screen import Screen, output
from expt.reading.finding import choose_runs, find_runs, list_runs
from expt.reading.listed import Listing, list_of
from expt.reading.references import load_run
from expt.reading.scanning import scan_archives

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from expt.ground.errors import ReadingError
    from expt.reading.run import Run
    from expt.reading.runs import Runs

_NARROWING: Final = ("k", "where", "status", "tag", "on", "session", "since", "until", "limit")
ASKED: Final = (*_NARROWING, "sort")
"""What a query of the page may ask for too."""


def add_filters(parser: Parser) -> None:
    """REF…, the filters, and the order."""
    add: Any = parser.add_argument
    told = "of these runs; none takes all that the filters leave"
    add("references", metavar="REF", nargs="*", help=told)
    add("-k", default="", metavar="EXPR", help="only runs whose names match, as in 'expt run -k'")
    told = "only where 'lr < 0.1 and results.accuracy > 0.9'"
    add("--where", default="", metavar="EXPR", help=told)
    add("--status", action="append", metavar="STATUS", help="only this status; repeatable")
    add("--tag", action="append", metavar="TAG", help="only with this tag; repeatable, all of them")
    add("--on", metavar="DAY", help="only started on this day: 2026-11-23, 'last tuesday'")
    add("--since", metavar="WHEN", help="only started since: 2026-11-23, '2 days ago', yesterday")
    add("--until", metavar="WHEN", help="only started until")
    add("--session", metavar="ID", help="only of this session, or of the 'latest'")
    told = "by a value such as lr, duration, results.x, min.loss; -NAME is descending"
    add("--sort", metavar="NAME", help=told)
    add("--limit", type=int, metavar="N", help="at most N runs, 0 for all")
    add("--smoke", action="store_true", help="archives of --smoke too")
    add("--scratch", action="store_true", help="archives of --scratch too")
    add_root(parser)


def is_choosing(asked: argparse.Namespace) -> bool:
    """Whether any run was named, or any filter given."""
    words = (*_NARROWING, "smoke", "scratch")
    return bool(asked.references) or any(getattr(asked, name) for name in words)


def find_chosen(
    root: Path,
    asked: argparse.Namespace,
    more: Mapping[str, str] | None = None,
    *,
    most: int | None = None,
    telling: bool = True,
    outlined: bool = False,
) -> Runs:
    """The runs that were named, or all, as far as the filters and `more` of them leave them.

    `most` is the limit where none is given. With `telling` the archives that cannot be read are
    named on stderr. Raises `UsageError`, `NoSuchRun`.
    """
    places = {"smoke": asked.smoke, "scratch": asked.scratch}
    words = _words(asked, more or {}, most)
    if not asked.references:
        found = find_runs(root, outlined=outlined, **words, **places)
        if telling:
            _tell_damages(found.damaged)
        return found
    return choose_runs([load_run(name, root, **places) for name in asked.references], **words)


def list_chosen(
    root: Path, asked: argparse.Namespace, more: Mapping[str, str], *, first: int
) -> Iterator[Listing]:
    """What the runs that `find_chosen` finds hold, by columns: of very many the `first` before."""
    if asked.references:
        stamps = scan_archives(root)
        yield list_of(find_chosen(root, asked, more, telling=False), stamps)
    else:
        places = {"smoke": asked.smoke, "scratch": asked.scratch}
        yield from list_runs(root, first=first, **_words(asked, more, None), **places)


def make_admits(root: Path, asked: argparse.Namespace) -> Callable[[Run], bool]:
    """Whether a run that is new or has changed is one of those that were asked for."""
    words = _words(asked, {}, None) | {"limit": 0, "sort": None}
    named: set[str] | None = None
    if asked.references:
        places = {"smoke": asked.smoke, "scratch": asked.scratch}
        named = {load_run(name, root, **places).id for name in asked.references}

    def admits(run: Run) -> bool:
        if named is not None and run.id not in named:
            return False
        try:
            return len(choose_runs([run], **words)) == 1
        except UsageError:  # it lacks a value of the condition
            return False

    return admits


def _words(asked: argparse.Namespace, more: Mapping[str, str], most: int | None) -> dict[str, Any]:
    words = {name: getattr(asked, name) for name in ASKED}
    words |= {name: text for name, text in more.items() if text}
    wheres = [text for text in (asked.where, more.get("where", "")) if text.strip()]
    words["where"] = " and ".join(f"({text})" for text in wheres) if wheres[1:] else "".join(wheres)
    limit = most if words["limit"] is None else words["limit"]
    if limit is not None and not str(limit).isdecimal():
        raise UsageError(f"'{limit}' is no number of runs", "--limit", "0 is all")
    words["limit"] = int(str(limit)[:18]) if limit is not None else 0
    return words


def tell_running(runs: Iterable[Run]) -> None:
    """Say of which runs what was taken is not the whole."""
    so_far = "is running: it is as it was a moment ago"
    going = [run.short_id for run in runs if run.status == "running"]
    output().lines([(f"  {short_id} {so_far}", "yellow")] for short_id in going)


def _tell_damages(damaged: Sequence[ReadingError]) -> None:
    """The archives that cannot be read: what was asked goes on without them."""
    Screen(sys.stderr).lines(
        [("warning:", "yellow"), f" {error.at or ''}: {error.what}"] for error in damaged
    )
