"""Makes `docs/pictures/` from the archives of the example tree.

expt experiments/ && python docs/pictures.py
"""

from __future__ import annotations

from pathlib import Path

import imageio.v2
from PIL import Image

import expt

ROOT = Path(__file__).parents[1]
PICTURES = {
    "line": ("ising and 2.2", "magnetisation.png"),
    "image": ("ising and 2.2", "lattice.png"),
    "structured": ("lorenz", "exponents.png"),
    "figure": ("lorenz", "butterfly.png"),
    "array": ("spots", "substance.png"),
    "histogram": ("spots", "substance~histogram.png"),
    "overview": ("percolation and 64", "overview.png"),
}
"""Name here: which run, which of its renderings."""

SWEEP = ("sweep", "ising", "experiment_ising_magnetisation.png")
"""Name here, a run of the sweep, and which picture of its session."""

VIDEOS = {"lattice": ("ising and 2.2", "lattice.mp4"), "substance": ("spots", "substance.mp4")}


def main() -> None:
    folder = ROOT / "docs" / "pictures"
    folder.mkdir(exist_ok=True)
    for name, (k, file) in PICTURES.items():
        keep(Image.open(rendering(k, file)), folder / f"{name}.png", 800)
    name, k, file = SWEEP
    session = expt.runs(ROOT / "runs", k=k)[0].lineage["session"]
    keep(Image.open(ROOT / "runs" / ".sessions" / session / file), folder / f"{name}.png", 800)
    for name, (k, file) in VIDEOS.items():
        with imageio.v2.get_reader(rendering(k, file)) as video:
            keep(
                Image.fromarray(video.get_data(video.count_frames() // 2)),
                folder / f"{name}.png",
                320,
            )


def rendering(k: str, file: str) -> Path:
    return expt.runs(ROOT / "runs", k=k)[0].path / "plots" / file


def keep(picture: Image.Image, path: Path, width: int) -> None:
    """Write a small PNG: at most `width` pixels wide, of 128 colours where that is much."""
    picture = picture.convert("RGB")
    if picture.width > width:
        picture = picture.resize((width, picture.height * width // picture.width), Image.LANCZOS)
    if width > 320:
        picture = picture.quantize(128)
    picture.save(path, optimize=True)


if __name__ == "__main__":
    main()
