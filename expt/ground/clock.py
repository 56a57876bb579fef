"""The local clock, whatever `TZ` says: a zone that is a day or more from UTC is taken for UTC."""

from __future__ import annotations

import datetime as dt
import time
from typing import Final

_DAY: Final = 86_400  # seconds


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
