"""The axes of one experiment: of its decorator, its folders and the command line, zipped.

    @expt.sweep < [expt.sweep] of the folders, nearest strongest < --sweep < --repeat, --variant

An experiment gets the axes that it, its providers or what it needs take. `-p` on a swept name
collapses it, and a plain value in a nearer folder ends the axis of an outer one; one of `--params`
ends that of a folder or a decorator.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from expt.parameters import sweeps
from expt.parameters.folder_axes import Given, Step, axes_of_folders, ended_by, repeat_of_folders
from expt.parameters.seeds import SEED
from expt.parameters.typed_text import first_key
from expt.planning.searches import searched_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from expt.ground.model import Axis
    from expt.ground.options import Options
    from expt.planning.binding import Binding
    from expt.planning.chains import Reach

VARIANT: Final = "variant"
"""The axis of `--variant a,b`."""


def swept_names(binding: Binding, options: Options) -> frozenset[str]:
    """Every name that anything sweeps for this experiment, dotted."""
    axes = [*_declared(binding, None)[0], *axes_of_folders(binding.steps).axes]
    names = {name for axis in axes for name in axis.names}
    names.update(sweep.name for sweep in options.values.sweeps)
    return frozenset(names) | searched_names(binding, options)


def variant_axes(options: Options) -> tuple[list[str], Axis | None]:
    """The variants that are always on, in order, and the axis of `--variant a,b`, if any.

    Several such options are several axes of one name, so they are combined: `a+c`.
    """
    steady: list[str] = []
    choices: list[list[str]] = []
    for typed in options.values.variants:
        names = [name.strip() for name in typed.split(",")]
        if len(names) == 1:
            steady += names
        else:
            choices.append(names)
    if not choices:
        return steady, None
    combined: list[tuple[str, ...]] = [()]
    for names in choices:
        combined = [(*before, name) for before in combined for name in names]
    values = ["+".join(names) for names in combined]
    return steady, sweeps.make_axis(VARIANT, values, "--variant")


def decide_axes(
    binding: Binding, options: Options, reach: Reach, draw: Callable[[], int]
) -> tuple[list[Axis], list[str]]:
    """The axes of one experiment, and what is to be said of them; `reach` is what it takes.

    `draw` gives what random axes are drawn from where nobody gives a seed. Raises `ParameterError`
    or `UsageError` for an axis that is none.
    """

    def root() -> tuple[int, bool]:
        value, given = reach.own.root_seed(draw)
        first = None if given else _first_seed(axes)
        return (value, given) if first is None else (first, True)

    def seed() -> int:
        return root()[0]

    files: list[Step] = [(Given(layer), ()) for layer in reach.own.given_by_files]
    folders = axes_of_folders([*binding.steps, *files], seed)
    declared, ended = _declared(binding, seed, files)
    typed = [
        sweeps.read_sweep(sweep, reach.annotation_of(sweep.name), seed)
        for sweep in options.values.sweeps
    ]
    axes = sweeps.merge_axes(sweeps.merge_axes(declared, folders.axes), typed)
    names = [name for axis in axes for name in axis.names]
    collapsed = {name: at for name in names if (at := reach.own.fixing(name)) is not None}
    ended = {n: why for n, why in {**ended, **folders.ended}.items() if n not in names}
    notes = [why for name, why in ended.items() if reach.takes(first_key(name))]
    notes += [f"-p {at} collapses the axis '{name}'" for name, at in collapsed.items()]
    left_out = {name for name in names if not reach.takes(first_key(name))}
    left_out |= {*collapsed, *ended}
    groups = [
        *folders.groups,
        *((names, f"--zip {','.join(names)}") for names in options.values.zips),
    ]
    axes = tuple(sweeps.join_axes(axes, groups, left_out))
    drawn = [name for axis in axes if sweeps.is_random_axis(axis) for name in axis.names]
    if drawn and not root()[1]:
        told = ", ".join(map(repr, drawn))
        notes.append(f"{told} drawn from seed {seed()}: -p seed={seed()} draws the same again")
    repeat = _repeat(binding, options)
    if repeat is not None and options.values.repeat is None and reach.own.is_again:
        notes.append(f"--params of a run ends the axis '{sweeps.REPEAT}' of {repeat.where}")
        repeat = None
    return [*axes, *([repeat] if repeat else [])], notes


def _first_seed(axes: Iterable[Axis]) -> int | None:
    """The first of the seeds that are swept, if any."""
    for axis in axes:
        if SEED in axis.names and not sweeps.is_random_axis(axis):
            value = axis.values[0][axis.names.index(SEED)]
            return value if type(value) is int else None
    return None


def _declared(
    binding: Binding, seed: Callable[[], int] | None, files: Sequence[Step] = ()
) -> tuple[Sequence[Axis], dict[str, str]]:
    """The axes of the decorator, and those that a nearer value has ended: name, why."""
    place = str(binding.function.place)
    axes = sweeps.axes_from_table(binding.declared_axes, lambda _: place, (), seed)
    ended = ended_by([*binding.nearer, *files], axes)
    return sweeps.drop_names(axes, ended), ended


def _repeat(binding: Binding, options: Options) -> Axis | None:
    """The axis of `--repeat`, or of the nearest `repeat` of an `[expt]` table."""
    if options.values.repeat is not None:
        return sweeps.repeat_axis(options.values.repeat, f"--repeat {options.values.repeat}")
    return repeat_of_folders(binding.files)
