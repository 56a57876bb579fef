"""`expt cache`: the values of cached providers, and how to be rid of them."""

from __future__ import annotations

import time
from typing import Any

from expt.archive.cache_files import list_cached, remove_cached
from expt.cli.parser import Parser, add_root
from expt.ground.errors import ExitCode
from expt.ground.layout import CACHE_DIR
from expt.ground.screen import Column, output
from expt.ground.text import counted, human_age, human_size
from expt.reading.references import find_archive_root

_DAY = 86_400.0  # seconds


def main(words: list[str]) -> int:
    """List what providers with `cache=True` have kept; with `--prune`, delete it."""
    parser = Parser(prog="expt cache", description="The kept values of cached providers.")
    add: Any = parser.add_argument
    add("providers", nargs="*", metavar="NAME", help="names of providers; all without one")
    add("--prune", action="store_true", help="delete what is listed")
    add("--older", type=float, metavar="DAYS", help="only what was not used for so long")
    add("--json", action="store_true", help="a JSON array of objects")
    add_root(parser)
    asked = parser.parse_args(words)
    root = find_archive_root(asked.runs)
    now = time.time()
    found = [
        value
        for value in list_cached(root / CACHE_DIR)
        if (not asked.providers or value.provider in asked.providers)
        and (asked.older is None or now - value.used > asked.older * _DAY)
    ]
    for value in found if asked.prune else ():
        remove_cached(value)
    screen = output()
    if asked.json:
        told = [
            {"provider": v.provider, "path": str(v.path), "bytes": v.size, "used": v.used}
            for v in found
        ]
        screen.write_json(told)
        return int(ExitCode.OK)
    screen.table(
        [
            Column("provider", [value.provider for value in found]),
            Column("size", [human_size(value.size) for value in found], right=True),
            Column("last used", [human_age(now - value.used) for value in found]),
            Column("file", [value.path.name for value in found], "dim"),
        ]
    )
    size = human_size(sum(value.size for value in found))
    screen.line(
        (f"{counted(len(found), 'value')}, {size}{' deleted' if asked.prune else ''}", "bold")
    )
    return int(ExitCode.OK)
