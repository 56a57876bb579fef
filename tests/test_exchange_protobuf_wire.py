"""Protocol buffers on the wire, as the documentation of the encoding has them."""

from __future__ import annotations

import contextlib
import itertools
import math
import random

import pytest

from expt.exchange.protobuf_wire import block, double, double_of, fields_of, int_of, text_of, whole


def test_the_examples_of_the_documentation() -> None:
    assert whole(1, 150) == b"\x08\x96\x01"
    assert block(2, "testing") == b"\x12\x07testing"
    assert block(3, whole(1, 150)) == b"\x1a\x03\x08\x96\x01"
    assert whole(1, -2) == b"\x08" + b"\xfe" + b"\xff" * 8 + b"\x01"


NUMBERS = [0, 1, -1, 127, 128, 2**31, -(2**31), 2**32, 2**63 - 1, -(2**63)]
REALS = [0.0, -0.0, 1.5, float("inf"), float("-inf"), 5e-324, 1.7976931348623157e308]
TEXTS = ["", "a", "\0", "\x7f\x80", "é\u0301", "\ud800", "\udfff\U0010ffff", "x" * 300]


def test_what_is_written_is_read() -> None:
    chance = random.Random(1)
    numbers = NUMBERS + [chance.randrange(-(2**63), 2**63) >> chance.randrange(63) for _ in NUMBERS]
    texts = TEXTS + ["".join(map(chr, chance.choices(range(0x110000), k=n))) for n in range(20)]
    for number, real, text in itertools.product(numbers, REALS, texts):
        fields = fields_of(whole(1, number) + double(2, real) + block(300, text))
        assert int_of(fields[1]) == number
        assert math.copysign(1, double_of(fields[2])) == math.copysign(1, real)
        assert double_of(fields[2]) == real
        assert text_of(fields[300]) == text.encode("utf-8", "replace").decode()


def test_any_bytes_are_read_or_refused() -> None:
    chance = random.Random(2)
    whole_one = whole(1, 2**60) + double(2, 0.5) + block(300, "text")
    for length in range(1000):
        with contextlib.suppress(ValueError):
            fields_of(chance.randbytes(length % 200))
        torn = bytearray(whole_one[: chance.randrange(len(whole_one))])
        if torn:
            torn[chance.randrange(len(torn))] = chance.randrange(256)
        with contextlib.suppress(ValueError):
            fields_of(bytes(torn))


@pytest.mark.parametrize("content", [b"\x08", b"\x12\x05ab", b"\x0b", b"\x08" + b"\xff" * 11])
def test_what_is_no_message_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="it is no whole"):
        fields_of(content)
