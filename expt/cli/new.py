"""`expt new`: a first experiment, an extended one, or a conftest, as files to start from."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Final

from expt.cli.parser import Parser
from expt.discovery import find_experiments
from expt.ground import layout
from expt.ground.configuration import find_root
from expt.ground.errors import ExitCode, ExptError, UsageError
from expt.ground.screen import Screen, linked, output, paragraph

_FIRST: Final = '''\
"""What this file is about, in a sentence."""


def experiment_{name}(track, rng, steps: int = 100, noise: float = 0.1):
    """Walk at random; the first line of this text is shown in every listing."""
    position = 0.0
    for step in range(steps):
        position += rng.normal(0.0, noise)
        track("position", position, step=step)
    return {{"distance": abs(position)}}
'''

_EXTENDED: Final = '''\
"""`{base_name}` with other values: change what deviates, leave the base as it is."""

import expt
from {module} import {base_name}

{name} = expt.extends({base_name})
'''

_HOSTED: Final = f"""\
{layout.SCHEMA_LINE}
# values that deviate stand here, above the table

[expt]
extends = "{{base}}"
"""

_CONFTEST: Final = '''\
"""Providers and hooks for every experiment below this folder."""

from expt import provider


@provider(scope="session")
def dataset(seed: int = 0):
    """Made once, and shared by the runs that ask for the argument `dataset`."""
    yield list(range(seed, seed + 10))
    # what stands after the yield is the teardown


def expt_run_finished(run, outcome):
    """Heard after each run below this folder."""
    print(f"{run.id} is {outcome.status}")
'''


def main(words: list[str]) -> int:
    """Write one file, never over another."""
    parser = Parser(prog="expt new", description=__doc__)
    parser.add_argument("path", help="the file to write, such as experiments/first.py, or a folder")
    parser.add_argument("--extends", metavar="NODEID", help="host this experiment there again")
    parser.add_argument("--conftest", action="store_true", help="write a conftest.py instead")
    words_parsed = parser.parse_args(words)
    path, text = _content(Path(words_parsed.path), words_parsed.extends, words_parsed.conftest)
    _write(path, text)
    screen = output()
    screen.line("wrote ", linked(str(path), path))
    if words_parsed.extends is not None:
        _tell_parts(path if path.suffix == ".py" else path.parent, screen)
    if path.name == layout.PARAMS_FILE:
        _write_schema(path.parent, screen)
    screen.line(_next(path))
    return int(ExitCode.OK)


def _tell_parts(place: Path, screen: Screen) -> None:
    """What an experiment that extends another may change: parameters, hook points, listeners."""
    from expt.cli.params import show_parts  # it starts a worker that imports the base

    screen.line(("what it may give otherwise:", "dim"))
    try:
        show_parts([str(place)], screen, ("points", "listeners"))
    except ExptError as error:
        screen.lines(paragraph(str(error), ("not known: ", "yellow")))


def _write_schema(folder: Path, screen: Screen) -> None:
    """What an editor needs to complete the new file."""
    from expt.cli.schema import read_schemas, write_schemas  # as above

    try:
        write_schemas(read_schemas([str(folder)]), screen)
    except ExptError:  # told above
        screen.line("'expt schema' writes what the first line of the file names")


def _next(path: Path) -> str:
    """A command that works with what was written."""
    if path.name != layout.CONFTEST_FILE:
        return f"run it: expt {shlex.quote(str(path if path.suffix == '.py' else path.parent))}"
    folder = shlex.quote(str(path.parent))
    found = find_experiments([path.parent], find_root([path.parent], Path.cwd())).experiments
    if found:
        return f"what takes part there: expt params {folder}"
    return f"an experiment beside it: expt new {shlex.quote(str(path.parent / 'first.py'))}"


def _content(path: Path, extends: str | None, conftest: bool) -> tuple[Path, str]:
    if conftest:
        return (
            path if path.name == layout.CONFTEST_FILE else path / layout.CONFTEST_FILE
        ), _CONFTEST
    if extends is not None:
        return _extended(path, extends)
    path = path if path.suffix == ".py" else path / "first.py"
    return path, _FIRST.format(name=_identifier(path.stem))


def _extended(path: Path, extends: str) -> tuple[Path, str]:
    base, colons, function = extends.partition("::")
    if not colons or not function.startswith(layout.EXPERIMENT_PREFIX):
        hint = "name it as 'expt --collect-only' does: experiments/first.py::experiment_first"
        raise UsageError(f"'{extends}' is no experiment to extend", "--extends", hint)
    if path.suffix == ".py":
        module = ".".join(Path(base).with_suffix("").parts)
        name = f"{layout.EXPERIMENT_PREFIX}{_identifier(path.stem)}"
        return path, _EXTENDED.format(base_name=function, module=module, name=name)
    relative = Path(os.path.relpath(base, path)).as_posix()
    text = _HOSTED.format(base=f"{relative}::{function}")
    return path / layout.PARAMS_FILE, text


def _identifier(stem: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in stem)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"'{path}' exists", None, "name a file that does not") from None
