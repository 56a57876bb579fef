"""Ended runs and ended sessions, as they are told. Nothing here remembers."""

from __future__ import annotations

import os
import shlex
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final

from expt.ground.layout import LOG_FILE, usual_runs
from expt.ground.screen import (
    STATUS_STYLES,
    Line,
    OneRow,
    Piece,
    Prose,
    paragraph,
    pasted,
    relative_path,
)
from expt.ground.text import (
    case_text,
    collapse_progress,
    human_duration,
    printed,
    short_text,
    some_of,
)
from expt.parameters.secret_values import masked_case
from expt.terminal.tracebacks import error_line, error_lines, show_error

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from expt.ground.model import Case, Outcome
    from expt.ground.options import Options
    from expt.ground.screen import Screen

MARKS: Final = {"completed": "✓", "failed": "✗", "interrupted": "!", "skipped": "-"}
DOTS: Final = {"completed": ".", "failed": "F", "interrupted": "!", "skipped": "s"}
_SKIPPED: Final = "skipped"  # begins the notice that gives the reason
WIDE: Final = 100  # columns from which more than what is asked for first stands beside it
_TAIL_LINES: Final = 5  # of what a failed run printed
_TAIL_BYTES: Final = 1 << 16


def outcome_line(
    screen: Screen, outcome: Outcome, options: Options, name: str, counter: str = ""
) -> Line:
    """One line for a run that ended.

    A terminal gets a row: a mark, the case, and as much of the results as it is wide. Elsewhere
    the status is a word, and nothing is left out.
    """
    style = STATUS_STYLES[outcome.status]
    duration = human_duration(outcome.duration) if outcome.path else ""
    told: list[Piece]
    if outcome.status == "skipped":
        told = [skip_reason(outcome)]
    elif outcome.error is not None:
        failed = outcome.status == "failed"
        told = [(error_line(outcome.error), style) if failed else outcome.error.message]
    else:
        told = results_parts(outcome.results)
    if not screen.terminal:
        path = relative_path(outcome.path, options.cwd) if outcome.path else ""
        head: list[Line] = [[counter, (outcome.status, style)], [outcome.case_id], [duration]]
        return _joined([*head, told, [path]])
    mark: Piece = (MARKS.get(outcome.status, "?"), style)
    named, identity = (
        screen.run(text, outcome.run_id, outcome.path, shown) if outcome.path else (text, shown)
        for text, shown in ((name, ""), (outcome.run_id, "dim"))
    )
    wide = [identity] if screen.size[0] >= WIDE else []
    row = OneRow([mark, " ", *_joined([[named], [f"{duration:>6}"], wide, told])])
    if options.telling.verbosity > 0 and outcome.path:
        row.append((f"  {relative_path(outcome.path, options.cwd)}", "dim"))
        return list(row)
    return row


def _joined(texts: Iterable[Line]) -> Line:
    """Lines beside each other, those that say nothing left out."""
    joined: Line = []
    for text in texts:
        if any(part if isinstance(part, str) else part[0] for part in text):
            joined += ["  ", *text] if joined else text
    return joined


def results_parts(values: Mapping[str, Any]) -> Line:
    """`accuracy=0.98 n=3`, the values brighter than their names."""
    parts: Line = []
    for name, value in values.items():
        parts += [(f"{' ' if parts else ''}{name}=", "dim"), short_text(value)]
    return parts


def skip_reason(outcome: Outcome) -> str:
    """Why a run was skipped: its one notice that says so."""
    said = (notice for notice in outcome.notices if notice.startswith(_SKIPPED))
    return next(said, "").removeprefix(_SKIPPED).removeprefix(": ")


def other_notices(outcome: Outcome) -> list[str]:
    """The notices of a run that its line does not tell."""
    skipped = outcome.status == "skipped"
    return [each for each in outcome.notices if not (skipped and each.startswith(_SKIPPED))]


def show_failures(
    screen: Screen,
    outcomes: Sequence[Outcome],
    options: Options,
    cases: Mapping[str, Case],
    names: Mapping[str, str],
) -> None:
    """The failed runs with their tracebacks; what failed in the same way is told once."""
    failed = [outcome for outcome in outcomes if outcome.status == "failed"]
    style = options.telling.traceback
    if style == "no":
        return
    alike: dict[tuple[str, ...], list[Outcome]] = {}
    for outcome in failed:
        error = outcome.error
        told = error_lines(error, style, options.cwd) if error else ["no error was recorded"]
        alike.setdefault(tuple(told), []).append(outcome)
    for index, (lines, (outcome, *others)) in enumerate(alike.items()):
        if index and style != "line":
            screen.line()
        if style == "line":
            screen.lines([*lines] for _ in (outcome, *others))
            continue
        screen.lines([_failure_head(screen, outcome, cases.get(outcome.case_id))])
        if outcome.error is None:
            screen.line(lines[0])
        else:
            archive = Path(outcome.path) if outcome.path else None
            show_error(screen, outcome.error, style, options.cwd, archive)
        if others:
            same = some_of((names.get(other.case_id, other.case_id) for other in others), 3)
            screen.lines([Prose([f"the same in {same}"])])
        if outcome.path and style in ("auto", "long"):
            _show_output(screen, Path(outcome.path) / LOG_FILE, options.cwd)


