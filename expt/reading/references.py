"""From what people type to one run: `latest~2`, a prefix of an id, a node id, a path."""

from __future__ import annotations

import os
import re
import sys
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

from expt.ground.errors import DamagedArchive, NoSuchRun, did_you_mean
from expt.ground.layout import ANALYSIS_FILE, RUN_FILE, usual_runs
from expt.ground.model import PinnedRun
from expt.ground.text import visible
from expt.reading.finding import id_shortener
from expt.reading.index import Catalogue, open_catalogue
from expt.reading.run import Run
from expt.reading.runs import Runs
from expt.reading.scanning import roots_beside

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from expt.ground.model import Status
    from expt.reading.shelves import Row

_BACK: Final = re.compile(r"(.+)~(\d+)\Z", re.DOTALL)
_SHOWN: Final = 8


def find_archive_root(given: Path | None = None, cwd: Path | None = None) -> Path:
    """The archive root: the one given, else that of the project around the working directory.

    Raises `NoSuchRun` for a given one that is no folder, `ConfigurationError`.
    """
    here = Path.cwd() if cwd is None else cwd
    if given is not None:
        if not (here / given).is_dir():
            raise NoSuchRun(f"there is no archive root '{visible(str(given))}'", "--runs")
        return here / given
    from expt.ground.configuration import find_root, read_configuration  # with TOML: slow

    root = find_root([], here)
    return usual_runs(root, read_configuration(root).values)


def load_archive(path: str | Path) -> Run:
    """The run in the archive folder `path`. Raises `DamagedArchive` or `NewerArchive`."""
    return Run(Path(path))


def load_archives(paths: Iterable[str | Path]) -> Runs:
    """The runs in archive folders, in their order; those that cannot be read are in `damaged`."""
    runs, damaged = [], []
    for path in paths:
        try:
            runs.append(load_archive(path))
        except DamagedArchive as error:
            damaged.append(error)
    return Runs(runs, damaged)


def load_run(
    reference: str | Path, root: Path, *, smoke: bool = False, scratch: bool = False
) -> Run:
    """The run that `reference` names, below the archive root `root` or at a path.

    `latest`, `latest~2` (the one two before it); an id or a beginning that no other id has; a node
    id or the end of one, with or without a case (the newest run of it; `~1` the one before); the
    path of an archive, of its `run.json` or its `analysis.py`, or of a zip file that holds one. The
    archives of `--smoke` and `--scratch` count for `latest` and for node ids only when asked for;
    an id is looked for among them too.

    Raises `NoSuchRun`, with the candidates where there are several; `DamagedArchive`,
    `NewerArchive`.
    """
    packed = _packed_path(reference)
    if packed is not None:
        return _load_packed(packed)
    path = _archive_path(reference)
    if path is not None:
        return load_archive(path)
    text = str(reference)
    back = _BACK.match(text)
    name, steps = (back[1], _count(back[2])) if back else (text, 0)
    roots = [root, *roots_beside(root, smoke=smoke, scratch=scratch)]
    if name == "latest" or "::" in name:
        return _newest(name, steps, roots, root)
    found = _by_id(text, root) or _by_id(text, *roots_beside(root, smoke=True, scratch=True))
    if found is None and _is_short(name, root):
        return _newest(name, steps, roots, root)
    return found or _reject(text, root)


def pin_run(reference: str, root: Path, *, smoke: bool = False, scratch: bool = False) -> PinnedRun:
    """The run that an experiment is given by `reference`: of a node id, the newest completed one.

    Raises `NoSuchRun`, `DamagedArchive`, `NewerArchive`.
    """
    if "::" not in reference or _BACK.match(reference):
        run = load_run(reference, root, smoke=smoke, scratch=scratch)
        inside = run.path.is_relative_to(root.absolute())
        value = run.id if inside else os.path.abspath(reference)
        return PinnedRun(run.id, value, run.node_id, run.started.isoformat())
    roots = [root, *roots_beside(root, smoke=smoke, scratch=scratch)]
    run = _newest(reference, 0, roots, root, status="completed")
    return PinnedRun(run.id, run.id, run.node_id, run.started.isoformat(), run.experiment)


def _count(digits: str) -> int:
    """A number of runs; of more digits than Python reads, more than there can be."""
    return int(digits) if len(digits) < 20 else sys.maxsize


def _packed_path(reference: str | Path) -> Path | None:
    """The zip file that a path leads to, if it leads to one."""
    path = Path(reference)
    try:
        return path.absolute() if path.suffix.lower() == ".zip" and path.is_file() else None
    except (OSError, ValueError):
        return None


class _Folder:
    """A temporary folder that is deleted with this object, at the latest when Python ends."""

    def __init__(self) -> None:
        import shutil  # slow, as is the other, and few archives are read packed
        import tempfile

        self.path = Path(tempfile.mkdtemp(prefix="expt-"))
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


