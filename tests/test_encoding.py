"""Values become strict JSON and come back as what they were; what JSON cannot hold is named."""

from __future__ import annotations

import datetime as dt
import math
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from expt.ground.encoding import (
    DEEPEST,
    MAX_INT,
    Unstorable,
    dumps,
    from_json,
    is_same,
    loads,
    parse_strict,
    to_json,
)


class Colour(Enum):
    RED = "red"


class Tensor:
    """Of another library: one number without dimensions."""

    shape = ()

    def __init__(self, number: complex) -> None:
        self.item = lambda: number


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        MAX_INT - 1,
        -0.0,
        math.nan,
        math.inf,
        -math.inf,
        "\ud800 lone",
        [1, [2.5, "x"], {}],
        {"a": {"b": [None]}},
        dt.date(2026, 11, 26),
        dt.datetime(2026, 11, 26, 10, 15, tzinfo=dt.UTC),
        dt.time(10, 15),
        Path("data/train.csv"),
        {1: "int", 1.5: "float", None: "none"},
        {(1, 2): "a pair", ((1, "x"), 2): "nested"},
        {"$float": "nan"},
        {"$path": "x", "other": 1},
        {"$dict": [["a", 1]]},
        {"plain": {"$date": "2026-11-26"}},
    ],
)
def test_a_value_comes_back_as_what_it_was(value: Any) -> None:
    assert is_same(loads(dumps(value)), value)


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        ((1, 2), [1, 2]),
        (Colour.RED, "red"),
        (np.float32(0.5), 0.5),
        (np.int8(-3), -3),
        (np.array(7), 7),
        (np.bool_(True), True),
        ({"loss": [Tensor(0.25)]}, {"loss": [0.25]}),
        (np.datetime64("2026-11-26T10:15"), {"$date": "2026-11-26T10:15:00"}),
        (np.datetime64("NaT", "s"), None),
    ],
)
def test_a_value_of_another_type_is_stored_as_what_it_says(value: Any, stored: Any) -> None:
    assert is_same(to_json(value), stored)


def test_a_set_is_stored_in_one_order_whatever_the_process() -> None:
    assert to_json({f"name{n:03}" for n in range(99)}) == [f"name{n:03}" for n in range(99)]


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"a": [0, 1j]}, "value.a[1] is of type 'complex', which JSON cannot hold"),
        (Tensor(10**400), "value is of type 'tests.test_encoding.Tensor', which JSON cannot hold"),
        (Tensor(1j), "value is of type 'tests.test_encoding.Tensor', which JSON cannot hold"),
        (
            {1: {"x": b""}},
            "value[1].x is of type 'bytes', which JSON cannot hold",
        ),
        pytest.param(
            MAX_INT, "value is an int of more than 4,300 digits, which no reader takes", id="long"
        ),
        (
            np.datetime64("2026-11-26T10:15:00.000000001"),
            "value is a datetime64 of type 'datetime64[ns]', which no date of Python's has; "
            "round it to microseconds",
        ),
    ],
)
def test_what_json_cannot_hold_is_named_with_its_place(value: Any, told: str) -> None:
    with pytest.raises(Unstorable) as caught:
        to_json(value)
    assert str(caught.value) == told


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


def test_a_value_has_so_many_levels_and_no_more() -> None:
    assert loads(dumps(nested(DEEPEST - 1))) == nested(DEEPEST - 1)
    with pytest.raises(Unstorable, match="value is nested too deep, or holds itself"):
        to_json(nested(DEEPEST))


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", "1e999", "{", "", "[" * 1000 + "]" * 1000])
def test_what_is_not_strict_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_strict(text)


@pytest.mark.parametrize(
    "tagged",
    [{"$float": "1"}, {"$date": "yesterday"}, {"$new": 1}, {"$path": 3}, {"$float": "nan", "x": 1}],
)
def test_a_tag_that_nobody_knows_stays_as_it_is(tagged: Any) -> None:
    assert from_json(tagged) == tagged


@pytest.mark.parametrize("tagged", [{"$dict": [1]}, {"$dict": [[{"a": 1}, 2]]}])
def test_a_tag_around_what_it_cannot_hold_is_refused(tagged: Any) -> None:
    with pytest.raises(ValueError, match="a tag around what it cannot hold"):
        from_json(tagged)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (1, 1.0, False),
        (1, True, False),
        (0.0, -0.0, False),
        (math.nan, math.nan, True),
        ([1, math.nan], (1, math.nan), True),
        ([1], [1, 2], False),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ({"a": 1}, {"a": 1.0}, False),
        ({1: "x"}, {True: "x"}, False),
        ({"a": 1}, {"b": 1}, False),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ("1", 1, False),
    ],
)
def test_the_same_is_of_one_type_and_kept_alike(one: Any, other: Any, same: bool) -> None:
    assert is_same(one, other) is same
    assert is_same(other, one) is same
