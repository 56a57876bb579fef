"""Several runs side by side: what differs, a column a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from expt.cli.show.columns import Column, table_lines, value_cell
from expt.ground.text import visible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from expt.ground.screen import Screen
    from expt.reading import Runs


def comparison_lines(runs: Runs, screen: Screen, *, every: bool) -> Iterator[str]:
    """A line for each value that differs; with `every`, for each value."""
    table = runs.compare(every=every)
    if not table.rows:
        yield "nothing differs: neither node id nor status, parameters, results or last values"
        return
    names = tuple(visible(row["name"]) for row in table)
    columns = [Column("", names, "name")]
    for head in table.columns[1:]:
        texts = tuple(value_cell(row[head]) if head in row else "-" for row in table)
        columns.append(Column(head, texts, gives=True))
    yield from table_lines(columns, screen, screen.width)
    if not every:
        yield screen.paint("--all shows also which values are the same", "dim")
