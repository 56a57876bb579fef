"""The bracket of a node id: what a case is called, from the values of its axes.

    lr-0.1-seed-0      name-value of each axis
    text0-seed-1       a value that is too long, or no text of its own, by its place on the axis

A label must say which case it is, on its own, in characters that `-k` and a shell take as they
are. So a value's text is used only where no other reading of the whole label is possible.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from expt.ground.errors import ParameterError
from expt.ground.value_classes import evolve

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from expt.ground.model import Axis, Experiment
    from expt.parameters.sweeps import Together

MAX_VALUE: Final = 40
MAX_LISTED: Final = 10_000  # cases that are expanded before planning; more count as unknown
UNKNOWN_CASE: Final = "?"

_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_.+-]")


def case_labels(axes: Sequence[Axis]) -> list[str]:
    """The bracket texts of the product of `axes`, last axis fastest; all of them distinct."""
    if not axes:
        return []
    return ["-".join(texts) for texts in itertools.product(*_texts_of_axes(axes))]


def _texts_of_axes(axes: Sequence[Axis]) -> list[list[str]]:
    names = [_UNSAFE.sub("_", name) for axis in axes for name in axis.names]
    # `-name-` of the next axis inside a value could be read as where that axis begins
    borders = [f"-{name.partition('-')[0]}-" for name in names[1:]] + ["\0"]
    texts = []
    for axis in axes:
        count = len(axis.names)
        own = list(zip(names[:count], borders[:count], strict=True))
        names, borders = names[count:], borders[count:]
        points = [
            "-".join(
                _text_of_value(value, name, place, border)
                for value, (name, border) in zip(point, own, strict=True)
            )
            for place, point in enumerate(axis.values)
        ]
        seen = Counter(points)
        texts.append(
            [
                text if seen[text] == 1 else "-".join(f"{name}-{name}{place}" for name, _ in own)
                for place, text in enumerate(points)
            ]
        )
    return texts


def _text_of_value(value: Any, name: str, place: int, border: str) -> str:
    try:
        text = str(value)
    except Exception:  # of a user's class, or a number too long for a text
        text = ""
    if not isinstance(value, str) and (not text or " at 0x" in text):
        return f"{name}-{name}{place}"
    safe = _UNSAFE.sub("_", text)
    if len(safe) > MAX_VALUE or border in f"{safe}-":
        return f"{name}-{name}{place}"
    return f"{name}-{safe}"


def known_labels(experiment: Experiment) -> list[str | None] | None:
    """The labels of the cases as far as the source shows; None where planning must tell.

    The one label None is that of a case without a bracket.
    """
    if experiment.axes is None:
        return None
    if not experiment.axes:
        return [None]
    count = 1
    for axis in experiment.axes:
        count *= len(axis)
    return [*case_labels(experiment.axes)] if 0 < count <= MAX_LISTED else None


def with_axes(
    experiment: Experiment,
    axes: Sequence[Axis],
    *,
    groups: Sequence[Together] = (),
    fixed: Collection[str] = (),
    asked: Collection[str] | None = None,
) -> Experiment:
    """The experiment with axes from outside it, and without those whose names are `fixed`.

    `groups` are names that go in step; `asked` those that its providers may take, None where they
    are not known. An axis that may be a provider's leaves the cases unknown (`axes` is None).
    """
    from expt.parameters.sweeps import (  # slow, and of use where there are axes
        join_axes,
        merge_axes,
    )

    if experiment.axes is None:
        return experiment
    merged = merge_axes(experiment.axes, axes)
    answers = {name: _takes(experiment, name, asked) for axis in merged for name in axis.names}
    inside = any(_one_in_other(name, other) for name in answers for other in fixed)
    left_out = {name for name, answer in answers.items() if answer is False or name in fixed}
    if inside or any(answers[name] is None for name in answers.keys() - left_out):
        return evolve(experiment, axes=None)
    try:
        return evolve(experiment, axes=tuple(join_axes(merged, groups, left_out)))
    except ParameterError:  # planning tells of it
        return evolve(experiment, axes=None)


def _one_in_other(name: str, other: str) -> bool:
    """Whether one of two dotted names is a part of the other's value."""
    return name.startswith(f"{other}.") or other.startswith(f"{name}.")


def _takes(experiment: Experiment, name: str, asked: Collection[str] | None) -> bool | None:
    """Whether the experiment takes an axis; None where its providers decide."""
    from expt.parameters.typed_text import first_key  # as above

    root = first_key(name)
    if root in experiment.parameters or root == "seed":  # any run may be seeded
        return True
    return None if asked is None or root in asked else False
