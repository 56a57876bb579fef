"""What is typed: `-p` texts become what TOML says, or stay texts; nothing is ever evaluated."""

from __future__ import annotations

import datetime as dt
import enum
import math
from pathlib import Path
from typing import Any, Literal

import pytest

from expt.ground.declarations import Secret
from expt.ground.errors import UsageError
from expt.ground.options import Typed
from expt.parameters.typed_text import parse_assignment, parse_name, parse_value, read_assigned


class Color(enum.Enum):
    RED = "1"
    BLUE = 2


UTC = dt.UTC

# text, value where nothing is annotated
TOML_VALUES: list[tuple[str, Any]] = [
    ("1", 1),
    ("-7", -7),
    ("+7", 7),
    ("0", 0),
    ("1_000", 1000),
    ("0x10", 16),
    ("0o17", 15),
    ("0b11", 3),
    ("9223372036854775808", 2**63),
    (" 1 ", 1),
    ("\t1", 1),
    ("0.1", 0.1),
    ("-0.0", -0.0),
    ("1e3", 1000.0),
    ("1e-3", 0.001),
    ("6.022_140e23", 6.02214e23),
    ("inf", math.inf),
    ("-inf", -math.inf),
    ("true", True),
    ("false", False),
    ('"x"', "x"),
    ("'x'", "x"),
    ('"1"', "1"),
    ('""', ""),
    ('"a # b"', "a # b"),
    ('"a\\nb"', "a\nb"),
    ("'a\\nb'", "a\\nb"),
    ('"""x"""', "x"),
    ("'''x'''", "x"),
    ("[]", []),
    ("[1, 2]", [1, 2]),
    ("[1, 2,]", [1, 2]),
    ('["#"]', ["#"]),
    ("[[1], [2]]", [[1], [2]]),
    ("{}", {}),
    ("{a=1}", {"a": 1}),
    ('{a.b = "c"}', {"a": {"b": "c"}}),
    ("2026-11-23", dt.date(2026, 11, 23)),
    ("10:15:30", dt.time(10, 15, 30)),
    ("2026-11-23T10:15:30Z", dt.datetime(2026, 11, 23, 10, 15, 30, tzinfo=UTC)),
    ("2026-11-23 10:15:30", dt.datetime(2026, 11, 23, 10, 15, 30)),
]

# everything else is the text, character by character
RAW_TEXTS = [
    "",
    " ",
    "adam",
    "Adam W",
    " padded ",
    "007",
    "1.",
    ".5",
    "1__0",
    "True",
    "None",
    "null",
    "NaN",
    "1,2",
    "1,",
    "1 # c",
    "1#2",
    "1 #",
    '"a" # b',
    "# all",
    "[1, 2",
    "[1] # c",
    "[1]]",
    "1] # c",
    "1], [2",
    "{a=1} # }",
    "{a=1",
    "1\nb = 2",
    "1\r\nb = 2",
    "1\r",
    "1\n",
    '"""a\nb"""',
    '"unclosed',
    '"a" "b"',
    "'it''s'",
    "a=b",
    "= 1",
    "x = 1",
    "[table]",
    "[[table]]",
    "50%",
    "a@b.c",
    "a|b",
    "a & b; rm -rf /",
    "$HOME",
    "${HOME}",
    "$(whoami)",
    "`whoami`",
    "%(x)s",
    "{0}",
    "__import__('os').system('true')",
    "1 + 1",
    "2**64",
    "lambda: 0",
    "größe",
    "日本",
    "🙂",
    "\ud800",
    "a\ud800b",
    "a\x00b",
    "\x1b[31mred",
    "\u2028",
    "1\u00a0",
    "٣",
    "2026-13-01",
    "C:\\dir",
    "\\",
    "'",
    '"',
    "[" * 5000,
    "[" * 5000 + "]" * 5000,
    "{a=" * 5000 + "1" + "}" * 5000,
    "[" * 150 + "]" * 150,
    "1" * 5000,
    "0x" + "f" * 5000,
    "[0x" + "f" * 5000 + "]",
]


