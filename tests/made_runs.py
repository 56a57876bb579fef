"""Archives with the values that a test wants, written as a run writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from expt.archive.writer import write_record
from expt.ground.model import RunRecord

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"


def id_of(number: int) -> str:
    """Ten characters of base 32, in the order of the numbers."""
    letters = ""
    for _ in range(10):
        number, rest = divmod(number, 32)
        letters = _LETTERS[rest] + letters
    return letters


def make_run(root: Path, number: int, **fields: Any) -> Path:
    """A completed run that started `number` seconds after ten; fields as `RunRecord` has them."""
    minute, second = divmod(number, 60)
    moment = f"2026-11-{23 + minute // 60:02}T10:{minute % 60:02}:{second:02}"
    values: dict[str, Any] = {
        "id": id_of(number),
        "experiment": "experiments/walk.py::experiment_walk",
        "case": None,
        "description": "Walk about.",
        "status": "completed",
        "started": f"{moment}.000000+00:00",
        "duration": 1.0,
        **fields,
    }
    function = values["experiment"].rpartition("::")[2]
    stamp = moment.replace("T", "_").replace(":", "-")
    path = root / "walk" / function / f"{stamp}_{values['id']}"
    path.mkdir(parents=True)
    write_record(path, RunRecord(**values))
    return path


def values_of(table: Mapping[str, Any]) -> dict[tuple[str, str], list[Any]]:
    """Of what the page is told: part and name → the values of each row, "gap" where it has none."""
    found = {}
    for column in table["columns"]:
        values = list(column.get("values", [column.get("every")] * len(table["ids"])))
        for row in column["missing"]:
            assert values[row] is None
            values[row] = "gap"
        found[column["part"], column["name"]] = values
    return found
