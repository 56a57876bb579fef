"""The words that choose runs, the same for every verb that takes REFs and filters."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from expt.ground.errors import UsageError
from expt.reading import Runs, find_runs, load_run
from expt.reading.fields import MISSING, field_value
from expt.reading.where import UNKNOWN, compile_condition

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping

    from expt.reading import Run
    from expt.reading.where import Condition

_FILTERS: Final = ("k", "where", "status", "tag", "since", "until", "limit", "smoke", "scratch")


def add_filters(parser: argparse.ArgumentParser) -> None:
    """REF… and the filters."""
    add: Any = parser.add_argument
    add(
        "references",
        metavar="REF",
        nargs="*",
        help="these runs; none takes all that the filters leave",
    )
    add("-k", default="", metavar="EXPR", help="only runs whose names match, as in 'expt run -k'")
    add(
        "--where",
        default="",
        metavar="EXPR",
        help="only where 'lr < 0.1 and results.accuracy > 0.9'",
    )
    add("--status", action="append", metavar="STATUS", help="only this status; repeatable")
    add("--tag", action="append", metavar="TAG", help="only with this tag; repeatable, all of them")
    add("--since", metavar="WHEN", help="only started since: 2026-11-23, '2 days ago', yesterday")
    add("--until", metavar="WHEN", help="only started until")
    add("--limit", type=int, metavar="N", help="at most N runs")
    add("--smoke", action="store_true", help="archives of --smoke too")
    add("--scratch", action="store_true", help="archives of --scratch too")
    add("--runs", type=Path, metavar="DIR", help="the archive root")


def is_choosing(asked: argparse.Namespace) -> bool:
    """Whether any run was named, or any filter given."""
    return bool(asked.references) or any(getattr(asked, name) for name in _FILTERS)


def find_chosen(
    root: Path, asked: argparse.Namespace, more: Mapping[str, str] | None = None
) -> Runs:
    """The runs that were named, or that the filters and `more` of them leave."""
    more = more or {}
    if asked.references:
        places = {"smoke": asked.smoke, "scratch": asked.scratch}
        found = Runs([load_run(reference, root, **places) for reference in asked.references])
    else:
        limit = more.get("limit") or asked.limit
        if limit is not None and not str(limit).isdigit():
            raise UsageError(f"'{limit}' is no number of runs", "--limit")
        found = find_runs(
            root,
            k=more.get("k", asked.k),
            status=more.get("status", asked.status),
            tag=more.get("tag", asked.tag),
            since=more.get("since", asked.since),
            until=more.get("until", asked.until),
            limit=int(limit) if limit else None,
            smoke=asked.smoke,
            scratch=asked.scratch,
        )
    for text in filter(None, (asked.where, more.get("where"))):
        found = found.filter(_acceptance(compile_condition(text)))
    return found


def _acceptance(condition: Condition) -> Callable[[Run], bool]:
    def accept(run: Run) -> bool:
        def look(name: str) -> Any:
            value = field_value(run, name)
            return UNKNOWN if value is MISSING else value

        return condition.matches(look)

    return accept
