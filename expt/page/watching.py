"""What changed below an archive root, once for all pages that look at it.

    every second   points and owners of what runs; folders that got a new archive
    now and then   every archive and its labels, as often as that costs little

Looking costs ten pages that are open no more than one. What was told last is kept for a while, for
pages that come and go.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from starlette.concurrency import run_in_threadpool

from expt.ground.encoding import to_json
from expt.ground.errors import ReadingError
from expt.ground.layout import SERIES_DIR
from expt.ground.value_classes import define, field
from expt.reading.finding import find_runs
from expt.reading.references import load_archive
from expt.reading.scanning import DOUBT, scan_archives
from expt.reading.series.tail import SeriesTail

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping
    from pathlib import Path

    from expt.reading.run import Run

_TICK: Final = 1.0  # seconds between two looks
_SHARE: Final = 0.02  # of one core, that looking may take
_QUIET: Final = 15  # looks without news before a connection is told that it still stands
_MOST_TOLD: Final = 500  # changes; more of them are a table
_CLAIMING: Final = 10.0  # seconds that a new folder may take to become an archive
_POINTS: Final = 500  # new ones of a run that are told; of more, pages ask for an envelope
_RECENT: Final = 60  # changes that are kept
_A_LOOK: Final = 20e-6  # seconds, at one archive


def stamp_archives(root: Path) -> dict[str, str]:
    """Folder → what changes when the `run.json` or the labels of that archive do."""
    return settled(scan_archives(root))


def settled(stamps: Mapping[str, str]) -> dict[str, str]:
    """Stamps as they will be when nobody doubts them any more."""
    return {folder: stamp.lstrip(DOUBT) for folder, stamp in stamps.items()}


@define(eq=False)
class Watcher:
    """Looks while anybody listens, and tells each listener what changed since it came.

    `admits` says which runs are told of. `known` are the stamps of all archives and the folders of
    runs that run where somebody just looked, which saves it a look.
    """

    _root: Path
    _admits: Callable[[Run], bool]
    _known: Callable[[], tuple[Mapping[str, str], Iterable[str]] | None] = lambda: None
    _recent: deque[dict[str, Any]] = field(factory=lambda: deque(maxlen=_RECENT))
    _listeners: set[asyncio.Queue[dict[str, Any] | None]] = field(factory=set)
    _task: asyncio.Task[None] | None = None
    _beginning: asyncio.Lock = field(factory=asyncio.Lock)  # pages that come at once begin once
    _stamps: dict[str, str] = field(factory=dict)
    _folders: dict[str, int] = field(factory=dict)  # that hold archives: when they last changed
    _children: dict[str, set[str]] = field(factory=dict)
    _young: dict[str, float] = field(factory=dict)  # that may become archives, until when
    _due: float = 0.0
    _running: dict[str, tuple[Run, SeriesTail]] = field(factory=dict)
    _told: dict[str, dict[str, tuple[int, Any]]] = field(factory=dict)
    _looks: int = 0
    _is_over: bool = False
    _moments: dict[str, int] = field(factory=dict)  # the look that saw the last points of a run

    async def changes(
        self, since: Mapping[str, str] | None = None
    ) -> AsyncIterator[dict[str, Any] | None]:
        """Each change as `{"runs": [outline …], "gone": bool, "points": {id: {series: [count,
        last, [[step, time, value] …]]}}, "pages": N, "look": N}`, of which N pages are told, the
        new points where they are few; None now and then, where there is none.

        First what runs now, and what changed `since` archives had these stamps. What is `gone`,
        and what are too many changes to be told one by one, the table tells.
        """
        queue: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        async with self._beginning:
            is_first = self._task is None or self._task.done()
            if is_first:
                await run_in_threadpool(self._begin)
            self._listeners.add(queue)
            if is_first:
                self._task = asyncio.create_task(self._watch())
        try:
            yield await self.tell_since(since)
            while not self._is_over:
                yield await queue.get()
        finally:
            self._listeners.discard(queue)

    def moment_of(self, run_id: str) -> int | None:
        """What changes whenever a run that goes on has new points; None where nobody looks."""
        return self._moments.get(run_id) if self._listeners else None

    @property
    def pages(self) -> int:
        """How many listen."""
        return len(self._listeners)

    async def tell_since(self, since: Mapping[str, str] | None) -> dict[str, Any]:
        """What runs now, and what changed `since` archives had these stamps; others listen."""
        look = self._looks
        told = await run_in_threadpool(self._tell_since, since)
        return told | {"pages": self.pages, "look": look}

    def told_since(self, look: int) -> list[dict[str, Any]] | None:
        """What all were told after this look; None where it is too long ago."""
        recent = list(self._recent)
        if look > self._looks or (len(recent) == _RECENT and look < recent[0]["look"]):
            return None
        return [change for change in recent if change["look"] > look]

    def _tell_since(self, since: Mapping[str, str] | None) -> dict[str, Any]:
        now = self._stamps
        changed, gone = _compare(now if since is None else since, now)
        gone = gone or len(changed) > _MOST_TOLD
        found = [run for folder in changed if (run := self._read(folder))] if not gone else []
        for run, _ in list(self._running.values()):
            with contextlib.suppress(ReadingError):
                found.append(run.reload())
        return _told_of(list({run.id: run for run in found}.values())) | {"gone": gone}

    def tell(self, run: Run) -> None:
        """Tell every listener at once of a run that was changed from here."""
        self._looks += 1
        self._send(_told_of([run]))

    def end(self) -> None:
        """Tell nothing any more: `changes` end."""
        self._is_over = True
        self._send(None)

    def _send(self, change: dict[str, Any] | None) -> None:
        if change is not None:
            change = change | {"pages": self.pages, "look": self._looks}
            self._recent.append(change)
        for queue in self._listeners:
            queue.put_nowait(change)

    async def _watch(self) -> None:
        quiet = 0
        while self._listeners:
            begun = time.monotonic()
            change = await run_in_threadpool(self._look)
            took = time.monotonic() - begun
            quiet = 0 if change else quiet + 1
            if change or quiet >= _QUIET:
                quiet = 0
                self._send(change)
            await asyncio.sleep(max(_TICK - took, 0.1))

    def _begin(self) -> None:
        self._stamps, self._running, self._young = {}, {}, {}
        self._recent.clear()
        known = self._known()
        if known is None:
            self._look_over()
            running: Iterable[Run] = find_runs(self._root, status="running")
        else:
            self._stamps, folders = dict(known[0]), known[1]
            self._children = _children_of(self._stamps)
            self._folders = dict.fromkeys(self._children, 0)  # each is looked into once
            self._due = time.monotonic() + len(self._stamps) * _A_LOOK / _SHARE
            running = filter(None, map(self._read, folders))
        for run in filter(self._admits, running):
            self._follow(run)
        self._points()  # what there is now is no news

    def _look(self) -> dict[str, Any] | None:
        before = self._stamps
        if time.monotonic() >= self._due:
            self._look_over()
        else:
            self._look_quickly()
        changed, gone = _compare(before, self._stamps)
        runs = [run for folder in changed if (run := self._load(folder)) is not None]
        runs += self._rewritten()
        points = self._points()
        if not (runs or gone or points):
            return None
        return _told_of(runs) | {"gone": gone, "points": points}

    def _look_over(self) -> None:
        """Look at every archive, and say when that may be done again."""
        begun = time.monotonic()
        self._stamps = stamp_archives(self._root)
        above = {""}
        for folder in self._stamps:
            while folder := folder.rpartition("/")[0]:
                above.add(folder)
        self._note_folders(above)
        self._due = time.monotonic() + (time.monotonic() - begun) / _SHARE

    def _look_quickly(self) -> None:
        """Look for archives in folders that have changed."""
        fresh: dict[str, str] = {}
        for folder, before in list(self._folders.items()):
            if _changed_at(self._root / folder) != before:
                known = self._children.get(folder, set())
                self._note_folders([folder])
                for name in self._children[folder] - known:
                    self._young[f"{folder}/{name}".lstrip("/")] = time.monotonic() + _CLAIMING
        for place, until in list(self._young.items()):
            found = scan_archives(self._root / place)
            for inner, stamp in found.items():
                folder = place if inner == "." else f"{place}/{inner}"
                fresh[folder] = stamp.lstrip(DOUBT)
            if found or time.monotonic() > until:
                del self._young[place]
            if any(inner != "." for inner in found):
                self._due = 0.0
        if fresh:
            self._stamps = {**self._stamps, **fresh}

    def _note_folders(self, folders: Iterable[str]) -> None:
        for folder in folders:
            self._folders[folder] = _changed_at(self._root / folder)
            with contextlib.suppress(OSError), os.scandir(self._root / folder) as entries:
                self._children[folder] = {
                    entry.name
                    for entry in entries
                    if not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False)
                }

    def _load(self, folder: str) -> Run | None:
        """The run in a folder, followed while it runs; None where it is not to be told of."""
        run = self._read(folder)
        return None if run is None else self._follow(run)

    def _read(self, folder: str) -> Run | None:
        try:
            run = load_archive(self._root / folder)
        except ReadingError:
            return None
        return run if self._admits(run) else None

    def _follow(self, run: Run) -> Run:
        if run.status != "running":
            self._running.pop(run.id, None)
        elif run.id not in self._running:
            self._running[run.id] = run, SeriesTail(run.path / SERIES_DIR, _POINTS)
        return run

    def _rewritten(self) -> list[Run]:
        """Of the runs that ran at the last look, those that have ended or whose owner died."""
        ended = []
        for run, _ in list(self._running.values()):
            with contextlib.suppress(ReadingError):
                now = run.reload()
                if now.status != "running":
                    ended.append(self._follow(now))
        return ended

    def _points(self) -> dict[str, dict[str, list[Any]]]:
        news: dict[str, dict[str, list[Any]]] = {}
        self._looks += 1
        for run_id, (_, tail) in self._running.items():
            found = dict(tail.poll())
            known = self._told.get(run_id, {})
            fresh = {
                name: [count, to_json(last), to_json([*map(list, tail.fresh.get(name, ()))])]
                for name, (count, last) in found.items()
                if known.get(name) != (count, last)
            }
            self._told[run_id] = found
            if fresh:
                news[run_id] = fresh
                self._moments[run_id] = self._looks
        return news


def _compare(before: Mapping[str, str], now: Mapping[str, str]) -> tuple[list[str], bool]:
    """The folders that are new or have changed, and whether any is gone."""
    if before is now:
        return [], False
    changed = [folder for folder, stamp in now.items() if before.get(folder) != stamp]
    return changed, bool(before.keys() - now.keys())


def _children_of(stamps: Mapping[str, str]) -> dict[str, set[str]]:
    """The names in each folder that archives are in."""
    children: dict[str, set[str]] = {"": set()}
    for archive in stamps:
        folder = archive
        while folder:
            above, _, name = folder.rpartition("/")
            inner = children.setdefault(above, set())
            if name in inner:
                break
            inner.add(name)
            folder = above
    return children


def _changed_at(folder: Path) -> int:
    try:
        return os.stat(folder).st_mtime_ns
    except OSError:
        return 0


def _told_of(runs: list[Run]) -> dict[str, Any]:
    outlines = [{**run.outline(), "setup": run.setup} for run in runs]
    return {"runs": outlines, "gone": False, "points": {}}
