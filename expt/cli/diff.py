"""`expt diff A B`: what differs between two runs, the likeliest cause of it first."""

from __future__ import annotations

from typing import Any

from expt.cli.parser import Parser, add_root
from expt.cli.show.comparison import show_comparison
from expt.ground.errors import ExitCode
from expt.ground.screen import output
from expt.reading.differences import COMPARED, find_difference
from expt.reading.references import find_archive_root, load_run


def main(words: list[str]) -> int:
    """Compare, and tell what differs and what was compared."""
    parser = Parser(prog="expt diff", description="What differs between two runs.")
    add: Any = parser.add_argument
    add("one", metavar="A", help="a run")
    add("other", metavar="B", help="another")
    add("--json", action="store_true", help=f"a JSON object with {', '.join(COMPARED)}")
    add_root(parser)
    asked = parser.parse_args(words)
    root = find_archive_root(asked.runs)
    one, other = load_run(asked.one, root), load_run(asked.other, root)
    screen = output()
    if asked.json:
        screen.write_json(find_difference(one, other).as_json())
    else:
        show_comparison([one, other], screen, every=False)
    return int(ExitCode.OK)
