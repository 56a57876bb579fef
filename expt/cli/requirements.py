"""`expt requirements REF`: the packages of a run as pins that pip and uv install."""

from __future__ import annotations

import re
from typing import Any, Final

from expt.cli.parser import Parser, add_root
from expt.ground.errors import ExitCode, ReadingError
from expt.ground.screen import output
from expt.ground.text import visible
from expt.reading.references import find_archive_root, load_run

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_VERSION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.!+_-]*")


def main(words: list[str]) -> int:
    """A line a package; what is no pin is a comment."""
    parser = Parser(prog="expt requirements", description="The packages of a run, as pins.")
    add: Any = parser.add_argument
    add("reference", metavar="REF", help="the run")
    add_root(parser)
    asked = parser.parse_args(words)
    run = load_run(asked.reference, find_archive_root(asked.runs))
    packages = run.environment.get("packages")
    if not isinstance(packages, dict):
        raise ReadingError("its environment.json lists no packages", str(run.path))
    lines = [f"# {run.node_id} {run.id}", f"# Python {run.environment.get('python')}"]
    for name, version in sorted(packages.items()):
        pin = f"{name}=={version}"
        is_pin = _NAME.fullmatch(str(name)) and _VERSION.fullmatch(str(version))
        lines.append(pin if is_pin else f"# {pin}")
    text = "".join(f"{visible(line)}\n" for line in lines)
    output().write(text)
    return int(ExitCode.OK)
