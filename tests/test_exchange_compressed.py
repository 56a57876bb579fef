"""What is compressed in a file is found, however it was compressed, and bounded."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import zipfile
import zlib
from typing import TYPE_CHECKING

import pytest

from expt.exchange import compressed
from expt.exchange.compressed import compressed_in

if TYPE_CHECKING:
    from collections.abc import Callable

TEXT = b"a text that is not to be seen " * 20


def in_zip(content: bytes, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as packed:
        packed.writestr("empty", b"")
        packed.writestr("x.txt", content)
    return file.getvalue()


WAYS = [
    zlib.compress,
    gzip.compress,
    bz2.compress,
    lzma.compress,
    in_zip,
    lambda content: in_zip(content, zipfile.ZIP_LZMA),
    lambda content: b"before" + zlib.compress(content, 1) + b"after",
    lambda content: zlib.compress(b"first") + gzip.compress(content),
    lambda content: b"x\x9c\xff\xff not zlib" + zlib.compress(content, 9),
    lambda content: gzip.compress(in_zip(zlib.compress(content))),
]


@pytest.mark.parametrize("way", WAYS)
def test_it_is_found(way: Callable[[bytes], bytes]) -> None:
    content = way(TEXT)
    assert TEXT not in content
    assert TEXT in list(compressed_in(content))


def test_what_breaks_off_is_seen_as_far_as_it_is() -> None:
    noise = random.Random(0).randbytes(20_000)
    (seen,) = compressed_in(gzip.compress(TEXT + noise)[:-9000])
    assert seen.startswith(TEXT)


@pytest.mark.parametrize("way", WAYS)
def test_damage_is_no_error(way: Callable[[bytes], bytes]) -> None:
    chance = random.Random(1)
    for _ in range(60):
        content = bytearray(way(TEXT))
        for _ in range(3):
            content[chance.randrange(len(content))] = chance.randrange(256)
        list(compressed_in(bytes(content)))
        list(compressed_in(bytes(content[: chance.randrange(len(content))])))


def test_a_bomb_is_not_followed_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compressed, "_LARGEST", 10_000)
    monkeypatch.setattr(compressed, "_MOST", 50_000)
    bomb = zlib.compress(bytes(10**6)) * 40
    seen = [len(one) for one in compressed_in(bomb)]
    assert set(seen) == {10_000}
    assert sum(seen) <= 60_000
