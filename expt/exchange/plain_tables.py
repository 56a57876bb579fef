"""Runs as two plain tables, written as CSV or Parquet: for pandas, R, duckdb and spreadsheets.

    runs      a row a run: id, experiment, case, status, started, …, params.lr, results.acc, last.x
    series    a row an entry: run, series, step, time, value     scalars and texts

In CSV a value is the shortest text that gives it back. In Parquet, where a column has one type,
numbers are in `value`, texts and what float64 cannot hold in `text`. Times are seconds since 1970.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from expt.exchange.extras import need
from expt.exchange.leaving_out import files_left_out, has_double, kinds_left_out
from expt.ground.encoding import dumps
from expt.ground.files import written_whole
from expt.reading.runs import Runs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from expt.ground.model import Kind
    from expt.reading.run import Run
    from expt.reading.tables import Table

_COLUMNS: Final = (
    *("id", "experiment", "case", "status", "started", "finished", "duration", "description"),
    *("tags", "note", "session"),
)
_NOT_HELD: Final[tuple[Kind, ...]] = ("image", "figure", "array", "structured")
_ROWS: Final = 100_000  # entries in memory
_HALVES: Final = "backslashreplace"  # of halves of a character, which UTF-8 does not have


def write_csv(runs: Sequence[Run], destination: str) -> Iterator[str]:
    """`runs.csv` and `series.csv` in the folder `destination`."""
    folder = Path(destination)
    folder.mkdir(parents=True, exist_ok=True)
    with written_whole(folder / "runs.csv") as file:
        file.write(_encoded(_table(runs).to_csv()))
    with written_whole(folder / "series.csv") as file:
        text = io.TextIOWrapper(file, "utf-8", errors=_HALVES, newline="", write_through=True)
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(("run", "series", "step", "time", "value"))
        for block in _blocks(runs):
            writer.writerows(block)
        text.detach()
    yield from kinds_left_out(runs, _NOT_HELD)
    yield from files_left_out(runs)


def write_parquet(runs: Sequence[Run], destination: str) -> Iterator[str]:
    """`runs.parquet` and `series.parquet` in the folder `destination`."""
    pyarrow = need("pyarrow", "parquet")
    parquet = need("pyarrow.parquet", "parquet")
    folder = Path(destination)
    folder.mkdir(parents=True, exist_ok=True)
    table = _table(runs)
    columns = {_whole(name): _column(table[name], pyarrow) for name in table.columns}
    with written_whole(folder / "runs.parquet") as file:
        parquet.write_table(pyarrow.table(columns), file)
    schema = pyarrow.schema(
        [
            ("run", pyarrow.string()),
            ("series", pyarrow.string()),
            ("step", pyarrow.float64()),
            ("time", pyarrow.float64()),
            ("value", pyarrow.float64()),
            ("text", pyarrow.string()),
        ]
    )
    with (
        written_whole(folder / "series.parquet") as file,
        parquet.ParquetWriter(file, schema) as writer,
    ):
        for block in _blocks(runs):
            ids, names, steps, times, values = zip(*block, strict=True)
            numbers = [value if _fits(value) else None for value in values]
            texts = [None if _fits(value) else _whole(str(value)) for value in values]
            arrays = [ids, map(_whole, names), map(float, steps), times, numbers, texts]
            writer.write_table(
                pyarrow.table(
                    [
                        pyarrow.array(list(one), field.type)
                        for one, field in zip(arrays, schema, strict=True)
                    ],
                    schema=schema,
                )
            )
    yield from kinds_left_out(runs, _NOT_HELD)
    yield from files_left_out(runs)


def _table(runs: Sequence[Run]) -> Table:
    many = Runs(runs)
    return many.table([*_COLUMNS, *many.names("params", "results", "last")])


def _blocks(runs: Sequence[Run]) -> Iterator[list[tuple[str, str, Any, float, Any]]]:
    """Every entry of scalars and texts, some at a time."""
    for run in runs:
        for name, series in run.series.items():
            if series.kind in _NOT_HELD or not len(series):
                continue
            values = series.values
            rows = zip(
                series.steps.tolist(),
                series.times.tolist(),
                values.tolist() if hasattr(values, "tolist") else values,
                strict=True,
            )
            block = [(run.id, name, *row) for row in rows]
            for start in range(0, len(block), _ROWS):
                yield block[start : start + _ROWS]


def _fits(value: Any) -> bool:
    return isinstance(value, (int, float)) and (
        isinstance(value, float) or -(2**53) <= value <= 2**53
    )


def _column(values: Sequence[Any], pyarrow: Any) -> Any:
    """A column of one type: what JSON would make of values of several types is a text."""
    kinds = {type(value) for value in values if value is not None}
    if not kinds:
        return pyarrow.array(values, pyarrow.string())
    if kinds == {int, float} and all(value is None or has_double(value) for value in values):
        values = [None if value is None else float(value) for value in values]
        kinds = {float}
    if len(kinds) <= 1 and not kinds & {list, tuple, dict}:
        try:
            return pyarrow.array([_whole(v) if kinds == {str} and v else v for v in values])
        except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError, OverflowError):
            pass  # a path, an int beyond int64
    texts = [_whole(value) if type(value) is str else _json(value) for value in values]
    return pyarrow.array(texts, pyarrow.string())


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", _HALVES)


def _whole(text: str) -> str:
    return _encoded(text).decode()


def _json(value: Any) -> str | None:
    return None if value is None else dumps(list(value) if isinstance(value, tuple) else value)
