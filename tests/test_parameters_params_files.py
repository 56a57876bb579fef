"""A `params.toml`: values, the line of each, the reserved table, and every way to be broken."""

from __future__ import annotations

import os
import random
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from expt.ground.errors import ParameterError
from expt.ground.model import LAYER_FILE, LAYER_SMOKE, LAYER_VARIANT
from expt.ground.toml_lines import find_keys
from expt.parameters.environment import Environment
from expt.parameters.layers import Resolved
from expt.parameters.params_files import (
    ParamsFile,
    experiment_values,
    folder_values,
    read_params_file,
    read_values_file,
    table_layers,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from expt.parameters.layers import Layer


def resolve_name(name: str, layers: Sequence[Layer]) -> Resolved:
    """What `name` comes to over `layers`, strongest first."""
    resolved = Resolved(name)
    for layer in reversed(layers):
        if name in layer.values:
            resolved = resolved.lay(layer.name, layer.where, layer.values[name])
    return resolved


def read(tmp_path: Path, text: str | bytes) -> ParamsFile:
    path = tmp_path / "experiments" / "params.toml"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_params_file(path, tmp_path)


# The scanner of keys


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", {}),
        ("a = 1", {"a": 1}),
        ("\n\n# c\na = 1 # b = 2\nb=2", {"a": 4, "b": 5}),
        ("a.b.c = 1\na.b.d = 2", {"a": 1, "a.b": 1, "a.b.c": 1, "a.b.d": 2}),
        ("a . b = 1", {"a": 1, "a.b": 1}),
        ('"a.b" = 1\n\'c d\' = 2\n"" = 3', {"a.b!": 1, "c d": 2, "": 3}),
        ('"a\\"b\\u0041" = 1', {'a"bA': 1}),
        ("'a\\b' = 1", {"a\\b": 1}),
        ("1 = 1\n2.3 = 2", {"1": 1, "2": 2, "2.3": 2}),
        ("true = 1\ninf = 2\n2026-01-01 = 3", {"true": 1, "inf": 2, "2026-01-01": 3}),
        ("'größe' = 1", {"größe": 1}),
        ("[t]\na = 1\n[t.u]\nb = 2", {"t": 1, "t.a": 2, "t.u": 3, "t.u.b": 4}),
        ("[ t . 'u v' ]  # c\na = 1", {"t": 1, "t.u v": 1, "t.u v.a": 2}),
        ("[t.u]\nb = 1\n[t]\na = 2", {"t": 1, "t.u": 1, "t.u.b": 2, "t.a": 4}),
        ("s = '''\nx = 1\n[y]\n'''\nb = 2", {"s": 1, "b": 5}),
        ('s = """\nx = 1 \\"""\n[y] \\\n  """\nb = 2', {"s": 1, "b": 5}),
        ('s = """"a"" b"""""\nb = 2', {"s": 1, "b": 2}),
        ("s = ''''a'' b'''''\nb = 2", {"s": 1, "b": 2}),
        ("s = \"\"\"\"\"\"\nb = ''''''\nc = ''", {"s": 1, "b": 2, "c": 3}),
        ('s = "a\\\\"\nb = "\\"c = 1"\nd = \'\\\'', {"s": 1, "b": 2, "d": 3}),
        ('s = "x # y"\nb = \'#\' # "c\nd = 1', {"s": 1, "b": 2, "d": 3}),
        ("a = [\n 1, # b = 2\n '''\n]''',\n [2],\n]\nc = 1", {"a": 1, "c": 7}),
        ("a = [ { b = 1 }, { c = [ { d = 1 } ] } ]\ne = 1", {"a": 1, "e": 2}),
        ("a = { b = 1, c.d = 2, e = {} }", {"a": 1, "a.b": 1, "a.c": 1, "a.c.d": 1, "a.e": 1}),
        ("a = { b = [\n1,\n2 ], c = 3 }\nd = 1", {"a": 1, "a.b": 1, "a.c": 3, "d": 4}),
        ("a = { b = '''\n\n''', c = { d = 1 } }", {"a": 1, "a.b": 1, "a.c": 3, "a.c.d": 3}),
        ("a = {}\nb = []\nc = 1", {"a": 1, "b": 2, "c": 3}),
        ("[[p]]\na = 1\n[[p]]\na = 2\n[q]\nb = 3", {"p": 1, "q": 5, "q.b": 6}),
        ("[[p]]\n[p.sub]\na = 1\n[[p.more]]\nb = 1\n[q]", {"p": 1, "q": 6}),
        ("[[p.q]]\na = 1\n[p.r]\nb = 1", {"p": 1, "p.q": 1, "p.r": 3, "p.r.b": 4}),
        ("d = 2026-01-01 10:00:00\nt = 10:00:00.5\nb = 1", {"d": 1, "t": 2, "b": 3}),
        ("f = 1.5e-3\ng = -inf\nh = 0x1F", {"f": 1, "g": 2, "h": 3}),
        ("a = 1\r\n[t]\r\nb = 2\r\n", {"a": 1, "t": 2, "t.b": 3}),
    ],
)
def test_the_line_of_every_key(text: str, lines: dict[str, int]) -> None:
    tomllib.loads(text)
    expected = {
        (name[:-1],) if name.endswith("!") else tuple(name.split(".")): line
        for name, line in lines.items()
    }
    assert find_keys(text)[0] == expected


