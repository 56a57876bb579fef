"""Axes of sweeps: from texts, tables and ranges; zipped, counted, and expanded as they are used.

    --sweep lr=0.1,0.01      --sweep 'lr=[0.1, 0.01]'      --sweep 'lr={logspace=[1e-4, 1e-1, 4]}'

A range is never written out: an axis of 10^8 points costs nothing until somebody takes them.
"""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import ROUND_CEILING, Context, Decimal
from typing import Any, Final, Literal

import attrs

from expt.ground.errors import ParameterError, UsageError, did_you_mean
from expt.ground.model import Axis
from expt.parameters.coercion import dotted, shown
from expt.parameters.typed_text import KeyPath, parse_name, parse_value, read_toml_value

REPEAT: Final = "repeat"
"""The axis of `--repeat`: no parameter, but which seed a case has."""

_RANGES: Final = ("range", "linspace", "logspace")
_FORMS: Final = (
    "a list of values, {range=[start, stop, step]}, {linspace=[first, last, count]} "
    "or {logspace=[first, last, count]}"
)
_EXACT: Final = Context(prec=50)  # so that each number is rounded once, to the nearest float


class _Lazy(Sequence[Any]):
    """A sequence that computes its items; subclasses have `length` and `item`."""

    length: int

    def item(self, index: int) -> Any:
        raise NotImplementedError

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: Any) -> Any:
        places = range(self.length)[index]
        if isinstance(places, int):
            return self.item(places)
        return tuple(self.item(place) for place in places)


@attrs.frozen
class _Spaced(_Lazy):
    """Numbers from `first` on: by steps of `size`, or up to the last one, which is `size`."""

    kind: Literal["range", "linspace", "logspace"]
    first: float
    size: float
    length: int

    def item(self, index: int) -> float:
        first, size = Decimal(repr(self.first)), Decimal(repr(self.size))
        if index == 0:
            return float(self.first)
        if self.kind == "range":
            return float(_EXACT.add(first, _EXACT.multiply(size, index)))
        if index == self.length - 1:
            return float(self.size)
        part = _EXACT.divide(index, self.length - 1)
        if self.kind == "linspace":
            return float(_EXACT.fma(_EXACT.subtract(size, first), part, first))
        ratio = _EXACT.divide(size, first)
        return float(_EXACT.multiply(first, _EXACT.power(ratio, part)))


@attrs.frozen
class _Zipped(_Lazy):
    """The points of several axes of one length, taken together; of one axis, its values."""

    columns: tuple[Sequence[Any], ...]
    length: int

    def item(self, index: int) -> tuple[Any, ...]:
        return tuple(column[index] for column in self.columns)


@attrs.frozen
class _Joined(_Zipped):
    """The same where each column holds points, not values."""

    def item(self, index: int) -> tuple[Any, ...]:
        return tuple(value for column in self.columns for value in column[index])


def make_axis(name: str, values: Sequence[Any], where: str | None) -> Axis:
    """The axis of one name. Raises `ParameterError` where it has no values."""
    if not len(values):
        raise ParameterError(f"the axis '{name}' has no values", where)
    return Axis((name,), _Zipped((values,), len(values)), where)


# From texts


def parse_sweep(typed: str, annotation: Any = Any) -> Axis:
    """What `--sweep` was given: the axis, its texts read for the annotation of the parameter.

    Raises `UsageError` for what is no axis, and `ParameterError` for a range that is none.
    """
    at = f"--sweep {typed}"
    left, equals, text = typed.partition("=")
    if not equals:
        raise UsageError(f"'{typed}' sweeps nothing: it has no '='", at, "write NAME=V1,V2")
    name = dotted(parse_name(left, at))
    value = read_toml_value(text)
    if isinstance(value, list) or _is_range(value):
        axis = make_axis(name, read_points(value, name, at), at)
        return attrs.evolve(axis, where=f"--sweep {name}")  # an origin needs no values
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
    values = [_parse_element(element, annotation) for element in elements]
    return make_axis(name, values, f"--sweep {name}")


def _parse_element(element: str, annotation: Any) -> Any:
    """One value between commas. Quotes are there to hold commas, also in a text."""
    if element[0] in "\"'":
        value = read_toml_value(element)
        if isinstance(value, str):
            return value
    return parse_value(element, annotation)


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
    table: Mapping[str, Any], where: Callable[[KeyPath], str | None], path: KeyPath = ()
) -> list[Axis]:
    """The axes of `[expt.sweep]` or of `@expt.sweep(…)`; a table in it is a dotted name."""
    axes = []
    for key, value in table.items():
        keys = (*path, key)
        if isinstance(value, Mapping) and not _is_range(value):
            axes += axes_from_table(value, where, keys)
        else:
            name = dotted(keys)
            axes.append(make_axis(name, read_points(value, name, where(keys)), where(keys)))
    return axes


def _is_range(value: Any) -> bool:
    return isinstance(value, Mapping) and len(value) == 1 and next(iter(value)) in _RANGES


def read_points(value: Any, name: str, at: str | None) -> Sequence[Any]:
    """The points of an axis from a list or a range; a range computes them when they are taken.

    Raises `ParameterError` for anything else.
    """
    if _is_range(value):
        ((kind, numbers),) = value.items()
        return _read_range(kind, numbers, name, at)
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
        raise ParameterError(f"the axis '{name}' must be {_FORMS}, not {shown(value)}", at)
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=repr)  # a set has another order in every process
    if hasattr(value, "tolist"):  # an array: the numbers in it, not numpy's
        value = value.tolist()
    return value if isinstance(value, (list, range)) else list(value)


