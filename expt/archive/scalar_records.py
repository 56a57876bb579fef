"""The 32-byte record of `scalars.bin`: one number with its step and time, little-endian.

    step i8 or f8 | time f8, seconds since 1970 | value f8 or i8 | kind u4 | id u4

An id of 0 is a record that was never written. It takes no numpy: what draws a screen reads it too.
"""

from __future__ import annotations

import math
import struct
from typing import Final

from expt.ground.value_classes import frozen

RECORD_SIZE: Final = 32
KIND_FLOAT: Final = 0
KIND_INT: Final = 1
FLOAT_STEP: Final = 0x100
"""Added to the kind where the step is a float."""
RECORD_KINDS: Final = frozenset(
    {KIND_FLOAT, KIND_INT, FLOAT_STEP | KIND_FLOAT, FLOAT_STEP | KIND_INT}
)

FLOAT_RECORD: Final = struct.Struct("<qddII")
INT_RECORD: Final = struct.Struct("<qdqII")

# kind and id as one ready-made field: one conversion less a call, and one store for both
FLOAT_AND_TAG: Final = struct.Struct("<qdd8s")
INT_AND_TAG: Final = struct.Struct("<qdq8s")
FLOAT_AT_FLOAT_AND_TAG: Final = struct.Struct("<ddd8s")
INT_AT_FLOAT_AND_TAG: Final = struct.Struct("<ddq8s")
_TAG: Final = struct.Struct("<II")

COLUMN_TYPES: Final = [
    ("step", "<i8"),  # of either kind
    ("time", "<f8"),
    ("bits", "<i8"),  # the value, of either kind
    ("tag", "<u8"),  # kind and id: compared at once
]
"""The record as numpy reads it."""

KIND_MASK: Final = 0xFFFFFFFF  # of a tag
ID_SHIFT: Final = 32


@frozen
class Tags:
    """The last eight bytes of the records of one series."""

    of_float: bytes
    of_int: bytes

    @classmethod
    def of(cls, number: int) -> Tags:
        return cls(_TAG.pack(KIND_FLOAT, number), _TAG.pack(KIND_INT, number))


def at_float(tag: bytes) -> bytes:
    """`tag` as the last bytes of a record whose step is a float."""
    kind, number = _TAG.unpack(tag)
    return _TAG.pack(kind | FLOAT_STEP, number)


def form_of(step: float, value: float, tags: Tags) -> tuple[struct.Struct, bytes]:
    """The layout of a record and its last bytes."""
    whole = type(value) is int
    tag = tags.of_int if whole else tags.of_float
    if type(step) is int:
        return (INT_AND_TAG if whole else FLOAT_AND_TAG), tag
    return (INT_AT_FLOAT_AND_TAG if whole else FLOAT_AT_FLOAT_AND_TAG), at_float(tag)


def read_number(data: bytes, place: int) -> tuple[float | int | None, int]:
    """The value and the series' number of a record; None for the value of a damaged one."""
    _, _, value, number = read_point(data, place)
    return value, number


def read_point(data: bytes, place: int) -> tuple[float, float, float | int | None, int]:
    """Step, time, value and the series' number of a record; None for the value of a damaged one."""
    step, time, value, kind, number = FLOAT_RECORD.unpack_from(data, place)
    if kind & KIND_INT:
        value = INT_RECORD.unpack_from(data, place)[2]
    if kind & FLOAT_STEP:
        step = FLOAT_AT_FLOAT_AND_TAG.unpack_from(data, place)[0]
    sound = kind in RECORD_KINDS and math.isfinite(time) and math.isfinite(step)
    return step, time, (value if sound else None), number
