"""Opens, reads and writes files that may be anybody's: the only place that does so for an archive.

Reading (`open_regular`, `open_inside`, `read_inside`) takes regular files alone, follows no link
below the folder that it was given, waits on no FIFO and takes no more bytes than it was told.
Writing leaves files that are whole or absent: written beside their place and renamed into it.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
import stat
import threading
from operator import itemgetter
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, Protocol

from expt.ground.errors import DamagedArchive
from expt.ground.processes import process_is_alive

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedReader

TEMPORARY_PREFIX: Final = "%tmp-"
"""Starts the name of a file that is still being written; no artifact's name can start so."""

_OPEN: Final = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_NO_LINK: Final = getattr(os, "O_NOFOLLOW", 0)
_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _OPEN
_READ: Final = os.O_RDONLY | _OPEN | getattr(os, "O_NONBLOCK", 0)  # a FIFO would block
_FOLDER: Final = _READ | getattr(os, "O_DIRECTORY", 0)
_WALKS: Final = os.open in os.supports_dir_fd and bool(_NO_LINK)
_FORBIDDEN: Final = ":" if os.name == "nt" else r"\0"
_LEADS_OUT: Final = re.compile(
    rf"(?:\A|[/\\])\.{{0,2}}(?:[/\\]|\Z)|\A[^/\\]:[/\\]|{_FORBIDDEN}"
)  # a part that is empty, `.` or `..`; a drive; what no name has
_IS_LINK: Final = "a link, which is not followed"
_BUFFER: Final = 8192  # bytes; `open` asks each file whether it is a terminal
_CLOCK_SLACK: Final = 2.0  # file systems stamp with coarse clocks


# Reading


def open_regular(path: str | Path, *, follow: bool = False) -> BufferedReader:
    """A regular file opened for reading; with `follow` also one that the last link leads to.

    Raises `OSError` for everything else: a folder, a FIFO, a device, a link.
    """
    return _as_stream(_only_regular(_open(path, _READ if follow else _READ | _NO_LINK), path))


def open_inside(folder: str | Path, name: str) -> BufferedReader:
    """The regular file `name` (`series/names.jsonl`) below `folder`, reached through no link.

    `folder` itself may be one. Raises `OSError` for everything else, and `ValueError` for a name
    that no file can have or that leads out.
    """
    return _as_stream(descriptor_inside(folder, name))


def descriptor_inside(folder: str | Path, name: str) -> int:
    """The descriptor of what `open_inside` opens, for the caller to close. Raises what it does."""
    if leads_outside(name):
        raise ValueError(f"{name!r} names no file inside")
    first, *parts = name.split("/")
    path = f"{folder}/{first}"
    if not parts:
        return _only_regular(_open(path, _READ | _NO_LINK), path)
    if not _WALKS:
        return _open_by_looking(Path(folder), [first, *parts])
    place = _open(path, _FOLDER | _NO_LINK)
    try:
        for part in parts[:-1]:
            outer, place = place, _open(part, _FOLDER | _NO_LINK, place)
            os.close(outer)
        return _only_regular(_open(parts[-1], _READ | _NO_LINK, place), name)
    finally:
        os.close(place)


def leads_outside(name: str) -> bool:
    """Whether the relative path `name` would lead out of a folder, on this system or on another.

    `12:30.png` and `a\\b` are names of files like any, but for Windows.
    """
    return _LEADS_OUT.search(name) is not None


def _open(path: str | Path, flags: int, folder: int | None = None) -> int:
    """`os.open`, whose errors say of a link that it is one."""
    try:
        return os.open(path, flags, dir_fd=folder)
    except OSError as error:
        if flags & _NO_LINK and _is_link(path, folder):
            raise OSError(errno.ELOOP, _IS_LINK, str(path)) from None
        raise error


def _is_link(path: str | Path, folder: int | None) -> bool:
    try:
        return stat.S_ISLNK(os.stat(path, dir_fd=folder, follow_symlinks=False).st_mode)
    except OSError:
        return False


