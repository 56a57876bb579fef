"""The lines at the bottom of a terminal that are drawn again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from expt.ground.screen import cells

if TYPE_CHECKING:
    from collections.abc import Sequence

    from expt.ground.screen import Screen


class Region:
    """Knows which rows it has drawn; lines that stay are written above them.

    A line to draw is a pair: its text, which decides how many rows it takes, and how it is painted.
    """

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._drawn: tuple[int, ...] = ()

    def draw(self, above: str, lines: Sequence[tuple[str, str]]) -> None:
        """Write `above`, then `lines` below it in place of those drawn before, in one write."""
        if not (above or lines or self._drawn):
            return
        rows = self._rows_drawn()
        text = f"\x1b[{rows}F" if rows else ""
        if above:
            text += f"\x1b[J{above}" if rows else above
        text += "".join(f"{painted}\x1b[K\n" for _, painted in lines)
        if rows and not above:
            text += "\x1b[J"
        self._screen.write(text)
        self._drawn = tuple(cells(plain) for plain, _ in lines)

    def _rows_drawn(self) -> int:
        """How far up the first line is: a window made narrower has wrapped what stands there."""
        width = self._screen.width or 80
        return sum(max(1, -(-drawn // width)) for drawn in self._drawn)