@pytest.mark.parametrize(("text", "value"), TOML_VALUES, ids=[text for text, _ in TOML_VALUES])
def test_one_toml_value_is_what_toml_says(text: str, value: Any) -> None:
    parsed = parse_value(text)
    assert parsed == value
    assert type(parsed) is type(value)
    assert math.copysign(1, parsed) == math.copysign(1, value) if value == 0 else True


@pytest.mark.parametrize("text", RAW_TEXTS, ids=range(len(RAW_TEXTS)))
def test_everything_else_is_the_text(text: str) -> None:
    assert parse_value(text) == text


def test_nan_is_a_float_and_a_huge_integer_is_exact() -> None:
    assert math.isnan(parse_value("nan"))
    assert parse_value("1" + "0" * 400) == 10**400
    assert parse_value("1e400") == math.inf


@pytest.mark.parametrize("annotation", [str, str | None, Secret, Path])
@pytest.mark.parametrize("text", [text for text, _ in TOML_VALUES] + RAW_TEXTS)
def test_a_text_is_never_read_as_anything_else(text: str, annotation: Any) -> None:
    assert parse_value(text, annotation) == text


@pytest.mark.parametrize(
    ("text", "annotation", "value"),
    [
        ("null", float | None, None),
        (" null ", float | None, None),
        ("null", Path | None, None),
        ("null", Literal["a"] | None, None),
        ("null", list[str] | None, None),
        ("null", str | None, "null"),
        ("null", Secret | None, "null"),
        ("null", int | str | None, "null"),
        ("null", float, "null"),
        ("null", Any, "null"),
        ("Null", float | None, "Null"),
        ('"null"', float | None, "null"),
        ("7", int, 7),
        ("7", float, 7),
        ("3.5", int, 3.5),
        ("1", bool, 1),
        ("yes", bool, "yes"),
        ("7", int | str, 7),
        ("7.5", int | str, "7.5"),
        ("007", int | str, "007"),
        ("true", bool | str, True),
        ("true", int | str, "true"),
        ("[1]", str | list[int], [1]),
        ("1", str | list[str], "1"),
        ("1", Literal["1", "2"], "1"),
        ("1", Literal[1, 2], 1),
        ("1", Literal[1, "1"], 1),
        ("adam", Literal["adam"], "adam"),
        ('"adam"', Literal["adam"], "adam"),
        ("true", Literal["true", "auto"] | None, "true"),
        ("4", Literal["auto"] | int, 4),
        ("auto", Literal["auto"] | int, "auto"),
        ("1", Color, "1"),
        ("2", Color, 2),
        ("BLUE", Color, "BLUE"),
        ("3", Color, 3),
        ("2026-01-02", dt.date, dt.date(2026, 1, 2)),
        ("1", list[str], 1),
        ("[1]", list[str], [1]),
    ],
)
def test_the_annotation_decides_between_text_and_value(
    text: str, annotation: Any, value: Any
) -> None:
    parsed = parse_value(text, annotation)
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(
    ("typed", "experiment", "name", "operator", "text"),
    [
        ("lr=0.1", None, ("lr",), "=", "0.1"),
        ("lr=", None, ("lr",), "=", ""),
        ("url=http://x/?a=b", None, ("url",), "=", "http://x/?a=b"),
        ("x=a+=b", None, ("x",), "=", "a+=b"),
        (" lr = 0.1", None, ("lr",), "=", " 0.1"),
        ("optimizer.lr=0.1", None, ("optimizer", "lr"), "=", "0.1"),
        ('table."a.b".c=1', None, ("table", "a.b", "c"), "=", "1"),
        ("table.'a b'=1", None, ("table", "a b"), "=", "1"),
        ('table."a\\"b"=1', None, ("table", 'a"b'), "=", "1"),
        ("größe=1", None, ("größe",), "=", "1"),
        ("my-param=1", None, ("my-param",), "=", "1"),
        ("1=2", None, ("1",), "=", "2"),
        ('tags+=["x"]', None, ("tags",), "+=", '["x"]'),
        ("opt.tags+=x", None, ("opt", "tags"), "+=", "x"),
        ("name:=null", None, ("name",), ":=", "null"),
        ("experiment_train:lr=0.1", "experiment_train", ("lr",), "=", "0.1"),
        ("experiment_train:lr:=null", "experiment_train", ("lr",), ":=", "null"),
        ("experiment_train:tags+=x", "experiment_train", ("tags",), "+=", "x"),
        ("a/b.py::experiment_x:opt.lr=1", "a/b.py::experiment_x", ("opt", "lr"), "=", "1"),
    ],
)
def test_an_assignment_is_taken_apart_at_the_first_equals_sign(
    typed: str, experiment: str | None, name: Any, operator: str, text: str
) -> None:
    assignment = parse_assignment(typed)
    assert (assignment.experiment, assignment.name) == (experiment, name)
    expected = None if operator == ":=" else Typed(text)
    assert (assignment.operator, assignment.value) == (operator, expected)
    assert assignment.typed == typed


