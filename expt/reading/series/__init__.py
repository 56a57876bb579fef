"""Reading what was tracked: the files of an archive's `series/`, without the run and its plugins.

    names.jsonl ───► lines ──┬─► entries ── series    SeriesMap: name ─► Series, read on demand
    entries.jsonl ─►         │      │
    scalars.bin ───────► records    └────── summary   {kind, count, last, min, max} of each
                             └───────────── tail      count and last value, while a run goes on

A damaged line or record is left out and told of in `SeriesMap.damage`. Nothing is unpickled, no
link is followed, and no name leads outside the folder.
"""
