"""What pictures cost: a hundred frames in a run, exact, and the video soon after."""

from __future__ import annotations

import time
import zlib

import expt

SOURCE = """
import time

import numpy as np


def experiment_frames(track, frames: int = 100, side: int = 256):
    x = np.linspace(0, 1, side)
    pictures = [
        np.uint8(127 + 127 * np.sin(20 * (x[:, None, None] + x[None, :, None] * [1, 2, 3]) + n))
        for n in range(frames)
    ]
    begun = time.perf_counter()
    for step, picture in enumerate(pictures):
        track("wave", picture, step=step)
    inside = time.perf_counter() - begun
    return {"inside": inside, "ended": time.time()}
"""


def experiment_frames(race, command, place, frames: int = 100, side: int = 256):
    """Frames that are tracked, beside deflating their bytes; and how long the video takes."""
    tree = place / "tree"
    (tree / "experiments").mkdir(parents=True)
    (tree / "expt.toml").touch()
    (tree / "experiments/frames.py").write_text(SOURCE)
    videos = []

    def tracked():
        command("expt", "-p", f"frames={frames}", "-p", f"side={side}", cwd=tree)
        run = expt.runs(tree / "runs")[0]
        (video,) = (path for path in run.plots["wave"] if path.suffix == ".mp4")
        videos.append(video.stat().st_mtime - run.results["ended"])
        return run.results["inside"]

    def deflated():
        pixels = expt.runs(tree / "runs")[0].series["wave"].values
        begun = time.perf_counter()
        for picture in pixels:
            zlib.compress(picture.tobytes(), 1)
        return time.perf_counter() - begun

    times = race({"tracked": tracked, "deflated": deflated})
    return {
        "frames_in_the_run": race.row(times["tracked"], "s", 0.3),
        "frames_beside_deflate": race.ratio(times, "tracked", "deflated", None),
        "video_after_the_run": race.row(videos, "s", 2.0),
    }
