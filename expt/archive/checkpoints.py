"""`checkpoints/`: what a run goes on from, in both directions; the newest two are kept.

    000007.json   the point: how long each file of `series/` and `artifacts/` was, random states,
                  and which of the others belong to it; it is written last
    000007.zip    a state (see `states`)
    000006/       a folder that the experiment filled itself

A point may share a state or a folder with an older one. One of which anything is missing, cut off
or altered is passed over, and the one before is taken.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from typing import TYPE_CHECKING, Any, Final

from expt.archive.states import decode_state, encode_state
from expt.ground.encoding import dumps, loads
from expt.ground.errors import DamagedArchive
from expt.ground.files import (
    TEMPORARY_PREFIX,
    list_inside,
    path_inside,
    read_inside,
    write_atomically,
)
from expt.ground.layout import ARTIFACTS_DIR, CHECKPOINTS_DIR, FORMAT, SERIES_DIR
from expt.ground.value_classes import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_KEPT: Final = 2  # points
_LARGEST_POINT: Final = 1 << 28  # bytes
_LARGEST_STATE: Final = 1 << 40
_POINT: Final = re.compile(r"(\d{6,})\.json\Z")


@frozen
class Point:
    """One checkpoint of the folder `archive`.

    `series` and `artifacts` are the sizes of their files in bytes at that moment, by path below
    their folders; `files` those of `folder`. `random` is what was random then, as JSON holds it.
    """

    archive: Path
    number: int
    state: str | None
    folder: str | None
    files: Mapping[str, int]
    series: Mapping[str, int]
    artifacts: Mapping[str, int]
    random: Mapping[str, Any]

    @property
    def parts(self) -> frozenset[str]:
        """The names in `checkpoints/` that belong to it."""
        named = f"{point_name(self.number)}.json", self.state, self.folder
        return frozenset(name for name in named if name is not None)


def point_name(number: int) -> str:
    """`000007`: what the names of a checkpoint's files begin with."""
    return f"{number:06d}"


def write_state(archive: Path, number: int, state: Any) -> str:
    """Write the state of a checkpoint to come; its name in `checkpoints/`.

    Raises `TypeError` for what `encode_state` refuses, and `OSError`.
    """
    name = f"{point_name(number)}.zip"
    content = encode_state(state)
    (archive / CHECKPOINTS_DIR).mkdir(exist_ok=True)
    write_atomically(archive / CHECKPOINTS_DIR / name, content)
    return name


def read_state(point: Point) -> Any:
    """The state of a checkpoint that has one. Raises `DamagedArchive`."""
    name = f"{CHECKPOINTS_DIR}/{point.state}"
    content = read_inside(point.archive, name, _LARGEST_STATE)
    if content is None:
        raise DamagedArchive(f"there is no {name}", str(point.archive))
    try:
        return decode_state(content)
    except Exception as error:  # zipfile and numpy may raise anything for damage
        what = f"{name} cannot be read: {error}"
        raise DamagedArchive(what, str(point.archive)) from error


def write_point(point: Point) -> None:
    """Make a checkpoint count, and delete what no kept one needs. Raises `OSError`."""
    fields = {name: told for name, told in vars(point).items() if name not in ("archive", "number")}
    place = point.archive / CHECKPOINTS_DIR
    place.mkdir(exist_ok=True)
    content = dumps({"format": FORMAT, **fields})
    write_atomically(place / f"{point_name(point.number)}.json", content.encode())
    _prune(point)


def _prune(newest: Point) -> None:
    place = newest.archive / CHECKPOINTS_DIR
    older = (point for point in read_points(newest.archive) if point.number < newest.number)
    needed: frozenset[str] = frozenset()
    for point in [newest, *older][:_KEPT]:
        needed |= point.parts
    for name in os.listdir(place):
        if name not in needed and not name.startswith(TEMPORARY_PREFIX):
            remove_part(place / name)


def remove_part(path: Path) -> None:
    """Delete a file or a folder of a checkpoint, as far as the system lets us."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


def read_points(archive: Path) -> Iterator[Point]:
    """The checkpoints of an archive, newest first; a file that tells of none is passed over.

    Whether what belongs to one is there as well, `is_sound` tells.
    """
    try:
        names = os.listdir(archive / CHECKPOINTS_DIR)
    except OSError:
        return
    numbers = (int(found[1]) for found in map(_POINT.match, names) if found)
    for number in sorted(numbers, reverse=True):
        with contextlib.suppress(DamagedArchive, ValueError, TypeError, KeyError):
            yield _read_point(archive, number)


def _read_point(archive: Path, number: int) -> Point:
    name = f"{CHECKPOINTS_DIR}/{point_name(number)}.json"
    told = loads(read_inside(archive, name, _LARGEST_POINT) or b"")
    if told["format"] > FORMAT:
        raise ValueError("it is of a newer format")
    return Point(
        archive,
        number,
        _name_or_none(told["state"]),
        _name_or_none(told["folder"]),
        files=_read_sizes(told["files"]),
        series=_read_sizes(told["series"]),
        artifacts=_read_sizes(told["artifacts"]),
        random=dict(told["random"]),
    )


def _name_or_none(told: Any) -> str | None:
    if told is not None and not (isinstance(told, str) and re.fullmatch(r"\d{6,}(\.zip)?", told)):
        raise ValueError("no part of a checkpoint")
    return told


def _read_sizes(told: Any) -> dict[str, int]:
    sizes = dict(told)
    if not all(type(size) is int and size >= 0 for size in sizes.values()):
        raise ValueError("a size that is none")
    return sizes


def is_sound(point: Point) -> bool:
    """Whether everything that belongs to a checkpoint is there, and its state can be read."""
    exact = {f"{CHECKPOINTS_DIR}/{point.folder}": point.files}
    grown = {SERIES_DIR: point.series, ARTIFACTS_DIR: point.artifacts}  # the run went on
    for folder, sizes in (exact | grown).items():
        for name, size in sizes.items():
            path = path_inside(point.archive, f"{folder}/{name}")
            there = -1 if path is None else path.stat().st_size
            if there < size or (folder in exact and there != size):
                return False
    try:
        if point.state is not None:
            read_state(point)
    except DamagedArchive:
        return False
    return True


def newest_point(archive: Path) -> Point | None:
    """The newest checkpoint of an archive of which everything is there."""
    return next(filter(is_sound, read_points(archive)), None)


def sizes_below(folder: Path) -> dict[str, int]:
    """The size in bytes of each regular file below a folder, by its relative path."""
    return {name: (folder / name).stat().st_size for name in list_inside(folder)}
