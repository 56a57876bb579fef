"""The file of scalars: a map that grows by chunks, or plain writes where shared maps are refused.

    scalars.bin  ├ 4 KiB ┼── 16 KiB ──┼────── 64 KiB ──────┼── … 4 MiB each
                  32-byte records, claimed one by one; id 0 marks one that was never written

A record is in the file, which outlives the process, once its last eight bytes (kind and id) are
stored; the processor stores those at once, so a kill never leaves a record that reads as another.
A chunk's blocks are allocated before it is mapped: a full disk is an `OSError` where the chunk
would have begun and never a SIGBUS in the middle of it.
"""

from __future__ import annotations

import contextlib
import errno
import mmap
import operator
import os
import sys
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from expt.archive.scalar_records import RECORD_SIZE, Tags, form_of
from expt.ground.files import write_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Chunk = tuple[Iterator[int], mmap.mmap]

T = TypeVar("T")

FIRST_CHUNK: Final = mmap.ALLOCATIONGRANULARITY  # cutting off what is unused costs a small run most
LAST_CHUNK: Final = 4 * 1024 * 1024
GROWTH: Final = 4

_ENDLESS: Final = 2**63 - 1
_BINARY: Final = getattr(os, "O_BINARY", 0)  # on Windows

# what a file system says that has room but no shared maps
NO_MAPS: Final = frozenset({errno.ENODEV, errno.EINVAL, errno.EACCES, errno.ENOSYS, errno.ENOTSUP})
NO_ALLOCATION: Final = frozenset({errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL})


def count_entries(start: int = 0) -> Iterator[int]:
    """0, 1, 2 …: the entries of a series, counted by whoever stores one."""
    return iter(range(start, _ENDLESS))


def next_entry(count: Iterator[int]) -> int:
    """What `next(count)` will be; it is taken once the entry is stored."""
    return _ENDLESS - operator.length_hint(count)


class Disk:
    """What a recorder asks of the operating system: the seam where a test's disk can be full."""

    def open(self, path: str | Path, flags: int) -> int:
        """A descriptor above 2, also where the experiment has closed its standard streams."""
        return _apart(os.open, path, flags | _BINARY, 0o666)

    def allocate(self, file: int, start: int, size: int) -> None:
        """Give the bytes from `start` blocks on the disk; `OSError` where there are none left."""
        if hasattr(os, "posix_fallocate"):
            try:
                os.posix_fallocate(file, start, size)
                return
            except OSError as error:
                if error.errno not in NO_ALLOCATION:
                    raise
        os.lseek(file, start, os.SEEK_SET)
        write_all(file, bytes(size), self.write)

    def map(self, file: int, start: int, size: int) -> mmap.mmap:
        if sys.version_info >= (3, 13):
            return mmap.mmap(file, size, offset=start, trackfd=False)
        return _apart(mmap.mmap, file, size, offset=start)  # it keeps a duplicate of `file`

    def write(self, file: int, data: bytes | memoryview) -> int:
        return os.write(file, data)


def _apart(opens: Callable[..., T], *arguments: Any, **named: Any) -> T:
    """Call what opens a file: it becomes none of 0, 1 and 2, into which a `print` would write."""
    held = []
    try:
        while not _are_standard_open():
            held.append(os.open(os.devnull, os.O_RDONLY))
        return opens(*arguments, **named)
    finally:
        for descriptor in held:
            os.close(descriptor)


def _are_standard_open() -> bool:
    try:
        for number in (0, 1, 2):
            os.get_inheritable(number)  # of all questions the one that is answered soonest
    except OSError:
        return False
    return True


class AppendedFile:
    """A file that grows by whole pieces: one that could not be written whole is taken back.

    The descriptor is looked at before each piece: user code may have closed every descriptor,
    and its number may by now belong to a file of the user's.
    """

    def __init__(self, path: str, disk: Disk, size: int = 0) -> None:
        self._path = path
        self._disk = disk
        self._file = -1
        self._identity: tuple[int, int] | None = None
        self.size = size  # in bytes

    def append(self, data: bytes) -> None:
        """Put `data` at the end. Raises `OSError` with the file as it was before."""
        self._ensure_open()
        try:
            write_all(self._file, data, self._disk.write)
            self.size += len(data)
        except BaseException:
            os.ftruncate(self._file, self.size)
            raise

    def _ensure_open(self) -> None:
        if self._identity is None:
            self._open(os.O_CREAT)
        elif not self._is_ours():
            self._open(0)

    def _is_ours(self) -> bool:
        try:
            status = os.fstat(self._file)
        except OSError:
            return False
        if (status.st_dev, status.st_ino) != self._identity:
            return False
        if status.st_nlink == 0:
            raise FileNotFoundError(errno.ENOENT, "deleted during the run", self._path)
        return True

    def _open(self, flags: int) -> None:
        self._file = self._disk.open(self._path, os.O_WRONLY | os.O_APPEND | flags)
        status = os.fstat(self._file)
        self._identity = status.st_dev, status.st_ino

    def close(self) -> None:
        if self._identity is not None:
            with contextlib.suppress(FileNotFoundError):
                if self._is_ours():
                    os.close(self._file)
            self._identity = None


