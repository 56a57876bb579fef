"""`expt show REF --follow`: a running run's latest values and charts, until it ends.

On a terminal the screen is drawn again a few times a second; elsewhere a line is written each
time that something was tracked, at most one a second.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from expt.cli.show.listing import STATUS_STYLES
from expt.ground.layout import SERIES_DIR
from expt.ground.screen import cells, fit, number_text, pad, results_text, value_text
from expt.ground.text import chart, human_duration, spark, visible
from expt.reading import SeriesTail

if TYPE_CHECKING:
    from expt.ground.screen import Screen
    from expt.reading import Run

_PAUSE_LIVE: Final = 0.25  # seconds
_PAUSE_PLAIN: Final = 1.0
_NAME_WIDTH: Final = 24
_NUMBER_WIDTH: Final = 12
_LOWEST_CHART, _CHART_HEIGHT = 3, 8
_INDENT: Final = "  "
_UP_AND_CLEAR: Final = "\x1b[{lines}A\r\x1b[J"


class Follower:
    """What is shown of a run that goes on."""

    def __init__(self, run: Run, screen: Screen) -> None:
        self._run = run
        self._screen = screen
        self._tail = SeriesTail(run.path / SERIES_DIR)
        self._latest: dict[str, tuple[int, Any]] = {}
        self._charts: dict[str, Any] = {}
        self._charts_due = 0.0
        self._drawn = 0
        self._told: dict[str, Any] = {}

    def poll(self) -> None:
        """Read what was tracked since the last time."""
        self._latest = self._tail.poll()

    def read_charts(self) -> None:
        """The whole of every scalar series, now and then: a long one costs a tenth of the time."""
        began = time.monotonic()
        if began < self._charts_due:
            return
        series = self._run.reload().series
        self._charts = {n: series[n].values for n in series if series[n].kind == "scalar"}
        ended = time.monotonic()
        self._charts_due = ended + 9 * (ended - began)

    def draw(self) -> None:
        """The screen again, over what was drawn before."""
        self.read_charts()
        width = self._screen.width or 80
        most = max(self._screen.height - 3, 1)
        lines = [self._head(), *self._rows(width, most)]
        if self._drawn:
            self._screen.write(_UP_AND_CLEAR.format(lines=self._drawn))
        self._drawn = len(lines)
        self._screen.write("".join(line + "\n" for line in lines))

    def tell(self) -> None:
        """One line of what is new."""
        now = {name: value for name, (_, value) in self._latest.items() if value is not None}
        if now != self._told:
            self._told = now
            took = human_duration(self._run.duration or 0.0)
            self._screen.write(f"{took}  {results_text(now)}\n")

    def _head(self) -> str:
        run = self._run
        status = self._screen.paint(run.status, STATUS_STYLES[run.status])
        took = "" if run.duration is None else f"  {human_duration(run.duration)}"
        room = (self._screen.width or 80) - len(run.status) - cells(took) - 3
        return f"{status}{took}  {fit(visible(run.node_id), room)}"

    def _rows(self, width: int, most: int) -> list[str]:
        """A line for each series; under a scalar a chart where there is room, else beside it."""
        names = list(self._latest)
        shown = names if len(names) <= most else names[: most - 1]
        name_width = min(max((cells(visible(name)) for name in shown), default=0), _NAME_WIDTH)
        height = min((most - len(shown)) // max(len(self._charts), 1), _CHART_HEIGHT)
        lines = []
        for name in shown:
            count, value = self._latest[name]
            head = pad(fit(visible(name), name_width), name_width)
            line = f"{_INDENT}{self._screen.paint(head, 'name')}  {count:>8}  "
            room = max(width - name_width - 14, 0)
            values = self._charts.get(name, ())
            if not isinstance(value, (int, float)):
                lines.append(line + fit("" if value is None else value_text(value), room))
            elif height < _LOWEST_CHART:
                told = pad(number_text(value), _NUMBER_WIDTH)
                lines.append(line + told + spark(values, max(room - _NUMBER_WIDTH, 0)))
            else:
                lines.append(line + number_text(value))
                lines += [f"{_INDENT}{row}".rstrip() for row in chart(values, width - 4, height)]
        if len(shown) < len(names):
            lines.append(f"{_INDENT}and {len(names) - len(shown)} more series")
        return lines or [f"{_INDENT}nothing tracked yet"]

    def has_ended(self) -> bool:
        """Look at the run once more; whether it has its end."""
        self._run = self._run.reload()
        return self._run.status != "running"


def follow(run: Run, screen: Screen) -> Run:
    """Show `run` until it ends or nobody looks any more; the run as it is then.

    Raises `ReadingError` where the archive is removed meanwhile.
    """
    follower = Follower(run, screen)
    ended = False
    while not ended:
        ended = follower.has_ended()  # before the last look, so that nothing is missed
        follower.poll()
        if screen.live:
            follower.draw()
        else:
            follower.tell()
        if not ended and not screen.gone:
            time.sleep(_PAUSE_LIVE if screen.live else _PAUSE_PLAIN)
        ended = ended or screen.gone
    return run.reload()
