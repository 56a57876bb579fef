"""`manifest.json`: size and SHA-256 of every file that a run left, written when it has ended.

    {"format": 1, "files": {"run.json": {"size": 1873, "sha256": "9f3c…"}, …}}

Evidence is listed, renderings are not: `plots/` and `analysis.py` can be made again, and
`labels.json` is what people add later.
"""

from __future__ import annotations

import hashlib
import os
import re
from json.encoder import encode_basestring_ascii
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from expt.ground import layout
from expt.ground.encoding import loads
from expt.ground.errors import DamagedArchive
from expt.ground.files import (
    TEMPORARY_PREFIX,
    descriptor_inside,
    entries_inside,
    open_inside,
    read_inside,
    write_atomically,
)
from expt.ground.value_classes import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_LARGEST: Final = 256 * 1024 * 1024  # bytes: a million files
_PIECE: Final = 1024 * 1024  # bytes
_EMPTY: Final = hashlib.sha256().hexdigest()

_BESIDE: Final = (layout.MANIFEST_FILE, layout.LABELS_FILE, layout.ANALYSIS_FILE)
_LEFT_OUT: Final = re.compile(
    rf"(?:{'|'.join(map(re.escape, _BESIDE))})\Z"
    rf"|{re.escape(layout.PLOTS_DIR)}/|{re.escape(layout.UNFINISHED_PREFIX)}"
    rf"|(?:.*/)?{re.escape(TEMPORARY_PREFIX)}[^/]*\Z",
    re.DOTALL,
)

Deviates = Literal["changed", "missing", "added", "unreadable"]


@frozen
class Deviation:
    """One file that is not as the manifest says; `name` is relative to the archive."""

    name: str
    what: Deviates


class Content(NamedTuple):
    """The bytes of a file and their hash: many archives of a session hold the same ones."""

    data: bytes
    sha256: str

    @classmethod
    def of(cls, data: bytes) -> Content:
        return cls(data, hashlib.sha256(data).hexdigest())


class Written(NamedTuple):
    """A file as its writer left it: nobody has to read it again to know its hash."""

    sha256: str
    mark: tuple[int, int, int]

    @classmethod
    def of(cls, content: Content, status: os.stat_result) -> Written:
        return cls(content.sha256, _mark_of(status))


_mark_of: Final = attrgetter("st_mtime_ns", "st_ino", "st_size")
"""What is the same while a file is the same one, and nobody has written to it."""


def write_manifest(archive: str | Path, written: Mapping[str, Written] | None = None) -> None:
    """List what the archive holds now; what is still as it was `written` is not read for it.

    Raises `OSError`, and `ValueError` for a file whose name would lead out of the archive.
    """
    known = written or {}
    lines = []
    for name, entry in _evidence(archive):
        status, left = entry.stat(follow_symlinks=False), known.get(name)
        if left is not None and left.mark == _mark_of(status):
            size, sha256 = status.st_size, left.sha256
        elif status.st_size == 0:
            size, sha256 = 0, _EMPTY
        else:
            size, sha256 = _read(archive, name)
        lines.append(f'  {encode_basestring_ascii(name)}: {{"size": {size}, "sha256": "{sha256}"}}')
    files = ",\n".join(lines)
    content = f'{{\n "format": {layout.FORMAT},\n "files": {{\n{files}\n }}\n}}\n'
    write_atomically(f"{archive}/{layout.MANIFEST_FILE}", content.encode("ascii"))


def _evidence(archive: str | Path) -> list[tuple[str, os.DirEntry[str]]]:
    """The files that a manifest lists, sorted; links are none."""
    return [pair for pair in entries_inside(archive) if not _LEFT_OUT.match(pair[0])]


def check_manifest(archive: Path) -> list[Deviation] | None:
    """What differs from the manifest; None where the archive has none: its run did not end.

    Every file of the size that is listed is read whole. Raises `DamagedArchive` for a manifest
    that is none.
    """
    listed = _read_manifest(archive)
    if listed is None:
        return None
    present = {name for name, _ in _evidence(archive)}
    deviations = []
    for name in sorted(listed.keys() | present):
        what = _compare(archive, name, listed.get(name), is_there=name in present)
        if what is not None:
            deviations.append(Deviation(name, what))
    return deviations


def _compare(archive: Path, name: str, listed: Any, *, is_there: bool) -> Deviates | None:
    if listed is None:
        return "added"
    if not is_there:
        return "missing"
    try:
        with open_inside(archive, name) as file:  # a size costs nothing, and may be a terabyte
            size = os.fstat(file.fileno()).st_size
        if not isinstance(listed, dict) or listed.get("size") != size:
            return "changed"
        size, sha256 = _read(archive, name)
        return None if listed == {"size": size, "sha256": sha256} else "changed"
    except (OSError, ValueError):
        return "unreadable"


def _read_manifest(archive: Path) -> dict[str, Any] | None:
    content = read_inside(archive, layout.MANIFEST_FILE, _LARGEST)
    if content is None:
        return None
    try:
        files = loads(content)["files"]
        if isinstance(files, dict):
            return files
    except (ValueError, TypeError, KeyError, RecursionError):
        pass
    raise DamagedArchive(f"{layout.MANIFEST_FILE} is not what expt writes", str(archive))


def hash_of(archive: Path, name: str, most: int) -> str:
    """The SHA-256 of a file; of one above `most` bytes, what the manifest has for its size.

    Raises `OSError`, `ValueError`, and `DamagedArchive` for a large file that no manifest lists.
    """
    with open_inside(archive, name) as file:  # a size costs nothing, and may be a terabyte
        size = os.fstat(file.fileno()).st_size
    if size <= most:
        return _read(archive, name)[1]
    listed = (_read_manifest(archive) or {}).get(name)
    if isinstance(listed, dict) and listed.get("size") == size:
        return str(listed.get("sha256"))
    raise DamagedArchive(f"'{name}' is large, and no manifest has its hash", str(archive))


def _read(archive: str | Path, name: str) -> tuple[int, str]:
    """Size and SHA-256 of a file of an archive. Raises `OSError`, `ValueError`."""
    digest, size = hashlib.sha256(), 0
    descriptor = descriptor_inside(archive, name)
    try:
        # no more than there is: a buffer of a megabyte takes longer to make than a small file
        most = min(_PIECE, 1 + os.fstat(descriptor).st_size)
        while piece := os.read(descriptor, most):
            digest.update(piece)
            size += len(piece)
    finally:
        os.close(descriptor)
    return size, digest.hexdigest()
