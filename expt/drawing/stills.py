"""Pictures beside each other with a caption each, and rows of a table: sheets without axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D

from expt.drawing.frames import Frame, sized
from expt.drawing.numbers import number_text
from expt.drawing.panels import LARGE
from expt.drawing.sheets import DPI, Sheet, Titles
from expt.drawing.styles import Style, neutral
from expt.ground.value_classes import evolve, frozen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

_CAPTION, _HEADING, _GAP, _FOOT = 0.3, 0.76, 0.18, 0.2
_ROW: Final = 0.26
_COLUMN_WIDTHS: Final = (0.7, 2.6)
_MOST_ROWS, _MOST_COLUMNS = 20, 8


@frozen(eq=False)
class Picture:
    """One picture of a contact sheet."""

    caption: str
    frame: Frame


def contact_sheet(
    pictures: Sequence[Picture], style: Style, titles: Titles, side: int = 480
) -> Figure:
    """Pictures in a row, pixel by pixel: enlarged or made smaller by whole factors to `side`."""
    fitting = [_framed(sized(picture.frame, side, side), style.grid) for picture in pictures]
    widths = [frame.shape[1] / DPI for frame in fitting]
    tallest = max((frame.shape[0] / DPI for frame in fitting), default=1.0)
    columns = [max(width, 1.0) for width in widths]
    width = max(sum(columns) + _GAP * (len(columns) + 1), 4.2)
    caption = _CAPTION if any(picture.caption for picture in pictures) else 0.1
    height = _HEADING + tallest + caption + 0.06 + (_FOOT if titles.whose else 0)
    with neutral():
        sheet = Sheet(style, width, height)
        left = _GAP
        for picture, frame, column in zip(pictures, fitting, columns, strict=True):
            top = round((height - _HEADING) * DPI)
            sheet.figure.figimage(frame, round(left * DPI), top - frame.shape[0], origin="upper")
            below = top / DPI - frame.shape[0] / DPI - 0.07
            sheet.write(left, below, picture.caption, column, va="top")
            left += column + _GAP
        sheet.write_titles(titles)
    return sheet.figure


def _framed(frame: Frame, colour: str) -> Frame:
    """A line of one pixel around a picture, whose edge may be of the colour of the ground."""
    framed = np.empty((frame.shape[0] + 2, frame.shape[1] + 2, 3), np.uint8)
    framed[:] = np.rint(np.array(to_rgb(colour)) * 255)
    framed[1:-1, 1:-1] = frame
    return framed


def table_figure(
    columns: Sequence[str], rows: Sequence[Sequence[Any]], style: Style, titles: Titles
) -> Figure:
    """The first 20 rows and 8 columns of a table; numbers to the right, the rest to the left."""
    shown_columns = list(columns)[:_MOST_COLUMNS]
    body = [list(row)[:_MOST_COLUMNS] for row in rows[:_MOST_ROWS]]
    more = {"rows": len(rows) - len(body), "columns": len(columns) - len(shown_columns)}
    left_out = [f"{count:,} more {what}" for what, count in more.items() if count]
    texts = [[_cell_text(value) for value in row] for row in body]
    widths = [
        min(max(max(map(len, column)) * 0.078 + 0.25, _COLUMN_WIDTHS[0]), _COLUMN_WIDTHS[1])
        for column in zip(shown_columns, *texts, strict=True)
    ]
    width = max(sum(widths) + 2 * LARGE.padding, 4.2)
    height = _HEADING + (len(body) + 1) * _ROW + 0.15 + (_FOOT if titles.whose else 0)
    with neutral():
        sheet = Sheet(style, width, height)
        told = "    ".join(filter(None, [titles.subtitle, *left_out]))
        sheet.write_titles(evolve(titles, subtitle=told))
        left = LARGE.padding
        for index, name in enumerate(shown_columns):
            side = "right" if all(_is_number(row[index]) for row in body) else "left"
            across = left + (widths[index] - 0.12 if side == "right" else 0)
            usual: dict[str, Any] = {"color": style.text, "ha": side, "va": "top"}
            for place, text in enumerate([name, *(row[index] for row in texts)]):
                down = height - _HEADING - place * _ROW - 0.05
                usual["weight"] = "normal" if place else "bold"
                sheet.write(across, down, text, widths[index] - 0.14, **usual)
            left += widths[index]
        line, figure = (height - _HEADING - _ROW + 0.03) / height, sheet.figure
        ends = [LARGE.padding / width, left / width]
        figure.add_artist(
            Line2D(ends, [line] * 2, color=style.muted, linewidth=0.8, transform=figure.transFigure)
        )
    return figure


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.number)) and not isinstance(value, bool)


def _cell_text(value: Any) -> str:
    if value is None:
        return ""
    return number_text(value) if _is_number(value) else str(value)[:120]
