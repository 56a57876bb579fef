"""From the words of the command line to experiments: discovery, then selection.

Nothing of the user's is imported; what `-k`, `-m` and node ids cannot exclude yet is kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from expt.discovery import Swept, find_experiments, select_experiments
from expt.ground.errors import Mistakes, ParameterError
from expt.ground.expression import compile_selection
from expt.ground.options import Typed
from expt.parameters import (
    is_random,
    is_random_axis,
    is_secret_name,
    read_points,
    read_sweep,
    zip_axes,
)
from expt.parameters.coercion import dotted

if TYPE_CHECKING:
    from expt.ground.model import Axis, Experiment
    from expt.ground.options import Options, Sweep
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
        expand=_expand,
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
        axis = read_sweep(sweep)
        if is_secret_name(sweep.name.rpartition(".")[2]):
            more = True  # cases are named without the values
        elif is_random_axis(axis) or not _reads_alike(sweep, axis):
            more = True
        else:
            axes.append(axis)
    groups = [(names, f"--zip {','.join(names)}") for names in options.values.zips]
    known = {name for axis in axes for name in axis.names}
    if all(known.issuperset(names) for names, _ in groups):
        axes = zip_axes(axes, groups)
    else:
        more = True
    fixed = [
        f"{one.experiment}:{dotted(one.name)}" if one.experiment else dotted(one.name)
        for one in options.values.params
        if one.operator != "+="
    ]
    return Swept(tuple(axes), tuple(fixed), more)


def _reads_alike(sweep: Sweep, axis: Axis) -> bool:
    """Whether no annotation can make another text of what was typed."""
    if len(sweep.points) > _SHORT or isinstance(sweep.points, Mapping):
        return True
    pairs = zip(sweep.points, axis.values, strict=True)
    return all(not isinstance(p, Typed) or p.text == str(value) for p, (value,) in pairs)


def _expand(points: Any) -> Sequence[Any]:
    """The points of a range that need no seed."""
    if is_random(points):
        raise ParameterError("random points are drawn when the seed is known")
    return read_points(points, "", None)