def _open_by_looking(folder: Path, parts: list[str]) -> int:
    """As `descriptor_inside`, for systems that open nothing relative to an open folder."""
    for part in parts:
        folder = folder / part
        if folder.is_symlink():
            raise OSError(errno.ELOOP, _IS_LINK, str(folder))
    return _only_regular(_open(folder, _READ | _NO_LINK), folder)


def _only_regular(descriptor: int, path: str | Path) -> int:
    """The descriptor, of a regular file; anything else is closed, and an `OSError`."""
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(0, "not a regular file", str(path))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _as_stream(descriptor: int) -> BufferedReader:
    return io.BufferedReader(io.FileIO(descriptor), _BUFFER)


def read_whole(file: BufferedReader, largest: int) -> bytes:
    """The content of an open file. Raises `ValueError` where it is more than `largest` bytes."""
    with file:
        size = os.fstat(file.fileno()).st_size
        if size > largest:
            raise ValueError(f"it has {size:,} bytes, more than {largest:,}")
        return file.read(size)


def read_inside(folder: str | Path, name: str, largest: int) -> bytes | None:
    """The content of the file `name` below `folder`, as `open_inside` opens it; None for none.

    Raises `DamagedArchive` for what is no regular file, or cannot be read, or is too large.
    """
    try:
        return read_whole(open_inside(folder, name), largest)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise DamagedArchive(f"{name} cannot be read: {reason}", str(folder)) from None


def read_small(path: str, most: int) -> tuple[bytes, os.stat_result] | None:
    """The whole of a regular file and its status, for a process that wrote it itself.

    None for a link, for what is larger than `most` bytes and for what is not there.
    """
    try:
        descriptor = os.open(path, _READ | _NO_LINK)
    except OSError:
        return None
    try:
        status = os.fstat(descriptor)
        if stat.S_ISREG(status.st_mode) and status.st_size <= most:
            return os.read(descriptor, most), status
        return None
    finally:
        os.close(descriptor)


def path_inside(folder: Path, name: str) -> Path | None:
    """The path of the regular file `name` below `folder`; None where `open_inside` refuses it."""
    try:
        with open_inside(folder, name):
            return folder / name
    except (OSError, ValueError):
        return None


def list_inside(folder: str | Path, name: str = "") -> Iterator[str]:
    """Regular files below the folder `name` of `folder`, relative to it, sorted; links and what
    lies behind them are left out."""
    for inner, _ in entries_inside(folder, name):
        yield inner


def entries_inside(folder: str | Path, name: str = "") -> list[tuple[str, os.DirEntry[str]]]:
    """What `list_inside` tells of, with what the system has told of each."""
    top = f"{folder}/{name}" if name else str(folder)
    if name and os.path.islink(top):
        return []
    found = []
    pending = [""]
    while pending:
        inner = pending.pop()
        with contextlib.suppress(OSError), os.scandir(f"{top}/{inner}") as entries:
            for entry in entries:
                try:
                    if entry.is_file(follow_symlinks=False):
                        found.append((inner + entry.name, entry))
                    elif entry.is_dir(follow_symlinks=False):
                        pending.append(f"{inner}{entry.name}/")
                except OSError:  # it is gone
                    continue
    return sorted(found, key=itemgetter(0))


def folder_size(folder: Path) -> int:
    """Bytes of all regular files below `folder`; links are not followed."""
    size = 0
    for _, entry in entries_inside(folder):
        with contextlib.suppress(OSError):
            size += entry.stat(follow_symlinks=False).st_size
    return size


# Writing


class Writes(Protocol):
    """`os.write`, or a test's disk that can be full."""

    def __call__(self, descriptor: int, data: bytes | memoryview, /) -> int: ...


def remove_unfinished(folder: Path) -> None:
    """Delete what a process that died was writing in `folder` and below it."""
    for place in list(folder.rglob(f"{TEMPORARY_PREFIX}*")):
        with contextlib.suppress(OSError):
            if place.is_dir() and not place.is_symlink():
                import shutil  # slow, and seldom is there a folder

                shutil.rmtree(place)
            else:
                place.unlink()


