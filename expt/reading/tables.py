"""`Table`: rows of values that print well, in a terminal and in a notebook."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from expt.ground.dataframes import import_theirs
from expt.ground.encoding import dumps
from expt.ground.screen import aligned
from expt.ground.text import number_text, value_text, visible
from expt.ground.value_classes import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@frozen(repr=False)
class Table:
    """Rows as dicts. A row need not have every column."""

    columns: tuple[str, ...]
    rows: tuple[Mapping[str, Any], ...]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        return iter(self.rows)

    def __getitem__(self, key: int | str) -> Any:
        """A row by its place, or the values of a column by its name."""
        if isinstance(key, str):
            if key not in self.columns:
                raise KeyError(f"no column {key!r}; columns: {', '.join(self.columns)}")
            return [row.get(key) for row in self.rows]
        return self.rows[key]

    def __repr__(self) -> str:
        """The table as aligned text."""
        texts = list(self._texts())
        columns = [[visible(n), *(row[i] for row in texts)] for i, n in enumerate(self.columns)]
        return "\n".join(aligned(columns, [False] * len(columns)))

    def _repr_html_(self) -> str:
        import html  # slow, and for notebooks alone

        head = "".join(f"<th>{html.escape(visible(name))}</th>" for name in self.columns)
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(text)}</td>" for text in texts) + "</tr>"
            for texts in self._texts()
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    def _texts(self) -> Iterator[list[str]]:
        for row in self.rows:
            yield [_text(row[name]) if name in row else "" for name in self.columns]

    def to_csv(self) -> str:
        """The table as CSV; a value that is no text or number is JSON, a missing one is empty."""
        import csv  # slow, and few tables are written
        import io

        stream = io.StringIO(newline="")
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(self.columns)
        for row in self.rows:
            writer.writerow([_csv_value(row.get(name)) for name in self.columns])
        return stream.getvalue()

    def to_pandas(self) -> Any:
        """The table as a pandas `DataFrame`. Raises `UsageError` where pandas is not installed."""
        pandas = import_theirs("pandas", "to_pandas")
        return pandas.DataFrame([dict(row) for row in self.rows], columns=list(self.columns))


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, str):
        return visible(value)
    if hasattr(value, "isoformat"):
        return str(value.isoformat(" ", "seconds") if hasattr(value, "hour") else value)
    return number_text(value) if isinstance(value, float) else value_text(value)


def _csv_value(value: Any) -> str | int | float:
    if value is None:
        return ""
    if type(value) in (str, int, float):
        plain: str | int | float = value
        return plain
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    return os.fspath(value) if isinstance(value, os.PathLike) else dumps(value)
