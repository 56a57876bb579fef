"""What people type who know other tools, or who paste what a screen shows.

expt list                        a verb of another tool    ─► the verb that is meant
expt experiments/ lr=0.1         a value as in Hydra       ─► the same command with -p
expt mlp.py::experiment_mlp      a node id as it is shown  ─► the whole one, where it is unique
"""

from __future__ import annotations

import itertools
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from expt.ground.errors import UsageError, did_you_mean
from expt.ground.layout import usual_paths
from expt.ground.text import some_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from expt.ground.configuration import Configuration

_VALUE: Final = re.compile(r"\+{0,2}[A-Za-z_][\w.]*\+?=.*", re.DOTALL)
_MEANT: Final = {
    "show": ("list", "ls", "runs", "log", "logs", "history", "compare", "status", "info"),
    "new": ("init", "create", "add"),
    "render": ("plot", "draw"),
    "view": ("ui", "dashboard", "server", "serve"),
    "--plan": ("plan", "dry-run", "preview"),
    "--collect-only": ("collect", "discover"),
    "--help": ("help",),
    "--version": ("version",),
    "--sweep": ("sweep", "multirun", "grid"),
    "": ("test", "start", "exec", "train"),
}
_OF_SESSIONS: Final = ("", "--plan", "--collect-only")
_ALONE: Final = ("--help", "--version")
"""Of what is meant: what takes values among its paths as a session does, and what takes nothing."""
_TAKE_VALUES: Final = ("-p", "--sweep", "--space")
_SHOWN: Final = 5


def understand_places(
    places: Sequence[str],
    typed: Sequence[str],
    verbs: Iterable[str],
    configuration: Configuration,
    cwd: Path,
) -> list[str]:
    """The places, short node ids made whole. Raises `UsageError` with the next command."""
    strange = [
        place for place in places if not os.path.lexists(cwd / place.partition("::")[0][:4000])
    ]
    values = [place for place in strange if _VALUE.fullmatch(place)]
    meant = _another_verb(typed[0]) if typed and typed[0] in strange else None
    if meant is not None:
        rest = typed[1:] if meant not in _ALONE else []
        rest = _with_options(values, rest) if meant in _OF_SESSIONS else rest
        told = _command([*filter(None, [meant]), *rest])
        raise UsageError(f"'{typed[0]}' is no verb and no path", None, told)
    if values:
        what = f"'{values[0]}' is no path; a parameter is set with -p, a list of values is swept"
        raise UsageError(what, None, _command(_with_options(values, typed)))
    return [
        _understand(place, typed, sorted(verbs), configuration, cwd) if place in strange else place
        for place in places
    ]


def _another_verb(word: str) -> str | None:
    """What is meant by a word that is a verb of another tool."""
    return next((verb for verb, others in _MEANT.items() if word in others), None)


def _with_options(values: Sequence[str], typed: Sequence[str]) -> list[str]:
    """The words with the values that stand among the paths set as ours are."""
    words = [
        word
        for before, word in itertools.pairwise(["", *typed])
        if word not in values or before in _TAKE_VALUES
    ]
    for value in values:
        bare = value.lstrip("+")
        name, _, text = bare.partition("=")
        swept = "," in text and not text.startswith(("[", "{", "(", '"', "'"))
        words += ["--sweep" if swept else "-p", f"{name}={text}"]
    return words


def _command(words: Sequence[str]) -> str:
    import shlex  # slow, and only for mistakes

    return f"the command is: {shlex.join(['expt', *words])}"


def _understand(
    place: str, typed: Sequence[str], verbs: Sequence[str], configuration: Configuration, cwd: Path
) -> str:
    if "::" in place:
        return _whole_node_id(place, configuration, cwd)
    if re.fullmatch(r"[a-z][a-z-]*", place) and place == typed[0]:
        usual = usual_paths(configuration.values)
        close = did_you_mean(place, [*verbs, *usual, *os.listdir(cwd)])
        if close and place not in usual:
            raise UsageError(f"'{place}' is no verb and no path", None, close)
    return place


def _whole_node_id(place: str, configuration: Configuration, cwd: Path) -> str:
    """The node id that ends so, as a path from here; the word itself where none or many do."""
    from expt.discovery import find_experiments  # not needed for most

    bare, bracket, label = place.partition("[")
    values = configuration.values
    paths = [configuration.root / path for path in usual_paths(values)]
    found = find_experiments(
        [path for path in paths if path.exists()],
        configuration.root,
        ignore=values.get("ignore", ()),
    ).experiments
    ends = sorted({each.id for each in found if each.id.endswith(f"/{bare}")})
    if len(ends) > 1:
        raise UsageError(f"'{bare}' may be {len(ends)} experiments", None, some_of(ends, _SHOWN))
    if not ends:
        return place
    path, colons, name = ends[0].partition("::")
    relative = Path(os.path.relpath(configuration.root / path, cwd)).as_posix()
    return f"{relative}{colons}{name}{bracket}{label}"
