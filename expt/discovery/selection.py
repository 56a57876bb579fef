"""Which experiments are meant: node ids, `-k`, `-m` and `--deselect`, before and after planning.

Both times the same questions are asked of a case. Before planning an answer may be unknown, and
then the experiment is kept.
"""

from __future__ import annotations

import os
import re
from functools import cached_property
from typing import TYPE_CHECKING, Final, Protocol

from expt.discovery.labels import UNKNOWN_CASE, known_labels
from expt.ground.errors import UsageError, did_you_mean
from expt.ground.expression import compile_selection
from expt.ground.model import folder_place
from expt.ground.text import python_name, some_of
from expt.ground.value_classes import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from expt.ground.model import Experiment
    from expt.ground.options import SelectionOptions

_NODE_ID: Final = re.compile(r"(.*)::([^:/\[\]]+)(?:\[([^\[\]]*)\])?", re.DOTALL)
_SHOWN: Final = 8


class NameCondition(Protocol):
    """What `-k` or `-m` asks: whether names fulfil it; None where more names may come."""

    def admits(self, names: Iterable[str], *, complete: bool) -> bool | None: ...


def split_node_id(text: str) -> tuple[str, str | None, str | None]:
    """Path, function and case of an argument; a path alone has neither of the other two.

    `[?]`, which listings show where the cases are not known, names no case.
    """
    match = _NODE_ID.fullmatch(text)
    if match is None:
        return text, None, None
    path, function, case = match.groups()
    return path, python_name(function), None if case == UNKNOWN_CASE else case


def place_node_id(text: str, cwd: Path, root: Path) -> str:
    """A node id or path as typed in `cwd`, as experiments bear it: relative to the root."""
    path, function, case = split_node_id(text)
    place = os.path.relpath(os.path.join(cwd, path), root).replace(os.sep, "/")
    if function is None:
        return place
    place = folder_place(place) if os.path.isdir(root / place) else place
    return f"{place}::{function}" + ("" if case is None else f"[{case}]")


def keyword_names(experiment: Experiment) -> tuple[str, ...]:
    """The names that `-k` sees: folders below the root, file, function, marks, and the node id."""
    folders = [part for part in experiment.place.split("/") if part != "."]
    return (*folders, experiment.name, *experiment.marks, experiment.id)


def case_names(experiment: Experiment, label: str | None) -> tuple[str, ...]:
    """What `-k` sees of a case: its node id, which has every other name in it, and its marks."""
    return (_case_id(experiment, label), *experiment.marks)


def _case_id(experiment: Experiment, label: str | None) -> str:
    return experiment.id if label is None else f"{experiment.id}[{label}]"


@frozen
class Selected:
    """What a selection keeps of the experiments that were found, and how many it leaves out.

    `unsure` are the ids of those that are kept only because their cases or marks are not known
    before planning. `case_ids` are for a listing: `path::experiment_x[?]` where none is known.
    """

    experiments: tuple[Experiment, ...]
    unsure: frozenset[str]
    case_ids: tuple[str, ...]
    left_out: int


@frozen
class Conditions:
    """What a case must be to be meant; `node_ids` may hold plain paths too."""

    keyword: NameCondition | None = None
    marks: NameCondition | None = None
    node_ids: Sequence[str] = ()
    deselect: Sequence[str] = ()

    @cached_property
    def named(self) -> list[tuple[str, str | None, str | None]]:
        """The node ids, taken apart."""
        return [split_node_id(text) for text in self.node_ids]


EVERYTHING: Final = Conditions()


def read_conditions(words: SelectionOptions) -> Conditions:
    """What the command line says. Raises `UsageError` for what is no expression."""
    keyword, marks = compile_selection(words.keyword, words.marks)
    return Conditions(keyword, marks, words.node_ids, words.deselect)


