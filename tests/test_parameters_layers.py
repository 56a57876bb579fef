"""One name over its layers: nearest wins, tables merge, and every origin is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import attrs
import pytest

from expt.ground.errors import ParameterError
from expt.ground.model import Origin
from expt.parameters.coercion.fitting import Coercer, Misfit
from expt.parameters.environment import Environment, FileText
from expt.parameters.layers import Layer, Resolved


@attrs.frozen
class Optimizer:
    lr: float = 0.1
    name: Literal["adam", "sgd"] = "adam"
    hook: Any = None


def layer(name: str, **values: Any) -> Layer:
    """A layer whose places are its name and the key: `outer:opt.lr`."""
    return Layer(name, values, lambda keys: f"{name}:{'.'.join(keys)}")


def resolve_name(name: str, layers: list[Layer]) -> Resolved:
    """What `name` comes to over `layers`, strongest first."""
    resolved = Resolved(name)
    for layer in reversed(layers):
        if name in layer.values:
            resolved = resolved.lay(layer.name, layer.where, layer.values[name])
    return resolved


def told(resolved: Resolved) -> dict[str, list[tuple[str, Any]]]:
    """Origins as (layer, value), strongest first."""
    return {
        leaf: [(origin.layer, origin.value) for origin in origins]
        for leaf, origins in resolved.origins.items()
    }


def test_the_strongest_layer_wins_and_the_others_are_origins() -> None:
    layers = [
        layer("inner", lr=1),
        layer("other", x=1),
        layer("outer", lr=2),
        layer("default", lr=3),
    ]
    resolved = resolve_name("lr", layers)
    assert resolved.value == 1
    assert resolved.layer == "inner"
    assert resolved.origins == {
        "lr": (
            Origin("inner", "inner:lr", 1),
            Origin("outer", "outer:lr", 2),
            Origin("default", "default:lr", 3),
        )
    }


def test_a_name_that_nobody_sets_is_not_known() -> None:
    resolved = resolve_name("lr", [layer("inner", x=1)])
    assert not resolved.is_known
    assert (resolved.value, resolved.layer, resolved.origins) == (None, None, {})


def test_none_is_a_value() -> None:
    resolved = resolve_name("lr", [layer("inner", lr=None), layer("outer", lr=1)])
    assert resolved.is_known
    assert resolved.value is None
    assert told(resolved) == {"lr": [("inner", None), ("outer", 1)]}


# layers strongest first; value; origins by leaf
MERGES: list[tuple[list[Any], Any, dict[str, list[tuple[str, Any]]]]] = [
    (
        [{"lr": 1}, {"lr": 2, "name": "sgd"}],
        {"lr": 1, "name": "sgd"},
        {"o.lr": [("0", 1), ("1", 2)], "o.name": [("1", "sgd")]},
    ),
    (
        [{"a": {"x": 1}}, {"a": {"y": 2}, "b": 3}, {"a": {"x": 4, "y": 5}}],
        {"a": {"x": 1, "y": 2}, "b": 3},
        {
            "o.a.x": [("0", 1), ("2", 4)],
            "o.a.y": [("1", 2), ("2", 5)],
            "o.b": [("1", 3)],
        },
    ),
    ([[1], [1, 2, 3]], [1], {"o": [("0", [1]), ("1", [1, 2, 3])]}),
    (
        [{"a": [1]}, {"a": [2, 3]}],
        {"a": [1]},
        {"o.a": [("0", [1]), ("1", [2, 3])]},
    ),
    # a value that is no table ends the merge, in both directions
    (["adam", {"lr": 1}], "adam", {"o": [("0", "adam"), ("1", {"lr": 1})]}),
    ([{"lr": 1}, "adam"], {"lr": 1}, {"o.lr": [("0", 1), ("1", "adam")]}),
    (
        [{"lr": 1}, "adam", {"lr": 5, "x": 2}],
        {"lr": 1},
        {"o.lr": [("0", 1), ("1", "adam"), ("2", {"lr": 5, "x": 2})]},
    ),
    ([None, {"lr": 1}], None, {"o": [("0", None), ("1", {"lr": 1})]}),
    ([{}, {"lr": 1}], {"lr": 1}, {"o.lr": [("1", 1)]}),
    ([{"lr": 1}, {}], {"lr": 1}, {"o.lr": [("0", 1)]}),
    ([{}, {}], {}, {"o": [("0", {}), ("1", {})]}),
    ([{}, 3], {}, {"o": [("0", {}), ("1", 3)]}),
    # a dot in a key is no nesting
    (
        [{"a.b": 1}, {"a": {"b": 2}}],
        {"a": {"b": 2}, "a.b": 1},
        {'o."a.b"': [("0", 1)], "o.a.b": [("1", 2)]},
    ),
]


@pytest.mark.parametrize(("values", "value", "origins"), MERGES)
def test_tables_merge_key_by_key_and_everything_else_is_replaced(
    values: list[Any], value: Any, origins: dict[str, Any]
) -> None:
    layers = [layer(str(place), o=item) for place, item in enumerate(values)]
    resolved = resolve_name("o", layers)
    assert resolved.value == value
    assert told(resolved) == origins


def test_merging_leaves_the_layers_as_they_were() -> None:
    outer, inner = {"a": {"x": 1}}, {"a": {"y": 2}}
    resolve_name("o", [layer("inner", o=inner), layer("outer", o=outer)])
    assert (outer, inner) == ({"a": {"x": 1}}, {"a": {"y": 2}})


def test_a_default_is_the_very_object_and_merges_with_no_other_default() -> None:
    first, second = {"a": object()}, {"a": 1, "b": 2}
    resolved = resolve_name("o", [layer("default", o=first), layer("default", o=second)])
    assert resolved.value is first
    settled = resolve_name("o", [layer("default", o=[1, [2]])]).settle(
        Any, Environment({}, Path("/"))
    )
    assert settled.value == [1, [2]]


def test_a_table_with_keys_that_are_no_text_is_one_value() -> None:
    layers = [layer("-p", o={"a": 1}), layer("default", o={1: 2, "a": 3})]
    assert resolve_name("o", layers[1:]).value == {1: 2, "a": 3}
    assert told(resolve_name("o", layers)) == {"o.a": [("-p", 1), ("default", {1: 2, "a": 3})]}


def test_a_typed_default_is_the_very_object_and_tells_its_fields() -> None:
    default = Optimizer()
    resolved = resolve_name("o", [layer("default", o=default)])
    assert resolved.value is default
    assert told(resolved) == {
        "o.lr": [("default", 0.1)],
        "o.name": [("default", "adam")],
        "o.hook": [("default", None)],
    }


def test_a_default_that_holds_itself_is_a_value_like_any_other() -> None:
    default: dict[str, Any] = {"x": 1}
    default["self"] = default
    resolved = resolve_name("o", [layer("default", o=default)])
    assert resolved.value is default
    assert told(resolved)["o.x"] == [("default", 1)]


def test_a_key_reaches_into_a_typed_default_and_keeps_what_is_no_data() -> None:
    default = Optimizer(hook=len)
    resolved = resolve_name(
        "o", [layer("params.toml", o={"name": "sgd"}), layer("default", o=default)]
    )
    resolved = resolved.lay("-p", "-p o.lr=1", 1, path=("lr",))
    assert Coercer()(resolved.value, Optimizer) == Optimizer(1.0, "sgd", len)
    assert told(resolved) == {
        "o.lr": [("-p", 1), ("default", 0.1)],
        "o.name": [("params.toml", "sgd"), ("default", "adam")],
        "o.hook": [("default", resolved.origins["o.hook"][0].value)],
    }
    assert str(resolved.origins["o.hook"][0].value) == "<built-in function len>"


@pytest.mark.parametrize(
    ("below", "path", "value"),
    [
        ({"lr": 1}, ("lr",), {"lr": 9}),
        ({"lr": 1}, ("wd",), {"lr": 1, "wd": 9}),
        ({"a": {"b": {"c": 1}}, "d": 2}, ("a", "b", "c"), {"a": {"b": {"c": 9}}, "d": 2}),
        ({}, ("a", "b"), {"a": {"b": 9}}),
        (None, ("a", "b"), {"a": {"b": 9}}),
        ({"a.b": 1}, ("a", "b"), {"a.b": 1, "a": {"b": 9}}),
        ({"a.b": 1}, ("a.b",), {"a.b": 9}),
        ({"a": None}, ("a", "b"), {"a": {"b": 9}}),
    ],
)
def test_a_dotted_name_reaches_into_tables(below: Any, path: Any, value: Any) -> None:
    resolved = resolve_name("o", [layer("default", o=below)]).lay("-p", "-p o…=9", 9, path=path)
    assert resolved.value == value


def test_a_dotted_name_makes_the_tables_that_are_not_there() -> None:
    resolved = Resolved("o").lay("-p", "-p o.a.b=1", 1, path=("a", "b"))
    assert resolved.value == {"a": {"b": 1}}
    assert resolved.origins == {"o.a.b": (Origin("-p", "-p o.a.b=1", 1),)}


def test_a_table_made_over_none_tells_what_it_shadows() -> None:
    resolved = resolve_name("o", [layer("default", o=None)]).lay("-p", "-p o.a=1", 1, path=("a",))
    assert told(resolved) == {"o.a": [("-p", 1), ("default", None)]}


def test_a_dotted_name_into_no_table_is_told() -> None:
    with pytest.raises(ParameterError) as caught:
        resolve_name("lr", [layer("params.toml", lr=0.1)]).lay("-p", "-p lr.x=1", 1, path=("x",))
    assert str(caught.value) == (
        "'lr' is no table, so 'lr.x' cannot be set\n"
        "  at -p lr.x=1\n"
        "  it is 0.1, set by params.toml (params.toml:lr)"
    )


@pytest.mark.parametrize(
    ("below", "added", "value"),
    [
        (["a"], ["b"], ["a", "b"]),
        (["a"], "b", ["a", "b"]),
        (("a",), ["b"], ["a", "b"]),
        ([], [], []),
        ([[1]], [[2]], [[1], [2]]),
        (None, ["b"], ["b"]),
    ],
)
def test_what_is_appended_stands_behind(below: Any, added: Any, value: Any) -> None:
    resolved = resolve_name("tags", [layer("default", tags=below)])
    resolved = resolved.lay("-p", "-p tags+=…", added, append=True)
    assert resolved.value == value
    assert told(resolved)["tags"][0] == ("-p", value)


def test_appending_works_twice_inside_a_table_and_on_nothing() -> None:
    resolved = resolve_name("o", [layer("outer", o={"tags": ["a"]})])
    for item in ("b", "c"):
        resolved = resolved.lay("-p", f"-p o.tags+={item}", item, path=("tags",), append=True)
    assert resolved.value == {"tags": ["a", "b", "c"]}
    assert told(resolved)["o.tags"] == [
        ("-p", ["a", "b", "c"]),
        ("-p", ["a", "b"]),
        ("outer", ["a"]),
    ]
    assert Resolved("tags").lay("-p", None, "a", append=True).value == ["a"]


def test_appending_to_no_list_is_told() -> None:
    with pytest.raises(ParameterError) as caught:
        resolve_name("tags", [layer("outer", tags="a")]).lay("-p", "-p tags+=b", "b", append=True)
    assert str(caught.value) == (
        "'tags' is no list, so nothing can be appended to it\n  at -p tags+=b\n  it is 'a'"
    )


def marked(text: str, line: int) -> FileText:
    return FileText.mark(text, f"experiments/params.toml:{line}", Path("/project/experiments"))


def test_the_origin_says_that_a_value_came_from_the_environment() -> None:
    layers = [
        Layer("params.toml", {"o": {"lr": marked("${LR}", 3), "name": "x"}}, lambda _: "p:3"),
        layer("default", o={"lr": 0.1}),
    ]
    raw = resolve_name("o", layers)
    resolved = raw.settle(dict[str, float], Environment({"LR": "1e-3"}, Path("/project")))
    assert resolved.value == {"lr": 0.001, "name": "x"}
    assert resolved.origins["o.lr"] == (
        Origin("params.toml", "p:3 (environment LR)", 0.001),
        Origin("default", "default:o.lr", 0.1),
    )
    assert resolved.origins["o.name"] == (Origin("params.toml", "p:3", "x"),)
    assert raw.value == {"lr": "${LR}", "name": "x"}


def test_what_is_shadowed_needs_no_environment() -> None:
    layers = [Layer("params.toml", {"token": marked("${TOKEN}", 3)}, lambda _: "p:3")]
    resolved = resolve_name("token", layers).lay("-p", "-p token=x", "x")
    assert resolved.settle(str, Environment({}, Path("/"))).value == "x"
    assert told(resolved) == {"token": [("-p", "x"), ("params.toml", "${TOKEN}")]}
    with pytest.raises(ParameterError, match="the environment has no variable 'TOKEN'"):
        resolve_name("token", layers).settle(str, Environment({}, Path("/")))


def test_what_is_appended_reads_no_environment_but_what_it_is_appended_to_does() -> None:
    layers = [Layer("params.toml", {"tags": [marked("${A}", 1)]}, lambda _: "p:1")]
    resolved = resolve_name("tags", layers).lay("-p", "-p tags+=${A}", "${A}", append=True)
    assert resolved.settle(list[str], Environment({"A": "x"}, Path("/"))).value == ["x", "${A}"]


def test_a_path_in_a_table_starts_at_the_file_that_set_it() -> None:
    layers = [Layer("params.toml", {"data": marked("x.csv", 1)}, lambda _: "p:1")]
    cwd = Path("/project")
    assert (
        resolve_name("data", layers).settle(Path, Environment({}, cwd)).value == "experiments/x.csv"
    )
    typed = resolve_name("data", layers).lay("-p", "-p data=x.csv", "x.csv")
    assert typed.settle(Path, Environment({}, cwd)).value == "x.csv"


def misfit_of(value: Any, annotation: Any) -> Misfit:
    with pytest.raises(Misfit) as caught:
        Coercer()(value, annotation)
    return caught.value


def test_a_value_that_does_not_fit_is_told_with_layer_place_and_what_it_shadows() -> None:
    resolved = resolve_name("lr", [layer("params.toml", lr="fast"), layer("default", lr=0.1)])
    error = resolved.misfit_error(misfit_of(resolved.value, float))
    assert str(error) == (
        "'lr' must be float, not 'fast'\n"
        "  at params.toml:lr\n"
        "  set by params.toml, over 0.1 of default (default:lr)"
    )


def test_what_does_not_fit_inside_a_table_has_the_place_of_its_key() -> None:
    layers = [layer("inner", o={"name": "adam"}), layer("outer", o={"lr": [1]})]
    resolved = resolve_name("o", layers)
    error = resolved.misfit_error(misfit_of(resolved.value, Optimizer))
    assert str(error) == "'o.lr' must be float, not [1]\n  at outer:o.lr\n  set by outer"


def test_an_unknown_key_has_its_own_place_and_a_missing_one_that_of_the_table() -> None:
    resolved = resolve_name("o", [layer("outer", o={"nme": "adam"})])
    error = resolved.misfit_error(misfit_of(resolved.value, Optimizer))
    assert str(error) == (
        "'o.nme' is no key of Optimizer\n"
        "  at outer:o.nme\n"
        "  did you mean 'name'? keys: hook, lr, name\n"
        "  set by outer"
    )


def test_a_secret_that_does_not_fit_is_not_shown() -> None:
    digits = resolve_name("pin", [layer("inner", pin="1234")])
    error = digits.misfit_error(misfit_of(digits.value, int), secret=True)
    assert str(error) == "'pin' must be int, not ***\n  at inner:pin\n  set by inner"
    resolved = resolve_name("pin", [layer("inner", pin="hunter2"), layer("default", pin="hunter1")])
    error = resolved.misfit_error(misfit_of(resolved.value, int), secret=True)
    assert str(error) == (
        "'pin' must be int, not ***\n"
        "  at inner:pin\n"
        "  set by inner, over *** of default (default:pin)"
    )
