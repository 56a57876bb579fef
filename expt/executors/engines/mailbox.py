"""The folder by which a session and its nodes speak while a case is at an engine.

    runs/.sessions/<session>/mailbox/
      stop               the session's word: "hold", "interrupt" or "kill"
      patch              the uncommitted changes, which every run archives
      <ticket>.json      a node's word that this case has begun: where, and its archive
      <ticket>.answer    its answer, where the engine's own comes with those of other cases

A ticket is made exclusively, before anything of the user's runs: an engine that gives a case out
a second time, since its first node has died, is refused there. It goes when the answer has come:
an end that is lost on the way is found in the archive. So there are about as many files as cases
that run.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import time
from typing import TYPE_CHECKING, Any, Final, Literal

from expt.ground.encoding import parse_strict
from expt.ground.errors import DamagedArchive
from expt.ground.files import read_inside, write_atomically
from expt.ground.layout import MAILBOX_DIR, SESSIONS_DIR
from expt.ground.messages import RunStarted
from expt.ground.value_classes import frozen

if TYPE_CHECKING:
    from pathlib import Path

Stop = Literal["", "hold", "interrupt", "kill"]
"""Nothing; no other case begins; those that run end as interrupted; they end now."""

_STOP: Final = "stop"
_PATCH: Final = "patch"
_TICKET: Final = ".json"
_ANSWER: Final = ".answer"
_STOPS: Final[dict[bytes, Stop]] = {b"hold": "hold", b"interrupt": "interrupt", b"kill": "kill"}
_LARGEST: Final = 1 << 16  # bytes of a ticket
_LARGEST_PATCH: Final = 1 << 24


@frozen
class Ticket:
    """A case that a node has begun; `started` is None until its archive is claimed."""

    name: str
    host: str
    started: RunStarted | None


class Mailbox:
    """One session's folder, from either side."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def of_session(cls, root: Path, session_id: str) -> Mailbox:
        """That of a session whose archives are below `root`."""
        return cls(root / SESSIONS_DIR / session_id / MAILBOX_DIR)

    # The session's side

    def open(self, patch: bytes) -> None:
        """Make the folder, with what all runs archive."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_atomically(self.folder / _PATCH, patch)

    def say(self, stop: Stop) -> None:
        """Tell every node what is to end."""
        if stop:
            write_atomically(self.folder / _STOP, stop.encode())
        else:
            (self.folder / _STOP).unlink(missing_ok=True)

    def tickets(self) -> list[Ticket]:
        """The cases that nodes have begun and that are not answered."""
        names = []
        with contextlib.suppress(OSError):
            names = [name for name in os.listdir(self.folder) if name.endswith(_TICKET)]
        found = [self.ticket(name.removesuffix(_TICKET)) for name in names]
        return [ticket for ticket in found if ticket is not None]

    def ticket(self, name: str) -> Ticket | None:
        """The ticket of one case; None for one that no node has begun."""
        try:
            content = read_inside(self.folder, name + _TICKET, _LARGEST)
            if content is None:
                return None
            told: Any = parse_strict(content) if content else {}
            started = RunStarted(**told["started"]) if told.get("started") else None
            return Ticket(name, str(told.get("host", "")), started)
        except (DamagedArchive, ValueError, TypeError, AttributeError):  # not what we write
            return Ticket(name, "", None)

    def take_answers(self) -> list[tuple[str, bytes]]:
        """The answers that nodes have left, by ticket; each is given once."""
        found = []
        with contextlib.suppress(OSError):
            for name in os.listdir(self.folder):
                if name.endswith(_ANSWER):
                    found.append((name.removesuffix(_ANSWER), (self.folder / name).read_bytes()))
                    (self.folder / name).unlink()
        return found

    def end(self, ticket: str) -> None:
        """The case has been answered."""
        (self.folder / f"{ticket}{_TICKET}").unlink(missing_ok=True)

    def close(self) -> None:
        """Take the folder away, and what it was made in where nothing else is there."""
        shutil.rmtree(self.folder, ignore_errors=True)
        with contextlib.suppress(OSError):
            self.folder.parent.rmdir()
            self.folder.parent.parent.rmdir()

    # The node's side

    def is_seen(self) -> bool:
        """Whether this machine sees the folder of the session."""
        return self.folder.is_dir()

    def patch(self) -> bytes:
        """The uncommitted changes. Raises `OSError`, `DamagedArchive`."""
        return read_inside(self.folder, _PATCH, _LARGEST_PATCH) or b""

    def stop(self) -> Stop:
        """What the session has said."""
        try:
            with open(self.folder / _STOP, "rb") as file:
                return _STOPS.get(file.read(16), "")
        except OSError:
            return ""

    def begin(self, ticket: str) -> bool:
        """Whether this node is the first that begins the case, which is from now on so."""
        try:
            (self.folder / f"{ticket}{_TICKET}").touch(exist_ok=False)
        except FileExistsError:
            return False
        self._write(ticket, None)
        return True

    def tell_started(self, ticket: str, started: RunStarted) -> None:
        """Say which archive the run has claimed."""
        self._write(ticket, {**vars(started)})

    def answer(self, ticket: str, answer: bytes) -> None:
        """Leave the answer for the session."""
        write_atomically(self.folder / f"{ticket}{_ANSWER}", answer)

    def _write(self, ticket: str, started: dict[str, Any] | None) -> None:
        told = {"host": socket.gethostname(), "at": time.time(), "started": started}
        write_atomically(self.folder / f"{ticket}{_TICKET}", json.dumps(told).encode())
