"""Cases that a session left at an engine, and what has become of them: `--detach`.

runs/.sessions/<session>/mailbox/detached.json   the jobs, and the ticket of each case
  no ticket there     it waits, or will never begin where Slurm knows none of the jobs
  a ticket            it has begun; the archive that it names tells the rest
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, Final

from expt.executors.engines.mailbox import Mailbox
from expt.executors.engines.slurm_jobs import known_arrays
from expt.ground.encoding import parse_strict
from expt.ground.errors import DamagedArchive
from expt.ground.files import read_inside, write_atomically
from expt.ground.layout import MAILBOX_DIR, SESSIONS_DIR
from expt.ground.value_classes import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_FILE: Final = "detached.json"
_LARGEST: Final = 1 << 28


@frozen
class Detached:
    """What one session left: its cases by their tickets, each with its fingerprint."""

    mailbox: Mailbox
    engine: str
    jobs: tuple[str, ...]
    cases: Mapping[str, tuple[str, str | None]]
    at: float

    def begun(self) -> frozenset[str]:
        """The tickets of the cases that have begun."""
        return frozenset(ticket.name for ticket in self.mailbox.tickets()) & self.cases.keys()

    def waiting(self) -> list[tuple[str, str | None]]:
        """The cases that have not begun, with their fingerprints."""
        begun = self.begun()
        return [case for ticket, case in self.cases.items() if ticket not in begun]

    def is_at_engine(self) -> bool:
        """Whether the engine still has jobs of it, as far as it says."""
        known = known_arrays()
        return known is None or not known.isdisjoint(self.jobs)


def write_detached(
    mailbox: Mailbox, engine: str, jobs: Sequence[str], cases: Mapping[str, tuple[str, str | None]]
) -> None:
    """Leave word of what was submitted. `jobs` are ids of jobs or arrays."""
    arrays = sorted({job.partition("_")[0] for job in jobs})
    told = {"engine": engine, "jobs": arrays, "cases": cases, "at": time.time()}
    write_atomically(mailbox.folder / _FILE, json.dumps(told).encode())


def find_detached(root: Path) -> list[Detached]:
    """What sessions have left below an archive root, the oldest first; what cannot be read is
    left out."""
    found = []
    for file in sorted(root.glob(f"{SESSIONS_DIR}/*/{MAILBOX_DIR}/{_FILE}")):
        try:
            told: Any = parse_strict(read_inside(file.parent, _FILE, _LARGEST) or b"")
            cases = {ticket: (case[0], case[1]) for ticket, case in told["cases"].items()}
            jobs = tuple(map(str, told["jobs"]))
            mailbox = Mailbox(file.parent)
            found.append(Detached(mailbox, str(told["engine"]), jobs, cases, float(told["at"])))
        except (DamagedArchive, ValueError, TypeError, KeyError, AttributeError, IndexError):
            continue
    return found
