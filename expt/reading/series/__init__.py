"""Reading what was tracked: the files of an archive's `series/`, without the run and its plugins.

    names.jsonl ───► lines ──┬─► entries ── series    SeriesMap: name ─► Series, read on demand
    entries.jsonl ─►         │      │
    scalars.bin ───────► records    └────── summary   {kind, count, last, min, max} of each
                             └───────────── tail      count and last value, while a run goes on

A damaged line or record is left out and told of in `SeriesMap.damage`. Nothing is unpickled, no
link is followed, and no name leads outside the folder.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from expt.ground.surface import surface

if TYPE_CHECKING:
    from expt.reading.series.statistics import summarise_series
    from expt.reading.series.tail import SeriesTail
    from expt.reading.series.tracked import Series, SeriesMap

__all__ = ["Series", "SeriesMap", "SeriesTail", "summarise_series"]

if not TYPE_CHECKING:  # which knows the names above, and no others
    __getattr__ = surface(
        __name__,
        {
            "expt.reading.series.statistics": "summarise_series",
            "expt.reading.series.tail": "SeriesTail",
            "expt.reading.series.tracked": "Series SeriesMap",
        },
    )
