"""`Run`: one archive, read on demand. Nothing of the user's is imported, executed or unpickled."""

from __future__ import annotations

import os
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from expt.archive.json_files import read_environment, read_plots
from expt.ground import layout
from expt.ground.errors import DamagedArchive, told_as_damage
from expt.ground.files import list_inside, open_inside, path_inside, read_inside
from expt.ground.text import collapse_progress, human_duration, visible
from expt.reading.recorded import RecordedRun
from expt.reading.saved import Artifact, Artifacts

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.figure import Figure

    from expt.reading.series.tracked import SeriesMap

_MOST_CODE: Final = 4 * layout.CODE_CAP  # characters: what takes secrets out may lengthen it
LONGEST_LOG: Final = 1 << 26  # bytes


class Run(RecordedRun):
    """One archived run. What it holds is read when it is asked for, and then kept.

    Raises `DamagedArchive` or `NewerArchive` where it is made of what is no archive.
    """

    _kept: tuple[object, ...] = ()

    @cached_property
    def series(self) -> SeriesMap:
        """Name → series: `.values`, `.steps`, `.times`, `.last`, `.kind`, read when asked for."""
        from expt.reading.series.tracked import SeriesMap  # slow, and a list needs none of it

        return SeriesMap(self._series_folder)

    @cached_property
    def artifacts(self) -> Artifacts:
        """Name → file that the experiment saved: `.path`, `.load()`."""
        return Artifacts(self.path / layout.ARTIFACTS_DIR)

    @cached_property
    def environment(self) -> dict[str, Any]:
        """Python, platform, packages, git commit … at the time of the run.

        Raises `DamagedArchive`.
        """
        return read_environment(self.path)

    @cached_property
    def log(self) -> str:
        """What was logged and printed; of a progress bar, what it said last.

        Of more than 64 MiB the end. Raises `DamagedArchive`.
        """
        with told_as_damage(f"{layout.LOG_FILE} cannot be read", str(self.path)):
            try:
                file = open_inside(self.path, layout.LOG_FILE)
            except FileNotFoundError:
                return ""
            with file:
                size = os.fstat(file.fileno()).st_size
                file.seek(max(size - LONGEST_LOG, 0))
                text = file.read(min(size, LONGEST_LOG)).decode("utf-8", "replace")
        left_out = f"[{size - LONGEST_LOG} bytes before this]\n" if size > LONGEST_LOG else ""
        return left_out + collapse_progress(text)

    @cached_property
    def code(self) -> dict[str, str]:
        """Path → text of every file of the user's that the run was made of.

        Raises `DamagedArchive`.
        """
        found, size = {}, 0
        for name in list_inside(self.path, layout.CODE_DIR):
            if name not in (layout.PATCH_FILE, layout.ANALYSES_FILE):
                found[name] = self._code_file(name)
                size += len(found[name])
                if size > _MOST_CODE:
                    raise DamagedArchive(f"{layout.CODE_DIR}/ is too large", str(self.path))
        return found

    @cached_property
    def patch(self) -> str:
        """The uncommitted changes at the time of the run, as `git diff` tells them.

        Raises `DamagedArchive`.
        """
        return self._code_file(layout.PATCH_FILE)

    def _code_file(self, name: str) -> str:
        content = read_inside(self.path, f"{layout.CODE_DIR}/{name}", layout.CODE_CAP)
        return (content or b"").decode("utf-8", "replace")

    @property
    def plots(self) -> dict[str, tuple[Path, ...]]:
        """Name of a series → pictures and videos of it in the archive. Raises `DamagedArchive`."""
        folder = self.path / layout.PLOTS_DIR
        return {
            name: tuple(
                folder / file for file in files if path_inside(self.path, f"{folder.name}/{file}")
            )
            for name, files in read_plots(self.path).items()
        }

    # What can be made of it

    def plot(self, name: str) -> Figure:
        """A figure of one series. Raises `KeyError`, with the closest names, for an unknown one."""
        from expt.reading.plotting import plot_series  # matplotlib is slow to import

        return plot_series(self.series, name, self.caption)

    def save(self, name: str, value: Any) -> Artifact:
        """Add a file to `artifacts/`, for analyses: the suffix of `name` says how it is written."""
        from expt.archive.writer import Archive  # slow, and few runs are added to

        path = Archive(self.path, self.id).save(name, value)
        self.__dict__.pop("artifacts", None)
        return next(found for found in self.artifacts.values() if found.path == path)

    def reload(self) -> Run:
        """The same run as it is on the disk now."""
        run = Run(self.path, shorten=self._shorten)
        run.keep(*self._kept)
        return run

    def keep(self, *things: object) -> None:
        """Have what the archive lies in, such as a temporary folder, live as long as this run."""
        self._kept = things

    # What it looks like

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Run) and self.path == other.path

    def __hash__(self) -> int:
        return hash(self.path)

    def __repr__(self) -> str:
        duration = "" if self.duration is None else f" {human_duration(self.duration)}"
        return f"<Run {self.short_id} {visible(self.node_id)} {self.status}{duration}>"

    def _repr_html_(self) -> str:
        from expt.reading.notebook_views import run_html  # for notebooks alone

        return run_html(self, lambda: chain.from_iterable(self.plots.values()))
