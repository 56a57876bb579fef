"""The two-dimensional Ising model: spins on a square lattice that like to agree."""

from __future__ import annotations

from typing import Literal

import numpy as np

CRITICAL_TEMPERATURE = 2 / np.log(1 + np.sqrt(2))


def experiment_ising(
    track,
    progress,
    rng,
    temperature: float = 2.2,
    size: int = 64,
    sweeps: int = 4000,
    start: Literal["ordered", "random"] = "ordered",
):
    """Magnetisation of the 2D Ising model against Onsager's exact value."""
    spins = np.ones((size, size), np.int8)
    if start == "random":
        spins[rng.random((size, size)) < 0.5] = -1
    magnetisation = np.empty(sweeps)
    track.configure("lattice", fps=20)

    for step in progress(range(sweeps)):
        update(spins, temperature, rng)
        magnetisation[step] = spins.mean()
        if step % max(1, sweeps // 100) == 0:
            track(
                step=step,
                magnetisation=magnetisation[step],
                energy=-np.mean(spins * (np.roll(spins, 1, 0) + np.roll(spins, 1, 1))),
                lattice=np.where(spins > 0, 235, 20).astype(np.uint8),
            )

    settled = magnetisation[sweeps // 5 :]
    value, exact = settled.mean(), onsager_magnetisation(temperature)
    blocks = [block.mean() for block in np.array_split(settled, 16)]
    track("phase", f"T = {temperature:g} is {temperature / CRITICAL_TEMPERATURE:.3f} of critical")
    return {
        "value": value,
        "exact": exact,
        "error": abs(value - exact),
        "standard_error": np.std(blocks, ddof=1) / 4,
    }


def update(spins, temperature, rng):
    """One heat-bath sweep in place: first the black squares of the board, then the white ones."""
    board = np.indices(spins.shape).sum(0) % 2
    for colour in (0, 1):
        field = sum(np.roll(spins, shift, axis) for shift in (-1, 1) for axis in (0, 1))
        up = rng.random(spins.shape, np.float32) < 1 / (1 + np.exp(-2 * field / temperature))
        np.copyto(spins, np.where(up, 1, -1).astype(np.int8), where=board == colour)


def onsager_magnetisation(temperature):
    """Yang, Physical Review 85, 808 (1952): zero from the critical temperature on."""
    if temperature >= CRITICAL_TEMPERATURE:
        return 0.0
    return (1 - np.sinh(2 / temperature) ** -4) ** (1 / 8)


def analysis_ising(run):
    """Draw the magnetisation with Onsager's value as a line across."""
    figure = run.plot("magnetisation")
    figure.axes[0].axhline(run.results["exact"], color="black", linestyle="--")
    run.save("magnetisation_and_theory.png", figure)
