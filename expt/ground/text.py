"""How values are told to people: control characters made visible, numbers, cases, spark lines.

Shared by everything that prints. Nothing here knows of a terminal, a colour or a width in pixels.
"""

from __future__ import annotations

import math
import os
import posixpath
import re
import reprlib
import unicodedata
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, TypeVar

from expt.ground.layout import OWN_SERIES
from expt.ground.model import Opaque
from expt.ground.ranges import is_flat

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

T = TypeVar("T")

MASK: Final = "***"
"""What stands in the place of a secret, wherever one would be shown or written."""

_BARE_KEY: Final = re.compile(r"[\w-]+")
_COLOURS: Final = re.compile(r"(\x1b\[[\d;]*m)")
_LONGEST_LINE: Final = 1_000  # characters of what was raised, where it has one line
_SHORT: Final = 24  # characters of a value in a cell
_LOW_WORDS: Final = re.compile(
    r"\w*loss(es)?|errors?|err|[mr]?mse|mae|mape|nll|perplexity|ppl|cost|regret|fid|[wc]er|residual"
)
_HIGH_WORDS: Final = re.compile(
    r"acc|accuracy|scores?|rewards?|returns?|f1|auc|auroc|r2|precision|recall|psnr|ssim|m?iou"
    r"|bleu|rouge|dice|elbo|likelihood|success"
)
_SPARKS: Final = "▁▂▃▄▅▆▇█"
_DOTS: Final = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))  # of braille: left, right
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


def printed(text: str, *, colour: bool) -> str:
    """What a run printed, as a terminal may get it: colours, tabs and `\\r` obeyed, no more."""
    pieces = _COLOURS.split(text)
    return "".join(
        (piece if colour else "")
        if index % 2
        else "\r".join(visible(part, lines=True) for part in piece.split("\r"))
        for index, piece in enumerate(pieces)
    )


def python_name(text: str) -> str:
    """`text` as Python reads a name: a keyboard's micro sign is the letter mu (NFKC, PEP 3131)."""
    return text if text.isascii() else unicodedata.normalize("NFKC", text)


def dotted(steps: Iterable[str | int]) -> str:
    """`optimizer.lr`, `layers[2].size`, `table."a.b"`: keys quoted as in TOML where they must."""
    text = ""
    for step in steps:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += ("." if text else "") + (step if _BARE_KEY.fullmatch(step) else _quoted(step))
    return text


def _quoted(key: str) -> str:
    escaped = key.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in escaped) + '"'


def error_message(error: BaseException) -> str:
    """What an exception says of itself, as a plain str, also where its `str` raises."""
    try:
        return str.__str__(str(error))  # a subclass of str could not travel to another process
    except BaseException as second:  # a SystemExit in there must not end more than the text
        return f"<str() of this exception raised {error_name(second)}>"


def failure_line(kind: str, message: str) -> str:
    """`ValueError: boom`: the first line of what was raised, never long."""
    line = message.strip().partition("\n")[0]
    line = line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}…"
    return f"{kind}: {line}" if line else kind


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
    for segment in reversed(segments):  # the other way round each costs what it adds
        line += segment[len(line) :]
    return line


def number_text(value: float, digits: int = 4) -> str:
    """A number in so many significant digits; whole numbers in full."""
    return str(value) if isinstance(value, int) else f"{value:.{digits}g}"


