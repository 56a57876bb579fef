"""The Lorenz system: three equations, and a butterfly that nobody can predict."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

LARGEST_EXPONENT = 0.9056  # Viswanath, PhD thesis, Cornell (1998), for the classic parameters


def experiment_lorenz(
    track,
    progress,
    rng,
    sigma: float = 10.0,
    rho: float = 28.0,
    beta: float = 8 / 3,
    trajectories: int = 200,
    duration: float = 40.0,
    time_step: float = 0.01,
    pictures: int = 20,
):
    """Lyapunov exponents of the Lorenz attractor from an ensemble of trajectories."""

    def velocity(state):
        (x, y, z), (u, v, w) = state[:, 0], state[:, 1:]
        flow = np.stack([sigma * (y - x), x * (rho - z) - y, x * y - beta * z])
        tangents = np.stack([sigma * (v - u), u * (rho - z) - v - x * w, u * y + x * v - beta * w])
        return np.concatenate([flow[:, None], tangents], axis=1)

    # state[coordinate, 0] is the position, state[coordinate, 1:] are three tangent vectors
    state = np.zeros((3, 4, trajectories))
    state[:, 0] = rng.normal((0.0, 0.0, 25.0), 5.0, (trajectories, 3)).T
    state[:, 1:] = np.eye(3)[:, :, None]
    for _ in range(1000):
        state = runge_kutta(velocity, state, time_step)
        orthonormalise(state[:, 1:])

    stretched, path, steps = np.zeros(3), [], int(duration / time_step)
    for step in progress(range(1, steps + 1)):
        state = runge_kutta(velocity, state, time_step)
        path.append(state[:, 0, :3].copy())
        if step % 10 == 0:
            stretched += np.log(orthonormalise(state[:, 1:])).mean(axis=-1)
        if step % 50 == 0:
            names = ("largest", "middle", "smallest")
            exponents = stretched / (step * time_step)
            track("exponents", dict(zip(names, exponents.tolist(), strict=True)), step=step)
            track("largest_exponent", exponents[0], step=step)
        if step % max(1, steps // pictures) == 0:
            track("butterfly", draw(np.array(path), step * time_step), step=step)

    return {
        "value": exponents[0],
        "exact": LARGEST_EXPONENT,
        "error": abs(exponents[0] - LARGEST_EXPONENT),
        "sum_of_exponents": exponents.sum(),
        "exact_sum": -(sigma + 1 + beta),
        "kaplan_yorke_dimension": 2 + exponents[:2].sum() / abs(exponents[2]),
    }


def runge_kutta(velocity, state, time_step):
    """One step of the classic method of order four."""
    a = velocity(state)
    b = velocity(state + time_step / 2 * a)
    c = velocity(state + time_step / 2 * b)
    d = velocity(state + time_step * c)
    return state + time_step / 6 * (a + 2 * b + 2 * c + d)


def orthonormalise(vectors):
    """Gram-Schmidt in place on vectors[coordinate, which, trajectory]; gives back their lengths."""
    lengths = np.empty(vectors.shape[1:])
    for i in range(vectors.shape[1]):
        for j in range(i):
            vectors[:, i] -= (vectors[:, i] * vectors[:, j]).sum(axis=0) * vectors[:, j]
        lengths[i] = np.linalg.norm(vectors[:, i], axis=0)
        vectors[:, i] /= lengths[i]
    return lengths


def draw(path, time):
    """Three of the trajectories so far, seen from the side."""
    figure = Figure(figsize=(5, 4), dpi=80)
    axes = figure.subplots()
    for x, _, z in path.transpose(2, 1, 0):
        axes.plot(x, z, linewidth=0.5)
    axes.set(xlim=(-22, 22), ylim=(0, 50), xlabel="x", ylabel="z", title=f"t = {time:.0f}")
    return figure
