"""`runs/.cache/`: values of providers that are made once, in both directions.

dataset-3f9c…e1.zip    the value of one key, as a state (see `states`): nothing is pickled
dataset-3f9c…e1.lock   held by whoever makes it
"""

from __future__ import annotations

import contextlib
import os
import re
from typing import TYPE_CHECKING, Any, Final

from expt.archive.states import decode_state, encode_state
from expt.ground.files import open_regular, read_whole, write_atomically
from expt.ground.locks import lock_file
from expt.ground.value_classes import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LARGEST: Final = 1 << 40  # bytes
_NAME: Final = re.compile(r"(.+)-([0-9a-f]{64})\.zip\Z")


@frozen
class CachedValue:
    """A file of the cache: whose value it is, its size in bytes, when it was last used."""

    path: Path
    provider: str
    size: int
    used: float


def cache_file(folder: Path, provider: str, key: str) -> Path:
    """The file of a key, which is 64 hexadecimal digits."""
    return folder / f"{re.sub(r'[^A-Za-z0-9_]', '_', provider)[:80]}-{key}.zip"


def read_cached(path: Path) -> Any:
    """The value in a file. Raises `FileNotFoundError`, or `ValueError` for a damaged one."""
    with open_regular(path) as file:
        content = read_whole(file, _LARGEST)
    try:
        value = decode_state(content)
    except Exception as error:  # zipfile and numpy may raise anything for damage
        raise ValueError(str(error)) from error
    with contextlib.suppress(OSError):
        os.utime(path)
    return value


def write_cached(path: Path, value: Any) -> Any:
    """Keep a value; as it will come back. Raises `TypeError` for what no state holds."""
    content = encode_state(value)
    write_atomically(path, content)
    return decode_state(content)


def list_cached(folder: Path) -> list[CachedValue]:
    """Every value in the cache, the last used first."""
    found = []
    with contextlib.suppress(FileNotFoundError):
        for place in folder.iterdir():
            named = _NAME.match(place.name)
            if named is not None and place.is_file() and not place.is_symlink():
                status = place.stat()
                found.append(CachedValue(place, named[1], status.st_size, status.st_mtime))
    return sorted(found, key=lambda value: -value.used)


def remove_cached(value: CachedValue) -> None:
    """Delete a value, and its lock. Raises `OSError`."""
    value.path.unlink(missing_ok=True)
    value.path.with_suffix(".lock").unlink(missing_ok=True)


@contextlib.contextmanager
def alone_with(path: Path) -> Iterator[None]:
    """Held by one process at a time; it ends with the process that holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o666)
    try:
        lock_file(descriptor)  # without locks two may make the value, and each file is whole
        yield
    finally:
        os.close(descriptor)
