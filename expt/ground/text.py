"""How values are told to people: control characters made visible, durations, sizes, spark lines.

Shared by everything that prints. Nothing here knows of a terminal, a colour or a width in pixels.
"""

from __future__ import annotations

import math
import unicodedata
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_SPARKS: Final = "▁▂▃▄▅▆▇█"
_HIDDEN_CATEGORIES: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_JOINERS: Final = "\u200c\u200d"  # hold emoji and some scripts together; they hide nothing
_SHORT_ESCAPES: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_SAMPLES: Final = 64  # of each bucket of a spark line: a million points cost what a thousand do


def visible(text: str, *, lines: bool = False) -> str:
    """`text` with what a terminal would obey or hide written as an escape: `\\x1b`, `\\u202e`.

    With `lines`, newlines and tabs stay, as in a traceback. The result can always be encoded.
    """
    if text.isprintable():
        return text
    kept = _JOINERS + "\n\t" if lines else _JOINERS
    return "".join(
        _escape(character)
        if character not in kept and unicodedata.category(character) in _HIDDEN_CATEGORIES
        else character
        for character in text
    )


def error_message(error: BaseException) -> str:
    """What an exception says of itself, as a plain str, also where its `str` raises."""
    try:
        return str.__str__(str(error))  # a subclass of str could not travel to another process
    except BaseException as second:  # a SystemExit in there must not end more than the text
        return f"<str() of this exception raised {error_name(second)}>"


def error_name(error: BaseException) -> str:
    """The qualified name of its type, whatever the metaclass does."""
    return str.__str__(type.__dict__["__qualname__"].__get__(type(error)))


def _escape(character: str) -> str:
    code = ord(character)
    if character in _SHORT_ESCAPES:
        return _SHORT_ESCAPES[character]
    return (
        f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"
    )


def collapse_progress(text: str) -> str:
    """What a terminal would still show of each line: what stands after a `\\r` overwrites."""
    return "\n".join(
        _overwrite(line.split("\r")) if "\r" in line else line for line in text.split("\n")
    )


def _overwrite(segments: Sequence[str]) -> str:
    line = ""
    for segment in segments:
        line = segment + line[len(segment) :]
    return line


def human_duration(seconds: float) -> str:
    """`12ms`, `3.2s`, `1m05s`, `2h03m`, `3d04h`; `?` where it is no finite number."""
    if not math.isfinite(seconds):
        return "?"
    seconds = max(seconds, 0.0)
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f}ms"
    if seconds < 59.95:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    minutes = whole // 60
    if minutes < 24 * 60:
        return f"{minutes // 60}h{minutes % 60:02}m"
    return f"{minutes // 1440}d{minutes % 1440 // 60:02}h"


def human_age(seconds: float) -> str:
    """`now`, `45s`, `12m`, `3h`, `5d`, `7w`, `2y`: how long ago, in one unit, rounded down."""
    if not math.isfinite(seconds):
        return "?"
    for limit, unit, name in (
        (1, 0, "now"),
        (60, 1, "s"),
        (3600, 60, "m"),
        (2 * 86400, 3600, "h"),
        (14 * 86400, 86400, "d"),
        (2 * 365 * 86400, 7 * 86400, "w"),
    ):
        if seconds < limit:
            return f"{seconds // unit:.0f}{name}" if unit else name
    return f"{seconds // (365.25 * 86400):.0f}y"


def human_size(size: int) -> str:
    """`512 B`, `1.2 kB`, `34 MB`: decimal units, at most three digits."""
    if size < 1000:
        return f"{size} B"
    value, units = size / 1000, ["kB", "MB", "GB", "TB"]
    while value >= 999.5 and len(units) > 1:
        value, units = value / 1000, units[1:]
    return f"{value:.1f} {units[0]}" if value < 9.95 else f"{value:.0f} {units[0]}"


def spark(values: Sequence[float], width: int) -> str:
    """A line of at most `width` block characters, the mean of a bucket each.

    A bucket without a finite value is a gap. Buckets of many values are sampled.
    """
    top = len(_SPARKS) - 1
    return "".join(
        " " if share is None else _SPARKS[3 if share < 0 else round(share * top)]
        for share in _shares(list(_bucket_means(values, width)))
    )


def chart(values: Sequence[float], width: int, height: int) -> list[str]:
    """`height` lines of a column chart; the top line is the largest mean of a bucket.

    Means, gaps and sampling as in `spark`.
    """
    shares = _shares(list(_bucket_means(values, width)))
    steps = height * len(_SPARKS) - 1  # the smallest one is still seen
    levels = [0 if s is None else steps // 2 if s < 0 else 1 + round(s * steps) for s in shares]
    lines = []
    for row in reversed(range(height)):
        filled = (min(max(level - row * len(_SPARKS), 0), len(_SPARKS)) for level in levels)
        lines.append("".join(f" {_SPARKS}"[eighths] for eighths in filled))
    return lines


def _shares(means: Sequence[float | None]) -> list[float | None]:
    """Where each stands between the smallest, 0, and the largest, 1; -1 where they are equal."""
    finite = [mean / 2 for mean in means if mean is not None]  # halved: no overflow below
    # equal but for what rounding a mean adds: a flat line, and not the noise of it
    if not finite or math.isclose(min(finite), max(finite), rel_tol=1e-12):
        return [None if mean is None else -1.0 for mean in means]
    low, span = min(finite), max(finite) - min(finite)
    return [None if mean is None else (mean / 2 - low) / span for mean in means]


def _bucket_means(values: Sequence[float], width: int) -> Iterator[float | None]:
    count = len(values)
    width = min(width, count)
    for index in range(width):
        start, stop = index * count // width, (index + 1) * count // width
        stride = max(1, (stop - start) // _SAMPLES)
        bucket = [float(value) for value in values[start:stop:stride]]
        finite = [value for value in bucket if math.isfinite(value)]
        yield sum(value / len(finite) for value in finite) if finite else None
