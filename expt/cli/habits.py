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
    if values:
        raise _no_path(values, typed)
    return [
        _understand(place, typed, sorted(verbs), configuration, cwd) if place in strange else place
        for place in places
    ]


def _understand(
    place: str, typed: Sequence[str], verbs: Sequence[str], configuration: Configuration, cwd: Path
) -> str:
    if "::" in place:
        return _whole_node_id(place, configuration, cwd)
    if re.fullmatch(r"[a-z][a-z-]*", place) and place == typed[0]:
        meant = next((verb for verb, others in _MEANT.items() if place in others), None)
        if meant is not None:
            command = f"expt {meant}".strip()
            raise UsageError(
                f"'{place}' is no verb and no path", None, f"the command is: {command}"
            )
        usual = usual_paths(configuration.values)
        close = did_you_mean(place, [*verbs, *usual, *os.listdir(cwd)])
        if close and place not in usual:
            raise UsageError(f"'{place}' is no verb and no path", None, close)
    return place


def _no_path(values: Sequence[str], typed: Sequence[str]) -> UsageError:
    """Values among the paths: the whole command as it is meant."""
    rest = [
        word
        for before, word in itertools.pairwise(["", *typed])
        if word not in values or before in _TAKE_VALUES
    ]
    for value in values:
        bare = value.lstrip("+")
        name, _, text = bare.partition("=")
        swept = "," in text and not text.startswith(("[", "{", "(", '"', "'"))
        rest += ["--sweep" if swept else "-p", f"{name}={text}"]
    import shlex  # slow, and only for mistakes

    what = f"'{values[0]}' is no path; a parameter is set with -p, a list of values is swept"
    return UsageError(what, None, f"the command is: {shlex.join(['expt', *rest])}")


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
