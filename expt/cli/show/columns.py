"""Columns of text that fit a width: those that can give way share what is left."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Final

import attrs

from expt.ground.screen import cells, fit, number_text, pad, value_text
from expt.ground.text import visible
from expt.reading import MISSING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from expt.ground.screen import Screen, Style

_GAP: Final = "  "
_NARROWEST: Final = 6


@attrs.frozen
class Column:
    """One column: its head, a text for each row, a style for all or each, and how it behaves.

    A column that `gives` is made narrower where there is too little room; `shorten(row, width)`
    says how its texts are then, in place of a cut in the middle.
    """

    head: str
    texts: tuple[str, ...]
    styles: Style | tuple[Style | None, ...] | None = None
    right: bool = False
    gives: bool = False
    shorten: Callable[[int, int], str] | None = None

    def text(self, row: int, width: int) -> str:
        """The text of a row in at most `width` columns."""
        text = self.texts[row]
        if self.shorten is not None and cells(text) > width:
            text = self.shorten(row, width)
        return pad(fit(text, width), width, right=self.right)

    def style(self, row: int) -> Style | None:
        """How the text of a row is painted."""
        return self.styles[row] if isinstance(self.styles, tuple) else self.styles

    @property
    def natural(self) -> int:
        """The width that shows everything."""
        return max([cells(self.head), *map(cells, self.texts)])


def table_lines(columns: Sequence[Column], screen: Screen, width: int | None) -> Iterator[str]:
    """The head and a line for each row in `width` columns; without one nothing is shortened."""
    widths = _widths(columns, [column.natural for column in columns], width)
    widths = _widths(columns, list(map(_taken, columns, widths)), width)  # what was shortened gives
    shaped = list(zip(columns, widths, strict=True))
    heads = (pad(fit(column.head, width), width, right=column.right) for column, width in shaped)
    yield screen.paint(_GAP.join(heads).rstrip(), "dim")
    for row in range(len(columns[0].texts)):
        texts = []
        for column, width in shaped:
            text = column.text(row, width)
            style = column.style(row)
            texts.append(screen.paint(text, style) if style and text.strip() else text)
        yield _GAP.join(texts).rstrip()


def _taken(column: Column, width: int) -> int:
    """What a column takes of `width` once its texts are shortened to it."""
    if column.shorten is None or width >= column.natural:
        return column.natural
    texts = (column.text(row, width).strip() for row in range(len(column.texts)))
    return max([cells(column.head), *map(cells, texts)])


def _widths(columns: Sequence[Column], naturals: Sequence[int], width: int | None) -> list[int]:
    """Natural widths, and where they are too much, what remains shared by those that give."""
    widths = list(naturals)
    if width is None:
        return widths
    pairs = list(zip(columns, naturals, strict=True))
    room = width - len(_GAP) * (len(columns) - 1)
    room -= sum(natural for column, natural in pairs if not column.gives)
    giving = sorted(
        (natural, index) for index, (column, natural) in enumerate(pairs) if column.gives
    )
    for place, (natural, index) in enumerate(giving):
        widths[index] = min(natural, max(room // (len(giving) - place), _NARROWEST))
        room -= widths[index]
    return widths


def value_cell(value: Any) -> str:
    """A value in a cell: texts bare, numbers short, moments in local time."""
    if value is MISSING or value is None:
        return ""
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, dt.datetime):
        return value.astimezone().isoformat(" ", "seconds")[:19]
    if isinstance(value, float):
        return number_text(value)
    if isinstance(value, tuple):  # tags
        return visible(", ".join(map(str, value)))
    return value_text(value)
