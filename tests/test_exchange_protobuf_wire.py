"""Protocol buffers on the wire, as the documentation of the encoding has them."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expt.exchange.protobuf_wire import block, double, double_of, fields_of, int_of, text_of, whole


def test_the_examples_of_the_documentation() -> None:
    assert whole(1, 150) == b"\x08\x96\x01"
    assert block(2, "testing") == b"\x12\x07testing"
    assert block(3, whole(1, 150)) == b"\x1a\x03\x08\x96\x01"
    assert whole(1, -2) == b"\x08" + b"\xfe" + b"\xff" * 8 + b"\x01"


@given(st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), st.text())
def test_what_is_written_is_read(number: int, real: float, text: str) -> None:
    fields = fields_of(whole(1, number) + double(2, real) + block(300, text))
    assert int_of(fields[1]) == number
    assert double_of(fields[2]) == real
    assert text_of(fields[300]) == text.encode("utf-8", "replace").decode()


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    with contextlib.suppress(ValueError):
        fields_of(content)


@pytest.mark.parametrize("content", [b"\x08", b"\x12\x05ab", b"\x0b", b"\x08" + b"\xff" * 11])
def test_what_is_no_message_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="it is no whole"):
        fields_of(content)
