"""Calling `analysis_*` functions: on the archive of a run after its end, and once after a session.

What those of a session print is in `output.log` of its folder, what they save in its `artifacts/`.
"""

from __future__ import annotations

import os
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

from expt.ground import layout
from expt.ground.messages import SessionRendered
from expt.parameters.masking import make_scrubber
from expt.reading.references import load_archive, load_archives
from expt.reading.runs import Runs
from expt.running.capture import captured_output
from expt.running.failure import describe_error, raised_by_interrupt
from expt.running.isolation import call_apart

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from expt.planning.contents import Analysis
    from expt.running.judging import Judge


def analyse_run(
    archive: Path, analyses: Iterable[Analysis], judge: Judge, notice: Callable[[str], None]
) -> None:
    """Call each in turn until one is interrupted; of one that fails, `notice` is told."""

    def tell(name: str, error: BaseException) -> None:
        judge.print_traceback(error)
        told = judge.describe(error)
        late = judge.tell_late() if raised_by_interrupt(error) else ""
        notice(f"{name} {late or f'failed: {told.message or told.type}'}")

    _call_all(((analysis, lambda: load_archive(archive)) for analysis in analyses), tell)


def analyse_session(
    folder: Path,
    heard: Iterable[tuple[Analysis, Sequence[str]]],
    secrets: tuple[str, ...],
    log_level: int | None,
) -> SessionRendered:
    """Call each analysis with its archives; one that fails is a failure of what is returned."""
    failures: list[str] = []
    scrub = make_scrubber(secrets)

    def load(paths: Sequence[str]) -> Runs:
        found = load_archives(paths)
        return Runs(found, found.damaged, folder)

    def tell(name: str, error: BaseException) -> None:
        told = describe_error(error, scrub)
        sys.stderr.write(told.traceback)
        failures.append(f"{name} failed: {told.type}: {told.message}")

    def call_all() -> None:
        with captured_output(folder / layout.LOG_FILE, log_level, secrets):
            _call_all(((analysis, partial(load, paths)) for analysis, paths in heard), tell)

    try:
        folder.mkdir(parents=True, exist_ok=True)
        call_apart(call_all, failures.append)
    except OSError as error:
        failures.append(f"the session cannot be analysed: {error}")
    return SessionRendered(str(folder), (), tuple(failures))


def _call_all(
    analyses: Iterable[tuple[Analysis, Callable[[], Any]]],
    tell: Callable[[str, BaseException], None],
) -> None:
    """Call each with what it reads, until one is interrupted; `tell` hears of one that fails."""
    pid = os.getpid()
    for analysis, load in analyses:
        try:
            analysis.function(load())
        except BaseException as error:
            if os.getpid() != pid:  # a process that it forked
                os._exit(0)
            tell(analysis.name, error)
            if raised_by_interrupt(error):
                return