def number_texts(values: Sequence[float]) -> list[str]:
    """The numbers in as few significant digits, from four on, as tell different ones apart.

    Where one is rounded all have as many decimals, so that they align below each other; where that
    takes too many digits, only those have more that look alike.
    """
    different = {value for value in values if value == value}
    told = {value: number_text(value) for value in different}
    sizes = sorted(abs(value) for value in different if value)
    usual = bool(sizes) and sizes[0] >= 1e-4 and sizes[-1] < 1e6
    if usual and any(not math.isclose(float(told[v]), v, rel_tol=1e-12) for v in different):
        least = max(decimals_of(sizes[(len(sizes) - 1) // 2], 4), decimals_of(sizes[0], 3))
        decimals = common_decimals(different, least)
        if decimals is not None:
            told |= {v: f"{v:.{decimals}f}" for v in different if type(v) is float}
    for digits in range(5, 18):
        count = Counter(told.values())
        alike = [value for value, text in told.items() if count[text] > 1]
        told |= {v: number_text(v, digits) if digits < 17 else repr(v) for v in alike}
    return [told.get(value) or number_text(value) for value in values]


def decimals_of(value: float, digits: int) -> int:
    """With how many decimals a number above 0 has so many significant digits."""
    return max(digits - 1 - math.floor(math.log10(value)), 0)


def common_decimals(values: Iterable[float], least: int) -> int | None:
    """As few decimals, up to eight, as tell unlike values apart; None where these do not."""
    unlike = set(values)
    for decimals in range(least, 9):
        if len({f"{value:.{decimals}f}" for value in unlike}) == len(unlike):
            return decimals
    return None


def distinct_texts(values: Sequence[Any]) -> list[str]:
    """`short_text` of each value; those that differ look different, by a number if need be."""
    keys = [identity(value) for value in values]
    unlike = dict(zip(keys, values, strict=True))
    digits = iter(number_texts([key for key in unlike if not isinstance(key, str)]))
    told = {
        key: short_text(value) if isinstance(key, str) else next(digits)
        for key, value in unlike.items()
    }
    count, place = Counter(told.values()), Counter[str]()
    for key, text in told.items():
        if count[text] > 1:
            place[text] += 1
            told[key] = f"{text} ({place[text]})"
    return [told[key] for key in keys]


def identity(value: Any) -> float | str:
    """What two values have in common that are the same: a number itself, else how it is written."""
    return value if type(value) in (int, float) and value == value else repr(value)


def value_text(value: Any) -> str:
    """One line for a value of a parameter: as Python writes it, paths and reprs bare."""
    if isinstance(value, Opaque):
        return visible(value.text)
    if isinstance(value, os.PathLike):
        return visible(os.fspath(value))
    return visible(repr(value))


def short_text(value: Any) -> str:
    """A value as people say it in a table: `0.1`, `adam`, `64×32`, `3 of {…}`; never long."""
    if isinstance(value, (int, float)):
        return number_text(value)
    if (
        isinstance(value, (list, tuple))
        and 0 < len(value) < _SHORT
        and all(type(item) in (int, float) for item in value)
    ):
        return "×".join(map(number_text, value))
    if isinstance(value, (str, os.PathLike)):
        text = str(value)
    elif isinstance(value, (list, tuple, dict)):
        text = reprlib.repr(value)  # a million numbers are not written out to be cut
    else:
        text = value_text(value)
    text = visible(text if len(text) <= 2 * _SHORT else text[:_SHORT] + "…" + text[-_SHORT:])
    return text or "''"


def words_text(words: Mapping[str, str]) -> str:
    """What is said of a parameter, in a line: `step size [1/s]`."""
    unit = words.get("unit")
    return " ".join(filter(None, [words.get("description"), f"[{unit}]" if unit else None]))


def some_of(texts: Iterable[str], most: int) -> str:
    """`a, b, c and 4 more`."""
    every = list(texts)
    more = f" and {len(every) - most} more" if len(every) > most else ""
    return ", ".join(every[:most]) + more


def counted(number: int, what: str) -> str:
    """`1 case`, `2 cases`, `2 searches`."""
    return f"{number} {what}{'' if number == 1 else 'es' if what.endswith('ch') else 's'}"


def case_text(values: Mapping[str, Any]) -> str:
    """`lr=0.1 hidden=64×32 opt=sgd`: a case as people read it; a node id says it to programs."""
    return " ".join(f"{visible(str(name))}={short_text(value)}" for name, value in values.items())


def without_shared_folder(ids: Iterable[str]) -> dict[str, str]:
    """Ids of experiments by themselves, without the folder that all share.

    What is left is understood where a node id is.
    """
    known = set(ids)
    folders = {id_.rpartition("::")[0].rpartition("/")[0] for id_ in known}
    shared = posixpath.commonpath(folders) if folders else ""
    return {id_: id_.removeprefix(f"{shared}/" if shared else "") for id_ in known}


def direction(name: str) -> str | None:
    """Which end is the good one, "min" or "max", where the name says so; else None."""
    words = re.findall(r"[a-z]+[0-9]*", re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", name).lower())
    for word in reversed(words):
        if _LOW_WORDS.fullmatch(word):
            return "min"
        if _HIGH_WORDS.fullmatch(word):
            return "max"
    return None


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
        for share in shares(list(_bucket_means(values, width)))
    )


def braille(values: Sequence[float], width: int, height: int) -> list[str]:
    """A line chart of so many columns and rows of braille, which has two by four dots a cell.

    Means, gaps and sampling as in `spark`; between few values the line is straight.
    """
    top = 4 * height - 1
    cells = [[0] * width for _ in range(height)]
    points = shares(list(_bucket_means(values, 2 * width))) or [None]
    before: int | None = None
    for x in range(2 * width):
        place, between = divmod(x * (len(points) - 1), 2 * width - 1)
        share, after = points[place], points[min(place + 1, len(points) - 1)]
        if share is not None and after is not None:
            share += (after - share) * between / (2 * width - 1)
        row = None if share is None else top // 2 if share < 0 else round((1 - share) * top)
        if row is not None:
            beside = row if before is None else before
            step = 1 if row >= beside else -1
            for y in {row, *range(beside + step, row, step)}:  # no gap where it is steep
                cells[y // 4][x // 2] |= _DOTS[x % 2][y % 4]
        before = row
    return ["".join(chr(0x2800 + cell) for cell in row) for row in cells]


def shares(numbers: Sequence[float]) -> list[float | None]:
    """Where each stands between the smallest, 0, and the largest, 1; -1 where they are equal.

    None for one that is not finite.
    """
    halves = [number / 2 if math.isfinite(number) else None for number in numbers]  # no overflow
    finite = [half for half in halves if half is not None]
    # equal but for what rounding a mean adds: a flat line, and not the noise of it
    if not finite or is_flat(min(finite), max(finite)):
        return [None if half is None else -1.0 for half in halves]
    low, span = min(finite), max(finite) - min(finite)
    return [None if half is None else (half - low) / span for half in halves]


def _bucket_means(values: Sequence[float], width: int) -> Iterator[float]:
    count = len(values)
    width = min(width, count)
    for index in range(width):
        start, stop = index * count // width, (index + 1) * count // width
        stride = max(1, (stop - start) // _SAMPLES)
        bucket = [float(value) for value in values[start:stop:stride]]
        finite = [value for value in bucket if math.isfinite(value)]
        yield sum(value / len(finite) for value in finite) if finite else math.nan


def own_last(named: Mapping[str, T]) -> list[tuple[str, T]]:
    """Series by name, what expt measured after what was tracked, each in their order."""
    return sorted(named.items(), key=lambda item: item[0].startswith(OWN_SERIES))
