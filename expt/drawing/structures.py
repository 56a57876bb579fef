"""A structured series as the rows of a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

_ENTRIES: Final = 20


def table_of(values: Sequence[Any], steps: Any) -> tuple[list[str], list[list[Any]], str]:
    """Columns and rows that show a structured series, and a word on what they are.

    A table, given as columns or as a list of rows, is that of the last entry. Anything else gives
    a row for each of the last entries.
    """
    last = values[-1]
    lengths = {_length(column) for column in last.values()} if isinstance(last, Mapping) else set()
    if len(lengths) == 1 and None not in lengths:
        columns = {str(name): list(column) for name, column in last.items()}
        rows = [list(row) for row in zip(*columns.values(), strict=True)]
        return list(columns), rows, f"step {steps[-1]}"
    if isinstance(last, list) and last and all(isinstance(row, (Mapping, list)) for row in last):
        names, rows = _rows(last)
        return names, rows, f"step {steps[-1]}"
    names, rows = _rows(values[-_ENTRIES:])
    shown = steps[-len(rows) :].tolist() if rows else []
    told = f"the last {len(rows)} of {len(values):,}" if len(rows) < len(values) else ""
    return ["step", *names], [[step, *row] for step, row in zip(shown, rows, strict=True)], told


def _length(column: Any) -> int | None:
    if isinstance(column, (str, Mapping)) or not hasattr(column, "__len__"):
        return None
    return len(column)


def _rows(values: Sequence[Any]) -> tuple[list[str], list[list[Any]]]:
    records = [
        dict(_flat(value, ""))
        if isinstance(value, Mapping)
        else {str(index): item for index, item in enumerate(value)}
        if isinstance(value, list)
        else {"value": value}
        for value in values
    ]
    names = list(dict.fromkeys(name for record in records for name in record))
    return names, [[record.get(name) for name in names] for record in records]


def _flat(value: Mapping[Any, Any], prefix: str) -> list[tuple[str, Any]]:
    pairs: list[tuple[str, Any]] = []
    for key, item in value.items():
        pairs += (
            _flat(item, f"{prefix}{key}/")
            if isinstance(item, Mapping)
            else [(f"{prefix}{key}", item)]
        )
    return pairs
