"""The axes of one experiment: of its decorator, its folders and the command line, zipped.

    @expt.sweep < [expt.sweep] of the folders, nearest strongest < --sweep < --repeat, --variant

An experiment gets the axes that it or its providers take. `-p` on a swept name collapses it, and a
plain value in a nearer folder ends the axis of an outer one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import attrs

from expt.discovery import drop_names, merge_axes
from expt.ground.errors import ParameterError
from expt.ground.layout import RESERVED_TABLE
from expt.parameters import (
    ParamsFile,
    axes_from_table,
    experiment_values,
    folder_values,
    is_random_axis,
    make_axis,
    parse_name,
    read_sweep,
    read_zip,
    repeat_axis,
    zip_axes,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from expt.ground.model import Axis
    from expt.ground.options import Options
    from expt.planning.binding import Binding
    from expt.planning.ladder import Resolution

VARIANT: Final = "variant"
"""The axis of `--variant a,b`."""

Group = tuple[tuple[str, ...], str | None]

_NOTHING: Final = object()


def swept_names(binding: Binding, options: Options) -> frozenset[str]:
    """Every name that anything sweeps for this experiment, dotted."""
    axes = [*_declared(binding, None), *_axes_of_folders(binding, None).axes]
    names = {name for axis in axes for name in axis.names}
    names.update(sweep.name for sweep in options.values.sweeps)
    return frozenset(names)


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
    return steady, make_axis(VARIANT, values, "--variant")


def decide_axes(
    binding: Binding, options: Options, resolution: Resolution, draw: Callable[[], int]
) -> tuple[list[Axis], list[str]]:
    """The axes of one experiment, and what is to be said of them.

    `draw` gives what random axes are drawn from where nobody gives a seed. Raises `ParameterError`
    or `UsageError` for an axis that is none.
    """

    def seed() -> int:
        return resolution.root_seed(draw)[0]

    folders = _axes_of_folders(binding, seed)
    typed = [
        read_sweep(sweep, resolution.annotation_of(sweep.name), seed)
        for sweep in options.values.sweeps
    ]
    axes = merge_axes(merge_axes(_declared(binding, seed), folders.axes), typed)
    names = [name for axis in axes for name in axis.names]
    collapsed = [name for name in names if name in resolution.fixed_names]
    ended = {name: why for name, why in folders.ended.items() if name not in names}
    notes = [why for name, why in ended.items() if resolution.takes(_head(name))]
    notes += [f"-p {name} collapses the axis '{name}'" for name in collapsed]
    left_out = {name for name in names if not resolution.takes(_head(name))}
    left_out |= {*collapsed, *ended}
    groups = [
        *folders.groups,
        *((names, f"--zip {','.join(names)}") for names in options.values.zips),
    ]
    axes = tuple(zip_axes(drop_names(axes, left_out), _groups_left(groups, left_out)))
    drawn = [name for axis in axes if is_random_axis(axis) for name in axis.names]
    if drawn and not resolution.root_seed(draw)[1]:
        told = ", ".join(map(repr, drawn))
        notes.append(f"{told} drawn from seed {seed()}: -p seed={seed()} draws the same again")
    repeat = _repeat(binding, options)
    return [*axes, *([repeat] if repeat else [])], notes


def _declared(binding: Binding, seed: Callable[[], int] | None) -> list[Axis]:
    place = str(binding.function.place)
    return axes_from_table(binding.declared_axes, lambda _: place, (), seed)


@attrs.frozen
class _Folders:
    """The axes of the folders, what goes in step, and the axes that a nearer value ended."""

    axes: tuple[Axis, ...]
    groups: tuple[Group, ...]
    ended: Mapping[str, str]


def _axes_of_folders(binding: Binding, seed: Callable[[], int] | None) -> _Folders:
    axes: tuple[Axis, ...] = ()
    groups: list[Group] = []
    ended: dict[str, str] = {}
    for file, functions in zip(binding.files, binding.tables, strict=True):
        for axis in axes:
            for name in axis.names:
                place = _place_of_value(file, functions, name)
                if place is not None:
                    ended[name] = f"{place} ends the axis '{name}' of {axis.where}"
        own, said = _axes_of_file(file, seed)
        axes = merge_axes(drop_names(axes, ended), own)
        ended = {name: why for name, why in ended.items() if not _sweeps(axes, name)}
        groups += said
    return _Folders(axes, tuple(groups), ended)


def _sweeps(axes: Iterable[Axis], name: str) -> bool:
    return any(name in axis.names for axis in axes)


def _place_of_value(file: ParamsFile, functions: Iterable[str], name: str) -> str | None:
    """The line where a file gives a plain value to a dotted name; None where it gives none."""
    keys = parse_name(name, "")
    tables = [((f,), experiment_values(file.values, f)) for f in functions]
    for path, table in [*tables, ((), folder_values(file.values))]:
        value: Any = table
        for key in keys:
            value = value.get(key, _NOTHING) if isinstance(value, Mapping) else _NOTHING
        if value is not _NOTHING:
            return file.where((*path, *keys))
    return None


def _axes_of_file(
    file: ParamsFile, seed: Callable[[], int] | None
) -> tuple[list[Axis], list[Group]]:
    def where(*table: str) -> Callable[[tuple[str, ...]], str]:
        return lambda keys: file.where((RESERVED_TABLE, *table, *keys))

    axes = axes_from_table(file.reserved.get("sweep", {}), where("sweep"), (), seed)
    if "zip" not in file.reserved:
        return axes, []
    groups, own = read_zip(file.reserved["zip"], where("zip"), seed)
    for axis in own:
        for name in axis.names:
            if _sweeps(axes, name):
                raise ParameterError(
                    f"the axis '{name}' is swept twice",
                    where("zip")((name,)),
                    f"the other: {where('sweep')((name,))}",
                )
    return [*axes, *own], [(names, where("zip")(())) for names in groups]


def _repeat(binding: Binding, options: Options) -> Axis | None:
    """The axis of `--repeat`, or of the nearest `repeat` of an `[expt]` table."""
    if options.values.repeat is not None:
        return repeat_axis(options.values.repeat, f"--repeat {options.values.repeat}")
    for file in reversed(binding.files):
        if "repeat" in file.reserved:
            where = file.where((RESERVED_TABLE, "repeat"))
            return repeat_axis(file.reserved["repeat"], where)
    return None


def _groups_left(groups: Iterable[Group], left_out: set[str]) -> Iterator[Group]:
    for names, at in groups:
        kept = tuple(name for name in names if name not in left_out)
        if len(kept) > 1:
            yield kept, at


def _head(name: str) -> str:
    return parse_name(name, "--sweep")[0]
