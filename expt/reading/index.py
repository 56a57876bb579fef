"""The index of an archive root: what a listing needs of each run, kept in `.index.sqlite`.

    scan the folders ─► stamps ─► unchanged: the row of the index
                                  changed:   read its run.json, and tell the index
                                  vanished:  out of the index

It is a cache and never the truth. The scan sees every archive each time; a row counts only while
the stamp of its `run.json` is the same, and with the checksum that it was written with, which
SQLite has none of. An index that is missing, damaged, a link, of another version, locked or in a
folder that cannot be written costs time and nothing else.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import sqlite3
import stat
import zlib
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from expt.archive.record import microseconds, read_headline
from expt.archive.run_labels import read_labels
from expt.ground.encoding import parse_strict
from expt.ground.errors import DamagedArchive, ReadingError
from expt.ground.layout import INDEX_FILE
from expt.ground.model import STATUSES
from expt.ground.value_classes import evolve, frozen
from expt.reading.narrowing import RARE
from expt.reading.scanning import DOUBT, LABELLED, REFUSED, scan_archives

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

VERSION: Final = 4

_APPLICATION: Final = 0x65787074  # "expt": a database of somebody else is left alone
_TIMEOUT: Final = 0.5  # seconds that another process may hold the index
_KEYS_AT_ONCE: Final = 500

_LONGEST: Final = 1 << 24  # bytes of one value: a longer run.json is read each time

_TABLES: Final = {
    "archives": """CREATE TABLE archives (
    folder TEXT PRIMARY KEY, stamp TEXT, id TEXT, experiment TEXT, "case" TEXT, status TEXT,
    started INTEGER, tags TEXT, problem TEXT, checksum INTEGER
) WITHOUT ROWID""",
    "summaries": """CREATE TABLE summaries (
    folder TEXT PRIMARY KEY, summary TEXT, rare TEXT, checksum INTEGER
)""",
}
_INSERT_ROW: Final = "INSERT OR REPLACE INTO archives VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"

# The summary is the run.json without what takes room and no listing shows; `rare` tells, with a
# letter each, which words stand in it that few have, so that nobody looks for them each time
_RARE_WORDS: Final = " || ".join(
    f"CASE WHEN instr(summary, '{word}') THEN '{letter}' ELSE '' END"
    for word, letter in RARE.items()
)
_INSERT_SUMMARY: Final = f"""
INSERT OR REPLACE INTO summaries SELECT folder, summary, rare, checksum(folder, summary, rare)
FROM (SELECT folder, summary, {_RARE_WORDS} AS rare FROM (
    SELECT ? AS folder, json_remove(
        ?, '$.origins', '$.sources', '$.inputs', '$.command', '$.error.traceback'
    ) AS summary
))
"""  # noqa: S608 - of our own words


class Row(NamedTuple):
    """What the index says of one archive; `problem` says why one cannot be read.

    `folder` is relative to the archive root; `started` counts microseconds since 1970; `tags` is
    JSON, with those that people added. `status` is what the file says: whether a run still runs is
    found out on reading.
    """

    folder: str
    stamp: str
    id: str
    experiment: str
    case: str | None
    status: str
    started: int
    tags: str
    problem: str | None

    @property
    def is_labelled(self) -> bool:
        """Whether people added labels after the end."""
        return LABELLED in self.stamp


@frozen
class Catalogue:
    """Every archive below one root, newest first, and their summaries on demand.

    `fresh` are the texts of the `run.json`s that were read now, by folder; `unkept` those of their
    folders of which the index may say what was before.
    """

    root: Path
    rows: tuple[Row, ...]
    problems: tuple[Row, ...]
    fresh: Mapping[str, str]
    index: sqlite3.Connection | None
    unkept: frozenset[str] = frozenset()

    def path_of(self, row: Row) -> str:
        """The archive's folder."""
        return f"{self.root}/{row.folder}" if row.folder != "." else str(self.root)

    def summaries(self, rows: Sequence[Row]) -> Iterator[tuple[Row, str | None]]:
        """Each row with its `run.json` as text, perhaps without the keys that the index leaves
        out, or with None where the index cannot tell it."""
        stored = self._stored([row.folder for row in rows if row.folder not in self.fresh])
        for row in rows:
            yield row, self.fresh.get(row.folder) or stored.get(row.folder)

    def refuted(self, condition: str, arguments: Sequence[Any]) -> frozenset[str]:
        """The folders of runs that ended and for whose `summary` the SQL `condition` is not true.

        A summary that is not as it was written refutes nothing. What is not asked for in a `CASE`
        SQLite evaluates to its end.
        """
        if self.index is None:
            return frozenset()
        query = f"""SELECT folder FROM summaries WHERE CASE WHEN {condition} THEN 0 ELSE 1 END
            AND ifnull(json_extract(summary, '$.status'), 'running') != 'running'
            AND NOT instr(rare, 'd') AND checksum(folder, summary, rare) = checksum LIMIT ?"""  # noqa: S608  `narrowing` puts no word of the user's into it
        most = len(self.rows) + len(self.problems)
        try:
            found = self.index.execute(query, (*arguments, most))
            return frozenset(folder for (folder,) in found) - self.unkept
        except (sqlite3.Error, TypeError, ValueError):
            return frozenset()

    def numbers(self, place: str) -> dict[str, float]:
        """Folder → the number that stands at `place`, a path of SQLite's, of runs that ended and
        in whose summaries no rare word stands; its last digits may be others."""
        if self.index is None:
            return {}
        query = """SELECT folder, json_extract(summary, ?) FROM summaries WHERE rare = ''
            AND json_type(summary, ?) IN ('integer', 'real')
            AND ifnull(json_extract(summary, '$.status'), 'running') != 'running'
            AND checksum(folder, summary, rare) = checksum LIMIT ?"""
        most = len(self.rows) + len(self.problems)
        try:
            found = dict(self.index.execute(query, (place, place, most)).fetchall())
        except (sqlite3.Error, TypeError, ValueError):
            return {}
        return {folder: found[folder] for folder in found.keys() - self.unkept}

    def _stored(self, folders: Sequence[str]) -> Mapping[str, str]:
        if self.index is None or not folders:
            return {}
        query = "SELECT folder, summary, rare, checksum FROM summaries"
        found: dict[str, str] = {}
        with contextlib.suppress(sqlite3.Error, TypeError):
            most = len(self.rows) + len(self.problems)
            if 2 * len(folders) > most:
                asked = [self.index.execute(f"{query} LIMIT ?", (most,))]
            else:
                some = [
                    folders[at : at + _KEYS_AT_ONCE] for at in range(0, len(folders), _KEYS_AT_ONCE)
                ]
                asked = [
                    self.index.execute(f"{query} WHERE folder IN ({','.join('?' * len(few))})", few)
                    for few in some
                ]
            for folder, summary, rare, checksum in itertools.chain.from_iterable(asked):
                if _checksum_of_summary(folder, summary, rare) == checksum:
                    found[folder] = summary
        return found