def _failure_head(screen: Screen, outcome: Outcome, case: Case | None) -> Line:
    """Whose failure it is; on a terminal in one row, with its values in place of the brackets."""
    identity: Piece = outcome.run_id
    if outcome.path:
        identity = screen.run(outcome.run_id, outcome.run_id, outcome.path)
    told = "" if case is None else case_text(masked_case(case).axes)
    if not screen.terminal or case is None:
        return [(f"✗ {outcome.case_id}", "bold red"), "  ", identity, f"  {told}".rstrip()]
    told = told or case_text(masked_case(case).params)
    return OneRow([(f"✗ {case.experiment.id}", "bold red"), "  ", identity, f"  {told}"])


def _show_output(screen: Screen, log: Path, cwd: Path) -> None:
    """The last lines of what a run printed, and where all of it is."""
    try:
        with log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(size - _TAIL_BYTES, 0))
            text = collapse_progress(file.read().decode("utf-8", "replace"))
    except OSError:
        return
    lines = text.rstrip("\n").split("\n")
    if not text.strip():
        return
    shown = lines[-_TAIL_LINES:]
    many = f"the last {len(shown)} of {len(lines)} lines"
    if size > _TAIL_BYTES:
        many = f"the last {len(shown)} lines"
    elif len(lines) <= _TAIL_LINES:
        many = "all of it" if len(lines) > 1 else "one line"
    screen.line((f"── output, {many} · ", "dim"), pasted(log, cwd, "dim"))
    screen.lines(paragraph(printed("\n".join(shown), colour=False)))


def notice_lines(notices: Iterable[tuple[str, str]]) -> list[Line]:
    """Notices as (text, run), alike ones counted: `text (run)`, `text (3 runs)`."""
    runs: dict[str, list[str]] = {}
    for text, run in notices:
        runs.setdefault(text, []).append(run)
    by = {
        text: names[0] if len(names) == 1 else f"{len(names)} runs" for text, names in runs.items()
    }
    return [
        line for text in runs for line in paragraph(f"{text} ({by[text]})", ("notice: ", "yellow"))
    ]


def duration_lines(outcomes: Sequence[Outcome], count: int | None) -> list[Line]:
    """`--durations COUNT`: the slowest runs, all of them for 0, nothing for None."""
    ran = sorted((each for each in outcomes if each.path), key=lambda each: -each.duration)
    if count is None or not ran:
        return []
    slowest = ran[: count or None]
    title = f"slowest {len(slowest)} of {len(ran)} runs" if count else "durations"
    lines: list[Line] = [[f"{human_duration(o.duration):>6}  {o.case_id}"] for o in slowest]
    return [[], [(title, "bold")], *lines, []]


def count_text(counts: Mapping[str, int]) -> str:
    """`6 completed, 1 failed`: what there is none of is left out."""
    return ", ".join(f"{count} {what}" for what, count in counts.items() if count)


def summary_counts(
    outcomes: Sequence[Outcome], planned: int, deselected: int, warnings: int, notices: int
) -> dict[str, int]:
    """What the summary line counts, in its order."""
    ended: Counter[str] = Counter(outcome.status for outcome in outcomes)
    return {
        **{status: ended[status] for status in MARKS},
        "not started": max(planned - len(outcomes), 0),
        "deselected": deselected,
        "warning" if warnings == 1 else "warnings": warnings,
        "notice" if notices == 1 else "notices": notices,
    }


def summary_style(counts: Mapping[str, int]) -> str:
    """Red after a failure, yellow where something was left undone, else green."""
    if counts["failed"]:
        return "bold red"
    done = counts["completed"] and not counts["interrupted"]
    return "bold green" if done else "bold yellow"


def where_lines(outcomes: Sequence[Outcome], options: Options) -> list[Line]:
    """Where the archives are, and the next command to type."""
    kept = [outcome for outcome in outcomes if outcome.path]
    if not kept:
        return []
    try:
        folder = os.path.commonpath([outcome.path for outcome in kept])
    except ValueError:  # on several drives
        folder = str(options.keeping.runs)
    what = "archive" if len(kept) == 1 else f"{len(kept)} archives"
    shown = next((outcome for outcome in kept if outcome.status == "failed"), kept[-1])
    reference = _reference(shown, options)
    command = f"expt show {reference}"
    if len(kept) > 1 and reference == shown.run_id:
        command = "expt view" if shown.status == "completed" else command
        command = f"expt show --session latest  ·  {command}"
    return [
        [(f"{what} in ", "dim"), pasted(folder, options.cwd)],
        [("next:", "dim"), f" {command}"],
    ]


def _reference(outcome: Outcome, options: Options) -> str:
    """The id where `expt show` typed here would look for it, else the path."""
    usual = usual_runs(options.root, options.configuration)
    found = options.keeping.runs == usual and options.cwd.is_relative_to(options.root)
    if found and not options.values.smoke and not options.keeping.scratch:
        return outcome.run_id
    return shlex.quote(relative_path(outcome.path, options.cwd))