def test_the_name_of_an_assignment_as_origins_spell_it() -> None:
    assert parse_assignment("a.'b.c'.d=1").where == '-p a."b.c".d'


@pytest.mark.parametrize(
    ("typed", "error"),
    [
        (
            "tqdm",
            (
                "'tqdm' sets no parameter: it has no '='\n"
                "  at -p tqdm\n"
                "  write -p NAME=VALUE; a plugin is loaded with --plugin tqdm"
            ),
        ),
        (
            "",
            (
                "'' sets no parameter: it has no '='\n"
                "  at -p \n"
                "  write -p NAME=VALUE; a plugin is loaded with --plugin NAME"
            ),
        ),
        (
            "=1",
            (
                "'' is no name of a parameter\n"
                "  at -p =1\n"
                "  write NAME=VALUE, TABLE.NAME=VALUE or EXPERIMENT:NAME=VALUE"
            ),
        ),
        (
            ":lr=1",
            (
                "':lr' names no experiment before the ':'\n"
                "  at -p :lr=1\n"
                "  write NAME=VALUE, TABLE.NAME=VALUE or EXPERIMENT:NAME=VALUE"
            ),
        ),
    ],
)
def test_what_is_no_assignment_is_told_in_full(typed: str, error: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_assignment(typed)
    assert str(caught.value) == error


@pytest.mark.parametrize(
    "text", ["", " ", ".", "a.", ".a", "a..b", "a b", "a[0]", '"a', "a.'b", "a,b", '"a"b', "a=b"]
)
def test_what_is_no_name(text: str) -> None:
    with pytest.raises(UsageError, match="is no name of a parameter"):
        parse_name(text, "-p")


@pytest.mark.parametrize(
    ("text", "value"), [("null", None), (" null ", None), ("1", 1), ('"x"', "x"), ("[1]", [1])]
)
def test_a_typed_value_is_toml_or_null(text: str, value: Any) -> None:
    assert parse_assignment(f"x:={text}").value == value


@pytest.mark.parametrize("text", ["adam", "", "1 # c", "None", "1\n"])
def test_a_typed_value_is_never_text(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_assignment(f"x:={text}")
    assert caught.value.what == f"'{text}' is neither a TOML value nor null"
    assert caught.value.hint == "':=' takes TOML: put text in quotes, or write '='"


@pytest.mark.parametrize(
    ("text", "annotation", "value"),
    [
        ('["x"]', str, ["x"]),
        ("x", str, "x"),
        ("007", str, "007"),
        ("7", int, 7),
        ("[1, 2]", Any, [1, 2]),
        ("[a]", str, "[a]"),
    ],
)
def test_what_is_appended_is_a_list_or_one_item(text: str, annotation: Any, value: Any) -> None:
    assert read_assigned(parse_assignment(f"x+={text}"), list[annotation]) == value
