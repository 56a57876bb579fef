"""`-k` and `-m` mean what they mean in pytest, and what is unknown stays unknown."""

from __future__ import annotations

import itertools

import pytest
from _pytest.mark.expression import Expression as PytestExpression

from expt.ground.errors import UsageError
from expt.ground.expression import compile_expression, keyword_matcher, mark_matcher

NAMES = {"a", "b.c", "[lr-0.1]", "x::y", "a/b\\c", "+1", "ünï", "True", "None", "notx", "-"}


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "z",
        "not a",
        "not not a",
        "a or z and z",
        "(a or z) and z",
        "not a or a",
        "not (a or z)",
        "not a and not z",
        "z and z or a",
        "a and not(z)",
        "((a))and(a)",
        "  a\tor  z ",
        "b.c",
        "[lr-0.1]",
        "x::y",
        "a/b\\c",
        "+1 and - and ünï",
        "True and None",
        "notx",
        "oror or andand",
        "AND",
    ],
)
def test_an_expression_means_what_it_means_in_pytest(text: str) -> None:
    meant = PytestExpression.compile(text).evaluate(lambda name, /, **_: name in NAMES)
    assert compile_expression(text, "-k").evaluate(NAMES.__contains__) is meant


def pytest_accepts(text: str) -> bool:
    try:
        PytestExpression.compile(text)
    except SyntaxError:
        return False
    return True


def accepts(text: str) -> bool:
    try:
        compile_expression(text, "-k")
    except UsageError:
        return False
    return True


def test_the_grammar_is_pytests_for_every_short_sequence_of_tokens() -> None:
    words = ["a", "not", "and", "or", "(", ")"]
    for length in range(1, 6):
        for sequence in itertools.product(words, repeat=length):
            text = " ".join(sequence)
            called = any(pair == ("a", "(") for pair in itertools.pairwise(sequence))
            assert accepts(text) is (pytest_accepts(text) and not called), text


@pytest.mark.parametrize("text", ["", "   ", "\t"])
def test_a_blank_expression_matches_everything(text: str) -> None:
    assert compile_expression(text, "-k").evaluate(lambda name: False) is True


@pytest.mark.parametrize(
    ("text", "what", "column"),
    [
        ("a b", "expected end of input; got identifier", 3),
        ("a not b", "expected end of input; got not", 3),
        ("a (b)", "expected end of input; got left parenthesis", 3),
        ("(a", "expected right parenthesis; got end of input", 3),
        ("(a b)", "expected right parenthesis; got identifier", 4),
        ("a)", "expected end of input; got right parenthesis", 2),
        ("a and", "expected not OR left parenthesis OR identifier; got end of input", 6),
        ("  or a", "expected not OR left parenthesis OR identifier; got or", 3),
        ("()", "expected not OR left parenthesis OR identifier; got right parenthesis", 2),
        ("a and 'b'", 'unexpected character "\'"', 7),
        ("a \0", 'unexpected character "\\x00"', 3),
        ("a  = b", 'unexpected character "="', 4),
    ],
)
def test_a_mistake_is_told_with_its_column(text: str, what: str, column: int) -> None:
    with pytest.raises(UsageError) as caught:
        compile_expression(text, "-k")
    assert str(caught.value) == (
        f"wrong expression passed to '-k': {what}\n  at column {column}\n  {text}\n".replace(
            "\0", "?"
        )
        + f"  {' ' * (column - 1)}^"
    )


def test_a_mistake_in_a_long_text_shows_the_part_around_it() -> None:
    with pytest.raises(UsageError) as caught:
        compile_expression("a or " * 100 + "b c" + " or d" * 100, "-m")
    shown, caret = str(caught.value).splitlines()[2:]
    assert len(shown) <= 74
    assert shown[caret.index("^")] == "c"


def test_control_characters_are_not_sent_to_the_terminal() -> None:
    with pytest.raises(UsageError) as caught:
        compile_expression("a\x1b[31m", "-k")
    assert str(caught.value) == (
        "wrong expression passed to '-k': unexpected character \"\\x1b\"\n"
        "  at column 2\n  a?[31m\n   ^"
    )


def test_ten_thousand_parentheses_are_an_expression() -> None:
    text = "(" * 10_000 + "not " * 10_000 + "a" + ")" * 10_000
    assert compile_expression(text, "-k").evaluate(lambda name: True) is True


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("unknown", None),
        ("not unknown", None),
        ("unknown and no", False),
        ("no and unknown", False),
        ("unknown and yes", None),
        ("unknown or yes", True),
        ("yes or unknown", True),
        ("unknown or no", None),
        ("unknown or not unknown", None),
    ],
)
def test_unknown_is_kept_unless_the_rest_decides(text: str, answer: bool | None) -> None:
    known = {"yes": True, "no": False, "unknown": None}
    assert compile_expression(text, "-k").evaluate(known.__getitem__) is answer


@pytest.mark.parametrize(
    ("word", "complete", "answer"),
    [
        ("TRAIN", True, True),
        ("vision/mnist", True, True),
        ("train[lr", True, True),
        ("slow", True, True),
        ("fast", True, False),
        ("fast", False, None),
        ("slow", False, True),
    ],
)
def test_a_keyword_is_part_of_a_name(word: str, complete: bool, answer: bool | None) -> None:
    names = ["vision/mnist.py::experiment_train[lr-0.1]", "Slow"]
    assert keyword_matcher(names, complete)(word) is answer


def test_a_keyword_never_spans_two_names() -> None:
    assert keyword_matcher(["ab", "cd"], complete=True)("bc") is False


@pytest.mark.parametrize(
    ("word", "complete", "answer"),
    [("slow", True, True), ("slo", True, False), ("Slow", True, False), ("slo", False, None)],
)
def test_a_mark_is_matched_whole(word: str, complete: bool, answer: bool | None) -> None:
    assert mark_matcher(["slow"], complete)(word) is answer