def select_experiments(
    experiments: Sequence[Experiment], meant: Conditions = EVERYTHING
) -> Selected:
    """Those of which a case may be meant.

    `experiments` is everything found, with the axes of the command line (`with_axes`). Raises
    `UsageError` for a node id that names nothing.
    """
    for text, (path, function, case) in zip(meant.node_ids, meant.named, strict=True):
        if function is not None:
            _reject_unknown(text, path, function, case, experiments)
    kept = []
    unsure = set()
    case_ids: list[str] = []
    everything = meant == EVERYTHING
    for experiment in experiments:
        labels = known_labels(experiment)
        if everything and labels == [None]:
            kept.append(experiment)
            case_ids.append(experiment.id)
            continue
        known = labels is not None
        answers = {x: _judge(experiment, x, meant, known, False) for x in labels or [None]}
        answers = {label: answer for label, answer in answers.items() if answer is not False}
        if not answers:
            continue
        kept.append(experiment)
        if True not in answers.values():
            unsure.add(experiment.id)
        case_ids += [_case_id(experiment, x if known else UNKNOWN_CASE) for x in answers]
    return Selected(tuple(kept), frozenset(unsure), tuple(case_ids), len(experiments) - len(kept))


def matches_case(experiment: Experiment, label: str | None, meant: Conditions) -> bool:
    """Whether one case is meant, once its label and every mark of `experiment` are known."""
    return _judge(experiment, label, meant, True, True) is True


def _judge(
    experiment: Experiment, label: str | None, meant: Conditions, label_known: bool, final: bool
) -> bool | None:
    """Whether a case is meant; None where that is not yet known."""
    marks_known = final or experiment.marks_complete
    answers = (
        _is_named(experiment, label, label_known, meant.named),
        _is_left(experiment, label, label_known, meant.deselect),
        meant.keyword is None
        # what a library's decorator adds is no name that -k waits for: it knows nothing of expt
        or meant.keyword.admits(case_names(experiment, label), complete=label_known),
        meant.marks is None or meant.marks.admits(experiment.marks, complete=marks_known),
    )
    if False in answers:
        return False
    return None if None in answers else True


def _is_named(
    experiment: Experiment,
    label: str | None,
    label_known: bool,
    named: Sequence[tuple[str, str | None, str | None]],
) -> bool | None:
    """Whether the arguments name a case; what stands in none of their places is meant."""
    answer: bool | None = True
    for path, function, case in named:
        if path not in (".", experiment.place) and not experiment.place.startswith(f"{path}/"):
            continue
        if function is None:
            return True
        if function == experiment.name and path == experiment.place:
            if case is None or (label_known and case == label):
                return True
            if not label_known:
                answer = None
        if answer is True:
            answer = False
    return answer


def _is_left(
    experiment: Experiment, label: str | None, label_known: bool, deselect: Sequence[str]
) -> bool | None:
    """Whether no `--deselect` is the beginning of the case's node id."""
    if not deselect:
        return True
    if _case_id(experiment, label).startswith(tuple(deselect)):
        return False
    beginning = f"{experiment.id}["
    return None if not label_known and any(d.startswith(beginning) for d in deselect) else True


def _reject_unknown(
    text: str, path: str, function: str, case: str | None, experiments: Sequence[Experiment]
) -> None:
    here = {experiment.name: experiment for experiment in experiments if experiment.place == path}
    experiment = here.get(function)
    if experiment is None:
        what = f"there is no experiment '{function}' in '{path}'"
        raise UsageError(what, text, did_you_mean(function, here) or _listing(sorted(here)))
    if case is None:
        return
    labels = known_labels(experiment)
    if labels is not None and case not in labels:
        known = [label for label in labels if label is not None]
        hint = did_you_mean(case, known) or _listing([f"[{label}]" for label in known])
        raise UsageError(f"'{experiment.id}' has no case [{case}]", text, hint)


def _listing(names: Sequence[str]) -> str:
    return f"there is: {some_of(names, _SHOWN)}" if names else "there is none"