class Records(Protocol):
    """Where records go. `chunk` is what the fast path may write into by itself, if anything."""

    writer: str

    @property
    def chunk(self) -> Chunk | None: ...

    @property
    def size(self) -> int:
        """Bytes of the file that have been claimed so far."""

    def write(
        self, step: float | None, count: Iterator[int], when: float, value: float, tags: Tags
    ) -> float:
        """Write one record; without a step it is the next of `count`. Returns the step.

        One call at a time; the fast path may go on beside it.
        """

    def close(self) -> None: ...


def open_records(path: str, disk: Disk, size: int = 0) -> Records:
    """Begin `path`, or go on after its first `size` bytes; mapped where the file system can.

    `OSError` where it is full.
    """
    if not getattr(sys, "_is_gil_enabled", lambda: True)():
        # records are claimed by `next()`, in one step with a GIL
        return WrittenRecords(path, disk, size)
    try:
        return MappedRecords(path, disk, size)
    except OSError as error:
        if error.errno not in NO_MAPS:
            raise
    except ValueError:  # a file that is not as long as was allocated
        pass
    return WrittenRecords(path, disk, size)


class MappedRecords:
    """Records in chunks of a shared map. A chunk is a value of its own, slots and buffer together,
    so that a thread that still holds an old one goes on writing there."""

    writer = "mapped"

    def __init__(self, path: str, disk: Disk, size: int = 0) -> None:
        self._path = path
        self._disk = disk
        # start, size and chunk change together: whoever interrupts sees one or the other
        self._mapped: tuple[int, int, Chunk]
        used = size % FIRST_CHUNK  # a map begins at a multiple of it
        try:
            self._mapped = self._map_chunk(size - used, FIRST_CHUNK, os.O_CREAT, used)
        except BaseException:
            if not size:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path)
            raise

    @property
    def chunk(self) -> Chunk:
        return self._mapped[2]

    @property
    def size(self) -> int:
        start, size, (slots, _) = self._mapped
        return start + size - RECORD_SIZE * operator.length_hint(slots)

    def write(
        self, step: float | None, count: Iterator[int], when: float, value: float, tags: Tags
    ) -> float:
        while True:
            slots, buffer = self.chunk
            slot = next(slots, None)
            if slot is not None:
                break
            self._mapped = self._map_next()
        number = next(count)
        step = number if step is None else step
        layout, tag = form_of(step, value, tags)
        layout.pack_into(buffer, slot, step, when, value, tag)
        return step

    def _map_next(self) -> tuple[int, int, Chunk]:
        """The chunk behind the present one: larger, or small where the disk is almost full."""
        start, size, _ = self._mapped
        wanted = min(size * GROWTH, LAST_CHUNK)
        try:
            return self._map_chunk(start + size, wanted)
        except OSError:
            return self._map_chunk(start + size, FIRST_CHUNK)

    def _map_chunk(
        self, start: int, size: int, flags: int = 0, used: int = 0
    ) -> tuple[int, int, Chunk]:
        """A chunk of the file, of which the first `used` bytes have records already."""
        file = self._disk.open(self._path, os.O_RDWR | flags)
        try:
            self._disk.allocate(file, start + used, size - used)
            buffer = self._disk.map(file, start, size)
        finally:
            os.close(file)
        return start, size, (iter(range(used, size, RECORD_SIZE)), buffer)

    def close(self) -> None:
        start, size, (slots, buffer) = self._mapped
        used = start + next(slots, size)
        # unmapped first: a thread that has claimed a record gets a ValueError, not a SIGBUS
        buffer.close()
        with contextlib.suppress(FileNotFoundError):  # the whole archive may have been deleted
            if used:
                os.truncate(self._path, used)
            else:
                os.unlink(self._path)


class WrittenRecords:
    """Records written one by one, for file systems without shared maps: a system call each."""

    writer = "written"
    chunk: Chunk | None = None

    def __init__(self, path: str, disk: Disk, size: int = 0) -> None:
        self._file = AppendedFile(path, disk, size)

    @property
    def size(self) -> int:
        return self._file.size

    def write(
        self, step: float | None, count: Iterator[int], when: float, value: float, tags: Tags
    ) -> float:
        step = next_entry(count) if step is None else step
        layout, tag = form_of(step, value, tags)
        self._file.append(layout.pack(step, when, value, tag))
        next(count)
        return step

    def close(self) -> None:
        self._file.close()
