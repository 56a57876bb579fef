"""`manifest.json`: size and SHA-256 of every file that a run left, written when it has ended.

    {"format": 1, "files": {"run.json": {"size": 1873, "sha256": "9f3c…"}, …}}

Evidence is listed, renderings are not: `plots/` and `analysis.py` can be made again, and
`labels.json` is what people add later.
"""

from __future__ import annotations

import hashlib
import os
from json.encoder import encode_basestring_ascii
from typing import TYPE_CHECKING, Any, Final, Literal

from expt.ground import layout
from expt.ground.encoding import loads
from expt.ground.errors import DamagedArchive
from expt.ground.files import (
    TEMPORARY_PREFIX,
    list_inside,
    open_inside,
    read_inside,
    write_atomically,
)
from expt.ground.value_classes import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_LARGEST: Final = 256 * 1024 * 1024  # bytes: a million files
_PIECE: Final = 1024 * 1024  # bytes
_EMPTY: Final = {"size": 0, "sha256": hashlib.sha256().hexdigest()}

Difference = Literal["changed", "missing", "added", "unreadable"]


@frozen
class Deviation:
    """One file that is not as the manifest says; `name` is relative to the archive."""

    name: str
    what: Difference


@frozen
class Content:
    """The bytes of a file and their hash: many archives of a session hold the same ones."""

    data: bytes
    sha256: str

    @classmethod
    def of(cls, data: bytes) -> Content:
        return cls(data, hashlib.sha256(data).hexdigest())


@frozen
class Written:
    """A file as its writer left it: nobody has to read it again to know its hash."""

    sha256: str
    status: os.stat_result

    def describe_if_left_alone(self, now: os.stat_result) -> dict[str, Any] | None:
        """The entry of the file; None where it is another, or somebody has written to it."""
        then = self.status
        if (then.st_ino, then.st_size, then.st_mtime_ns) != (
            now.st_ino,
            now.st_size,
            now.st_mtime_ns,
        ):
            return None
        return {"size": now.st_size, "sha256": self.sha256}


def write_manifest(archive: Path, written: Mapping[str, Written] | None = None) -> None:
    """List what the archive holds now; what is still as it was `written` is not read for it.

    Raises `OSError`, and `ValueError` for a file whose name would lead out of the archive.
    """
    lines = []
    for name in evidence(archive):
        status, left = os.lstat(f"{archive}/{name}"), (written or {}).get(name)
        entry = _EMPTY if status.st_size == 0 else left and left.describe_if_left_alone(status)
        size, sha256 = (entry or describe_file(archive, name)).values()
        lines.append(f'  {encode_basestring_ascii(name)}: {{"size": {size}, "sha256": "{sha256}"}}')
    files = ",\n".join(lines)
    content = f'{{\n "format": {layout.FORMAT},\n "files": {{\n{files}\n }}\n}}\n'
    write_atomically(f"{archive}/{layout.MANIFEST_FILE}", content.encode("ascii"))


def evidence(archive: Path) -> Iterator[str]:
    """The files that a manifest lists, sorted; links are none."""
    for name in list_inside(archive):
        own = name in (layout.MANIFEST_FILE, layout.LABELS_FILE, layout.ANALYSIS_FILE)
        unfinished = name.rpartition("/")[2].startswith(TEMPORARY_PREFIX)
        if (
            not own
            and not unfinished
            and not name.startswith((f"{layout.PLOTS_DIR}/", layout.UNFINISHED_PREFIX))
        ):
            yield name


def check_manifest(archive: Path) -> list[Deviation] | None:
    """What differs from the manifest; None where the archive has none: its run did not end.

    Every file of the size that is listed is read whole. Raises `DamagedArchive` for a manifest
    that is none.
    """
    listed = _read_manifest(archive)
    if listed is None:
        return None
    present = set(evidence(archive))
    deviations = []
    for name in sorted(listed.keys() | present):
        what = _compare(archive, name, listed.get(name), is_there=name in present)
        if what is not None:
            deviations.append(Deviation(name, what))
    return deviations


def _compare(archive: Path, name: str, listed: Any, *, is_there: bool) -> Difference | None:
    if listed is None:
        return "added"
    if not is_there:
        return "missing"
    try:
        with open_inside(archive, name) as file:  # a size costs nothing, and may be a terabyte
            size = os.fstat(file.fileno()).st_size
        if not isinstance(listed, dict) or listed.get("size") != size:
            return "changed"
        return None if describe_file(archive, name) == listed else "changed"
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
        return str(describe_file(archive, name)["sha256"])
    listed = (_read_manifest(archive) or {}).get(name)
    if isinstance(listed, dict) and listed.get("size") == size:
        return str(listed.get("sha256"))
    raise DamagedArchive(f"'{name}' is large, and no manifest has its hash", str(archive))


def describe_file(archive: Path, name: str) -> dict[str, Any]:
    """`size` and `sha256` of a file of an archive. Raises `OSError`, `ValueError`."""
    digest, size = hashlib.sha256(), 0
    with open_inside(archive, name) as file:
        # no more than there is: a buffer of a megabyte takes longer to make than a small file
        most = min(_PIECE, 1 + os.fstat(file.fileno()).st_size)
        while piece := file.read(most):
            digest.update(piece)
            size += len(piece)
    return {"size": size, "sha256": digest.hexdigest()}
