"""Calling `analysis_*` functions on the archive of one run, after its end."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from expt.reading.references import load_archive
from expt.running.failure import raised_by_interrupt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from expt.planning.contents import Analysis
    from expt.running.judging import Judge


def analyse_run(
    archive: Path, analyses: Iterable[Analysis], judge: Judge, notice: Callable[[str], None]
) -> None:
    """Call each in turn until one is interrupted; of one that fails, `notice` is told."""
    pid = os.getpid()
    for analysis in analyses:
        try:
            analysis.function(load_archive(archive))
        except BaseException as error:
            if os.getpid() != pid:
                os._exit(0)
            judge.print_traceback(error)
            told = judge.describe(error)
            is_asked = raised_by_interrupt(error)
            late = judge.tell_late() if is_asked else ""
            notice(f"{analysis.name} {late or f'failed: {told.message or told.type}'}")
            if is_asked:
                return
