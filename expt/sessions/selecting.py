"""From the words of the command line to experiments: discovery, then selection.

Nothing of the user's is imported; what `-k`, `-m` and node ids cannot exclude yet is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from expt.discovery import find_experiments
from expt.discovery.selection import Selected, read_conditions, select_experiments
from expt.discovery.swept import Swept
from expt.ground.errors import Mistakes
from expt.ground.options import Typed
from expt.ground.text import dotted
from expt.ground.value_classes import frozen

if TYPE_CHECKING:
    from expt.ground.model import Axis
    from expt.ground.options import Options, Sweep
    from expt.plugins.manager import Plugins

_SHORT: Final = 1000  # points of an axis up to which their texts are compared


@frozen
class Collected:
    """What is left of a tree, and the errors that `--continue-on-collection-errors` goes past."""

    selected: Selected
    errors: tuple[str, ...] = ()


def collect(options: Options, plugins: Plugins) -> Collected:
    """The experiments that are left. Raises `CollectionError`, or `Mistakes` for several."""
    meant = read_conditions(options.selection)
    found = find_experiments(
        options.selection.paths,
        options.root,
        ignore=options.selection.ignore,
        configured_paths=options.selection.configured_paths,
        swept=swept_on_command_line(options),
    )
    if found.mistakes and not options.selection.continue_on_errors:
        raise found.mistakes[0] if len(found.mistakes) == 1 else Mistakes(found.mistakes)
    selected = select_experiments(found.experiments, meant)
    plugins.observe(
        "expt_collection_finished",
        options=options,
        experiments=selected.experiments,
        deselected=selected.left_out,
    )
    return Collected(selected, tuple(map(str, found.mistakes)))


def swept_on_command_line(options: Options) -> Swept:
    """What the command line says of axes, as far as no annotation is needed to read it.

    Text that an annotation may read in another way, and axes that planning makes, are only said
    to be there: what selects cases by them is then asked again when they are known.
    """
    more = any("," in name for name in options.values.variants) or bool(
        options.values.use or options.values.params_files
    )
    if any(map(_is_secret, options.values.sweeps)):
        more = True  # cases are named without the values
    fixed = [
        f"{one.experiment}:{dotted(one.name)}" if one.experiment else dotted(one.name)
        for one in options.values.params
        if one.operator != "+="
    ]
    return Swept(
        sweeps=tuple(map(_axis_or_texts, options.values.sweeps)),
        groups=tuple((names, f"--zip {','.join(names)}") for names in options.values.zips),
        repeat=_repeat_axis(options.values.repeat),
        fixed=tuple(fixed),
        more=more,
    )


def _is_secret(sweep: Sweep) -> bool:
    from expt.parameters.secret_values import (
        is_secret_name,  # as slow as listing five hundred files
    )

    return is_secret_name(sweep.name.rpartition(".")[2])


def _axis_or_texts(sweep: Sweep) -> Axis | Sweep:
    from expt.parameters.sweeps import read_sweep  # as above

    axis = read_sweep(sweep)
    return axis if _reads_alike(sweep, axis) else sweep


def _repeat_axis(count: int | None) -> Axis | None:
    if count is None:
        return None
    from expt.parameters.sweeps import repeat_axis  # as above

    return repeat_axis(count, f"--repeat {count}")


def _reads_alike(sweep: Sweep, axis: Axis) -> bool:
    """Whether no annotation can make another text of what was typed."""
    if len(sweep.points) > _SHORT or isinstance(sweep.points, Mapping):
        return True
    pairs = zip(sweep.points, axis.values, strict=True)
    return all(not isinstance(p, Typed) or p.text == str(value) for p, (value,) in pairs)
