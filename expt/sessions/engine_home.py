"""The session, as the executor of an engine knows it: whom it tells, and who helps it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from expt.ground.messages import RunStarted
from expt.ground.options import runs_root
from expt.ground.value_classes import define, field
from expt.sessions.node import leave, work_on
from expt.sessions.shipping import pack_code, pack_given, take_archive

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from expt.executors.death import Death
    from expt.ground.messages import Begin, Event, Request
    from expt.ground.model import Case


@define(eq=False)
class EngineHome:
    """One session's `Home`; `files` are patterns of what is shipped beside the code."""

    begin: Callable[[], Begin]
    hear: Callable[[Event], None]
    bury: Callable[[Request, Death], Any]
    miss: Callable[[str], None]
    _files: Sequence[str]
    work_on: Callable[[bytes], bytes] = work_on
    leave: Callable[[], None] = leave
    _packed: dict[tuple[str, tuple[Any, ...]], bytes] = field(factory=dict)

    def find_begun(self, case: Case, /) -> RunStarted | None:
        from expt.reading.finding import find_runs_of  # few nodes are lost

        session, options = self.begin().session, self.begin().options
        for run in find_runs_of(runs_root(options), {case.experiment.id}):
            is_ours = session is not None and run.session == session.id
            if is_ours and run.node_id == case.id and run.status in ("running", "lost"):
                when = run.started.timestamp()
                return RunStarted(case.id, run.id, str(run.path), run.record.pid or 0, when)
        return None

    def pack(self, case: Case, /) -> tuple[bytes, bytes]:
        options = self.begin().options
        key = case.experiment.id, tuple(str(case.params[name]) for name in case.inputs)
        if key not in self._packed:
            self._packed[key] = pack_code(case, options, self._files)
        return self._packed[key], pack_given(case, options)

    def take(self, archive: bytes, /) -> Path:
        return take_archive(archive, runs_root(self.begin().options))
