"""`.index.sqlite`: shelves and summaries between two listings; a cache, and never the truth.

    shelves     a row each: the rows of its archives, field by field, and the names of
    columns     their values: a row for each shelf and name
    summaries   a row for each archive: its run.json without what no listing shows, and how much of
                that is its outline

Each row counts with the checksum that it was written with, which SQLite has none of. An index that
is missing, damaged, a link, of another version, locked or in a folder that cannot be written costs
time and nothing else.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import sqlite3
import stat
from json import dumps
from typing import TYPE_CHECKING, Any, Final

from expt.reading.outlines import Outlined
from expt.reading.shelves import (
    Row,
    Shelf,
    checksum,
    decode_column,
    decode_heads,
    encode_column,
    encode_heads,
    join_shelves,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from expt.reading.shelves import Content

VERSION: Final = 7

_APPLICATION: Final = 0x65787074  # "expt": a database of somebody else is left alone
_TIMEOUT: Final = 0.5  # seconds that another process may hold the index
_KEYS_AT_ONCE: Final = 500
_LONGEST: Final = 1 << 24  # bytes of one value: a longer run.json is read each time

_HEADS: Final = [f'"{name}"' for name in (*Row._fields, "names", "checksum")]
_TABLES: Final = {
    "shelves": f"CREATE TABLE shelves (number INTEGER PRIMARY KEY, {', '.join(_HEADS)})",
    "columns": """CREATE TABLE columns (
    shelf INTEGER, name TEXT, content, checksum INTEGER, PRIMARY KEY (shelf, name)
)""",
    "summaries": """CREATE TABLE summaries (
    folder TEXT PRIMARY KEY, summary TEXT, told INTEGER, checksum INTEGER
)""",
}
_INSERT_SHELF: Final = f"INSERT INTO shelves VALUES (NULL, {', '.join('?' for _ in _HEADS)})"  # noqa: S608 - of our own words
_INSERT_SUMMARY: Final = "INSERT OR REPLACE INTO summaries VALUES (?, ?, ?, ?)"

# a lone surrogate in a name, a run.json too long for SQLite
_NOT_KEPT: Final = (UnicodeEncodeError, sqlite3.OperationalError, sqlite3.DataError)


class IndexFile:
    """The open database of one archive root."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """With its shelves. Raises `sqlite3.Error`."""
        self._index = connection
        self._version = self._data_version()
        self._damaged: list[int] = []
        self.shelves = self._sound_shelves()

    def close(self) -> None:
        self._index.close()

    def _sound_shelves(self) -> list[Shelf]:
        found = []
        for number, *contents, sum_ in self._index.execute("SELECT * FROM shelves"):
            try:
                if checksum(*contents) != sum_:
                    raise ValueError("a shelf is not as it was written")
                found.append(self._shelf(number, contents, sum_))
            except ValueError:
                self._damaged.append(number)
        return found

    def _shelf(self, number: int, contents: Sequence[Content], sum_: int) -> Shelf:
        def fetch(name: str) -> list[Any]:
            query = "SELECT content, checksum FROM columns WHERE shelf = ? AND name = ?"
            try:
                content, own = self._index.execute(query, (number, dumps(name))).fetchone()
            except (sqlite3.Error, TypeError):
                raise ValueError("the index has no such column") from None
            if checksum(sum_, name, content) != own:  # also that of a shelf of before or after
                raise ValueError("a column is not as it was written")
            return decode_column(content, len(shelf))

        shelf = decode_heads(contents, number, fetch)
        return shelf

    def summaries(self, folders: Sequence[str], most: int) -> dict[str, Outlined]:
        """Folder → summary, of those of `folders` that the index has, of `most` that there are."""
        query = "SELECT * FROM summaries"
        found: dict[str, Outlined] = {}
        # a lone surrogate in a name is in no index
        with contextlib.suppress(sqlite3.Error, TypeError, UnicodeEncodeError):
            if 2 * len(folders) > most:
                asked = [self._index.execute(f"{query} LIMIT ?", (most,))]
            else:
                some = [
                    folders[at : at + _KEYS_AT_ONCE] for at in range(0, len(folders), _KEYS_AT_ONCE)
                ]
                asked = [
                    self._index.execute(
                        f"{query} WHERE folder IN ({','.join('?' * len(few))})", few
                    )
                    for few in some
                ]
            for folder, text, told, sum_ in itertools.chain.from_iterable(asked):
                if checksum(folder, text, told) == sum_ and (type(text), type(told)) == (str, int):
                    found[folder] = Outlined(text, told)
        return found

    def renew(
        self, fresh: Shelf | None, summaries: Mapping[str, Outlined], there: Collection[str]
    ) -> None:
        """Bring it up to date: what still counts of its shelves, and what is `fresh`.

        `summaries` are those of what is fresh, `there` the folders of all archives. Where another
        process wrote meanwhile, and where that fails, it stays as it is.
        """
        if fresh is None and all(shelf.is_whole for shelf in self.shelves):
            return
        changed = [shelf for shelf in self.shelves if not shelf.is_whole or shelf.is_small]
        gone = {folder for shelf in changed for folder in shelf.folders if folder not in there}
        joined = join_shelves([*changed, fresh] if fresh else changed)
        try:
            self._index.execute("PRAGMA synchronous = NORMAL")
            self._index.execute("BEGIN IMMEDIATE")
            if self._data_version() != self._version:
                self._index.execute("ROLLBACK")
                return
            for number in (*self._damaged, *(shelf.number for shelf in changed)):
                self._index.execute("DELETE FROM shelves WHERE number = ?", (number,))
                self._index.execute("DELETE FROM columns WHERE shelf = ?", (number,))
            self._forget(gone)
            self._insert_summaries(summaries)
            for shelf in joined:
                self._insert(shelf)
            self._index.execute("COMMIT")
        except sqlite3.Error:
            with contextlib.suppress(sqlite3.Error):
                self._index.execute("ROLLBACK")

    def _insert(self, shelf: Shelf) -> None:
        heads = encode_heads(shelf)
        sum_ = checksum(*heads)
        number = self._index.execute(_INSERT_SHELF, (*heads, sum_)).lastrowid
        for name in shelf.names:
            content = encode_column(shelf.column(name) or [])
            values = (number, dumps(name), content, checksum(sum_, name, content))
            self._index.execute("INSERT OR REPLACE INTO columns VALUES (?, ?, ?, ?)", values)

    def _insert_summaries(self, summaries: Mapping[str, Outlined]) -> None:
        rows = ((folder, *each, checksum(folder, *each)) for folder, each in summaries.items())
        try:
            self._index.executemany(_INSERT_SUMMARY, rows)
        except _NOT_KEPT:
            for folder, each in summaries.items():
                try:
                    self._index.execute(_INSERT_SUMMARY, (folder, *each, checksum(folder, *each)))
                except _NOT_KEPT:
                    self._forget([folder])  # what it may say is of before

    def _forget(self, folders: Iterable[str]) -> None:
        for folder in folders:
            with contextlib.suppress(UnicodeEncodeError):
                self._index.execute("DELETE FROM summaries WHERE folder = ?", (folder,))

    def _data_version(self) -> int:
        """Another one as soon as another process has written."""
        version: int = self._index.execute("PRAGMA data_version").fetchone()[0]
        return version


def open_index(path: Path) -> IndexFile | None:
    """The index, begun again where it is damaged; None where there can be none."""
    for _ in range(2):
        index = None
        try:
            if not _is_plain(path):
                return None
            where = f"{path.as_uri()}?mode=rw"
            index = sqlite3.connect(where, timeout=_TIMEOUT, isolation_level=None, uri=True)
            index.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST)
            if _is_ours(index):
                return IndexFile(index)
            index.close()
            return None
        except sqlite3.OperationalError as error:
            damaged = any(word in str(error) for word in ("decode", "no such", "malformed"))
        except (sqlite3.DatabaseError, TypeError, ValueError):
            damaged = True
        except OSError:
            damaged = False
        if index is not None:
            index.close()
        if not damaged:
            break
        for leftover in (path, path.with_name(path.name + "-journal")):
            with contextlib.suppress(OSError):
                leftover.unlink()
    return None


def _is_plain(path: Path) -> bool:
    """Whether the index is a file of its own, begun where it is missing.

    SQLite would follow a link, and make or fill a file where whoever sent the archives wanted it.
    """
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
        os.close(os.open(path, flags, 0o666))
    except FileExistsError:
        pass
    status = path.lstat()
    return stat.S_ISREG(status.st_mode) and status.st_nlink == 1


def _is_ours(index: sqlite3.Connection) -> bool:
    """Whether this is an index of ours, made one where it is empty.

    Raises `sqlite3.DatabaseError` for one of ours that is not as it should be.
    """
    (application,) = index.execute("PRAGMA application_id").fetchone()
    (version,) = index.execute("PRAGMA user_version").fetchone()
    made = index.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL LIMIT 9")
    tables = dict(made.fetchall())
    if tables and application != _APPLICATION:
        return False
    if not tables:
        index.execute("BEGIN IMMEDIATE")  # two processes may be here; the second finds it made
        if not index.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            for statement in _TABLES.values():
                index.execute(statement)
            index.execute(f"PRAGMA application_id = {_APPLICATION}")
            index.execute(f"PRAGMA user_version = {VERSION}")
        index.execute("COMMIT")
        return True
    if version != VERSION or tables != _TABLES:  # a view could have rows without end
        raise sqlite3.DatabaseError("the index is of another version")
    return True
