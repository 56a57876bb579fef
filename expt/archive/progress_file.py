"""How far a running run is: a small file that is there while the outermost `progress` goes on.

Always as many bytes, so that one write takes the place of the one before.
"""

from __future__ import annotations

import contextlib
import json
import os
from typing import TYPE_CHECKING, Final, NamedTuple

from expt.ground.errors import DamagedArchive
from expt.ground.files import read_inside
from expt.ground.layout import PROGRESS_FILE

if TYPE_CHECKING:
    from pathlib import Path

_SIZE: Final = 512  # bytes
_LABEL: Final = 40  # characters, of at most twelve bytes each


class HowFar(NamedTuple):
    """Items that are done, of how many where that is known, and what the loop is called."""

    done: int
    total: int | None
    label: str


def write_progress(archive: Path, far: HowFar | None) -> None:
    """Say how far a run is; None takes it away. What cannot be written is not."""
    path = archive / PROGRESS_FILE
    with contextlib.suppress(OSError):
        if far is None:
            path.unlink()
            return
        text = json.dumps(far._replace(label=far.label[:_LABEL]))
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o666)
        try:
            os.write(descriptor, text.ljust(_SIZE).encode())
        finally:
            os.close(descriptor)


def read_progress(archive: Path) -> HowFar | None:
    """How far a run is, where it says so."""
    with contextlib.suppress(DamagedArchive, ValueError, TypeError, RecursionError):
        far = HowFar(*json.loads(read_inside(archive, PROGRESS_FILE, _SIZE) or b"null"))
        if all(type(n) is int and n >= 0 for n in (far.done, far.total or 0)):
            return far._replace(label=str(far.label))
    return None
