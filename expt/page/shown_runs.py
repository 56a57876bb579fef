"""`Runs` that can show themselves as the page: in a file, and in a notebook."""

from __future__ import annotations

import html
from pathlib import Path

from expt.reading.runs import Runs

_FRAME = """\
<iframe srcdoc="{page}" sandbox="allow-scripts allow-downloads" title="runs"
 style="width: 100%; height: {height}px; border: 1px solid #8885; border-radius: 6px"></iframe>"""


class PageFrame:
    """The page of some runs as a notebook shows it: an iframe that holds it all."""

    def __init__(self, page: str, height: int) -> None:
        self._page = page
        self._height = height

    def __repr__(self) -> str:
        return "<the page of runs: a notebook shows it>"

    def _repr_html_(self) -> str:
        return _FRAME.format(page=html.escape(self._page, quote=True), height=self._height)


class ShownRuns(Runs):
    """What `expt.runs` and `expt.run` return."""

    def report(self, file: str | Path, *, title: str = "expt report") -> Path:
        """Write the page of these runs into one file, as `expt report` does; its path.

        The newest two hundred runs have their series, pictures and code in it. Raises
        `expt.ExptError` where the extra `page` is not installed, `OSError`.
        """
        from expt.page.frozen import write_report  # numpy is slow to import

        path = Path(file)
        write_report(self, path, title)
        return path

    def page(self, *, height: int = 640, title: str = "expt") -> PageFrame:
        """The page of these runs, for a notebook to show, `height` pixels high.

        Raises `expt.ExptError` where the extra `page` is not installed.
        """
        from expt.page.frozen import make_report  # numpy is slow to import

        return PageFrame(make_report(self, title), height)
