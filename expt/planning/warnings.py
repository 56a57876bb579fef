"""Keys of a `params.toml` that nothing in its folder tree takes: likely a typo."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from expt.ground.errors import did_you_mean
from expt.parameters import folder_values

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from expt.parameters import ParamsFile
    from expt.planning.binding import Binding
    from expt.planning.places import Files


def unused_keys(
    files: Files, bindings: Sequence[Binding], taken: Mapping[str, frozenset[str]]
) -> list[str]:
    """A warning for each such key, with file and line.

    `taken` are the names that the planned experiments ask for. Those that were not selected are
    not imported: a name that any source below the folder mentions is given the benefit of doubt.
    """
    warnings = []
    for path, file in sorted(files.params_read().items()):
        folder = path.rpartition("/")[0]
        below = [b for b in bindings if file in b.files]
        used = {name for b in below for name in taken[b.experiment.id]} | {"seed"}
        suspects = [name for name in folder_values(file.values) if name not in used]
        if suspects:
            mentioned = _mentioned(files.root / folder, suspects)
            warnings += [_warn(name, file, used) for name in suspects if name not in mentioned]
    return warnings


def _warn(name: str, file: ParamsFile, used: set[str]) -> str:
    hint = did_you_mean(name, used)
    text = f"{file.where((name,))}: nothing takes the parameter '{name}'"
    return f"{text}; {hint}" if hint else text


def _mentioned(folder: Path, names: Sequence[str]) -> set[str]:
    pattern = re.compile(rb"\b(?:" + b"|".join(re.escape(n.encode()) for n in names) + rb")\b")
    found: set[str] = set()
    for content in _sources(folder):
        found.update(match.decode() for match in pattern.findall(content))
        if len(found) == len(names):
            break
    return found


def _sources(folder: Path) -> Iterator[bytes]:
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith((".", "__pycache__"))]
        for name in names:
            if name.endswith(".py"):
                try:
                    with open(os.path.join(place, name), "rb") as file:
                        yield file.read()
                except OSError:
                    continue