def write_random_toml(random_: random.Random) -> tuple[str, dict[tuple[str, ...], int]]:
    """A file of keys `k0`, `k1` … with values that try to look like keys, and their lines."""
    values = [
        "1", "'k = 1'", '"[k]"', "'''\nk = 1\n[k]\n'''", '"""\nk = "1" \\\n"""',
        "[\n'k', # k = 1\n]", "{ x = 1 }", "[ { k = 1 } ]", "1979-05-27 07:32:00", '"\\\\"',
        "'\\'", '""""k"" = 1"""', "[[], [[\n]]]",
    ]  # fmt: skip
    text = ""
    lines: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    for number in range(30):
        key = f"k{number}"
        if random_.random() < 0.2:
            table = (f"t{number}",)
            lines[table] = text.count("\n") + 1
            text += f"[{table[0]}]" + random_.choice(["\n", " # k = 1\n", "\n\n"])
        lines[(*table, key)] = text.count("\n") + 1
        shown = random_.choice([key, f'"{key}"', f"'{key}'", f" {key} "])
        value = random_.choice(values)
        if "x = 1" in value:
            lines[(*table, key, "x")] = lines[(*table, key)]
        text += f"{shown}={value}" + random_.choice(["\n", " # [k]\n", "\n# k = 1\n"])
    return text, lines


@pytest.mark.parametrize("seed", range(50))
def test_the_lines_of_generated_files(seed: int) -> None:
    text, lines = write_random_toml(random.Random(seed))
    tomllib.loads(text)
    assert find_keys(text)[0] == lines


# Reading


def test_a_file_is_its_values_their_lines_and_the_reserved_table(tmp_path: Path) -> None:
    file = read(
        tmp_path,
        "seed = 0\nopt = { lr = 0.1 }\n[experiment_a]\nseed = 1\n"
        "[expt]\nextends = '../m.py::experiment_x'\nuse = ['mixins/log.py']\nmarks = 'slow'\n"
        "zip = ['lr', 'wd']\n[expt.sweep]\nlr = [1, 2]\nwd = {range = [2]}\n"
        "[expt.variants.big]\nwidth = 512\n[expt.smoke]\n",
    )
    assert file.path == "experiments/params.toml"
    assert file.values == {"seed": 0, "opt": {"lr": 0.1}, "experiment_a": {"seed": 1}}
    assert file.reserved == {
        "extends": ("../m.py::experiment_x",),
        "use": ("mixins/log.py",),
        "marks": ("slow",),
        "zip": ["lr", "wd"],
        "sweep": {"lr": [1, 2], "wd": {"range": [2]}},
        "variants": {"big": {"width": 512}},
        "smoke": {},
    }
    assert file.where(("opt", "lr")) == "experiments/params.toml:2"
    assert file.where(("opt", "lr", "unknown")) == "experiments/params.toml:2"
    assert file.where(("nothing",)) == "experiments/params.toml"


