"""The Gray-Scott reaction: two substances, U + 2V -> 3V, that draw the stripes of a zebra."""

from __future__ import annotations

import numpy as np


def experiment_gray_scott(
    track,
    progress,
    rng,
    feed: float = 0.0545,
    kill: float = 0.062,
    diffusion: tuple[float, float] = (0.16, 0.08),
    size: int = 128,
    steps: int = 3000,
):
    """Wavelength of a Gray-Scott pattern against Turing's linear theory."""
    (u0, v0), exact = uniform_state(feed, kill), turing_wavelength(feed, kill, diffusion)
    noise = 0.01 * rng.standard_normal((2, size, size))
    u, v = (u0 + noise[0]).astype(np.float32), (v0 + noise[1]).astype(np.float32)
    track.configure("substance", fps=20, colormap="magma")

    for step in progress(range(steps)):
        reaction = u * v * v
        u += diffusion[0] * laplacian(u) - reaction + feed * (1 - u)
        v += diffusion[1] * laplacian(v) + reaction - (feed + kill) * v
        if step % max(1, steps // 80) == 0:
            track("substance", v, step=step)
            track(step=step, contrast=v.std(), wavelength=mean_wavelength(v))

    value = mean_wavelength(v)
    return {"value": value, "exact": exact, "error": abs(value - exact)}


def laplacian(field):
    """The five-point star on a torus."""
    return sum(np.roll(field, shift, axis) for shift in (-1, 1) for axis in (0, 1)) - 4 * field


def uniform_state(feed, kill):
    """The concentrations at which a well-stirred reactor would stay, those with more of V."""
    root = np.sqrt(1 - 4 * (feed + kill) ** 2 / feed)
    u = (1 - root) / 2
    return u, feed / (feed + kill) * (1 - u)


def turing_wavelength(feed, kill, diffusion):
    """The wave that grows fastest out of the uniform state, in sites.

    Turing, Phil. Trans. R. Soc. B 237, 37 (1952): the greatest eigenvalue of the reaction's
    Jacobian less what diffusion takes from a wave of that length.
    """
    u, v = uniform_state(feed, kill)
    jacobian = np.array([[-v * v - feed, -2 * u * v], [v * v, 2 * u * v - feed - kill]])
    wavelengths = np.linspace(4, 30, 2000)
    decay = 2 - 2 * np.cos(2 * np.pi / wavelengths)
    growth = np.linalg.eigvals(jacobian - decay[:, None, None] * np.diag(diffusion)).real
    return wavelengths[growth.max(axis=1).argmax()]


def mean_wavelength(field):
    """One over the mean wave number of the power spectrum, in sites."""
    power = np.abs(np.fft.fft2(field - field.mean())) ** 2
    frequencies = np.fft.fftfreq(len(field))
    waves = np.hypot(frequencies[:, None], frequencies)
    return power.sum() / (power * waves).sum()
