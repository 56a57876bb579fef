"""Why nothing was selected, and what there would have been: discovery is asked once more."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from expt.discovery import find_experiments, keyword_names
from expt.ground.errors import did_you_mean
from expt.ground.text import visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from expt.ground.model import Experiment
    from expt.ground.options import Options
    from expt.ground.screen import Screen

_SHOWN = 3


def nothing_selected(screen: Screen, options: Options, deselected: int) -> str:
    """Three lines: what there was, what was asked for, the closest names."""
    found = find_experiments(
        options.selection.paths,
        options.root,
        ignore=options.selection.ignore,
        configured_paths=options.selection.configured_paths,
    ).experiments
    if not found:
        places = ", ".join(_relative(path, options) for path in options.selection.paths)
        return _told(
            screen,
            f"there is no experiment in {places}",
            None,
            "an experiment is a function 'experiment_…' in a .py file; 'expt new' writes one",
        )
    asked = [
        *([f"-k {options.selection.keyword}"] if options.selection.keyword else []),
        *([f"-m {options.selection.marks}"] if options.selection.marks else []),
        *options.selection.node_ids,
        *(f"--deselect {name}" for name in options.selection.deselect),
    ]
    names = {
        word
        for experiment in found
        for name in keyword_names(experiment)
        for word in (name, *re.split(r"[^A-Za-z0-9]+", name))
        if word
    }
    words = re.findall(r"[^\s()]+", f"{options.selection.keyword} {options.selection.marks}")
    wanted = [word for word in words if word not in ("and", "or", "not")]
    hints = [hint for word in wanted if (hint := did_you_mean(word, names))]
    what = f"nothing selected: {len(found)} found, {max(deselected, 0)} deselected"
    return _told(screen, what, " ".join(asked) or None, hints[0] if hints else _choices(found))


def _choices(found: Sequence[Experiment]) -> str:
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return "experiments: " + ", ".join(experiment.id for experiment in found[:_SHOWN]) + more


def _relative(path: object, options: Options) -> str:
    text = str(path)
    return text.removeprefix(f"{options.cwd}/")


def _told(screen: Screen, what: str, at: str | None, hint: str) -> str:
    place = f"  at {visible(at)}\n" if at else ""
    return f"{screen.paint(visible(what), 'warn')}\n{place}  {visible(hint)}\n"
