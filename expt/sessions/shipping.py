"""Cases for nodes without our file system: what they need goes with them, the archive comes back.

    session   code, params.toml, inputs ─► zip ─┐       ┌─► at its place below the archive root
                 archives that it is given ─► zip ┴─► node ─┘ zip of the archive
    node      root/  runs/   in a temporary folder, as long as this process has cases of the session

The code is the static closure that a fingerprint is made of; what a file loads by its name is
named by the setting `files`.
"""

from __future__ import annotations

import io
import os
import tempfile
import zipfile
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Final

from expt.archive.packing import pack_archives, reject_unspeakable, unpack_archives
from expt.archive.snapshot import static_closure
from expt.ground.errors import ConfigurationError, ExptError, UsageError
from expt.ground.layout import CONFTEST_FILE, PARAMS_FILE, RESERVED_TABLE, RUNS_DIR
from expt.ground.options import runs_root
from expt.ground.text import human_size
from expt.ground.toml_reading import read_toml
from expt.ground.value_classes import evolve

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from expt.ground.messages import Begin, RunRequest
    from expt.ground.model import Case, Experiment
    from expt.ground.options import Options

_CAP: Final = 256 * 1024 * 1024  # bytes of what goes with one case


def files_of(experiment: Experiment, root: Path) -> list[str]:
    """The files of an experiment's fingerprint, its own first, relative to the root."""
    own = [experiment.path, *(base.partition("::")[0] for base in experiment.extends)]
    first = [*own, *sorted(_above(own, experiment.folder, CONFTEST_FILE))]
    first = [path for path in first if (root / path).is_file()]
    found = static_closure([root / path for path in first], root)
    return list(dict.fromkeys((*first, *found)))


def _above(files: Iterable[str], folder: str, name: str) -> set[str]:
    """The places of `name` in all folders above files, and above `folder`."""
    folders = {Path(path).parent for path in (*files, f"{folder}/x")}
    return {(place / name).as_posix() for each in folders for place in (each, *each.parents)}


# The session's side


def pack_code(case: Case, options: Options, more: Sequence[str]) -> bytes:
    """What a case needs of the root directory, as a zip: the same for all cases of an experiment
    that have the same inputs. `more` are patterns of further files.

    Raises `UsageError` for an input that lies elsewhere, and for what is too large.
    """
    root = options.root
    names = dict.fromkeys(files_of(case.experiment, root))
    params = [
        name
        for name in sorted(_above(names, case.experiment.folder, PARAMS_FILE))
        if (root / name).is_file()
    ]
    used = [*_used(root, params), *options.values.use]
    plugins = [os.path.relpath(name, root) for name in options.plugins if name.endswith(".py")]
    named = [name for name in (*used, *plugins) if (root / name).is_file()]
    names |= dict.fromkeys(static_closure([root / name for name in named], root))
    names |= dict.fromkeys((*params, *named, *_inputs(case, options)))
    for pattern in more:
        names |= {
            file.relative_to(root).as_posix(): None for file in root.glob(pattern) if file.is_file()
        }
    size = sum((root / name).stat().st_size for name in names)
    if size > _CAP:
        raise UsageError(
            f"what {case.experiment.id} needs is {human_size(size)}, more than {human_size(_CAP)}",
            "ship = true",
            "put the data where all nodes see it",
        )
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as packed:
        for name in sorted(names):
            reject_unspeakable(name, root)
            about = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            packed.writestr(about, (root / name).read_bytes(), zipfile.ZIP_DEFLATED)
    return stream.getvalue()


def _used(root: Path, params: Sequence[str]) -> Iterator[str]:
    """The modules that `[expt] use` of these files names."""
    for name in params:
        values, _ = read_toml(root / name, name, ConfigurationError)
        table: Any = values.get(RESERVED_TABLE)
        for used in table.get("use", ()) if isinstance(table, dict) else ():
            yield os.path.normpath(PurePath(name).parent / used)


def _inputs(case: Case, options: Options) -> Iterator[str]:
    for name in case.inputs:
        place = Path(str(case.params[name]))
        whole = Path(os.path.abspath(options.cwd / place))
        if place.is_absolute() or not whole.is_relative_to(options.root):
            hint = "what is shipped lies below the root directory, and is named relative to it"
            raise UsageError(f"'{name}' is {place}, which no node has", "ship = true", hint)
        files = (
            [whole] if whole.is_file() else [each for each in whole.rglob("*") if each.is_file()]
        )
        yield from (file.relative_to(options.root).as_posix() for file in files)


def pack_given(case: Case, options: Options) -> bytes:
    """The archives that a case is given, or goes on from, as a zip; empty where there are none."""
    root = runs_root(options)
    given = [*case.goes_on_from[:1], *(run.path for run in case.runs.values() if run.path)]
    return _packed({os.path.relpath(path, root): Path(path) for path in given}) if given else b""


def take_archive(content: bytes, root: Path) -> Path:
    """Put the archive that a node sent at its place below `root`. Raises `ExptError`."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "archive.zip")
        file.write_bytes(content)
        (place,) = unpack_archives(file, root)
    return place


# The node's side


def lay_out(code: bytes, given: bytes, begin: Begin, folder: Path) -> Begin:
    """Put what came along into `folder`; what a worker is to know, with its places there.

    Raises `ExptError` for a name that leads outside.
    """
    options = begin.options
    root = folder / "root"
    with zipfile.ZipFile(io.BytesIO(code)) as packed:
        for about in packed.infolist():
            target = Path(os.path.abspath(root / about.filename))
            if not target.is_relative_to(root):
                raise ExptError(f"'{about.filename}' leads outside")
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.exists():
                target.write_bytes(packed.read(about))
    inside = options.cwd.is_relative_to(options.root)
    cwd = root / options.cwd.relative_to(options.root) if inside else root
    cwd.mkdir(parents=True, exist_ok=True)
    plugins = tuple(_moved(name, options.root, root) for name in options.plugins)
    keeping = evolve(options.keeping, runs=folder / RUNS_DIR)
    here = evolve(options, root=root, cwd=cwd, keeping=keeping, plugins=plugins)
    if given:
        file = folder / "given.zip"
        file.write_bytes(given)
        try:
            unpack_archives(file, runs_root(here))
        except ExptError:  # they came with another case already
            pass
        finally:
            file.unlink()
    return evolve(begin, options=here)


def moved_request(request: RunRequest, before: Options, here: Options) -> RunRequest:
    """The request with the places that the archives it is given have here."""
    old, new = runs_root(before), runs_root(here)
    case = request.case
    runs = {name: evolve(run, path=_moved(run.path, old, new)) for name, run in case.runs.items()}
    goes_on = tuple(_moved(path, old, new) for path in case.goes_on_from[:1])
    return evolve(request, case=evolve(case, runs=runs, goes_on_from=goes_on))


def _moved(path: str, old: Path, new: Path) -> str:
    return str(new / Path(path).relative_to(old)) if Path(path).is_relative_to(old) else path


def pack_run(archive: Path, root: Path) -> bytes:
    """An archive below `root`, to be sent."""
    return _packed({archive.relative_to(root).as_posix(): archive})


def _packed(archives: dict[str, Path]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "archives.zip")
        pack_archives(sorted(archives.items()), file)
        return file.read_bytes()
