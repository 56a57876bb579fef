"""Which key stands on which line of a TOML file.

This is no parser: tomllib has accepted the text, so that strings, brackets and keys can be told
apart by their first character, and what is skipped cannot be wrong.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from typing import TYPE_CHECKING, Final

from expt.ground.value_classes import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator

KeyPath = tuple[str, ...]

# before Python 3.11.5 a possessive group goes wrong that begins a turn which it cannot end
_TOKENS: Final = re.compile(
    r'''
      (?P<space>[ \t\r]++)
    | (?P<comment>\#[^\n]*+)
    | (?P<newline>\n\s*+)
    | (?P<mark>[\[\]{}=,.])
    | (?P<key> """(?:[^"\\]++|\\.)*+(?:"{1,2}(?:[^"\\]++|\\.)++)*"{3,5}
             | \'\'\'.*?\'{3,5}
             | "(?:[^"\\\n]++|\\.)*+"
             | \'[^\'\n]*+\'
             | [^\s\[\]{}=,."\'\#]++
      )
    ''',
    re.VERBOSE | re.DOTALL,
)


@frozen
class Comment:
    """A comment outside of values, and the table that it stands in (None: inside an array).

    `beside` is the path of the key, or of the table's header, on whose line it stands; None for
    one on a line of its own.
    """

    text: str
    table: KeyPath | None
    line: int
    beside: KeyPath | None = None


def find_keys(text: str) -> tuple[dict[KeyPath, int], list[Comment]]:
    """The 1-based line of every key by its path, and the comments outside of values.

    A table has the line of its header, or of the first key that implies it. Keys inside of arrays
    have no path: an array is one value.
    """
    scanner = _Scanner([match.start() for match in re.finditer("\n", text)])
    for match in _TOKENS.finditer(text):
        if match.lastgroup != "space":
            scanner.read(match.lastgroup or "", match[0], match.start())
    return scanner.lines, scanner.comments


class _Scanner:
    """Where in the file the last word left us.

    `open` holds the brackets of the value that is being read: `(bracket, path of its keys)`.
    `header` counts the brackets of a table's header; `keys` is the dotted key read so far, or
    None inside a value.
    """

    def __init__(self, newlines: list[int]) -> None:
        self.lines: dict[KeyPath, int] = {}
        self.comments: list[Comment] = []
        self._newlines = newlines
        self._arrays: set[KeyPath] = set()
        self._table: KeyPath | None = ()
        self._open: list[tuple[str, KeyPath | None]] = []
        self._header = 0
        self._keys: list[str] | None = []
        self._path: KeyPath | None = ()
        self._outer: KeyPath | None = None  # what the last value on the table's level belongs to

    def read(self, kind: str, word: str, position: int) -> None:
        if kind == "comment":
            if not self._open:
                own_line = self._keys == [] and not self._header
                beside = None if own_line else self._table if self._header else self._outer
                if own_line or beside is not None:
                    line = self._line(position)
                    self.comments.append(Comment(word, self._table, line, beside))
        elif kind == "newline":
            if not self._open:
                self._header, self._keys = 0, []
        elif self._keys is None:
            self._read_value(kind, word)
        else:
            self._read_key(self._keys, kind, word, position)

    def _read_key(self, keys: list[str], kind: str, word: str, position: int) -> None:
        if kind == "key":
            keys.append(_unquote(word))
        elif word == "=":
            base = self._open[-1][1] if self._open else self._table
            self._path = None if base is None else (*base, *keys)
            if not self._open:
                self._outer = self._path
            self._record(self._path, position)
            self._keys = None
        elif word == "[":
            self._header += 1
        elif word == "]":
            self._end_header(keys, position)
        elif word == "}":  # of an empty inline table
            self._close()

    def _end_header(self, keys: list[str], position: int) -> None:
        if keys:  # else it is the second of two brackets
            path = tuple(keys)
            self._record(path, position)
            if self._header == 2:
                self._arrays.add(path)
            inside = any(path[:size] in self._arrays for size in range(1, len(path) + 1))
            self._table = None if inside else path
        self._keys = []

    def _read_value(self, kind: str, word: str) -> None:
        if kind == "key":
            return
        if word == "{":
            in_array = bool(self._open) and self._open[-1][0] == "["
            self._open.append(("{", None if in_array else self._path))
            self._keys = []
        elif word == "[":
            self._open.append(("[", None))
        elif word in "]}":
            self._close()
        elif word == "," and self._open and self._open[-1][0] == "{":
            self._keys = []

    def _close(self) -> None:
        self._open.pop()
        self._keys = None

    def _record(self, path: KeyPath | None, position: int) -> None:
        if path is None or any(path[:size] in self._arrays for size in range(1, len(path))):
            return
        for size in range(1, len(path) + 1):
            self.lines.setdefault(path[:size], self._line(position))

    def _line(self, position: int) -> int:
        return bisect_right(self._newlines, position - 1) + 1


def _unquote(word: str) -> str:
    if word[0] not in "\"'":
        return word
    if "\\" not in word:
        return word[1:-1]
    return str(tomllib.loads(f"key = {word}")["key"])


def find_texts(text: str) -> Iterator[tuple[KeyPath, int, int]]:
    """Every string that is a value or stands in one: its keys, from its first to past its last
    character. An item of an array has the keys of the array.
    """
    table: KeyPath = ()
    path: KeyPath = ()
    keys: list[str] | None = []
    inside: list[tuple[str, KeyPath]] = []  # brackets of the value, each with the keys around it
    for match in _TOKENS.finditer(text):
        kind, word = match.lastgroup, match[0]
        if kind == "newline":
            keys = keys if inside else []
        elif kind == "key":
            if keys is not None:
                keys.append(_unquote(word))
            elif word[0] in "\"'":
                yield path, match.start(), match.end()
        elif word == "=" and keys is not None:
            path, keys = (*(inside[-1][1] if inside else table), *keys), None
        elif word in ("[", "{") and keys is None:
            inside.append((word, path))
            keys = [] if word == "{" else None
        elif word in ("]", "}") and inside:
            path, keys = inside.pop()[1], None
        elif word == "]" and keys:
            table, keys = tuple(keys), []
        elif word == "," and inside and inside[-1][0] == "{":
            keys = []
