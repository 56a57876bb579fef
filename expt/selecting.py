"""From the words of the command line to experiments: discovery, then selection.

Nothing of the user's is imported; what `-k`, `-m` and node ids cannot exclude yet is kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from expt.discovery import find_experiments, select_experiments
from expt.errors import Mistakes
from expt.expression import compile_expression

if TYPE_CHECKING:
    from expt.expression import Expression
    from expt.model import Experiment, Options
    from expt.plugins import Plugins


def collect(options: Options, plugins: Plugins) -> list[Experiment]:
    """The experiments that are left. Raises `CollectionError`, or `Mistakes` for several."""
    keyword, marks = selection_expressions(options)
    found = find_experiments(
        options.paths,
        options.root,
        ignore=options.ignore,
        configured_paths=options.configured_paths,
    )
    if found.mistakes and not options.continue_on_errors:
        raise found.mistakes[0] if len(found.mistakes) == 1 else Mistakes(found.mistakes)
    experiments, deselected = select_experiments(
        found.experiments,
        keyword=keyword,
        marks=marks,
        node_ids=options.node_ids,
        deselect=options.deselect,
    )
    plugins.observe(
        "expt_collection_finished",
        options=options,
        experiments=tuple(experiments),
        deselected=deselected,
    )
    return list(experiments)


def selection_expressions(options: Options) -> tuple[Expression | None, Expression | None]:
    """`-k` and `-m`, compiled; None where they are empty."""
    keyword = compile_expression(options.keyword, "-k") if options.keyword.strip() else None
    marks = compile_expression(options.marks, "-m") if options.marks.strip() else None
    return keyword, marks
