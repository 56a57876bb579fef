"""Numbers beyond Python's three: decimals, fractions, complex, durations, numpy's own classes.

A class of numpy takes what its Python base takes; the others take a number, or a text that says
one exactly.
"""

from __future__ import annotations

import datetime as dt
import re
import sys
import typing
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any, Final

from expt.parameters.coercion.plain import python_scalar

_CLOCK: Final = re.compile(r"(\d+):([0-5]\d)(?::([0-5]\d(?:\.\d{1,6})?))?")
_AMOUNT: Final = re.compile(r"(\d+(?:\.\d+)?) ?(ms|s|min|h|d|w)")
_SECONDS: Final = {"ms": 0.001, "s": 1, "min": 60, "h": 3600, "d": 86400, "w": 604800}


def fit_number(value: Any, part: Any, cls: type) -> Any:
    """`value` as a number of the class `cls` (of the annotation `part`); None where it is none."""
    numpy = sys.modules.get("numpy")
    try:
        if numpy is not None and issubclass(cls, numpy.ndarray):
            return _fit_array(value, part, numpy)
        value = python_scalar(value)
        if isinstance(value, bool) and not (numpy and issubclass(cls, numpy.generic)):
            return None
        if issubclass(cls, (Decimal, Fraction)):
            return _fit_exact(value, cls)
        if issubclass(cls, complex) and isinstance(value, (int, float, complex, str)):
            return cls(value.replace(" ", "") if isinstance(value, str) else value)
        if issubclass(cls, dt.timedelta):
            return _fit_duration(value)
        if numpy is not None and issubclass(cls, numpy.generic):
            return _fit_numpy(value, cls, numpy)
    except (ValueError, OverflowError, InvalidOperation, ZeroDivisionError, TypeError):
        return None
    return None


def _fit_exact(value: Any, cls: type) -> Any:
    if isinstance(value, float):
        value = repr(value)  # the number that was written, not the nearest binary one
    return cls(value) if isinstance(value, (int, str)) else None


def _fit_duration(value: Any) -> dt.timedelta | None:
    if isinstance(value, (int, float)):
        return dt.timedelta(seconds=value)
    if not isinstance(value, str):
        return None
    clock, amount = _CLOCK.fullmatch(value.strip()), _AMOUNT.fullmatch(value.strip())
    if clock:
        hours, minutes, seconds = clock.groups()
        return dt.timedelta(hours=int(hours), minutes=int(minutes), seconds=float(seconds or 0))
    return dt.timedelta(seconds=float(amount[1]) * _SECONDS[amount[2]]) if amount else None


def _fit_numpy(value: Any, cls: Any, numpy: Any) -> Any:
    """A scalar of numpy from what its Python base takes."""
    if issubclass(cls, numpy.bool_):
        return cls(value) if isinstance(value, bool) else None
    if isinstance(value, bool):
        return None
    if issubclass(cls, numpy.integer):
        return (numpy.int64 if cls is numpy.integer else cls)(value) if type(value) is int else None
    if issubclass(cls, numpy.floating) and isinstance(value, (int, float)):
        return (numpy.float64 if cls is numpy.floating else cls)(value)
    if issubclass(cls, numpy.complexfloating) and isinstance(value, (int, float, complex, str)):
        return cls(complex(value))
    if cls in (numpy.number, numpy.generic) and isinstance(value, (int, float)):
        return numpy.asarray(value)[()]
    return None


def _fit_array(value: Any, part: Any, numpy: Any) -> Any:
    """An array from a list of numbers or texts, nested evenly."""
    if not isinstance(value, (list, tuple)):
        return None
    dtypes = [kind for argument in typing.get_args(part)[1:] for kind in typing.get_args(argument)]
    array = numpy.asarray(value)
    if array.dtype.kind not in "biufcU":
        return None
    if dtypes and isinstance(dtypes[0], type) and dtypes[0] is not numpy.generic:
        return array.astype(dtypes[0], casting="same_kind")
    return array
