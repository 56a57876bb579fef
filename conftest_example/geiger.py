"""A Geiger counter, simulated: the apparatus that the experiments of this project share."""

from __future__ import annotations


class GeigerCounter:
    """Counts decays, its own background among them. It counts only while it is switched on."""

    def __init__(self, background: float) -> None:
        self.background = background
        self.is_on = False

    def switch_on(self) -> None:
        self.is_on = True

    def switch_off(self) -> None:
        self.is_on = False

    def count(self, activity: float, seconds: float, rng) -> int:
        """Clicks in `seconds` of a source with `activity` decays a second."""
        if not self.is_on:
            raise RuntimeError("the counter is switched off")
        return int(rng.poisson((activity + self.background) * seconds))