def test_an_experiments_table_applies_to_it_alone(tmp_path: Path) -> None:
    file = read(tmp_path, "lr = 1\nexperiment_n = 2\n[experiment_a]\nlr = 3\n[opt]\nx = 1")
    assert folder_values(file.values) == {"lr": 1, "experiment_n": 2, "opt": {"x": 1}}
    assert experiment_values(file.values, "experiment_a") == {"lr": 3}
    assert experiment_values(file.values, "experiment_b") == {}
    assert experiment_values(file.values, "experiment_n") == {}


def test_tables_become_layers_strongest_first(tmp_path: Path) -> None:
    file = read(
        tmp_path,
        "lr = 1\n[experiment_base]\nlr = 2\n[experiment_a]\nlr = 3\n"
        "[expt.variants.big]\nlr = 4\n[expt.variants.big.experiment_a]\nlr = 5\n"
        "[expt.smoke]\nlr = 6",
    )
    found = [
        [
            (origin.layer, origin.where, origin.value)
            for origin in resolve_name("lr", layers).origins.get("lr", ())
        ]
        for layers in (
            table_layers(file, ["experiment_base", "experiment_a"]),
            table_layers(file, ["experiment_a"], ("variants", "big"), LAYER_VARIANT),
            table_layers(file, ["experiment_a"], ("smoke",), LAYER_SMOKE),
            table_layers(file, ["experiment_a"], ("variants", "small"), LAYER_VARIANT),
        )
    ]
    path = "experiments/params.toml"
    assert found == [
        [
            ("params.toml", f"{path}:5", 3),
            ("params.toml", f"{path}:3", 2),
            ("params.toml", f"{path}:1", 1),
        ],
        [("--variant", f"{path}:9", 5), ("--variant", f"{path}:7", 4)],
        [("--smoke", f"{path}:11", 6)],
        [],
    ]