@contextlib.contextmanager
def open_catalogue(root: Path) -> Iterator[Catalogue]:
    """The archives below `root`, through its index where there can be one."""
    root = root.absolute()
    file = root / INDEX_FILE
    there = list(scan_archives(root))
    index, known = _open_index(file, len(there)) if os.path.lexists(file) else (None, {})
    try:
        catalogue = _look_over(root, there, index, known)
        if index is None and catalogue.fresh and not os.path.lexists(file):
            index, _ = _open_index(file, 0)
            catalogue = evolve(catalogue, index=index)
        if index is not None:
            unkept = _remember(index, catalogue, known)
            catalogue = evolve(catalogue, unkept=unkept)
        yield catalogue
    finally:
        if index is not None:
            index.close()


def _look_over(
    root: Path,
    there: Sequence[tuple[str, str]],
    index: sqlite3.Connection | None,
    known: Mapping[str, Row],
) -> Catalogue:
    """The archives that are there now; those that the index knows are not opened."""
    rows: dict[str, Row] = {}
    fresh: dict[str, str] = {}
    for folder, stamp in there:
        row = known.get(folder)
        if stamp.startswith(REFUSED):
            row = _problem(folder, stamp, stamp.removeprefix(REFUSED))
        elif row is None or row.stamp != stamp or stamp.startswith(DOUBT):
            row, fresh[folder] = _read_row(root, folder, stamp)
        rows[folder] = row
    ordered = sorted(rows.values(), key=attrgetter("started", "id"), reverse=True)
    readable = tuple(row for row in ordered if row.problem is None)
    problems = tuple(row for row in ordered if row.problem is not None)
    return Catalogue(root, readable, problems, fresh, index)


def _read_row(root: Path, folder: str, stamp: str) -> tuple[Row, str]:
    """The row of an archive and the text of its `run.json`."""
    try:
        text, data = read_headline(f"{root}/{folder}")
    except ReadingError as error:
        return _problem(folder, stamp, error.what), "{}"
    started, tags = microseconds(data["started"]), data.get("tags")
    if LABELLED in stamp:
        tags = _with_labels(tags or (), f"{root}/{folder}")
    names = (data["id"], data["experiment"], data.get("case"), data["status"])
    return Row(folder, stamp, *names, started, json.dumps(tags) if tags else "[]", None), text


