"""Whether a series is noise, and the smoothed line over it; both on the scale that is drawn.

The rules, which the documentation repeats:
- A series is noise where it has at least 40 points, of which more than 55 % are turning points
  (white noise 67 %, a random walk 50 %), and the noise is more than a hundredth of the range.
- The smoothed line is a local straight line through about a fifteenth of the points, twice. At
  both ends the window is as long as elsewhere, so that the line does not hook to the last point.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FEW: Final = 40  # so short a series shows its points, and is too short to call noise
_TURNING: Final = 0.55
_VISIBLE_NOISE: Final = 0.01


def is_noise(y: Floats, *, log: bool = False) -> bool:
    """Whether neighbours differ by chance, judged on at most 16 stretches of 64 points."""
    if y.size < FEW:
        return False
    if y.size <= 1024:
        stretches = y[np.newaxis, :]
    else:
        starts = np.linspace(0, y.size - 64, 16).astype(np.int64)
        stretches = y[starts[:, np.newaxis] + np.arange(64)]
    if log:
        with np.errstate(divide="ignore", invalid="ignore"):
            stretches = np.log10(stretches)
    change = np.diff(stretches, axis=1)
    pairs = change[:, 1:] * np.sign(change[:, :-1])
    known = np.isfinite(pairs)
    if np.count_nonzero(known) < FEW // 2:
        return False
    bends = np.abs(np.diff(change, axis=1)[known])
    noise = float(np.median(bends)) / 1.65  # of normal noise: 0.6745 * sqrt(6)
    finite = stretches[np.isfinite(stretches)]
    reach = float(finite.max() - finite.min())
    return bool((pairs[known] < 0).mean() > _TURNING and noise > _VISIBLE_NOISE * reach)


def smoothed(y: Floats, *, log: bool) -> Floats:
    """The smoothed line through `y`, NaN where `y` is; of its logarithms if `log`."""
    line = np.log10(y) if log else y
    size = float(np.nanmax(np.abs(line), initial=0.0)) or 1.0  # sums of squares stay finite
    line = line / size
    for _ in range(2):
        line = _local_lines(line, min(2 * max(2, y.size // 30) + 1, y.size))
    return 10.0 ** (line * size) if log else line * size


def _local_lines(y: Floats, width: int) -> Floats:
    """At each point the straight line that fits `width` points around it best."""
    index = np.arange(y.size)
    start = np.clip(index - width // 2, 0, y.size - width)
    finite = np.isfinite(y)
    known, x = np.where(finite, y, 0.0), np.where(finite, index, 0) / y.size
    parts = (finite, x, x * x, known, x * known)
    count, sx, sxx, sy, sxy = (_window_sums(part, start, width) for part in parts)
    at = index / y.size
    with np.errstate(divide="ignore", invalid="ignore"):
        mean_x, mean_y = sx / count, sy / count
        spread = sxx / count - mean_x * mean_x
        slope = np.where(
            (count > 2) & (spread > 1e-12), (sxy / count - mean_x * mean_y) / spread, 0.0
        )
        return np.where(finite, mean_y + slope * (at - mean_x), np.nan)


def _window_sums(values: NDArray[np.generic], start: NDArray[np.int64], width: int) -> Floats:
    sums = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
    return np.asarray(sums[start + width] - sums[start])
