"""What trainers report: a dict in which some values are numbers, however these are wrapped."""

from __future__ import annotations

import contextlib
from importlib import import_module
from typing import TYPE_CHECKING, Any

from expt.ground.errors import UsageError
from expt.ground.real_numbers import exact_number

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def numbers_in(reported: Mapping[str, Any] | None) -> Iterator[tuple[str, float | int]]:
    """The names and numbers of a report; of tensors of one element, the number in them."""
    for name, value in (reported or {}).items():
        with contextlib.suppress(ValueError):  # a number that no file could hold
            number = exact_number(value)
            if number is not None:
                yield str(name), number


def import_any(modules: tuple[str, ...], install: str) -> Any:
    """The first of `modules` that is there. Raises `UsageError` that says how to install it."""
    for module in modules:
        try:
            return import_module(module)
        except ModuleNotFoundError as error:
            if not module.startswith(str(error.name)):
                raise
    raise UsageError(f"'{modules[0]}' is not installed", None, f"pip install {install}")
