"""The options of a series: which there are, and what each may be. How they draw is for drawing."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from expt.ground.errors import suggestion
from expt.ground.objects import is_row, safe_repr
from expt.ground.real_numbers import exact_number
from expt.ground.value_classes import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def _text(value: Any) -> Any:
    return str.__str__(value) if isinstance(value, str) else None


def _number(value: Any) -> Any:
    number = None if isinstance(value, bool) else exact_number(value)
    return number if number is not None and math.isfinite(number) else None


def _frame_rate(value: Any) -> Any:
    number = _number(value)
    return number if number is not None and 0.1 <= number <= 240 else None


def _truth(value: Any) -> Any:
    return value if isinstance(value, bool) else None


def _four_numbers(value: Any) -> Any:
    numbers = (
        [_number(item) for item in value]
        if is_row(value) or type(value).__name__ == "ndarray"
        else []
    )
    return numbers if len(numbers) == 4 and None not in numbers else None


def _one_of(*words: str) -> Callable[[Any], Any]:
    return lambda value: value if isinstance(value, str) and value in words else None


@frozen
class Option:
    """What an option may be, in words and as a function that gives the plain value, or None."""

    takes: str
    plain: Callable[[Any], Any]


OPTIONS: Final[Mapping[str, Option]] = {
    "best": Option("'min' or 'max'", _one_of("min", "max")),
    "colormap": Option("the name of a colour map of matplotlib", _text),
    "extent": Option("four numbers: left, right, bottom, top", _four_numbers),
    "fps": Option("a number from 0.1 to 240", _frame_rate),
    "origin": Option("'upper' or 'lower'", _one_of("upper", "lower")),
    "scale": Option("'linear' or 'log'", _one_of("linear", "log")),
    "smooth": Option("True or False", _truth),
    "title": Option("a text", _text),
    "unit": Option("a text", _text),
    "vmax": Option("a finite number", _number),
    "vmin": Option("a finite number", _number),
    "xlabel": Option("a text", _text),
    "ylabel": Option("a text", _text),
}


def check_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options as they are stored. Raises `TypeError` for a name that is none, with the closest,
    and `ValueError` for a value that the option cannot have."""
    return {name: _checked(name, value) for name, value in options.items()}


def _checked(name: str, value: Any) -> Any:
    option = OPTIONS.get(name)
    if option is None:
        hint = suggestion(name, OPTIONS, "options")
        raise TypeError(f"there is no option '{name}'; {hint}")
    try:
        plain = option.plain(value)
    except ValueError:  # a number that no float holds
        plain = None
    if plain is None:
        raise ValueError(f"the option '{name}' is {option.takes}, not {safe_repr(value)[:80]}")
    return plain
