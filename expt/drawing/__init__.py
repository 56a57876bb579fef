"""Arrays to pictures: line plots, heat maps, tables, contact sheets, videos.

    numbers  ticks  styles      how a number stands on an axis; colours, fonts, texts that fit
    quick_text                  texts that cost little
    smoothing ─► curves         a series as the points its pixels need
    frames                      arrays as uint8 frames
       │
    panels                      axes that show curves
       │
    sheets  overview  stills    line plots; small plots on one sheet; contact sheets and tables
    arrays  histograms          one array; how the values of many are spread
    captions ─► video_file      frames to a file that plays everywhere
       │
    configured ─► pictures      one series, as its options ask: for the archive and for a person
    varying ─► legends ─► together, results      many runs

Nothing here knows of a run, a reader or an archive. matplotlib is used without pyplot, so that a
user's own figures are left alone. Every module below imports numpy, most of them matplotlib:
import them inside the function that draws.
"""

from __future__ import annotations

import os
import sys


def _import_matplotlib() -> None:
    """Import matplotlib whatever `MPLBACKEND` says.

    It refuses to be imported where that names a backend that is not installed, as in a command
    that a notebook starts in another environment. What is drawn here needs none.
    """
    asked = None if "matplotlib" in sys.modules else os.environ.pop("MPLBACKEND", None)
    import matplotlib  # reads MPLBACKEND

    if asked is not None:
        os.environ["MPLBACKEND"] = asked
        try:
            matplotlib.rcParams["backend"] = asked  # as matplotlib does itself
        except ValueError:
            return


_import_matplotlib()
