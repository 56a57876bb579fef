"""Where the runs of an archive root are served as a page: a line beside them while that lasts.

    .page.json    {"address": "http://127.0.0.1:8777/?token=…", "pid", "started", …}

It is for the eyes of its user alone, since whoever has the token sees the page. Who finds it asks
whether that process lives, so that a page that was killed is no page.
"""

from __future__ import annotations

import contextlib
import os
import re
from typing import TYPE_CHECKING, Any, Final

from expt.archive.owner import owner_is_alive, owner_of_this_process
from expt.ground.encoding import dumps, loads
from expt.ground.errors import ReadingError
from expt.ground.files import read_inside
from expt.ground.layout import PAGE_FILE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_LARGEST: Final = 4096  # bytes
_ADDRESS: Final = re.compile(r"http://127\.0\.0\.1:[0-9]{1,5}/\?token=[A-Za-z0-9_-]{1,200}")


@contextlib.contextmanager
def told_of_page(root: Path, address: str) -> Iterator[None]:
    """While this lasts, `find_addresses` knows the address.

    Where nothing may be written it does not.
    """
    told = dumps({"address": address, **owner_of_this_process()}).encode()
    file = root / PAGE_FILE
    try:
        file.unlink(missing_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as new:
            new.write(told)
    except OSError:
        yield
        return
    try:
        yield
    finally:
        with contextlib.suppress(ReadingError, OSError):
            if read_inside(root, PAGE_FILE, _LARGEST) == told:
                file.unlink()


def _find_page(root: Path) -> str | None:
    """The address of the page that shows this archive root now, with its token, if there is one."""
    try:
        content = read_inside(root, PAGE_FILE, _LARGEST)
        told: Any = None if content is None else loads(content.decode())
    except (ReadingError, ValueError):
        return None
    if not isinstance(told, dict) or not owner_is_alive(told):
        return None
    address = told.get("address")
    return address if isinstance(address, str) and _ADDRESS.fullmatch(address) else None


def find_addresses(root: Path) -> Callable[[str], str] | None:
    """What gives the address of a run by its id, if there is a page of this archive root now."""
    page = _find_page(root)
    return None if page is None else lambda run_id: f"{page}#view=run&open={run_id}"
