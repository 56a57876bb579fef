"""The series of the runs that were looked at last, read once for all that ask about them.

A run has its scalars in one file, and a page asks for one series after the other, then for what
it zooms to: without this each would be a reading of the file.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from expt.ground.layout import ENTRIES_FILE, NAMES_FILE, SCALARS_FILE, SERIES_DIR
from expt.ground.value_classes import field, frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from expt.reading.run import Run
    from expt.reading.series.tracked import SeriesMap

_ROOM: Final = 256 * 1024**2  # bytes
_ANSWERS: Final = 64  # that are kept of a run,
_ANSWER: Final = 256 * 1024  # and bytes of one


@frozen(eq=False)
class _Kept:
    """The series of a run in one `state`, and what was told of them."""

    state: Hashable
    size: int
    series: SeriesMap
    lock: threading.Lock = field(factory=threading.Lock)
    answers: dict[Hashable, bytes] = field(factory=dict)


class OpenSeries:
    """Tells of series, of one run to one asker at a time.

    What files of `room` bytes hold is kept, and in any case what was read last.
    """

    def __init__(self, room: int = _ROOM) -> None:
        self._room = room
        self._lock = threading.Lock()
        self._kept: dict[str, _Kept] = {}  # the run that was asked about last is the last

    def tell(
        self, run: Run, moment: int | None, asked: Hashable, tell: Callable[[SeriesMap], bytes]
    ) -> bytes:
        """What `tell` says of the run's series, which answers what was `asked`.

        Of a run that goes on, what was read is told again at the same `moment`, and never where
        there is none: its files do not show that they have changed.
        """
        is_live = run.status == "running"
        if is_live and moment is None:
            return tell(run.series)
        files = _look_at_files(run)
        kept = self._keep(run, moment if is_live else tuple(files), sum(size for size, *_ in files))
        with kept.lock:
            found = kept.answers.get(asked)
            if found is None:
                found = tell(kept.series)
                if len(found) <= _ANSWER and len(kept.answers) < _ANSWERS:
                    kept.answers[asked] = found
            return found

    def _keep(self, run: Run, state: Hashable, size: int) -> _Kept:
        path = str(run.path)
        with self._lock:
            kept = self._kept.pop(path, None)
            if kept is None or kept.state != state:
                kept = _Kept(state, size, run.series)
            self._kept[path] = kept
            room = self._room - sum(one.size for one in self._kept.values())
            for other in list(self._kept)[:-1]:
                if room >= 0:
                    break
                room += self._kept.pop(other).size
            return kept


def _look_at_files(run: Run) -> list[tuple[int, ...]]:
    """Size of each file of the series, and what else changes when it does."""
    found: list[tuple[int, ...]] = []
    for name in (NAMES_FILE, SCALARS_FILE, ENTRIES_FILE):
        try:
            stat = (run.path / SERIES_DIR / name).lstat()
        except OSError:
            found.append((0,))
        else:
            found.append((stat.st_size, stat.st_mtime_ns, stat.st_ino))
    return found
