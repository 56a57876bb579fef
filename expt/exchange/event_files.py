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

from expt.exchange import protobuf_wire as wire
from expt.exchange.crc32c import masked_crc32c
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
    return wire.double(1, time) + wire.whole(2, step) + wire.block(5, wire.block(1, value))


def make_value(tag: str, tensor: bytes, metadata: Metadata | None) -> bytes:
    told = b""
    if metadata is not None:
        plugin, data_class = metadata
        told = wire.block(9, wire.block(1, wire.block(1, plugin)) + wire.whole(4, data_class))
    return wire.block(1, tag) + told + wire.block(8, tensor)


def double_tensor(number: float) -> bytes:
    return wire.whole(1, DOUBLE) + wire.block(2, b"") + wire.block(6, struct.pack("<d", number))


def string_tensor(strings: Sequence[str | bytes]) -> bytes:
    shape = wire.block(2, wire.whole(1, len(strings)))
    return (
        wire.whole(1, STRING)
        + wire.block(2, shape)
        + b"".join(wire.block(8, one) for one in strings)
    )


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
    fields = wire.fields_of(event)
    time, step = wire.double_of(fields.get(1)), wire.int_of(fields.get(2))
    values = []
    for number, content in wire.read_fields(wire.bytes_of(fields.get(5))):
        if number == 1:
            inner = wire.fields_of(content)
            values.append(Value(wire.text_of(inner.get(1)), inner))
    return (time if math.isfinite(time) else 0.0), step, values


def shape_of(tensor: int | bytes) -> tuple[int, ...]:
    shape = wire.bytes_of(wire.fields_of(tensor).get(2))
    return tuple(
        wire.int_of(wire.fields_of(one).get(1))
        for number, one in wire.read_fields(shape)
        if number == 2
    )


def decode_tensor(message: int | bytes | None) -> tuple[Any, ...]:
    """The elements of a `TensorProto`. Raises `ValueError` for a type that no summary has."""
    kind, elements, packed = 0, list[Any](), b""
    for number, content in wire.read_fields(wire.bytes_of(message)):
        if number == 1:
            kind = wire.int_of(content)
        elif number == 4:
            packed = wire.bytes_of(content)
        elif number == 8:
            elements.append(wire.bytes_of(content))
        elif number in (5, 6):
            elements += read_numbers(wire.bytes_of(content), "f" if number == 5 else "d")
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
        return [wire.int_of(content)]
    # a packed field is as many varints as it has: each is read as the field 1 of a message
    found, place = [], 0
    for end, byte in enumerate(content):
        if byte < 128:
            found.append(wire.int_of(wire.fields_of(b"\x08" + content[place : end + 1]).get(1)))
            place = end + 1
    return found
