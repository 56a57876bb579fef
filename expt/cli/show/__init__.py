"""`expt show`: list archived runs, show one in full, compare several; all through the reader.

words ─► runs ─► listing      none named        (--group-by: grouped)
                 detail       one             (--follow: following)
                 comparison   several
                 machine      --json, --csv
"""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from expt.cli.parser import Parser
from expt.cli.which_runs import add_filters, find_chosen, is_choosing
from expt.ground.errors import ExitCode, UsageError
from expt.ground.processes import without_collection
from expt.ground.screen import Screen, output
from expt.reading.finding import find_runs
from expt.reading.references import find_archive_root, load_run
from expt.reading.runs import Runs

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from expt.reading.run import Run

_LONGEST: Final = 2000  # characters of a node id that is looked for
_RECENT: Final = 25  # runs that a terminal lists unless --limit says otherwise

EXAMPLES: Final = """\
a REF is an id or the beginning of one, latest, latest~2, a node id, or the
path of an archive

  expt show                                     recent runs
  expt show -k train --status failed            some of them
  expt show --where "lr < 0.1 and results.accuracy > 0.9" --on yesterday
  expt show --group-by lr,optimizer             mean and spread over all else
  expt show latest                              one in full
  expt show latest latest~1                     what differs between two
  expt show --columns id,lr,results.accuracy,min.loss --sort min.loss
"""


def main(words: list[str]) -> int:
    """Parse, find, and print in the form that was asked for."""
    parser = Parser(prog="expt show", description="List archived runs, or show one, or compare.")
    parser.epilog = EXAMPLES
    add_arguments(parser)
    asked = parser.parse_args(_with_minus(words))
    _reject_contradictions(asked)
    root = find_archive_root(asked.runs)
    screen = _screen(root)
    with without_collection():
        runs, more = _find(asked, root)
        names = _names(asked.group_by, "--group-by")
        if not (runs or asked.json or asked.csv):
            Screen(sys.stderr).line(_nothing(asked, root))
        elif names is not None:
            from expt.cli.show.grouped import show_groups

            show_groups(runs.group_by(*names), asked, screen)
        elif asked.json or asked.csv:
            _write_machine(runs, asked, screen)
        elif not asked.references:
            _list(runs, asked, screen, more)
    if runs and asked.references and not (names or asked.json or asked.csv):
        _show_named(runs, asked, root, screen)
    return int(ExitCode.OK)


def _find(asked: argparse.Namespace, root: Path) -> tuple[Runs, bool]:
    """The runs in the order in which they are shown, and whether a terminal lists not all."""
    listed = not (asked.references or asked.json or asked.csv or asked.group_by)
    recent = _RECENT if listed and asked.limit is None and output().terminal else 0
    if asked.sort and asked.reverse:
        asked.sort = asked.sort.removeprefix("-") if asked.sort[0] == "-" else f"-{asked.sort}"
    most = recent + 1 if recent else None
    outlined = asked.json and not asked.group_by
    runs = find_chosen(root, asked, most=most, outlined=outlined)
    shown = runs[:recent] if recent else runs
    backwards = asked.reverse and not asked.sort
    ordered = Runs(reversed(shown), runs.damaged) if backwards else shown
    return ordered, len(runs) > len(shown)


def _show_named(runs: Runs, asked: argparse.Namespace, root: Path, screen: Screen) -> None:
    # each of these with what it needs alone: a list of runs waits for none of it
    if asked.follow:
        from expt.cli.show.following import follow

        follow(runs, screen)
    elif len(runs) == 1:
        from expt.cli.show.detail import View, show_detail
        from expt.cli.show.listing import show_undetermined

        find = partial(load_run, root=root, smoke=asked.smoke, scratch=asked.scratch)
        show_detail(View(runs[0], screen, Path.cwd(), root, find))
        show_undetermined(_alike(runs[0], root), screen)
    else:
        from expt.cli.show.comparison import show_comparison

        show_comparison(runs, screen, every=asked.all)


def _screen(root: Path) -> Screen:
    """Where it is shown; runs are links into the page, where one is served."""
    screen = output()
    if screen.draws:
        from expt.archive.served_page import find_addresses  # slow, and no pipe has links

        screen.address_of = find_addresses(root)
    return screen


