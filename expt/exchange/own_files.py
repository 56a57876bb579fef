"""The rest of an archive as files beside what a format holds: `expt/run.json`, `expt/code/` …

A format that takes files takes the whole archive along, and a run that comes back has it again.
"""

from __future__ import annotations

import contextlib
import errno
import glob
import os
import shutil
from typing import TYPE_CHECKING, Final

from expt.exchange.bounded import read_bytes
from expt.exchange.own_facts import with_facts
from expt.ground.encoding import loads
from expt.ground.files import list_inside
from expt.ground.layout import CODE_DIR, ENVIRONMENT_FILE, LOG_FILE
from expt.ground.processes import process_is_alive
from expt.ground.value_classes import evolve

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

    from expt.exchange.foreign import ForeignRun
    from expt.reading.run import Run

OWN: Final = "expt"
"""The folder that has them."""
_TRIES: Final = 100  # to be faster than other exports of the same run
FACTS: Final = f"{OWN}/run.json"


def own_files(run: Run, facts: str) -> dict[str, Path | bytes]:
    """Code, output, environment, the files of series, and the `facts` that name them."""
    files: dict[str, Path | bytes] = {}
    for name in list_inside(run.path, CODE_DIR):
        files[f"{OWN}/{CODE_DIR}/{name}"] = run.path / CODE_DIR / name
    for name in (LOG_FILE, ENVIRONMENT_FILE):
        if (run.path / name).is_file():
            files[f"{OWN}/{name}"] = run.path / name
    for series in run.series.values():
        for file in series.files:
            files[f"{OWN}/{file.relative_to(run.path).as_posix()}"] = file
    return files | {FACTS: facts.encode()}


def write_files(folder: Path, files: Mapping[str, Path | bytes]) -> None:
    """Write them below `folder`, each a file to copy or its content."""
    for name, content in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            place.write_bytes(content)
        else:
            shutil.copyfile(content, place, follow_symlinks=False)


@contextlib.contextmanager
def made_anew(folder: Path) -> Iterator[Path]:
    """A folder beside `folder` to write a run in, which takes the place of the same run's in the
    end: nobody else's has its name. Where that fails nothing is left, and what a process that died
    had begun is removed."""
    for left in folder.parent.glob(f".{glob.escape(folder.name)}-*"):
        writer = left.name.rpartition("-")[2]
        if not (writer.isdecimal() and process_is_alive(int(writer))):
            shutil.rmtree(left, ignore_errors=True)
    unfinished = folder.with_name(f".{folder.name}-{os.getpid()}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished.mkdir()
    try:
        yield unfinished
        if not any(_put_in_place(unfinished, folder) for _ in range(_TRIES)):
            raise OSError(errno.ENOTEMPTY, "it cannot be replaced", str(folder))
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _put_in_place(unfinished: Path, folder: Path) -> bool:
    """Whether it is there; not, where another export was faster."""
    shutil.rmtree(folder, ignore_errors=True)
    try:
        os.rename(unfinished, folder)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        return False
    return True


def with_own_files(run: ForeignRun, folder: Path, place: str, names: Collection[str]) -> ForeignRun:
    """`run` as it was exported, where `names`, the files of `folder`, has what it needs in `place`
    (`artifacts/`)."""
    if f"{place}{FACTS}" not in names:
        return run
    code = f"{place}{OWN}/{CODE_DIR}/"
    log, environment = f"{place}{OWN}/{LOG_FILE}", f"{place}{OWN}/{ENVIRONMENT_FILE}"
    try:
        about = loads(read_bytes(folder, environment) or b"{}")
    except (ValueError, RecursionError):
        about = {}
    whole = evolve(
        run,
        tags=(),
        command=(),
        code={
            name.removeprefix(code): read_bytes(folder, name)
            for name in names
            if name.startswith(code)
        },
        log=log if log in names else b"",
        environment=about if isinstance(about, dict) else {},
    )
    facts = read_bytes(folder, f"{place}{FACTS}")
    return with_facts(whole, facts, lambda name: read_bytes(folder, f"{place}{OWN}/{name}"))
