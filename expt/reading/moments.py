"""What people type for a moment: `2026-11-23`, `2 days ago`, `3h`, `yesterday`, `last tuesday`."""

from __future__ import annotations

import datetime as dt
import re
from typing import Final

from expt.ground.clock import on_local_clock
from expt.ground.errors import UsageError
from expt.ground.text import visible

_DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_UNITS: Final = {
    "s": 1, "sec": 1, "second": 1, "m": 60, "min": 60, "minute": 60, "h": 3600, "hour": 3600,
    "d": 86400, "day": 86400, "w": 604800, "week": 604800, "month": 30 * 86400,
    "year": 365 * 86400,
}  # fmt: skip
_EARLIEST: Final = dt.datetime(1, 1, 3, tzinfo=dt.UTC)  # each zone is less than a day from UTC
_LATEST: Final = dt.datetime(9999, 12, 29, tzinfo=dt.UTC)
_AGO: Final = re.compile(r"(an?|\d+(?:\.\d+)?)\s*([a-z]+?)s?(?:\s+ago)?\Z")


def parse_moment(text: str, option: str, now: dt.datetime) -> dt.datetime:
    """The moment that `text`, typed for `option`, means at `now` (which has a zone).

    A day is its beginning; a weekday is the last one before today. What has no zone is what the
    local clock showed on that day, which summer time may have set otherwise than today's.
    Raises `UsageError`.
    """
    word = " ".join(text.lower().split())
    try:
        moment = _find_moment(word, text, now)
        if not _EARLIEST < moment < _LATEST:
            raise OverflowError
        return moment
    except (ValueError, OverflowError, OSError):
        hint = "write 2026-11-23, '2026-11-23 10:15', '2 days ago', 3h, yesterday or 'last tuesday'"
        raise UsageError(f"'{visible(text)}' is no moment that expt knows", option, hint) from None


def parse_day(text: str, option: str, now: dt.datetime) -> tuple[dt.datetime, dt.datetime]:
    """The beginning of the day in which the moment that `text` means lies, and that of the next.

    Raises `UsageError`.
    """
    moment = on_local_clock(parse_moment(text, option, now))
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    return on_local_clock(midnight), on_local_clock(midnight + dt.timedelta(days=1))


def _find_moment(word: str, text: str, now: dt.datetime) -> dt.datetime:
    today = now.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    if word == "now":
        return now
    if word in ("today", "yesterday"):
        return on_local_clock(today - dt.timedelta(days=word == "yesterday"))
    day = word.removeprefix("last ").removeprefix("on ")
    if day in _DAYS:
        back = (today.weekday() - _DAYS.index(day)) % 7 or 7
        return on_local_clock(today - dt.timedelta(days=back))
    if word.startswith("last ") and day in _UNITS:
        word = f"1 {day} ago"
    ago = _AGO.match(word)
    if ago and ago[2] in _UNITS:
        count = 1.0 if ago[1].startswith("a") else float(ago[1])
        return now - dt.timedelta(seconds=count * _UNITS[ago[2]])
    moment = dt.datetime.fromisoformat(text.strip())
    return moment if moment.tzinfo else on_local_clock(moment)
