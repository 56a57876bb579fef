"""Data whose best possible classifier is known: points scattered round two curves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class TwoCurves:
    """Class k lies round `curves[k]`, an array of places, with Gaussian noise."""

    curves: np.ndarray
    noise: float

    def sample(self, count, rng):
        """`count` points and the class of each."""
        classes = rng.integers(0, 2, count)
        places = self.curves[classes, rng.integers(0, self.curves.shape[1], count)]
        return places + rng.normal(0, self.noise, (count, 2)), classes

    def bayes(self, points):
        """The class whose density is greater at each point: nothing can classify better."""
        densities = []
        for curve in self.curves:
            squares = ((points[:, None] - curve) ** 2).sum(axis=-1)
            densities.append(np.exp(-squares / (2 * self.noise**2)).sum(axis=-1))
        return np.argmax(densities, axis=0)
