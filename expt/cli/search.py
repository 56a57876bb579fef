"""`expt search [REF]`: the search that a run is a trial of: the best, its course, what mattered."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from expt.archive.search_facts import read_search_terms
from expt.cli.parser import Parser, add_root
from expt.ground.encoding import to_json
from expt.ground.errors import ExitCode, UsageError
from expt.ground.screen import Column, Screen, output
from expt.ground.text import number_text, value_text
from expt.ground.value_classes import frozen
from expt.reading.finding import find_runs
from expt.reading.references import find_archive_root, load_run
from expt.searching.ended import ENDED, Ended, judge_runs, search_facts, searched_value
from expt.searching.samplers import find_importances
from expt.searching.study import best_of, is_better

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from pathlib import Path

    from expt.ground.trials import SearchTerms
    from expt.reading.run import Run

_SHOWN = 40  # trials, without -v


@frozen
class _Tried:
    """One trial with its runs; `ended` is None where it goes on, or was cut short.

    `number` is None where it was run by hand.
    """

    number: int | None
    runs: tuple[Run, ...]
    ended: Ended | None

    @property
    def state(self) -> str:
        return self.runs[-1].status if self.ended is None else self.ended.state


def main(words: list[str]) -> int:
    """Find the search, tell of it."""
    parser = Parser(prog="expt search", description="Show the trials of a search.")
    add: Any = parser.add_argument
    add("reference", metavar="REF", nargs="?", help="a trial of it, or the experiment; the newest")
    add("-v", "--verbose", action="store_true", help="all trials")
    add("--json", action="store_true", help="for machines")
    add("--smoke", action="store_true", help="of archives of --smoke")
    add_root(parser)
    asked = parser.parse_args(words)
    root = find_archive_root(asked.runs)
    every = find_runs(root, smoke=asked.smoke)
    run = _find_trial(root, every, asked.reference)
    terms = read_search_terms(search_facts(run))
    if terms is None:
        raise UsageError(f"what {run.short_id} says of its search cannot be read", str(run.path))
    tried = _gather(every, search_facts(run)["study"], terms)
    importances = find_importances(terms, [one.ended for one in tried if one.ended])
    if asked.json:
        output().write_json(_to_json(run, terms, tried, importances))
    else:
        _show(output(), run, terms, tried, importances, verbose=asked.verbose)
    return int(ExitCode.OK)


def _find_trial(root: Path, every: Sequence[Run], reference: str | None) -> Run:
    """The trial that is meant: the run, or the newest trial of the experiment, or of all."""
    trials = [run for run in every if search_facts(run)]
    for run in trials:
        if reference in (None, "latest", run.experiment, run.experiment.rpartition("::")[2]):
            return run
    named = None if reference is None else load_run(reference, root)
    if named is not None and search_facts(named):
        return named
    what = "no run is a trial" if named is None else f"{named.short_id} is no trial of a search"
    raise UsageError(what, None, "expt experiments/ --search 50 --maximize results.NAME searches")


def _gather(every: Iterable[Run], study: str, terms: SearchTerms) -> list[_Tried]:
    """The trials of a study in their order, of each point the newest run; those by hand first."""
    found: dict[int, dict[Any, Run]] = {}
    by_hand: set[str] = set()
    for run in every:  # the newest first
        facts = search_facts(run)
        if facts.get("study") == study and isinstance(facts.get("number"), int):
            axes = run.listed_lineage.get("sweep") or {}
            found.setdefault(facts["number"], {}).setdefault(axes.get("repeat"), run)
            told = facts.get("by_hand")
            by_hand |= set(map(str, told)) if isinstance(told, list) else set()
    tried = [_judged(None, runs, terms) for runs in _at_one_point(every, by_hand, terms)]
    tried += [_judged(number, found[number].values(), terms) for number in sorted(found)]
    return tried


def _at_one_point(
    every: Iterable[Run], ids: Collection[str], terms: SearchTerms
) -> Iterable[list[Run]]:
    """The runs of these ids by their values, oldest first."""
    points: dict[str, list[Run]] = {}
    for run in every:
        if run.id in ids:
            values = [searched_value(run, each.name) for each in terms.space]
            points.setdefault(repr(values), []).insert(0, run)
    return reversed(points.values())


def _judged(number: int | None, runs: Iterable[Run], terms: SearchTerms) -> _Tried:
    runs = tuple(runs)
    if any(run.status not in ENDED for run in runs):
        return _Tried(number, runs, None)
    values = {each.name: searched_value(runs[0], each.name) for each in terms.space}
    return _Tried(number, runs, judge_runs(runs, terms, values, number))


def _show(
    screen: Screen,
    run: Run,
    terms: SearchTerms,
    tried: Sequence[_Tried],
    importances: dict[str, float],
    *,
    verbose: bool,
) -> None:
    counts = Counter(one.state for one in tried)
    told = ", ".join(f"{count} {state}" for state, count in counts.items())
    goals = ", ".join(map(str, terms.objectives))
    screen.line((run.experiment, "bold"), f"  {goals}, by {terms.sampler}")
    screen.line(f"{len(tried)} of {terms.trials} trials: {told}")
    screen.line()
    screen.line(("best", "bold"))
    _table(screen, terms, _best(tried, terms))
    if importances:
        screen.line()
        screen.line(("what mattered", "bold"))
        names = sorted(importances, key=lambda name: -importances[name])
        shares = [f"{importances[name]:.0%}" for name in names]
        screen.table([Column("", names, "cyan"), Column("", shares, right=True)], indent=2)
    shown = tried if verbose else tried[-_SHOWN:]
    screen.line()
    screen.line(("how it went", "bold"), "  ▲ better than all before")
    _table(screen, terms, shown, _records(tried, terms))
    if len(shown) < len(tried):
        screen.line((f"  … {len(tried) - len(shown)} before them; -v shows them", "dim"))


def _best(tried: Sequence[_Tried], terms: SearchTerms) -> list[_Tried]:
    best = best_of([one.ended for one in tried if one.ended], terms.objectives)
    return [one for one in tried if any(one.ended is each for each in best)]


def _records(tried: Sequence[_Tried], terms: SearchTerms) -> set[str]:
    """The first runs of the trials that were better than all before them; of one objective."""
    records: set[str] = set()
    best: tuple[float, ...] | None = None
    for one in tried if len(terms.objectives) == 1 else ():
        goals = one.ended.goals if one.ended else None
        if is_better(goals, best, terms.objectives):
            best = goals
            records.add(one.runs[0].id)
    return records


def _table(
    screen: Screen, terms: SearchTerms, tried: Sequence[_Tried], records: set[str] | None = None
) -> None:
    numbers = ["by hand" if one.number is None else str(one.number) for one in tried]
    columns = [Column("trial", numbers, right=True, whole=True)]
    for place, objective in enumerate(terms.objectives):
        goals = [one.ended.goals[place] if one.ended and one.ended.goals else None for one in tried]
        texts = ["" if goal is None else number_text(goal) for goal in goals]
        columns.append(Column(objective.name, texts, right=True))
    if records is not None:
        marks = ["▲" if one.runs[0].id in records else "" for one in tried]
        columns.append(Column("", marks, "green"))
        columns.append(Column("state", [one.state for one in tried]))
    for each in terms.space:
        values = [searched_value(one.runs[0], each.name) for one in tried]
        texts = [number_text(v) if type(v) is float else value_text(v) for v in values]
        columns.append(Column(each.name, texts, "cyan", right=each.kind != "choice"))
    columns.append(Column("run", [one.runs[0].short_id for one in tried], "dim"))
    screen.table(columns, indent=2)


def _to_json(
    run: Run, terms: SearchTerms, tried: Sequence[_Tried], importances: dict[str, float]
) -> dict[str, Any]:
    names = [objective.name for objective in terms.objectives]
    return {
        "study": search_facts(run)["study"],
        "experiment": run.experiment,
        "objectives": {one.name: one.direction for one in terms.objectives},
        "best": [one.number for one in _best(tried, terms)],
        "importance": importances,
        "trials": [
            {
                "number": one.number,
                "state": one.state,
                "params": {
                    each.name: to_json(searched_value(one.runs[0], each.name), each.name)
                    for each in terms.space
                },
                "objectives": dict(zip(names, one.ended.goals, strict=True))
                if one.ended and one.ended.goals
                else None,
                "runs": [each.id for each in one.runs],
            }
            for one in tried
        ],
    }