def _read_range(kind: Any, numbers: Any, name: str, at: str | None) -> Sequence[Any]:
    def refuse(why: str) -> ParameterError:
        return ParameterError(f"the {kind} of the axis '{name}' {why}", at, f"write {_FORMS}")

    if not isinstance(numbers, (list, tuple)) or not all(map(_is_finite, numbers)):
        raise refuse("must be a list of finite numbers")
    if kind == "range":
        if not 1 <= len(numbers) <= 3:
            raise refuse("takes one to three numbers: [stop], [start, stop] or [start, stop, step]")
        start, stop, step = (0, *numbers, 1) if len(numbers) == 1 else (*numbers, 1)[:3]
        if step == 0:
            raise refuse("has a step of 0")
        if all(isinstance(number, int) for number in numbers):
            if abs((stop - start) // step) >= sys.maxsize:
                raise refuse("has more values than can be counted")
            return range(start, stop, step)
        length = _EXACT.divide(
            _EXACT.subtract(Decimal(repr(stop)), Decimal(repr(start))), Decimal(repr(step))
        )
        count = max(0, int(length.to_integral_value(ROUND_CEILING)))
        if count >= sys.maxsize:
            raise refuse("has more values than can be counted")
        return _Spaced("range", start, step, count)
    if len(numbers) != 3 or not isinstance(numbers[2], int) or not 0 < numbers[2] < sys.maxsize:
        raise refuse("takes three numbers: [first, last, count]")
    first, last, count = numbers
    if kind == "logspace" and (first <= 0 or last <= 0):
        raise refuse("must have ends above 0: they are the first and the last value")
    return _Spaced(kind, first, last, count)


def _is_finite(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


# Zipped axes


def parse_zip(typed: str) -> tuple[str, ...]:
    """The names of `--zip lr,wd`. Raises `UsageError`."""
    at = f"--zip {typed}"
    names = tuple(dotted(parse_name(name, at)) for name in typed.split(","))
    return _check_group(names, at, UsageError)


def _check_group(
    names: tuple[str, ...], at: str | None, error: type[UsageError | ParameterError]
) -> tuple[str, ...]:
    if len(set(names)) < max(len(names), 2):
        raise error(
            f"two different axes or more are zipped, not {', '.join(map(repr, names))}",
            at,
            "name the axes, as in lr,wd",
        )
    return names


def read_zip(
    value: Any, where: Callable[[KeyPath], str | None]
) -> tuple[list[tuple[str, ...]], list[Axis]]:
    """`zip` of `[expt]`: the groups of names that go together, and axes that it defines itself.

    `zip = ["lr", "wd"]` and `zip = [["lr", "wd"], ["a", "b"]]` name axes of `[expt.sweep]`; a
    table `[expt.zip]` holds axes that go together. Raises `ParameterError`.
    """
    at = where(())
    if isinstance(value, Mapping):
        axes = axes_from_table(value, where)
        names = tuple(name for axis in axes for name in axis.names)
        return [], zip_axes(axes, [(_check_group(names, at, ParameterError), at)])
    if not isinstance(value, list):
        raise ParameterError("'zip' must be a list of names, or a table of axes", at)
    groups = value if value and all(isinstance(item, list) for item in value) else [value]
    if not all(isinstance(name, str) for group in groups for name in group):
        raise ParameterError("'zip' must be a list of names, or of such lists", at)
    return [_check_group(tuple(map(str, group)), at, ParameterError) for group in groups], []


def zip_axes(
    axes: Sequence[Axis], groups: Iterable[tuple[tuple[str, ...], str | None]]
) -> list[Axis]:
    """`axes` with each group of names made one, at the place of its first.

    `groups` are names and where they were said. Raises `ParameterError` for an axis that is not
    there, and for lengths that differ.
    """
    axes = list(axes)
    for names, at in groups:
        known = [name for axis in axes for name in axis.names]
        for name in names:
            if name not in known:
                hint = did_you_mean(name, known)
                raise ParameterError(
                    f"there is no axis '{name}' to zip",
                    at,
                    f"{hint or ''} axes: {', '.join(sorted(known)) or 'none'}".strip(),
                )
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
        raise ParameterError(
            f"the plan has {total:,} cases, and no more than {max_cases:,} are allowed",
            largest,
            f"{' × '.join(factors)}\nnarrow the sweep, or allow it with --max-cases {total}",
        )


def repeat_axis(count: int) -> Axis:
    """The axis of `--repeat COUNT`: the indices of the repeats."""
    if count < 1:
        raise UsageError(f"{count} repeats are no repeats", f"--repeat {count}", "give 1 or more")
    return make_axis(REPEAT, range(count), f"--repeat {count}")


def repeat_seed(root_seed: int, index: int) -> int:
    """The seed of one repeat: the first word of `SeedSequence(root_seed).spawn(N)[index]`.

    It does not depend on how many repeats there are. Raises `ParameterError` for a negative seed.
    """
    if isinstance(root_seed, bool) or not isinstance(root_seed, int) or root_seed < 0:
        raise ParameterError(
            f"a seed to repeat from must be an int of 0 or more, not {shown(root_seed)}"
        )
    from numpy.random import SeedSequence  # slow, and few sessions repeat

    return int(SeedSequence(root_seed, spawn_key=(index,)).generate_state(1)[0])
