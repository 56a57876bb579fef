"""Runs by their values: a line for each group, with mean ± std, smallest and largest."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from expt.cli.show.listing import show_table, value_column
from expt.ground.errors import ExitCode
from expt.ground.screen import Column
from expt.ground.text import number_text, visible
from expt.reading.fields import MISSING

if TYPE_CHECKING:
    import argparse

    from expt.ground.screen import Screen
    from expt.reading.groups import Groups
    from expt.reading.runs import Runs


def show_groups(groups: Groups[Runs], asked: argparse.Namespace, screen: Screen) -> int:
    """The groups in the form that was asked for."""
    if asked.json:
        told = (json.dumps(group.outline(), allow_nan=False) for group in groups)
        text = ",\n".join(told)
        screen.write(f"[\n{text}\n]\n" if text else "[]\n")
    elif asked.csv:
        text = groups.table().to_csv()
        screen.write(visible(text, lines=True) if screen.isatty() else text)
    else:
        _show_table(groups, screen)
    return int(ExitCode.OK)


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
        columns.append(Column(name, [_mean_text(spread) for spread in spreads], right=True))
        for what in ("min", "max"):
            numbers = [(spread or {}).get(what) for spread in spreads]
            texts = ["" if number is None else number_text(number) for number in numbers]
            columns.append(Column(what, texts, "dim", right=True))
    show_table(screen, columns, "--csv has everything")


def _mean_text(spread: dict[str, Any] | None) -> str:
    if spread is None:
        return ""
    mean = number_text(spread["mean"])
    return mean if spread["std"] is None else f"{mean} ± {number_text(spread['std'], 2)}"
