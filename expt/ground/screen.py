"""One output stream and what it can show. On a terminal rich draws; a pipe gets plain lines.

    what is said ──► line(…)    parts, each a text or (text, style)
                     table(…)   columns of cells
                     draw(…)    anything of rich's, on a terminal alone

Control characters are made visible here, on the way to rich's `Text`: no text is ever markup. In a
pipe rich is not even imported, and nothing is cut.
"""

from __future__ import annotations

import errno
import io
import json
import os
import re
import sys
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import quote

from expt.ground.errors import ExptError
from expt.ground.text import some_of, visible
from expt.ground.value_classes import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import TextIO

    from rich.console import Console, RenderableType
    from rich.text import Text

Piece = str | tuple[str, str]
"""A text, or a text and how it is shown: a style as rich spells it, of the theme's own colours."""

Line = list[Piece]
Branch = tuple[Line, "Sequence[Branch]"]


class OneRow(list[Piece]):
    """A line that a terminal cuts at its edge, where others are broken into rows."""


class Prose(list[Piece]):
    """A line that a terminal breaks between words: there is nothing to be pasted in it."""


_WRAPPED: Final[dict[type, dict[str, Any]]] = {
    OneRow: {"no_wrap": True, "overflow": "ellipsis"},
    Prose: {"no_wrap": False, "overflow": "fold"},
}
STATUS_STYLES: Final = {
    "running": "cyan",
    "completed": "green",
    "failed": "red",
    "interrupted": "yellow",
    "skipped": "dim",
    "lost": "yellow",
}
_PLAIN_SIGNS: Final = str.maketrans(
    "…✓✗▸❱━╸╺─·×−±Δ↑↓▁▂▃▄▅▆▇█⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", "~+x>>=---.x-~d^v_.-:=+*#|/-\\|/-\\|/"
)
_PASTED: Final = re.compile(r"[/\\]|\b(?:expt|pip|python)\b")  # a path, a command
_NO_LIMIT: Final = 100_000  # columns
_WIDEST: Final = 60  # columns of a plain table that one long value does not widen
_NAMED: Final = 10  # columns that were left out
_NUMBER: Final = re.compile(r"\W? ?\.?\d|nan|[-+−]?inf")  # begins what is never cut to the right


@frozen
class Column:
    """A column: its head, a cell for each row, how they are shown.

    Numbers (`right`) and what is to be pasted (`whole`) are never cut; texts may be, and keep
    `least` columns before others are left out.
    """

    head: str
    cells: Sequence[Piece | Line]  # a list is a line of parts
    style: str = ""
    right: bool = False
    whole: bool = False
    least: int = 8

    @property
    def widths(self) -> tuple[int, int]:
        """The width that it needs, and the one that it would take."""
        texts = (self.head, *map(plain, self.cells))
        every = [cells(text) for text in texts]
        kept = [
            width if self.whole or (self.right and _NUMBER.match(text)) else min(width, self.least)
            for text, width in zip(texts, every, strict=True)
        ]
        return max(kept), max(every)


