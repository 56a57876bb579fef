"""The data of this folder, made once for all its runs."""

from __future__ import annotations

import numpy as np

from experiments.learning.curves import TwoCurves
from expt import provider


@provider(scope="session")
def dataset(noise: float = 0.1):
    """Two spirals, wound into each other."""
    angle = 3 * np.pi * np.sqrt(np.linspace(0.01, 1, 400))
    spiral = np.column_stack([np.cos(angle), np.sin(angle)]) * angle[:, None] / (3 * np.pi)
    return TwoCurves(2 * np.stack([spiral, -spiral]), noise)
