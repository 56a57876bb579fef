"""`{kind, count, last, min, max}` of every series, in memory that its length does not move."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from expt.archive.scalar_records import RECORD_SIZE, read_number
from expt.archive.series_lines import NameTable, read_entries, read_names
from expt.ground.encoding import dumps
from expt.ground.files import open_inside
from expt.ground.layout import NAMES_FILE, SCALARS_FILE
from expt.ground.value_classes import define
from expt.reading.series.leaves import numeric_leaves

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from expt.reading.series.sorted_records import Array, SoundRecords

SMALL_FILE: Final = 1 << 20
"""Up to so many bytes of records are summed up without numpy, where numpy is not yet loaded."""

LONG: Final = 1000
"""Characters of JSON from which on the last text or structure is not repeated in a summary."""

MANY: Final = 100
"""Numbers of one structured series that are summed up as series of their own."""


@define
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
        """The summary, with extremes that are no -0.0: numpy takes either zero for the lower."""
        return {
            "kind": self.kind,
            "count": self.count,
            "last": self.last,
            "min": self.lowest if self.lowest is None else self.lowest + 0,
            "max": self.highest if self.highest is None else self.highest + 0,
        }


def summarise_series(
    folder: Path, contents: Mapping[str, bytes] | None = None
) -> dict[str, dict[str, Any]]:
    """Name → `{kind, count, last, min, max}` of every series below `folder`, damage left out.

    `min` and `max` are of scalars alone and leave NaN out; `last` is a scalar's number, or a text
    or structure if it is short. The numbers inside a structured series follow by their path,
    `eval/acc`, as scalars. `contents` are those of files that somebody has read already.
    """
    known = contents or {}
    names = read_names(folder, [], known.get(NAMES_FILE))
    if not names.by_name:
        return {}
    summaries = {
        name: Summary(known.kind) for name, known in names.by_name.items() if known.kind is not None
    }
    if SCALARS_FILE in known:
        _add_small(known[SCALARS_FILE], names, summaries)
    else:
        _add_records(folder, names, summaries)
    has_entries = any(summary.kind != "scalar" for summary in summaries.values())
    leaves: dict[str, Summary] = {}
    leaf_counts: dict[str, int] = {}
    for name, entry in read_entries(folder, names, []) if has_entries else ():
        summary = summaries[name]
        summary.count += 1
        if entry.file is not None:
            continue
        summary.last = entry.value if len(dumps(entry.value)) <= LONG else None
        for path, number in numeric_leaves(entry.value, f"{name}/"):
            if path not in leaves:
                if leaf_counts.setdefault(name, 0) == MANY:
                    continue
                leaf_counts[name] += 1
            leaves.setdefault(path, Summary("scalar")).add(1, number, number, number)
    told = {name: summary.told() for name, summary in {**leaves, **summaries}.items()}
    return {name: told[name] for name in (*summaries, *leaves)}


def _add_records(folder: Path, names: NameTable, summaries: dict[str, Summary]) -> None:
    try:
        with open_inside(folder.parent, f"{folder.name}/{SCALARS_FILE}") as file:
            small = file.seek(0, 2) <= SMALL_FILE
            if small and "numpy" not in sys.modules:  # whose import takes longer than all else
                file.seek(0)
                _add_small(file.read(), names, summaries)
                return
    except OSError:
        return
    _add_blocks(folder, names, summaries)


def _add_small(data: bytes, names: NameTable, summaries: dict[str, Summary]) -> None:
    whole = len(data) - len(data) % RECORD_SIZE
    for place in range(0, whole, RECORD_SIZE):
        value, number = read_number(data, place)
        known = names.by_number.get(number)
        if value is not None and known is not None and known.kind == "scalar":
            summaries[known.name].add(1, value, value, value)


def _add_blocks(folder: Path, names: NameTable, summaries: dict[str, Summary]) -> None:
    from expt.reading.series.sorted_records import sound_blocks  # slow: it needs numpy

    for records, sound in sound_blocks(folder, names, []):
        for number, count, last, lowest, highest in _sum_up(records, sound):
            summaries[names.by_number[number].name].add(count, last, lowest, highest)


def _sum_up(records: Array, sound: SoundRecords) -> Iterator[tuple[int, int, Any, Any, Any]]:
    """Number, count, last, lowest and highest of each series in a block; of a series that has
    both ints and floats there, of each of its values."""
    import numpy  # the caller has arrays

    from expt.reading.series.sorted_records import WHOLE

    starts, ends, kinds = sound.starts, sound.ends, sound.kinds & WHOLE
    bits, at_end = sound.take(records["bits"]), numpy.array(ends) - 1
    first_kinds = numpy.minimum.reduceat(kinds, starts).tolist()
    other_kinds = numpy.maximum.reduceat(kinds, starts).tolist()
    of_kind = []
    with numpy.errstate(invalid="ignore"):  # ints looked at as floats are not used
        for values in (bits.view("f8"), bits):
            lows, highs = (take.reduceat(values, starts) for take in (numpy.fmin, numpy.fmax))
            of_kind.append((values[at_end].tolist(), lows.tolist(), highs.tolist()))
    for index, number in enumerate(sound.numbers):
        kind, start, end = first_kinds[index], starts[index], ends[index]
        if kind == other_kinds[index]:
            last, low, high = of_kind[kind]
            yield number, end - start, last[index], low[index], high[index]
        else:
            some = bits[start:end]
            both = zip(
                some.tolist(), some.view("f8").tolist(), kinds[start:end].tolist(), strict=True
            )
            for whole, broken, kind in both:
                value = whole if kind else broken
                yield number, 1, value, value, value
