"""The axes of one experiment: of its decorator, its folders and the command line, zipped.

    @expt.sweep < [expt.sweep] of the folders, nearest strongest < --sweep < --repeat, --variant

An experiment gets the axes that it or its providers take; `-p` on a swept name collapses it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from expt.discovery import drop_names, merge_axes
from expt.ground.model import Axis
from expt.parameters import (
    ParamsFile,
    axes_from_table,
    make_axis,
    parse_name,
    parse_sweep,
    parse_zip,
    read_zip,
    repeat_axis,
    zip_axes,
)
from expt.parameters.coercion import dotted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from expt.ground.options import Options
    from expt.planning.binding import Binding

VARIANT: Final = "variant"
"""The axis of `--variant a,b`."""

Group = tuple[tuple[str, ...], str | None]


def swept_names(binding: Binding, options: Options) -> frozenset[str]:
    """Every name that anything sweeps for this experiment, dotted."""
    names = {name for axis in _declared(binding) for name in axis.names}
    for file in binding.files:
        axes, _ = _axes_of_file(file)
        names.update(name for axis in axes for name in axis.names)
    for sweep in options.values.sweeps:
        names.update(sweep.names if isinstance(sweep, Axis) else [_swept_name(sweep)])
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
    binding: Binding,
    options: Options,
    takes: Callable[[str], bool],
    annotation_of: Callable[[str], Any],
    fixed: frozenset[str],
) -> tuple[list[Axis], list[str]]:
    """The axes of one experiment, and the names that `fixed` values collapsed.

    Raises `ParameterError` or `UsageError` for an axis that is none.
    """
    axes: tuple[Axis, ...] = tuple(_declared(binding))
    groups: list[Group] = []
    for file in binding.files:
        own, said = _axes_of_file(file)
        axes = merge_axes(axes, own)
        groups += said
    typed = [
        sweep if isinstance(sweep, Axis) else parse_sweep(sweep, annotation_of(_swept_name(sweep)))
        for sweep in options.values.sweeps
    ]
    axes = merge_axes(axes, typed)
    groups += [(parse_zip(names), f"--zip {names}") for names in options.values.zips]
    names = [name for axis in axes for name in axis.names]
    collapsed = [name for name in names if name in fixed]
    left_out = {name for name in names if not takes(_head(name))} | set(collapsed)
    axes = drop_names(axes, left_out)
    axes = tuple(zip_axes(axes, _groups_left(groups, left_out)))
    if options.values.repeat is not None:
        axes = (*axes, repeat_axis(options.values.repeat))
    return list(axes), collapsed


def _declared(binding: Binding) -> list[Axis]:
    place = str(binding.function.place)
    return axes_from_table(binding.declared_axes, lambda _: place)


def _axes_of_file(file: ParamsFile) -> tuple[list[Axis], list[Group]]:
    def where(*table: str) -> Callable[[tuple[str, ...]], str]:
        return lambda keys: file.where(("expt", *table, *keys))

    axes = axes_from_table(file.reserved.get("sweep", {}), where("sweep"))
    if "zip" not in file.reserved:
        return axes, []
    groups, own = read_zip(file.reserved["zip"], where("zip"))
    return [*axes, *own], [(names, where("zip")(())) for names in groups]


def _groups_left(groups: Iterable[Group], left_out: set[str]) -> Iterator[Group]:
    for names, at in groups:
        kept = tuple(name for name in names if name not in left_out)
        if len(kept) > 1:
            yield kept, at


def _swept_name(typed: str) -> str:
    return dotted(parse_name(typed.partition("=")[0], f"--sweep {typed}"))


def _head(name: str) -> str:
    return parse_name(name, "--sweep")[0]
