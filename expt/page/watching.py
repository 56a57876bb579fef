"""What changed below an archive root, once for all pages that look at it.

One look every second, or less often where the root is so large that looking takes long: ten
pages that are open cost no more than one, and a run hardly notices them.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final

from starlette.concurrency import run_in_threadpool

from expt.ground.errors import ReadingError
from expt.ground.layout import SERIES_DIR
from expt.reading import find_runs, load_archive
from expt.reading.scanning import scan_archives
from expt.reading.series.tail import SeriesTail

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from expt.reading import Run

_TICK: Final = 1.0  # seconds between two looks
_SHARE: Final = 0.02  # of one core, that looking may take
_QUIET: Final = 15  # looks without news before a connection is told that it still stands


class Watcher:
    """Looks while anybody listens, and tells each listener what changed since it came."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._listeners: set[asyncio.Queue[dict[str, Any] | None]] = set()
        self._task: asyncio.Task[None] | None = None
        self._stamps: dict[str, str] = {}
        self._running: dict[str, tuple[Run, SeriesTail]] = {}
        self._told: dict[str, dict[str, tuple[int, Any]]] = {}

    async def changes(self) -> AsyncIterator[dict[str, Any] | None]:
        """Each change as `{"runs": [outline …], "gone": bool, "points": {id: {series: [count,
        last]}}}`; None now and then, where there is none."""
        queue: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self._listeners.add(queue)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._watch())
        try:
            while True:
                yield await queue.get()
        finally:
            self._listeners.discard(queue)

    async def _watch(self) -> None:
        quiet = 0
        await run_in_threadpool(self._begin)
        while self._listeners:
            begun = time.monotonic()
            change = await run_in_threadpool(self._look)
            took = time.monotonic() - begun
            quiet = 0 if change else quiet + 1
            if change or quiet >= _QUIET:
                quiet = 0
                for queue in self._listeners:
                    queue.put_nowait(change)
            await asyncio.sleep(max(_TICK - took, took / _SHARE - took, 0.05))

    def _begin(self) -> None:
        self._stamps = dict(scan_archives(self._root))
        for run in find_runs(self._root, status="running"):
            self._follow(run)

    def _follow(self, run: Run) -> None:
        self._running[run.id] = run, SeriesTail(run.path / SERIES_DIR)

    def _look(self) -> dict[str, Any] | None:
        stamps = dict(scan_archives(self._root))
        changed = [folder for folder, stamp in stamps.items() if self._stamps.get(folder) != stamp]
        gone = bool(self._stamps.keys() - stamps.keys())
        self._stamps = stamps
        runs = [run for folder in changed if (run := self._load(folder)) is not None]
        points = self._points()
        if not (runs or gone or points):
            return None
        return {"runs": [run.outline() for run in runs], "gone": gone, "points": points}

    def _load(self, folder: str) -> Run | None:
        try:
            run = load_archive(self._root / folder)
        except ReadingError:
            return None
        if run.status == "running":
            self._follow(run)
        else:
            self._running.pop(run.id, None)
        return run

    def _points(self) -> dict[str, dict[str, list[Any]]]:
        news: dict[str, dict[str, list[Any]]] = {}
        for run_id, (_, tail) in self._running.items():
            found = dict(tail.poll())
            known = self._told.get(run_id, {})
            fresh = {name: list(seen) for name, seen in found.items() if known.get(name) != seen}
            self._told[run_id] = found
            if fresh:
                news[run_id] = fresh
        return news
