"""TensorBoard's event files: records with checksums, and the messages in them.

    a file is records:  length u64 │ crc of it u32 │ an Event │ crc of it u32      (TFRecord)
    Event    1 wall_time  2 step  3 file_version  5 summary
    Summary  1 value, repeated: 1 tag  2 simple_value  4 image  5 histo  8 tensor  9 metadata

https://github.com/tensorflow/tensorboard, `compat/proto`. It takes no TensorBoard.
"""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING, Any, Final

from expt.exchange.crc32c import masked_crc32c
from expt.exchange.protobuf_wire import (
    block,
    bytes_of,
    double,
    double_of,
    fields_of,
    int_of,
    read_fields,
    text_of,
    whole,
)
from expt.ground.value_classes import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from io import BufferedReader

LONGEST: Final = 1 << 28  # bytes of one event
SCALAR, TENSOR, BLOBS = 1, 2, 3  # DataClass
FLOAT, DOUBLE, INT32, STRING, INT64, BOOL = 1, 2, 3, 7, 9, 10  # DataType
Metadata = tuple[str, int]
"""The plugin of a tag, and its `DataClass`."""


def make_record(event: bytes) -> bytes:
    head = struct.pack("<Q", len(event))
    return b"".join(
        (head, struct.pack("<I", masked_crc32c(head)), event,
         struct.pack("<I", masked_crc32c(event)))
    )  # fmt: skip


def make_event(time: float, step: int, value: bytes) -> bytes:
    return double(1, time) + whole(2, step) + block(5, block(1, value))


def make_value(tag: str, tensor: bytes, metadata: Metadata | None) -> bytes:
    told = b""
    if metadata is not None:
        plugin, data_class = metadata
        told = block(9, block(1, block(1, plugin)) + whole(4, data_class))
    return block(1, tag) + told + block(8, tensor)


def double_tensor(number: float) -> bytes:
    return whole(1, DOUBLE) + block(2, b"") + block(6, struct.pack("<d", number))


def string_tensor(strings: Sequence[str | bytes]) -> bytes:
    shape = block(2, whole(1, len(strings)))
    return whole(1, STRING) + block(2, shape) + b"".join(block(8, one) for one in strings)


@frozen
class Value:
    """One `Summary.Value`."""

    tag: str
    fields: Mapping[int, int | bytes]


def read_events(file: BufferedReader, *, check: bool = True) -> Iterator[bytes]:
    """Each whole event. A torn end is how a writer that was killed leaves the file.

    Without `check` the file was read before, and found sound.
    """
    while len(head := file.read(12)) == 12:
        size, told = struct.unpack("<QI", head)
        if masked_crc32c(head[:8]) != told or size > LONGEST:
            raise ValueError("no length of an event")
        event, tail = file.read(size), file.read(4)
        if len(tail) < 4:
            return
        if check and masked_crc32c(event) != struct.unpack("<I", tail)[0]:
            raise ValueError("the checksum of an event is wrong")
        yield event


def parse_event(event: bytes) -> tuple[float, int, list[Value]]:
    fields = fields_of(event)
    time, step = double_of(fields.get(1)), int_of(fields.get(2))
    values = []
    for number, content in read_fields(bytes_of(fields.get(5))):
        if number == 1:
            inner = fields_of(content)
            values.append(Value(text_of(inner.get(1)), inner))
    return (time if math.isfinite(time) else 0.0), step, values


def shape_of(tensor: int | bytes) -> tuple[int, ...]:
    shape = bytes_of(fields_of(tensor).get(2))
    return tuple(int_of(fields_of(one).get(1)) for number, one in read_fields(shape) if number == 2)


def decode_tensor(message: int | bytes | None) -> tuple[Any, ...]:
    """The elements of a `TensorProto`. Raises `ValueError` for a type that no summary has."""
    kind, elements, packed = 0, list[Any](), b""
    for number, content in read_fields(bytes_of(message)):
        if number == 1:
            kind = int_of(content)
        elif number == 4:
            packed = bytes_of(content)
        elif number == 8:
            elements.append(bytes_of(content))
        elif number in (5, 6):
            elements += read_numbers(bytes_of(content), "f" if number == 5 else "d")
        elif number in (7, 10, 11):
            elements += _varints(content)
    if packed:
        letter = {FLOAT: "f", DOUBLE: "d", INT32: "i", INT64: "q", BOOL: "?"}.get(kind)
        if letter is None:
            raise ValueError(f"a tensor of type {kind}")
        elements = read_numbers(packed, letter)
    if kind == BOOL:
        elements = [bool(one) for one in elements]
    return tuple(elements)


def read_numbers(data: bytes, letter: str) -> list[Any]:
    size = struct.calcsize(letter)
    if len(data) % size:
        raise ValueError("no whole numbers")
    return list(struct.unpack(f"<{len(data) // size}{letter}", data))


def _varints(content: int | bytes) -> Iterable[int]:
    if isinstance(content, int):
        return [int_of(content)]
    # a packed field is as many varints as it has: each is read as the field 1 of a message
    found, place = [], 0
    for end, byte in enumerate(content):
        if byte < 128:
            found.append(int_of(fields_of(b"\x08" + content[place : end + 1]).get(1)))
            place = end + 1
    return found
