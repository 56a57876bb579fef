"""The renderings of a session: what its runs have in common, in `runs/.sessions/<session>/`.

    runs of the session ─► expt_render_session ─► files in a folder beside ─► renamed into place

Whatever fails is a notice.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from expt.ground import layout
from expt.ground.errors import ExptError
from expt.ground.messages import SessionRendered
from expt.reading.run import Run
from expt.reading.runs import Runs
from expt.rendering.beside import folder_beside, move_all
from expt.rendering.renderer import files_inside, noticing

if TYPE_CHECKING:
    from collections.abc import Iterable

    from expt.rendering.renderer import CallHook


def render_session(
    root: Path, session_id: str, paths: Iterable[str], observe: CallHook
) -> SessionRendered:
    """Draw what the archives at `paths` have in common; `root` is their archive root.

    Never raises for what a plugin, a value or the disk does: that becomes `failures`.
    """
    notices: list[str] = []
    folder = root / layout.SESSIONS_DIR / session_id
    files: list[str] = []
    try:
        folder.parent.mkdir(exist_ok=True)
        runs = Runs(_readable(paths, notices))
        with folder_beside(folder) as beside, noticing("", notices):
            found = observe(
                "expt_render_session",
                notices.append,
                runs=runs,
                session_id=session_id,
                folder=beside,
            )
            files = files_inside(beside, beside, found, notices)
            if files:
                move_all(beside, folder)
    except (ExptError, OSError) as error:
        notices.append(f"the session cannot be rendered: {error}")
    return SessionRendered(str(folder), tuple(files), tuple(dict.fromkeys(notices)))


def _readable(paths: Iterable[str], notices: list[str]) -> list[Run]:
    runs = []
    for path in paths:
        try:
            runs.append(Run(Path(path)))
        except ExptError as error:
            notices.append(f"a run is not in the pictures of the session: {error}")
    return runs
