"""The function that an experiment knows as `track`: its first lines are the cost of tracking.

A float under a known name takes one dict look-up, two `next()`, the time and one `pack_into`,
without a lock: `next()` of a range hands each record of a chunk to one caller only. Everything
else goes to `slow`. The fast path writes for the names in `names` alone, into the chunk that stands
there with each of them; whoever empties `names` has every call from then on.
"""

from __future__ import annotations

import mmap
import struct
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from expt.archive.scalar_records import (
    FLOAT_AND_TAG,
    FLOAT_AT_FLOAT_AND_TAG,
    INT_AND_TAG,
    INT_AT_FLOAT_AND_TAG,
    at_float,
)
from expt.ground.real_numbers import INT64_MAX, INT64_MIN

if TYPE_CHECKING:
    from expt.tracking.elsewhere import Owner

FastNames = dict[str, tuple[bytes, Iterator[int], Iterator[int], mmap.mmap]]
"""By name: the last bytes of a float's record, the count of entries, and a chunk."""

Slow = Callable[[Any, Any, Any, float], None]

NOT_GIVEN: Final[Any] = object()

# a name or a type that is not known here, a used-up chunk, a closed map, a step beyond int64
_LEFT_TO_SLOW: Final = (LookupError, TypeError, ValueError, StopIteration, struct.error)


def make_track(
    slow: Slow, names: FastNames, int_tags: Mapping[str, bytes], exact: Mapping[type, bool]
) -> Callable[..., None]:
    """`track`, to be bound to an `Owner`.

    Of every name in `names`, `int_tags` has the last bytes of an int's record; `exact` says of each
    number type that `struct` converts without loss whether it is whole.
    """
    put_float, put_int, now = FLOAT_AND_TAG.pack_into, INT_AND_TAG.pack_into, time.time
    put_float_at_float = FLOAT_AT_FLOAT_AND_TAG.pack_into
    put_int_at_float = INT_AT_FLOAT_AND_TAG.pack_into

    # Measured: each free variable and each name that is bound costs, so this knows floats alone
    def track(
        _owner: Owner,
        name: str = NOT_GIVEN,
        value: Any = NOT_GIVEN,
        /,
        step: float | None = None,
        **values: Any,
    ) -> None:
        """Track one value, `track("loss", 0.1)`, or several, `track(loss=0.1, accuracy=0.9)`.

        Without a step an entry's step is the number of entries before it under its name.
        Raises `TypeError` or `ValueError` for what cannot be kept exactly.
        """
        try:
            if not values:
                tag, count, slots, buffer = names[name]
                if type(value) is float:
                    if step is None:
                        put_float(buffer, next(slots), next(count), now(), value, tag)
                        return
                    if type(step) is int:
                        put_float(buffer, next(slots), step, now(), value, tag)
                        next(count)
                        return
        except _LEFT_TO_SLOW:
            pass
        if values:
            track_several(name, step, values)
        else:
            track_number(name, value, step, now())

    def track_number(name: Any, value: Any, step: Any, when: float) -> None:
        try:
            tag, count, slots, buffer = names[name]
            put = put_float
            if (type(value) is int and INT64_MIN <= value <= INT64_MAX) or exact[type(value)]:
                put, tag = put_int, int_tags[name]
            if step is None:
                put(buffer, next(slots), next(count), when, value, tag)
                return
            if type(step) is int:
                put(buffer, next(slots), step, when, value, tag)
                next(count)
                return
            if type(step) is float and step - step == 0.0:
                put = put_float_at_float if put is put_float else put_int_at_float
                put(buffer, next(slots), step, when, value, at_float(tag))
                next(count)
                return
        except _LEFT_TO_SLOW:
            pass
        slow(name, value, step, when)

    def track_several(name: Any, step: Any, values: dict[str, Any]) -> None:
        if name is not NOT_GIVEN:
            raise TypeError(f"track takes a name and a value, or names=values, not both: {name!r}")
        when = now()
        for key, value in values.items():
            try:
                tag, count, slots, buffer = names[key]
                if type(value) is float:
                    if step is None:
                        put_float(buffer, next(slots), next(count), when, value, tag)
                        continue
                    if type(step) is int:
                        put_float(buffer, next(slots), step, when, value, tag)
                        next(count)
                        continue
            except _LEFT_TO_SLOW:
                pass
            track_number(key, value, step, when)

    track.__qualname__ = "track"  # what Python says of wrong arguments
    return track
