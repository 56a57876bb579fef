"""How long until half of a sample has decayed?"""

from __future__ import annotations

import numpy as np


def experiment_half_life(track, measure, activity: float, half_life: float, readings: int = 12):
    """Half-life of a sample, from a straight line through the logarithm of its rate."""
    times = 10.0 * np.arange(readings)
    rates = []
    for step, time in enumerate(times):
        rates.append(measure(activity * 0.5 ** (time / half_life)))
        track("rate", rates[-1], step=step)

    slope, _ = np.polyfit(times, np.log2(rates), 1, w=np.sqrt(rates))
    value = -1 / slope
    return {"value": value, "exact": half_life, "error": abs(value - half_life)}
