"""`expt show REF… --follow`: the latest values of runs that go on, until they end.

On a terminal the screen is drawn again a few times a second; elsewhere a line is written each
time that something was tracked, at most one a second.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from expt.cli.show.listing import spark_of
from expt.ground.layout import SERIES_DIR
from expt.ground.screen import STATUS_STYLES, Line, styled
from expt.ground.text import human_duration, short_text
from expt.reading.series.tail import SeriesTail
from expt.terminal.endings import results_parts
from expt.terminal.region import Region

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from expt.ground.screen import Screen
    from expt.reading.run import Run

_PAUSE_LIVE: Final = 0.25  # seconds
_PAUSE_PLAIN: Final = 1.0
_SPARK: Final = 40


class Follower:
    """What is shown of a run that goes on."""

    def __init__(self, run: Run, *, named: bool) -> None:
        self.run = run
        self._named = named
        self._tail = SeriesTail(run.path / SERIES_DIR)
        self._latest: dict[str, tuple[int, Any]] = {}
        self._sparks: dict[str, str] = {}
        self._sparks_due = 0.0
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

    def draw(self, rows: int) -> RenderableType:
        """A line for the run and one for each series, of which so many are shown."""
        from rich.console import Group
        from rich.table import Table

        self._read_sparks()
        run = self.run
        took = "" if run.duration is None else f"  {human_duration(run.duration)}"
        told: Line = [(run.status, STATUS_STYLES[run.status]), f"{took}  ", (run.node_id, "bold")]
        head = styled(*told, no_wrap=True, overflow="ellipsis")
        grid = Table.grid(padding=(0, 2), pad_edge=True)
        for right in (False, True, True, False):
            grid.add_column(no_wrap=True, justify="right" if right else "left")
        for name, (count, value) in list(self._latest.items())[:rows]:
            latest, drawn = "" if value is None else short_text(value), self._sparks.get(name, "")
            told = [(name, "cyan"), str(count), (latest, "bold"), (drawn, "cyan")]
            grid.add_row(*map(styled, told))
        more = len(self._latest) - rows
        rest = [styled((f"  and {more} more series", "dim"))] if more > 0 else []
        rest = rest if self._latest else [styled(("  nothing tracked yet", "dim"))]
        return Group(head, grid, *rest)

    def _read_sparks(self) -> None:
        """The whole of every series, now and then: a long one costs a tenth of the time."""
        began = time.monotonic()
        if began >= self._sparks_due or self.run.status != "running":
            run = self.run.reload()
            self._sparks = {name: spark_of(run, name, _SPARK) for name in self._latest}
            ended = time.monotonic()
            self._sparks_due = ended + 9 * (ended - began)


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
        rows = max(screen.size[1] // len(followers) - 3, 1)
        if screen.live and not ended:
            region.draw([], Group(*(follower.draw(rows) for follower in followers)))
        elif not screen.live:
            screen.lines(line for follower in followers for line in follower.news())
        if not ended:
            time.sleep(_PAUSE_LIVE if screen.live else _PAUSE_PLAIN)
    if screen.live:
        region.draw([], None)
        screen.draw(*(follower.draw(1000) for follower in followers))
