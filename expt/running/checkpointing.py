"""`checkpoint`: what a run goes on from, where it did not come to its end.

    load ─► the newest state: this run's, else that of the run that is gone on from, else default
    save, folder ─► the state or the folder, then the point that says what else was there

Where a run goes on from another, it does so when it first loads: what it recorded before is what
the other had recorded before, and gives way to all that the other had at its checkpoint.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from expt.archive import checkpoints
from expt.ground.files import TEMPORARY_PREFIX
from expt.ground.layout import ARTIFACTS_DIR, CHECKPOINTS_DIR, SERIES_DIR
from expt.ground.value_classes import evolve
from expt.tracking.elsewhere import Elsewhere

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from expt.running.randomness import Randomness
    from expt.running.supplies import Results
    from expt.tracking.recorder import Recorder


class Checkpoint:
    """`checkpoint`: states of this run, the newest two on disk.

    Every method may be called from any thread, and only in the process of the run.
    """

    def __init__(
        self,
        archive: Path,
        origin: checkpoints.Point | None,
        recorder: Recorder,
        results: Results,
        randomness: Randomness,
        tell_origin: Callable[[checkpoints.Point], None],
    ) -> None:
        self._archive = archive
        self._origin = origin
        self._recorder = recorder
        self._results = results
        self._randomness = randomness
        self._tell_origin = tell_origin
        self._newest: checkpoints.Point | None = None
        self._lock = threading.RLock()
        self._process = os.getpid()

    def load(self, default: Any = None) -> Any:
        """The newest saved state, `default` where there is none.

        Under `--resume`, that of the run that did not come to its end; series, results, artifacts
        and random states go on from there with the first call.
        """
        with self._alone():
            self._go_on()
            if self._newest is None or self._newest.state is None:
                return default
            return checkpoints.read_state(self._newest)

    def save(self, state: Any) -> None:
        """Keep a state: numbers, texts, bytes, arrays, dates, and lists, tuples, sets and dicts of
        them, which come back as they were.

        It counts whole or not at all. Raises `TypeError`, which says where, for anything else, and
        `OSError` for a full disk.
        """
        with self._alone():
            self._results.keep_changes()
            number = self._next_number()
            name = checkpoints.write_state(self._archive, number, state)
            known = self._newest
            if known is None:
                self._write(number, name, None, {})
            else:
                self._write(number, name, known.folder, known.files)

    @contextlib.contextmanager
    def folder(self) -> Iterator[Path]:
        """A folder for files of one's own, which counts as a checkpoint once the block has ended.

        It holds what the last one held, under `--resume` that of the run that did not come to its
        end. Where the block raises, the last one stays.
        """
        with self._alone():
            self._go_on()
            place = self._archive / CHECKPOINTS_DIR
            path = place / f"{TEMPORARY_PREFIX}{os.urandom(6).hex()}"
            path.mkdir(parents=True)
            known = self._newest
            if known is not None and known.folder is not None:
                shutil.copytree(place / known.folder, path, dirs_exist_ok=True)
        try:
            yield path
            with self._alone():
                self._results.keep_changes()
                number = self._next_number()
                name = checkpoints.point_name(number)
                checkpoints.remove_part(place / name)  # of one that was broken off
                os.rename(path, place / name)
                files = checkpoints.sizes_below(place / name)
                state = None if self._newest is None else self._newest.state
                self._write(number, state, name, files)
        finally:
            if os.getpid() == self._process and path.exists():
                checkpoints.remove_part(path)

    def __reduce__(self) -> tuple[type[Elsewhere], tuple[str]]:
        return Elsewhere, ("checkpoint",)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        if os.getpid() != self._process:
            raise RuntimeError("only the process of the run has its 'checkpoint'")
        with self._lock:
            yield

    def _next_number(self) -> int:
        return 1 if self._newest is None else self._newest.number + 1

    def _write(
        self, number: int, state: str | None, folder: str | None, files: Mapping[str, int]
    ) -> None:
        point = checkpoints.Point(
            self._archive,
            number,
            state,
            folder,
            files,
            series=self._recorder.sizes(),
            artifacts=checkpoints.sizes_below(self._archive / ARTIFACTS_DIR),
            random=self._randomness.state(),
        )
        checkpoints.write_point(point)
        self._origin = None
        self._newest = point

    def _go_on(self) -> None:
        """Once: take everything over from the checkpoint that this run is to go on from."""
        if self._origin is None:
            return
        origin, self._origin = self._origin, None
        self._tell_origin(origin)
        self._recorder.go_on_from(origin.archive / SERIES_DIR, origin.series)
        self._results.go_on_from(self._archive / SERIES_DIR)
        _copy_cut(origin.archive, self._archive, ARTIFACTS_DIR, origin.artifacts)
        folder = f"{CHECKPOINTS_DIR}/{origin.folder}"
        _copy_cut(origin.archive, self._archive, folder, origin.files)
        if origin.state is not None:
            _copy_cut(origin.archive, self._archive, CHECKPOINTS_DIR, {origin.state: None})
        self._newest = evolve(origin, archive=self._archive)
        # last: from now on it is this run that is gone on from
        checkpoints.write_point(self._newest)
        self._randomness.go_on_from(origin.random)


def _copy_cut(source: Path, target: Path, folder: str, sizes: Mapping[str, int | None]) -> None:
    """Copy files of a folder, each no longer than it was; None is the whole of one."""
    for name, size in sizes.items():
        copy = target / folder / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / folder / name, copy, follow_symlinks=False)
        if size is not None:
            os.truncate(copy, size)


def find_origin(archives: tuple[str, ...]) -> checkpoints.Point | None:
    """The newest sound checkpoint of the first archive that has one."""
    for archive in archives:
        point = checkpoints.newest_point(Path(archive))
        if point is not None:
            return point
    return None
