"""Axes of sweeps: from texts, tables and ranges; zipped, counted, and expanded as they are used.

--sweep lr=0.1,0.01      --sweep 'lr=[0.1, 0.01]'      --sweep 'lr={logspace=[1e-4, 1e-1, 4]}'
"""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from expt.ground.errors import ParameterError, UsageError, suggestion
from expt.ground.model import Axis
from expt.ground.options import Sweep, Typed
from expt.ground.text import dotted, python_name
from expt.ground.value_classes import frozen
from expt.parameters import typed_text
from expt.parameters.coercion.plain import shown
from expt.parameters.points import Drawn, Lazy, is_range, read_points

if TYPE_CHECKING:
    from expt.ground.toml_lines import KeyPath

Together = tuple[tuple[str, ...], str | None]
"""Names whose axes go in step, and where that was said."""

REPEAT: Final = "repeat"
"""The axis of `--repeat`: no parameter, but which seed a case has."""


@frozen
class _Zipped(Lazy):
    """The points of several axes of one length, taken together; of one axis, its values."""

    columns: tuple[Sequence[Any], ...]
    length: int

    def item(self, index: int) -> tuple[Any, ...]:
        return tuple(column[index] for column in self.columns)


@frozen
class _Joined(_Zipped):
    """The same where each column holds points, not values."""

    def item(self, index: int) -> tuple[Any, ...]:
        return tuple(value for column in self.columns for value in column[index])


def make_axis(name: str, values: Sequence[Any], where: str | None) -> Axis:
    """The axis of one name. Raises `ParameterError` where it has no values."""
    if not len(values):
        raise ParameterError(f"the axis '{name}' has no values", where)
    return Axis((name,), _Zipped((values,), len(values)), where)


def is_random_axis(axis: Axis) -> bool:
    """Whether some of its points are drawn from the seed."""
    return _is_random(axis.values)


def _is_random(values: Sequence[Any]) -> bool:
    if isinstance(values, _Zipped):
        return any(map(_is_random, values.columns))
    return isinstance(values, Drawn)


# From texts


def parse_sweep(typed: str) -> Sweep:
    """What `--sweep` was given. Raises `UsageError` or `ParameterError` for what is no axis."""
    at = f"--sweep {typed}"
    left, equals, text = typed.partition("=")
    if not equals:
        raise UsageError(f"'{typed}' sweeps nothing: it has no '='", at, "write NAME=V1,V2")
    name = dotted(typed_text.parse_name(left, at))
    where = f"--sweep {name}"  # an origin needs no values
    value = typed_text.read_toml_value(text)
    if is_range(value):
        make_axis(name, read_points(value, name, at), at)
        return Sweep(name, value, where)
    if isinstance(value, list):
        make_axis(name, value, at)
        return Sweep(name, tuple(value), where)
    elements = _split_at_commas(text, at)
    if len(elements) == 1 and elements[0].startswith("["):
        raise UsageError(
            f"'{elements[0]}' is no TOML list", at, "put texts in quotes, or leave the brackets out"
        )
    if "" in elements:
        what = (
            f"the axis '{name}' has an empty value" if text else f"the axis '{name}' has no values"
        )
        raise UsageError(what, at, 'write "" for an empty text')
    return Sweep(name, tuple(map(Typed, elements)), where)


def sweep_over(name: str, values: Any, at: str) -> Sweep:
    """An axis from Python, its values read once. Raises `ParameterError` for what is none."""
    name = dotted(typed_text.parse_name(name, at))
    if is_range(values):
        return Sweep(name, typed_text.plain_value(values, name, at), at)
    points = read_points(values, name, at)
    make_axis(name, points, at)
    return Sweep(name, tuple(typed_text.plain_value(point, name, at) for point in points), at)


def reject_swept_twice(sweeps: Iterable[Sweep]) -> None:
    """Raise `UsageError` for a name that two of them sweep."""
    seen: dict[str, Sweep] = {}
    for sweep in sweeps:
        if sweep.name in seen:
            raise UsageError(
                f"the axis '{sweep.name}' is swept twice", sweep.where, "give its values in one"
            )
        seen[sweep.name] = sweep


