"""Experiments found in sources: nothing of the user's is imported.

    walk ──► source ◄─ modules ◄─┐
             folders ◄───────────┴─ hosting ──► Experiment ──► selection
                                    asking        labels

`walk` names files, `source` reads a module's syntax tree, `modules` follows imports, `folders`
reads the `[expt]` tables, `hosting` makes experiments of all that, `asking` knows what providers
may take, `labels` names cases, `selection` asks which are meant.
"""

from __future__ import annotations

import contextlib
import warnings
from typing import TYPE_CHECKING

from expt.discovery.folders import Folders
from expt.discovery.hosts import Swept, Tree
from expt.discovery.walk import walk
from expt.ground.layout import PARAMS_FILE
from expt.ground.processes import without_collection
from expt.ground.value_classes import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from expt.ground.errors import ExptError
    from expt.ground.model import Experiment


@frozen
class Found:
    """The experiments below the paths, in the order of a listing, and what could not be read."""

    experiments: tuple[Experiment, ...]
    mistakes: tuple[ExptError, ...]


def find_experiments(
    paths: Sequence[Path],
    root: Path,
    *,
    ignore: Sequence[str] = (),
    configured_paths: Sequence[str] = ("experiments",),
    swept: Swept | None = None,
) -> Found:
    """Every experiment in `paths` (or, where there are none, in `configured_paths`).

    Paths in the order given, files sorted within, experiments by line. `ignore` are paths or
    patterns relative to the root. `swept` is what the command line says of axes. Raises
    `UsageError` for a path that does not exist; all else that is wrong is among the mistakes.
    """
    walked = walk(paths or [root / path for path in configured_paths], root, ignore)
    tree = Tree(root, Folders(root), swept or Swept())
    experiments: list[Experiment] = []
    with _quiet_and_quick():
        for path in walked.files:
            folder, _, name = path.rpartition("/")
            if name == PARAMS_FILE:
                experiments.extend(tree.experiments_of_folder(folder))
            else:
                experiments.extend(tree.experiments_of_file(path))
    meant = tuple(experiment for experiment in experiments if not experiment.is_base)
    return Found(meant, (*walked.mistakes, *tree.mistakes))


@contextlib.contextmanager
def _quiet_and_quick() -> Iterator[None]:
    """No compiler's warnings about users' texts, no search for garbage (a fifth of the time)."""
    with without_collection(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
