"""Why nothing was selected, and what there would have been: discovery is asked once more."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from expt.discovery import find_experiments
from expt.discovery.selection import keyword_names
from expt.ground.errors import did_you_mean
from expt.ground.text import some_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from expt.ground.model import Experiment
    from expt.ground.options import Options
    from expt.ground.screen import Line

_SHOWN = 3


def nothing_selected(options: Options, deselected: int) -> list[Line]:
    """Three lines: what there was, what was asked for, the closest names."""
    selection = options.selection
    found = find_experiments(
        selection.paths,
        options.root,
        ignore=selection.ignore,
        configured_paths=selection.configured_paths,
    ).experiments
    if not found:
        places = ", ".join(str(path).removeprefix(f"{options.cwd}/") for path in selection.paths)
        return _told(
            f"there is no experiment in {places}",
            None,
            "an experiment is a function 'experiment_…' in a .py file; 'expt new' writes one",
        )
    asked = [
        *([f"-k {selection.keyword}"] if selection.keyword else []),
        *([f"-m {selection.marks}"] if selection.marks else []),
        *selection.node_ids,
        *(f"--deselect {name}" for name in selection.deselect),
    ]
    names = {
        word
        for experiment in found
        for name in keyword_names(experiment)
        for word in (name, *re.split(r"[^A-Za-z0-9]+", name))
        if word
    }
    words = re.findall(r"[^\s()]+", f"{selection.keyword} {selection.marks}")
    wanted = [word for word in words if word not in ("and", "or", "not")]
    hints = [hint for word in wanted if (hint := did_you_mean(word, names))]
    what = f"nothing selected: {len(found)} found, {max(deselected, 0)} deselected"
    return _told(what, " ".join(asked) or None, hints[0] if hints else _choices(found))


def _choices(found: Sequence[Experiment]) -> str:
    return "experiments: " + some_of((experiment.id for experiment in found), _SHOWN)


def _told(what: str, at: str | None, hint: str) -> list[Line]:
    told: list[Line] = [[(what, "yellow")], [f"  at {at}"], [f"  {hint}"]]
    return told if at else [told[0], told[2]]
