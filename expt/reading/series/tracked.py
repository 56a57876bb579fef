"""`run.series`: the series of an archive by name, each read when it is asked for."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from expt.archive.series_lines import Entry, NameTable, read_entries, read_names
from expt.ground.dataframes import import_theirs
from expt.ground.errors import did_you_mean
from expt.ground.text import short_text, visible
from expt.reading.series.leaves import numeric_leaves
from expt.reading.series.sorted_records import Columns
from expt.reading.series.stored import EntrySource, LeafSource, RecordSource, SeriesSource
from expt.reading.tables import Table

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from expt.ground.model import Kind


_SHOWN: Final = 5  # entries at either end that a notebook shows


class Series:
    """What was tracked under one name: entry i is `values[i]`, at `steps[i]` and `times[i]`."""

    def __init__(
        self, name: str, kind: Kind, options: Mapping[str, Any], source: SeriesSource
    ) -> None:
        self.name = name
        self.kind = kind
        self.options = dict(options)
        self._source = source

    def __len__(self) -> int:
        return len(self._source)

    def __repr__(self) -> str:
        return f"<Series {self.name!r}: {self.kind}, {len(self)} entries>"

    def _repr_html_(self) -> str:
        """What a notebook shows: the first and the last entries."""
        count = len(self)
        places = [*range(count)] if count <= 2 * _SHOWN else [*range(_SHOWN), *range(-_SHOWN, 0)]
        rows = [(f"{self.steps[place]:g}", _entry_text(self.values[place])) for place in places]
        if len(rows) < count:
            rows.insert(_SHOWN, ("…", "…"))
        cells = "".join(
            f"<tr><th>{step}</th><td style='text-align:left'>{html.escape(text)}</td></tr>"
            for step, text in rows
        )
        head = html.escape(f"{visible(self.name)}: {self.kind}, {count} entries")
        return f"<b>{head}</b><table>{cells}</table>"

    @cached_property
    def values(self) -> Any:
        """Of scalars a numpy array: int64 where all are ints, float64 where that is exact, else
        Python numbers. Of images, figures and arrays a lazy sequence of arrays. Else a list."""
        return self._source.values()

    @cached_property
    def steps(self) -> np.ndarray[Any, Any]:
        """int64, float64 where one was a float; in the order in which the values were tracked."""
        return self._source.steps()

    @cached_property
    def times(self) -> np.ndarray[Any, Any]:
        """float64, seconds since 1970."""
        return self._source.times()

    @property
    def files(self) -> tuple[Path, ...]:
        """The files of images, figures and arrays; empty for every other kind."""
        return self._source.files()

    @property
    def last(self) -> Any:
        """The value that was tracked last, of scalars as a Python number; None where none was."""
        if not len(self):
            return None
        last = self.values[-1]
        return last.item() if self.kind == "scalar" and hasattr(last, "item") else last

    def to_pandas(self) -> Any:
        """A pandas `Series` of the values by step. Raises `UsageError` without pandas."""
        pandas = import_theirs("pandas", "series.to_pandas")
        values = self.values if self.kind == "scalar" else list(self.values)
        index = pandas.Index(self.steps, name="step")
        return pandas.Series(values, index=index, name=self.name)

    @cached_property
    def leaves(self) -> dict[str, Series]:
        """The numbers inside a structured series as series of their own: `eval/acc` of `eval`."""
        found: dict[str, LeafSource] = {}
        if self.kind == "structured":
            rows = zip(self.values, self.steps.tolist(), self.times.tolist(), strict=True)
            for value, step, time in rows:
                for path, number in numeric_leaves(value, f"{self.name}/"):
                    found.setdefault(path, LeafSource()).rows.append((step, time, number))
        return {path: Series(path, "scalar", self.options, leaf) for path, leaf in found.items()}


def _entry_text(value: Any) -> str:
    shape = getattr(value, "shape", None)
    if shape is None:
        return short_text(value)
    return f"array of {' × '.join(map(str, shape))}" if shape else short_text(value.item())


class SeriesMap(Mapping[str, Series]):
    """The series below an archive's `series/`, in order of first use.

    The numbers inside a structured series are found by path, `run.series["eval/acc"]`, and not
    listed. What was read stays as it was then: make another map to see a run go on.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._damage: list[str] = []
        self._made: dict[str, Series] = {}

    @cached_property
    def _names(self) -> NameTable:
        return read_names(self._folder, self._damage)

    @cached_property
    def _entries(self) -> dict[str, list[Entry]]:
        found: dict[str, list[Entry]] = {}
        for name, entry in read_entries(self._folder, self._names, self._damage):
            found.setdefault(name, []).append(entry)
        return found

    @cached_property
    def _columns(self) -> Columns:
        return Columns(self._folder, self._names, self._damage)

    @property
    def damage(self) -> tuple[str, ...]:
        """What was left out because it cannot be read, a line each. Reads every file."""
        _ = self._names, self._entries, self._columns.count([])
        return tuple(sorted(self._damage))

    def __iter__(self) -> Iterator[str]:
        return (name for name, known in self._names.by_name.items() if known.kind is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return repr(self._table()) if len(self) else "<no series>"

    def _repr_html_(self) -> str:
        return self._table()._repr_html_()

    def _table(self) -> Table:
        """A row for each: what it is, how many entries, of a number or a text the last."""
        rows = tuple(
            {
                "series": name,
                "kind": series.kind,
                "entries": len(series),
                **({"last": series.last} if series.kind in ("scalar", "text") else {}),
            }
            for name, series in self.items()
        )
        return Table(("series", "kind", "entries", "last"), rows)

    def __getitem__(self, name: str) -> Series:
        if name not in self._made:
            series = self._make(name)
            if series is None:
                hint = did_you_mean(str(name), self)
                raise KeyError(f"no series {name!r}; {hint}" if hint else f"no series {name!r}")
            self._made[name] = series
        return self._made[name]

    def _make(self, name: str) -> Series | None:
        known = self._names.by_name.get(name)
        if known is None or known.kind is None:
            return self._find_leaf(name)
        source: SeriesSource
        if known.kind == "scalar":
            source = RecordSource(lambda: self._columns, known.numbers)
        else:
            source = EntrySource(known.kind, lambda: self._entries.get(name, []))
        return Series(name, known.kind, known.options, source)

    def _find_leaf(self, name: str) -> Series | None:
        for place, letter in enumerate(str(name)):
            known = self._names.by_name.get(name[:place]) if letter == "/" else None
            if known is not None and known.kind == "structured":
                leaf = self[known.name].leaves.get(name)
                if leaf is not None:
                    return leaf
        return None
