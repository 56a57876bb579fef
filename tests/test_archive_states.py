"""A state comes back as it was, value by value and type by type; nothing is pickled."""

from __future__ import annotations

import datetime as dt
import math
import zipfile
from pathlib import Path

import numpy as np
import pytest

from expt.archive.states import decode_state, encode_state

VALUES = [
    None, True, 0, -(2**200), 0.1, -0.0, float("inf"), "text\ud800", b"\0\xff", 1 + 2j,
    (1, [2, (3,)]), {1, 2}, frozenset({"a"}), {"a": {"b": []}}, {1: "one", (2, 3): "two"},
    {"$array": "not one"}, {"$float": 1.5}, dt.datetime(2026, 1, 2, 3, 4), Path("data/x"),
    np.float32(0.1), np.int8(-3), np.bool_(True), np.datetime64("2026-01-02", "D"),
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_value_comes_back_with_its_type(value: object) -> None:
    found = decode_state(encode_state({"state": value}))["state"]
    assert type(found) is type(value)
    assert repr(found) == repr(value)


def test_a_nan_stays_one() -> None:
    assert math.isnan(decode_state(encode_state(float("nan"))))


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype="i2").reshape(2, 3),
        np.asfortranarray(np.ones((3, 2))),
        np.zeros((0, 4)),
        np.array(1.5),
        np.array([(1, 2.5)], [("a", "i4"), ("b", "f8")]),
    ],
    ids=lambda array: str(array.dtype),
)
def test_an_array_comes_back_bit_for_bit_and_can_be_written_to(array: np.ndarray) -> None:
    found = decode_state(encode_state([array]))[0]
    assert found.dtype == array.dtype
    assert found.shape == array.shape
    assert found.tobytes() == array.tobytes()
    assert found.flags.writeable


def test_what_no_checkpoint_holds_is_refused_by_its_place_and_type() -> None:
    with pytest.raises(TypeError) as refused:
        encode_state({"model": [object()]})
    assert str(refused.value) == (
        "the state['model'][0] is of type 'object', which no checkpoint holds; "
        "'with checkpoint.folder() as path' keeps files of any kind"
    )


def test_a_state_that_holds_itself_is_refused() -> None:
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(TypeError, match="nested too deep, or holds itself"):
        encode_state(endless)


def test_an_array_of_objects_is_refused_and_not_pickled() -> None:
    with pytest.raises(TypeError, match="an array of objects"):
        encode_state(np.array([object()]))


def test_a_flipped_bit_and_a_cut_are_noticed() -> None:
    content = encode_state({"a": np.arange(100.0)})
    for damaged in (content[: len(content) // 2], content[:200] + b"\1" + content[201:]):
        with pytest.raises((ValueError, zipfile.BadZipFile)):
            decode_state(damaged)