def test_a_table_that_says_nothing_still_reaches(tmp_path: Path) -> None:
    file = read(tmp_path, "[expt.smoke]")
    assert len(table_layers(file, [], ("smoke",))) == 1
    assert table_layers(file, [], ("variants", "big")) == []


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (
            "[expt]\nlr = 0.1",
            (
                "[expt] has no key 'lr'\n"
                "  at experiments/params.toml:2\n"
                "  keys: choices, extends, marks, repeat, search, smoke, sweep, use, variants, "
                "zip\n"
                "  parameters stand above the first table, not below [expt]"
            ),
        ),
        (
            "x = 1\n[expt]\nextend = 'a'",
            (
                "[expt] has no key 'extend'\n"
                "  at experiments/params.toml:3\n"
                "  did you mean 'extends'? "
                "keys: choices, extends, marks, repeat, search, smoke, sweep, use, variants, zip\n"
                "  parameters stand above the first table, not below [expt]"
            ),
        ),
        (
            "expt = 3",
            (
                "'expt' is reserved for the table [expt]\n"
                "  at experiments/params.toml:1\n"
                "  give the parameter another name"
            ),
        ),
        (
            "[[expt]]\nextends = 'a'",
            (
                "'expt' is reserved for the table [expt]\n"
                "  at experiments/params.toml:1\n"
                "  give the parameter another name"
            ),
        ),
        (
            "[expt]\nuse = 3",
            "'use' of [expt] must be a text or a list of texts\n  at experiments/params.toml:2",
        ),
        (
            "[expt]\nmarks = ['a', 1]",
            "'marks' of [expt] must be a text or a list of texts\n  at experiments/params.toml:2",
        ),
        (
            "[expt]\nextends = 'a.py'",
            (
                "'extends' of [expt] must be 'PATH::experiment_name' or a list of them\n"
                "  at experiments/params.toml:2"
            ),
        ),
        (
            "[expt]\nsmoke = true",
            "'smoke' of [expt] must be a table\n  at experiments/params.toml:2",
        ),
        (
            "[expt]\nsweep = [1]",
            "'sweep' of [expt] must be a table\n  at experiments/params.toml:2",
        ),
        (
            "[expt.variants]\nbig = 3",
            (
                "the variant 'big' must be a table\n"
                "  at experiments/params.toml:2\n"
                "  write [expt.variants.big] with its parameters below"
            ),
        ),
        (
            "[expt.sweep]\nlr = 0.1",
            (
                "the axis 'lr' must be a list of values, {range=[start, stop, step]}, "
                "{linspace=[first, last, count]}, {logspace=[first, last, count]} "
                "or {uniform=[low, high], n=count}, not 0.1\n"
                "  at experiments/params.toml:2"
            ),
        ),
        (
            "[expt.sweep]\na = [1]\nopt.lr = []",
            "the axis 'opt.lr' has no values\n  at experiments/params.toml:3",
        ),
        (
            "[expt.zip]\na = [1, 2]\nb = [1]",
            (
                "zipped axes must be of one length: 'a' has 2 and 'b' has 1 values\n"
                "  at experiments/params.toml:1"
            ),
        ),
        (
            "[expt]\nzip = 'lr'",
            "'zip' must be a list of names, or a table of axes\n  at experiments/params.toml:2",
        ),
        (
            "a = 1\na = 2",
            "this is not TOML: cannot overwrite a value\n  at experiments/params.toml:2",
        ),
        ("x = ", "this is not TOML: invalid value\n  at experiments/params.toml:1"),
    ],
)
def test_what_a_file_must_not_say_is_told_with_its_line(
    tmp_path: Path, text: str, error: str
) -> None:
    with pytest.raises(ParameterError) as caught:
        read(tmp_path, text)
    assert str(caught.value) == error


def test_every_file_that_is_none_is_an_error_and_never_a_wait(tmp_path: Path) -> None:
    folder = tmp_path / "folder.toml"
    folder.mkdir()
    fifo = tmp_path / "fifo.toml"
    os.mkfifo(fifo)
    dangling = tmp_path / "dangling.toml"
    dangling.symlink_to(tmp_path / "nowhere")
    deep = tmp_path / "deep.toml"
    deep.write_text("x = 1\ny = " + "[" * 5000 + "]" * 5000)
    long = tmp_path / "long.toml"
    long.write_text("x = 1\ny = " + "9" * 5000)
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b"x = 1\ny = '\xe9'")
    places = []
    for path in (folder, fifo, dangling, deep, long, latin, tmp_path / "missing.toml"):
        with pytest.raises(ParameterError) as caught:
            read_params_file(path, tmp_path)
        places.append(caught.value.at)
    assert places == [
        "folder.toml", "fifo.toml", "dangling.toml", "deep.toml", "long.toml:2", "latin.toml:2",
        "missing.toml",
    ]  # fmt: skip


def test_a_byte_order_mark_is_accepted(tmp_path: Path) -> None:
    file = read(tmp_path, b"\xef\xbb\xbflr = 1\n[t]\na = 2")
    assert file.values == {"lr": 1, "t": {"a": 2}}
    assert file.lines == {("lr",): 1, ("t",): 2, ("t", "a"): 3}


# --params FILE


def read_values(tmp_path: Path, text: str) -> ParamsFile:
    path = tmp_path / "values.toml"
    path.write_text(text)
    return read_values_file(path, tmp_path)


