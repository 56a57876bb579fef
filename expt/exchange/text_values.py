"""Values of other tools that are texts, and texts of values: most trackers keep parameters so."""

from __future__ import annotations

from typing import Any, Final

from expt.ground.encoding import dumps
from expt.ground.objects import safe_repr
from expt.parameters.typed_text import NO_VALUE, read_toml_value

_PYTHON: Final = {"True": True, "False": False, "None": None, "": ""}
_LONGEST: Final = 100_000


def text_of_value(value: Any) -> str:
    """A value as a text: itself where it is one, else JSON, else its `repr`."""
    if isinstance(value, str):
        return value
    try:
        return dumps(value)
    except (TypeError, ValueError, RecursionError):
        return safe_repr(value)


def value_of_text(text: str) -> Any:
    """What a text of a parameter says: a number, a truth, None or a list, else the text itself.

    Nothing is evaluated: a value is what TOML takes for one, or Python's True, False and None.
    """
    if text in _PYTHON:
        return _PYTHON[text]
    if len(text) > _LONGEST:
        return text
    value = read_toml_value(text)
    return text if value is NO_VALUE or isinstance(value, str) else value
