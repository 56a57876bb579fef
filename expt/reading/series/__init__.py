"""Reading what was tracked: the files of an archive's `series/`, without the run and its plugins.

    names.jsonl, entries.jsonl ──┬─► stored ──► tracked    SeriesMap: name ─► Series, on demand
    scalars.bin ► sorted_records ┘     │ leaves            numbers inside of structured values
                                       ├─ statistics       {kind, count, last, min, max} of each
                                       └─ tail             the same of a run that goes on

A damaged line or record is left out and told of in `SeriesMap.damage`. Nothing is unpickled, no
link is followed, and no name leads outside the folder.
"""