def read_sweep(sweep: Sweep, annotation: Any = Any, seed: Callable[[], int] | None = None) -> Axis:
    """The axis, its texts read for the annotation of the parameter; see `read_points`."""
    if isinstance(sweep.points, Mapping):
        return make_axis(
            sweep.name, read_points(sweep.points, sweep.name, sweep.where, seed), sweep.where
        )
    values = [
        _parse_element(point.text, annotation) if isinstance(point, Typed) else point
        for point in sweep.points
    ]
    return make_axis(sweep.name, values, sweep.where)


def _parse_element(element: str, annotation: Any) -> Any:
    """One value between commas. Quotes are there to hold commas, also in a text."""
    if element[0] in "\"'":
        value = typed_text.read_toml_value(element)
        if isinstance(value, str):
            return value
    return typed_text.parse_value(element, annotation)


def _split_at_commas(text: str, at: str) -> list[str]:
    """The parts of `text` between the commas that stand in no bracket and no quotes."""
    parts: list[str] = []
    closing: list[str] = []
    part = ""
    quote = ""
    previous = ""
    for character in text:
        if quote:
            quote = "" if character == quote and (previous != "\\" or quote == "'") else quote
        elif character in "\"'" and (closing or not part.strip()):
            quote = character
        elif character in "[{":
            closing.append("]" if character == "[" else "}")
        elif closing and character == closing[-1]:
            closing.pop()
        elif character == "," and not closing:
            parts.append(part.strip())
            part, previous = "", ""
            continue
        previous = "" if previous == "\\" else character
        part += character
    if quote or closing:
        raise UsageError(f"'{quote or closing[-1]}' is missing in '{text}'", at)
    return [*parts, part.strip()]


# From tables


def axes_from_table(
    table: Mapping[str, Any],
    where: Callable[[KeyPath], str | None],
    path: KeyPath = (),
    seed: Callable[[], int] | None = None,
) -> list[Axis]:
    """The axes of `[expt.sweep]` or of `@expt.sweep(…)`; a table in it is a dotted name.

    `seed` gives what random points are drawn from.
    """
    axes = []
    for key, value in table.items():
        keys = (*path, key) if path else (python_name(key),)
        if isinstance(value, Mapping) and not is_range(value):
            axes += axes_from_table(value, where, keys, seed)
        else:
            name = dotted(keys)
            axes.append(make_axis(name, read_points(value, name, where(keys), seed), where(keys)))
    return axes


# Zipped axes


def parse_zip(typed: str) -> tuple[str, ...]:
    """The names of `--zip lr,wd`. Raises `UsageError`."""
    at = f"--zip {typed}"
    names = tuple(dotted(typed_text.parse_name(name, at)) for name in typed.split(","))
    return _check_group(names, at, UsageError)


def _check_group(
    names: tuple[str, ...], at: str | None, error: type[UsageError | ParameterError]
) -> tuple[str, ...]:
    if len(set(names)) < max(len(names), 2):
        told = f"two different axes or more are zipped, not {', '.join(map(repr, names))}"
        raise error(told, at, "name the axes, as in lr,wd")
    return names


def read_zip(
    value: Any, where: Callable[[KeyPath], str | None], seed: Callable[[], int] | None = None
) -> tuple[list[tuple[str, ...]], list[Axis]]:
    """`zip` of `[expt]`: the groups of names that go together, and axes that it defines itself.

    `zip = ["lr", "wd"]` and `zip = [["lr", "wd"], ["a", "b"]]` name axes of `[expt.sweep]`; a
    table `[expt.zip]` holds axes that go together. Raises `ParameterError`.
    """
    at = where(())
    if isinstance(value, Mapping):
        axes = axes_from_table(value, where, (), seed)
        names = tuple(name for axis in axes for name in axis.names)
        return [], zip_axes(axes, [(_check_group(names, at, ParameterError), at)])
    if not isinstance(value, list):
        raise ParameterError("'zip' must be a list of names, or a table of axes", at)
    groups = value if value and all(isinstance(item, list) for item in value) else [value]
    if not all(isinstance(name, str) for group in groups for name in group):
        raise ParameterError("'zip' must be a list of names, or of such lists", at)
    names_of = [tuple(map(python_name, group)) for group in groups]
    return [_check_group(names, at, ParameterError) for names in names_of], []


