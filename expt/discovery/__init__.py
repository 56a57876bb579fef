"""Experiments found in sources: nothing of the user's is imported.

    walk ──► module_source ◄─ modules ◄─┐
             folders ◄──────────────────┴─ hosts ──► Experiment ──► selection
                                           asking      labels

`walk` names files, `module_source` reads a syntax tree, `modules` follows imports, `folders` reads
the `[expt]` tables, `hosts` makes experiments of all that with what is `swept`, `asking` knows what
providers may take, `labels` names cases, `selection` asks which are meant. Forks read a part of
many files, and hand experiments over as `plain_values`.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Final

from expt.discovery.folders import Folders
from expt.discovery.hosts import Tree
from expt.discovery.plain_values import from_plain, to_plain
from expt.discovery.swept import Swept
from expt.discovery.walk import walk
from expt.ground.layout import USUAL_PATHS
from expt.ground.processes import without_collection
from expt.ground.side_by_side import work_side_by_side
from expt.ground.value_classes import frozen

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from expt.ground.errors import ExptError
    from expt.ground.model import Experiment

_FEWEST: Final = 50  # files a process; a fork and what it hands over cost as much as parsing twenty
_PORTION: Final = 8  # files


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
    configured_paths: Sequence[str] = USUAL_PATHS,
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
    with without_collection(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the compiler's, about users' texts
        known = work_side_by_side(
            tree.experiments_apart,
            walked.files,
            pack=to_plain,
            unpack=from_plain,
            fewest=_FEWEST,
            portion=_PORTION,
        )
        for path, there in zip(walked.files, known, strict=True):
            experiments.extend(tree.experiments_at(path) if there is None else there)
    meant = tuple(experiment for experiment in experiments if not experiment.is_base)
    return Found(meant, (*walked.mistakes, *tree.mistakes))
