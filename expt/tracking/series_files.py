"""The files of one archive's `series/`, as a run writes them, and the series that they tell of."""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING

from expt.archive.array_files import write_npy
from expt.archive.entry_files import entry_file, entry_folder
from expt.archive.scalar_records import Tags
from expt.archive.series_lines import entry_line, name_line
from expt.ground import layout
from expt.ground.files import write_all
from expt.ground.value_classes import define, field, frozen
from expt.tracking.scalars import AppendedFile, Disk, count_entries, open_records

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from expt.ground.model import Kind
    from expt.tracking.entries import Encoded
    from expt.tracking.going_on import Known
    from expt.tracking.scalars import Records


@define(eq=False)
class OneSeries:
    """One name: its number in the files, its kind once a value came, and the count of entries."""

    number: int
    name: str
    kind: Kind | None
    tags: Tags
    count: Iterator[int] = field(factory=count_entries)
    files: Iterator[int] = field(factory=itertools.count)
    has_folder: bool = False


class SeriesFiles:
    """Lines and records, written one after the other by one thread at a time.

    They go on after files that have these `sizes`, and hold the series that are `known`.
    """

    def __init__(
        self,
        folder: Path,
        disk: Disk,
        sizes: Mapping[str, int] | None = None,
        known: Mapping[str, Known] | None = None,
    ) -> None:
        self.folder = folder
        self._disk = disk
        sizes, known = sizes or {}, known or {}
        self._scalars_begin = sizes.get(layout.SCALARS_FILE, 0)

        def append(name: str) -> AppendedFile:
            return AppendedFile(f"{folder}/{name}", disk, sizes.get(name, 0))

        self.names, self._entries = append(layout.NAMES_FILE), append(layout.ENTRIES_FILE)
        self.results = append(layout.RESULTS_FILE)
        self.records: Records | None = None
        self.series: dict[str, OneSeries] = {
            name: OneSeries(
                one.number,
                name,
                one.kind,
                Tags.of(one.number),
                count_entries(one.count),
                itertools.count(one.files),
                has_folder=one.files > 0,
            )
            for name, one in known.items()
        }
        self._numbers = itertools.count(1 + max((one.number for one in known.values()), default=0))

    def sizes(self) -> dict[str, int]:
        """How many bytes of each file have been written so far."""
        files = {
            layout.NAMES_FILE: self.names,
            layout.ENTRIES_FILE: self._entries,
            layout.RESULTS_FILE: self.results,
        }
        records = {} if self.records is None else {layout.SCALARS_FILE: self.records}
        return {name: file.size for name, file in (files | records).items() if file.size}

    def open_records(self) -> Records:
        """The file of scalars, which a run without any does not have."""
        if self.records is None:
            self.records = open_records(
                f"{self.folder}/{layout.SCALARS_FILE}", self._disk, self._scalars_begin
            )
        return self.records

    def find_series(self, name: str, kind: Kind | None) -> OneSeries:
        """The series of `name`, with its line in the file; with `kind` if it had none before."""
        series = self.series.get(name)
        if series is None:
            number = next(self._numbers)
            self.names.append(name_line(number, name, kind))
            series = OneSeries(number, name, kind, Tags.of(number))
            self.series[name] = series
        elif series.kind is None and kind is not None:
            self.names.append(name_line(series.number, name, kind))
            series.kind = kind
        return series

    def write_entry(self, series: OneSeries, encoded: Encoded, step: float, when: float) -> None:
        """Keep an entry that is no scalar."""
        if encoded.png is None and encoded.array is None:
            self._entries.append(entry_line(series.number, step, when, encoded.fields))
            return
        file = self._write_file(series, encoded)
        try:
            self._entries.append(entry_line(series.number, step, when, {"file": file}))
        except OSError:
            (self.folder / file).unlink(missing_ok=True)
            raise

    def _write_file(self, series: OneSeries, encoded: Encoded) -> str:
        """Write the picture or array; its path below `series/`."""
        folder = entry_folder(series.number, series.name)
        if not series.has_folder:
            (self.folder / folder).mkdir(exist_ok=True)
            series.has_folder = True
        suffix = "npy" if encoded.png is None else "png"
        place = entry_file(folder, next(series.files), suffix)
        _write_whole(self.folder / place, encoded, self._disk)
        return place

    def close(self) -> None:
        """Close each, whatever becomes of the others."""
        refused: list[OSError] = []
        for file in (self.results, self._entries, self.names, self.records):
            try:
                if file is not None:
                    file.close()
            except OSError as error:
                refused.append(error)
        if refused:
            raise refused[0]


def _write_whole(path: Path, encoded: Encoded, disk: Disk) -> None:
    """Write a picture or array into a new file: all of it, or none. Raises `OSError`."""
    file = disk.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    try:
        if encoded.png is not None:
            write_all(file, encoded.png, disk.write)
        else:
            write_npy(_Sink(disk, file), encoded.array)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(file)


@frozen
class _Sink:
    """What numpy writes an array into, a part at a time."""

    _disk: Disk
    _file: int

    def write(self, data: bytes) -> None:
        write_all(self._file, data, self._disk.write)
