"""Columns of many archives: what goes in comes out, and what is not as it was made is refused."""

from __future__ import annotations

import random
from typing import Any

import pytest

from expt.reading.cells import IS_TABLE, UNTOLD
from expt.reading.shelves import (
    SIZE,
    Row,
    Shelf,
    decode_column,
    decode_heads,
    encode_column,
    encode_heads,
    join_shelves,
)

LISTS = [IS_TABLE, UNTOLD, ["null"], ["[1, 2]"]]
DRAWN: list[Any] = [None, 0, 1, 1.0, -0.5, 1e300, 10**30, "", "adam", "\ud800", "τ", True, False]


def make_row(number: int, **fields: Any) -> Row:
    row = Row(f"walk/{number:05}", f"1.2.{number}", f"run{number}", "a.py::experiment_a", None,
              "completed", number, [], None, True)  # fmt: skip
    return row._replace(**fields)


def make_shelf(numbers: range, seed: int = 0) -> Shelf:
    drawn = random.Random(seed)
    values = [
        {name: value for name in "abc" if (value := drawn.choice([*DRAWN, *LISTS])) is not None}
        for _ in numbers
    ]
    return Shelf.of([make_row(number) for number in numbers], values)


def told(shelf: Shelf) -> dict[str, dict[str, Any]]:
    """Folder → its values, of what counts."""
    columns = {name: shelf.column(name) or [] for name in shelf.names}
    return {
        shelf.folders[place]: {
            name: column[place] for name, column in columns.items() if column[place] is not None
        }
        for place in shelf.places
    }


@pytest.mark.parametrize("size", [1, 2, 40])
def test_a_shelf_comes_back_from_its_texts(size: int) -> None:
    shelf = make_shelf(range(size))
    texts = {name: encode_column(shelf.column(name) or []) for name in shelf.names}
    back = decode_heads(encode_heads(shelf), 7, lambda name: decode_column(texts[name], size))
    assert (list(back.rows()), told(back)) == (list(shelf.rows()), told(shelf))
    assert (back.number, back.names) == (7, shelf.names)


@pytest.mark.parametrize("value", [*DRAWN[1:], *LISTS])
def test_a_column_of_one_value_is_that_value_and_of_its_type(value: Any) -> None:
    back = decode_column(encode_column([value] * 30), 30)
    assert (back, {type(each) for each in back}) == ([value] * 30, {type(value)})
    assert type(value) in (list, int) or len(encode_column([value] * 30)) < 60


@pytest.mark.parametrize(
    ("column", "kept"),
    [
        ([0.1, float("inf"), -0.0], bytes),
        ([1, -(2**63), 2**63 - 1], bytes),
        ([1, 2**63, 3], str),
        (["a", "", "c d"], "=a\n\nc d"),
        (["a", "b\nc", "d"], str),
        (["a", "τ", "\ud800"], str),
        ([["x"], [], ["x"]], '{"of": [["x"], []], "at": [0, 1, 0]}'),
        (["a", None, 1.5], '["a",null,1.5]'),
    ],
)
def test_a_column_is_kept_in_the_form_that_is_read_fastest(column: Any, kept: Any) -> None:
    content = encode_column(column)
    assert content == kept or type(content) is kept
    back = decode_column(content, 3)
    assert [*map(repr, back)] == [*map(repr, column)]


def test_one_and_true_and_one_point_nought_stay_apart() -> None:
    back = decode_column(encode_column([1, True, 1.0]), 3)
    assert [type(each) for each in back] == [int, bool, float]


@pytest.mark.parametrize(
    "text",
    [None, 3, b"", b"\xff", b"d12345678", b"q" + bytes(25), "", "{", "3", "null", "[1]", "=a\nb",
     "[1,2,{}]", '{"all": {}}', '{"of": [1]}', '{"of": [[]], "at": [0, 1, 0]}', "[" * 100_000],
    ids=lambda text: repr(text)[:20],
)  # fmt: skip
def test_a_text_that_is_no_column_is_refused(text: Any) -> None:
    with pytest.raises(ValueError):
        decode_column(text, 3)


@pytest.mark.parametrize("field", range(len(Row._fields) + 1))
@pytest.mark.parametrize("text", [None, b"x", "[1,null]", "[[0]]", '{"all": {}}', "{", '["x",{}]'])
def test_heads_that_are_not_as_they_were_made_are_refused(field: int, text: Any) -> None:
    texts: list[Any] = [*encode_heads(make_shelf(range(2)))]
    texts[field] = text
    with pytest.raises(ValueError):
        decode_heads(texts, 1, lambda _: [])


def test_what_changed_counts_no_more_and_is_left_to_be_read() -> None:
    shelf = make_shelf(range(4))
    now = {row.folder: row.stamp for row in shelf.rows()}
    now |= {"walk/00001": "another", "walk/00003": ""}
    changes = shelf.changes(lambda folders: [now[folder] for folder in folders])
    assert changes == {1: "another", 3: ""}
    shelf.leave_out(changes)
    assert [row.id for row in shelf.rows()] == ["run0", "run2"]


def test_an_archive_on_two_shelves_counts_once() -> None:
    one, other = make_shelf(range(3)), make_shelf(range(1, 4))
    left = {*one.folders, *other.folders, "new"}
    assert (one.take_from(left), other.take_from(left), left) == ([], [0, 1], {"new"})


def test_a_folder_that_stands_on_a_shelf_twice_counts_once() -> None:
    shelf = Shelf.of([make_row(0), make_row(1), make_row(0)], [{}, {}, {}])
    left = {*shelf.folders, "new"}
    assert (shelf.take_from(left), left) == ([2], {"new"})


def test_shelves_are_joined_without_what_does_not_count() -> None:
    shelves = [make_shelf(range(start, start + 300), start) for start in (300, 0, 600)]
    shelves[0].leave_out(range(17, 300))
    expected: dict[str, Any] = {}
    for shelf in shelves:
        expected |= told(shelf)
    joined = join_shelves(shelves)
    found: dict[str, Any] = {}
    for shelf in joined:
        found |= told(shelf)
    assert found == expected
    assert [len(shelf) for shelf in joined] == [SIZE, 617 - SIZE]


def test_a_shelf_with_a_damaged_column_is_not_carried_on() -> None:
    def fetch(_: str) -> list[Any]:
        raise ValueError

    damaged = decode_heads(encode_heads(make_shelf(range(5))), 1, fetch)
    assert damaged.column("a") is None
    assert join_shelves([damaged]) == []


def test_a_run_of_which_columns_do_not_tell_stays_whatever_they_say() -> None:
    rows = [make_row(0), make_row(1, status="running"), make_row(2, told=False), make_row(3)]
    shelf = Shelf.of(rows, [{"a": 1}, {"a": 1}, {}, {"b": 1, "a": 3}])
    assert [row.id for row in shelf.rows([False, False, False, True])] == ["run1", "run2", "run3"]
    assert shelf.firsts(["b", "a"]) == [1, None, None, 1]
    assert shelf.firsts(["c"]) == [None] * 4


def test_what_cannot_be_read_is_a_problem_and_no_row() -> None:
    shelf = Shelf.of([make_row(0), make_row(1, problem="torn")], [{}, {}])
    assert [row.id for row in shelf.rows()] == ["run0"]
    assert [row.id for row in shelf.problems()] == ["run1"]
    assert list(shelf.ids()) == ["run0"]
