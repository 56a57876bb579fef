"""`expt rerun REF`: again with the archived values and the archived code; `--check` compares."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Any, Final

from expt.cli.command_line import masked_command
from expt.cli.main import telling_failures
from expt.cli.parser import Parser, number, repeated, seconds
from expt.cli.which_runs import add_filters, find_chosen, is_choosing
from expt.ground.errors import ExitCode, ExptError, ReadingError, UsageError
from expt.ground.layout import INDEX_FILE, RUNS_DIR
from expt.ground.options import KeepingOptions, RunningOptions, TellingOptions
from expt.ground.screen import Column, Screen, output
from expt.ground.value_classes import evolve, frozen
from expt.parameters.typed_text import parse_assignment
from expt.plugins.builtin import parent_plugins
from expt.plugins.manager import Plugins
from expt.reading.references import find_archive_root, load_archive
from expt.reading.reproduction import find_unlike
from expt.sessions.rerunning import Again, find_doubts, options_again
from expt.sessions.session import run_session

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from pathlib import Path

    from expt.ground.model import Outcome
    from expt.ground.options import Options
    from expt.reading.run import Run

_TOLERANCE: Final = number(float, lambda value: 0 <= value < math.inf, "a number from 0")
_LINES: Final = 12  # of what differs in one run
_ENDED: Final = ("completed", "failed", "interrupted")


@frozen
class Verdict:
    """What came of running one run again; `new` is None where it could not be run."""

    old: Run
    new: Run | None
    unlike: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()

    @property
    def word(self) -> str:
        """What a table calls it."""
        if self.new is None:
            return "cannot be run"
        return "not reproduced" if self.unlike else "reproduced"


def main(words: list[str]) -> int:
    """Run again; with `--check` exit 0 where everything is reproduced, else 1."""
    parser = Parser(prog="expt rerun", description="Run archived runs again.")
    _add_arguments(parser)
    asked = parser.parse_args(words)
    if not is_choosing(asked):
        raise UsageError("expt rerun needs to be told which runs", None, "expt rerun latest")
    if asked.json and not asked.check:
        raise UsageError("'--json' tells what '--check' found", "--json", "give both")
    if asked.check and asked.params:
        raise UsageError("with other values nothing can be reproduced", "-p", "leave out '--check'")
    root = find_archive_root(asked.runs)
    runs = _repeatable(find_chosen(root, asked), named=bool(asked.references))
    if not runs:
        raise UsageError("no run is like that, nothing is run")
    again = Again(
        tuple(parse_assignment(text) for text in asked.params),
        asked.current_code,
        keeping=KeepingOptions(root, tuple(asked.add_tags), asked.add_note, render=asked.render),
        running=RunningOptions(workers=asked.workers, timeout=asked.timeout),
        telling=TellingOptions(verbosity=-2 if asked.check else 0),
        command=masked_command(["rerun", *words]),
    )
    verdicts = []
    codes = []
    for run in runs:
        verdict, code = _run_again(run, again, asked)
        verdicts.append(verdict)
        codes.append(code)
        if code == ExitCode.INTERRUPTED:
            return int(code)
        if asked.check and not asked.json:
            _tell(output(), verdict)
    if asked.check:
        return _conclude(verdicts, asked)
    for verdict in verdicts:
        _tell_doubts(output(), verdict)
    return max(codes)


def _add_arguments(parser: Parser) -> None:
    add_filters(parser)
    add: Any = parser.add_argument
    repeated(parser, "-p NAME=VALUE", "another value, as in 'expt run'", dest="params")
    add("--current-code", action="store_true", help="the code of the working tree")
    add("--check", action="store_true", help="compare results and series with the old run's")
    add("--rtol", type=_TOLERANCE, metavar="X", help="numbers may differ by X of the larger")
    add("--json", action="store_true", help="with --check: a JSON array of objects")
    add("-n", dest="workers", type=int, choices=(0, 1), default=1, help="0 runs in this process")
    add("--timeout", type=seconds, metavar="SECONDS", help="a longer run is failed")
    repeated(parser, "--add-tag TAG", "label them", dest="add_tags")
    add("--add-note", metavar="TEXT", help="a sentence about the new runs")
    add("--no-render", dest="render", action="store_false", help="draw no pictures")


def _repeatable(runs: Sequence[Run], *, named: bool) -> list[Run]:
    """Those that are run again: of what only filters chose no reruns, and what completed."""
    if named:
        return list(runs)
    return [r for r in runs if r.status == "completed" and not r.listed_lineage.get("rerun_of")]


def _run_again(run: Run, again: Again, asked: argparse.Namespace) -> tuple[Verdict, int]:
    """Run one again; an error of its own is a verdict where several are checked."""
    if run.status not in _ENDED and asked.check:
        return Verdict(run, None, (f"it is {run.status}",)), int(ExitCode.FAILED)
    runs = again.keeping.runs if asked.runs else _root_of(run, again.keeping.runs)
    again = evolve(again, keeping=evolve(again.keeping, runs=runs))
    try:
        with options_again(run, again) as options:
            outcomes, code = _carry_out(options, quiet=asked.check)
        if not outcomes:
            return Verdict(run, None, ("no case of it was run",)), code
        new = _load_new(outcomes[0])
        doubts = find_doubts(run, new, current_code=again.current_code)
        unlike = find_unlike(run, new, asked.rtol) if asked.check else []
    except ExptError as error:
        if not asked.check:
            raise
        return Verdict(run, None, (str(error).partition("\n")[0],)), int(error.exit_code)
    return Verdict(run, new, tuple(unlike), tuple(doubts)), code


def _load_new(outcome: Outcome) -> Run:
    """The archive of a run that has ended; where a full disk left none, what its error was."""
    try:
        return load_archive(outcome.path)
    except ReadingError as error:
        if outcome.error is None:
            raise
        raise ReadingError(outcome.error.message, error.at) from error


def _root_of(run: Run, usual: Path) -> Path:
    """Where the new archive goes: beside the old one, also where that is of another project."""
    above = list(run.path.absolute().parents)
    if usual in above:
        return usual
    return next((p for p in above if p.name == RUNS_DIR or (p / INDEX_FILE).exists()), usual)


def _carry_out(options: Options, *, quiet: bool) -> tuple[list[Outcome], int]:
    """One session; the runs that left archives, and its exit code."""
    plugins = Plugins({}, options.plugins)
    if not quiet:
        for name, plugin in parent_plugins(options, sys.stdout).items():
            plugins.register(plugin, name)
    with telling_failures(plugins):
        result = run_session(options, plugins)
    return [outcome for outcome in result.outcomes if outcome.path], int(result.exit_code)


def _tell(screen: Screen, verdict: Verdict) -> None:
    """A line for the verdict, and what differs below it."""
    style = "green" if verdict.word == "reproduced" else "red"
    new = "" if verdict.new is None else f"  as {verdict.new.id}"
    screen.line(
        (verdict.word, style), f"  {verdict.old.short_id}  {verdict.old.node_id}", (new, "dim")
    )
    screen.lines([f"  {line}"] for line in verdict.unlike[:_LINES])
    if len(verdict.unlike) > _LINES:
        screen.line(f"  and {len(verdict.unlike) - _LINES} more")
    if verdict.unlike:
        _tell_doubts(screen, verdict)


def _tell_doubts(screen: Screen, verdict: Verdict) -> None:
    screen.lines([(f"  {line}", "yellow")] for line in verdict.doubts)


def _conclude(verdicts: Sequence[Verdict], asked: argparse.Namespace) -> int:
    good = sum(verdict.word == "reproduced" for verdict in verdicts)
    screen = output()
    if asked.json:
        screen.write_json([_as_json(verdict) for verdict in verdicts])
    elif len(verdicts) > 1:
        screen.line()
        screen.table(
            [
                Column("run", [verdict.old.short_id for verdict in verdicts], "cyan", whole=True),
                Column("experiment", [verdict.old.node_id for verdict in verdicts]),
                Column("again", [v.new.id if v.new else "" for v in verdicts], whole=True),
                Column("", [verdict.word for verdict in verdicts], whole=True),
            ]
        )
        screen.line(f"{good} of {len(verdicts)} reproduced")
    return int(ExitCode.OK if good == len(verdicts) else ExitCode.FAILED)


def _as_json(verdict: Verdict) -> dict[str, Any]:
    return {
        "id": verdict.old.id,
        "experiment": verdict.old.experiment,
        "case": verdict.old.case,
        "rerun": None if verdict.new is None else verdict.new.id,
        "reproduced": verdict.word == "reproduced",
        "differs": list(verdict.unlike),
        "surroundings": list(verdict.doubts),
    }
