"""What runs print, as they print it: `-s`."""

from __future__ import annotations

import codecs
import contextlib
import re
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Final

from expt.ground.layout import LOG_FILE
from expt.ground.text import collapse_progress, printed, visible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from expt.ground.messages import RunStarted

_CHUNK: Final = 1 << 16
_PREFIX: Final = 32  # characters of a run's name before each line of its output
_CUT_COLOUR: Final = re.compile(r"\x1b(?:\[[\d;]{0,32})?\Z")
_ENDED: Final = 64  # runs that are still looked at after their end: analyses print too


class Output:
    """The new text of every running archive's `output.log`; `several` at once are told apart.

    Nothing of it speaks to the terminal, but for colours where it shows `colour`.
    """

    def __init__(self, *, several: bool, colour: bool = False) -> None:
        self._several = several
        self._colour = colour
        self._running: dict[str, _Follower] = {}
        self._ended: deque[_Follower] = deque(maxlen=_ENDED)

    def begin(self, event: RunStarted) -> None:
        """Follow a run from now on."""
        name = visible(event.case_id)
        if len(name) > _PREFIX:
            name = f"{name[: _PREFIX // 3]}…{name[1 - _PREFIX + _PREFIX // 3 :]}"
        prefix = f"{name} | " if self._several else ""
        self._running[event.case_id] = _Follower(event.path, prefix, self._colour)

    def read(self) -> Iterator[str]:
        """What was written since the last look, in pieces."""
        for follower in self._ended:
            yield from follower.read(final=True)
        for follower in self._running.values():
            yield from follower.read()

    def end(self, case_id: str) -> Iterator[str]:
        """All that a run has written, to a whole line."""
        follower = self._running.pop(case_id, None)
        if follower is not None:
            self._ended.append(follower)
            yield from follower.read(final=True)

    def end_all(self) -> Iterator[str]:
        """The rest, at the end of the session."""
        for case_id in list(self._running):
            yield from self.end(case_id)
        yield from self.read()


class _Follower:
    """New text of one file, opened for each look: many runs hold no descriptors."""

    def __init__(self, path: str, prefix: str, colour: bool) -> None:
        self._path = Path(path) / LOG_FILE
        self._offset = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._prefix = prefix
        self._colour = colour
        self._held = ""
        self._at_line_start = True

    def read(self, *, final: bool = False) -> Iterator[str]:
        """What was written since the last call, in pieces; with `final`, to a whole line.

        What a background process adds while this reads is left: it may never end.
        """
        for data in self._pieces():
            yield self._shown(self._decoder.decode(data))
        if final:
            yield self._shown(self._decoder.decode(b"", final=True), final=True)

    def _pieces(self) -> Iterator[bytes]:
        with contextlib.suppress(OSError):  # not there yet, or removed
            end = self._path.stat().st_size
            if end <= self._offset:
                return
            with self._path.open("rb") as file:
                file.seek(self._offset)
                while data := file.read(min(_CHUNK, end - self._offset)):
                    self._offset += len(data)
                    yield data

    def _shown(self, text: str, *, final: bool = False) -> str:
        text, self._held = self._held + text, ""
        if not final and (cut := _CUT_COLOUR.search(text)):
            text, self._held = text[: cut.start()], cut[0]
        if self._prefix:
            return self._prefixed(text, final)
        text = printed(text, colour=self._colour)
        if text:
            self._at_line_start = text.endswith("\n")
        if final and not self._at_line_start:
            self._at_line_start = True
            text += "\n"
        return text

    def _prefixed(self, text: str, final: bool) -> str:
        """Whole lines, each with the run's name; a bar that is drawn again is shown as it ended."""
        *lines, rest = collapse_progress(text).split("\n")
        if final and rest:
            lines.append(rest)
        elif rest:
            self._held = rest + self._held
        told = (printed(line, colour=self._colour) for line in lines)
        return "".join(f"{self._prefix}{line}\n" for line in told)
