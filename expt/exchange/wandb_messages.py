"""The messages of W&B's log, as far as runs are made of them: items with JSON, rows, moments.

    Record     1 number  2 history  3 summary  5 config  6 files  13 output  17 run  18 exit
    an item    1 key, or 2 its parts, and 16 the value as JSON; newer ones 4 to 8 by its type

https://github.com/wandb/wandb, `wandb/proto/wandb_internal.proto`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from expt.exchange import protobuf_wire as wire
from expt.ground.encoding import dumps
from expt.ground.text import visible

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

NUMBER, HISTORY, SUMMARY, CONFIG, FILE_LIST, OUTPUT = 1, 2, 3, 5, 6, 13
RUN, EXIT, HEADER = 17, 18, 21


def make_item(name: str, value: Any) -> bytes:
    return wire.block(1, name) + wire.block(16, json_of(value))


def make_nested(name: str, value: Any) -> bytes:
    return wire.block(2, name) + wire.block(16, json_of(value))


def json_of(value: Any) -> str:
    """As W&B has it: NaN and infinities by Python's names."""
    if isinstance(value, float):
        return json.dumps(value)
    try:
        return dumps(value)
    except (TypeError, ValueError, RecursionError):
        return json.dumps(visible(str(value)))


def timestamp_of(moment: dt.datetime) -> bytes:
    seconds = moment.timestamp()
    return wire.whole(1, int(seconds)) + wire.whole(2, moment.microsecond * 1000)


def read_config(content: int | bytes) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for number, item in wire.read_fields(wire.bytes_of(content)):
        if number == 1:
            path, value = read_item(item)
            put(values, path, value)
    return {name: value for name, value in values.items() if name != "_wandb"}


def read_item(item: int | bytes) -> tuple[list[str], Any]:
    """The path of keys and the value of one item."""
    nested, key, value = list[str](), "", None
    for number, content in wire.read_fields(wire.bytes_of(item)):
        if number == 1:
            key = wire.text_of(content)
        elif number == 2:
            nested.append(wire.text_of(content))
        elif number in (8, 16):
            value = parsed(wire.text_of(content))
        elif number == 7:
            value = wire.text_of(content)
        elif number == 6:
            value = wire.double_of(content)
        elif number in (4, 5):
            value = bool(content) if number == 4 else wire.int_of(content)
    return nested or [key], value


def parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def put(table: dict[str, Any], path: Sequence[str], value: Any) -> None:
    if path[0].startswith("_") and path[0] != "_type":
        return
    for part in path[:-1]:
        inner = table.setdefault(part, {})
        if not isinstance(inner, dict):
            inner = table[part] = {}
        table = inner
    table[path[-1]] = value


def read_row(content: int | bytes) -> dict[str, Any]:
    """One row: name → value; a value in parts is a table."""
    row: dict[str, Any] = {}
    fields = list(wire.read_fields(wire.bytes_of(content)))
    for number, item in fields:
        if number == 1:
            path, value = read_item(item)
            if path[0] in ("_step", "_timestamp", "_runtime"):
                row[path[0]] = value
            else:
                put(row, path, value)
        elif number == 2:
            row.setdefault("_step", wire.int_of(wire.fields_of(item).get(1)))
    return row
