"""`expt params NODEID`: what one experiment is made from; nothing runs.

Its values with their origins, then the providers, hook points, listeners and analyses that take
part, each with file and line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from expt.cli.command_line import read_options
from expt.ground.encoding import to_json
from expt.ground.errors import ExitCode, UsageError
from expt.ground.screen import Column, Screen, output
from expt.sessions.session import describe_session
from expt.terminal.plan_table import case_to_json, print_case

if TYPE_CHECKING:
    from collections.abc import Sequence

    from expt.ground.model import Description, Part

_SECTIONS = ("providers", "points", "listeners", "hooks", "analyses")
_TITLES = {
    "providers": "providers",
    "points": "hook points",
    "listeners": "listeners",
    "hooks": "hooks of conftests",
    "analyses": "analyses",
}


def main(words: list[str]) -> int:
    """Plan what the words select, and tell of each case."""
    options, plugins, parsed = read_options(words, verb="params")
    if not parsed.paths:
        hint = "name it as 'expt --collect-only' does: expt params experiments/x.py::experiment_x"
        raise UsageError("expt params needs an experiment", None, hint)
    described = describe_session(options, plugins)
    screen = output()
    if parsed.json:
        screen.write_json(to_json([_to_json(one) for one in described]))
    else:
        for one in described:
            _show(one, screen, verbose=options.telling.verbosity > 0)
    return int(ExitCode.OK if described else ExitCode.NOTHING_SELECTED)


def show_parts(words: list[str], screen: Screen, sections: Sequence[str]) -> None:
    """The values of what the words select, and some of what takes part."""
    options, plugins, _ = read_options(words, verb="params")
    for one in describe_session(options, plugins)[:1]:
        _show(one, screen, verbose=False, sections=sections)


def _to_json(one: Description) -> dict[str, object]:
    parts = {
        section: [
            {
                "name": part.name,
                "where": str(part.place),
                "description": part.description,
                "detail": part.detail,
            }
            for part in getattr(one, section)
        ]
        for section in _SECTIONS
    }
    return {**case_to_json(one.case), "prose": one.prose, **parts}


def _show(
    one: Description, screen: Screen, *, verbose: bool, sections: Sequence[str] = _SECTIONS
) -> None:
    print_case(one.case, screen, verbose=verbose)
    if one.prose and sections is _SECTIONS:
        screen.line()
        screen.markdown(one.prose, indent=2)
    for section in sections:
        parts: Sequence[Part] = getattr(one, section)
        if parts:
            told = ["  ".join(filter(None, [part.detail, part.description])) for part in parts]
            screen.lines([[], [(_TITLES[section], "bold")]])
            columns = [
                Column("", [part.name for part in parts], "cyan", whole=True),
                Column("", [str(part.place) for part in parts]),
                Column("", told),
            ]
            screen.table(columns, indent=2)