def _with_labels(tags: Sequence[str], archive: str) -> Sequence[str]:
    try:
        return read_labels(Path(archive)).add_to(tags)
    except DamagedArchive:
        return tags  # the archive itself is whole


def _problem(folder: str, stamp: str, what: str) -> Row:
    name = folder.rpartition("/")[2].rpartition("_")[2]
    return Row(folder, stamp, name, "", None, "", 0, "[]", what)


# The database


def _open_index(path: Path, most: int) -> tuple[sqlite3.Connection | None, dict[str, Row]]:
    """The index and up to `most` of its rows; a damaged one is begun again, None is no index."""
    for _ in range(2):
        index = None
        try:
            if not _is_plain(path):
                return None, {}
            where = f"{path.as_uri()}?mode=rw"
            index = sqlite3.connect(where, timeout=_TIMEOUT, isolation_level=None, uri=True)
            index.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST)
            index.create_function("checksum", 3, _checksum_of_summary, deterministic=True)
            if _is_ours(index):
                return index, _known_rows(index, most)
            index.close()
            return None, {}
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
    return None, {}


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


def _known_rows(index: sqlite3.Connection, most: int) -> dict[str, Row]:
    rows = {}
    for values in index.execute("SELECT * FROM archives LIMIT ?", (most,)):
        row = Row._make(values[:-1])
        if _checksum(row) == values[-1] and _is_sound(row):
            rows[values[0]] = row
    return rows


def _is_sound(row: Row) -> bool:
    """Whether a row is one that `_read_row` makes."""
    return (
        tuple(map(type, row)) in _SOUND
        and (row.problem is not None or row.status in STATUSES)
        and (row.tags == "[]" or _are_tags(row.tags))
    )


_SOUND: Final = frozenset(
    (str, str, str, str, case, str, int, str, problem)
    for case in (str, type(None))
    for problem in (str, type(None))
)
"""The types of a row's fields."""


def _are_tags(text: str) -> bool:
    try:
        tags = parse_strict(text)
    except ValueError:
        return False
    return isinstance(tags, list) and all(isinstance(tag, str) for tag in tags)


def _checksum(row: Row) -> int:
    a, b, c, d, e, f, g, h, i = row
    text = f"{a}\0{b}\0{c}\0{d}\0{e}\0{f}\0{g}\0{h}\0{i}"  # half the time of a `join`
    return zlib.crc32(text.encode("utf-8", "surrogatepass"))


def _checksum_of_summary(folder: object, summary: object, rare: object) -> int:
    return zlib.crc32(f"{folder}\0{summary}\0{rare}".encode("utf-8", "surrogatepass"))


def _remember(
    index: sqlite3.Connection, catalogue: Catalogue, known: Mapping[str, Row]
) -> frozenset[str]:
    """Bring the index up to date; the folders of which it may tell what was before.

    It is a cache: where that fails, it stays as it is.
    """
    rows = {row.folder: row for row in (*catalogue.rows, *catalogue.problems)}
    gone = known.keys() - rows.keys()
    if not catalogue.fresh and not gone:
        return frozenset()
    unkept = set()
    try:
        index.execute("PRAGMA synchronous = NORMAL")
        index.execute("BEGIN IMMEDIATE")
        for folder in gone:
            index.execute("DELETE FROM archives WHERE folder = ?", (folder,))
            index.execute("DELETE FROM summaries WHERE folder = ?", (folder,))
        fresh = [(rows[folder], text) for folder, text in catalogue.fresh.items()]
        try:
            _insert(index, fresh)
        except _NOT_KEPT:
            for each in fresh:
                try:
                    _insert(index, [each])
                except _NOT_KEPT:
                    unkept.add(each[0].folder)
        index.execute("COMMIT")
    except sqlite3.Error:
        return frozenset(catalogue.fresh)
    return frozenset(unkept)


def _insert(index: sqlite3.Connection, fresh: Sequence[tuple[Row, str]]) -> None:
    index.executemany(_INSERT_SUMMARY, [(row.folder, text) for row, text in fresh])
    index.executemany(_INSERT_ROW, [(*row, _checksum(row)) for row, _ in fresh])


# a lone surrogate in a name, JSON too deep for SQLite, a run.json too long for it
_NOT_KEPT: Final = (UnicodeEncodeError, sqlite3.OperationalError, sqlite3.DataError)
