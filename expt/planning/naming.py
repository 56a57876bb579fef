"""How planned cases are named: the labels of their axes, where secrets go by their places."""

from __future__ import annotations

from typing import TYPE_CHECKING

from expt.discovery.labels import case_labels
from expt.ground.value_classes import evolve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from expt.ground.model import Axis


def label_cases(
    shapes: Iterable[tuple[Sequence[Axis], Callable[[str], bool]]],
) -> Iterator[str | None]:
    """The label of each case of each shape, in order; None for a case without axes.

    A shape is its axes, and what says of a name whether its values are secret.
    """
    for axes, hides in shapes:
        yield from case_labels(_without_secrets(axes, hides)) if axes else [None]


class _Hidden:
    """Stands for a swept secret where cases are named: it goes by its place on the axis."""

    def __str__(self) -> str:
        return ""


def _without_secrets(axes: Sequence[Axis], hides: Callable[[str], bool]) -> list[Axis]:
    if not any(hides(name) for axis in axes for name in axis.names):
        return list(axes)
    return [
        evolve(
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
