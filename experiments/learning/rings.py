"""The network again, on two rings, and with the radius among its features.

The file says only what is different: the data, and one more column before the first layer.
"""

from __future__ import annotations

import numpy as np

import expt
from experiments.learning.curves import TwoCurves
from experiments.learning.network import experiment_network

experiment_rings = expt.extends(experiment_network)


@expt.provider(scope="session")
def dataset(noise: float = 0.1):
    """Two rings, one inside the other."""
    angle = np.linspace(0, 2 * np.pi, 400)
    ring = np.column_stack([np.cos(angle), np.sin(angle)])
    return TwoCurves(np.stack([ring, 1.6 * ring]), noise)


@expt.on("features")
def add_radius(places):
    """What separates rings is how far out a point lies."""
    return np.column_stack([places, np.hypot(*places.T)])


@expt.on("after_epochs")
def track_radius(epoch, weights, track):
    """How much of the first layer listens to the radius."""
    strength = np.abs(weights[0]).mean(axis=1)
    track("share_of_radius", strength[-1] / strength.sum(), step=epoch)
