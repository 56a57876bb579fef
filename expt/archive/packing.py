"""Archives in one zip file, and back: `expt pack` and `expt unpack`.

A zip holds archives at their places below the archive root, so that unpacking puts them where
they would have been made. What comes from somebody else is checked before anything is written: a
name that leads outside, a link, two names of one file or a size that is not what was promised
refuse the whole file. Each archive appears at its place whole, or not at all.
"""

from __future__ import annotations

import contextlib
import os
import posixpath
import shutil
import stat
import tempfile
import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from expt.ground.errors import ExptError
from expt.ground.files import leads_outside, list_inside, open_inside, written_whole
from expt.ground.layout import RUN_FILE, UNFINISHED_PREFIX
from expt.ground.model import folders_down_to
from expt.ground.text import human_size, visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_PIECE: Final = 1024 * 1024
_STORED: Final = (".png", ".jpg", ".jpeg", ".gif", ".mp4", ".npz", ".zip", ".gz")
"""What deflating makes no smaller."""
_LEFT: Final = 86_400.0  # seconds after which nobody is at work in a folder any more
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)


def pack_archives(
    archives: Iterable[tuple[str, Path]], file: Path, beside: Mapping[str, bytes] | None = None
) -> None:
    """Write `archives`, each with its place below the archive root, into the zip `file`, after the
    files that are to stand `beside` them.

    The same archives give the same bytes. Raises `OSError`, and `ExptError` for a name that no zip
    can hold; no half of a file is left.
    """
    with (
        written_whole(file) as stream,
        zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for name, content in (beside or {}).items():
            packed.writestr(_about(name), content)
        for place, archive in archives:
            for name in list_inside(archive):
                reject_unspeakable(f"{place}/{name}", archive)
                _pack_file(packed, f"{place}/{name}", archive, name)


def reject_unspeakable(name: str, archive: Path) -> None:
    """Raise `ExptError` for a name that is no text in UTF-8, or that `unpack` would refuse."""
    try:
        name.encode()
    except UnicodeEncodeError:
        what = f"a zip cannot hold a file whose name is no UTF-8: {visible(name)}"
        raise ExptError(what, str(archive)) from None
    if leads_outside(name):
        what = f"on other systems the name of a file would lead outside: {visible(name)}"
        raise ExptError(what, str(archive))


def _pack_file(packed: zipfile.ZipFile, name: str, archive: Path, inner: str) -> None:
    with (
        open_inside(archive, inner) as source,
        packed.open(_about(name), "w", force_zip64=True) as target,
    ):
        shutil.copyfileobj(source, target, _PIECE)


def _about(name: str) -> zipfile.ZipInfo:
    about = zipfile.ZipInfo(name, _EPOCH)
    stored = name.lower().endswith(_STORED)
    about.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
    about.external_attr = 0o644 << 16
    return about


def packed_archives(packed: zipfile.ZipFile) -> dict[str, list[zipfile.ZipInfo]]:
    """The files of each archive in a zip, by its place. Raises `ExptError` for one not safe."""
    _reject_unsafe(packed)
    files = {about.filename: about for about in packed.infolist() if not about.is_dir()}
    archives: dict[str, list[zipfile.ZipInfo]] = {}
    homeless = None
    for name, about in sorted(files.items()):
        above = folders_down_to(name)[:-1]
        place = next((place for place in above if posixpath.join(place, RUN_FILE) in files), None)
        if place is None:
            homeless = homeless or name
        else:
            archives.setdefault(place, []).append(about)
    if not archives:
        raise _refused(packed, f"it holds no {RUN_FILE}: it is no packed archive")
    if homeless:
        raise _refused(packed, f"'{homeless}' belongs to no archive in it")
    return archives


def unpack_archives(file: Path, root: Path) -> list[Path]:
    """Put the archives of the zip `file` at their places below `root`; their folders.

    An archive that was packed without a place goes to `root/unpacked`. What is there already with
    the same files, as after a kill, is left as it is. Raises `ExptError`, with nothing written,
    for a zip that is none, that is not safe, or whose archive is there with other content.
    """
    try:
        with zipfile.ZipFile(file) as packed:
            archives = packed_archives(packed)
            targets = {place: root / (place or "unpacked") for place in sorted(archives)}
            wanted = dict(targets)
            for place, target in targets.items():
                if os.path.lexists(target):
                    if not _holds(target, place, packed, archives[place]):
                        raise _refused(packed, f"{target} is there already, and is another")
                    del wanted[place]
            members = [about for place in wanted for about in archives[place]]
            root.mkdir(parents=True, exist_ok=True)
            size = sum(about.file_size for about in members)
            if size > shutil.disk_usage(root).free:
                raise _refused(packed, f"it takes {human_size(size)}, more than is free")
            _remove_left(root)
            with tempfile.TemporaryDirectory(prefix=UNFINISHED_PREFIX, dir=root) as folder:
                _extract(packed, members, Path(folder))
                for place, target in wanted.items():
                    target.parent.mkdir(parents=True, exist_ok=True)
                    os.rename(Path(folder, place), target)
            return [*targets.values()]
    except zipfile.BadZipFile as error:
        raise ExptError(f"{file} is no whole zip file: {error}", str(file)) from None
    except (OSError, NotImplementedError, RuntimeError) as error:
        raise ExptError(f"{file} cannot be unpacked: {error}", str(file)) from None


def _remove_left(root: Path) -> None:
    """Delete what was unpacked by processes that were killed; it is hidden, no listing has it."""
    for left in root.glob(f"{UNFINISHED_PREFIX}*"):
        with contextlib.suppress(OSError):
            if time.time() - left.lstat().st_mtime > _LEFT:
                shutil.rmtree(left)


def _holds(
    archive: Path, place: str, packed: zipfile.ZipFile, files: Iterable[zipfile.ZipInfo]
) -> bool:
    """Whether an archive has all that was packed of the one of its place."""
    for about in files:
        inner = about.filename.removeprefix(f"{place}/")
        try:
            with open_inside(archive, inner) as there, packed.open(about) as here:
                while piece := here.read(_PIECE):
                    if piece != there.read(len(piece)):
                        return False
                if there.read(1):
                    return False
        except (FileNotFoundError, NotADirectoryError):
            return False
    return True


def _extract(packed: zipfile.ZipFile, members: Iterable[zipfile.ZipInfo], folder: Path) -> None:
    for about in members:
        target = folder / about.filename
        target.parent.mkdir(parents=True, exist_ok=True)
        with packed.open(about) as source, target.open("xb") as copy:
            shutil.copyfileobj(source, copy, _PIECE)  # no more than the size that it says


def _reject_unsafe(packed: zipfile.ZipFile) -> None:
    seen: set[str] = set()
    for about in packed.infolist():
        name = about.filename
        kind = stat.S_IFMT(about.external_attr >> 16)
        if leads_outside(name.rstrip("/")):
            raise _refused(packed, f"'{name}' leads outside")
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise _refused(packed, f"'{name}' is no regular file")
        if name.rstrip("/") in seen:
            raise _refused(packed, f"'{name}' is in it twice")
        seen.add(name.rstrip("/"))


def _refused(packed: zipfile.ZipFile, why: str) -> ExptError:
    return ExptError(f"this zip file is not unpacked: {why}", packed.filename)
