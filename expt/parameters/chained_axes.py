"""Axes along a chain of experiments: an experiment is swept over what it needs is swept over.

train: lr ─ inherit_axes ─► evaluate: lr, threshold
evaluate[lr-0.1-threshold-1] ─ points_for ─► train at lr = 0.1
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from expt.ground.value_classes import evolve
from expt.parameters.coercion.plain import plain
from expt.parameters.sweeps import drop_names, expand_axes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from expt.ground.model import Axis


def inherit_axes(own: Sequence[Axis], needed: Iterable[Sequence[Axis]]) -> list[Axis]:
    """The axes of an experiment with those of what it needs, which vary slower."""
    names = {name for axis in own for name in axis.names}
    inherited: list[Axis] = []
    for axes in needed:
        fresh = [_once(axis) for axis in drop_names(axes, names)]
        names.update(name for axis in fresh for name in axis.names)
        inherited += fresh
    return [*inherited, *own]


def points_for(axes: Sequence[Axis], given: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The points of `axes` where the names that are given have these values."""
    rest: list[Axis] = []
    for axis in axes:
        columns = [at for at, name in enumerate(axis.names) if name not in given]
        if not columns:
            continue
        if len(columns) < len(axis.names):
            matching = [
                point
                for point in axis.values
                if all(
                    point_key({name: value}) == point_key({name: given[name]})
                    for name, value in zip(axis.names, point, strict=True)
                    if name in given
                )
            ]
            (axis,) = map(_once, drop_names([evolve(axis, values=matching)], given))
        rest.append(axis)
    for values in expand_axes(rest):
        yield {**given, **values}


def _once(axis: Axis) -> Axis:
    """Each of its points once: some were told apart by a name that it has no more."""
    points = {point_key(dict(zip(axis.names, p, strict=True))): p for p in axis.values}
    return axis if len(points) == len(axis.values) else evolve(axis, values=[*points.values()])


def point_key(values: Mapping[str, Any]) -> str:
    """The same for points of the same values, of the same types."""
    return repr([(name, plain(values[name])) for name in sorted(values)])
