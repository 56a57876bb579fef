"""How values are told to people."""

from __future__ import annotations

from pathlib import Path

import pytest

from expt.ground.model import Opaque
from expt.ground.text import (
    braille,
    case_text,
    collapse_progress,
    distinct_texts,
    human_age,
    human_duration,
    human_size,
    number_text,
    number_texts,
    printed,
    spark,
    value_text,
    visible,
)


@pytest.mark.parametrize(
    ("values", "width", "height", "expected"),
    [
        ([3, 2, 1], 6, 2, ["⠑⠢⣀⠀⠀⠀", "⠀⠀⠀⠉⠢⢄"]),
        ([0, 1, float("nan"), 1, 0], 4, 1, ["⡰⠉⠀⢢"]),
        ([1.0, 1.0], 2, 2, ["⣀⣀", "⠀⠀"]),
        ([], 2, 1, ["⠀⠀"]),
        ([-1.7e308, 1.7e308], 2, 1, ["⡠⠊"]),
    ],
)
def test_braille(values: list[float], width: int, height: int, expected: list[str]) -> None:
    assert braille(values, width, height) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain [red]x[/nope] <b>", "plain [red]x[/nope] <b>"),
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("one\ntwo\tthree\r", "one\\ntwo\\tthree\\r"),
        ("\x9b2J\x7f\x00", "\\x9b2J\\x7f\\x00"),
        ("right\u202eleft", "right\\u202eleft"),
        ("line\u2028end", "line\\u2028end"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\U000e0041"),
        ("👩\u200d🔬 naïve 数", "👩\u200d🔬 naïve 数"),
        ("no\u00a0break", "no\u00a0break"),
    ],
)
def test_visible_shows_what_a_terminal_would_obey(text: str, expected: str) -> None:
    assert visible(text) == expected
    visible(text).encode()


def test_visible_keeps_the_lines_of_a_traceback() -> None:
    assert visible("a\n\tb\r\x1b", lines=True) == "a\n\tb\\r\\x1b"


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0ms"),
        (0.0123, "12ms"),
        (0.9999, "1.0s"),
        (3.21, "3.2s"),
        (59.97, "1m00s"),
        (65, "1m05s"),
        (3599.9, "1h00m"),
        (7384, "2h03m"),
        (86399.9, "1d00h"),
        (3 * 86400 + 4 * 3600, "3d04h"),
        (-5, "0ms"),
        (float("nan"), "?"),
    ],
)
def test_human_duration(seconds: float, expected: str) -> None:
    assert human_duration(seconds) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (-3, "now"),
        (0.5, "now"),
        (45.9, "45s"),
        (125, "2m"),
        (3 * 3600, "3h"),
        (3 * 86400, "3d"),
        (50 * 86400, "7w"),
        (800 * 86400, "2y"),
        (float("inf"), "?"),
    ],
)
def test_human_age(seconds: float, expected: str) -> None:
    assert human_age(seconds) == expected


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1234, "1.2 kB"),
        (34_000_000, "34 MB"),
        (999_600, "1.0 MB"),
        (5 * 10**15, "5000 TB"),
    ],
)
def test_human_size(size: int, expected: str) -> None:
    assert human_size(size) == expected


@pytest.mark.parametrize(
    ("values", "width", "expected"),
    [
        ([], 5, ""),
        ([1, 1, 1], 5, "▄▄▄"),
        ([0, 1, 2, 3, 4, 5, 6, 7], 8, "▁▂▃▄▅▆▇█"),
        ([0, 0, 7, 7], 2, "▁█"),
        ([0, float("nan"), 1], 3, "▁ █"),
        ([float("inf")], 3, " "),
        ([-1.7e308, 1.7e308, 1.7e308, 1.7e308], 2, "▁█"),
    ],
)
def test_spark(values: list[float], width: int, expected: str) -> None:
    assert spark(values, width) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain\nlines\n", "plain\nlines\n"),
        ("windows\r\n", "windows\n"),
        ("10%\r50%\r100% done\nnext", "100% done\nnext"),
        ("longer than\rthis", "thiser than"),
        ("1/2\r2/2\r", "2/2"),
    ],
)
def test_collapse_progress_keeps_what_a_terminal_would_show(text: str, expected: str) -> None:
    assert collapse_progress(text) == expected


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


def test_numbers_that_differ_look_different() -> None:
    assert number_texts([99.9981, 100.0]) == ["99.998", "100.000"]
    assert number_texts([0.97261, 0.97261]) == ["0.9726", "0.9726"]
    assert number_texts([0.1 + 0.2, 0.3, 0.1]) == ["0.30000000000000004", "0.3", "0.1"]
    assert number_texts([float("nan"), float("nan"), 1, 2.5, 0.1]) == [
        "nan",
        "nan",
        "1",
        "2.5",
        "0.1",
    ]
    assert number_texts([1.0000000000000002, 0.123456, 0.5]) == ["1.0000", "0.1235", "0.5000"]
    assert number_texts([1.0000000000000002, 1, 0.123456]) == ["1.0000000000000002", "1", "0.1235"]


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([0.736, 0.74012345, 1.0], ["0.7360", "0.7401", "1.0000"]),
        ([0.06804123, 0.3635123], ["0.06804", "0.36351"]),
        ([2.3123456, 0.0012123456], ["2.312346", "0.001212"]),
        ([-0.5123456, 0.25], ["-0.5123", "0.2500"]),
        ([2, 0.333333333], ["2", "0.3333"]),
        ([0.1, 0.01, 30.0], ["0.1", "0.01", "30"]),
        ([1e-9, 1.23456789], ["1e-09", "1.235"]),
        ([float("inf"), 1.23456], ["inf", "1.235"]),
        ([0.0], ["0"]),
    ],
)
def test_numbers_align_where_one_is_rounded(values: list[float], texts: list[str]) -> None:
    assert number_texts(values) == texts


def test_values_that_differ_look_different() -> None:
    long = "a" * 100
    assert distinct_texts([long + "b" + long, long + "c" + long, long + "b" + long, 0.1]) == [
        f"{'a' * 24}…{'a' * 24} (1)",
        f"{'a' * 24}…{'a' * 24} (2)",
        f"{'a' * 24}…{'a' * 24} (1)",
        "0.1",
    ]
    assert distinct_texts([2.26911, 2.26912, True, "1"]) == ["2.26911", "2.26912", "True", "1"]


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


def test_a_case_is_told_as_people_read_it() -> None:
    axes = {"lr": 0.1, "hidden": [64, 32], "opt": "sgd", "one": [64], "n\n": None, "t": ""}
    assert case_text(axes) == "lr=0.1 hidden=64×32 opt=sgd one=64 n\\n=None t=''"
    assert len(case_text({"x": "y" * 10_000, "z": list(range(10_000))})) < 120


def test_what_a_run_prints_has_colours_and_nothing_else_to_say_to_a_terminal() -> None:
    text = "\x1b[31mred\x1b[0m 50%\r100%\t\x1b]52;c;aGk=\x07\x1b[2J\n"
    assert printed(text, colour=True) == (
        "\x1b[31mred\x1b[0m 50%\r100%\t\\x1b]52;c;aGk=\\x07\\x1b[2J\n"
    )
    assert printed(text, colour=False) == "red 50%\r100%\t\\x1b]52;c;aGk=\\x07\\x1b[2J\n"


def test_a_constant_line_is_flat_whatever_rounding_does() -> None:
    assert set(spark([0.5] * 3002, 20)) == {"▄"}
