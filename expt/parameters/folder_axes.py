"""The axes that the folders above an experiment give it, nearest strongest.

A plain value in a nearer folder ends the axis of an outer one, and so does one of `expt.extends`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from expt.ground.layout import RESERVED_TABLE
from expt.ground.options import SearchWords
from expt.ground.value_classes import frozen
from expt.parameters.params_files import ParamsFile, experiment_values, folder_values
from expt.parameters.search_tables import merge_words
from expt.parameters.sweeps import drop_names, merge_axes, repeat_axis
from expt.parameters.typed_text import parse_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from expt.ground.model import Axis
    from expt.ground.toml_lines import KeyPath
    from expt.parameters.layers import Layer
    from expt.parameters.sweeps import Together

_NOTHING: Final = object()


@frozen
class Given:
    """What `expt.extends` gives, where it stands among the files."""

    layer: Layer

    @property
    def values(self) -> Mapping[str, Any]:
        return self.layer.values

    def where(self, keys: KeyPath) -> str:
        return self.layer.where(keys) or ""

    def axes(self, _: Callable[[], int] | None = None) -> tuple[list[Axis], list[Together]]:
        return [], []


Step = tuple[ParamsFile | Given, Sequence[str]]
"""What says values and axes, with the names of its tables that count."""


@frozen
class FolderAxes:
    """The axes of folders, what goes in step, and the axes that a nearer value ended: name, why."""

    axes: tuple[Axis, ...]
    groups: tuple[Together, ...]
    ended: Mapping[str, str]


def axes_of_folders(steps: Iterable[Step], seed: Callable[[], int] | None = None) -> FolderAxes:
    """What the steps say, weakest first.

    `seed` gives what random points are drawn from. Raises `ParameterError`.
    """
    axes: tuple[Axis, ...] = ()
    groups: list[Together] = []
    ended: dict[str, str] = {}
    for step in steps:
        ended.update(ended_by([step], axes))
        own, said = step[0].axes(seed)
        axes = merge_axes(drop_names(axes, ended), own)
        swept = {name for axis in axes for name in axis.names}
        ended = {name: why for name, why in ended.items() if name not in swept}
        groups += said
    return FolderAxes(axes, tuple(groups), ended)


def ended_by(steps: Iterable[Step], axes: Iterable[Axis]) -> dict[str, str]:
    """The names of axes that plain values of nearer steps end, and what is to be said of each."""
    ended = {}
    for file, functions in steps:
        for axis in axes:
            for name in axis.names:
                place = _place_of_value(file, functions, name)
                if place is not None:
                    ended[name] = f"{place} ends the axis '{name}' of {axis.where}"
    return ended


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


def _place_of_value(file: ParamsFile | Given, functions: Iterable[str], name: str) -> str | None:
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
