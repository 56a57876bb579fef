"""The writer's side of one archive: every file that a run leaves, but its series.

claim ─► write_environment, write_params, write_code ─► write_record … save … write_record
         (whole before the first record is there)       (running)           (terminal, last)
"""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import shutil
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from expt.archive.artifact_names import ArtifactNames, encode_name
from expt.archive.artifacts import encode_value, stated_suffix
from expt.archive.claiming import folder_name, no_archive
from expt.archive.json_files import analyses_to_bytes, environment_to_bytes
from expt.archive.manifest import Content, Written, write_manifest
from expt.archive.params_toml import write_params_toml
from expt.archive.record import record_to_bytes
from expt.archive.scratch import claim_scratch
from expt.ground import layout
from expt.ground.files import (
    list_inside,
    open_regular,
    read_small,
    write_atomically,
    write_new,
    written_whole,
)

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from expt.ground.model import Experiment, RunRecord

_SMALL: Final = 4096  # bytes of a file that is kept in memory for a moment
_TRIES: Final = 10  # for a name of 50 random bits
_BASE_32: Final = b"abcdefghijklmnopqrstuvwxyz234567"


def run_folder(experiment: Experiment, configured_paths: Iterable[str] = layout.USUAL_PATHS) -> str:
    """`vision/mnist/experiment_train`: where the archives of an experiment are, below `runs/`.

    The configured path that it is below is left out; where there are several beside one another,
    what they have in common at their ends: of `a/experiments` and `b/experiments`, `a` and `b`
    stay.
    """
    return _folder_of(experiment.id, tuple(configured_paths))


@functools.lru_cache(maxsize=1024)  # all runs of an experiment have the same
def _folder_of(node_id: str, configured_paths: tuple[str, ...]) -> str:
    place, _, function = node_id.partition("::")
    parts = place.removesuffix(".py").rstrip("/").split("/")
    paths = {
        tuple(part for part in path.split("/") if part not in ("", "."))
        for path in configured_paths
    }
    for path in sorted(paths, key=len, reverse=True):
        if tuple(parts[: len(path)]) == path:
            beside = [other for other in paths if other[: len(path)] != path != other]
            beside = [other for other in beside if path[: len(other)] != other]
            parts = [*path[: len(path) - _common_end(path, beside)], *parts[len(path) :]]
            break
    return "/".join([*parts, folder_name(function)])


def _common_end(path: Sequence[str], others: Sequence[Sequence[str]]) -> int:
    """How many parts at the end of `path` may be left out: all, where it is alone."""
    shared = len(path)
    for other in others:
        same = 0
        for ours, theirs in zip(reversed(path), reversed(other), strict=False):
            if ours != theirs:
                break
            same += 1
        shared = min(shared, same)
    return shared


def write_record(
    path: str | Path, record: RunRecord, encode: Callable[[RunRecord], bytes] = record_to_bytes
) -> Written:
    """Make `record` the `run.json` of the archive `path`, at once."""
    content = Content.of(encode(record))
    return Written.of(content, write_atomically(f"{path}/{layout.RUN_FILE}", content.data))


