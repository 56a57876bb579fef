"""Texts of other tools become values where they read as one; nothing is evaluated."""

from __future__ import annotations

from typing import Any

import pytest

from expt.exchange.text_values import text_of_value, value_of_text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.1", 0.1),
        ("3", 3),
        ("-1e-5", -1e-5),
        ("True", True),
        ("false", False),
        ("None", None),
        ("[1, 2]", [1, 2]),
        ("adam", "adam"),
        ('"quoted"', '"quoted"'),
        ("__import__('os').system('x')", "__import__('os').system('x')"),
        ("1 # c", "1 # c"),
        ("1\n2", "1\n2"),
        ("", ""),
        ("[" * 10_000, "[" * 10_000),
    ],
)
def test_a_text_is_the_value_that_it_reads_as(text: str, value: Any) -> None:
    found = value_of_text(text)
    assert (type(found), found) == (type(value), value)


def test_a_value_becomes_a_text_that_says_it() -> None:
    assert [text_of_value(v) for v in ("a", 0.1, None, [1, "b"], {"x": True})] == [
        "a",
        "0.1",
        "null",
        '[1, "b"]',
        '{"x": true}',
    ]
