"""The runs that the page has told of: the table again while nothing changed, a run by its id.

A table of ten thousand runs takes a second to make and a tenth of one to find out that it still
is what it was.
"""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any, Final

from expt.ground.errors import ReadingError
from expt.ground.processes import without_collection
from expt.page.facts import tell_table
from expt.page.watching import stamp_archives
from expt.reading import Run

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from expt.reading import Runs

_TABLES: Final = 4  # that are kept, one for each question


class KnownRuns:
    """`find` gives the runs that a question asks for; they are below `root`."""

    def __init__(self, find: Callable[[Mapping[str, str]], Runs], root: Path) -> None:
        self._find = find
        self._root = root
        self._lock = threading.Lock()
        self._tables: dict[tuple[Any, ...], tuple[dict[str, str], bytes]] = {}
        self._paths: dict[str, Path] = {}

    def table(self, asked: Mapping[str, str]) -> bytes:
        """The table as JSON. What runs is told as it was at the last change of its `run.json`:
        the events begin with what it is now. Raises `ExptError`."""
        key = tuple(sorted(asked.items()))
        with self._lock, without_collection():
            stamps = stamp_archives(self._root)
            known = self._tables.pop(key, None)
            if known is None or known[0] != stamps or asked.keys() & {"since", "until", "on"}:
                runs = self._find(asked)
                told = tell_table(runs)
                self._paths |= {run.id: run.path for run in runs}
                known = stamps, json.dumps(told, allow_nan=False).encode()
            self._tables[key] = known
            while len(self._tables) > _TABLES:
                del self._tables[next(iter(self._tables))]
            return known[1]

    def run(self, run_id: str) -> Run | None:
        """The run of exactly this id, where it still is where it was."""
        path = self._paths.get(run_id)
        try:
            run = None if path is None else Run(path)
        except ReadingError:
            return None
        return run if run is not None and run.id == run_id else None
