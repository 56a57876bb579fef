"""How values are told to people."""

from __future__ import annotations

import pytest

from expt.ground.text import (
    chart,
    collapse_progress,
    human_age,
    human_duration,
    human_size,
    spark,
    visible,
)


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
    ("values", "width", "height", "expected"),
    [
        ([0, 1], 2, 2, [" █", "▁█"]),
        ([0, 1, 2, 3], 4, 1, ["▁▃▆█"]),
        ([0, 0.5, float("nan"), 1], 4, 2, [" ▁ █", "▁█ █"]),
        ([2, 2], 2, 2, ["  ", "▇▇"]),
        ([], 4, 2, ["", ""]),
        ([-1.7e308, 1.7e308], 2, 1, ["▁█"]),
    ],
)
def test_chart(values: list[float], width: int, height: int, expected: list[str]) -> None:
    assert chart(values, width, height) == expected


def test_a_constant_line_is_flat_whatever_rounding_does() -> None:
    assert set(spark([0.5] * 3002, 20)) == {"▄"}
