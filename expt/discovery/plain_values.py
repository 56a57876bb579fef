"""Experiments as the plain values that one process hands to another, and back."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from expt.ground.model import Axis, Experiment
from expt.ground.value_classes import evolve, field_names

if TYPE_CHECKING:
    from collections.abc import Iterable

    Plain = tuple[tuple[Any, ...], tuple[tuple[Any, ...], ...]]

_fields: Final = attrgetter(*field_names(Experiment))
_fields_of_axis: Final = attrgetter(*field_names(Axis))


def to_plain(experiments: Iterable[Experiment]) -> list[Plain]:
    """The fields of each, its axes apart from them."""
    return [
        (_fields(evolve(each, axes=())), tuple(map(_fields_of_axis, each.axes)))
        if each.axes
        else (_fields(each), ())
        for each in experiments
    ]


def from_plain(values: Iterable[Plain]) -> list[Experiment]:
    return [
        evolve(Experiment(*fields), axes=tuple([Axis(*each) for each in axes]))
        if axes
        else Experiment(*fields)
        for fields, axes in values
    ]
