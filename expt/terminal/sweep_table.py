"""The end of a sweep: results by swept values, mean ± std over seeds, the best, the pictures."""

from __future__ import annotations

import contextlib
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from expt.archive.record import read_outcome
from expt.ground.errors import ReadingError
from expt.ground.layout import SESSIONS_DIR
from expt.ground.screen import Column, Line, Piece, linked, pasted
from expt.ground.spread import is_number, spread_of
from expt.ground.text import (
    case_text,
    common_decimals,
    counted,
    decimals_of,
    direction,
    distinct_texts,
    identity,
    number_text,
    number_texts,
    shares,
)
from expt.parameters.secret_values import masked_case

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from expt.ground.model import Case, Outcome, PinnedRun
    from expt.ground.screen import Screen
    from expt.ground.spread import Spread

SEEDS: Final = ("seed", "repeat")  # what is averaged over
_ROWS: Final = 40
_BAR: Final = 20


class _Member(NamedTuple):
    case: Case
    outcome: Outcome
    numbers: dict[str, float]  # none of a run that did not complete


def show_sweeps(
    screen: Screen, cases: Mapping[str, Case], outcomes: Sequence[Outcome], summary: Piece
) -> None:
    """The summary, and a table for each experiment of which several cases completed with numbers.

    What a single table is of stands beside the summary.
    """
    swept: dict[str, list[_Member]] = {}
    ended = {outcome.case_id: outcome for outcome in outcomes}
    for case_id, case in cases.items():
        if case_id in ended and case.axes and case.trial is None:
            outcome = ended[case_id]
            found = numbers(outcome.results) if outcome.status == "completed" else {}
            member = _Member(masked_case(case), outcome, found)
            swept.setdefault(case.experiment.id, []).append(member)
    tables = [
        (name, members)
        for name, members in swept.items()
        if sum(bool(member.numbers) for member in members) > 1
    ]
    if len(tables) != 1:
        screen.line(summary)
    for name, members in tables:
        head: Line = [summary] if len(tables) == 1 else [(name, "bold")]
        _show_sweep(screen, head, members)


def earlier_outcomes(done: Mapping[str, PinnedRun]) -> list[Outcome]:
    """How the runs ended for which cases were not run again, from their archives."""
    outcomes = []
    for case_id, run in done.items():
        with contextlib.suppress(ReadingError):  # removed or damaged since the plan was made
            outcomes.append(read_outcome(Path(run.path), case_id))
    return outcomes


def numbers(values: Mapping[str, Any], above: str = "") -> dict[str, float]:
    """The numbers among results, by dotted names; live, where nothing that reads is imported."""
    found: dict[str, float] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            found |= numbers(value, f"{above}{name}.")
        elif is_number(value):
            found[f"{above}{name}"] = value
    return found


def _show_sweep(screen: Screen, head: Line, members: Sequence[_Member]) -> None:
    axes = dict.fromkeys(axis for member in members for axis in member.case.axes)
    by = [axis for axis in axes if axis not in SEEDS]
    over = [axis for axis in axes if axis in SEEDS]
    groups: dict[tuple[Any, ...], list[_Member]] = {}
    for member in members:
        values = member.case.axes
        key = tuple(identity(values[axis]) if axis in values else None for axis in by)
        groups.setdefault(key, []).append(member)
    results = dict.fromkeys(result for member in members for result in member.numbers)
    shown = dict(list(groups.items())[:_ROWS])
    said = f"by {' × '.join(by)}" if by else "all together"
    averaged = [counted(len({m.case.axes.get(axis) for m in members}), axis) for axis in over]
    said += f", mean ± std over {' × '.join(averaged)}" if over else ""
    screen.lines([[*head, f"   {said}"], []])
    columns = []
    for axis in by:
        found = [group[0].case.axes.get(axis, "") for group in shown.values()]
        texts = distinct_texts(found)
        numeric = all(isinstance(m.case.axes.get(axis), (int, float)) for m in members)
        columns.append(Column(axis, texts, "cyan", right=numeric, whole=numeric))
    counts = [
        (sum(member.outcome.status == "completed" for member in group), len(group))
        for group in groups.values()
    ]
    if any(count != (1, 1) for count in counts):
        texts = [str(n) if n == done else f"{done} of {n}" for done, n in counts[:_ROWS]]
        columns.append(Column("n", texts, right=True))
    for place, result in enumerate(results):
        found = [
            [m.numbers[result] for m in group if result in m.numbers] for group in shown.values()
        ]
        spreads = [spread_of(values) if values else None for values in found]
        columns.append(Column(result, mean_texts(spreads), right=True))
        if place == 0 and len(shown) > 1 and screen.terminal:
            columns.append(Column("", _bars(spreads)))
    screen.table(columns)
    if len(groups) > len(shown):
        screen.line((f"… {len(groups) - len(shown)} more", "dim"))
    screen.lines(_best_line(screen, members, results))


def mean_texts(spreads: Sequence[Spread | None]) -> list[str]:
    """`0.9193 ± 0.0100` for each of `spread_of`, aligned, with two digits of the least deviation.

    Nothing where there is none; the mean alone where there is no finite deviation.
    """
    means = [spread["mean"] for spread in spreads if spread]
    stds = [std for each in spreads if each and (std := each["std"]) and math.isfinite(std)]
    decimals = None
    if stds and min(stds) >= 1e-6 and all(abs(number) < 1e6 for number in (*means, *stds)):
        decimals = common_decimals(means, decimals_of(min(stds), 2))
    form = ".2g" if decimals is None else f".{decimals}f"
    told = iter(number_texts(means) if decimals is None else [f"{mean:{form}}" for mean in means])
    texts = []
    for spread in spreads:
        std = spread["std"] if spread else None
        about = "" if std is None or not math.isfinite(std) else f" ± {std:{form}}"
        texts.append(next(told) + about if spread else "")
    return texts


def _bars(spreads: Sequence[Spread | None]) -> list[Line]:
    """How far each mean stands between the lowest and the highest."""
    bars: list[Line] = []
    for share in shares([spread["mean"] if spread else math.nan for spread in spreads]):
        full = 0 if share is None or share < 0 else 1 + round(share * (_BAR - 1))
        bars.append([("━" * full, "green"), ("─" * (_BAR - full), "dim")] if full else [])
    return bars


def _best_line(screen: Screen, members: Sequence[_Member], results: Iterable[str]) -> list[Line]:
    """The best run by the first result whose name says which end is the good one."""
    for result in results:
        good = direction(result)
        having = [
            (number, member)
            for member in members
            if (number := member.numbers.get(result, math.nan)) == number
        ]
        if good and having:
            number, best = (min if good == "min" else max)(having, key=lambda found: found[0])
            told = f" {result}={number_text(number)}  {case_text(best.case.axes)}"
            outcome = best.outcome
            identity = screen.run(outcome.run_id, outcome.run_id, outcome.path, "cyan")
            return [[], ["best ", identity, told]]
    return []


def curves_lines(runs: Path, session: str, cwd: Path) -> list[Line]:
    """Where the pictures of the whole session are, if there are any."""
    folder = runs / SESSIONS_DIR / session
    pictures = sorted(folder.glob("*.png")) if session and folder.is_dir() else []
    if not pictures:
        return []
    more = f"  and {len(pictures) - 1} more" if pictures[1:] else ""
    return [[("curves  ", "dim"), pasted(pictures[0], cwd), linked(more, folder, "dim")]]