def _alike(run: Run, root: Path) -> list[Run]:
    """A completed run, and those before it that are of its fingerprint."""
    fingerprint = run.listed_lineage.get("fingerprint")
    if run.status != "completed" or not fingerprint or not root.is_dir():
        return []
    where = f"experiment == {json.dumps(run.experiment)}"
    others = find_runs(root, status="completed", where=where) if len(where) < _LONGEST else ()
    alike = (o for o in others if o.id != run.id and o.started <= run.started)
    return [run, *(o for o in alike if o.listed_lineage.get("fingerprint") == fingerprint)]


def _with_minus(words: list[str]) -> list[str]:
    """The words, with `--sort -lr` as one, which would be two options."""
    joined = list(words)
    for index in reversed(range(len(joined) - 1)):
        if joined[index] == "--sort" and joined[index + 1].startswith("-"):
            joined[index : index + 2] = [f"--sort={joined[index + 1]}"]
    return joined


def add_arguments(parser: Parser) -> None:
    """The words of `expt show`."""
    add_filters(parser)
    add: Any = parser.add_argument
    add("--reverse", action="store_true", help="the other way round")
    add("--columns", metavar="A,B,…", help="these values as columns")
    add("--group-by", metavar="A,B,…", help="runs with the same values in a line: n, mean, std")
    add("--all", action="store_true", help="compare also what does not differ")
    add("--flat", action="store_true", help="one table for all experiments")
    add("--follow", action="store_true", help="show the values of running runs until they end")
    add("--json", action="store_true", help="a JSON array of objects")
    add("--csv", action="store_true", help="comma-separated values")
    told = "with --csv: every entry of this series, a line each; repeatable"
    add("--series", action="append", metavar="NAME", help=told)


def _reject_contradictions(asked: argparse.Namespace) -> None:
    if asked.json and asked.csv:
        raise UsageError("'--json' and '--csv' are two forms", "--csv", "give one of them")
    _names(asked.columns, "--columns")
    if asked.json and asked.columns:
        raise UsageError(
            "'--columns' is for the table and for '--csv'", "--json", "JSON has every value"
        )
    if asked.series and (not asked.csv or asked.columns or asked.group_by):
        raise UsageError(
            "'--series' is for '--csv' alone", "--series", "expt show --csv --series loss"
        )
    if asked.columns and asked.group_by:
        raise UsageError(
            "'--columns' and '--group-by' are two tables", "--group-by", "give one of them"
        )
    if asked.follow and not asked.references:
        raise UsageError(
            "'--follow' follows runs that are named", "--follow", "expt show latest --follow"
        )


def _list(runs: Runs, asked: argparse.Namespace, screen: Screen, more: bool) -> None:
    from expt.cli.show.listing import show_columns, show_listing, show_undetermined

    columns = _names(asked.columns, "--columns")
    if columns is not None:
        show_columns(runs, screen, columns)
    else:
        show_listing(runs, screen, sort=asked.sort, flat=asked.flat)
        show_undetermined(runs, screen)
    if more:
        screen.line(("older runs: expt show --limit 0", "dim"))


def _write_machine(runs: Sequence[Run], asked: argparse.Namespace, screen: Screen) -> None:
    from expt.cli.show.machine import csv_text, json_text, series_csv

    if asked.series:
        for part in series_csv(runs, asked.series):
            screen.write_data(part)
    elif asked.csv:
        screen.write_data(csv_text(runs, columns=_names(asked.columns, "--columns")))
    else:
        screen.write(json_text(runs, whole=bool(asked.references)))


def _names(text: str | None, option: str) -> list[str] | None:
    """The names in an option that takes several."""
    if text is None:
        return None
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise UsageError(f"'{option}' has no name", None, f"{option} lr,seed")
    return names


def _nothing(asked: argparse.Namespace, root: Path) -> str:
    if is_choosing(asked):
        return "no run is like that: 'expt show' lists them all"
    return f"no runs yet in {root}: 'expt' runs the experiments"
