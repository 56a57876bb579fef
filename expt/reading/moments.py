"""What people type for a moment: `2026-11-23`, `2 days ago`, `3h`, `yesterday`, `last tuesday`."""

from __future__ import annotations

import datetime as dt
import re
from typing import Final

from expt.ground.errors import UsageError
from expt.ground.text import visible

_DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_UNITS: Final = {
    "s": 1, "sec": 1, "second": 1, "m": 60, "min": 60, "minute": 60, "h": 3600, "hour": 3600,
    "d": 86400, "day": 86400, "w": 604800, "week": 604800, "month": 30 * 86400,
    "year": 365 * 86400,
}  # fmt: skip
_AGO: Final = re.compile(r"(an?|\d+(?:\.\d+)?)\s*([a-z]+?)s?(?:\s+ago)?\Z")


def parse_moment(text: str, option: str, now: dt.datetime) -> dt.datetime:
    """The moment that `text`, typed for `option`, means at `now` (which has a zone).

    A day is its beginning; a weekday is the last one before today; what has no zone is local.
    Raises `UsageError`.
    """
    word = " ".join(text.lower().split())
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if word in ("now", "today", "yesterday"):
        return now if word == "now" else today - dt.timedelta(days=word == "yesterday")
    day = word.removeprefix("last ").removeprefix("on ")
    if day in _DAYS:
        back = (today.weekday() - _DAYS.index(day)) % 7 or 7
        return today - dt.timedelta(days=back)
    if word.startswith("last ") and day in _UNITS:
        word = f"1 {day} ago"
    try:
        ago = _AGO.match(word)
        if ago and ago[2] in _UNITS:
            count = 1.0 if ago[1].startswith("a") else float(ago[1])
            return now - dt.timedelta(seconds=count * _UNITS[ago[2]])
        moment = dt.datetime.fromisoformat(text.strip())
        return moment if moment.tzinfo else moment.replace(tzinfo=now.tzinfo)
    except (ValueError, OverflowError):
        raise UsageError(
            f"'{visible(text)}' is no moment that expt knows",
            option,
            "write 2026-11-23, '2026-11-23 10:15', '2 days ago', 3h, yesterday or 'last tuesday'",
        ) from None
