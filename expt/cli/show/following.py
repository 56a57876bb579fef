"""`expt show REF… --follow`: the latest values of runs that go on, until they end.

On a terminal the screen is drawn again a few times a second; elsewhere a line is written each
time that something was tracked, at most one a second.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from expt.archive.progress_file import read_progress
from expt.cli.show.listing import scalar_of
from expt.ground.layout import SERIES_DIR
from expt.ground.screen import STATUS_STYLES, Line, side_by_side, styled
from expt.ground.text import braille, human_duration, number_text, short_text, spark
from expt.reading.series.tail import SeriesTail
from expt.terminal.endings import results_parts
from expt.terminal.live import progress_row
from expt.terminal.region import Region

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from expt.ground.screen import Screen
    from expt.reading.run import Run
    from expt.reading.series.tracked import Series

_PAUSE_LIVE: Final = 0.25  # seconds
_PAUSE_PLAIN: Final = 1.0
_NAME: Final = 18  # columns of a name
_BESIDE: Final = 46  # columns for the name, the numbers and the ends of a chart
_NARROWEST: Final = 20  # columns of a chart
_LOWEST: Final = 2  # rows of a chart; below that it is a spark line
_HIGHEST: Final = 6
_BAR: Final = 24


class Follower:
    """What is shown of a run that goes on."""

    def __init__(self, run: Run, *, named: bool) -> None:
        self.run = run
        self._named = named
        self._tail = SeriesTail(run.path / SERIES_DIR)
        self._latest: dict[str, tuple[int, Any]] = {}
        self._charts: dict[str, Series] = {}
        self._charts_due = 0.0
        self._told: dict[str, Any] = {}

    def poll(self) -> bool:
        """Look at the run once more; whether it had its end before what it tracked was read."""
        if self.run.status == "running":
            self.run = self.run.reload()
        ended = self.run.status != "running"
        self._latest = self._tail.poll()
        return ended

    def news(self) -> list[Line]:
        """One line of what is new."""
        now = {name: value for name, (_, value) in self._latest.items() if value is not None}
        if now == self._told:
            return []
        self._told = now
        name = f"{self.run.short_id}  " if self._named else ""
        took = human_duration(self.run.duration or 0.0)
        return [[f"{name}{took}  ", *results_parts(now)]]

    def draw(self, width: int, rows: int) -> RenderableType:
        """A line for the run, how far it is, and its series, charts as high as is room."""
        from rich.console import Group
        from rich.table import Table

        self._read_charts()
        run = self.run
        took = "" if run.duration is None else f"  {human_duration(run.duration)}"
        told: Line = [(run.status, STATUS_STYLES[run.status]), f"{took}  ", (run.node_id, "bold")]
        parts: list[RenderableType] = [styled(*told, no_wrap=True, overflow="ellipsis")]
        far = read_progress(run.path) if run.status == "running" else None
        if far is not None:
            parts.append(side_by_side("", *progress_row(far, _BAR)))
        grid = Table.grid(padding=(0, 2), pad_edge=True)
        grid.add_column(no_wrap=True, max_width=_NAME)
        for _ in ("count", "latest"):
            grid.add_column(no_wrap=True, justify="right")
        grid.add_column()
        shown = list(self._latest.items())[:rows]
        spare = rows - len(shown) - len(parts)
        height = min(1 + spare // max(len(self._charts), 1), _HIGHEST)
        for name, (count, value) in shown:
            latest = "" if value is None else short_text(value)
            series = self._charts.get(name)
            drawn = _chart(series, max(width - _BESIDE, _NARROWEST), height, latest)
            told = [(name, "cyan"), str(count), (latest if series else "", "bold")]
            grid.add_row(*map(styled, told), drawn)
        more = len(self._latest) - rows
        rest = [styled((f"  and {more} more series", "dim"))] if more > 0 else []
        rest = rest if self._latest else [styled(("  nothing tracked yet", "dim"))]
        return Group(*parts, grid, *rest)

    def _read_charts(self) -> None:
        """The whole of every series, now and then: a long one costs a tenth of the time."""
        began = time.monotonic()
        if began >= self._charts_due or self.run.status != "running":
            run = self.run.reload()
            found = {name: scalar_of(run, name) for name in self._latest}
            self._charts = {name: series for name, series in found.items() if series}
            ended = time.monotonic()
            self._charts_due = ended + 9 * (ended - began)


def _chart(series: Series | None, width: int, height: int, latest: str) -> RenderableType:
    """A series between its largest and its smallest value, on the axis that its picture has.

    Of what is no number the latest.
    """
    from rich.console import Group

    from expt.drawing.curves import on_axis  # slow, and not before there is something to draw

    if series is None:
        return styled(latest, no_wrap=True, overflow="ellipsis")
    if height < _LOWEST:
        return styled((spark(series.values, width), "cyan"))
    values, low, high, log = on_axis(series.values, series.options.get("scale"))
    top, bottom = (number_text(end) if end == end else "" for end in (high, low))
    labels = [top, *[""] * (height - 2), f"{bottom} log" if log else bottom]
    rows = zip(braille(values, width, height), labels, strict=True)
    return Group(*(styled((row, "cyan"), (f" {label}", "dim")) for row, label in rows))


def follow(runs: Sequence[Run], screen: Screen) -> None:
    """Show `runs` until all have ended or nobody looks any more.

    Raises `ReadingError` where an archive is removed meanwhile.
    """
    from rich.console import Group  # no program follows

    followers = [Follower(run, named=len(runs) > 1) for run in runs]
    region = Region(screen)
    ended = False
    while not ended and not screen.gone:
        states = [follower.poll() for follower in followers]
        ended = all(states)
        width, height = screen.size
        rows = max(height // len(followers) - 2, 1)
        if screen.live:
            drawn = [follower.draw(width, rows) for follower in followers]
            region.draw([], None if ended else Group(*drawn))
        else:
            screen.lines(line for follower in followers for line in follower.news())
        if not ended:
            time.sleep(_PAUSE_LIVE if screen.live else _PAUSE_PLAIN)
    if screen.live:
        screen.draw(*drawn)
