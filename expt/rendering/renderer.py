"""The renderings of one archive, made from what the reader gives: pictures, videos, the script.

    for each series ─► expt_render_series ─► files in a folder beside ─┐
    for the run ─────► expt_render_run ────► files ────────────────────┴─► renamed into plots/
                                                                       └─► index.json ─► RunRendered

Whatever fails is a notice that names the series; the others are drawn. Hooks write into a folder
beside `plots/`, and what they made is renamed from there: a file replaces what bore its name, be
it a link that leads elsewhere, and nothing is ever written through one. What is drawn no
more is removed, and so is what a renderer that was killed left unfinished.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from expt.archive.json_files import read_plots, write_plots
from expt.ground import layout
from expt.ground.errors import DamagedArchive, ExptError
from expt.ground.files import path_inside
from expt.ground.messages import RunRendered
from expt.ground.text import visible
from expt.reading.run import Run
from expt.rendering.beside import folder_beside, move_all, reject_link

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_SERIES: Final = 500
"""A run of more series has the others drawn where they are asked for: `run.plot(name)`."""

_SAFE: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}(?<!\.)")
_UNSAFE_CHARACTERS: Final = re.compile(r"[^A-Za-z0-9.-]+")
_TAKEN: Final = re.compile(
    r"(overview|results|analysis|con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE
)


class CallHook(Protocol):
    """Calls a hook: what each implementation returned; a failure's text goes to `complain`."""

    def __call__(
        self, hook: str, complain: Callable[[str], None], /, **arguments: Any
    ) -> list[Any]: ...


def any_draws(takes: Callable[[str, str], bool]) -> bool:
    """Whether anybody asks for the folder to draw into; `takes` says who takes an argument."""
    return any(takes(hook, "folder") for hook in ("expt_render_series", "expt_render_run"))


def render_archive(path: Path, observe: CallHook, *, draws: bool = True) -> RunRendered:
    """Make every rendering of the archive at `path`, and `plots/index.json`.

    Where nobody `draws`, no folder is made and removed again for it: of a short run without
    pictures that would be a third of the work here.

    Never raises for what a plugin, a value or the disk does: that becomes `failures`, which
    `plots/notices.json` keeps. The files are named relative to the archive.
    """
    notices: list[str] = []
    folder = path / layout.PLOTS_DIR
    try:
        run = Run(path)
        reject_link(folder)
        with folder_beside(folder) if draws else contextlib.nullcontext(folder) as beside:
            index = _render_series(run, beside, observe, notices)
            with noticing("", notices):
                found = observe("expt_render_run", notices.append, run=run, folder=beside)
                files = files_inside(path, beside, found, notices)
            made = [f"{layout.PLOTS_DIR}/{file}" for names in index.values() for file in names]
            old = _listed_files(path) if os.path.lexists(folder) else None
            if draws:
                move_all(beside, folder)
        for file in (old or set()) - {name for names in index.values() for name in names}:
            (folder / file).unlink(missing_ok=True)
        if draws or made or notices or old is not None:
            write_plots(path, index, notices)
            with contextlib.suppress(OSError):
                folder.rmdir()  # only where nothing was drawn, and nobody put anything there
    except (ExptError, OSError) as error:
        told = "; ".join(line.strip() for line in str(error).splitlines())
        lines = [*notices, f"the archive cannot be rendered: {told}"]
        return RunRendered(str(path), (), tuple(lines))
    return RunRendered(str(path), (*made, *files), tuple(dict.fromkeys(notices)))


def file_stems(names: Iterable[str]) -> dict[str, str]:
    """A file name without suffix for every name of a series: safe, and no two the same.

    `loss` is `loss`, and `eval/acc` is `eval_acc`. What would then be another's name, be it in
    other letters of case, gets the beginning of a hash: `eval_acc~3f1c09a2b4`. No other has a `~`.
    """
    listed = list(names)
    plain = [name for name in listed if _SAFE.fullmatch(name)]
    stems: dict[str, str] = {}
    taken: set[str] = set()
    for name in dict.fromkeys([*plain, *listed]):
        stem = _UNSAFE_CHARACTERS.sub("_", name[:60]).strip("._-") or "_"
        if _SAFE.fullmatch(name):
            stem = name
        if stem.lower() in taken or _TAKEN.fullmatch(stem):
            digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:10]
            stem = f"{stem}~{digest}"
        taken.add(stem.lower())
        stems[name] = stem
    return {name: stems[name] for name in listed}


def _render_series(
    run: Run, folder: Path, observe: CallHook, notices: list[str]
) -> dict[str, list[str]]:
    index: dict[str, list[str]] = {}
    stems = file_stems(run.series)
    for name in list(stems)[:MOST_SERIES]:
        with noticing(f"{_quoted(name)}: ", notices):
            complaints: list[str] = []
            found = observe(
                "expt_render_series",
                complaints.append,
                run=run,
                series=run.series[name],
                folder=folder,
                stem=stems[name],
            )
            index[name] = files_inside(folder, folder, found, complaints)
            notices += [f"{_quoted(name)}: {complaint}" for complaint in complaints]
    if len(stems) > MOST_SERIES:
        notices.append(
            f"the first {MOST_SERIES} of {len(stems):,} series are drawn;"
            " run.plot(name) draws any of them"
        )
    return index


@contextlib.contextmanager
def noticing(prefix: str, notices: list[str]) -> Iterator[None]:
    """What is warned of inside becomes a notice, and so does what goes wrong."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", UserWarning)
        try:
            yield
        except Exception as error:
            notices.append(f"{prefix}{type(error).__name__}: {error}")
    notices.extend(f"{prefix}{warning.message}" for warning in caught)


def files_inside(folder: Path, beside: Path, found: Iterable[Any], notices: list[str]) -> list[str]:
    """The files that hooks say they made, relative to `folder`; others are told of.

    Those in `beside` are told where they will be, in `plots/`.
    """
    names = []
    prefix = "" if folder == beside else f"{layout.PLOTS_DIR}/"
    homes = ((f"{beside}{os.sep}", prefix), (f"{folder}{os.sep}", ""))
    for result in found:
        paths = [result] if isinstance(result, (str, Path)) else result
        if not isinstance(paths, Sequence):
            notices.append(f"a hook returned {result!r:.80}, not the paths of files")
            continue
        for path in map(os.fspath, paths):
            place = os.path.normpath(os.path.join(beside, path))
            for home, shown in homes:
                if place.startswith(home) and os.path.isfile(place):
                    names.append(shown + place.removeprefix(home).replace(os.sep, "/"))
                    break
            else:
                notices.append(f"a hook returned {path!r}, which is no file in its folder")
    return names


def _listed_files(archive: Path) -> set[str]:
    """The files of `plots/` that an earlier `index.json` lists."""
    try:
        names = [name for names in read_plots(archive).values() for name in names]
    except DamagedArchive:
        return set()
    folder = archive / layout.PLOTS_DIR
    return {name for name in names if Path(name).name == name and path_inside(folder, name)}


def _quoted(name: str) -> str:
    shown = visible(name)
    return f"'{shown if len(shown) <= 60 else shown[:40] + '…' + shown[-16:]}'"
