"""`--tb`: how a user's traceback is shown. The text is Python's own, as the archive has it.

auto    the user's frames with the lines around them, library frames folded to a line
long    every frame so
short   a line of place and a line of source for each frame
line    one line
native  Python's own text
no      nothing

The lines around come from the archived code and never from the disk, which may have changed. In a
pipe auto and long are Python's own text, folded or whole.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final

from expt.ground.files import list_inside, read_inside
from expt.ground.layout import CODE_DIR
from expt.ground.screen import linked, paragraph, relative_path, styled
from expt.ground.text import failure_line, visible
from expt.ground.value_classes import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from rich.console import RenderableType

    from expt.ground.model import ErrorInfo
    from expt.ground.screen import Piece, Screen

_FRAME: Final = re.compile(
    r'^(?P<margin>[ |]*)  File "(?P<path>.+)", line (?P<line>\d+)(?:, in (?P<name>.+))?$'
)
_LIBRARY: Final = re.compile(
    r"(?:.*/)?(?:(?:site|dist)-packages|lib/python3[\d.]*)/(.+)|<frozen (.+)>"
)
_FIRST_FRAMES: Final = 4  # of a long stack, such as a recursion
_LAST_FRAMES: Final = 8
_LARGEST: Final = 1 << 22  # bytes of a file of code that is shown
_COLOURS: Final[dict[tuple[str, ...], str]] = {  # seen on dark and on light
    ("Keyword",): "magenta",
    ("Operator", "Word"): "magenta",
    ("Name", "Builtin"): "cyan",
    ("Name", "Exception"): "cyan",
    ("Literal", "String"): "green",
    ("Literal", "Number"): "cyan",
    ("Comment",): "dim",
}


@frozen
class StackFrame:
    """One frame: where it is, and what Python shows below it (source, marks, locals)."""

    text: str
    margin: str  # of the members of an exception group
    path: str
    line: int
    name: str
    below: list[str]

    @property
    def library(self) -> str | None:
        """The folder of an installed package, or None for a frame of the user's."""
        match = _LIBRARY.fullmatch(self.path)
        return match and (os.path.dirname(match[1] or "") or match[1] or match[2])


Stack = list[StackFrame]


def error_line(error: ErrorInfo) -> str:
    """`ValueError: boom`, on one line."""
    return failure_line(error.type, error.message)


def show_error(
    screen: Screen, error: ErrorInfo, style: str, cwd: Path, archive: Path | None = None
) -> None:
    """Show what `--tb STYLE` shows of `error`."""
    if style in ("auto", "long") and screen.terminal and error.traceback:
        for part in _parts(error.traceback):
            if isinstance(part, list):
                screen.draw(_panel(_folded(part, style), cwd, _sources(archive)))
            elif _tells(part):
                screen.line((part.expandtabs(), "" if part.startswith(" ") else "red"))
        return
    *lines, last = error_lines(error, style, cwd) or [""]
    screen.lines(paragraph("\n".join(lines)) if lines else [])
    if last:
        screen.line((last, "red"))


def error_lines(error: ErrorInfo, style: str, cwd: Path) -> list[str]:
    """What `--tb STYLE` says of `error`, in lines."""
    if style == "no":
        return []
    text = error.traceback.rstrip("\n")
    if not text:
        return [error_line(error)]
    parts = list(_parts(text))
    if style == "line":
        frames = [frame for part in parts if isinstance(part, list) for frame in part]
        place = f"{_place(frames[-1], cwd)}: " if frames else ""
        return [place + error_line(error)]
    if style in ("long", "native"):
        return text.split("\n")
    lines: list[str] = []
    for part in parts:
        if isinstance(part, str):
            lines += [part] if style == "auto" or _tells(part) else []
            continue
        for frame in _folded(part, style):
            if isinstance(frame, str):
                lines.append(f"  {frame}")
            elif style == "auto":
                lines += [frame.text, *frame.below]
            else:
                place = f"{frame.margin}{_place(frame, cwd)}: in {frame.name}"
                lines += [place, *frame.below[:1]]
    return lines


