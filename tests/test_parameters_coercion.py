"""Annotations are honoured strictly: what fits, what is told where it does not, what is stored."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import inspect
import subprocess
import sys
import typing
import zoneinfo
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path, PurePath, PurePosixPath
from typing import (
    Annotated,
    Any,
    Generic,
    Literal,
    NewType,
    NotRequired,
    Optional,
    Protocol,
    TypedDict,
    TypeVar,
    Union,
)

import attrs
import numpy
import numpy.typing
import pytest

from expt.ground.declarations import Secret
from expt.ground.model import Opaque, Place
from expt.ground.text import dotted
from expt.parameters.coercion.annotations import (
    admits_none,
    admits_text,
    alternatives,
    annotation_at,
    checks_nothing,
    expected_text,
    prefer,
    resolve_annotations,
    wants_path,
    wants_text,
)
from expt.parameters.coercion.fitting import Coercer, Misfit
from expt.parameters.coercion.plain import fields_of, plain, shown
from expt.planning.providers import read_function

T = TypeVar("T")
UserId = NewType("UserId", int)


def coerce(value: Any, annotation: Any, convert: Any = None) -> Any:
    """`value` as `annotation` wants it."""
    return Coercer(convert)(value, annotation)


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 10


class Rate(enum.Enum):
    HALF = 0.5
    WHOLE = 1.0


class Named(enum.StrEnum):
    ONE = "1"
    TRUE = "true"


class Walks(Protocol):
    def walk(self) -> None: ...


class Options(TypedDict):
    size: int
    note: NotRequired[str | None]


@attrs.frozen
class Optimizer:
    name: Literal["adam", "sgd"]
    _lr: float = 0.1
    betas: tuple[float, float] = (0.9, 0.99)
    steps: int = attrs.field(init=False, default=0)


@dataclasses.dataclass
class Layer:
    size: int
    color: Color = Color.RED
    path: Path | None = None


@dataclasses.dataclass
class Model:
    layers: list[Layer]
    optimizer: Optimizer | None = None
    extra: dict[str, int] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Tree:
    value: int
    children: list[Tree] = dataclasses.field(default_factory=list)


@attrs.define
class Positive:
    size: int = attrs.field(validator=attrs.validators.gt(0))
    free: Any = attrs.field(default=None)


@dataclasses.dataclass
class Unresolved:
    size: NotImported  # type: ignore[name-defined]  # noqa: F821
    lr: float = 0.1


@attrs.frozen
class Box(Generic[T]):
    item: T


class Device:
    def __init__(self, name: str) -> None:
        self.name = name


BERLIN = dt.datetime(2026, 7, 1, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin"))
HOLDS_ITSELF: list[Any] = []
HOLDS_ITSELF.append(HOLDS_ITSELF)
NOON = dt.datetime(2026, 11, 23, 12, 0)


@pytest.mark.parametrize(
    ("value", "annotation", "expected"),
    [
        (3, int, 3),
        (-(2**80), int, -(2**80)),
        (3, float, 3.0),
        (0.1, float, 0.1),
        (float("inf"), float, float("inf")),
        (numpy.float64(0.1), float, 0.1),
        (True, bool, True),
        (numpy.int64(3), int, 3),
        (numpy.float32(0.5), float, 0.5),
        (numpy.int8(3), float, 3.0),
        (numpy.bool_(True), bool, True),
        ("x", str, "x"),
        ("", str, ""),
        ("007", str, "007"),
        ("data/x", Path, Path("data/x")),
        (Path("x"), Path, Path("x")),
        ("a/b", PurePosixPath, PurePosixPath("a/b")),
        ("x", Secret, "x"),
        (Secret("x"), str, "x"),
        ("adam", Literal["adam", "sgd"], "adam"),
        (1, Literal[0, 1], 1),
        (True, Literal[True], True),
        ("red", Literal[Color.RED], Color.RED),
        (None, Literal["a", None], None),
        ("red", Color, Color.RED),
        ("RED", Color, Color.RED),
        (Color.BLUE, Color, Color.BLUE),
        (10, Level, Level.HIGH),
        ("HIGH", Level, Level.HIGH),
        (0.5, Rate, Rate.HALF),
        (1, Rate, Rate.WHOLE),
        (None, int | None, None),
        (1, int | None, 1),
        (None, None, None),
        (1, Optional[float], 1.0),  # noqa: UP045
        (1, Union[float, int], 1),  # noqa: UP007
        (1, int | float, 1),
        (1.5, int | float, 1.5),
        ("x", Path | str, "x"),
        ("x", Path | None, Path("x")),
        ("red", Color | str, "red"),
        ([1, 2], list[float] | list[int], [1, 2]),
        ([1, 2], list[int], [1, 2]),
        ([1, 2], list[float], [1.0, 2.0]),
        ([], list[int], []),
        ([1, "x"], list, [1, "x"]),
        ((1, 2), list[int], [1, 2]),
        ([1], typing.List[int], [1]),  # noqa: UP006
        ([1, "x"], typing.List, [1, "x"]),  # noqa: UP006
        ([[1], [2]], list[list[float]], [[1.0], [2.0]]),
        ([1, 2], Sequence[int], [1, 2]),
        ([1, 2], Iterable[float], [1.0, 2.0]),
        ([1, 2], Collection, [1, 2]),
        ([1, "x"], tuple[int, str], (1, "x")),
        ([1, 2, 3], tuple[int, ...], (1, 2, 3)),
        ([1, 2], tuple, (1, 2)),
        ([], tuple[()], ()),
        ([1, 2, 2], set[int], {1, 2}),
        ([1], frozenset[int], frozenset({1})),
        ({"a": 1}, dict[str, float], {"a": 1.0}),
        ({"a": [1]}, dict, {"a": [1]}),
        ({"a": 1}, Mapping[str, int], {"a": 1}),
        ({1: 2}, dict[int, int], {1: 2}),
        ({"size": 1}, Options, {"size": 1}),
        ({"size": 1, "note": None}, Options, {"size": 1, "note": None}),
        (dt.date(2026, 1, 2), dt.date, dt.date(2026, 1, 2)),
        (NOON, dt.datetime, NOON),
        (dt.time(1), dt.time, dt.time(1)),
        (3, UserId, 3),
        (3, Annotated[int, "unit"], 3),
        (3, Annotated[int | None, "unit"], 3),
        ("x", Any, "x"),
        ("x", object, "x"),
        ("x", T, "x"),
        ("x", "Unresolved", "x"),
        ("x", Walks, "x"),
        ("x", inspect.Parameter.empty, "x"),
        ({"name": "adam"}, Optimizer, Optimizer("adam")),
        ({"name": "sgd", "lr": 1}, Optimizer, Optimizer("sgd", 1.0)),
        ({"name": "sgd", "betas": [0, 1]}, Optimizer, Optimizer("sgd", betas=(0.0, 1.0))),
        (Optimizer("adam"), Optimizer, Optimizer("adam")),
        (
            {"layers": [{"size": 1, "color": "blue", "path": "p"}], "optimizer": {"name": "adam"}},
            Model,
            Model([Layer(1, Color.BLUE, Path("p"))], Optimizer("adam")),
        ),
        ({"layers": [Layer(1)]}, Model, Model([Layer(1)])),
        (
            {"value": 1, "children": [{"value": 2, "children": [{"value": 3}]}]},
            Tree,
            Tree(1, [Tree(2, [Tree(3)])]),
        ),
        ({"size": 1, "free": object}, Positive, Positive(1, object)),
        ({"item": 3}, Box[float], Box(3.0)),
        ({"item": "x"}, Box, Box("x")),
        ({"size": "anything", "lr": 1}, Unresolved, Unresolved("anything", 1)),
    ],
)
def test_what_fits_becomes_what_is_annotated(value: Any, annotation: Any, expected: Any) -> None:
    result = coerce(value, annotation)
    assert result == expected
    assert type(result) is type(expected) or isinstance(result, Secret)
    if isinstance(expected, list):
        assert [type(item) for item in result] == [type(item) for item in expected]


@pytest.mark.parametrize(
    ("value", "annotation", "told"),
    [
        (3.0, int, "'x' must be int, not 3.0"),
        (3.5, int, "'x' must be int, not 3.5"),
        (True, int, "'x' must be int, not true"),
        ("3", int, "'x' must be int, not '3'"),
        (None, int, "'x' must be int, not null"),
        (True, float, "'x' must be float, not true"),
        ("fast", float, "'x' must be float, not 'fast'"),
        ("nan", float, "'x' must be float, not 'nan'"),
        (1, bool, "'x' must be bool, not 1"),
        (numpy.float64(3.0), int, "'x' must be int, not 3.0"),
        (numpy.bool_(True), int, "'x' must be int, not true"),
        ("false", bool, "'x' must be bool, not 'false'"),
        (1, str, "'x' must be str, not 1"),
        (b"x", str, "'x' must be str, not b'x'"),
        (1, Path, "'x' must be Path, not 1"),
        (1, Secret, "'x' must be Secret, not 1"),
        ("a\x1b[2J\nb", int, "'x' must be int, not 'a\\x1b[2J\\nb'"),
        ("rmsprop", Literal["sgd", "adam"], "'x' must be one of 'adam', 'sgd', not 'rmsprop'"),
        (1, Literal[True], "'x' must be true, not 1"),
        (True, Literal[0, 1], "'x' must be one of 0, 1, not true"),
        (1.0, Literal[0, 1], "'x' must be one of 0, 1, not 1.0"),
        ("1", Literal[0, 1], "'x' must be one of 0, 1, not '1'"),
        ("green", Color, "'x' must be one of 'blue', 'red', not 'green'"),
        (True, Level, "'x' must be one of 1, 10, not true"),
        (1, bool | None, "'x' must be bool or null, not 1"),
        ("x", float | None, "'x' must be float or null, not 'x'"),
        ("x", None | float, "'x' must be float or null, not 'x'"),
        ([], int | str, "'x' must be int or str, not []"),
        (1, list[int], "'x' must be list of int, not 1"),
        ("abc", list[str], "'x' must be list of str, not 'abc'"),
        ("abc", Sequence[str], "'x' must be list of str, not 'abc'"),
        ([1, "x"], list[int], "'x[1]' must be int, not 'x'"),
        ([[1], [2, "y"]], list[list[int]], "'x[1][1]' must be int, not 'y'"),
        ([1], tuple[int, str], "'x' must be list of 2 (int, str), not [1]"),
        ([1], tuple[()], "'x' must be list, not [1]"),
        ([1, 2.5], tuple[int, ...], "'x[1]' must be int, not 2.5"),
        ([[1]], set, "'x' must be list, not [[1]]"),
        ([["a"]], set[list[str]], "'x' must be list of list of str, not [['a']]"),
        ([1], dict, "'x' must be table, not [1]"),
        ({"a": "b"}, dict[str, int], "'x.a' must be int, not 'b'"),
        ({"a b": "c"}, dict[str, int], "'x.\"a b\"' must be int, not 'c'"),
        ({"1": 2}, dict[int, int], "'x.1' must be int, not '1'"),
        ({"note": "x"}, Options, "'x.size' is missing: it must be int"),
        ({"size": 1, "nota": 1}, Options, "'x.nota' is no key of Options"),
        ({"size": "x"}, Options, "'x.size' must be int, not 'x'"),
        ({"size": 1, "note": 1}, Options, "'x.note' must be str or null, not 1"),
        (3, Options, "'x' must be Options, a table of note, size, not 3"),
        (NOON, dt.date, "'x' must be date, not datetime.datetime(2026, 11, 23, 12, 0)"),
        ("2026-01-02", dt.date, "'x' must be date, not '2026-01-02'"),
        ("cuda", Device, "'x' must be Device, not 'cuda'"),
        ({"name": "cuda"}, Device, "'x' must be Device, not {'name': 'cuda'}"),
        ("relu", Callable[[int], int], "'x' must be Callable, not 'relu'"),
        ("x", UserId, "'x' must be int, not 'x'"),
        ("adam", Optimizer, "'x' must be Optimizer, a table of betas, lr, name, not 'adam'"),
        ({}, Optimizer, "'x.name' is missing: it must be one of 'adam', 'sgd'"),
        ({"nme": "adam"}, Optimizer, "'x.nme' is no key of Optimizer"),
        ({"name": "adam", "steps": 3}, Optimizer, "'x.steps' is no key of Optimizer"),
        ({"name": "adam", "lr": "x"}, Optimizer, "'x.lr' must be float, not 'x'"),
        ({"name": "adam", "betas": [1, "x"]}, Optimizer, "'x.betas[1]' must be float, not 'x'"),
        ({"layers": [{"size": "x"}]}, Model, "'x.layers[0].size' must be int, not 'x'"),
        (
            {"layers": [], "optimizer": {"name": "adam", "lr": True}},
            Model,
            "'x.optimizer.lr' must be float, not true",
        ),
        ({"value": 1, "children": [{}]}, Tree, "'x.children[0].value' is missing: it must be int"),
        ({"size": 0}, Positive, "'x' must be Positive, a table of free, size, not {'size': 0}"),
        ({"item": "x"}, Box[float], "'x.item' must be float, not 'x'"),
        ({}, Unresolved, "'x' must be Unresolved, a table of lr, size, not {}"),
    ],
)
def test_what_does_not_fit_is_told_with_place_expectation_and_value(
    value: Any, annotation: Any, told: str
) -> None:
    with pytest.raises(Misfit) as caught:
        coerce(value, annotation)
    assert caught.value.tell("x") == told


def test_a_union_leaves_the_types_inside_a_table_as_they_are() -> None:
    assert type(coerce({"a": 1}, dict[str, float] | dict[str, int])["a"]) is int


def test_an_int_that_no_float_can_hold_is_refused() -> None:
    with pytest.raises(Misfit) as caught:
        coerce(10**400, float)
    assert caught.value.expected == "float"
    assert len(caught.value.tell("x")) < 300


def test_an_unknown_key_comes_with_the_closest_and_all_keys() -> None:
    with pytest.raises(Misfit) as caught:
        coerce({"nme": "adam"}, Optimizer)
    assert caught.value.hint == "did you mean 'name'? keys: betas, lr, name"


@pytest.mark.parametrize(
    ("value", "annotation", "hint"),
    [
        ("0.1", float, "write 0.1, without quotes"),
        (".5", float, "write 0.5, without quotes"),
        ("3", int, "write 3, without quotes"),
        ("007", int, "write 7, without quotes"),
        ("true", bool, "write true, without quotes"),
        ("False", bool, "write false, without quotes"),
        ("fast", float, None),
        ("nan", float, None),
        ("1" * 5000, int, None),
        ("1" * 5000, float, None),
        ("1" * 400, int, "write " + "1" * 200 + "…, without quotes"),
        ("3.5", int, None),
        ("yes", bool, None),
        ("a,b", list[str], 'a list is written as ["a", "b"]'),
        (1, list[str], None),
    ],
)
def test_the_usual_slips_come_with_what_to_write(
    value: Any, annotation: Any, hint: str | None
) -> None:
    with pytest.raises(Misfit) as caught:
        coerce(value, annotation)
    assert caught.value.hint == hint


def test_what_a_validator_says_is_the_hint() -> None:
    with pytest.raises(Misfit) as caught:
        coerce({"size": 0}, Positive)
    assert caught.value.hint == "'size' must be > 0: 0"


def test_a_misfit_knows_its_place_and_hides_a_secret() -> None:
    with pytest.raises(Misfit) as caught:
        coerce({"layers": [{"size": "x"}]}, Model)
    assert caught.value.path == "layers[0].size"
    assert caught.value.steps == ("layers", 0, "size")
    assert caught.value.tell("m", secret=True) == "'m.layers[0].size' must be int, not ***"


def test_a_secret_stays_a_secret() -> None:
    assert repr(coerce("x", Secret)) == "Secret('***')"
    assert isinstance(coerce(Secret("x"), str), Secret)


def test_home_is_expanded_in_paths_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    assert coerce("~/x", Path) == Path("/home/ada/x")
    assert coerce("~/x", str) == "~/x"


def test_a_plugin_converts_its_own_class_and_may_refuse() -> None:
    def convert(value: Any, annotation: Any) -> Any:
        if annotation is not Device:
            return None
        if value == "tpu":
            raise ValueError("no such device")
        return Device(value)

    coercer = Coercer(convert)
    assert coercer("cuda", Device).name == "cuda"
    assert coercer("cuda", Device | None).name == "cuda"
    assert coercer(["cuda"], list[Device])[0].name == "cuda"
    assert coercer(None, Device | None) is None
    assert not coercer.fits(None, Device)
    assert coercer({"name": "adam"}, Optimizer) == Optimizer("adam")
    with pytest.raises(Misfit) as caught:
        coercer("tpu", Device)
    assert (caught.value.expected, caught.value.hint) == ("Device", "no such device")


def test_cattrs_is_imported_for_classes_alone() -> None:
    code = (
        "import sys, expt.parameters.coercion.fitting as c;"
        "c.Coercer()([1, {'a': 'x'}], list); c.Coercer()(1, float | None)"
        "; assert not {'cattrs', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)


@pytest.mark.parametrize(
    ("annotation", "none", "text", "is_text", "is_path"),
    [
        (str, False, True, True, False),
        (str | None, True, True, True, False),
        (Secret, False, True, True, False),
        (Path, False, False, True, True),
        (Path | None, True, False, True, True),
        (Path | str, False, True, True, False),
        (PurePath, False, False, True, True),
        (int | str, False, True, False, False),
        (int | None, True, False, False, False),
        (Color, False, False, False, False),
        (Named, False, False, False, False),
        (Literal["a", "b"], False, False, False, False),
        (list[str], False, False, False, False),
        (None, True, False, False, False),
        (Any, True, True, False, False),
        (Annotated[str, "x"], False, True, True, False),
    ],
)
def test_what_an_annotation_admits(
    annotation: Any, none: bool, text: bool, is_text: bool, is_path: bool
) -> None:
    assert admits_none(annotation) is none
    assert admits_text(annotation) is text
    assert wants_text(annotation) is is_text
    assert wants_path(annotation) is is_path


@pytest.mark.parametrize(
    ("annotation", "steps", "inner"),
    [
        (Model, ("optimizer", "lr"), float),
        (Model, ("layers", 3, "path"), Path | None),
        (Optimizer, ("betas", 1), float),
        (Optimizer, ("betas", 2), Any),
        (Optimizer | None, ("name",), Literal["adam", "sgd"]),
        (dict[str, list[int]], ("any", 0), int),
        (Options, ("note",), NotRequired[str | None]),
        (list[str], (0,), str),
        (tuple[int, ...], (7,), int),
        (Optimizer, ("nothing",), Any),
        (Unresolved, ("size",), Any),
        (Unresolved, ("lr",), float),
        (int, ("x",), Any),
        (Any, ("x", 0), Any),
        (int, (), int),
    ],
)
def test_annotations_of_what_stands_inside(annotation: Any, steps: Any, inner: Any) -> None:
    assert annotation_at(annotation, steps) == inner


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        (int, "int"),
        (float | None, "float or null"),
        (Literal["sgd", "adam"], "one of 'adam', 'sgd'"),
        (Literal["only"], "'only'"),
        (Literal[10, 2], "one of 10, 2"),
        (Color | None, "one of 'blue', 'red' or null"),
        (list[float], "list of float"),
        (tuple[int, ...], "list of int"),
        (tuple[int, str], "list of 2 (int, str)"),
        (tuple, "list"),
        (dict[str, int], "table of int"),
        (Any, "anything"),
        (Optimizer, "Optimizer, a table of betas, lr, name"),
    ],
)
def test_annotations_in_words(annotation: Any, text: str) -> None:
    assert expected_text(annotation) == text


def test_an_annotation_that_does_not_resolve_is_left_out_alone() -> None:
    def experiment(lr: float, data: NotImported, opt: Optimizer | None = None) -> None:  # type: ignore[name-defined]  # noqa: F821
        """Takes one that only a type checker knows."""

    assert resolve_annotations(experiment) == {
        "lr": float,
        "opt": Optimizer | None,
        "return": type(None),
    }
    assert resolve_annotations(Unresolved) == {"lr": float}
    assert resolve_annotations(len) == {}


def test_an_argument_without_annotation_is_annotated_by_a_default_that_no_file_could_say() -> None:
    key = Secret("x")

    def experiment(  # type: ignore[no-untyped-def]
        data=Path("x"),
        mode=Color.RED,
        opt=Optimizer("adam"),
        pair=(1, 2),
        key=key,
        lr=0.1,
        nothing=None,
        act=len,
        odd: NotImported = Path("x"),  # type: ignore[name-defined]  # noqa: F821
        said: str | Path = Path("x"),
    ):
        """Annotates next to nothing."""

    function = read_function(experiment, Place("a.py", 1), resolve_annotations(experiment))
    assert function.annotations == {
        "data": Path | None,
        "mode": Color | None,
        "opt": Optimizer | None,
        "pair": tuple | None,
        "key": Secret | None,
        "said": str | Path,
    }
    assert {name: kind for name, kind in function.kinds.items() if kind is not None} == {
        "lr": int | float | None
    }


def test_what_checks_nothing() -> None:
    nothing = (Any, object, T, Walks, "Name", inspect.Parameter.empty)
    assert all(checks_nothing(annotation) for annotation in nothing)
    assert not any(checks_nothing(a) for a in (int, list[int], Literal["a"], Device, Color))


class Nasty:
    def __repr__(self) -> str:
        raise RuntimeError("no")


def relu(x: float) -> float:
    """A default that is no data."""
    return max(x, 0.0)


class Point(tuple[int, int]):
    __slots__ = ()


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (None, None),
        (True, True),
        (3, 3),
        (Level.HIGH, 10),
        (0.1, 0.1),
        (numpy.float64(0.5), 0.5),
        (numpy.float32(0.5), 0.5),
        (numpy.int8(3), 3),
        (numpy.bool_(True), True),
        ("x", "x"),
        (Named.ONE, "1"),
        (Color.RED, "red"),
        (Path("x"), Path("x")),
        (PurePosixPath("x"), Path("x")),
        (NOON, NOON),
        ((1, (2,)), [1, [2]]),
        ({3, 1, 2}, [1, 2, 3]),
        ({"a": Color.RED}, {"a": "red"}),
        ({Color.RED: 1, (1, 2): 2}, {"red": 1, (1, 2): 2}),
        (Optimizer("adam"), {"name": "adam", "lr": 0.1, "betas": [0.9, 0.99]}),
        (
            Model([Layer(1)]),
            {
                "layers": [{"size": 1, "color": "red", "path": None}],
                "optimizer": None,
                "extra": {},
            },
        ),
        (len, Opaque("<built-in function len>")),
        (Optimizer, Opaque(repr(Optimizer))),
        ([Nasty()], [Opaque("<Nasty whose repr raises RuntimeError>")]),
        (b"x", Opaque("b'x'")),
        (Opaque("x"), Opaque("x")),
        (numpy.zeros(2), [0.0, 0.0]),
        (numpy.arange(4).reshape(2, 2), [[0, 1], [2, 3]]),
        (numpy.zeros((2, 1000)), Opaque(shown(numpy.zeros((2, 1000))))),
        (numpy.datetime64("2026-01-01T00:00:00.5"), dt.datetime(2026, 1, 1, 0, 0, 0, 500000)),
        (numpy.datetime64(1, "ns"), Opaque(repr(numpy.datetime64(1, "ns")))),
        (numpy.timedelta64(90, "s"), 90),
        (decimal.Decimal("0.10"), "0.10"),
        (fractions.Fraction(1, 3), "1/3"),
        (1 + 2j, "(1+2j)"),
        (dt.timedelta(minutes=1, milliseconds=500), 60.5),
        (BERLIN, dt.datetime(2026, 7, 1, tzinfo=dt.timezone(dt.timedelta(hours=2)))),
        pytest.param(10**5000, Opaque(hex(10**5000)[:200] + "…"), id="long"),
        (HOLDS_ITSELF, Opaque("[[...]]")),
        (relu, Opaque("<function relu>")),
        (Nasty().__init__, Opaque("<method-wrapper '__init__' of Nasty object>")),
    ],
)
def test_what_is_stored_of_a_value(value: Any, stored: Any) -> None:
    result = plain(value)
    assert result == stored
    assert type(result) is type(stored)


def test_a_value_that_holds_itself_is_stored_as_its_repr() -> None:
    loop: list[Any] = []
    loop.append(loop)
    assert plain(loop) == Opaque("[[...]]")


def test_storing_keeps_secrets_marked_and_cuts_long_reprs() -> None:
    assert isinstance(plain({"a": Secret("x")})["a"], Secret)
    assert len(str(plain(b"x" * 1000))) == 201


@pytest.mark.parametrize(
    ("value", "annotation"),
    [
        (Optimizer("sgd", 0.5), Optimizer),
        (Model([Layer(1, Color.BLUE, Path("x"))], Optimizer("adam")), Model),
        (Tree(1, [Tree(2)]), Tree),
        ((1, 2.5), tuple[int, float]),
        (Color.BLUE, Color),
        ({"size": 1, "note": None}, Options),
    ],
)
def test_what_was_stored_comes_back_equal(value: Any, annotation: Any) -> None:
    assert coerce(plain(value), annotation) == value


def test_the_fields_of_an_instance_are_as_they_are() -> None:
    layer = Layer(1)
    assert fields_of(Model([layer])) == {"layers": [layer], "optimizer": None, "extra": {}}
    assert fields_of({"a": 1}) == {"a": 1}
    assert fields_of(3) is None
    assert fields_of(Model) is None


@pytest.mark.parametrize(
    ("steps", "text"),
    [
        (("lr",), "lr"),
        (("optimizer", "lr"), "optimizer.lr"),
        (("table", "a.b", "c"), 'table."a.b".c'),
        (("table", 'say "x"\\'), 'table."say \\"x\\"\\\\"'),
        (("table", ""), 'table.""'),
        (("table", "a\nb"), 'table."a\\u000ab"'),
        (("größe", "x-y"), "größe.x-y"),
        (("layers", 2, "size"), "layers[2].size"),
        ((1,), "[1]"),
    ],
)
def test_dotted_names_are_quoted_as_in_toml(steps: Any, text: str) -> None:
    assert dotted(steps) == text


@pytest.mark.parametrize(
    ("annotation", "value", "fitted"),
    [
        (decimal.Decimal, "0.10", decimal.Decimal("0.10")),
        (decimal.Decimal, 0.1, decimal.Decimal("0.1")),
        (fractions.Fraction, "1/3", fractions.Fraction(1, 3)),
        (fractions.Fraction, 0.1, fractions.Fraction(1, 10)),
        (complex, "1 + 2j", 1 + 2j),
        (complex, 2, 2 + 0j),
        (dt.timedelta, 90, dt.timedelta(seconds=90)),
        (dt.timedelta, "1:30:00", dt.timedelta(hours=1, minutes=30)),
        (dt.timedelta, "1.5 h", dt.timedelta(minutes=90)),
        (numpy.float64, 0.1, numpy.float64(0.1)),
        (numpy.float32, 1, numpy.float32(1)),
        (numpy.floating, 0.1, numpy.float64(0.1)),
        (numpy.int8, 3, numpy.int8(3)),
        (numpy.bool_, True, numpy.bool_(True)),
        (numpy.str_, "x", numpy.str_("x")),
        (numpy.complex128, "(1+2j)", numpy.complex128(1 + 2j)),
    ],
)
def test_numbers_beyond_pythons_three_are_made_and_come_back(
    annotation: Any, value: Any, fitted: Any
) -> None:
    """Case: numpy-annotation-no-roundtrip, and its siblings."""
    made = coerce(value, annotation)
    assert made == fitted
    assert type(made) is type(fitted)
    again = coerce(plain(made), annotation)
    assert again == fitted
    assert type(again) is type(fitted)


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (decimal.Decimal, "a"),
        (decimal.Decimal, True),
        (fractions.Fraction, "1/0"),
        (complex, "x"),
        (dt.timedelta, "soon"),
        (dt.timedelta, 1e300),
        (numpy.float64, "0.1"),
        (numpy.float64, True),
        (numpy.int64, 0.5),
        (numpy.int8, 300),
        (numpy.bool_, 1),
        (numpy.ndarray, 1),
        (numpy.ndarray, [[1], [2, 3]]),
        (numpy.ndarray, [None]),
    ],
)
def test_numbers_beyond_pythons_three_are_strict_too(annotation: Any, value: Any) -> None:
    with pytest.raises(Misfit, match="must be"):
        coerce(value, annotation)


def test_an_array_is_made_of_a_list() -> None:
    made = coerce([[1, 2], [3, 4]], numpy.ndarray)
    assert isinstance(made, numpy.ndarray)
    assert made.tolist() == plain(made) == [[1, 2], [3, 4]]
    assert coerce([1, 2], numpy.typing.NDArray[numpy.float32]).dtype == numpy.float32


def test_an_array_of_a_thousand_numbers_is_a_value_and_a_larger_one_is_data() -> None:
    assert plain(numpy.zeros(1000)) == [0.0] * 1000
    assert isinstance(plain(numpy.zeros(1001)), Opaque)


def test_two_members_of_a_union_prefer_the_class_of_the_default() -> None:
    """What both would take is an instance of the default's class."""
    other = dataclasses.make_dataclass("Other", [("lr", float, 0.1)])
    first = dataclasses.make_dataclass("First", [("lr", float, 0.2), ("beta", float, 0.9)])
    union = prefer(first | other, other())
    assert isinstance(coerce({"lr": 1.0}, union), other)
    assert isinstance(coerce({"beta": 1.0}, union), first)
    assert prefer(int | None, None) == int | None


ALIASES = """
type Tree = dict[str, Tree | int]
type Many[T] = list[T]
type Swapped[A, B] = dict[B, A]
type Loop = Loop | int
"""


@pytest.mark.skipif(sys.version_info < (3, 12), reason="'type X = …' is Python 3.12")
def test_an_alias_that_holds_itself_is_looked_through() -> None:
    """Case: recursive-type-alias."""
    scope: dict[str, Any] = {}
    exec(ALIASES, scope)
    for value, annotation, told in [
        ({"a": {"b": "x"}}, scope["Tree"], "'p.a.b' must be"),
        (["a"], scope["Many"][int], "'p[0]' must be int, not 'a'"),
        ({"a": "x"}, scope["Swapped"][int, str], "'p.a' must be int, not 'x'"),
    ]:
        with pytest.raises(Misfit) as caught:
            coerce(value, annotation)
        assert caught.value.tell("p").startswith(told)
    assert coerce({"a": {"b": 1}}, scope["Tree"]) == {"a": {"b": 1}}
    assert expected_text(scope["Tree"]) == "table of Tree or int"
    assert checks_nothing(alternatives(scope["Loop"])[0])
