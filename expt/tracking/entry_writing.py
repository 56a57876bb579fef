"""The file of a tracked picture or array: all of it, or none."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from expt.archive.array_files import write_npy
from expt.ground.files import write_all

if TYPE_CHECKING:
    from pathlib import Path

    from expt.tracking.entries import Encoded
    from expt.tracking.scalars import Disk


def write_entry_file(path: Path, encoded: Encoded, disk: Disk) -> None:
    """Write the picture or array into a new file. Raises `OSError`, and leaves no file then."""
    file = disk.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    try:
        if encoded.png is not None:
            write_all(file, encoded.png, disk.write)
        else:
            write_npy(_Sink(disk, file), encoded.array)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(file)


class _Sink:
    """What numpy writes an array into, a part at a time."""

    def __init__(self, disk: Disk, file: int) -> None:
        self._disk = disk
        self._file = file

    def write(self, data: bytes) -> None:
        write_all(self._file, data, self._disk.write)
