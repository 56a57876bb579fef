"""The runs that the page has told of: the table again while nothing changed, a run by its id.

A table of ten thousand runs takes a second to make and a tenth of one to find out that it still
is what it was. A table has a version, by which a page that shows it is told what changed since.
Of very many runs the newest are told of while the others are still read.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from expt.ground.errors import ReadingError
from expt.ground.processes import without_collection
from expt.ground.value_classes import frozen
from expt.page.run_table import tell_table
from expt.page.watching import settled, stamp_archives
from expt.reading.run import Run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from expt.reading.listed import Listing

_TABLES: Final = 4  # that are kept, one for each question
_SOON: Final = 20.0  # seconds after a look at all archives that a page may take to come
_MOVING: Final = frozenset(("since", "until", "on"))  # whose answer changes with the time


@frozen
class _Table:
    """A table as JSON, and the stamps of all archives when it was made.

    `live` are the folders of the runs that ran then: how they are is not in their stamps.
    """

    version: int
    stamps: Mapping[str, str]
    live: frozenset[str]
    text: bytes


class KnownRuns:
    """`listings` gives the runs that a question asks for, which are below `root`: of very many
    first the newest.

    `ready` is set once there is anything to tell.
    """

    def __init__(
        self, listings: Callable[[Mapping[str, str]], Iterator[Listing]], root: Path
    ) -> None:
        self._listings = listings
        self._root = root.absolute()
        self.ready = threading.Event()
        self._lock = threading.Lock()
        self._news = threading.Condition()
        self._begun: dict[tuple[Any, ...], bytes | None] = {}  # questions, and the newest runs
        self._tables: dict[tuple[Any, ...], _Table] = {}
        self._made = 0
        self._folders: dict[str, str] = {}
        self._seen: _Table | None = None  # the table that was made last, which is news
        self._until = 0.0

    def table(
        self, asked: Mapping[str, str], *, as_known: bool = False, begun: bool = False
    ) -> bytes:
        """The table as JSON. What runs is told as it was at the last change of its `run.json`.

        With `as_known` it may be as it was when it was last asked for, in no time: whoever takes
        it is told by the events what changed since. With `begun`, where it is being made, it may
        be that of the newest runs, and says how many `more` there are. Raises `ExptError`.
        """
        key = tuple(sorted(asked.items()))
        as_known = as_known and not asked.keys() & _MOVING
        if as_known and (known := self._tables.get(key)):
            return known.text
        if begun and as_known and (first := self._wait_for_first(key)):
            return first
        with self._lock, without_collection():
            known = self._tables.pop(key, None)
            if known is None or (not as_known and self._is_old(known, asked)):
                known = self._make(key, asked)
            self._tables[key] = known
            while len(self._tables) > _TABLES:
                del self._tables[next(iter(self._tables))]
            return known.text

    def _wait_for_first(self, key: tuple[Any, ...]) -> bytes | None:
        with self._news:
            self._news.wait_for(lambda: self._begun.get(key, b"") is not None)
            return self._begun.get(key)

    def _note(self, key: tuple[Any, ...], first: bytes | None, *, ended: bool = False) -> None:
        with self._news:
            self._begun[key] = first
            if ended:
                del self._begun[key]
            self._news.notify_all()

    def _is_old(self, table: _Table, asked: Mapping[str, str]) -> bool:
        return bool(asked.keys() & _MOVING) or table.stamps != stamp_archives(self._root)

    def _make(self, key: tuple[Any, ...], asked: Mapping[str, str]) -> _Table:
        self._note(key, None)
        try:
            for listing in self._listings(asked):
                if listing.more:
                    told = tell_table(listing) | {"more": listing.more}
                    self._note(key, json.dumps(told, allow_nan=False).encode())
                    self.ready.set()
            stamps = settled(listing.stamps)
            self._folders = {folder.rpartition("_")[2]: folder for folder in stamps}
            root = str(self._root)
            running = (run.path for run in listing.runs.values() if run.status == "running")
            live = frozenset(os.path.relpath(path, root) for path in running)
            self._made += 1
            told = tell_table(listing) | {"version": self._made}
            text = json.dumps(told, allow_nan=False).encode()
            self._seen = _Table(self._made, stamps, live, text)
            self._until = time.monotonic() + _SOON
            return self._seen
        finally:
            self._note(key, None, ended=True)
            self.ready.set()

    def just_seen(self) -> tuple[Mapping[str, str], Iterable[str]] | None:
        """The stamps of all archives, and the folders of what runs, where somebody just looked."""
        seen = self._seen
        if seen is None or time.monotonic() > self._until:
            return None
        return seen.stamps, seen.live

    def stamps_of(self, version: int) -> Mapping[str, str]:
        """The stamps that the table of this version was made of, empty for what ran then; none
        where it is no longer known."""
        for table in list(self._tables.values()):
            if table.version == version:
                return {**table.stamps, **dict.fromkeys(table.live, "")}
        return {}

    def run(self, run_id: str, load: Callable[[str], Run]) -> Run:
        """The run of an id, by `load` where it is not where it was. Raises what that raises."""
        folder = self._folders.get(run_id)  # which ends with the id, where nobody renamed it
        with contextlib.suppress(ReadingError):
            run = None if folder is None else Run(self._root / folder)
            if run is not None and run.id == run_id:
                return run
        run = load(run_id)
        if run.id == run_id:  # and not the beginning of one, which another may get too
            self._folders[run_id] = os.path.relpath(run.path, self._root)
        return run
