"""Searches and plugins feed the schedule: what is known decides on the next cases.

archives ─► studies ─ more ─► cases ─ ─ ► runs ─ ─ ► outcome ─ hear ─► studies, plugins
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from expt.archive.record import read_outcome
from expt.ground.encoding import Unstorable, to_json
from expt.ground.errors import ExptError, ReadingError, UsageError
from expt.ground.messages import CasesAdded, MoreRequest, Notice, SearchEnded, TrialRequest
from expt.ground.model import Plan
from expt.ground.objects import safe_repr
from expt.ground.options import runs_root
from expt.ground.text import number_text, value_text
from expt.ground.trials import SpacePoint
from expt.ground.value_classes import evolve

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from expt.ground.model import Case, Outcome, Search
    from expt.ground.options import Options
    from expt.plugins.manager import Plugins
    from expt.reading.run import Run
    from expt.searching.ended import Ended
    from expt.searching.study import Study
    from expt.sessions.books import Books
    from expt.sessions.crew import Crew


Studies = list[tuple["Search", "Study"]]
"""The searches of a plan, each with what is known of it."""


def open_studies(crew: Crew, options: Options, plugins: Plugins, plan: Plan) -> Studies:
    """The searches of a plan with what the archives know of each.

    Raises `UsageError` for a sampler that there is not, or that cannot take the space.
    """
    if not plan.searches:
        return []
    from expt.searching.samplers import make_sampler  # reads archives, and few sessions search
    from expt.searching.study import Study

    studies = []
    for search in plan.searches:
        runs = _runs_that_count(crew, options, search)
        if search.drawn:  # nobody gave a seed: the one that the search began with
            from expt.searching.ended import search_facts

            facts = [search_facts(run) for run, _, _ in runs]
            seeds = [one["seed"] for one in facts if one.get("study") == search.study]
            if seeds:
                search = evolve(search, terms=evolve(search.terms, seed=seeds[-1]))
        sampler = plugins.decide("expt_make_sampler", terms=search.terms)
        ended, by_hand = _ended(search, runs)
        study = Study(search.terms, sampler or make_sampler(search.terms), ended)
        studies.append((evolve(search, by_hand=by_hand), study))
    return studies


def with_known(plan: Plan, studies: Studies) -> Plan:
    """The plan, its searches with a word on what is known of each."""
    told = tuple(evolve(search, known=tell_known(study)) for search, study in studies)
    return evolve(plan, searches=told)


def tell_known(study: Study) -> str:
    if not study.ended:
        return "nothing is known yet"
    by_hand = sum(one.number is None for one in study.ended)
    told = f"{len(study.ended)} of {study.terms.trials} trials are known"
    told += f", {by_hand} of them run by hand" if by_hand else ""
    best = study.best()
    if not best:
        return told
    if len(best) > 1:
        return f"{told}; no other is better than {len(best)} of them"
    goals = zip(study.terms.objectives, best[0].goals or (), strict=True)
    said = [f"{objective.name} {number_text(goal)}" for objective, goal in goals]
    said += [f"{name} = {_short(value)}" for name, value in best[0].values.items()]
    return f"{told}; the best: {', '.join(said)}"


def _short(value: Any) -> str:
    return number_text(value) if type(value) is float else value_text(value)


_Point = tuple["Run", dict[str, Any], "Case"]
"""A run that counts, its values in the space, and the case that it would be now."""


def _runs_that_count(crew: Crew, options: Options, search: Search) -> list[_Point]:
    """The runs that the search could have left: of the same code, inputs and other values."""
    from expt.searching.ended import find_points

    found = find_points(runs_root(options), search)
    points = []
    for run, values in found:
        axes = run.listed_lineage.get("sweep")
        points.append(SpacePoint(0, values, axes if isinstance(axes, dict) else {}))
    if not points:
        return []
    cases = crew.ask(TrialRequest(search, tuple(points))).cases
    return [
        (run, values, case)
        for (run, values), (*_, case) in zip(found, cases, strict=True)
        if run.listed_lineage.get("fingerprint") == case.fingerprint
    ]


def _ended(search: Search, runs: Sequence[_Point]) -> tuple[list[Ended], tuple[str, ...]]:
    """The trials that runs are, those of this search by their numbers, others by their values.

    With the ids of the others' runs.
    """
    from expt.searching.ended import judge_runs, search_facts

    own: dict[int, dict[Any, _Point]] = {}
    others: dict[str, list[_Point]] = {}
    for point in runs:
        facts = search_facts(point[0])
        number = facts.get("number")
        if facts.get("study") == search.study and isinstance(number, int):
            own.setdefault(number, {})[point[2].axes.get("repeat")] = point  # the newest counts
        else:
            others.setdefault(repr(point[1]), []).append(point)
    ended, by_hand = [], list[str]()
    for points in others.values():
        one = judge_runs([run for run, _, _ in points], search.terms, points[0][1], None)
        if one.state != "failed":
            ended.append(one)
            by_hand += [run.id for run, _, _ in points]
    for number, repeats in own.items():
        points = list(repeats.values())
        if len(points) >= (search.repeats or 1):
            ended.append(
                judge_runs([run for run, _, _ in points], search.terms, points[0][1], number)
            )
    return ended, tuple(by_hand)


def _points_of(answer: Any) -> list[dict[str, Any]]:
    """What a plugin answered, checked. Raises `UsageError`."""
    hint = 'it gives a list of tables of values: [{"lr": 0.1}]'
    if not (isinstance(answer, (list, tuple)) and all(isinstance(one, Mapping) for one in answer)):
        raise UsageError(f"a plugin's expt_add_cases gave {safe_repr(answer)}", None, hint)
    try:
        to_json(answer, "expt_add_cases")
    except Unstorable as error:
        raise UsageError(f"a plugin's answer is no value: {error}", None, hint) from None
    return [dict(one) for one in answer]


class Feed:
    """What is still to be decided on."""

    def __init__(
        self,
        options: Options,
        crew: Crew,
        books: Books,
        plugins: Plugins,
        studies: Studies,
        plan: Plan,
    ) -> None:
        self.reused = dict(plan.reused)  # under --resume, in the place of cases
        self._options = options
        self._crew = crew
        self._books = books
        self._plugins = plugins
        self._studies = list(studies)
        self._added: list[Case] = []  # by plugins, and not begun
        self._trials: dict[str, tuple[Search, Study, int]] = {}  # by the id of each case that runs
        self._heard: dict[tuple[str, int], list[Run | None]] = {}
        planned = (*plan.cases, *plan.done)
        self._by_id = {case.id: case for case in planned}  # all that this session has
        self._by_fingerprint = {case.fingerprint or case.id: case.id for case in planned}
        self._mistake: ExptError | None = None  # why a search ended before its time

    def begin(self, plan: Plan) -> None:
        """Let plugins hear of what was done before."""
        if self._plugins.listens("expt_add_cases"):
            self._hear_of_done(case.id for case in plan.done)

    def more(self) -> tuple[Case, ...]:
        """The cases that plugins added, or of one more trial; empty where none is to begin now."""
        if self._added:
            added, self._added = tuple(self._added), []
            return added
        for search, study in self._studies if self._mistake is None else ():
            point = study.ask()
            if point is None:
                continue
            cases: tuple[Case, ...]
            (cases,) = self._crew.ask(TrialRequest(search, (point,))).cases
            self._trials |= {
                case.id: (search, study, point.number) for case in cases if case.trial is not None
            }
            cases = self._made_once(cases)
            self._books.hear(CasesAdded(cases, self._left))
            return cases
        return ()

    def _made_once(self, cases: Iterable[Case]) -> tuple[Case, ...]:
        """The cases, without those that this session has already, and those that are done."""
        same: dict[str, str] = {}
        fresh = []
        for case in cases:
            if case.trial is None:
                id_, alike = case.id, case.fingerprint or case.id
                if alike in self._by_fingerprint:
                    same[id_] = self._by_fingerprint[alike]
                    continue
                while case.id in self._by_id:  # of other values, which are too long to be named
                    case = evolve(case, label=f"{case.label}_")
                same[id_] = self._by_fingerprint[alike] = case.id
                self._by_id[case.id] = case
            needs = {name: tuple(same[id_] for id_ in ids) for name, ids in case.needs.items()}
            fresh.append(evolve(case, needs=needs))
        settled = tuple(case for case in fresh if case.trial is None)
        if settled and self._options.running.resume:
            from expt.sessions.looking_back import look_back  # slow: it reads runs

            looked = look_back(Plan(settled), self._options, self.reused)
            self.reused |= looked.reused
            going_on = {case.id: case for case in looked.cases}
            fresh = [going_on.get(case.id, case) for case in fresh if case.id not in looked.reused]
        return tuple(fresh)

    @property
    def _left(self) -> int:
        """How many runs of trials may follow."""
        return sum(one.left * (each.repeats or 1) for each, one in self._studies)

    @property
    def open_trials(self) -> int:
        """How many trials have begun and not ended."""
        return len({(search.study, number) for search, _, number in self._trials.values()})

    def conclude(self) -> None:
        """Say what each search has come to. Raises the `ExptError` of one that means nothing."""
        for search, study in self._studies:
            self._books.hear(SearchEnded(evolve(search, known=tell_known(study))))
        if self._mistake is not None:
            raise self._mistake

    def hear(self, case: Case, outcome: Outcome) -> None:
        """Know how a case ended, and the trial with the last of its cases."""
        if case.id in self._trials:
            self._hear_trial(case, outcome)
        if outcome.status != "interrupted" and self._plugins.listens("expt_add_cases"):
            self._hear_of_done(self._ask_plugins(case, outcome))

    def _ask_plugins(self, case: Case, outcome: Outcome) -> list[str]:
        """Add what plugins want beside a case that has ended; the ids of what is done of that."""
        if self._mistake is not None:
            return []
        before = set(self.reused)
        try:
            answers = self._plugins.decide("expt_add_cases", case=case, outcome=outcome)
            points = tuple(point for answer in answers for point in _points_of(answer))
            if not points:
                return []
            groups = self._crew.ask(MoreRequest(case, points)).cases
        except ExptError as error:  # told at the end, when what runs has ended
            self._mistake = error
            return []
        cases = self._made_once(each for group in groups for each in group)
        self._added += cases
        self._books.hear(CasesAdded(cases, self._left))
        return [id_ for id_ in self.reused if id_ not in before]

    def _hear_of_done(self, ids: Iterable[str]) -> None:
        """Let plugins hear of runs that take the place of cases, and of what these lead to."""
        left = [id_ for id_ in ids if id_ in self.reused]
        while left:
            id_ = left.pop(0)
            with contextlib.suppress(ReadingError):  # removed or damaged since it was looked for
                outcome = read_outcome(Path(self.reused[id_].path), id_)
                left += self._ask_plugins(self._by_id[id_], outcome)

    def _hear_trial(self, case: Case, outcome: Outcome) -> None:
        from expt.reading.references import load_archive
        from expt.searching.ended import Ended, judge_runs

        search, study, number = self._trials.pop(case.id)
        heard = self._heard.setdefault((search.study, number), [])
        heard.append(load_archive(outcome.path) if outcome.path else None)
        if len(heard) < (search.repeats or 1) or outcome.status == "interrupted":
            return
        values = study.values_of(number)
        runs = [run for run in heard if run is not None]
        if len(runs) < len(heard):
            study.tell(Ended(number, values, "failed"))
            return
        self._look_for_goals(study, runs)
        study.tell(judge_runs(runs, study.terms, values, number))

    def _look_for_goals(self, study: Study, runs: Sequence[Run]) -> None:
        """Where a completed run has no number for an objective: of the first trial, a mistake."""
        from expt.reading.fields import unknown_field
        from expt.searching.ended import goal_of, state_of

        for run in runs:
            for objective in study.terms.objectives:
                if state_of(run) != "completed" or goal_of(run, objective) is not None:
                    continue
                if not any(one.goals for one in study.ended):
                    self._mistake = unknown_field([run], objective.name)
                    return
                told = f"it has no finite number '{objective.name}': the trial failed"
                self._books.hear(Notice(told, run.node_id))
