"""How lines reach a person."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from expt.ground.model import Opaque, Origin
from expt.ground.screen import (
    Screen,
    cells,
    fit,
    leaf_values,
    number_text,
    origin_rows,
    pad,
    results_text,
    value_table,
    value_text,
)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environ", "terminal", "colour", "live"),
    [
        ({}, True, True, True),
        ({}, False, False, False),
        ({"NO_COLOR": "1"}, True, False, True),
        ({"NO_COLOR": ""}, True, True, True),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, True, False, True),
        ({"FORCE_COLOR": "1"}, False, True, False),
        ({"TERM": "dumb"}, True, False, False),
        ({"TERM": "dumb", "FORCE_COLOR": "1"}, True, True, False),
        ({"CI": "true"}, True, True, False),
    ],
)
def test_what_a_stream_can_show(
    environ: dict[str, str], terminal: bool, colour: bool, live: bool
) -> None:
    screen = Screen(Terminal() if terminal else io.StringIO(), environ)
    assert (screen.colour, screen.live) == (colour, live)
    assert screen.paint("x", "good", "bold") == ("\x1b[32;1mx\x1b[0m" if colour else "x")


@pytest.mark.parametrize(
    ("environ", "terminal", "width"),
    [
        ({}, False, None),
        ({"COLUMNS": "132"}, False, 132),
        ({"COLUMNS": "132"}, True, 132),
        ({"COLUMNS": "0"}, True, 80),
        ({"COLUMNS": "wide"}, True, 80),
        ({}, True, 80),
    ],
)
def test_the_width_is_that_of_columns_then_of_the_terminal(
    environ: dict[str, str], terminal: bool, width: int | None
) -> None:
    assert Screen(Terminal() if terminal else io.StringIO(), environ).width == width


def test_no_stream_at_all_is_written_to_in_vain() -> None:
    screen = Screen(None, {})
    screen.write("text\n")
    assert (screen.colour, screen.width, screen.height, screen.gone) == (False, None, 24, True)


def test_a_closed_stream_is_given_up() -> None:
    stream = io.StringIO()
    stream.close()
    Screen(stream, {}).write("text\n")


def test_a_pipe_whose_reader_left_is_given_up() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w", closefd=False) as stream:
        screen = Screen(stream, {})
        screen.write("one\n")
        screen.write("two\n")
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, writer)  # what the stream still holds goes there when it is closed
        os.close(null)
    os.close(writer)


def test_what_the_encoding_lacks_is_written_in_other_signs(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with path.open("w", encoding="ascii") as stream:
        Screen(stream, {}).write("✓ naïve … 数\n")
    assert path.read_text("ascii") == "+ na\\xefve ~ \\u6570\n"


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("short", 10, "short"),
        ("experiments/mnist.py::experiment_train", 20, "experim…riment_train"),
        ("experiments/mnist.py", None, "experiments/mnist.py"),
        ("abc", 1, "…"),
        ("abc", 0, ""),
        ("数数数数", 5, "数…数"),
        ("数数数数", 8, "数数数数"),
    ],
)
def test_fit_shortens_in_the_middle(text: str, width: int | None, expected: str) -> None:
    assert fit(text, width) == expected
    assert width is None or cells(fit(text, width)) <= width


def test_pad_counts_what_a_terminal_counts() -> None:
    assert pad("数e\u0301", 5) == "数e\u0301  "
    assert pad("7", 3, right=True) == "  7"
    assert pad("long", 2) == "long"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (12, "12"),
        (123456789, "123456789"),
        (0.98123, "0.9812"),
        (1e-9, "1e-09"),
        (float("nan"), "nan"),
        (True, "True"),
    ],
)
def test_number_text(value: float, expected: str) -> None:
    assert number_text(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("adam", "'adam'"),
        ("[red]\x1b[31m\n", "'[red]\\x1b[31m\\n'"),
        ("\u202e", "'\\u202e'"),
        (Path("data/a b.csv"), "data/a b.csv"),
        (Opaque("<Net>"), "<Net>"),
        (None, "None"),
        ([1, "a"], "[1, 'a']"),
    ],
)
def test_value_text(value: object, expected: str) -> None:
    assert value_text(value) == expected


def test_results_text_takes_what_fits_in_whole_pairs() -> None:
    results = {"accuracy": 0.98123, "n": 3, "name\n": "x" * 40}
    assert results_text(results) == "accuracy=0.9812 n=3 name\\n='xxxxxxx….xxxxxxxxxxxxx'"
    assert results_text(results, 19) == "accuracy=0.9812 n=3"
    assert results_text(results, 18) == "accuracy=0.9812"
    assert results_text(results, 5) == ""


def test_leaf_values_go_as_deep_as_the_origins() -> None:
    origin = (Origin("default", "a.py:1", 1),)
    params = {"lr": 0.1, "optimizer": {"name": "adam", "betas": {"first": 0.9}}, "table": {"a": 1}}
    origins = {"lr": origin, "optimizer.name": origin, "optimizer.betas": origin, "table": origin}
    assert leaf_values(params, origins) == [
        ("lr", 0.1, origin),
        ("optimizer.name", "adam", origin),
        ("optimizer.betas", {"first": 0.9}, origin),
        ("table", {"a": 1}, origin),
    ]


def test_origin_rows_tell_what_wraps_and_what_is_shadowed() -> None:
    origins = (
        Origin("provider", "conftest.py:8"),
        Origin("-p", "-p lr=0.1", 0.1),
        Origin("params.toml", "params.toml:1", 0.01),
        Origin("default", "a.py:12", 0.001),
    )
    assert list(origin_rows("lr", 0.1, origins)) == [
        ("lr", "0.1", "-p lr=0.1", None),
        ("  through", "", "provider conftest.py:8", "dim"),
        ("  over", "0.01", "params.toml:1", "dim"),
        ("  over", "0.001", "default a.py:12", "dim"),
    ]
    assert list(origin_rows("seed", 7, (Origin("drawn", None, 7),))) == [
        ("seed", "7", "drawn", None)
    ]
    assert list(origin_rows("x", 1, ())) == [("x", "1", "", None)]


def test_a_table_without_a_width_cuts_nothing() -> None:
    origin = (Origin("default", "a.py:12", 0.001),)
    values = [("lr", 0.1, origin), ("long", "x" * 60, origin)]
    assert value_table(Screen(io.StringIO(), {}), values) == [
        f"  lr    0.1{' ' * 37}  default a.py:12",
        f"  long  '{'x' * 60}'  default a.py:12",
    ]


def test_a_table_keeps_to_its_width() -> None:
    origin = (Origin("default", "experiments/vision/mnist.py:12", 0.001),)
    values = [("lr", 0.1, origin), ("a_long_name_indeed", "x" * 60, origin)]
    lines = value_table(Screen(io.StringIO(), {}), values, width=50)
    assert lines == [
        "  lr              0.1       default…on/mnist.py:12",
        "  a_lon…e_indeed  'xx…xxx'  default…on/mnist.py:12",
    ]
    assert max(map(cells, lines)) == 50
