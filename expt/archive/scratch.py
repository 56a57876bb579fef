"""The folders of `--scratch`: one a case, used again and again, and never by two runs at once.

    runs/.scratch/<path>/<function>            a case without a label
    runs/.scratch/<path>/<function>/<case>     one of a sweep

What is in the way is taken away if it is of the same experiment and nobody writes to it; else the
function's folder is called `<function>~2`, `~3` and so on.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
from typing import TYPE_CHECKING, Any, Final

from expt.archive.claiming import folder_name
from expt.archive.owner import owner_is_alive, owner_of_this_process
from expt.ground import layout
from expt.ground.encoding import dumps

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MOST: Final = 100  # folders of one function, each with a living run in it


def claim_scratch(root: Path, folder: str, label: str | None, experiment: str, token: str) -> Path:
    """A new folder for one case of `experiment`, in place of what the last run of it left.

    `token` is a name that nobody else has. It appears at once, with the file that says whose it
    is, so that whoever comes at the same moment sees who was first. Raises `OSError`.
    """
    for number in range(1, _MOST):
        top = root / (folder if number == 1 else f"{folder}~{number}")
        case = f"_{label}" if label and label.startswith(".") else label
        place = top / folder_name(case) if case else top
        for _ in range(10):  # others may come and go at this very moment
            if not all(
                _make_way(way, experiment) for way in {top, place} if _is_in_way(way, place)
            ):
                break
            with contextlib.suppress(_Taken):
                return _make(place, experiment, token)
    raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), str(root / folder))


class _Taken(Exception):
    """Somebody else made the folder."""


def _make(place: Path, experiment: str, token: str) -> Path:
    place.parent.mkdir(parents=True, exist_ok=True)
    fresh = place.with_name(f".{token}")
    fresh.mkdir()
    try:
        owner = {"experiment": experiment, "owner": owner_of_this_process()}
        (fresh / layout.OWNER_FILE).write_text(dumps(owner), encoding="utf-8")
        fresh.rename(place)
    except OSError as error:
        shutil.rmtree(fresh, ignore_errors=True)
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT):
            raise _Taken from error
        raise
    return place


def _is_in_way(way: Path, place: Path) -> bool:
    """Whether something is to go before `place` can be made; cases stand in a folder that stays."""
    return os.path.lexists(way) and (way == place or _is_archive(way))


def _make_way(place: Path, experiment: str) -> bool:
    """Take away what is at `place`; False where it is to stay."""
    if place.is_symlink() or not place.is_dir():
        return False
    if not all(_may_go(found, experiment) for found in _archives_at(place)):
        return False
    aside = place.with_name(f".{os.getpid()}-{os.urandom(5).hex()}")
    with contextlib.suppress(FileNotFoundError):  # somebody else was quicker
        place.rename(aside)  # at once, so that no reader sees half of it
        shutil.rmtree(aside)
    return True


def _archives_at(place: Path) -> Iterator[Path]:
    if _is_archive(place):
        yield place
        return
    yield from (found for found in place.iterdir() if not found.name.startswith("."))


def _is_archive(place: Path) -> bool:
    return any((place / name).exists() for name in (layout.OWNER_FILE, layout.RUN_FILE))


def _may_go(archive: Path, experiment: str) -> bool:
    """Whether an archive is of that experiment, and its run is over, or its process gone."""
    record = _read(archive / layout.RUN_FILE)
    claimed = _read(archive / layout.OWNER_FILE) or record
    if claimed.get("experiment") != experiment:
        return False
    if record.get("status") not in (None, "running"):
        return True
    owner = claimed.get("owner")
    return isinstance(owner, dict) and owner_is_alive(owner) is False


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
