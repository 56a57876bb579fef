"""The axes that the folders above an experiment give it, nearest strongest.

A plain value in a nearer folder ends the axis of an outer one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from expt.ground.layout import RESERVED_TABLE
from expt.ground.options import SearchWords
from expt.ground.value_classes import frozen
from expt.parameters.params_files import ParamsFile, experiment_values, folder_values
from expt.parameters.search_tables import merge_words
from expt.parameters.sweeps import Group, drop_names, merge_axes, repeat_axis
from expt.parameters.typed_text import parse_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from expt.ground.model import Axis

_NOTHING: Final = object()


@frozen
class FolderAxes:
    """The axes of folders, what goes in step, and the axes that a nearer value ended: name, why."""

    axes: tuple[Axis, ...]
    groups: tuple[Group, ...]
    ended: Mapping[str, str]


def axes_of_folders(
    files: Iterable[tuple[ParamsFile, Iterable[str]]], seed: Callable[[], int] | None = None
) -> FolderAxes:
    """What the files say, weakest first, each with the names of its tables that count.

    `seed` gives what random points are drawn from. Raises `ParameterError`.
    """
    axes: tuple[Axis, ...] = ()
    groups: list[Group] = []
    ended: dict[str, str] = {}
    for file, functions in files:
        for axis in axes:
            for name in axis.names:
                place = _place_of_value(file, functions, name)
                if place is not None:
                    ended[name] = f"{place} ends the axis '{name}' of {axis.where}"
        own, said = file.axes(seed)
        axes = merge_axes(drop_names(axes, ended), own)
        swept = {name for axis in axes for name in axis.names}
        ended = {name: why for name, why in ended.items() if name not in swept}
        groups += said
    return FolderAxes(axes, tuple(groups), ended)


def repeat_of_folders(files: Sequence[ParamsFile]) -> Axis | None:
    """The axis of the nearest `repeat` of an `[expt]` table; files are weakest first."""
    for file in reversed(files):
        if "repeat" in file.reserved:
            where = file.where((RESERVED_TABLE, "repeat"))
            return repeat_axis(file.reserved["repeat"], where)
    return None


def search_of_folders(files: Iterable[ParamsFile]) -> SearchWords:
    """What the `[expt.search]` of the files say together, weakest first."""
    words = SearchWords()
    for file in files:
        if "search" in file.reserved:
            words = merge_words(words, file.reserved["search"])
    return words


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
