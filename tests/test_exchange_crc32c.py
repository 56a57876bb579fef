"""The checksum of TFRecord."""

from __future__ import annotations

import pytest

from expt.exchange.crc32c import crc32c


@pytest.mark.parametrize(
    ("data", "checksum"),
    [
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (b"123456789", 0xE3069283),
    ],
)
def test_the_examples_of_rfc_3720(data: bytes, checksum: int) -> None:
    assert crc32c(data) == checksum