class Screen:
    """A stream, written to by `line`, `table` and `draw`, and what it can show.

    `colour` follows NO_COLOR, FORCE_COLOR, TERM and whether the stream is a terminal; `live` says
    whether lines can be drawn again: a terminal, and not the log of a build. A stream that was
    closed or is full is given up and `gone`; a `strict` screen says so instead, with an
    `ExptError`: what was asked for is lost.
    """

    def __init__(
        self,
        stream: TextIO | None,
        environ: Mapping[str, str] | None = None,
        *,
        strict: bool = False,
    ) -> None:
        self.gone = stream is None
        self._stream = stream or io.StringIO()
        self._environ = os.environ if environ is None else environ
        self._strict = strict
        self.encoding = getattr(stream, "encoding", None) or "utf-8"
        self.terminal = self.isatty() and self._environ.get("TERM") != "dumb"
        forced = bool(self._environ.get("FORCE_COLOR"))
        self.colour = (self.terminal or forced) and not self._environ.get("NO_COLOR")
        self.live = self.terminal and not self._environ.get("CI")
        self.address_of: Callable[[str], str] | None = None

    def run(self, text: str, run_id: str, path: str | os.PathLike[str], style: str = "") -> Piece:
        """A text that stands for a run: by it a terminal opens the run in the page, where
        `address_of` an id is known, else its archive."""
        if self.address_of is None:
            return linked(text, path, style)
        return text, f"{style} link {self.address_of(run_id)}".strip()

    # What it can show

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows: COLUMNS, else the terminal's; where there is neither, no limit."""
        try:
            columns, rows = os.get_terminal_size(self._stream.fileno())
        except (OSError, ValueError, AttributeError):
            columns, rows = 0, 0
        given = self._environ.get("COLUMNS", "")
        asked = int(given) if given.isdecimal() and len(given) < 6 else 0
        return asked or (columns or 80 if self.terminal else _NO_LIMIT), rows or 24

    @property
    def draws(self) -> bool:
        """Whether rich draws; else there are plain lines."""
        return self.terminal or self.colour

    @cached_property
    def console(self) -> Console:
        """rich's console on this stream."""
        from rich.console import Console  # slow, and for terminals alone

        term = self._environ.get("TERM", "")
        return Console(
            file=cast("TextIO", self),
            force_terminal=True,
            force_interactive=self.live,
            color_system="auto" if self.colour else None,
            markup=False,
            emoji=False,
            highlight=False,
            _environ={**self._environ, "TERM": "xterm" if term in ("", "dumb") else term},
        )

    def fitted_console(self) -> Console:
        """The console, as wide as the terminal is now."""
        self.console.size = cast("Any", self.size)
        return self.console

    # What is said

    def line(self, *parts: Piece) -> None:
        """One line; where it is longer than the terminal is wide the terminal breaks it, so that a
        path or a command can still be copied."""
        self.lines([list(parts)])

    def lines(self, lines: Iterable[Line]) -> None:
        """Several lines in one write."""
        if self.draws:
            told = [styled(*line, **_WRAPPED.get(type(line), {})) for line in lines]
            if told:
                from rich.console import Group

                self.fitted_console().print(Group(*told), soft_wrap=True)
        else:
            self.write("".join(f"{plain(line)}\n" for line in lines))

    def table(self, columns: Sequence[Column], *, indent: int = 0, else_by: str = "") -> None:
        """A table, and below it what there was no room for; `else_by` says how to see that.

        Nothing where it has no row.
        """
        columns = [each for each in columns if each.head or any(map(plain, each.cells))]
        if not any(each.cells for each in columns):
            return
        heads = any(column.head for column in columns)
        margin = " " * indent
        if not self.draws:
            texts = [[*([plain(c.head)] if heads else []), *map(plain, c.cells)] for c in columns]
            lines = aligned(texts, [column.right for column in columns])
            self.write("".join(f"{margin}{line}\n" for line in lines))
            return
        from rich.padding import Padding

        shown, left_out = _that_fit(columns, self.size[0] - indent)
        self.draw(Padding(_rich_table(shown, heads=heads), (0, 0, 0, indent), expand=False))
        if left_out:
            else_by = f": {else_by}" if else_by else ""
            told = f"{margin}no room for {some_of(left_out, _NAMED)}{else_by}"
            self.lines([Prose([(told, "dim")])])

    def markdown(self, text: str, *, indent: int = 0) -> None:
        """Markdown that a user wrote; where rich does not draw, as it was written."""
        told = visible(text, lines=True)
        if not self.draws:
            self.lines([f"{' ' * indent}{line}".rstrip()] for line in told.split("\n"))
            return
        from rich.markdown import Markdown  # slow, and for docstrings alone
        from rich.padding import Padding

        self.draw(Padding(Markdown(told, hyperlinks=False), (0, 0, 0, indent)))

    def tree(self, root: Branch, *, indent: int = 0) -> None:
        """A line with what belongs to it below it, as deep as it goes."""
        if not self.draws:
            self.lines(_indented(root, " " * indent))
            return
        from rich.padding import Padding
        from rich.tree import Tree

        def grow(tree: Tree, branches: Sequence[Branch]) -> Tree:
            for line, below in branches:
                grow(tree.add(styled(line)), below)
            return tree

        tree = grow(Tree(styled(root[0]), guide_style="dim"), root[1])
        self.draw(Padding(tree, (0, 0, 0, indent), expand=False))

    def draw(self, *renderables: RenderableType) -> None:
        """Let rich draw."""
        self.fitted_console().print(*renderables, sep="\n")

    # The stream, which rich writes to as to a file

    def write_json(self, value: object) -> None:
        """Write a value of plain JSON for machines."""
        self.write(json.dumps(value, indent=1, allow_nan=False) + "\n")

    def write(self, text: str) -> None:
        """Write and flush `text` as it is."""
        if self.gone:
            if self._strict and text:
                raise ExptError("the output cannot be written: it is closed")
            return
        try:
            self._stream.write(self._encodable(text))
            self._stream.flush()
        except BlockingIOError:
            pass  # a terminal that is behind loses a line, not the rest
        except (OSError, ValueError) as error:
            self.gone = True
            if not self._strict:
                return
            if isinstance(error, OSError) and error.errno == errno.EPIPE:
                raise BrokenPipeError from None  # the reader has seen enough
            reason = error.strerror if isinstance(error, OSError) else "it is closed"
            raise ExptError(f"the output cannot be written: {reason}") from error

    def write_data(self, text: str) -> None:
        """A text for programs, of which a terminal obeys nothing."""
        self.write(visible(text, lines=True) if self.isatty() else text)

    def flush(self) -> None:
        """Everything is flushed when it is written."""

    def isatty(self) -> bool:
        """Whether the stream is a terminal of any kind."""
        try:
            return self._stream.isatty()
        except ValueError:  # closed
            return False

    def _encodable(self, text: str) -> str:
        if text.isascii():
            return text
        try:
            text.encode(self.encoding)
        except UnicodeEncodeError:
            signs = text.translate(_PLAIN_SIGNS)
            return signs.encode(self.encoding, "backslashreplace").decode(self.encoding)
        return text


