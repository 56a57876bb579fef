"""How planned cases are named: the labels of their axes, where secrets go by their places."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from expt.discovery import case_labels
from expt.parameters import is_secret_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from expt.ground.model import Axis


def label_cases(shapes: Sequence[Sequence[Axis]]) -> Iterator[str | None]:
    """The label of each case of each shape, in order; None for a case without axes."""
    for axes in shapes:
        yield from case_labels(_without_secrets(axes)) if axes else [None]


class _Hidden:
    """Stands for a swept secret where cases are named: it goes by its place on the axis."""

    def __str__(self) -> str:
        return ""


def hides(name: str) -> bool:
    """Whether the values of an axis are secret."""
    return is_secret_name(name.rpartition(".")[2])


def _without_secrets(axes: Sequence[Axis]) -> list[Axis]:
    if not any(hides(name) for axis in axes for name in axis.names):
        return list(axes)
    return [
        attrs.evolve(
            axis,
            values=tuple(
                tuple(
                    _Hidden() if hides(name) else value
                    for name, value in zip(axis.names, point, strict=True)
                )
                for point in axis.values
            ),
        )
        for axis in axes
    ]
