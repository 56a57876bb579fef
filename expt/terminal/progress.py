"""A run that goes on, as far as the terminal knows: its progress and its latest values."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import attrs

from expt.ground.layout import SERIES_DIR
from expt.ground.screen import cells, fit, pad, results_text
from expt.ground.text import human_duration, visible

if TYPE_CHECKING:
    from collections.abc import Mapping

    from expt.ground.messages import RunProgressed, RunStarted
    from expt.ground.screen import Screen
    from expt.terminal.endings import NameColumn

_NARROW: Final = 100  # columns below which a bar is short
_LOOPS: Final = 16  # loops of a run that are remembered: some are left by a break


class Tail(Protocol):
    """The latest values of a running archive: `expt.reading.series.SeriesTail`."""

    def poll(self) -> Mapping[str, tuple[int, Any]]: ...


@attrs.define
class Loop:
    """One `progress(…)`: how far it is, and how far it was when it was first heard of."""

    label: str
    total: int | None
    done: int
    began: float
    first: int

    @property
    def unfinished(self) -> bool:
        return self.total is None or self.done < self.total

    def left(self, now: float) -> float | None:
        """Seconds to go at the rate so far; None where that cannot be said."""
        moved = self.done - self.first
        if self.total is None or moved <= 0 or not self.unfinished:
            return None
        return (now - self.began) / moved * (self.total - self.done)


def seconds_left(seconds: float) -> str:
    """An estimate, in whole seconds: more digits would only jump about."""
    return f"{math.ceil(seconds)}s" if seconds < 59 else human_duration(seconds)


class CurrentRun:
    """Between its `RunStarted` and its `RunFinished`."""

    def __init__(self, event: RunStarted, now: float) -> None:
        self.case_id = event.case_id
        self.path = event.path
        self.began = now
        self._loops: dict[tuple[str, int | None], Loop] = {}
        self._tail: Tail | None = None
        self._scalars: dict[str, float] = {}

    def move_on(self, event: RunProgressed, now: float) -> None:
        """Take in what `progress` reports. A loop that begins anew is timed anew."""
        key = (event.label, event.total)
        loop = self._loops.get(key)
        if loop is None or event.done < loop.done:
            if len(self._loops) >= _LOOPS:
                del self._loops[list(self._loops)[1]]
            self._loops[key] = Loop(event.label, event.total, event.done, now, event.done)
        else:
            loop.done = event.done

    def read_series(self) -> None:
        """Look for new scalars in the archive."""
        if self._tail is None:
            # Slow to import, and not before there is something to read
            from expt.reading.series import SeriesTail

            self._tail = SeriesTail(Path(self.path) / SERIES_DIR)
        try:
            latest = self._tail.poll()
        except OSError:  # removed under our hands
            return
        self._scalars = {
            name: last for name, (_, last) in latest.items() if isinstance(last, (int, float))
        }

    def line(self, screen: Screen, now: float, names: NameColumn, width: int) -> tuple[str, str]:
        """The live line and how it is painted: name, time, progress, latest values."""
        head = (
            f"▸ {names.text(self.case_id)}  {pad(human_duration(now - self.began), 6, right=True)}"
        )
        left = width - cells(head) - 2
        bar, rest = self._progress(now, 6 if width < _NARROW else 20)
        if cells(bar + rest) > left:
            bar, rest = "", fit(rest.strip(), max(left, 0))
        left -= cells(bar + rest) + 2
        values = results_text(self._scalars, max(left, 0))
        plain = "  ".join(part for part in (head, bar + rest, values) if part)
        painted = "  ".join(
            part
            for part in (
                screen.paint("▸", "name") + head[1:],
                screen.paint(bar, "good") + rest,
                screen.paint(values, "bold"),
            )
            if part
        )
        return plain, painted

    def _progress(self, now: float, width: int) -> tuple[str, str]:
        """A bar and the text after it, of the outermost loop that has not ended."""
        if not self._loops:
            return "", ""
        loops = list(self._loops.values())
        loop = next((loop for loop in loops if loop.unfinished), loops[-1])
        label = f"{visible(loop.label)} " if loop.label else ""
        if loop.total is None:
            return "", f"{label}{loop.done}"
        share = min(loop.done / loop.total, 1.0) if loop.total > 0 else 1.0
        full = int(share * width)
        left = loop.left(now)
        ending = "" if left is None else f" ~{seconds_left(left)}"
        text = f" {label}{loop.done}/{loop.total}{ending}"
        return "━" * full + "─" * (width - full), text