class Archive:
    """One claimed folder. Everything raises `OSError`, with the path, where the disk refuses."""

    def __init__(self, path: Path, run_id: str) -> None:
        self.path = path
        self.id = run_id
        self._place = str(path)
        self._written: dict[str, Written] = {}
        self._folders: set[str] = set()  # that were made
        self._artifacts = ArtifactNames(path)

    @classmethod
    def claim(
        cls,
        runs: Path,
        folder: str,
        now: dt.datetime,
        announce: Callable[[str, Path], None] = lambda *_: None,
    ) -> Archive:
        """A new folder below `runs/folder` that no other run has, whoever claims at this moment.

        `announce` is told id and folder just before: who buries this process then knows of it.
        Raises `ExptError` where the place cannot be written.
        """
        parent = _join(runs, folder)
        try:
            if not os.path.isdir(parent):  # the first run makes it
                parent.mkdir(parents=True, exist_ok=True)
            for _ in range(_TRIES):
                run_id = _new_id()
                path = parent / f"{now:{layout.MOMENT}}_{run_id}"
                announce(run_id, path)
                with contextlib.suppress(FileExistsError):
                    os.mkdir(path)
                    return cls(path, run_id)
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        except OSError as error:
            raise no_archive(parent, error) from error

    @classmethod
    def claim_scratch(cls, root: Path, folder: str, label: str | None, experiment: str) -> Archive:
        """The folder below `root` that each run of this case overwrites: see `scratch`."""
        run_id = _new_id()
        try:
            return cls(claim_scratch(root, folder, label, experiment, run_id), run_id)
        except OSError as error:
            raise no_archive(root / folder, error) from error

    def write_record(
        self, record: RunRecord, encode: Callable[[RunRecord], bytes] = record_to_bytes
    ) -> None:
        """`run.json`, replaced at once; `encode` is a `RecordEncoder`'s, where there are more."""
        self._written[layout.RUN_FILE] = write_record(self._place, record, encode)

    def read_series(self) -> dict[str, bytes]:
        """The small files of `series/`, once nothing is recorded any more.

        They are read once, for all who want to know what is in them.
        """
        found = {}
        for name in layout.SERIES_FILES:
            small = read_small(f"{self._place}/{layout.SERIES_DIR}/{name}", _SMALL)
            if small is not None:
                found[name], status = small
                written = Written.of(Content.of(found[name]), status)
                self._written[f"{layout.SERIES_DIR}/{name}"] = written
        return found

    def write_manifest(self) -> None:
        """`manifest.json`, when nothing of the archive changes any more."""
        write_manifest(self._place, self._written)

    def _write(self, name: str, content: Content) -> None:
        status = write_new(f"{self._place}/{name}", content.data)
        self._written[name] = Written.of(content, status)

    def write_params(
        self, params: Mapping[str, Any], choices: Mapping[str, str] | None = None
    ) -> None:
        """`params.toml`."""
        text = write_params_toml(params, choices or {}).encode()
        self._write(layout.PARAMS_FILE, Content.of(text))

    def write_environment(self, environment: Mapping[str, Any] | Content) -> None:
        """`environment.json`; a content is written as it is."""
        if not isinstance(environment, Content):
            environment = Content.of(environment_to_bytes(environment))
        self._write(layout.ENVIRONMENT_FILE, environment)

    def write_code(self, files: Mapping[str, Content]) -> None:
        """Files of `code/`, as `keep_code` has them, at their paths; those that are not there."""
        for path, content in files.items():
            if f"{layout.CODE_DIR}/{path}" not in self._written:
                self._write_in_code(path, content)

    def write_patch(self, patch: Content) -> None:
        """`code/uncommitted.patch`, where there is anything uncommitted."""
        if patch.data:
            self._write_in_code(layout.PATCH_FILE, patch)

    def write_analyses(self, analyses: Sequence[Any]) -> None:
        """`code/analyses.json`: what goes into the archive's script, where there is anything."""
        if analyses:
            content = Content.of(analyses_to_bytes(analyses))
            self._write_in_code(layout.ANALYSES_FILE, content)

    def _write_in_code(self, name: str, content: Content) -> None:
        name = f"{layout.CODE_DIR}/{name}"
        folder = name.rpartition("/")[0]
        if folder not in self._folders:
            self._make_folder(folder)
        self._write(name, content)

    def _make_folder(self, name: str) -> None:
        """Make a folder of the archive, and those above it, where they are not there."""
        outer = name.rpartition("/")[0]
        if outer and outer not in self._folders:
            self._make_folder(outer)
        with contextlib.suppress(FileExistsError):
            os.mkdir(f"{self._place}/{name}")
        self._folders.add(name)

    def save(self, name: str, value: Any) -> Path:
        """Keep `value` as the artifact `name`, whole or not at all; returns the file.

        The suffix of the name decides the format where the value has several, and is added where
        the name has none. A `Path` is copied, a folder with the regular files below it. Raises
        `TypeError`, which names the type, for a value that has no file format or not that one, and
        `OSError` for a path that is neither a file nor a folder.
        """
        if isinstance(value, Path):
            copy = self._copy_folder if value.is_dir() else self._copy
            return copy(_checked_name(name), value)
        name, content = encode_value(_checked_name(name), value)
        place = self._artifacts.place(name)
        write_atomically(place, content)
        return place

    def open(self, name: str, mode: str = "wb") -> IO[Any]:
        """The artifact `name` as an open file; what is written is there at once."""
        encoding = None if "b" in mode else "utf-8"
        return self._artifacts.place(_checked_name(name)).open(mode, encoding=encoding)

    def _copy_folder(self, name: str, source: Path) -> Path:
        own = self.path.resolve()
        for inner in list(list_inside(source)):
            if not (source / inner).resolve().is_relative_to(own):  # what is kept already
                self._copy(f"{name}/{inner}", source / inner)
        return self.path / layout.ARTIFACTS_DIR / encode_name(name)

    def _copy(self, name: str, source: Path) -> Path:
        if stated_suffix(name) is None:
            name += source.suffix
        with open_regular(source, follow=True) as original:
            place = self._artifacts.place(name)
            with written_whole(place) as copy:
                shutil.copyfileobj(original, copy, 1024 * 1024)
        return place


@functools.lru_cache(maxsize=1024)  # all runs of an experiment lie in the same
def _join(runs: Path, folder: str) -> Path:
    return runs / folder


def _new_id() -> str:
    """Ten random base-32 characters: 50 bits."""
    return os.urandom(10).translate(_BASE_32 * 8).decode()


def _checked_name(name: Any) -> str:
    if not isinstance(name, str):
        raise TypeError(f"the name of an artifact is a text, not of type '{type(name).__name__}'")
    if not name:
        raise ValueError("the name of an artifact is empty")
    return str.__str__(name)
