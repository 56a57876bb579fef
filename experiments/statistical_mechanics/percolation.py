"""Site percolation: how many stones must be taken out of a wall until water comes through?"""

from __future__ import annotations

import numpy as np

import expt

THRESHOLD = 0.592746  # Newman and Ziff, Physical Review Letters 85, 4104 (2000)

STONE, DRY, WATER = (60, 54, 50), (214, 207, 196), (38, 110, 190)


@expt.sweep(length=[16, 32, 64])
def experiment_percolation(track, progress, rng, length: int = 64, samples: int = 120):
    """Threshold of site percolation on the square lattice, from samples of growing size."""
    heights = rng.random((samples, length, length))
    levels = flood(heights)
    thresholds = np.sort(levels[:, -1].min(axis=1))
    track("thresholds", thresholds)

    for step, level in enumerate(progress(np.linspace(0.4, 0.7, 61))):
        crossed = np.mean(thresholds <= level)
        track(step=step, wet=np.mean(levels <= level), crossed=crossed)
        track("wall", picture(heights[0] <= level, levels[0] <= level), step=step)

    value = thresholds.mean()
    return {
        "value": value,
        "exact": THRESHOLD,
        "error": abs(value - THRESHOLD),
        "standard_error": thresholds.std(ddof=1) / np.sqrt(samples),
    }


def flood(heights):
    """The level at which water from the top row reaches each site, for all samples at once.

    That is the smallest, over all ways there, of the greatest height on the way: begin with
    "never" and let rows tell the next ones, down, up, and to both sides, until nobody learns
    anything new.
    """
    heights = np.ascontiguousarray(np.moveaxis(heights, 0, -1))  # quicker: samples side by side
    level = np.full_like(heights, np.inf)
    level[0] = heights[0]
    while True:
        before = level.copy()
        for turns in (0, 2, 1, 3):
            water, wall = np.rot90(level, turns), np.rot90(heights, turns)
            for row in range(1, len(wall)):
                through = np.maximum(water[row - 1], wall[row])
                np.minimum(water[row], through, out=water[row])
        if np.array_equal(before, level):
            return np.moveaxis(level, -1, 0)


def picture(is_open, is_wet):
    """Stones dark, gaps light, water blue; a pixel for each site."""
    return np.array([STONE, DRY, WATER], np.uint8)[is_open.astype(int) + is_wet]
