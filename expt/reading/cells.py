"""The values of one archive as the columns of the index have them, and as a listing tells them.

    {"params": {"lr": 0.1, "net": {"width": 3}, "sizes": [1, 2]}, …}
     params·lr 0.1    params·net []    params·net·width 3    params·sizes ["[1, 2]"]

A number and a text that is not long are themselves. What nothing is compared with is a list: with
the value as JSON, or empty for a table, whose values have columns of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from expt.ground.model import KINDS
from expt.reading.outlines import outline_text

if TYPE_CHECKING:
    from collections.abc import Mapping

NUMBERS: Final = frozenset({int, float})
EXTREMES: Final = ("last", "min", "max")
TIMES: Final = ("duration", "setup")
TEXT_FIELDS: Final = ("started", "finished", "description", "note")

IS_TABLE: Final[list[str]] = []
"""In a column: a table, which is what it holds."""

UNTOLD: Final = [""]
"""In a column: a value that only the run itself tells."""

_PARTS: Final = ("params", "made", "results", "lineage")
_DEEPEST: Final = 8
_MOST: Final = 1000  # values of one archive that have columns; few have more
_LONGEST: Final = 200  # characters of a text in a column,
_LONGEST_JSON: Final = 2000  # and of the JSON of any other value


def key_of(*path: str) -> str:
    """The name of the column of what stands at a path of keys of `run.json`."""
    return "\0".join(path)


def values_of(data: Mapping[str, Any]) -> dict[str, Any] | None:
    """Column → value of a `run.json` that has ended; None where there are too many, or names that
    columns cannot have."""
    found: dict[str, Any] = {name: data[name] for name in TEXT_FIELDS if data.get(name)}
    for name in TIMES:
        if data.get(name) is not None:
            found[name] = float(data[name])
    for part in _PARTS:
        table = data.get(part)
        if table and not _collect(table, part, found, _DEEPEST):
            return None
    for name, entry in (data.get("series") or {}).items():
        if "\0" in name or name == "$dict":
            return None
        if entry.get("kind") == "scalar":
            for which in EXTREMES:
                value = entry.get(which)
                if type(value) in NUMBERS:
                    found[key_of("series", name, which)] = value
                elif type(value) is dict and "$float" in value:
                    found[key_of("series", name, which)] = [outline_text(value)]
        kind = entry.get("kind")
        if kind in KINDS and key_of("series", name, EXTREMES[0]) not in found:
            found[key_of("series", name, "kind")] = kind
    for name, unit in _units_of(data.get("words")):
        if "\0" in name or type(unit) is not str:
            return None
        found[key_of("unit", name)] = unit
    for name in TEXT_FIELDS:
        if len(found.get(name, "")) > _LONGEST_JSON:
            found[name] = UNTOLD
    return found if len(found) <= _MOST else None


def _units_of(words: Any) -> list[tuple[str, Any]]:
    """Name and unit of parameters, none where they are damaged."""
    if type(words) is not dict or not all(type(said) is dict for said in words.values()):
        return []
    return [(name, said["unit"]) for name, said in words.items() if "unit" in said]


def _collect(table: Mapping[str, Any], above: str, found: dict[str, Any], deepest: int) -> bool:
    """Add the values of a table; whether all of them could be."""
    for name, value in table.items():
        if "\0" in name:
            return False
        kind = type(value)
        column = f"{above}\0{name}"
        if kind is float or kind is int or kind is bool or (kind is str and len(value) <= _LONGEST):
            found[column] = value
        elif kind is dict and value and not _is_tagged(value):
            if any(key.startswith("$") for key in value) or not deepest:
                return False
            found[column] = IS_TABLE
            if not _collect(value, column, found, deepest - 1):
                return False
        elif value is None:
            found[column] = _NULL
        else:
            text = outline_text(value)
            found[column] = [text] if len(text) <= _LONGEST_JSON else UNTOLD
    return "$dict" not in table


def _is_tagged(value: Mapping[str, Any]) -> bool:
    """Whether it is a date and its kind, which no name reaches into."""
    (tag, *others) = value
    return not others and tag in ("$float", "$date", "$path")


_NULL: Final = ["null"]
