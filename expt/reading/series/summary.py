"""`{kind, count, last, min, max}` of every series, in memory that its length does not move."""

from __future__ import annotations

import json
import math
import sys
from typing import TYPE_CHECKING, Any, Final

import attrs

from expt.encoding import FLOAT_RECORD, INT_RECORD, KIND_FLOAT, KIND_INT, SCALAR_RECORD, from_json
from expt.layout import SCALARS_FILE
from expt.reading.series.lines import NameTable, open_regular, read_entries, read_names
from expt.reading.series.series import numeric_leaves

if TYPE_CHECKING:
    from pathlib import Path

SMALL: Final = 1 << 20
"""Up to so many bytes of records are summed up without numpy, where numpy is not yet loaded."""

LONG: Final = 1000
"""Characters of JSON from which on the last text or structure is not repeated in a summary."""

MANY: Final = 100
"""Numbers of one structured series that are summed up as series of their own."""


@attrs.define
class Summary:
    """The summary of one series so far. `lowest` and `highest` leave NaN out."""

    kind: str
    count: int = 0
    last: Any = None
    lowest: float | int | None = None
    highest: float | int | None = None

    def add(self, count: int, last: Any, lowest: float | int, highest: float | int) -> None:
        """Take in `count` numbers, of which NaN stands for an extreme of none but NaN."""
        self.count += count
        self.last = last
        if lowest == lowest and (self.lowest is None or lowest < self.lowest):
            self.lowest = lowest
        if highest == highest and (self.highest is None or highest > self.highest):
            self.highest = highest

    def told(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "count": self.count,
            "last": self.last,
            "min": self.lowest,
            "max": self.highest,
        }


def summarise_series(folder: Path) -> dict[str, dict[str, Any]]:
    """Name → `{kind, count, last, min, max}` of every series below `folder`, damage left out.

    `min` and `max` are of scalars alone and leave NaN out; `last` is a scalar's number, or a text
    or structure if it is short. The numbers inside a structured series follow by their path,
    `eval/acc`, as scalars.
    """
    names = read_names(folder, [])
    summaries = {
        name: Summary(known.kind) for name, known in names.by_name.items() if known.kind is not None
    }
    _add_records(folder, names, summaries)
    leaves: dict[str, Summary] = {}
    leaf_counts: dict[str, int] = {}
    for name, entry in read_entries(folder, names, []):
        summary = summaries[name]
        summary.count += 1
        if entry.file is not None:
            continue
        short = len(json.dumps(entry.value)) <= LONG
        value = from_json(entry.value)
        summary.last = value if short else None
        for path, number in numeric_leaves(value, f"{name}/"):
            if path not in leaves:
                if leaf_counts.setdefault(name, 0) == MANY:
                    continue
                leaf_counts[name] += 1
            leaves.setdefault(path, Summary("scalar")).add(1, number, number, number)
    told = {name: summary.told() for name, summary in {**leaves, **summaries}.items()}
    return {name: told[name] for name in (*summaries, *leaves)}


def _add_records(folder: Path, names: NameTable, summaries: dict[str, Summary]) -> None:
    try:
        file = open_regular(folder / SCALARS_FILE)
        if file is None:
            return
        with file:
            small = file.seek(0, 2) <= SMALL
            if small and "numpy" not in sys.modules:  # whose import takes longer than all else
                file.seek(0)
                _add_small(file.read(), names, summaries)
                return
    except OSError:
        return
    _add_blocks(folder, names, summaries)


def _add_small(data: bytes, names: NameTable, summaries: dict[str, Summary]) -> None:
    whole = len(data) - len(data) % SCALAR_RECORD.size
    for place in range(0, whole, SCALAR_RECORD.size):
        value, number = read_record(data, place)
        known = names.by_number.get(number)
        if value is not None and known is not None and known.kind == "scalar":
            summaries[known.name].add(1, value, value, value)


def read_record(data: bytes, place: int) -> tuple[float | int | None, int]:
    """The value and the series' number of a record; None for the value of a damaged one."""
    _, time, value, kind, number = FLOAT_RECORD.unpack_from(data, place)
    if kind == KIND_INT:
        value = INT_RECORD.unpack_from(data, place)[2]
    return (value if kind <= KIND_INT and math.isfinite(time) else None), number


def _add_blocks(folder: Path, names: NameTable, summaries: dict[str, Summary]) -> None:
    import numpy  # slow: only where there is much to sum up, or it is there already

    from expt.reading.series.records import Damage, read_blocks, sound_records, split_by_id

    for block in read_blocks(folder, []):
        for number, records in split_by_id(sound_records(block, names, Damage())):
            summary = summaries[names.by_number[number].name]
            last = records[-1]["kind"]
            for kind, dtype in ((KIND_FLOAT, "f8"), (KIND_INT, "i8")):
                chosen = records["bits"][records["kind"] == kind].view(dtype)
                if len(chosen):
                    low, high = numpy.fmin.reduce(chosen), numpy.fmax.reduce(chosen)
                    value = chosen[-1].item() if last == kind else summary.last
                    summary.add(len(chosen), value, low.item(), high.item())
