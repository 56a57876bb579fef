"""What an experiment saved: files by their names, read by suffix when asked, never a pickle."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import attrs

from expt.archive import list_artifacts
from expt.ground.encoding import loads
from expt.ground.errors import DamagedArchive, did_you_mean
from expt.ground.text import human_size

if TYPE_CHECKING:
    from pathlib import Path

_PICTURES: Final = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm")
_TEXTS: Final = (".txt", ".md", ".csv", ".tsv", ".log", ".html", ".svg", ".yaml", ".yml", ".xml")


@attrs.frozen(repr=False)
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
        suffix = self.path.suffix.lower()
        try:
            if suffix in (".npy", ".npz"):
                return self._load_arrays(suffix)
            if suffix in _PICTURES:
                return self._load_picture()
            content = self.path.read_bytes()
            if suffix == ".json":
                return loads(content)
            if suffix == ".toml":
                return tomllib.loads(content.decode())
            return content.decode("utf-8", "surrogatepass") if suffix in _TEXTS else content
        except (OSError, ValueError, EOFError, RecursionError) as error:
            raise DamagedArchive(
                f"the artifact '{self.name}' cannot be read: {error}", str(self.path)
            ) from error

    def _load_arrays(self, suffix: str) -> Any:
        import zipfile

        import numpy as np  # slow to import, and most readers want no array

        try:
            loaded = np.load(self.path, allow_pickle=False)
            if suffix == ".npy":
                return loaded
            with loaded:
                return dict(loaded)
        except zipfile.BadZipFile as error:
            raise ValueError(error) from None

    def _load_picture(self) -> Any:
        import numpy as np  # slow to import, and most readers want no picture
        from PIL import Image

        with Image.open(self.path) as picture:
            return np.asarray(picture)


class Artifacts(Mapping[str, Artifact]):
    """Name → artifact, sorted by name."""

    def __init__(self, folder: Path) -> None:
        self._files = list_artifacts(folder)

    def __getitem__(self, name: str) -> Artifact:
        try:
            return Artifact(name, self._files[name])
        except KeyError:
            known = did_you_mean(str(name), self._files) or f"artifacts: {', '.join(self._files)}"
            raise KeyError(f"no artifact {name!r}; {known}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)

    def __repr__(self) -> str:
        return f"<Artifacts: {', '.join(map(repr, self._files))}>"
