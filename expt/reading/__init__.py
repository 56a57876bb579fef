"""Reading archives: one run, many runs, what was tracked, and what people type to name them.

    references  runs           what was typed ─► runs          moments  fields  tables
          │      │
        index ── scanning      which archives there are, and a row of each
          │
         run ─── summary       one archive, read on demand     series  artifacts  files

Nothing of the user's is imported, executed or unpickled, and nothing outside an archive is opened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from expt.ground.surface import surface

if TYPE_CHECKING:
    from expt.reading.fields import (
        FIELDS,
        MISSING,
        field_value,
        known_names,
        sort_runs,
        unknown_field,
    )
    from expt.reading.finding import choose_runs, find_runs, find_runs_of
    from expt.reading.groups import Group, Groups
    from expt.reading.references import (
        find_archive_root,
        load_archive,
        load_archives,
        load_run,
        pin_run,
    )
    from expt.reading.run import Run
    from expt.reading.runs import Runs
    from expt.reading.saved import Artifact, Artifacts
    from expt.reading.series import (
        Series,
        SeriesMap,
        SeriesTail,
        summarise_series,
    )
    from expt.reading.tables import Table

__all__ = [
    "FIELDS",
    "MISSING",
    "Artifact",
    "Artifacts",
    "Group",
    "Groups",
    "Run",
    "Runs",
    "Series",
    "SeriesMap",
    "SeriesTail",
    "Table",
    "choose_runs",
    "field_value",
    "find_archive_root",
    "find_runs",
    "find_runs_of",
    "known_names",
    "load_archive",
    "load_archives",
    "load_run",
    "pin_run",
    "sort_runs",
    "summarise_series",
    "unknown_field",
]

if not TYPE_CHECKING:  # which knows the names above, and no others
    __getattr__ = surface(
        __name__,
        {
            "expt.reading.fields": "FIELDS MISSING field_value known_names sort_runs unknown_field",
            "expt.reading.finding": "choose_runs find_runs find_runs_of",
            "expt.reading.groups": "Group Groups",
            "expt.reading.references": (
                "find_archive_root load_archive load_archives load_run pin_run"
            ),
            "expt.reading.run": "Run",
            "expt.reading.runs": "Runs",
            "expt.reading.saved": "Artifact Artifacts",
            "expt.reading.series": "Series SeriesMap SeriesTail summarise_series",
            "expt.reading.tables": "Table",
        },
    )
