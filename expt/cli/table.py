"""`expt table --pivot A×B`: a result by two values, for a paper or a page."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from expt.cli.parser import Parser
from expt.cli.show.listing import told_values, value_column
from expt.cli.which_runs import add_filters, find_chosen
from expt.ground.encoding import to_json
from expt.ground.errors import ExitCode, UsageError
from expt.ground.screen import Column, output
from expt.ground.text import value_text
from expt.reading.references import find_archive_root
from expt.terminal.sweep_table import mean_texts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from expt.ground.screen import Screen
    from expt.reading.arranging import Pivot

_TIMES: Final = re.compile(r"\s*[×,]\s*|\s+x\s+")


def main(words: list[str]) -> int:
    """The table in the form that was asked for."""
    parser = Parser(prog="expt table", description="A result of runs by two of their values.")
    add_filters(parser)
    add: Any = parser.add_argument
    add("--pivot", required=True, metavar="A×B", help="rows by A, columns by B; also 'A,B'")
    add("--value", metavar="NAME", help="what the cells have, else the first result")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--markdown", action="store_true", help="a table of Markdown")
    form.add_argument("--latex", action="store_true", help="a tabular of LaTeX")
    form.add_argument("--json", action="store_true", help="an array with an object a cell")
    asked = parser.parse_args(words)
    names = [name for name in _TIMES.split(asked.pivot.strip()) if name]
    if len(names) != 2:
        raise UsageError("a table has two names", f"--pivot {asked.pivot}", "--pivot lr×width")
    runs = find_chosen(find_archive_root(asked.runs), asked)
    if not runs:
        raise UsageError("no run is like that: there is nothing for a table")
    pivot = runs.pivot(names[0], names[1], asked.value)
    screen = output()
    if asked.json:
        screen.write_json(to_json(pivot.outline()))
    elif asked.markdown or asked.latex:
        screen.write(pivot.to_latex() if asked.latex else pivot.to_markdown())
    else:
        _show(pivot, screen)
    return int(ExitCode.OK)


def _show(pivot: Pivot, screen: Screen) -> None:
    def told(values: Sequence[Any]) -> list[str]:
        return told_values(values, tell=lambda v: v if type(v) is str else value_text(v))

    screen.line((f"{pivot.value}, {pivot.names[0]} × {pivot.names[1]}", "bold"))
    columns = [value_column(pivot.names[0], pivot.rows)]
    for index, head in enumerate(told(pivot.columns)):
        texts = mean_texts([cells[index].spread for cells in pivot.cells])
        columns.append(Column(head, texts, right=True))
    screen.table(columns, else_by="--markdown has everything")
