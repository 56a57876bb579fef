"""The points of an axis: lists, ranges that are computed when they are taken, and random ones.

    [1, 2, 3]   {range=[0, 10, 2]}   {linspace=[0, 1, 5]}   {logspace=[1e-4, 1e-1, 4]}
    {uniform=[0, 1], n=20}   {loguniform=[1e-5, 1e-1], n=20}   {normal=[0, 1], n=20}
    {choice=["adam", "sgd"], n=20}

A range is never written out: an axis of 10^8 points costs nothing until somebody takes them.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import ROUND_CEILING, Context, Decimal
from typing import Any, Final, Literal

from expt.ground.errors import ParameterError
from expt.ground.spread import is_number
from expt.ground.value_classes import frozen
from expt.parameters.coercion.plain import shown
from expt.parameters.seeds import seed_words

_RANGES: Final = ("range", "linspace", "logspace")
_DRAWN: Final = frozenset({"uniform", "loguniform", "normal", "choice"})
_FORMS: Final = (
    "a list of values, {range=[start, stop, step]}, {linspace=[first, last, count]}, "
    "{logspace=[first, last, count]} or {uniform=[low, high], n=count}"
)
_EXACT: Final = Context(prec=50)  # so that each number is rounded once, to the nearest float


class Lazy(Sequence[Any]):
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


@frozen
class _Spaced(Lazy):
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


@frozen(eq=False)
class Drawn(Lazy):
    """Values drawn from `seed()` and the name of the axis: the first ones are the same for any n.

    Numbers have six digits, so that they can be read and typed.
    """

    kind: str
    given: tuple[Any, ...]
    length: int
    name: str
    seed: Callable[[], int] | None

    def item(self, index: int) -> Any:
        if self.seed is None:
            raise LookupError(f"the axis '{self.name}' is not drawn yet")
        import numpy  # slow, and few sessions draw

        random = numpy.random.default_rng([*seed_words(self.seed(), self.name), index])
        if self.kind == "choice":
            return self.given[int(random.integers(len(self.given)))]
        first, second = self.given
        if self.kind == "normal":
            return float(f"{random.normal(first, second):.6g}")
        if self.kind == "loguniform":
            value = math.exp(random.uniform(math.log(first), math.log(second)))
        else:
            value = float(random.uniform(first, second))
        return min(max(float(f"{value:.6g}"), first), second)


def is_range(value: Any) -> bool:
    """Whether a table says points: `{linspace = [0, 1, 5]}`, `{uniform = [0, 1], n = 20}`."""
    return isinstance(value, Mapping) and (
        (len(value) == 1 and next(iter(value)) in _RANGES)
        or (not _DRAWN.isdisjoint(value) and value.keys() <= {*_DRAWN, "n"})
    )


def read_points(
    value: Any, name: str, at: str | None, seed: Callable[[], int] | None = None
) -> Sequence[Any]:
    """The points of an axis from a list or a range; a range computes them when they are taken.

    `seed` gives what random ones are drawn from. Raises `ParameterError` for anything else.
    """
    if is_range(value) and not _DRAWN.isdisjoint(value):
        return _read_random(dict(value), name, at, seed)
    if is_range(value):
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


def _read_random(
    table: dict[str, Any], name: str, at: str | None, seed: Callable[[], int] | None
) -> Sequence[Any]:
    count = table.pop("n", None)
    kind, numbers = table.popitem()

    def refuse(why: str) -> ParameterError:
        form = "[…]" if kind == "choice" else "[mean, std]" if kind == "normal" else "[low, high]"
        return ParameterError(
            f"the {kind} of the axis '{name}' {why}", at, f"write {{{kind}={form}, n=20}}"
        )

    if table:
        raise refuse("stands beside another one")
    if isinstance(count, bool) or not isinstance(count, int) or not 0 < count < sys.maxsize:
        raise refuse("needs n, how many values are drawn")
    if kind == "choice":
        if not isinstance(numbers, (list, tuple)) or not numbers:
            raise refuse("must be a list of values")
        return Drawn(kind, tuple(numbers), count, name, seed)
    if not isinstance(numbers, (list, tuple)) or not all(map(_is_finite, numbers)):
        raise refuse("must be a list of finite numbers")
    if len(numbers) != 2:
        raise refuse("takes two numbers")
    first, second = map(float, numbers)
    if kind == "normal" and second < 0:
        raise refuse("has a standard deviation below 0")
    if kind != "normal" and first >= second:
        raise refuse("must have its low end first")
    if kind == "loguniform" and first <= 0:
        raise refuse("must have ends above 0")
    return Drawn(kind, (first, second), count, name, seed)


def _is_finite(value: Any) -> bool:
    return is_number(value) and math.isfinite(value)
