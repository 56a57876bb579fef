"""What the columns of the index have of one archive."""

from __future__ import annotations

from typing import Any

import pytest

from expt.reading.cells import IS_TABLE, UNTOLD, values_of


@pytest.mark.parametrize(
    ("data", "values"),
    [
        ({"params": {"lr": 0.1, "n": 3, "name": "adam"}},
         {"params\0lr": 0.1, "params\0n": 3, "params\0name": "adam"}),
        ({"params": {"on": True, "none": None, "many": [1, 2]}},
         {"params\0on": True, "params\0none": ["null"], "params\0many": ["[1, 2]"]}),
        ({"params": {"a": {"b": {"c": 1}}, "a.b": 2, "empty": {}}},
         {"params\0a": IS_TABLE, "params\0a\0b": IS_TABLE, "params\0a\0b\0c": 1, "params\0a.b": 2,
          "params\0empty": ["{}"]}),
        ({"results": {"x": {"$float": "nan"}, "y": {"$date": "2026-11-23"}}},
         {"results\0x": ['{"$float": "nan"}'], "results\0y": ['{"$date": "2026-11-23"}']}),
        ({"results": {"long": "x" * 201}}, {"results\0long": [f'"{"x" * 201}"']}),
        ({"results": {"long": "x" * 2001}, "note": "n" * 2001},
         {"results\0long": UNTOLD, "note": UNTOLD}),
        ({"series": {"loss": {"kind": "scalar", "last": 1, "min": {"$float": "inf"}, "max": None},
                     "w": {"kind": "image", "last": 3}}},
         {"series\0loss\0last": 1, "series\0loss\0min": ['{"$float": "inf"}'],
          "series\0w\0kind": "image"}),
        ({"series": {"none": {"kind": "scalar", "last": None}, "odd": {"kind": "scent"}}},
         {"series\0none\0kind": "scalar"}),
        ({"started": "2026-11-23T10:00:00+00:00", "finished": None, "description": "", "note": "n"},
         {"started": "2026-11-23T10:00:00+00:00", "note": "n"}),
        ({"words": {"lr": {"unit": "1/s", "description": "d"}, "n": {"description": "e"}}},
         {"unit\0lr": "1/s"}),
        ({"words": {"lr": {"unit": "1/s"}, "n": 3}}, {}),
        ({"words": {"lr": {"unit": 3}}}, None),
        ({"duration": 3, "setup": None}, {"duration": 3.0}),
        ({"params": {"a": {"$dict": [[1, 2]]}}}, None),
        ({"params": {"$dict": [[1, 2]]}}, None),
        ({"series": {"$dict": [["$x", {"kind": "scalar", "last": 1}]]}}, None),
        ({"params": {"a\0b": 1}}, None),
        ({"params": {"a": {"$other": 1}}}, None),
        ({"results": {str(number): number for number in range(1001)}}, None),
    ],
)  # fmt: skip
def test_values_that_columns_have(data: dict[str, Any], values: dict[str, Any] | None) -> None:
    assert values_of(data) == values