def _place(frame: StackFrame, cwd: Path) -> str:
    return f"{relative_path(frame.path, cwd)}:{frame.line}"


def _tells(line: str) -> bool:
    return bool(line.strip()) and "Traceback (most recent" not in line


def _parts(text: str) -> Iterator[str | Stack]:
    """The lines of a traceback, with the frames of each stack together."""
    frames: Stack = []
    for line in text.rstrip("\n").split("\n"):
        match = _FRAME.match(line)
        if match:
            margin, path, number, name = match.group("margin", "path", "line", "name")
            frames.append(StackFrame(line, margin, path, int(number), name or "?", []))
        elif frames and line.startswith(f"{frames[-1].margin}    "):
            frames[-1].below.append(line)
        else:
            if frames:
                yield frames
                frames = []
            yield line
    if frames:
        yield frames


def _folded(frames: Stack, style: str) -> Iterator[StackFrame | str]:
    """The frames, with those of libraries and the middle of a long stack counted instead."""
    if style != "auto":
        yield from frames
        return
    kept: list[StackFrame | str] = []
    folded: Stack = []
    everything = all(frame.library for frame in frames)
    for frame in [*frames, None]:
        if frame is not None and frame.library and not everything:
            folded.append(frame)
            continue
        if folded:
            many = "1 frame" if len(folded) == 1 else f"{len(folded)} frames"
            kept.append(f"…  {many} in {folded[-1].library}")
            folded = []
        kept += [frame] if frame else []
    hidden = len(kept) - _FIRST_FRAMES - _LAST_FRAMES
    if hidden > 1:
        told = f"… {hidden} frames left out; --tb=long shows them"
        kept = [*kept[:_FIRST_FRAMES], told, *kept[-_LAST_FRAMES:]]
    yield from kept


def _panel(
    frames: Iterator[StackFrame | str], cwd: Path, source: Callable[[str], str | None]
) -> RenderableType:
    from rich.console import Group
    from rich.panel import Panel

    shown: list[RenderableType] = []
    for frame in frames:
        if isinstance(frame, str):
            shown.append(styled((frame, "dim")))
            continue
        where: Piece = linked(_place(frame, cwd), frame.path, "cyan")
        shown.append(styled(where, f" in {frame.name}"))
        code = source(frame.path)
        if code is None:
            shown += [styled(line) for line in frame.below[:1]]
        else:
            shown.append(_excerpt(code, frame.line))
        local = re.compile(r"[ |]*    (\w+) = (.*)")
        for line in frame.below[1:]:
            match = local.fullmatch(line)
            if match:
                parts = ("    " + match[1], "dim"), f" = {match[2]}"
                shown.append(styled(*parts, no_wrap=True, overflow="ellipsis"))
    return Panel(Group(*shown), title="Traceback (most recent call last)", border_style="red")


def _excerpt(code: str, line: int) -> RenderableType:
    # with pygments: slow, and for failures alone
    from rich.style import Style
    from rich.syntax import ANSISyntaxTheme, Syntax

    colours = {kind: Style.parse(style) for kind, style in _COLOURS.items()}

    return Syntax(
        visible(code.expandtabs(4), lines=True),
        "python",
        theme=ANSISyntaxTheme(colours),
        background_color="default",
        line_numbers=True,
        line_range=(max(line - 1, 1), line),
        highlight_lines={line},
        word_wrap=True,
    )


def _sources(archive: Path | None) -> Callable[[str], str | None]:
    """Finds a file's text in the code of an archive by the end of its path."""
    names = sorted(list_inside(archive, CODE_DIR), key=len, reverse=True) if archive else []

    def find(path: str) -> str | None:
        for name in names:
            if archive and path.replace(os.sep, "/").endswith(f"/{name}"):
                content = read_inside(archive, f"{CODE_DIR}/{name}", _LARGEST)
                return None if content is None else content.decode("utf-8", "replace")
        return None

    return find
