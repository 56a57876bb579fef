"""Under `--resume`: a case that another session runs, or has run since the plan, is left to it.

    lock the experiment's folder ─► archives that the plan did not know
                                      one of the same fingerprint ─► its outcome, nothing is run
                                      none ─► claimed, first record ─► unlock ─► run

That a case runs is seen in its archive, so that nothing else says so and can be left behind. The
lock keeps two sessions from looking at once; where a disk has none they may both run the case.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
from typing import TYPE_CHECKING, Final

from expt.archive.owner import run_is_alive
from expt.archive.record import read_outcome, read_record
from expt.archive.writer import run_folder
from expt.ground.errors import ReadingError
from expt.ground.files import alone_in
from expt.ground.options import runs_root
from expt.ground.value_classes import evolve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from expt.ground.model import Case, Outcome
    from expt.ground.options import Options

_SLACK: Final = dt.timedelta(days=2)  # zones and clocks by which folders of archives are named
_TIME: Final = "%Y-%m-%d_%H-%M-%S"


class Rivals:
    """What other sessions make of the cases of this one, of which the id is `session`."""

    def __init__(self, options: Options, session: str) -> None:
        self._options = options
        self._session = session
        self._since = ""  # all, where the session is called otherwise than ours are
        with contextlib.suppress(ValueError):
            begun = dt.datetime.strptime(session.rpartition("_")[0], _TIME)
            self._since = f"{begun - _SLACK:{_TIME}}"
        self._seen: dict[str, tuple[str, str | None]] = {}  # folder -> session, fingerprint

    @contextlib.contextmanager
    def kept_out(self, case: Case) -> Iterator[Outcome | None]:
        """The outcome of another session's run of the case, or None: then claim an archive here."""
        options = self._options
        passing = options.keeping.scratch or options.nowhere is not None
        if not options.running.resume or passing or case.fingerprint is None or case.trial:
            yield None
            return
        folder = runs_root(options) / run_folder(
            case.experiment, options.selection.configured_paths
        )
        with contextlib.suppress(OSError):  # what is in the way is said by whoever claims
            folder.mkdir(parents=True, exist_ok=True)
        with alone_in(folder):
            yield self._find(case, folder)

    def _find(self, case: Case, folder: Path) -> Outcome | None:
        names = os.listdir(folder) if folder.is_dir() else []
        for name in sorted(names, reverse=True):
            if name < self._since:
                break
            path = folder / name
            if name.rpartition("_")[2] in case.known or not self._is_rival(case, path):
                continue
            with contextlib.suppress(ReadingError):
                record = read_record(path)
                goes_on = record.status == "running" and run_is_alive(record.owner, path)
                if goes_on or record.status == "completed":
                    return evolve(read_outcome(path, case.id), elsewhere=True)
        return None

    def _is_rival(self, case: Case, path: Path) -> bool:
        """Whether an archive is another session's, and of the case's fingerprint."""
        if path.name not in self._seen:
            with contextlib.suppress(ReadingError):  # it has no record yet, and may have one later
                lineage = read_record(path).lineage
                self._seen[path.name] = lineage.get("session", ""), lineage.get("fingerprint")
        session, fingerprint = self._seen.get(path.name, ("", None))
        return session != self._session and fingerprint == case.fingerprint
