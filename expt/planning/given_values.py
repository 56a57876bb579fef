"""What `--variant`, `--smoke` and `--params` lay over the values of experiments."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from expt.archive.record import read_record
from expt.ground import model
from expt.ground.errors import ReadingError
from expt.ground.layout import RUN_FILE
from expt.parameters.params_files import ParamsFile, read_values_file, table_layers
from expt.planning.unknown import function_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from expt.ground.model import RunRecord
    from expt.ground.options import Options
    from expt.parameters.layers import Layer
    from expt.planning.binding import Binding


class GivenValues:
    """The values that the options of a session give beside `-p` and sweeps; each file is read
    once."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._files: list[ParamsFile] | None = None
        self._again: list[RunRecord] | None = None

    def overrides(self, binding: Binding, variants: Sequence[str]) -> list[Layer]:
        """Layers of variants, smoke and files, weakest first."""
        layers: list[Layer] = []
        for variant in variants:
            layers += _table_layers(binding, ("variants", variant), model.LAYER_VARIANT)
        if self._options.values.smoke:
            layers += _table_layers(binding, ("smoke",), model.LAYER_SMOKE)
        for file in self.files():
            layers += table_layers(file, function_names(binding), (), model.LAYER_FILE)[::-1]
        return layers

    def files(self) -> list[ParamsFile]:
        """The files that `--params` names."""
        if self._files is None:
            cwd = self._options.cwd
            self._files = [
                read_values_file(file, cwd, _folder_of_archived(file, cwd))
                for file in self._options.values.params_files
            ]
        return self._files

    def runs_again(self) -> list[RunRecord]:
        """The archived runs whose values `--params` takes."""
        if self._again is None:
            places = [file.parent for file in self._options.values.params_files]
            self._again = [found for place in places if (found := _record_at(place)) is not None]
        return self._again

    def final_before(self) -> frozenset[str]:
        """What those runs had by `-p` or a sweep: no provider wrapped it."""
        return frozenset(
            name
            for record in self.runs_again()
            for name, chain in record.origins.items()
            if "." not in name
            and chain
            and chain[0].layer in (model.LAYER_COMMAND, model.LAYER_SWEEP)
        )


def _table_layers(binding: Binding, table: tuple[str, ...], layer: str) -> Iterator[Layer]:
    for file, functions in zip(binding.files, binding.tables, strict=True):
        yield from table_layers(file, functions, table, layer)[::-1]


def _record_at(place: Path) -> RunRecord | None:
    """The record of the archive that a folder is; None where it is none, or damaged."""
    if not (place / RUN_FILE).exists():
        return None
    try:
        return read_record(place)
    except (ReadingError, OSError, ValueError):
        return None


def _folder_of_archived(file: Path, cwd: Path) -> Path | None:
    """What paths in an archive's `params.toml` are relative to: the folder that it was run from.

    The present one where that is gone; None for any other file.
    """
    if not (file.parent / RUN_FILE).exists():
        return None
    record = _record_at(file.parent)
    folder = cwd if record is None else Path(record.cwd)
    return folder if folder.is_absolute() and folder.is_dir() else cwd
