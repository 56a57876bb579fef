"""`--tb`: how much of a user's traceback is shown. The text is Python's own, as the archive has it.

auto    all of it, the middle of a long stack left out
long    all of it
short   a line of place and a line of source for each frame
line    one line
no      nothing
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final

from expt.ground.text import visible

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from expt.ground.model import ErrorInfo

_FRAME: Final = re.compile(r'^  File "(?P<path>.+)", line (?P<line>\d+)(?:, in (?P<name>.+))?$')
_MARGIN: Final = re.compile(r" *\| ?")
_RULE: Final = re.compile(r" *\+[-+]+")
_FIRST_FRAMES: Final = 4
_LAST_FRAMES: Final = 8


def error_line(error: ErrorInfo) -> str:
    """`ValueError: boom`, on one line."""
    message = visible(error.message.strip().partition("\n")[0])
    return f"{visible(error.type)}: {message}" if message else visible(error.type)


def traceback_lines(error: ErrorInfo, style: str, cwd: Path) -> list[str]:
    """What `--tb STYLE` shows of `error`; places below `cwd` are relative where style is short."""
    if style == "no":
        return []
    text = visible(error.traceback.rstrip(), lines=True)
    lines = text.split("\n") if text else [error_line(error)]
    if style == "line":
        places = [match for line in lines if (match := _FRAME.match(line))]
        return [f"{_place(places[-1], cwd)}: {error_line(error)}" if places else error_line(error)]
    if style == "short":
        return list(_short(lines, cwd))
    return lines if style == "long" else list(_without_middle(lines))


def _place(match: re.Match[str], cwd: Path) -> str:
    return f"{relative_path(match['path'], cwd)}:{match['line']}"


def relative_path(path: str, cwd: Path) -> str:
    """`path` from `cwd`, where that is shorter than the whole of it."""
    below = f"{cwd}{os.sep}"
    if path.startswith(below):
        return path[len(below) :]
    try:
        relative = os.path.relpath(path, cwd) if os.path.isabs(path) else path
    except ValueError:  # another drive
        return path
    return min(relative, path, key=len)


def _short(lines: list[str], cwd: Path) -> Iterator[str]:
    """Frames as places; the members of exception groups stay behind their margins."""
    source = grouped = False
    for line in lines:
        grouped = grouped or line.lstrip().startswith("+ Exception Group Traceback")
        margin = _MARGIN.match(line) if grouped else None
        border = margin[0] if margin else ""
        line = line[len(border) :]
        match = _FRAME.match(line)
        if match:
            yield border + _place(match, cwd) + (f": in {match['name']}" if match["name"] else "")
        elif grouped and not margin:
            if _RULE.match(line) or not line.startswith(" "):
                yield line
        elif (source or not line.startswith("    ")) and _tells(line):
            yield border + line
        source = match is not None


def _tells(line: str) -> bool:
    return bool(line) and not line.startswith("Traceback (most recent")


def _without_middle(lines: list[str]) -> Iterator[str]:
    """The lines, with the middle frames of each long stack counted instead of shown."""
    frames: list[list[str]] = []
    for line in lines:
        if _FRAME.match(line):
            frames.append([line])
        elif frames and line.startswith("  "):
            frames[-1].append(line)
        else:
            yield from _shown(frames)
            frames = []
            yield line
    yield from _shown(frames)


def _shown(frames: list[list[str]]) -> Iterator[str]:
    hidden = len(frames) - _FIRST_FRAMES - _LAST_FRAMES
    if hidden > 1:
        frames = [
            *frames[:_FIRST_FRAMES],
            [f"  … {hidden} frames left out; --tb=long shows them"],
            *frames[-_LAST_FRAMES:],
        ]
    for frame in frames:
        yield from frame
