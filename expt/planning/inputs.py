"""Files that an experiment is given by path: size, time and hash, as `run.json` keeps them."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

HASH_CAP: Final = 256 * 1024 * 1024
"""Bytes up to which a file is hashed whole; of a larger one, only size and time are kept."""

_LISTING_CAP: Final = 10_000  # files of a folder that are looked at


def measure_input(path: Path, known: dict[tuple[str, int, int], str]) -> dict[str, Any]:
    """What `inputs` says of one existing path; `known` keeps hashes of files that did not change.

    Keys: `path` (absolute), `kind` ("file" or "folder"), `size` (bytes), `time` (ISO 8601),
    `sha256` (None above `HASH_CAP`; of a folder, of its files' names, sizes and times).
    """
    status = path.stat()
    told: dict[str, Any] = {
        "path": str(path),
        "kind": "folder" if path.is_dir() else "file",
        "size": status.st_size,
        "time": dt.datetime.fromtimestamp(status.st_mtime, dt.UTC).isoformat(),
        "sha256": None,
    }
    if path.is_dir():
        told["size"], told["sha256"] = _measure_folder(path)
    elif path.is_file() and status.st_size <= HASH_CAP:
        key = (str(path), status.st_size, status.st_mtime_ns)
        if key not in known:
            with path.open("rb") as file:
                known[key] = hashlib.file_digest(file, "sha256").hexdigest()
        told["sha256"] = known[key]
    return told


def is_unchanged(path: Path, told: Mapping[str, Any]) -> bool:
    """Whether a path still holds what `told` says of it. Raises `OSError` where it is gone."""
    status = path.stat()
    time = dt.datetime.fromtimestamp(status.st_mtime, dt.UTC).isoformat()
    if path.is_file() and (status.st_size != told.get("size") or time == told.get("time")):
        return status.st_size == told.get("size")
    return bool(told.get("sha256")) and measure_input(path, {})["sha256"] == told["sha256"]


def _measure_folder(path: Path) -> tuple[int, str | None]:
    digest = hashlib.sha256()
    size = count = 0
    for folder, folders, names in os.walk(path):
        folders.sort()
        for name in sorted(names):
            count += 1
            if count > _LISTING_CAP:
                return size, None
            file = os.path.join(folder, name)
            status = os.lstat(file)
            size += status.st_size
            told = f"{os.path.relpath(file, path)}\0{status.st_size}\0{status.st_mtime_ns}\n"
            digest.update(told.encode("utf-8", "surrogateescape"))
    return size, digest.hexdigest()
