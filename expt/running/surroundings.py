"""What a run is handed by the worker that it runs in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from expt.ground.value_classes import frozen

if TYPE_CHECKING:
    from collections.abc import Callable

    from expt.ground.messages import Report, SessionInfo
    from expt.ground.model import Recognise
    from expt.ground.options import Options
    from expt.running.rivals import Rivals
    from expt.running.scopes import SessionScope
    from expt.running.session_files import SessionFiles


class Observe(Protocol):
    """Calls an observing hook on those who listen to this experiment."""

    def __call__(self, hook: str, /, **arguments: Any) -> None: ...


@frozen
class Surroundings:
    """What a run does not make itself: where it keeps things, and whom it tells."""

    options: Options
    files: SessionFiles
    report: Report
    scope: SessionScope
    rivals: Rivals
    observe: Observe
    listens: Callable[[str], bool]
    recognise: Recognise | None = None
    on_tracked: Callable[[str, Any, float, Any], None] | None = None
    debug: Callable[[BaseException], None] | None = None
    import_seconds: float = 0.0

    @property
    def session(self) -> SessionInfo:
        return self.files.session
