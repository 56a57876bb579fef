"""Ticks at round numbers for matplotlib's own axes, and texts that do not touch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matplotlib.ticker import Formatter, Locator

from expt.drawing.numbers import log_ticks, round_ticks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class RoundLocator(Locator):
    """At most `most` ticks, at round numbers."""

    def __init__(self, most: int, *, whole: bool = False, log: bool = False) -> None:
        self._most, self._whole, self._log = most, whole, log

    def __call__(self) -> list[float]:
        low, high = sorted(self.axis.get_view_interval())  # type: ignore[union-attr]
        return self.tick_values(low, high)

    def tick_values(self, vmin: float, vmax: float) -> list[float]:
        low, high = min(vmin, vmax), max(vmin, vmax)
        if self._log and low > 0:
            return log_ticks(low, high, self._most)
        return round_ticks(low, high, self._most, whole=self._whole)


class NumberFormatter(Formatter):
    """Gives matplotlib's axes the tick texts of `numbers`."""

    def __init__(self, texts: Callable[[Sequence[float]], tuple[list[str], str]]) -> None:
        self._texts = texts
        self._power = ""

    def __call__(self, value: float, pos: int | None = None) -> str:
        return self._texts([value])[0][0]

    def format_ticks(self, values: Any) -> list[str]:
        texts, self._power = self._texts(list(values))
        return texts

    def get_offset(self) -> str:
        return self._power


def keep_apart(
    places: Sequence[float], texts: Sequence[str], halves: Sequence[float]
) -> tuple[list[float], list[str]]:
    """Those of the texts on a scale that do not touch; the first and the last among them.

    `places` rise, and `halves` are half of what each text takes, in the same unit.
    """

    def touch(one: int, other: int) -> bool:
        return places[other] - places[one] < halves[one] + halves[other]

    kept = [len(places) - 1]
    for index in range(len(places) - 2, -1, -1):
        while len(kept) > 1 and index == 0 and touch(0, kept[-1]):
            kept.pop()
        if not touch(index, kept[-1]):
            kept.append(index)
    kept.reverse()
    return [places[index] for index in kept], [texts[index] for index in kept]
