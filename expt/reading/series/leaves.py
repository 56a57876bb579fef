"""The numbers in a structured value: each is a series of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def numeric_leaves(value: Any, prefix: str) -> Iterator[tuple[str, float | int]]:
    """`eval/acc` and `eval/test/acc` of `{"acc": 0.9, "test": {"acc": 0.8}}`; no bools."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if type(item) is int or type(item) is float:
                yield f"{prefix}{key}", item
            else:
                yield from numeric_leaves(item, f"{prefix}{key}/")
