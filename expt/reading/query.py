"""What a run must be to be found: the words of every verb as one `Query`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from expt.ground.clock import local_now, since_epoch
from expt.ground.errors import UsageError, suggestion
from expt.ground.expression import Expression, compile_expression, keyword_matcher
from expt.ground.model import STATUSES
from expt.ground.value_classes import field, frozen
from expt.reading.fields import FIELDS, MISSING, field_value
from expt.reading.moments import parse_day, parse_moment
from expt.reading.where import UNKNOWN, Condition, compile_condition

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterable

    from expt.reading.run import Run
    from expt.reading.shelves import Row


@frozen
class Query:
    """What a run must be to be found. Times are microseconds since 1970, `end` is not included."""

    keyword: Expression
    statuses: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    begin: int | None = None
    end: int | None = None
    session: str = ""
    condition: Condition | None = None
    seen: set[str] = field(factory=set)
    """Names of the condition that a run had."""

    @property
    def _written_statuses(self) -> frozenset[str]:
        """A lost run says in its file that it is running."""
        return self.statuses | {"running"} if "lost" in self.statuses else self.statuses

    def admits_row(self, row: Row) -> bool:
        """False for what the index alone can exclude; `-k` is asked elsewhere."""
        if self.statuses and row.status not in self._written_statuses:
            return False
        if self.tags and not self.tags <= set(row.tags):
            return False
        return self._is_in_time(row.started)

    def admits(self, run: Run) -> bool:
        """Whether a run is what is asked for, names aside."""
        if self.statuses and run.status not in self.statuses:
            return False
        timed = self.begin is not None or self.end is not None
        if timed and not self._is_in_time(since_epoch(run.started)):
            return False
        if self.session and not (run.session or "").startswith(self.session):
            return False
        if self.tags and not self.tags <= set(run.tags):
            return False
        return self.condition is None or self.condition.matches(lambda name: self._look(run, name))

    def _is_in_time(self, started: int) -> bool:
        if self.begin is not None and started < self.begin:
            return False
        return self.end is None or started < self.end

    def _look(self, run: Run, name: str) -> Any:
        value = field_value(run, name)
        if value is MISSING:
            return UNKNOWN
        self.seen.add(name)
        return value

    def unknown_names(self) -> list[str]:
        """Names of the condition that no run had that was asked for them."""
        names = frozenset() if self.condition is None else self.condition.names
        return sorted(names - self.seen - set(FIELDS))


def make_query(
    *,
    k: str = "",
    where: str = "",
    status: str | Iterable[str] | None = None,
    tag: str | Iterable[str] | None = None,
    on: str | None = None,
    session: str | None = None,
    since: str | dt.datetime | None = None,
    until: str | dt.datetime | None = None,
) -> Query:
    """The query that words such as those of `find_runs` mean. Raises `UsageError`."""
    now = local_now()
    begins = [_microseconds(since, "--since", now)]
    ends = [_microseconds(until, "--until", now, later=1)]
    if on is not None:
        day = parse_day(on, "--on", now)
        begins.append(_microseconds(day[0], "--on", now))
        ends.append(_microseconds(day[1], "--on", now))
    return Query(
        compile_expression(k, "-k"),
        _known_statuses(_texts(status)),
        frozenset(_texts(tag)),
        max((begin for begin in begins if begin is not None), default=None),
        min((end for end in ends if end is not None), default=None),
        session or "",
        compile_condition(where, now) if where.strip() else None,
    )


def name_filter(keyword: Expression) -> Callable[[str, str | None], bool]:
    """Whether `-k` selects an experiment's case; each is asked once."""
    known: dict[tuple[str, str | None], bool] = {}

    def admits(experiment: str, case: str | None) -> bool:
        key = (experiment, case)
        if key not in known:
            names = experiment.replace("::", "/").split("/")
            matches = keyword_matcher([*names, *([case] if case else [])], complete=True)
            known[key] = keyword.evaluate(matches) is True
        return known[key]

    return admits if keyword.text.strip() else lambda *_: True


def _texts(value: str | Iterable[str] | None) -> list[str]:
    return [] if value is None else [value] if isinstance(value, str) else list(value)


def _known_statuses(statuses: Iterable[str]) -> frozenset[str]:
    for status in statuses:
        if status not in STATUSES:
            hint = suggestion(status, STATUSES, "there are")
            raise UsageError(f"there is no status '{status}'", "--status", hint)
    return frozenset(statuses)


def _microseconds(
    moment: str | dt.datetime | None, option: str, now: dt.datetime, *, later: int = 0
) -> int | None:
    if moment is None:
        return None
    if isinstance(moment, str):
        moment = parse_moment(moment, option, now)
    try:
        return since_epoch(moment) + later
    except (ValueError, OverflowError):
        raise UsageError(f"'{moment}' is too far from here", option) from None
