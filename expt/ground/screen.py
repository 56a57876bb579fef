"""How lines reach a person: styles, widths, columns, and a stream that may be gone.

Text is fitted and aligned first and painted last, so that a style never counts as width. No markup
is ever interpreted: what users named goes through `text.visible` and is written as it is.
"""

from __future__ import annotations

import functools
import io
import os
import reprlib
import unicodedata
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

from expt.ground.model import LAYER_PROVIDER, Opaque
from expt.ground.text import visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import TextIO

    from expt.ground.model import Origin

Style = Literal["good", "bad", "warn", "dim", "bold", "name"]

# Of the sixteen colours that a theme adapts: readable on light and on dark
_CODES: Final = {"good": "32", "bad": "31", "warn": "33", "dim": "2", "bold": "1", "name": "36"}
_PLAIN_SIGNS: Final = str.maketrans("…✓✗▸━╸─·×≡", "~+x>=--.x=")
_ALIGNED: Final = 40  # columns of a table that long values do not widen
_SHORT: Final = 24  # columns of one value in a line of results
_DEFAULT_SIZE: Final = (80, 24)


class Screen:
    """One output stream, what it can show, and how wide it is.

    `colour` follows NO_COLOR, FORCE_COLOR, TERM and whether the stream is a terminal; `live` says
    whether lines can be drawn again: a terminal, and not the log of a build. No stream at all is
    what Python has where the shell closed it.
    """

    def __init__(self, stream: TextIO | None, environ: Mapping[str, str] | None = None) -> None:
        self._gone = stream is None
        self._stream = stream or io.StringIO()
        self._environ = os.environ if environ is None else environ
        self._encoding = getattr(stream, "encoding", None) or "utf-8"
        terminal = _is_terminal(self._stream) and self._environ.get("TERM") != "dumb"
        forced = bool(self._environ.get("FORCE_COLOR"))
        self.terminal = terminal
        self.colour = (terminal or forced) and not self._environ.get("NO_COLOR")
        self.live = terminal and not self._environ.get("CI")

    @property
    def width(self) -> int | None:
        """Columns: COLUMNS, else the terminal's; None (no limit) where there is neither."""
        columns = self._environ.get("COLUMNS", "")
        if columns.isdecimal() and int(columns) > 0:
            return int(columns)
        return self._size()[0] if self.terminal else None

    @property
    def gone(self) -> bool:
        """Whether the stream was given up: nobody reads what is written."""
        return self._gone

    @property
    def height(self) -> int:
        """Rows of the terminal."""
        return self._size()[1]

    def _size(self) -> tuple[int, int]:
        try:
            size = os.get_terminal_size(self._stream.fileno())
        except (OSError, ValueError, AttributeError):
            return _DEFAULT_SIZE
        return size.columns or _DEFAULT_SIZE[0], size.lines or _DEFAULT_SIZE[1]

    def paint(self, text: str, *styles: Style) -> str:
        """`text` in the styles given, where the stream shows them."""
        if not self.colour or not styles or not text:
            return text
        return f"\x1b[{';'.join(_CODES[style] for style in styles)}m{text}\x1b[0m"

    def write(self, text: str) -> None:
        """Write and flush. A stream that was closed or is full is given up, never an error."""
        if self._gone or not text:
            return
        try:
            self._stream.write(self._encodable(text))
            self._stream.flush()
        except BlockingIOError:
            pass  # a terminal that is behind loses a line, not the rest
        except (OSError, ValueError):
            self._gone = True

    def _encodable(self, text: str) -> str:
        if text.isascii():
            return text
        try:
            text.encode(self._encoding)
        except UnicodeEncodeError:
            signs = text.translate(_PLAIN_SIGNS)
            return signs.encode(self._encoding, "backslashreplace").decode(self._encoding)
        return text


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except ValueError:  # closed
        return False


def cells(text: str) -> int:
    """The columns that `text` takes on a terminal."""
    return len(text) if text.isascii() else sum(map(_cells_of, text))


@functools.lru_cache(maxsize=1024)
def _cells_of(character: str) -> int:
    if unicodedata.east_asian_width(character) in "WF":
        return 2
    return 0 if unicodedata.category(character) in ("Mn", "Me", "Cf") else 1


