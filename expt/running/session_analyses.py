"""`analysis_session_*`: called once after a session, with all the runs that they go with.

What they print is in `output.log` of the session's folder, what they save in its `artifacts/`.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from expt.ground import layout
from expt.ground.messages import SessionRendered
from expt.parameters.masking import make_scrubber
from expt.reading.references import load_archives
from expt.reading.runs import Runs
from expt.running.capture import captured_output
from expt.running.failure import describe_error, raised_by_interrupt
from expt.running.isolation import call_apart

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from expt.planning.contents import Analysis


def analyse_session(
    folder: Path,
    heard: Iterable[tuple[Analysis, Sequence[str]]],
    secrets: tuple[str, ...],
    log_level: int | None,
) -> SessionRendered:
    """Call each analysis with its archives; one that fails is a failure of what is returned."""
    failures: list[str] = []
    scrub = make_scrubber(secrets)
    pid = os.getpid()

    def call_all() -> None:
        with captured_output(folder / layout.LOG_FILE, log_level, secrets):
            for analysis, paths in heard:
                try:
                    found = load_archives(paths)
                    analysis.function(Runs(found, found.damaged, folder))
                except BaseException as error:
                    if os.getpid() != pid:
                        os._exit(0)
                    told = describe_error(error, scrub)
                    sys.stderr.write(told.traceback)
                    failures.append(f"{analysis.name} failed: {told.type}: {told.message}")
                    if raised_by_interrupt(error):
                        return

    try:
        folder.mkdir(parents=True, exist_ok=True)
        call_apart(call_all, failures.append)
    except OSError as error:
        failures.append(f"the session cannot be analysed: {error}")
    return SessionRendered(str(folder), (), tuple(failures))
