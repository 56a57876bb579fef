"""From the words of the command line to experiments: discovery, then selection.

Nothing of the user's is imported; what `-k`, `-m` and node ids cannot exclude yet is kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from expt.discovery import Swept, find_experiments, select_experiments
from expt.ground.errors import Mistakes
from expt.ground.expression import compile_selection
from expt.ground.model import Axis
from expt.parameters import (
    is_secret_name,
    parse_assignment,
    parse_sweep,
    parse_zip,
    read_points,
    zip_axes,
)

if TYPE_CHECKING:
    from expt.ground.model import Experiment
    from expt.ground.options import Options
    from expt.plugins.manager import Plugins

_SHORT: Final = 1000  # points of an axis up to which their texts are compared


def collect(options: Options, plugins: Plugins) -> list[Experiment]:
    """The experiments that are left. Raises `CollectionError`, or `Mistakes` for several."""
    keyword, marks = compile_selection(options.selection.keyword, options.selection.marks)
    found = find_experiments(
        options.selection.paths,
        options.root,
        ignore=options.selection.ignore,
        configured_paths=options.selection.configured_paths,
        expand=lambda points: read_points(points, "", None),
        swept=swept_on_command_line(options),
    )
    if found.mistakes and not options.selection.continue_on_errors:
        raise found.mistakes[0] if len(found.mistakes) == 1 else Mistakes(found.mistakes)
    experiments, deselected = select_experiments(
        found.experiments,
        keyword=keyword,
        marks=marks,
        node_ids=options.selection.node_ids,
        deselect=options.selection.deselect,
    )
    plugins.observe(
        "expt_collection_finished",
        options=options,
        experiments=tuple(experiments),
        deselected=deselected,
    )
    return list(experiments)


def swept_on_command_line(options: Options) -> Swept:
    """What the command line says of axes, as far as no annotation is needed to read it.

    Text that an annotation may read in another way, and axes that planning makes, are only said
    to be there: what selects cases by them is then asked again when they are known.
    """
    axes: list[Axis] = []
    more = bool(options.values.repeat or any("," in name for name in options.values.variants))
    for sweep in options.values.sweeps:
        axis = sweep if isinstance(sweep, Axis) else parse_sweep(sweep)
        said = axis.values if isinstance(sweep, Axis) or len(axis) > _SHORT else None
        text = None if isinstance(sweep, Axis) else sweep.partition("=")[2]
        if any(is_secret_name(name.rpartition(".")[2]) for name in axis.names):
            more = True  # cases are named without the values
        elif said is not None or text == ",".join(str(value) for (value,) in axis.values):
            axes.append(axis)
        else:
            more = True
    groups = [(parse_zip(names), f"--zip {names}") for names in options.values.zips]
    known = {name for axis in axes for name in axis.names}
    if all(known.issuperset(names) for names, _ in groups):
        axes = zip_axes(axes, groups)
    else:
        more = True
    fixed = []
    for typed in options.values.params:
        if isinstance(typed, tuple):
            fixed.append(typed[0])
            continue
        given = parse_assignment(typed)
        if given.operator != "+=":
            fixed.append(f"{given.experiment}:{given.dotted}" if given.experiment else given.dotted)
    return Swept(tuple(axes), tuple(fixed), more)
