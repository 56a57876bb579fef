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
import functools
import os
from typing import TYPE_CHECKING, Final

from expt.archive.owner import run_is_alive
from expt.archive.record import read_outcome, read_record, read_text
from expt.archive.writer import run_folder
from expt.ground.errors import ReadingError
from expt.ground.layout import MOMENT, RUN_FILE
from expt.ground.locks import alone_in
from expt.ground.options import runs_root
from expt.ground.value_classes import define, evolve, field

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from expt.ground.model import Case, Outcome
    from expt.ground.options import Options

_SLACK: Final = 7200.0  # seconds: clocks of machines differ, and an hour in autumn comes twice


@define(eq=False)
class Rivals:
    """What other sessions make of the cases of this one, of which the id is `session`."""

    _options: Options
    _session: str
    _seen: set[str] = field(factory=set)  # folders of archives
    _listed: dict[Path, tuple[_Stamp, list[str]]] = field(factory=dict)  # with what had no record
    _rivals: dict[str, list[Path]] = field(factory=dict)  # by fingerprint

    @functools.cached_property
    def _begun(self) -> float:
        """When the session began: where it is called otherwise than ours are, all may be rivals."""
        with contextlib.suppress(ValueError):
            return dt.datetime.strptime(self._session[:19], MOMENT).timestamp()
        return 0.0

    def kept_out(self, case: Case) -> contextlib.AbstractContextManager[Outcome | None]:
        """The outcome of another session's run of the case, or None: then claim an archive here."""
        options = self._options
        passing = options.keeping.scratch or options.nowhere is not None
        if not options.running.resume or passing or case.fingerprint is None or case.trial:
            return contextlib.nullcontext()
        return self._alone_with(case, case.fingerprint)

    @contextlib.contextmanager
    def _alone_with(self, case: Case, fingerprint: str) -> Iterator[Outcome | None]:
        options = self._options
        folder = runs_root(options) / run_folder(
            case.experiment, options.selection.configured_paths
        )
        with contextlib.suppress(OSError):  # what is in the way is said by whoever claims
            folder.mkdir(parents=True, exist_ok=True)
        with alone_in(folder):
            with contextlib.suppress(OSError):
                self._look_through(folder)
            other = self._find(case, fingerprint)
            yield other
            if other is None:
                with contextlib.suppress(OSError, KeyError):
                    self._pass_over_own(folder)

    def _look_through(self, folder: Path) -> None:
        """Look at what is new in a folder; it is listed where it has changed."""
        stamp = _stamp(folder)
        known, names = self._listed.get(folder, (None, []))
        if stamp != known or stamp[1] < 2:
            names = [name for name in os.listdir(folder) if name not in self._seen]
        self._listed[folder] = stamp, [name for name in names if not self._look_at(folder / name)]

    def _pass_over_own(self, folder: Path) -> None:
        """Where the archive that was claimed here is all that came, nothing is new."""
        (_, links), names = self._listed[folder]
        if (stamp := _stamp(folder))[1] == links + 1:
            self._listed[folder] = stamp, names

    def _find(self, case: Case, fingerprint: str) -> Outcome | None:
        for path in self._rivals.get(fingerprint, ()):
            with contextlib.suppress(ReadingError):
                record = read_record(path)
                goes_on = record.status == "running" and run_is_alive(record.owner, path)
                if record.id not in case.known and (goes_on or record.status == "completed"):
                    return evolve(read_outcome(path, case.id), elsewhere=True)
        return None

    def _look_at(self, path: Path) -> bool:
        """Take note of an archive once, where it has been written since this session began.

        False for what has no record, and may have one later.
        """
        try:
            is_new = os.stat(path / RUN_FILE).st_mtime >= self._begun - _SLACK
            ours = f'"session": "{self._session}"'  # in a text its quotes would be escaped
            if is_new and ours not in read_text(path):
                fingerprint = read_record(path).lineage.get("fingerprint", "")
                self._rivals.setdefault(fingerprint, []).append(path)
        except (OSError, ReadingError):
            return False
        self._seen.add(path.name)
        return True


_Stamp = tuple[int, int]


def _stamp(folder: Path) -> _Stamp:
    """What changes with the folders in a folder: its time, and its count of links, which tells of
    two changes at one tick of the clock; a disk that counts none says 1."""
    status = os.stat(folder)
    return status.st_mtime_ns, status.st_nlink
