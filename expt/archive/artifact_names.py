"""Names of artifacts are data; here they become paths that stay inside, and come back.

    model.npz            model.npz             readable wherever that is safe
    plots/loss.png       plots/loss.png        a slash makes a folder
    ../../etc/passwd     .%2E/.%2E/etc/passwd  every other byte is percent-encoded UTF-8
    (300 characters)     %name-1.npz           a line of `%names.jsonl` tells the name

Two names never share a file, on file systems that fold cases or Unicode forms neither: the second
of `Model` and `model` is told by `%names.jsonl` too. A `%` that is not followed by two hex digits
is never the start of an encoded byte, which keeps expt's own files apart.
"""

from __future__ import annotations

import os
import re
import threading
from typing import TYPE_CHECKING, Final

from expt.archive.lines import make_line, read_lines
from expt.ground.files import TEMPORARY_PREFIX, list_inside, write_all
from expt.ground.layout import ARTIFACT_NAMES_FILE, ARTIFACTS_DIR
from expt.ground.model import folders_down_to

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_EMPTY: Final = "%-"  # stands for the nothing between two slashes
NUMBERED: Final = "%name-"
_LONGEST_PART: Final = 200  # bytes; file systems take 255, encrypted ones 143 to 200
_LONGEST_PATH: Final = 600
_SAFE: Final = frozenset(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-+=,@() "
)
_DEVICE: Final = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)
_ENCODED: Final = re.compile(rb"%([0-9A-F]{2})")
_SUFFIX: Final = re.compile(r"\.[A-Za-z0-9]{1,16}\Z")


def encode_name(name: str) -> str:
    """The relative path of an artifact, below `artifacts/`; injective, and never leading out."""
    return "/".join(_encode_part(part) for part in name.split("/"))


def _encode_part(part: str) -> str:
    if not part:
        return _EMPTY
    data = part.encode("utf-8", "surrogatepass")
    texts = [chr(byte) if byte in _SAFE else f"%{byte:02X}" for byte in data]
    if texts[-1] in ". ":
        texts[-1] = f"%{data[-1]:02X}"
    if texts[0] == " " or _DEVICE.match(part):
        texts[0] = f"%{data[0]:02X}"
    return "".join(texts)


def decode_name(path: str) -> str:
    """The name whose encoded form is `path`."""
    return "/".join(
        ""
        if part == _EMPTY
        else _ENCODED.sub(lambda match: bytes([int(match[1], 16)]), part.encode()).decode(
            "utf-8", "surrogatepass"
        )
        for part in path.split("/")
    )


class ArtifactNames:
    """Which file each name has, in the `artifacts/` folder that one process writes to."""

    def __init__(self, archive: Path, pid: int | None = None) -> None:
        self._archive = archive
        self._lock = threading.Lock()
        self._pid = os.getpid() if pid is None else pid
        self._files: dict[str, str] | None = None  # name -> path relative to the folder
        self._taken: dict[str, str] = {}  # case-folded path of a file or folder -> as it is
        self._numbered = 0

    def __reduce__(self) -> tuple[type[ArtifactNames], tuple[Path, int]]:
        return ArtifactNames, (self._archive, self._pid)  # a spawned process may save, too

    @property
    def _folder(self) -> Path:
        return self._archive / ARTIFACTS_DIR

    def place(self, name: str) -> Path:
        """The file of `name`, its folder made. Raises `OSError` where that cannot be."""
        with self._lock:
            if self._files is None:
                self._files = {}
                for known, place in list_artifacts(self._folder).items():
                    self._take(self._files, known, place.relative_to(self._folder).as_posix())
            path = self._files.get(name)
            if path is None:
                path = encode_name(name)
                if not self._is_free(path):
                    path = self._claim_number(name)
                self._take(self._files, name, path)
        place = self._folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        return place

    def _is_free(self, path: str) -> bool:
        if len(path) > _LONGEST_PATH or any(len(p) > _LONGEST_PART for p in path.split("/")):
            return False
        *folders, file = folders_down_to(path)[1:]
        return file.lower() not in self._taken and all(
            self._taken.get(folder.lower(), folder + "/") == folder + "/" for folder in folders
        )

    def _take(self, files: dict[str, str], name: str, path: str) -> None:
        *folders, file = folders_down_to(path)[1:]
        files[name] = path
        self._taken[file.lower()] = file
        for folder in folders:
            self._taken[folder.lower()] = folder + "/"

    def _claim_number(self, name: str) -> str:
        """A file of its own for a name that cannot be one, told in `%names.jsonl`."""
        suffix = _SUFFIX.search(name)
        # a process that the experiment forked counts for itself
        counter = NUMBERED if os.getpid() == self._pid else f"{NUMBERED}{os.getpid()}-"
        self._folder.mkdir(parents=True, exist_ok=True)
        while True:
            self._numbered += 1
            path = f"{counter}{self._numbered}{suffix[0] if suffix else ''}"
            if path.lower() not in self._taken and not (self._folder / path).exists():
                break
        line = make_line({"file": path, "name": name})
        descriptor = os.open(
            self._folder / ARTIFACT_NAMES_FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666
        )
        try:
            write_all(descriptor, line)
        finally:
            os.close(descriptor)
        return path


def list_artifacts(folder: Path) -> dict[str, Path]:
    """Name → file of everything in an `artifacts/` folder, by name; links are no artifacts.

    A file whose name expt did not make goes by the name that it has.
    """
    numbered = dict(_read_names(folder))
    found = {}
    for path in list_inside(*os.path.split(folder)):
        if path != ARTIFACT_NAMES_FILE and not path.rpartition("/")[2].startswith(TEMPORARY_PREFIX):
            found[numbered.get(path) or _decode_or_keep(path)] = folder / path
    return dict(sorted(found.items()))


def _decode_or_keep(path: str) -> str:
    try:
        return decode_name(path)
    except UnicodeError:
        return path


def _read_names(folder: Path) -> Iterator[tuple[str, str]]:
    for _, line in read_lines(folder, ARTIFACT_NAMES_FILE, []):
        path, name = line.get("file"), line.get("name")
        if isinstance(path, str) and isinstance(name, str):
            yield path, name
