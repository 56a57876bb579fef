"""Small plots on one sheet: the series of a run, or the numbers inside a structured one.

┌ title ─────────────────────── aside ┐
│ the whole case, on as many lines    │
│ name value   name value   name value│   series of one point
│ ┌panel┐ ┌panel┐ ┌picture┐           │   `train/loss` and `val/loss` share a panel
└─────────────────────────────────────┘
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, Final

from expt.drawing.frames import Frame, sized
from expt.drawing.numbers import number_text, number_texts
from expt.drawing.panels import LARGE, PLAIN, SMALL, Box, Panel, Surround
from expt.drawing.sheets import DPI, WIDTH, new_figure
from expt.drawing.styles import Style, fitted, neutral, wrapped
from expt.ground.value_classes import field, frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from matplotlib.figure import Figure

    from expt.drawing.curves import Curve

MOST_TILES: Final = 48
_MOST_NUMBERS: Final = 60
_CELL_WIDTH, _CELL_HEIGHT = 3.1, 1.75
_TITLE, _LINE, _ROW, _FOOT = 0.5, 0.17, 0.19, 0.08
_SPLITS: Final = r"train|training|val|valid|validation|test|testing|eval|dev|holdout"
_SPLIT_FIRST: Final = re.compile(rf"({_SPLITS})[/_. -](.+)", re.IGNORECASE | re.DOTALL)
_SPLIT_LAST: Final = re.compile(rf"(.+)[/_. -]({_SPLITS})", re.IGNORECASE | re.DOTALL)


@frozen(eq=False)
class Tile:
    """One place of a sheet: curves by name that share a panel, or a picture."""

    title: str
    curves: Mapping[str, Curve] = field(factory=dict)
    frame: Frame | None = None
    caption: str = ""
    around: Surround = PLAIN


@frozen
class Heading:
    """What stands above the tiles; `case` is written whole. `left_out` are tiles not shown."""

    title: str
    case: str = ""
    aside: str = ""
    numbers: Mapping[str, Any] = field(factory=dict)
    left_out: int = 0


class Sheets:
    """Sheets in one style: on one figure, made once; with `live`, each on one of its own."""

    def __init__(self, style: Style, *, live: bool = False) -> None:
        self._style, self._live = style, live
        self._kept: tuple[Figure, list[Panel]] | None = None

    def draw(self, heading: Heading, tiles: Sequence[Tile]) -> Figure:
        """The sheet, with `MOST_TILES` at most."""
        with neutral():
            figure, panels = self._kept or (new_figure(self._style), [])
            if not self._live:
                self._kept = figure, panels
            for artist in [*figure.texts, *figure.images]:
                if artist.get_gid() == "sheet":
                    artist.remove()
            self._lay_out(figure, panels, heading, tiles[:MOST_TILES], len(tiles))
        return figure

    def _lay_out(
        self,
        figure: Figure,
        panels: list[Panel],
        heading: Heading,
        tiles: Sequence[Tile],
        count: int,
    ) -> None:
        columns = min(max(math.ceil(math.sqrt(len(tiles))), 1), 4)
        width = max(columns * _CELL_WIDTH, WIDTH)
        lines = wrapped(heading.case, width - 2 * SMALL.padding, LARGE.text)
        left_out = heading.left_out + count - len(tiles)
        numbers = _number_texts(heading.numbers)
        if left_out:
            lines.append(f"{left_out:,} more are not shown")
        number_rows = math.ceil(len(numbers) / int(width // _CELL_WIDTH))
        above = _TITLE + len(lines) * _LINE + (number_rows * _ROW + _FOOT if numbers else 0)
        rows = math.ceil(len(tiles) / columns)
        height = max(above + rows * _CELL_HEIGHT + _FOOT, 1.0)
        figure.set_size_inches(width, height)
        self._write_heading(figure, heading, lines, numbers)
        used = 0
        for index, tile in enumerate(tiles):
            row, column = divmod(index, columns)
            left, bottom = column * width / columns, height - above - (row + 1) * _CELL_HEIGHT
            cell = Box(left, bottom, width / columns, _CELL_HEIGHT)
            if tile.frame is not None:
                self._show_picture(figure, cell, tile, tile.frame)
                continue
            if used == len(panels):
                panels.append(Panel(figure, self._style, SMALL))
            _show_curves(panels[used], cell, tile)
            used += 1
        for panel in panels[used:]:
            panel.hide()

    def _write(self, figure: Figure, x: float, top: float, text: str, **font: Any) -> None:
        width, height = figure.get_size_inches()
        known: dict[str, Any] = {"color": self._style.muted, "size": LARGE.text, "va": "top"}
        figure.text(
            x / width, 1 - top / height, text, family=list(self._style.families),
            parse_math=False, gid="sheet", **known | font,
        )  # fmt: skip

    def _write_heading(
        self, figure: Figure, heading: Heading, lines: Sequence[str], numbers: Sequence[str]
    ) -> None:
        width = float(figure.get_size_inches()[0])
        left, room = SMALL.padding, width - 2 * SMALL.padding
        title = fitted(heading.title, room * (0.6 if heading.aside else 1), LARGE.title, bold=True)
        bold: dict[str, Any] = {
            "color": self._style.text, "size": LARGE.title, "weight": "bold",
        }  # fmt: skip
        self._write(figure, left, LARGE.padding, title, **bold)
        aside = fitted(heading.aside, room * 0.38, LARGE.text)
        self._write(figure, width - left, LARGE.padding, aside, ha="right")
        top = _TITLE
        for line in lines:
            self._write(figure, left, top - 0.02, line)
            top += _LINE
        columns = int(width // _CELL_WIDTH)
        for index, text in enumerate(numbers):
            row, column = divmod(index, columns)
            place = left + column * width / columns
            shown = fitted(text, width / columns - 2 * SMALL.padding, LARGE.text)
            self._write(figure, place, top + 0.04 + row * _ROW, shown, color=self._style.text)

    def _show_picture(self, figure: Figure, cell: Box, tile: Tile, frame: Frame) -> None:
        height = float(figure.get_size_inches()[1])
        room = cell.width - 2 * SMALL.padding
        tall = cell.height - SMALL.header - 0.08
        shown = sized(frame, round(room * DPI), round(tall * DPI))
        left, top = cell.left + SMALL.padding, height - cell.bottom - cell.height + SMALL.padding
        title = fitted(tile.title, room, SMALL.title, bold=True)
        bold: dict[str, Any] = {
            "color": self._style.text, "size": SMALL.title, "weight": "bold",
        }  # fmt: skip
        self._write(figure, left, top, title, **bold)
        below = top + SMALL.title * 1.5 / 72
        self._write(figure, left, below, fitted(tile.caption, room, SMALL.text), size=SMALL.text)
        bottom = round((cell.bottom + cell.height - SMALL.header) * DPI) - shown.shape[0]
        image = figure.figimage(shown, round(left * DPI), bottom, origin="upper")
        image.set_gid("sheet")


def _show_curves(panel: Panel, cell: Box, tile: Tile) -> None:
    curves = list(tile.curves.values())
    if len(curves) == 1:
        short = _short_summary(curves[0])
        panel.show(cell, curves, title=tile.title, subtitle=short, around=tile.around)
        return
    lasts = [mark.value for curve in curves for mark in curve.marks if mark.word == "last"]
    texts = number_texts(lasts)
    labels = [f"● {name} {text}" for name, text in zip(tile.curves, texts, strict=False)]
    panel.show(cell, curves, title=tile.title, around=tile.around, labels=labels)


def _short_summary(curve: Curve) -> str:
    marks = [mark for mark in curve.marks if mark.word in ("last", "best")]
    texts = number_texts([mark.value for mark in marks])
    parts = [
        f"{'●' if mark.word == 'last' else '○'} {mark.word} {text}"
        for mark, text in zip(marks, texts, strict=True)
    ]
    return "    ".join(parts) if curve.count else "no entries"


def _number_texts(numbers: Mapping[str, Any]) -> list[str]:
    texts = [f"{name}  {number_text(value, 6)}" for name, value in numbers.items()]
    left_out = len(texts) - _MOST_NUMBERS
    return texts if left_out <= 0 else [*texts[:_MOST_NUMBERS], f"{left_out:,} more numbers"]


def share_panels(names: Iterable[str]) -> list[tuple[str, dict[str, str]]]:
    """Which series are drawn together: `train/loss` and `val/loss` as `loss`.

    A title for each panel, and the names of its series by what tells them apart there.
    """
    panels: dict[str, dict[str, str]] = {}
    for name in names:
        rest, split = _without_split(name)
        panels.setdefault(rest, {}).setdefault(split, name)
        if panels[rest][split] != name:
            panels[name] = {"": name}
    shared = []
    for title, members in panels.items():
        if len(members) == 1:
            (name,) = members.values()
            shared.append((name, {name: name}))
        else:
            shared.append((title, {split or title: name for split, name in members.items()}))
    return shared


def _without_split(name: str) -> tuple[str, str]:
    if found := _SPLIT_FIRST.fullmatch(name):
        return found[2], found[1]
    if found := _SPLIT_LAST.fullmatch(name):
        return found[1], found[2]
    return name, ""