def test_a_file_of_values_is_read_as_a_params_toml_of_the_working_directory(
    tmp_path: Path,
) -> None:
    file = read_values(
        tmp_path, "a = '${N}'\nb = '$${N}'\nc = 1\nd = 'x/../y.csv'\n[experiment_x]\nc = 2"
    )
    assert file.path == "values.toml"
    layers = table_layers(file, ["experiment_x"], layer=LAYER_FILE)
    settled = {
        name: resolve_name(name, layers).settle(annotation, Environment({"N": "3"}, tmp_path)).value
        for name, annotation in (("a", int), ("b", Any), ("d", Path))
    }
    assert settled == {"a": 3, "b": "${N}", "d": "x/../y.csv"}
    assert [(o.layer, o.where) for o in resolve_name("c", layers).origins["c"]] == [
        ("--params", "values.toml:6"),
        ("--params", "values.toml:3"),
    ]


def test_a_file_of_values_elsewhere_is_told_by_its_whole_path(tmp_path: Path) -> None:
    path = tmp_path / "values.toml"
    path.write_text("a = 1")
    file = read_values_file(path, tmp_path / "sub")
    assert file.where(("a",)) == f"{path}:1"


def test_the_reserved_table_means_nothing_in_a_file_of_values(tmp_path: Path) -> None:
    with pytest.raises(ParameterError) as caught:
        read_values(tmp_path, "a = 1\n[expt]\nmarks = 'x'")
    assert str(caught.value) == (
        "[expt] means nothing in a file of values\n"
        "  at values.toml:2\n"
        "  it belongs into the params.toml of a folder"
    )


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("# a = null", {"a": None}),
        ("#a=null", {"a": None}),
        ("x = 1\n# a = null\n", {"x": 1, "a": None}),
        ("# a.b = null", {"a": {"b": None}}),
        ("[t]\nx = 1\n# a = null", {"t": {"x": 1, "a": None}}),
        ("[t]\n# 'a b'.c = null", {"t": {"a b": {"c": None}}}),
        ("# a = [1, null]", {"a": [1, None]}),
        ('# a = {"b": null}', {"a": {"b": None}}),
        ('# a = {"$dict": [[1, 2]]}', {"a": {1: 2}}),
        ('# a = "\\ud800"', {"a": "\ud800"}),
        ("# a = null: TOML has no null", {"a": None}),
        ("# a = [1, null]: TOML has no null", {"a": [1, None]}),
        ("a = 1\n# a = null", {"a": 1}),
        ("a = 1\n# a.b = null", {"a": 1}),
        # an ordinary comment is none of them: it is TOML, or no JSON
        ("# a = 1", {}),
        ("# a = 'x'", {}),
        ('# a = "x"', {}),
        ("# a = [1, 2]", {}),
        ("# a = {}", {}),
        ("# a = None", {}),
        ("# a = <function f>", {}),
        ("# a = ***", {}),
        ("# a = null # really", {}),
        ("# a = nullable: null", {}),
        ("# a = 1: a number", {}),
        ("# a = [1, None]: TOML has no null", {}),
        ("# a = NaN", {}),
        ("# a = [Infinity, null]", {}),
        ("# use null", {}),
        ("# we set a = b = null", {}),
        ("## a = null", {}),
        ("x = 1 # a = null", {"x": 1}),
        ("[x] # a = null", {"x": {}}),
        ("x = [ # a = null\n# b = null\n]", {"x": []}),
        ("x = '''\n# a = null\n'''", {"x": "# a = null\n"}),
        ("[[t]]\n# a = null", {"t": [{}]}),
        # a secret that was masked is not a value
        ("a = '***'\nb = '****'\n[t]\nc = '***'", {"b": "****", "t": {}}),
    ],
)
def test_what_toml_cannot_say_stands_in_a_comment(
    tmp_path: Path, text: str, values: dict[str, Any]
) -> None:
    assert read_values(tmp_path, text).values == values


def test_what_a_comment_says_has_its_line_too(tmp_path: Path) -> None:
    file = read_values(tmp_path, "x = 1\n[t]\n# a = null")
    assert file.where(("t", "a")) == "values.toml:3"