def write_all(descriptor: int, data: bytes, write: Writes = os.write) -> None:
    """Write the whole of `data`, however little each call of the system takes."""
    done = write(descriptor, data)
    while done < len(data):
        done += write(descriptor, memoryview(data)[done:])


def write_new(path: str | Path, data: bytes) -> os.stat_result:
    """Write a file that nobody reads before the run's first record says that it is there.

    Returns its status as it was left.
    """
    try:
        descriptor = os.open(path, _CREATE, 0o666)
        try:
            write_all(descriptor, data)
            return os.fstat(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def write_atomically(path: str | Path, data: bytes) -> os.stat_result:
    """Make `data` the content of `path`; a kill at any moment leaves the old file or the new one.

    The permissions follow the umask. Nothing is synced to disk: see `sync_archive`. Returns the
    status of the file as it was left. Raises `OSError`, with the path and no temporary file left,
    for a full disk or a folder that is gone.
    """
    temporary = temporary_beside(path)
    try:
        status = write_new(temporary, data)
        os.replace(temporary, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise OSError(error.errno, error.strerror, str(path)) from error
    return status


@contextlib.contextmanager
def written_whole(path: str | Path) -> Iterator[IO[bytes]]:
    """A stream to write the content of `path` to, piece by piece: as `write_atomically`, at the
    end. What a process that was killed had begun of it is removed. A pipe or a device is written
    to as it is, and stays. Raises `OSError`."""
    import zlib  # slow, and few processes write large files

    if _is_open_already(path) or (os.path.exists(path) and not os.path.isfile(path)):
        with open(path, "wb") as stream:
            yield stream
        return
    folder, name = os.path.split(path)
    target = f"-{zlib.crc32(os.fsencode(name)):08x}"
    for left in Path(folder).glob(f"{TEMPORARY_PREFIX}*{target}"):
        writer = left.name.removeprefix(TEMPORARY_PREFIX).partition("-")[0]
        if writer.isdecimal() and not process_is_alive(int(writer)):
            left.unlink(missing_ok=True)
    temporary = temporary_beside(path) + target
    try:
        with open(temporary, "wb") as stream:
            yield stream
        os.replace(temporary, path)
    except OSError as error:
        if error.filename != temporary:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temporary)


def _is_open_already(path: str | Path) -> bool:
    """Whether a path names a descriptor (`/dev/stdout`, `/dev/fd/3`), which a file may be behind.

    What lies in a folder of files below `/dev` (`/dev/shm`) does not.
    """
    folder = os.path.realpath(os.path.dirname(path))
    return folder in ("/dev", "/dev/fd") or folder.startswith("/proc/")


def temporary_beside(path: str | Path) -> str:
    """A name in the folder of `path` that no other thread or process writes to."""
    path = os.fspath(path)
    folder = path[: len(path) - len(os.path.basename(path))]
    return f"{folder}{TEMPORARY_PREFIX}{os.getpid()}-{threading.get_ident()}"


def sync_archive(path: Path, since: float = 0.0) -> OSError | None:
    """Have the system put the archive's files on the disk; what it refused, if anything.

    With `since` (Unix seconds, the start of the last call) only what changed after it is synced,
    and folders to which nothing was added are not listed: for a syncer that comes by each second.
    What is gone, and what no system can sync, is passed over.
    """
    limit = since - _CLOCK_SLACK
    pending = [path]
    refused: OSError | None = None
    while pending:
        folder = pending.pop()
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    if entry.stat(follow_symlinks=False).st_mtime < limit:
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(Path(entry.path))
                    elif entry.is_file(follow_symlinks=False):
                        refused = _sync(entry.path) or refused
        refused = _sync(folder) or refused
    return refused


def _sync(path: str | Path) -> OSError | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | _OPEN)
    except OSError:  # gone, or not ours to read: nothing that this process wrote
        return None
    try:
        os.fsync(descriptor)
    except OSError as error:
        return None if error.errno in _NOT_SYNCED else error
    finally:
        os.close(descriptor)
    return None


_NOT_SYNCED: Final = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EROFS)
"""What `fsync` says of a file or a file system that has nothing to be synced."""