def fit(text: str, width: int | None) -> str:
    """`text` in at most `width` columns: shortened in the middle, its end kept longer."""
    if width is None or cells(text) <= width:
        return text
    if width < 1:
        return ""
    tail = _leading(text[::-1], (width - 1) * 2 // 3)[::-1]
    return _leading(text, width - 1 - cells(tail)) + "…" + tail


def _leading(text: str, width: int) -> str:
    taken = 0
    for index, character in enumerate(text):
        taken += _cells_of(character)
        if taken > width:
            return text[:index]
    return text


def pad(text: str, width: int, *, right: bool = False) -> str:
    """`text` filled with blanks to `width` columns; with `right`, blanks stand in front."""
    blanks = " " * (width - cells(text))
    return blanks + text if right else text + blanks


def number_text(value: float) -> str:
    """A number in four significant digits; whole numbers in full."""
    return str(value) if isinstance(value, int) else f"{value:.4g}"


def value_text(value: Any) -> str:
    """One line for a value of a parameter: as Python writes it, paths and reprs bare."""
    if isinstance(value, Opaque):
        return visible(value.text)
    if isinstance(value, os.PathLike):
        return visible(os.fspath(value))
    return visible(repr(value))


def results_text(values: Mapping[str, Any], width: int | None = None) -> str:
    """`loss=0.031 accuracy=0.98`: as many of `values` as fit, numbers in four digits."""
    parts: list[str] = []
    left = width
    for name, value in values.items():
        part = f"{visible(str(name))}={fit(_short_text(value), _SHORT)}"
        if left is not None:
            left -= cells(part) + bool(parts)
            if left < 0:
                break
        parts.append(part)
    return " ".join(parts)


def _short_text(value: Any) -> str:
    if isinstance(value, (int, float)):
        return number_text(value)
    if isinstance(value, (str, list, tuple, dict)):
        return visible(reprlib.repr(value))  # a million numbers are not written out to be cut
    return value_text(value)


def leaf_values(
    params: Mapping[str, Any], origins: Mapping[str, Sequence[Origin]]
) -> list[tuple[str, Any, Sequence[Origin]]]:
    """Dotted name, value and origins of `params`, as deep as `origins` tells values apart."""
    leaves = _leaves(params, origins, "")
    return [(name, value, origins.get(name, ())) for name, value in leaves]


def _leaves(
    values: Mapping[str, Any], origins: Mapping[str, Sequence[Origin]], above: str
) -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        name = f"{above}{key}"
        deeper = isinstance(value, Mapping) and any(
            origin.startswith(f"{name}.") for origin in origins
        )
        if deeper:
            yield from _leaves(value, origins, f"{name}.")
        else:
            yield name, value


def origin_text(origin: Origin) -> str:
    """The layer and the place; the layer alone where the place does not say more."""
    if not origin.where:
        return visible(origin.layer)
    if origin.layer in origin.where:
        return visible(origin.where)
    return visible(f"{origin.layer} {origin.where}")


def origin_rows(
    name: str, value: Any, origins: Sequence[Origin]
) -> Iterator[tuple[str, str, str, Style | None]]:
    """`name, value, origin, style`: a row for the value and one for each layer that it shadows.

    The value is what `params` holds: providers that wrap it are told below it.
    """
    if not origins:
        yield visible(name), value_text(value), "", None
        return
    taken = 0
    while taken < len(origins) - 1 and origins[taken].layer == LAYER_PROVIDER:
        taken += 1
    yield visible(name), value_text(value), origin_text(origins[taken]), None
    for origin in origins[:taken]:
        yield "  through", "", origin_text(origin), "dim"
    for origin in origins[taken + 1 :]:
        text = "" if origin.layer == LAYER_PROVIDER else value_text(origin.value)
        yield "  over", text, origin_text(origin), "dim"


def value_table(
    screen: Screen,
    values: Iterable[tuple[str, Any, Sequence[Origin]]],
    *,
    indent: str = "  ",
    width: int | None = None,
) -> list[str]:
    """Lines of a table of names, values and origins: below each value what it shadows."""
    rows = [row for name, value, origins in values for row in origin_rows(name, value, origins)]
    room = None if width is None else width - len(indent) - 4
    names = column_width(rows, 0, room and room // 3)
    places = column_width(rows, 2, room and min(room * 3 // 5, room - names - 8))
    texts = column_width(rows, 1, _ALIGNED if room is None else room - names - places)
    lines = []
    for name, text, place, style in rows:
        text = fit(text, room and texts)  # without a width the few long ones stand out
        painted = (
            screen.paint(pad(fit(name, names), names), style or "name"),
            screen.paint(pad(text, texts), *([style] if style else [])),
            screen.paint(fit(place, places), "dim"),
        )
        lines.append(f"{indent}{'  '.join(painted)}".rstrip())
    return lines


def column_width(rows: Sequence[tuple[Any, ...]], index: int, limit: int | None) -> int:
    """The columns that the texts at `index` of each row need, `limit` at most."""
    longest = max((cells(row[index]) for row in rows), default=0)
    return longest if limit is None else min(longest, max(limit, 8))