def output() -> Screen:
    """stdout, for a command whose output is what was asked for: what cannot be written is told."""
    return Screen(sys.stdout, strict=True)


def plain(words: Piece | Line) -> str:
    """The text of a line or a cell alone."""
    if isinstance(words, list):
        return "".join(map(plain, words))
    return visible(words if isinstance(words, str) else words[0])


def styled(*words: Piece | Line, **settings: Any) -> Text:
    """A line or a cell as rich's `Text`."""
    from rich.text import Text

    told = Text(**settings)
    for each in words:
        if isinstance(each, list):
            told.append_text(styled(*each))
        elif isinstance(each, str):
            told.append(visible(each))
        else:
            told.append(visible(each[0]), each[1] or None)
    return told


def side_by_side(*parts: RenderableType, gap: int = 1) -> RenderableType:
    """Things of rich's in one row, `gap` columns apart."""
    from rich.table import Table

    grid = Table.grid(padding=(0, gap))
    grid.add_row(*parts)
    return grid


def paragraph(text: str, *before: Piece) -> list[Line]:
    """The lines of a text of several, the first one after `before`; tabs are blanks.

    With `before` it is said by us: what holds nothing to be pasted is broken between words.
    """
    first, *rest = text.expandtabs().split("\n")
    lines: list[Line] = [[line] for line in rest]
    lines.insert(0, [*before, first])
    if not before:
        return lines
    return [line if _PASTED.search(str(line[-1])) else Prose(line) for line in lines]


def linked(text: str, path: str | os.PathLike[str], style: str = "") -> Piece:
    """A text by which a terminal opens a file."""
    address = "file://" + quote(os.path.abspath(path), errors="surrogateescape")
    return text, f"{style} link {address}".strip()


def pasted(path: str | os.PathLike[str], cwd: Path, style: str = "") -> Piece:
    """A path as it can be pasted in `cwd`, by which a terminal opens it."""
    return linked(relative_path(os.fspath(path), cwd), path, style)


def relative_path(path: str, cwd: Path) -> str:
    """`path` from `cwd`, where that is shorter than the whole of it."""
    try:
        relative = os.path.relpath(path, cwd) if os.path.isabs(path) else path
    except ValueError:  # another drive
        return path
    return min(relative, path, key=len)


def _indented(branch: Branch, indent: str = "") -> Iterator[Line]:
    yield [indent, *branch[0]]
    for below in branch[1]:
        yield from _indented(below, f"{indent}  ")


def cells(text: str) -> int:
    """The columns that `text` takes on a terminal."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # not needed for most

    return cell_len(text)


def aligned(columns: Sequence[Sequence[str]], right: Sequence[bool]) -> list[str]:
    """Lines of columns, two spaces apart."""
    padded = []
    for texts, to_the_right in zip(columns, right, strict=True):
        widths = [cells(text) for text in texts]
        widest = min(max(widths, default=0), _WIDEST)
        blanks = [" " * (widest - width) for width in widths]
        pairs = zip(blanks, texts, strict=True)
        padded.append([b + text if to_the_right else text + b for b, text in pairs])
    return ["  ".join(row).rstrip() for row in zip(*padded, strict=True)]


def _that_fit(columns: Sequence[Column], room: int) -> tuple[list[tuple[Column, int]], list[str]]:
    """The columns for which there is room, each with its width, and the heads of the others.

    The last ones are left out first; of those that stay the widest one is cut first.
    """
    shown = list(columns)
    widths = [column.widths for column in shown]
    left_out: list[str] = []
    over = sum(least for least, _ in widths) + 2 * (len(shown) - 1) - room
    for place in reversed(range(len(shown))):
        if over > 0 and not shown[place].whole:
            over -= widths.pop(place)[0] + 2
            left_out.insert(0, shown.pop(place).head)
    taken = [max(least, min(most, room)) for least, most in widths]
    for _ in range(sum(taken) + 2 * (len(taken) - 1) - room):
        spare = [(taken[i], i) for i, (least, _) in enumerate(widths) if taken[i] > least]
        if spare:
            taken[max(spare)[1]] -= 1
    return list(zip(shown, taken, strict=True)), list(filter(None, left_out))


def _rich_table(columns: Sequence[tuple[Column, int]], *, heads: bool) -> RenderableType:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(
        box=SIMPLE_HEAD if heads else None,
        show_header=heads,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1 if heads else 2, 0, 0),
        header_style="dim",
    )
    for column, width in columns:
        table.add_column(
            styled(column.head, **_WRAPPED[OneRow]),
            justify="right" if column.right else "left",
            style=column.style or None,
            width=width,
        )
    for row in zip(*(column.cells for column, _ in columns), strict=True):
        table.add_row(*(styled(cell, **_WRAPPED[OneRow]) for cell in row))
    return table
