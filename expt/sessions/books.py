"""What a session has heard so far: the events of its workers, for its plugins and for the disk."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from expt.ground.messages import Notice, RunAnnounced, RunFinished, RunStarted
from expt.sessions.syncing import Syncer

if TYPE_CHECKING:
    from expt.ground.messages import Event, Report

RunEvent = RunStarted | RunFinished | RunAnnounced


class Books:
    """Keeps what was said of each run; `tell` and the syncer hear of everything.

    `tell` hears one event at a time, whichever threads the events come from.
    """

    def __init__(self, tell: Report) -> None:
        self._tell = tell
        self._syncer = Syncer(lambda text: self.hear(Notice(text)))
        self._heard: dict[tuple[type, str], RunEvent] = {}
        self._lock = threading.RLock()  # what hears one may lead to the next event

    def hear(self, event: Event) -> None:
        """Take note of one event."""
        self._syncer.hear(event)
        if isinstance(event, RunEvent):
            self._heard[type(event), event.case_id] = event
        with self._lock:
            self._tell(event)

    @property
    def unsynced(self) -> bool:
        """Whether the disk refused something of an archive."""
        return self._syncer.failed

    def finish(self) -> None:
        """Begin to put on the disk what is not there yet; nothing more will be written."""
        self._syncer.finish()

    def close(self) -> None:
        """Wait until everything is on the disk."""
        self._syncer.close()

    def forget(self, case_id: str) -> None:
        """The case runs once more: what was said of it is said of its run before."""
        for kind in (RunStarted, RunFinished, RunAnnounced):
            self._heard.pop((kind, case_id), None)

    def started(self, case_id: str) -> RunStarted | None:
        """What a run said when it had claimed its archive, if it came so far."""
        event = self._heard.get((RunStarted, case_id))
        return event if isinstance(event, RunStarted) else None

    def finished(self, case_id: str) -> RunFinished | None:
        """What a run said when its terminal status was on disk, if it came so far."""
        event = self._heard.get((RunFinished, case_id))
        return event if isinstance(event, RunFinished) else None

    def is_announced(self, case_id: str) -> bool:
        """Whether the hooks that listen for the run's end have been called, or are about to be."""
        return (RunAnnounced, case_id) in self._heard
