"""Ended runs and ended sessions as lines of text. Nothing here writes or remembers."""

from __future__ import annotations

import os
import posixpath
import shlex
from collections import Counter
from typing import TYPE_CHECKING, Final

import attrs

from expt.ground.layout import RUNS_DIR
from expt.ground.screen import Style, cells, fit, pad, results_text
from expt.ground.text import human_duration, visible
from expt.terminal.tracebacks import error_line, relative_path, traceback_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from expt.ground.model import Outcome, Status
    from expt.ground.options import Options
    from expt.ground.screen import Screen

_MARKS: Final[dict[Status, tuple[str, Style]]] = {
    "completed": ("✓", "good"),
    "failed": ("✗", "bad"),
    "interrupted": ("!", "warn"),
    "skipped": ("-", "dim"),
}
_SKIPPED: Final = "skipped"  # begins the notice that gives the reason
_COUNTED: Final = ("completed", "failed", "interrupted", "skipped")
_NAME_WIDTH: Final = 24  # columns that a name gets on the narrowest terminal
_RESULTS_WIDTH: Final = 30  # what a path must leave to the results, else the id stands for it


@attrs.frozen
class NameColumn:
    """How the cases of a session are named on a terminal.

    Where the longest does not fit, the folder that all share is left out before any name is cut.
    """

    width: int = 0
    prefix: str = ""

    @classmethod
    def of(cls, ids: Sequence[str], width: int) -> NameColumn:
        """The column for `ids` on a terminal of `width` columns."""
        limit = max(_NAME_WIDTH, width * 2 // 5)
        longest = max((cells(visible(each)) for each in ids), default=0)
        if longest <= limit:
            return cls(longest)
        shared = posixpath.commonpath({each.rpartition("/")[0] for each in ids})
        prefix = f"{shared}/" if shared else ""
        longest = max(cells(visible(each.removeprefix(prefix))) for each in ids)
        return cls(min(longest, limit), prefix)

    def text(self, case_id: str) -> str:
        """The name, as wide as the column."""
        name = visible(case_id.removeprefix(self.prefix))
        return pad(fit(name, self.width), self.width)


def outcome_line(
    screen: Screen, outcome: Outcome, options: Options, names: NameColumn, counter: str = ""
) -> str:
    """One line for a run that ended.

    On a terminal in columns as wide as it is, the id where the path does not fit. Elsewhere with
    the status as a word and everything in full.
    """
    mark, style = _MARKS.get(outcome.status, ("?", "warn"))
    path = visible(relative_path(outcome.path, options.cwd))
    duration = human_duration(outcome.duration) if outcome.path else ""
    if not screen.terminal:
        status = screen.paint(outcome.status, style)
        full = (f"{counter}{status}", visible(outcome.case_id), duration, _told(outcome), path)
        return "  ".join(part for part in full if part) + "\n"
    width = screen.width or 80
    head = f"{names.text(outcome.case_id)}  {pad(duration, 6, right=True)}"
    left = width - 1 - 2 - cells(head) - 2
    place = path if cells(path) + 2 + _RESULTS_WIDTH <= left else outcome.run_id
    told = _told(outcome, max(left - cells(place) - 2, 0))
    parts = (
        f"{screen.paint(mark, style)} {head}",
        screen.paint(place, "dim"),
        screen.paint(told, *_told_style(outcome)),
    )
    line = "  ".join(part for part in parts if part) + "\n"
    if options.telling.verbosity > 0 and path and place != path:
        line += f"    {screen.paint(path, 'dim')}\n"
    return line


def _told(outcome: Outcome, width: int | None = None) -> str:
    if outcome.status == "skipped":
        return fit(visible(skip_reason(outcome)), width)
    if outcome.error is not None:
        failed = outcome.status == "failed"
        return fit(error_line(outcome.error) if failed else visible(outcome.error.message), width)
    return results_text(outcome.results, width)


def skip_reason(outcome: Outcome) -> str:
    """Why a run was skipped: its one notice that says so."""
    said = (notice for notice in outcome.notices if notice.startswith(_SKIPPED))
    return next(said, "").removeprefix(_SKIPPED).removeprefix(": ")


def other_notices(outcome: Outcome) -> list[str]:
    """The notices of a run that its line does not tell."""
    skipped = outcome.status == "skipped"
    return [each for each in outcome.notices if not (skipped and each.startswith(_SKIPPED))]


def _told_style(outcome: Outcome) -> tuple[Style, ...]:
    return ("bad",) if outcome.status == "failed" else ()


def failure_lines(screen: Screen, outcomes: Sequence[Outcome], options: Options) -> str:
    """The failed runs with their tracebacks; what failed in the same way is told once."""
    failed = [outcome for outcome in outcomes if outcome.status == "failed"]
    if not failed or options.telling.traceback == "no":
        return ""
    if options.telling.traceback == "line":
        return "".join(f"{line}\n" for each in failed for line in _error(each, options))
    alike: dict[tuple[str, ...], list[Outcome]] = {}
    for outcome in failed:
        alike.setdefault(tuple(_error(outcome, options)), []).append(outcome)
    blocks = []
    for lines, (outcome, *others) in alike.items():
        title = f"✗ {visible(outcome.case_id)}"
        text = f"{screen.paint(title, 'bad', 'bold')}  {outcome.run_id}\n"
        text += "".join(f"{line}\n" for line in lines[:-1])
        text += f"{screen.paint(lines[-1], 'bad')}\n" if lines else ""
        if others:
            names = ", ".join(visible(other.case_id) for other in others[:3])
            more = f" and {len(others) - 3} more" if len(others) > 3 else ""
            text += f"the same in {names}{more}\n"
        blocks.append(text)
    return "\n".join(blocks)


def _error(outcome: Outcome, options: Options) -> list[str]:
    if outcome.error is None:
        return ["no error was recorded"]
    return traceback_lines(outcome.error, options.telling.traceback, options.cwd)


def notice_lines(screen: Screen, notices: Iterable[tuple[str, str]]) -> str:
    """Notices as (text, run), alike ones counted: `text (run)`, `text (3 runs)`."""
    runs: dict[str, list[str]] = {}
    for text, run in notices:
        runs.setdefault(text, []).append(run)
    lines = []
    for text, names in runs.items():
        by = visible(names[0]) if len(names) == 1 else f"{len(names)} runs"
        lines.append(f"{screen.paint('notice:', 'warn')} {visible(text, lines=True)} ({by})\n")
    return "".join(lines)


def notice_line(screen: Screen, text: str) -> str:
    """A notice that belongs to no run."""
    return f"{screen.paint('notice:', 'warn')} {visible(text, lines=True)}\n"


def duration_lines(screen: Screen, outcomes: Sequence[Outcome], count: int | None) -> str:
    """`--durations COUNT`: the slowest runs, all of them for 0, nothing for None."""
    if count is None:
        return ""
    ran = sorted(
        (outcome for outcome in outcomes if outcome.path), key=lambda outcome: -outcome.duration
    )
    slowest = ran[: count or None]
    if not slowest:
        return ""
    title = f"slowest {len(slowest)} of {len(ran)} runs" if count else "durations"
    lines = [
        f"{pad(human_duration(outcome.duration), 6, right=True)}  {visible(outcome.case_id)}\n"
        for outcome in slowest
    ]
    return screen.paint(title, "bold") + "\n" + "".join(lines)


def count_text(counts: Mapping[str, int]) -> str:
    """`6 completed, 1 failed`: what there is none of is left out."""
    return ", ".join(f"{count} {what}" for what, count in counts.items() if count)


def summary_counts(
    outcomes: Sequence[Outcome], planned: int, deselected: int, warnings: int, notices: int
) -> dict[str, int]:
    """What the summary line counts, in its order."""
    ended = Counter(outcome.status for outcome in outcomes)
    return {
        **{status: ended[status] for status in _COUNTED},
        "not started": max(planned - len(outcomes), 0),
        "deselected": deselected,
        "warning" if warnings == 1 else "warnings": warnings,
        "notice" if notices == 1 else "notices": notices,
    }


def summary_style(counts: Mapping[str, int]) -> Style:
    """Red after a failure, yellow where something was left undone, else green."""
    if counts["failed"]:
        return "bad"
    return "good" if counts["completed"] and not counts["interrupted"] else "warn"


def where_lines(screen: Screen, outcomes: Sequence[Outcome], options: Options) -> str:
    """Where the archives are, and the next command to type."""
    kept = [outcome for outcome in outcomes if outcome.path]
    if not kept:
        return ""
    paths = [outcome.path for outcome in kept]
    try:
        folder = relative_path(os.path.commonpath(paths), options.cwd)
    except ValueError:  # on several drives
        folder = str(options.keeping.runs)
    what = "archive" if len(kept) == 1 else f"{len(kept)} archives"
    shown = next((outcome for outcome in kept if outcome.status == "failed"), kept[-1])
    return (
        f"{screen.paint(f'{what} in', 'dim')} {visible(folder)}\n"
        f"{screen.paint('next:', 'dim')} expt show {_reference(shown, options)}\n"
    )


def _reference(outcome: Outcome, options: Options) -> str:
    """The id where `expt show` typed here would look for it, else the path."""
    usual = options.root / options.configuration.get("runs", RUNS_DIR)
    found = options.keeping.runs == usual and options.cwd.is_relative_to(options.root)
    if found and not options.values.smoke and not options.keeping.scratch:
        return outcome.run_id
    return shlex.quote(visible(relative_path(outcome.path, options.cwd)))
