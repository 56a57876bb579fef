"""Packages that only some formats need: imported when they are used, named where they lack."""

from __future__ import annotations

import importlib
from typing import Any

from expt.ground.errors import UsageError


def need(module: str, extra: str) -> Any:
    """The module. Raises `UsageError`, with the command that installs it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        what = f"the format needs the package '{module.partition('.')[0]}': {error}"
        raise UsageError(what, None, f"pip install 'expt-runner[{extra}]'") from None
