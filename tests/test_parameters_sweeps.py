"""Axes of sweeps: what texts, tables and ranges mean, zipped, counted and expanded late."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy
import pytest

from expt.ground.errors import ExptError, ParameterError, UsageError
from expt.ground.model import Axis
from expt.parameters.seeds import repeat_seed
from expt.parameters.sweeps import (
    axes_from_table,
    drop_names,
    expand_axes,
    make_axis,
    parse_sweep,
    parse_zip,
    product_size,
    read_sweep,
    read_zip,
    reject_many_cases,
    reject_swept_twice,
    repeat_axis,
    sweep_over,
    zip_axes,
)


def axis_of(typed: str, annotation: Any = Any) -> Axis:
    """The axis that a text of `--sweep` means."""
    return read_sweep(parse_sweep(typed), annotation)


def values(axis: Axis) -> list[Any]:
    """The values of an axis of one name."""
    return [value for (value,) in axis.values]


def axis(name: str, *points: Any) -> Axis:
    return make_axis(name, list(points), f"--sweep {name}")


@pytest.mark.parametrize(
    ("typed", "name", "points"),
    [
        ("lr=0.1,0.01", "lr", [0.1, 0.01]),
        ("lr=0.1, 0.01 ", "lr", [0.1, 0.01]),
        ("lr=0.1", "lr", [0.1]),
        (" lr =1", "lr", [1]),
        ("optimizer.lr=1,2", "optimizer.lr", [1, 2]),
        ("o.'a.b'=1", 'o."a.b"', [1]),
        ("name=adam,sgd", "name", ["adam", "sgd"]),
        ("name=adam,1,true,null", "name", ["adam", 1, True, "null"]),
        ("name=[1, 2]", "name", [1, 2]),
        ('name=["a,b", "c"]', "name", ["a,b", "c"]),
        ("name=[[1, 2], [3]]", "name", [[1, 2], [3]]),
        ("name=[1, 2],[3]", "name", [[1, 2], [3]]),
        ("name={a=1, b=2},{a=3}", "name", [{"a": 1, "b": 2}, {"a": 3}]),
        ("name={a=1}", "name", [{"a": 1}]),
        ('name="a,b",c', "name", ["a,b", "c"]),
        ("name='a,b',c", "name", ["a,b", "c"]),
        ('name="a\\",b",c', "name", ['a",b', "c"]),
        ('name="a\\\\",c', "name", ["a\\", "c"]),
        ("name='a\\',c", "name", ["a\\", "c"]),
        ('name=""', "name", [""]),
        ("name=it's,that", "name", ["it's", "that"]),
        ("name=a=b,c=d", "name", ["a=b", "c=d"]),
        ("name=1 # c,2", "name", ["1 # c", 2]),
        ("name=0.1,0.1", "name", [0.1, 0.1]),
        ("n={range=[3]}", "n", [0, 1, 2]),
        ("n={range=[1, 4]}", "n", [1, 2, 3]),
        ("n={range=[0,10,2]}", "n", [0, 2, 4, 6, 8]),
        ("n={range=[3, 0, -1]}", "n", [3, 2, 1]),
        ("n={range=[0, 0.3, 0.1]}", "n", [0.0, 0.1, 0.2]),
        ("n={range=[1, 1.3, 0.1]}", "n", [1.0, 1.1, 1.2]),
        ("n={range=[0, 1, 0.25]}", "n", [0.0, 0.25, 0.5, 0.75]),
        ("n={range=[0, 1, 0.3]}", "n", [0.0, 0.3, 0.6, 0.9]),
        ("n={range=[1.0, 0, -0.5]}", "n", [1.0, 0.5]),
        ("n={linspace=[0,1,5]}", "n", [0.0, 0.25, 0.5, 0.75, 1.0]),
        ("n={linspace=[0.1, 0.3, 3]}", "n", [0.1, 0.2, 0.3]),
        ("n={linspace=[1, -1, 3]}", "n", [1.0, 0.0, -1.0]),
        ("n={linspace=[2, 3, 1]}", "n", [2.0]),
        ("n={logspace=[1e-4,1e-1,4]}", "n", [1e-4, 1e-3, 1e-2, 1e-1]),
        ("n={logspace=[2, 2000, 4]}", "n", [2.0, 20.0, 200.0, 2000.0]),
        ("n={logspace=[1, 16, 5]}", "n", [1.0, 2.0, 4.0, 8.0, 16.0]),
        ("n={logspace=[100, 1, 3]}", "n", [100.0, 10.0, 1.0]),
    ],
)
def test_what_a_sweep_means(typed: str, name: str, points: list[Any]) -> None:
    result = axis_of(typed)
    assert result.names == (name,)
    assert result.where == f"--sweep {name}"
    assert values(result) == points
    assert [type(value) for value in values(result)] == [type(value) for value in points]


@pytest.mark.parametrize(
    ("typed", "annotation", "points"),
    [
        ("name=007,true,1e3,null", str, ["007", "true", "1e3", "null"]),
        ('name="a,b",c', str, ["a,b", "c"]),
        ("name=null,0.5", float | None, [None, 0.5]),
        ("path=a,b/c", Path, ["a", "b/c"]),
    ],
)
def test_texts_between_commas_are_read_by_the_annotation(
    typed: str, annotation: Any, points: list[Any]
) -> None:
    assert values(axis_of(typed, annotation)) == points


SHAPE = (
    "write a list of values, {range=[start, stop, step]}, {linspace=[first, last, count]}, "
    "{logspace=[first, last, count]} or {uniform=[low, high], n=count}"
)


@pytest.mark.parametrize(
    ("typed", "what", "hint"),
    [
        ("lr", "'lr' sweeps nothing: it has no '='", "write NAME=V1,V2"),
        ("lr=", "the axis 'lr' has no values", 'write "" for an empty text'),
        ("lr=1,,2", "the axis 'lr' has an empty value", 'write "" for an empty text'),
        ("lr=1,", "the axis 'lr' has an empty value", 'write "" for an empty text'),
        ("lr=[]", "the axis 'lr' has no values", None),
        (
            "lr=[a, b]",
            "'[a, b]' is no TOML list",
            "put texts in quotes, or leave the brackets out",
        ),
        ("lr=[1, 2", "']' is missing in '[1, 2'", None),
        ('lr="a,b', "'\"' is missing in '\"a,b'", None),
        ("lr={range=[0, 1, 0]}", "the range of the axis 'lr' has a step of 0", SHAPE),
        ("lr={range=[3, 0]}", "the axis 'lr' has no values", None),
        (
            "lr={range=[]}",
            (
                "the range of the axis 'lr' takes one to three numbers: "
                "[stop], [start, stop] or [start, stop, step]"
            ),
            SHAPE,
        ),
        ("lr={range=3}", "the range of the axis 'lr' must be a list of finite numbers", SHAPE),
        (
            "lr={range=[0, inf]}",
            "the range of the axis 'lr' must be a list of finite numbers",
            SHAPE,
        ),
        ("lr={range=[true]}", "the range of the axis 'lr' must be a list of finite numbers", SHAPE),
        (
            "lr={range=[1000000000000000000000]}",
            "the range of the axis 'lr' has more values than can be counted",
            SHAPE,
        ),
        (
            "lr={range=[0, 1e300, 1e-300]}",
            "the range of the axis 'lr' has more values than can be counted",
            SHAPE,
        ),
        (
            "lr={linspace=[0, 1]}",
            "the linspace of the axis 'lr' takes three numbers: [first, last, count]",
            SHAPE,
        ),
        (
            "lr={linspace=[0, 1, 2.5]}",
            "the linspace of the axis 'lr' takes three numbers: [first, last, count]",
            SHAPE,
        ),
        (
            "lr={linspace=[0, 1, 0]}",
            "the linspace of the axis 'lr' takes three numbers: [first, last, count]",
            SHAPE,
        ),
        (
            "lr={logspace=[1, -1, 3]}",
            (
                "the logspace of the axis 'lr' must have ends above 0: "
                "they are the first and the last value"
            ),
            SHAPE,
        ),
        (
            "lr={logspace=[0, 1, 3]}",
            (
                "the logspace of the axis 'lr' must have ends above 0: "
                "they are the first and the last value"
            ),
            SHAPE,
        ),
    ],
)
def test_what_is_no_sweep_is_told(typed: str, what: str, hint: str | None) -> None:
    with pytest.raises(ExptError) as caught:
        axis_of(typed)
    assert (caught.value.what, caught.value.at) == (what, f"--sweep {typed}")
    assert caught.value.hint == hint


@pytest.mark.parametrize("first", [1e-5, 0.1, 3, 7e10])
@pytest.mark.parametrize("last", [2e-5, 1, 12345.678, 1e30])
@pytest.mark.parametrize("count", [2, 3, 17])
def test_spaced_axes_agree_with_numpy_and_have_exact_ends(
    first: float, last: float, count: int
) -> None:
    line = values(make_axis("x", parse_points("linspace", first, last, count), None))
    logs = values(make_axis("x", parse_points("logspace", first, last, count), None))
    numpy.testing.assert_allclose(line, numpy.linspace(first, last, count), rtol=1e-14)
    numpy.testing.assert_allclose(logs, numpy.geomspace(first, last, count), rtol=1e-14)
    assert (line[0], line[-1], logs[0], logs[-1]) == (first, last, first, last)


def parse_points(kind: str, first: float, last: float, count: int) -> list[Any]:
    return values(axis_of(f"x={{{kind}=[{first!r}, {last!r}, {count}]}}"))


def test_a_range_is_counted_without_being_written_out() -> None:
    long = axis_of("n={range=[0, 100000000]}")
    fine = axis_of("n={linspace=[0, 1, 1000000001]}")
    assert product_size([long, long, fine]) == 10**16 * 1000000001
    assert long.values[99_999_999] == (99_999_999,)
    assert long.values[-1] == (99_999_999,)
    assert fine.values[500_000_000] == (0.5,)
    assert list(long.values[2:4]) == [(2,), (3,)]
    with pytest.raises(IndexError):
        long.values[100_000_000]
    with pytest.raises(ParameterError, match="no more than"):
        reject_many_cases({"a": [zip_axes([long, axis2(long)], [(("n", "m"), None)])[0]]}, 10_000)


def axis2(like: Axis) -> Axis:
    return Axis(("m",), like.values)


def test_an_axis_travels_between_processes() -> None:
    zipped = zip_axes(
        [axis_of("a={range=[3]}"), axis_of("b={linspace=[0,1,3]}")], [(("a", "b"), None)]
    )
    assert pickle.loads(pickle.dumps(zipped)) == zipped


def test_axes_of_a_table_have_their_lines_and_dotted_names() -> None:
    table = {
        "lr": [1, 2],
        "opt": {"name": ["a"], "wd": {"range": [2]}},
        "n": {"linspace": [0, 1, 2]},
    }
    axes = axes_from_table(table, lambda keys: f"p:{'/'.join(keys)}")
    assert [(a.names, values(a), a.where) for a in axes] == [
        (("lr",), [1, 2], "p:lr"),
        (("opt.name",), ["a"], "p:opt/name"),
        (("opt.wd",), [0, 1], "p:opt/wd"),
        (("n",), [0.0, 1.0], "p:n"),
    ]


def test_axes_of_a_decorator_may_be_any_sequence() -> None:
    table = {
        "a": range(3),
        "b": (1, 2),
        "c": numpy.arange(2),
        "d": (x for x in "xy"),
        "e": {*"cab"},
    }
    axes = axes_from_table(table, lambda _: None)
    assert [values(a) for a in axes] == [
        [0, 1, 2],
        [1, 2],
        [0, 1],
        ["x", "y"],
        ["a", "b", "c"],
    ]
    assert type(axes[2].values[0][0]) is int


@pytest.mark.parametrize("value", ["a,b", 3, None, {"range": [1], "x": 2}])
def test_an_axis_of_a_table_must_be_a_list_or_a_range(value: Any) -> None:
    with pytest.raises(ParameterError):
        axes_from_table({"a": value}, lambda _: "p:1")


# Zipped


def test_zipped_axes_stand_at_the_place_of_the_first() -> None:
    axes = [axis("x", 0), axis("lr", 1, 2), axis("y", 0), axis("wd", 3, 4)]
    zipped = zip_axes(axes, [(("wd", "lr"), "--zip wd,lr")])
    assert [(a.names, list(a.values)) for a in zipped] == [
        (("x",), [(0,)]),
        (("lr", "wd"), [(1, 3), (2, 4)]),
        (("y",), [(0,)]),
    ]
    assert zipped[1].where == "--sweep lr, --sweep wd"
    nowhere = [make_axis(name, [1], None) for name in "ab"]
    assert zip_axes(nowhere, [(("a", "b"), None)])[0].where is None


def test_what_was_zipped_with_a_name_that_is_dropped_is_still_varied() -> None:
    axes = zip_axes([axis("lr", 1, 2), axis("wd", 3, 4)], [(("lr", "wd"), None)])
    kept = drop_names([*axes, axis("x", 0)], {"lr", "x"})
    assert [(one.names, list(one.values)) for one in kept] == [(("wd",), [(3,), (4,)])]


def test_a_zipped_axis_can_be_zipped_again() -> None:
    axes = [axis("a", 1, 2), axis("b", 3, 4), axis("c", 5, 6)]
    (zipped,) = zip_axes(axes, [(("a", "b"), None), (("b", "c"), None)])
    assert (zipped.names, list(zipped.values)) == (("a", "b", "c"), [(1, 3, 5), (2, 4, 6)])


@pytest.mark.parametrize(
    ("names", "error"),
    [
        (
            ("lr", "wd"),
            "zipped axes must be of one length: 'lr' has 2 and 'wd' has 3 values\n  at --zip",
        ),
        (
            ("lr", "wdd"),
            "there is no axis 'wdd' to zip\n  at --zip\n  did you mean 'wd'? axes: lr, wd",
        ),
    ],
)
def test_what_cannot_be_zipped_is_told(names: tuple[str, ...], error: str) -> None:
    with pytest.raises(ParameterError) as caught:
        zip_axes([axis("lr", 1, 2), axis("wd", 1, 2, 3)], [(names, "--zip")])
    assert str(caught.value) == error


def test_a_zip_without_any_axis_is_told() -> None:
    with pytest.raises(ParameterError) as caught:
        zip_axes([], [(("lr", "wd"), None)])
    assert str(caught.value) == "there is no axis 'lr' to zip\n  axes: none"


def test_the_names_of_a_zip() -> None:
    assert parse_zip("lr, opt.wd") == ("lr", "opt.wd")


@pytest.mark.parametrize("typed", ["", "lr", "lr,lr", "lr,", "lr wd"])
def test_what_zips_nothing_is_told(typed: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_zip(typed)
    assert caught.value.at == f"--zip {typed}"


def test_zip_in_a_file_names_axes_or_holds_them() -> None:
    assert read_zip(["a", "b"], lambda _: None) == ([("a", "b")], [])
    assert read_zip([["a", "b"], ["c", "d"]], lambda _: None) == ([("a", "b"), ("c", "d")], [])
    groups, (held,) = read_zip({"a": [1, 2], "o": {"b": [3, 4]}}, lambda keys: f"p:{len(keys)}")
    assert groups == []
    assert (held.names, list(held.values)) == (("a", "o.b"), [(1, 3), (2, 4)])


@pytest.mark.parametrize("value", ["a", 3, [], ["a"], ["a", 1], [["a", "b"], ["c"]], {"a": [1]}])
def test_what_zips_nothing_in_a_file_is_told(value: Any) -> None:
    with pytest.raises(ParameterError) as caught:
        read_zip(value, lambda _: "p:1")
    assert caught.value.at == "p:1"


# Products


def test_the_product_has_the_last_axis_fastest() -> None:
    cases = list(expand_axes([axis("lr", 0.1, 0.01), axis("seed", 0, 1, 2)]))
    assert cases == [
        {"lr": 0.1, "seed": 0},
        {"lr": 0.1, "seed": 1},
        {"lr": 0.1, "seed": 2},
        {"lr": 0.01, "seed": 0},
        {"lr": 0.01, "seed": 1},
        {"lr": 0.01, "seed": 2},
    ]


def test_no_axes_are_one_case() -> None:
    assert product_size([]) == 1
    assert list(expand_axes([])) == [{}]


def test_a_plan_of_too_many_cases_is_refused_with_its_factors() -> None:
    axes = [axis_of("lr={range=[10000]}"), axis_of("wd={range=[10000]}")]
    with pytest.raises(ParameterError) as caught:
        reject_many_cases({"a.py::experiment_a": [], "b.py::experiment_b": axes}, 10_000)
    assert str(caught.value) == (
        "the plan has 100,000,001 cases, and no more than 10,000 are allowed\n"
        "  at b.py::experiment_b\n"
        "  lr (10,000) × wd (10,000)\n"
        "  narrow the sweep, or allow it with --max-cases 100000001"
    )


def test_a_plan_of_just_enough_cases_is_not_refused() -> None:
    reject_many_cases({"a": [axis_of("lr={range=[10000]}")]}, 10_000)
    reject_many_cases({}, 0)


# Repeats


def test_repeats_are_an_axis_of_indices() -> None:
    repeats = repeat_axis(3, "--repeat 3")
    assert (repeats.names, values(repeats), repeats.where) == (("repeat",), [0, 1, 2], "--repeat 3")
    with pytest.raises(UsageError):
        repeat_axis(0, "--repeat 0")


@pytest.mark.parametrize("seed", [0, 1, 42, 2**63, 2**130])
def test_the_seed_of_a_repeat_is_that_of_the_spawned_sequence(seed: int) -> None:
    spawned = numpy.random.SeedSequence(seed).spawn(5)
    words = [int(sequence.generate_state(1)[0]) for sequence in spawned]
    assert [repeat_seed(seed, index) for index in range(5)] == words


@pytest.mark.parametrize("seed", [-1, 1.5, "3", True, None])
def test_a_seed_that_is_none_is_told(seed: Any) -> None:
    with pytest.raises(ParameterError, match="must be an int of 0 or more"):
        repeat_seed(seed, 0)


# Random points


def drawn(typed: str, seed: int = 7) -> list[Any]:
    return values(read_sweep(parse_sweep(typed), Any, lambda: seed))


def test_random_points_are_the_same_again_for_the_same_seed_and_name() -> None:
    typed = "lr={loguniform=[1e-5, 1e-1], n=20}"
    points = drawn(typed)
    assert points == drawn(typed)
    assert all(1e-5 <= point <= 1e-1 for point in points)
    assert len(set(points)) == 20
    assert points != drawn(typed, seed=8)
    assert points != drawn(typed.replace("lr", "wd"))
    assert points[:5] == drawn("lr={loguniform=[1e-5, 1e-1], n=5}")
    assert sum(point < 1e-3 for point in drawn("lr={loguniform=[1e-5, 1e-1], n=400}")) > 150


def test_the_kinds_of_random_points() -> None:
    assert all(0 <= point <= 1 for point in drawn("x={uniform=[0, 1], n=50}"))
    close = drawn("x={uniform=[1.00000012, 1.00000013], n=3}")
    assert close == [1.00000012] * 3, "rounded, and still within its ends"
    normal = drawn("x={normal=[10, 2], n=400}")
    assert abs(sum(normal) / 400 - 10) < 0.5
    assert {type(point) for point in normal} == {float}
    chosen = drawn('x={choice=["a", 1, [2]], n=60}')
    assert set(map(str, chosen)) == {"a", "1", "[2]"}
    assert all(len(str(point)) <= 12 for point in drawn("x={uniform=[0, 1], n=50}"))


def test_random_points_are_not_written_out_to_be_counted() -> None:
    long = read_sweep(parse_sweep("x={uniform=[0, 1], n=1000000000}"))
    assert product_size([long]) == 10**9


@pytest.mark.parametrize(
    ("typed", "what"),
    [
        ("x={uniform=[0, 1]}", "needs n, how many values are drawn"),
        ("x={uniform=[0, 1], n=0}", "needs n, how many values are drawn"),
        ("x={uniform=[1, 0], n=2}", "must have its low end first"),
        ("x={uniform=[0], n=2}", "takes two numbers"),
        ("x={uniform=[0, inf], n=2}", "must be a list of finite numbers"),
        ("x={loguniform=[0, 1], n=2}", "must have ends above 0"),
        ("x={normal=[0, -1], n=2}", "has a standard deviation below 0"),
        ("x={choice=[], n=2}", "must be a list of values"),
        ("x={uniform=[0, 1], normal=[0, 1], n=2}", "stands beside another one"),
    ],
)
def test_what_are_no_random_points(typed: str, what: str) -> None:
    with pytest.raises(ParameterError) as caught:
        parse_sweep(typed)
    assert caught.value.what.endswith(f"of the axis 'x' {what}")
    assert caught.value.hint is not None and "n=20" in caught.value.hint


def test_an_axis_from_python_is_read_once() -> None:
    axis = read_sweep(sweep_over("lr", iter([1, 2]), "expt.run"))
    assert values(axis) == values(axis) == [1, 2]
    assert values(read_sweep(sweep_over("x", numpy.arange(2), "expt.run"))) == [0, 1]
    with pytest.raises(ParameterError, match="'lr' can be no parameter: <built-in function len>"):
        sweep_over("lr", [len], "expt.run")
    with pytest.raises(UsageError, match="the axis 'lr' is swept twice"):
        reject_swept_twice([parse_sweep("lr=1"), sweep_over("lr", [2], "expt.run")])
