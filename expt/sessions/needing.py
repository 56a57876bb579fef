"""Cases that need the runs of others: which may begin, and what they are given.

add ─► ready ─ next ─► runs ─ hear ─► those that needed it are ready, or are skipped
"""

from __future__ import annotations

import heapq
from collections import Counter
from typing import TYPE_CHECKING

from expt.ground.model import PinnedRun
from expt.ground.text import dotted
from expt.ground.value_classes import evolve

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from expt.ground.model import Case, Outcome

HowEnded = PinnedRun | str
"""The run that a case was, or why there is none."""


class Unbegun:
    """The cases of a session that have not begun, in their order.

    `reused` are runs that take the place of cases which are not run again, by the ids of these.
    """

    def __init__(self, reused: Mapping[str, PinnedRun]) -> None:
        self._count = 0
        self._ready: list[tuple[int, Case]] = []
        self._blocked: dict[str, tuple[int, Case]] = {}
        self._askers: dict[str, list[str]] = {}  # of a case that has not ended: those that need it
        self._expected: set[str] = set()  # the ids of those that have been added and not ended
        self._ended: dict[str, HowEnded] = dict(reused)
        self._keys: Counter[str] = Counter()  # session keys of all that has not begun

    def add(self, cases: Iterable[Case], reused: Mapping[str, PinnedRun] | None = None) -> None:
        """Cases that are to begin after those that were added before, once their needs allow it."""
        cases = tuple(cases)
        self._ended |= reused or {}
        self._expected.update(case.id for case in cases)
        for case in cases:
            self._count += 1
            self._keys.update(case.session_keys)
            self._place(self._count, case)

    def next(self) -> Case | None:
        """The next case that may begin; one whose need has failed comes with its `skip`."""
        if not self._ready:
            return None
        _, case = heapq.heappop(self._ready)
        self._keys.subtract(case.session_keys)
        return _with_runs(case, self._ended)

    @property
    def session_keys(self) -> frozenset[str]:
        """Those that cases need which have not begun."""
        return frozenset(key for key, count in self._keys.items() if count > 0)

    def hear(self, case: Case, outcome: Outcome, started: str) -> None:
        """A case has ended, for good. `started` is when its run began (ISO 8601)."""
        self._expected.discard(case.id)
        self._ended[case.id] = _how(case, outcome, started)
        for asker in self._askers.pop(case.id, ()):
            if asker in self._blocked:
                self._place(*self._blocked.pop(asker))

    def leave_out(self, case: Case) -> list[Case]:
        """A case is not run here, and has no run yet: so it is with what needs it, given back."""
        self._expected.discard(case.id)
        left = []
        for id_, (_, other) in list(self._blocked.items()):
            if id_ in self._blocked and case.id in needed_ids(other):
                del self._blocked[id_]
                self._keys.subtract(other.session_keys)
                left += [other, *self.leave_out(other)]
        return left

    def _place(self, order: int, case: Case) -> None:
        for needed in needed_ids(case):
            if needed in self._expected:
                self._askers.setdefault(needed, []).append(case.id)
                self._blocked[case.id] = order, case
                return
        heapq.heappush(self._ready, (order, case))


def _with_runs(case: Case, ended: Mapping[str, HowEnded]) -> Case:
    """The case as it is to be run now that all it needs have ended."""
    if not case.needs or case.skip is not None:
        return case
    params = dict(case.params)
    runs: dict[str, PinnedRun] = {}
    for name, ids in case.needs.items():
        many = isinstance(params[name], list)
        values = []
        for at, id_ in enumerate(ids):
            run = ended.get(id_, f"{id_}, which was not run")
            if isinstance(run, str):
                return evolve(case, skip=f"it needs {run}")
            values.append(run.value)
            runs[dotted((name, at) if many else (name,))] = run
        params[name] = values if many else values[0]
    return evolve(case, params=params, runs={**case.runs, **runs})


def _how(case: Case, outcome: Outcome, started: str) -> HowEnded:
    if outcome.status == "completed":
        return PinnedRun(outcome.run_id, outcome.run_id, case.id, started)
    said = "failed" if outcome.status == "failed" else f"was {outcome.status}"
    return f"{case.id}, which {said}"


def needed_ids(case: Case) -> list[str]:
    return [id_ for ids in case.needs.values() for id_ in ids]
