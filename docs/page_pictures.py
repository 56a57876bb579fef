"""Makes the pictures of `docs/how-to/page.md`: the page in a real browser, on a small sweep.

python docs/page_pictures.py [FOLDER]
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

FOLDER = Path(__file__).with_name("pictures")
EXPERIMENT = '''
    import numpy as np


    def experiment_spots(track, rng, feed: float = 0.03, noise: float = 0.1, size: int = 24,
                         seed: int = 0):
        """Spots that sharpen as they go."""
        place = np.linspace(-3, 3, size)
        for step in range(60):
            width = 0.3 + 2 * np.exp(-step * feed * 2)
            spots = np.exp(-(np.sin(2 * place)[:, None] ** 2 + np.cos(place) ** 2) / width)
            loss = width * (1 + noise * rng.standard_normal() * 0.1)
            track("loss", loss, step=step)
            track("contrast", spots.std() / width, step=step)
            if step % 10 == 0:
                track("spots", np.uint8(255 * spots / spots.max()), step=step)
        return {"loss": loss, "contrast": float(spots.std())}
    '''
SWEEP = ["--sweep", "feed=0.01,0.03,0.1", "--sweep", "noise=0.1,0.5", "--sweep", "seed=0,1,2"]
WIDE, NARROW = (1280, 800), (390, 844)
PICTURES: dict[str, tuple[str, str, tuple[int, int]]] = {
    "page-runs": ("view=runs&group=params.feed", "light", WIDE),
    "page-curves": ("view=curves&band=params.seed&color=params.feed", "light", WIDE),
    "page-parallel": ("view=parallel", "dark", WIDE),
    "page-scatter": ("view=scatter&across=params.feed&up=results.loss", "light", WIDE),
    "page-media": ("view=media&step=30", "dark", WIDE),
    "page-compare": ("view=compare", "light", WIDE),
    "page-run": ("view=run", "light", WIDE),
    "page-narrow": ("view=curves&color=params.feed", "dark", NARROW),
}
"""Name: the state in the address, the colours, the size of the window."""


def main(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as place:
        project = Path(place)
        (project / "experiments").mkdir()
        (project / "experiments" / "spots.py").write_text(textwrap.dedent(EXPERIMENT))
        for words in (["experiments", *SWEEP], ["report", "-o", "page.html"]):
            subprocess.run([sys.executable, "-m", "expt", *words], cwd=project, check=True)
        with sync_playwright() as play:
            browser = play.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
            )
            for name, (state, colours, size) in PICTURES.items():
                keep(take(browser, project / "page.html", state, colours, size), folder / name)
            browser.close()


def take(browser: Any, page: Path, state: str, colours: str, size: tuple[int, int]) -> bytes:
    view = {"width": size[0], "height": size[1]}
    tab = browser.new_page(viewport=view, color_scheme=colours)
    tab.goto(f"{page.as_uri()}#{state}")
    tab.wait_for_selector("html[data-ready]", state="attached", timeout=60_000)
    if state in ("view=compare", "view=run"):
        tab.goto(f"{page.as_uri()}#view=runs")
        for box in tab.locator("tbody input[type=checkbox]").all()[:2]:
            box.check()
        tab.click(f'nav button:text-is("{state.partition("=")[2]}")')
    tab.wait_for_timeout(4000)
    picture: bytes = tab.screenshot(timeout=120_000)
    tab.close()
    return picture


def keep(picture: bytes, path: Path) -> None:
    """A PNG of 64 colours, which is small."""
    image = Image.open(io.BytesIO(picture)).convert("RGB").quantize(64)
    image.save(path.with_suffix(".png"), optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