def zip_axes(axes: Sequence[Axis], groups: Iterable[Together]) -> list[Axis]:
    """`axes` with each group of names made one, at the place of its first.

    Raises `ParameterError` for an axis that is not there, and for lengths that differ.
    """
    axes = list(axes)
    for names, at in groups:
        known = [name for axis in axes for name in axis.names]
        for name in names:
            if name not in known:
                hint = suggestion(name, known, "axes", whole=True)
                raise ParameterError(f"there is no axis '{name}' to zip", at, hint)
        members = [axis for axis in axes if set(axis.names) & set(names)]
        if len({len(axis) for axis in members}) > 1:
            lengths = " and ".join(f"'{','.join(axis.names)}' has {len(axis)}" for axis in members)
            raise ParameterError(f"zipped axes must be of one length: {lengths} values", at)
        joined = Axis(
            tuple(name for axis in members for name in axis.names),
            _Joined(tuple(axis.values for axis in members), len(members[0])),
            ", ".join(dict.fromkeys(axis.where for axis in members if axis.where)) or None,
        )
        place = axes.index(members[0])
        axes = [axis for axis in axes if not set(axis.names) & set(names)]
        axes.insert(place, joined)
    return axes


def merge_axes(weaker: Sequence[Axis], stronger: Sequence[Axis]) -> tuple[Axis, ...]:
    """`weaker` without the names that `stronger` varies, then `stronger`."""
    return (*drop_names(weaker, {name for axis in stronger for name in axis.names}), *stronger)


def drop_names(axes: Sequence[Axis], names: Collection[str]) -> tuple[Axis, ...]:
    """`axes` without `names`; what was zipped with one of them is still varied."""
    kept = []
    for axis in axes:
        columns = [column for column, name in enumerate(axis.names) if name not in names]
        if len(columns) == len(axis.names):
            kept.append(axis)
        elif columns:
            values = tuple(tuple(point[column] for column in columns) for point in axis.values)
            kept.append(Axis(tuple(axis.names[column] for column in columns), values, axis.where))
    return tuple(kept)


def join_axes(
    axes: Sequence[Axis], groups: Iterable[Together], left_out: Collection[str]
) -> list[Axis]:
    """`axes` without the names that are left out, and what is left of the groups in step.

    Raises `ParameterError` for axes that cannot go in step.
    """
    kept = [(tuple(name for name in names if name not in left_out), at) for names, at in groups]
    return zip_axes(drop_names(axes, left_out), [(names, at) for names, at in kept if names[1:]])


# Products


def product_size(axes: Iterable[Axis]) -> int:
    """How many cases the product of `axes` has: 1 without any."""
    return math.prod(len(axis) for axis in axes)


def expand_axes(axes: Sequence[Axis]) -> Iterator[dict[str, Any]]:
    """The values of each case by name, one case at a time, the last axis fastest."""
    for points in itertools.product(*(axis.values for axis in axes)):
        yield {
            name: value
            for axis, point in zip(axes, points, strict=True)
            for name, value in zip(axis.names, point, strict=True)
        }


def reject_many_cases(axes_by_id: Mapping[str, Sequence[Axis]], max_cases: int) -> None:
    """Raise `ParameterError` where all experiments together have more than `max_cases` cases."""
    total = sum(map(product_size, axes_by_id.values()))
    if total > max_cases:
        largest = max(axes_by_id, key=lambda id_: product_size(axes_by_id[id_]))
        factors = [f"{','.join(axis.names)} ({len(axis):,})" for axis in axes_by_id[largest]]
        what = f"the plan has {total:,} cases, and no more than {max_cases:,} are allowed"
        hint = f"{' × '.join(factors)}\nnarrow the sweep, or allow it with --max-cases {total}"
        raise ParameterError(what, largest, hint)


def repeat_axis(count: int, where: str) -> Axis:
    """The axis of `--repeat COUNT`: the indices of the repeats."""
    if count < 1:
        raise UsageError(f"{count} repeats are no repeats", where, "give 1 or more")
    if count >= sys.maxsize:
        raise UsageError(f"{shown(count)} repeats are more than can be counted", where)
    return make_axis(REPEAT, range(count), where)
