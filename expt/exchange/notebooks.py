"""The analysis script of runs as a notebook (nbformat 4.5): a cell for each cell of the script.

The title of a cell, `# %% Scalars`, becomes a heading in Markdown before it.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from expt.ground.files import write_atomically
from expt.reading.runs import Runs
from expt.rendering.script import script_of, write_runs_script

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from expt.reading.run import Run

_CELL: Final = re.compile(r"^# %%[ \t]*(.*)$", re.MULTILINE)


def write_notebook(runs: Sequence[Run], destination: str) -> Iterator[str]:
    """The file `destination`: of one run its own script, of several one that reads them all."""
    text = script_of(runs[0]) if len(runs) == 1 else write_runs_script(Runs(runs))
    content = json.dumps(notebook_of(text), indent=1) + "\n"
    write_atomically(Path(destination).absolute(), content.encode())
    yield from ()


def notebook_of(script: str) -> dict[str, Any]:
    """The notebook of a script in percent cells."""
    parts = _CELL.split(script)
    cells = [_cell("code", parts[0])]
    for title, body in zip(parts[1::2], parts[2::2], strict=True):
        cells += [_cell("markdown", f"## {title}" if title else ""), _cell("code", body)]
    whole = [cell for cell in cells if cell["source"]]
    for number, cell in enumerate(whole):
        cell["id"] = f"cell-{number}"
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
            "language_info": {"name": "python"},
        },
        "cells": whole,
    }


def _cell(kind: str, text: str) -> dict[str, Any]:
    lines = text.strip("\n").encode("utf-8", "replace").decode().splitlines(keepends=True)
    cell: dict[str, Any] = {"cell_type": kind, "id": "", "metadata": {}, "source": lines}
    return cell | {"execution_count": None, "outputs": []} if kind == "code" else cell
