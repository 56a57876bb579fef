"""The process that sends finished runs elsewhere, beside a session: `python -m` of this module.

    stdin   the path of an archive, a line each          arguments   the format, the destination
    stdout  a line of JSON each: {"path", "failure"}     failure is null where it was sent

It sends one after the other, once its archive is sealed, and ends when stdin does. The session does
not wait for it but at its own end, for as long as it is told to.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from expt.exchange.formats import own_exports
from expt.ground.errors import ExptError
from expt.ground.layout import MANIFEST_FILE
from expt.reading.references import load_archive

if TYPE_CHECKING:
    from collections.abc import Iterable

_SEALED: Final = 10.0  # seconds after a run's end until analyses and hashes are there
_LOOK: Final = 0.1  # seconds


def mirror(name: str, destination: str, paths: Iterable[str]) -> Iterable[str]:
    """Send each archive; a line of JSON says what became of it."""
    export = own_exports()[name]
    for path in paths:
        failure = None
        try:
            _wait_for_seal(Path(path))
            list(export.write([load_archive(path)], destination))
        except ExptError as error:
            failure = error.what
        except Exception as error:  # the next run must have its turn, whatever a library does
            failure = f"{type(error).__name__}: {error}"
        yield json.dumps({"path": path, "failure": failure})


def _wait_for_seal(archive: Path) -> None:
    limit = time.monotonic() + _SEALED
    while not (archive / MANIFEST_FILE).exists() and time.monotonic() < limit:
        time.sleep(_LOOK)


if __name__ == "__main__":
    lines = (line.rstrip("\n") for line in iter(sys.stdin.readline, ""))
    for told in mirror(sys.argv[1], sys.argv[2], lines):
        sys.stdout.write(f"{told}\n")
        sys.stdout.flush()
