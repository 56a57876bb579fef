"""The lines at the bottom of a terminal that rich draws again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from expt.ground.screen import cells

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from expt.ground.screen import Line, Screen


class Region:
    """rich's live region, started with the first thing to draw, below lines that stay."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._live: Any = None
        self._drawn: list[int] = []  # columns that each row takes

    def draw(self, above: Sequence[Line], what: RenderableType | None) -> None:
        """Write lines that stay, and below them `what` in place of what was drawn before."""
        if self._live is None and what is None:
            self._screen.lines(above)
            return
        from rich.live import Live

        console = self._screen.fitted_console()
        with console:  # in one write
            if self._live is None:
                self._live = Live(
                    console=console,
                    auto_refresh=False,
                    transient=True,
                    redirect_stdout=False,
                    redirect_stderr=False,
                )
                self._live.start()
            self._erase_wrapped(console)
            self._screen.lines(above)
            if what is None:
                self._live.stop()
                self._live = None
            else:
                self._live.update(what, refresh=True)
                rows = console.render_lines(what, pad=False)
                self._drawn = [cells("".join(part.text for part in row).rstrip()) for row in rows]

    def _erase_wrapped(self, console: Any) -> None:
        """A window made narrower has wrapped what stands there: rich counts the rows of before."""
        from rich.control import Control
        from rich.segment import ControlType

        more = sum(max(columns - 1, 0) // console.width for columns in self._drawn)
        if more:
            up = [(ControlType.ERASE_IN_LINE, 2), (ControlType.CURSOR_UP, 1)]
            console.control(Control(*up * more))
        self._drawn = []
