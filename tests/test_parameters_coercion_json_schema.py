"""A schema admits what planning admits, and refuses what it refuses, as far as TOML can say it."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict

import numpy as np
import pytest

from expt.parameters.coercion.fitting import Coercer
from expt.parameters.coercion.json_schema import default_of, schema_of

jsonschema = pytest.importorskip("jsonschema", reason="of the extra 'test'")


class Colour(enum.Enum):
    RED = 1
    BLUE = "b"


@dataclasses.dataclass
class Model:
    width: int = 3
    kind: Literal["a", "b"] = "a"
    inner: Model | None = None


class Table(TypedDict, total=False):
    size: int


ANNOTATIONS = [
    Any, bool, int, float, str, Path, Colour, Model, Table, Decimal, complex, dict, dict[str, int],
    list, list[int], tuple[int, str], tuple[float, ...], set[str], int | None, int | str,
    Literal["a", 2], Literal["a", None], Literal[Colour.RED],
    Annotated[float, "of something"], Model | int, np.float32, np.int64, object,
]  # fmt: skip
VALUES = [
    True, 1, -3, 0.5, "a", "b", "RED", "x y", [], [1, 2], [1, "a"], ["a", "a"], [0.5, 2], {},
    {"width": 2}, {"width": 0.5}, {"widht": 2}, {"kind": "c"}, {"inner": {"width": "w"}},
    {"size": 2}, {"size": "2"}, {"a": 1}, {"a": "b"}, [[1]],
]  # fmt: skip
ADMITS_MORE = {(complex, "a"), (complex, "b"), (complex, "RED"), (complex, "x y")}
ADMITS_MORE |= {(Decimal, value) for _, value in ADMITS_MORE}


@pytest.mark.parametrize("annotation", ANNOTATIONS, ids=str)
def test_schema_and_planning_agree_on_every_value(annotation: Any) -> None:
    validator = jsonschema.Draft7Validator(schema_of(annotation))
    fits = Coercer().fits
    for value in VALUES:
        key = (annotation, value if isinstance(value, str) else None)
        more = annotation in (complex, Decimal) and key in ADMITS_MORE
        assert validator.is_valid(value) == (fits(value, annotation) or more), value


@pytest.mark.parametrize("annotation", [int, list[int], Colour, Model, Literal["a"], bool])
def test_a_text_from_the_environment_may_become_anything(annotation: Any) -> None:
    validator = jsonschema.Draft7Validator(schema_of(annotation))
    assert validator.is_valid("${NAME}")
    assert validator.is_valid("${NAME:-3}")
    assert not validator.is_valid("x${NAME}")


def test_what_json_schema_cannot_say_is_admitted() -> None:
    assert schema_of(dt.date) == {}
    assert schema_of(type("Plugins", (), {"__init__": lambda self, a: None})) == {}


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (3, {"default": 3}),
        ((1, 2.5), {"default": [1, 2.5]}),
        (Path("a"), {"default": "a"}),
        (Model(), {}),
        (None, {}),
        (float("nan"), {}),
        (object(), {}),
    ],
)
def test_a_default_is_told_where_toml_can_say_it(value: Any, told: Any) -> None:
    assert default_of(value) == told