def _load_packed(file: Path) -> Run:
    """The run that a zip file holds, unpacked into a folder that goes when the run does."""
    folder = _Folder()
    from expt.archive.packing import unpack_archives  # as above

    places = unpack_archives(file, folder.path)
    if len(places) > 1:
        names = "\n".join(place.relative_to(folder.path).as_posix() for place in places[:_SHOWN])
        what = f"{len(places)} runs are packed in this file"
        raise NoSuchRun(what, visible(str(file)), f"{names}\n'expt unpack' puts them below runs/")
    run = load_archive(places[0])
    run.keep(folder)
    return run


def _archive_path(reference: str | Path) -> Path | None:
    """The archive folder that a path leads to, if it leads to one."""
    path = Path(reference)
    try:
        if path.name in (RUN_FILE, ANALYSIS_FILE) and path.is_file():
            return path.absolute().parent
        if os.path.lexists(path / RUN_FILE):
            return path.absolute()
        is_named = isinstance(reference, Path) or path.is_absolute() or path.name != str(reference)
        if is_named and path.is_dir() and "::" not in str(reference):
            raise DamagedArchive(
                f"this folder has no {RUN_FILE}", visible(str(path)), "'expt show' lists the runs"
            )
    except (OSError, ValueError):  # a name too long for the system, a NUL
        return None
    return None


def _newest(
    name: str, steps: int, roots: Sequence[Path], root: Path, status: Status | None = None
) -> Run:
    """The newest run of a node id, or of any for `latest`, less `steps`.

    Of those of one status, where one is given.
    """
    rows = []
    for place in roots:
        with open_catalogue(place) as catalogue:
            rows += [(catalogue, row) for row in catalogue.rows if status in (None, row.status)]
    rows.sort(key=lambda found: found[1].started, reverse=True)
    if name != "latest":
        ends = [found for found in rows if _is_of(found[1], name, whole=False)]
        rows = [found for found in rows if _is_of(found[1], name, whole=True)] or ends
        experiments = sorted({row.experiment for _, row in rows})
        if len(experiments) > 1:
            hint = "\n".join(visible(experiment) for experiment in experiments[:_SHOWN])
            raise NoSuchRun(f"'{visible(name)}' is the end of several node ids", None, hint)
    if not rows and status is not None:
        raise NoSuchRun(f"no run of '{visible(name)}' is {status}", visible(str(root)))
    if not rows:
        _reject(name, root)
    if steps >= len(rows):
        of_it = "" if name == "latest" else f" of '{visible(name)}'"
        there = f"are only {len(rows)} runs" if len(rows) > 1 else "is only one run"
        raise NoSuchRun(f"there {there}{of_it}", visible(str(root)))
    catalogue, row = rows[steps]
    return _load_row(catalogue, row)


def _is_of(row: Row, name: str, *, whole: bool) -> bool:
    node_ids = (row.experiment, f"{row.experiment}[{row.case}]")
    if whole:
        return name in node_ids
    return any(full.endswith((f"/{name}", f"::{name}")) for full in node_ids)


def _is_short(name: str, root: Path) -> bool:
    """Whether a text that is no id ends a node id: `experiment_train[lr-0.1]`."""
    with open_catalogue(root) as catalogue:
        return any(_is_of(row, name, whole=False) for row in catalogue.rows)


def _by_id(text: str, *roots: Path) -> Run | None:
    """The one run whose id begins so, or whose folder is called so; None where there is none."""
    found = []
    for root in roots:
        with open_catalogue(root) as catalogue:
            rows = (*catalogue.rows, *catalogue.problems)
            found += [(catalogue, row) for row in rows if text and _answers_to(row, text)]
    if not found:
        return None
    if len(found) == 1:
        return _load_row(*found[0])
    same = len({row.id for _, row in found}) == 1
    shown = [
        f"{catalogue.path_of(row) if same else row.id}  {visible(row.experiment)}"
        f"{f'[{visible(row.case)}]' if row.case else ''}  {row.status or row.problem}"
        for catalogue, row in found[:_SHOWN]
    ]
    shown += [f"… and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
    what = "is the id of" if same else "begins the ids of"
    raise NoSuchRun(f"'{visible(text)}' {what} {len(found)} runs", None, "\n".join(shown))


def _answers_to(row: Row, text: str) -> bool:
    name = row.folder.rpartition("/")[2]
    return row.id.startswith(text.lower()) or text in (name, row.folder)


def _load_row(catalogue: Catalogue, row: Row) -> Run:
    shorten = id_shortener(other.id for other in (*catalogue.rows, *catalogue.problems))
    return Run(catalogue.path_of(row), shorten=shorten)


def _reject(text: str, root: Path) -> NoReturn:
    """Raise `NoSuchRun` with what there is."""
    with open_catalogue(root) as catalogue:
        names = {row.experiment for row in catalogue.rows} | {row.id for row in catalogue.rows}
    if not names:
        raise NoSuchRun("there are no runs yet", visible(str(root)), "'expt' runs the experiments")
    hint = did_you_mean(text, names)
    raise NoSuchRun(
        f"no run answers to '{visible(text)}'",
        visible(str(root)),
        hint or "'expt show' lists the runs; the beginning of an id is enough",
    )
