"""The end of a sweep: results by swept values, mean ± std over seeds, the best, the pictures."""

from __future__ import annotations

import contextlib
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from expt.archive.record import read_outcome
from expt.ground.errors import ReadingError
from expt.ground.layout import SESSIONS_DIR
from expt.ground.screen import Column, Line, linked
from expt.ground.text import (
    case_text,
    direction,
    mean,
    number_text,
    number_texts,
    short_text,
)
from expt.parameters.secret_values import masked_case
from expt.terminal.tracebacks import relative_path

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from expt.ground.model import Case, Outcome, PinnedRun
    from expt.ground.screen import Screen

SEEDS: Final = ("seed", "repeat")  # what is averaged over
_ROWS: Final = 40
_RESULTS: Final = 6
_BAR: Final = 20


def show_sweeps(screen: Screen, cases: Mapping[str, Case], outcomes: Sequence[Outcome]) -> None:
    """A table for each experiment of which several cases completed with numbers."""
    swept: dict[str, list[tuple[Case, Outcome]]] = {}
    places = {case_id: place for place, case_id in enumerate(cases)}
    known = [outcome for outcome in outcomes if outcome.case_id in places]
    for outcome in sorted(known, key=lambda outcome: places[outcome.case_id]):
        case = cases[outcome.case_id]
        if case.axes and case.trial is None:
            swept.setdefault(case.experiment.id, []).append((masked_case(case), outcome))
    for name, pairs in swept.items():
        done = [(case, o) for case, o in pairs if o.status == "completed" and numbers(o.results)]
        if len(done) > 1:
            _show_sweep(screen, name if len(swept) > 1 else "", pairs, done)


def earlier_outcomes(done: Mapping[str, PinnedRun]) -> list[Outcome]:
    """How the runs ended for which cases were not run again, from their archives."""
    outcomes = []
    for case_id, run in done.items():
        with contextlib.suppress(ReadingError):  # removed or damaged since the plan was made
            outcomes.append(read_outcome(Path(run.path), case_id))
    return outcomes


def numbers(values: Mapping[str, Any], above: str = "") -> dict[str, float]:
    """The numbers among results, by dotted names."""
    found: dict[str, float] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            found |= numbers(value, f"{above}{name}.")
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            found[f"{above}{name}"] = value
    return found


def _show_sweep(
    screen: Screen,
    name: str,
    pairs: Sequence[tuple[Case, Outcome]],
    done: Sequence[tuple[Case, Outcome]],
) -> None:
    axes = list(dict.fromkeys(axis for case, _ in pairs for axis in case.axes))
    by = [axis for axis in axes if axis not in SEEDS]
    groups: dict[tuple[str, ...], list[dict[str, float]]] = {}
    wanted: dict[tuple[str, ...], int] = {}
    for case, outcome in pairs:
        key = tuple(short_text(case.axes[axis]) if axis in case.axes else "" for axis in by)
        wanted[key] = wanted.get(key, 0) + 1
        members = groups.setdefault(key, [])
        if outcome.status == "completed":
            members.append(numbers(outcome.results))
    results = list(dict.fromkeys(result for _, o in done for result in numbers(o.results)))
    shown = list(groups)[:_ROWS]
    over = [axis for axis in axes if axis in SEEDS]
    said = f"by {' × '.join(by)}" if by else "all together"
    if over:
        said += f", mean ± std over {' × '.join(over)}"
    screen.line()
    screen.line((name, "bold"), "  " if name else "", said)
    screen.line()
    columns = []
    for index, axis in enumerate(by):
        numeric = all(isinstance(case.axes.get(axis), (int, float)) for case, _ in pairs)
        texts = [key[index] for key in shown]
        columns.append(Column(axis, texts, "cyan", right=numeric, whole=numeric))
    if any(count > 1 or len(groups[key]) < count for key, count in wanted.items()):
        columns.append(
            Column("n", [_counted(len(groups[k]), wanted[k]) for k in shown], right=True)
        )
    for place, result in enumerate(results[:_RESULTS]):
        values = [[each[result] for each in groups[key] if result in each] for key in shown]
        columns.append(Column(result, mean_texts(values), right=True))
        if place == 0 and len(shown) > 1 and screen.terminal:
            columns.append(Column("", _bars([mean(v) if v else math.nan for v in values])))
    left_out = [*screen.table(columns), *results[_RESULTS:]]
    if len(groups) > len(shown):
        screen.line((f"… {len(groups) - len(shown)} more", "dim"))
    if any(left_out):
        screen.line((f"not shown: {', '.join(filter(None, left_out))}", "dim"))
    screen.lines(_best_line(screen, done, results))


def _counted(completed: int, wanted: int) -> str:
    return str(wanted) if completed == wanted else f"{completed} of {wanted}"


def mean_texts(groups: Sequence[Sequence[float]]) -> list[str]:
    """`0.9193 ± 0.0100` for each group, in digits enough that the means differ where they do."""
    means = iter(number_texts([mean(values) for values in groups if values]))
    texts = []
    for values in groups:
        text = next(means) if values else ""
        finite = len(values) > 1 and all(map(math.isfinite, values))
        texts.append(f"{text} ± {_deviation(values):.2g}" if finite else text)
    return texts


def _deviation(values: Sequence[float]) -> float:
    """The sample standard deviation, with n − 1."""
    middle = mean(values)
    return math.sqrt(sum((value - middle) ** 2 for value in values) / (len(values) - 1))


def _bars(means: Sequence[float]) -> list[Line]:
    """How far each stands between the lowest and the highest."""
    finite = [each for each in means if math.isfinite(each)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    bars: list[Line] = []
    for each in means:
        if not math.isfinite(each) or low == high:
            bars.append([])
            continue
        full = 1 + round((each / 2 - low / 2) / (high / 2 - low / 2) * (_BAR - 1))
        bars.append([("━" * full, "green"), ("─" * (_BAR - full), "dim")])
    return bars


def _best_line(
    screen: Screen, done: Sequence[tuple[Case, Outcome]], results: Sequence[str]
) -> list[Line]:
    """The best run by the first result whose name says which end is the good one."""
    for result in results:
        good = direction(result)
        having = [
            (number, case, outcome)
            for case, outcome in done
            if (number := numbers(outcome.results).get(result, math.nan)) == number
        ]
        if good and having:
            choose = min if good == "min" else max
            number, case, outcome = choose(having, key=lambda found: found[0])
            told = f" {result}={number_text(number)}  {case_text(case.axes)}"
            identity = screen.run(outcome.run_id, outcome.run_id, outcome.path, "cyan")
            return [[], ["best ", identity, told]]
    return []


def curves_lines(runs: Path, session: str, cwd: Path) -> list[Line]:
    """Where the pictures of the whole session are, if there are any."""
    folder = runs / SESSIONS_DIR / session
    pictures = sorted(folder.glob("*.png")) if session and folder.is_dir() else []
    if not pictures:
        return []
    first, *others = pictures
    line: Line = [("curves  ", "dim"), linked(relative_path(str(first), cwd), first)]
    for path in others[:_RESULTS]:
        line += [", ", linked(path.name, path)]
    more = len(others) - _RESULTS
    return [[*line, f" and {more} more" if more > 0 else ""]]
