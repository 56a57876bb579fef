"""Runs by their values: a line for each group, with mean ± std, smallest and largest."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from expt.cli.show.listing import value_column
from expt.ground.screen import Column
from expt.ground.text import number_text
from expt.reading.fields import MISSING
from expt.terminal.sweep_table import mean_texts

if TYPE_CHECKING:
    import argparse

    from expt.ground.screen import Screen
    from expt.reading.groups import Groups
    from expt.reading.runs import Runs


def show_groups(groups: Groups[Runs], asked: argparse.Namespace, screen: Screen) -> None:
    if asked.json:
        told = (json.dumps(group.outline(), allow_nan=False) for group in groups)
        text = ",\n".join(told)
        screen.write(f"[\n{text}\n]\n" if text else "[]\n")
    elif asked.csv:
        screen.write_data(groups.table().to_csv())
    else:
        _show_table(groups, screen)


def _show_table(groups: Groups[Runs], screen: Screen) -> None:
    columns = [
        value_column(name, [group.values.get(name, MISSING) for group in groups])
        for name in groups.names
    ]
    columns.append(Column("n", [str(len(group.runs)) for group in groups], right=True))
    part = groups.part()
    found = [group.statistics(part) for group in groups]
    for name in dict.fromkeys(name for statistics in found for name in statistics):
        spreads = [statistics.get(name) for statistics in found]
        columns.append(Column(name, mean_texts(spreads), right=True))
        lows = [number_text(spread["min"]) if spread else "" for spread in spreads]
        highs = [number_text(spread["max"]) if spread else "" for spread in spreads]
        columns += [Column("min", lows, "dim", right=True), Column("max", highs, "dim", right=True)]
    screen.table(columns, else_by="--csv has everything")
