"""Times: the local clock, whatever `TZ` says, and what archives say of time.

A zone that is a day or more from UTC is taken for UTC.
"""

from __future__ import annotations

import datetime as dt
import time
from typing import Final

_DAY: Final = 86_400  # seconds
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND: Final = dt.timedelta(microseconds=1)
_SPARE: Final = dt.timedelta(days=2)  # each zone is less than one day from UTC
_EARLIEST: Final = (dt.datetime.min.replace(tzinfo=dt.UTC) + _SPARE - _EPOCH) // _MICROSECOND
_LATEST: Final = (dt.datetime.max.replace(tzinfo=dt.UTC) - _SPARE - _EPOCH) // _MICROSECOND


def local_now() -> dt.datetime:
    """This moment, in the zone of the local clock."""
    return on_local_clock(dt.datetime.now(dt.UTC))


def on_local_clock(moment: dt.datetime) -> dt.datetime:
    """A moment in the zone that the local clock had then; one without a zone is told by that clock.

    Raises `OverflowError` or `ValueError` for one at the ends of the calendar.
    """
    try:
        return moment.astimezone()
    except ValueError:
        if abs(time.localtime().tm_gmtoff) < _DAY:
            raise
        return moment.astimezone(dt.UTC) if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


def parse_time(moment: str) -> dt.datetime:
    """An ISO 8601 time with its zone; one without is local time."""
    parsed = dt.datetime.fromisoformat(moment)
    return parsed if parsed.tzinfo else on_local_clock(parsed)


def since_epoch(moment: dt.datetime) -> int:
    """Microseconds since 1970."""
    return (moment.astimezone(dt.UTC) - _EPOCH) // _MICROSECOND


def microseconds(moment: str) -> int:
    """Microseconds since 1970 of an ISO 8601 time; one without a zone is local time.

    Raises `ValueError` or `OverflowError` for what is none, or is a time without a local one.
    """
    count = since_epoch(parse_time(moment))
    if not _EARLIEST < count < _LATEST:
        raise OverflowError("a date too far")
    return count
