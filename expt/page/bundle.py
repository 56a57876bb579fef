"""The front end as one script: the modules of `assets/`, in the order that they need each other.

A module imports and exports by whole lines, `import {a, b} from "./other.js";` and
`export function …`: without those words it is a piece of one script. So the same code runs from
a server and inside a file that is opened from disk, where modules cannot be loaded.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from functools import cache
from importlib.resources import files
from typing import Final

from expt.ground.errors import UsageError
from expt.ground.ranges import AROUND, AROUND_ZERO, ROUNDING, SMALLEST

_IMPORT: Final = re.compile(r'^import \{[^}]*\} from "\./([\w.]+)";\n', re.MULTILINE)
_EXPORT: Final = re.compile(r"^export (?=(?:async )?function|class|const|let)", re.MULTILINE)
_WRAPPED: Final = (": this, () => {", "}));")  # where all of plotly begins and ends
_ENTRY: Final = "main.js"
_FLAT: Final = {
    "rounding": ROUNDING,
    "smallest": SMALLEST,
    "around": AROUND,
    "aroundZero": AROUND_ZERO,
}  # of a rule that pictures have too: the modules find it before them


@cache
def front_end() -> str:
    """All modules, each after those that it imports, inside one function."""
    done: dict[str, str] = {}

    def add(name: str) -> None:
        if name in done:
            return
        text = asset(name)
        done[name] = ""  # a circle ends here
        for needed in _IMPORT.findall(text):
            add(needed)
        body = _EXPORT.sub("", _IMPORT.sub("", text))
        del done[name]
        done[name] = f"// {name}\n{body}"

    add(_ENTRY)
    flat = f"const FLAT = {json.dumps(_FLAT)};\n"
    return '"use strict";\n(() => {\n' + flat + "\n".join(done.values()) + "\n})();\n"


def asset(name: str) -> str:
    """The text of a file of `assets/`."""
    return (files("expt.page") / "assets" / name).read_text(encoding="utf-8")


@cache
def charts() -> str:
    """Plotly's script, from the installed package. Raises `UsageError` where there is none.

    All of it is a function that is called at once, which a browser is told by parentheses: else it
    looks through four megabytes for nothing before it reads them.
    """
    try:
        text = (files("plotly") / "package_data" / "plotly.min.js").read_text(encoding="utf-8")
    except (ModuleNotFoundError, FileNotFoundError):
        raise missing_extra("plotly") from None
    begins, ends = _WRAPPED
    whole = text.rstrip()
    if begins not in whole[:1000] or not whole.endswith(ends):
        return text
    return whole.removesuffix(ends).replace(begins, ": this, (() => {", 1) + "})));\n"


def missing_extra(name: str) -> UsageError:
    """The error where a package of the extra `page` is not installed."""
    return UsageError(
        f"the page needs '{name}', which is not installed", None, 'pip install "expt-runner[page]"'
    )


def digest(text: str) -> str:
    """How a content security policy names a script or a style sheet."""
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"
