"""Does radiation thin out with the square of the distance?"""

from __future__ import annotations

import numpy as np


def experiment_inverse_square(track, measure, activity: float, nearest: float, points: int = 8):
    """Exponent of the law by which the rate falls with the distance."""
    distances = nearest * np.arange(1, points + 1)
    rates = []
    for distance in distances:
        rates.append(measure(activity * 0.01 / distance**2))
        track("rate", rates[-1])

    value, _ = np.polyfit(np.log(distances), np.log(rates), 1)
    return {"value": value, "exact": -2.0, "error": abs(value + 2)}
