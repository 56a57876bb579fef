"""What an experiment saved: files by their names, read by suffix when asked, never a pickle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from expt.archive.artifact_names import list_artifacts
from expt.ground.errors import DamagedArchive, suggestion
from expt.ground.files import path_inside
from expt.ground.layout import ARTIFACTS_DIR
from expt.ground.text import human_size
from expt.ground.value_classes import frozen

if TYPE_CHECKING:
    from pathlib import Path


@frozen(repr=False)
class Artifact:
    """One file that an experiment saved. It can be given to whatever opens a path."""

    name: str
    path: Path

    def __fspath__(self) -> str:
        return str(self.path)

    def __repr__(self) -> str:
        return f"<Artifact {self.name!r}, {human_size(self.size)}>"

    @property
    def size(self) -> int:
        """In bytes."""
        return self.path.stat().st_size

    def load(self) -> Any:
        """The content, by its suffix.

        `.npy` an array, `.npz` a dict of arrays, `.json` and `.toml` plain values, pictures an
        array of bytes (height, width, channels), `.txt`, `.md`, `.csv` … a text, all else `bytes`.
        Nothing is unpickled. Raises `DamagedArchive` for content that does not fit the suffix.
        """
        from expt.archive.artifacts import decode_artifact  # slow, and not every run has some

        return decode_artifact(self.path, self.name)


class Artifacts(Mapping[str, Artifact]):
    """Name → artifact, sorted by name."""

    def __init__(self, folder: Path) -> None:
        self._files = list_artifacts(folder)

    def __getitem__(self, name: str) -> Artifact:
        try:
            return Artifact(name, self._files[name])
        except KeyError:
            known = suggestion(str(name), self._files, "artifacts")
            raise KeyError(f"no artifact {name!r}; {known}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)

    def __repr__(self) -> str:
        return f"<Artifacts: {', '.join(map(repr, self._files))}>"


def content_of(archive: Path, value: Any) -> Any:
    """What a result is: where it is an artifact, kept by its path, what that holds.

    Raises `DamagedArchive` for an artifact that is gone.
    """
    if not isinstance(value, PurePath) or value.parts[:1] != (ARTIFACTS_DIR,):
        return value
    file = path_inside(archive, value.as_posix())
    if file is None:
        raise DamagedArchive(f"'{value}' is not in the archive", str(archive))
    from expt.archive.artifacts import decode_artifact  # slow, and not every run has some

    return decode_artifact(file, value.name)
