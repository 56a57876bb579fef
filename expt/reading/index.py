"""The index of an archive root: what a listing needs of each run, kept in `.index.sqlite`.

    scan the folders ─► stamps ─► unchanged: the row of the index
                                  changed:   read its run.json, and tell the index
                                  vanished:  out of the index

It is a cache and never the truth. The scan sees every archive each time; a row counts only while
the stamp of its `run.json` is the same. An index that is missing, damaged, of another version,
locked or in a folder that cannot be written costs time and nothing else.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from typing import TYPE_CHECKING, Final, NamedTuple

import attrs

from expt.ground.errors import ReadingError
from expt.ground.layout import INDEX_FILE
from expt.reading.headlines import microseconds, read_summary
from expt.reading.scanning import DOUBT, scan_archives

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

VERSION: Final = 1

_APPLICATION: Final = 0x65787074  # "expt": a database of somebody else is left alone
_TIMEOUT: Final = 0.5  # seconds that another process may hold the index
_KEYS_AT_ONCE: Final = 500

_TABLES: Final = """
CREATE TABLE archives (
    folder TEXT PRIMARY KEY, stamp TEXT, id TEXT, experiment TEXT, "case" TEXT, status TEXT,
    started INTEGER, tags TEXT, problem TEXT
) WITHOUT ROWID;
CREATE TABLE summaries (folder TEXT PRIMARY KEY, summary TEXT);
"""


_INSERT_ROW: Final = "INSERT OR REPLACE INTO archives VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"

# The summary is the run.json without what takes room and no listing shows
_INSERT_SUMMARY: Final = """
INSERT OR REPLACE INTO summaries VALUES (?, json_remove(
    ?, '$.origins', '$.sources', '$.inputs', '$.command', '$.error.traceback'
))
"""


class Row(NamedTuple):
    """What the index says of one archive; `problem` says why one cannot be read.

    `folder` is relative to the archive root; `started` counts microseconds since 1970; `tags` is
    JSON. `status` is what the file says: whether a run still runs is found out on reading.
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


@attrs.frozen
class Catalogue:
    """Every archive below one root, newest first, and their summaries on demand.

    `fresh` are the texts of the `run.json`s that were read now, by folder.
    """

    root: Path
    rows: tuple[Row, ...]
    problems: tuple[Row, ...]
    fresh: Mapping[str, str]
    index: sqlite3.Connection | None

    def path_of(self, row: Row) -> str:
        """The archive's folder."""
        return f"{self.root}/{row.folder}" if row.folder != "." else str(self.root)

    def summaries(self, rows: Sequence[Row]) -> Iterator[tuple[Row, str | None]]:
        """Each row with its `run.json` as text, perhaps without the keys that the index leaves
        out, or with None where the index cannot tell it."""
        stored = self._stored([row.folder for row in rows if row.folder not in self.fresh])
        for row in rows:
            yield row, self.fresh.get(row.folder) or stored.get(row.folder)

    def _stored(self, folders: Sequence[str]) -> Mapping[str, str]:
        if self.index is None or not folders:
            return {}
        query = "SELECT folder, summary FROM summaries"
        with contextlib.suppress(sqlite3.Error):
            if len(folders) > _KEYS_AT_ONCE:
                return dict(self.index.execute(query))
            marks = ",".join("?" * len(folders))
            return dict(self.index.execute(f"{query} WHERE folder IN ({marks})", folders))
        return {}


@contextlib.contextmanager
def open_catalogue(root: Path) -> Iterator[Catalogue]:
    """The archives below `root`, through its index where there can be one."""
    root = root.absolute()
    file = root / INDEX_FILE
    index, known = _open_index(file) if file.exists() else (None, {})
    try:
        catalogue = _look_over(root, index, known)
        if index is None and catalogue.fresh:
            index, _ = _open_index(file)
            catalogue = attrs.evolve(catalogue, index=index)
        if index is not None:
            _remember(index, catalogue, known)
        yield catalogue
    finally:
        if index is not None:
            index.close()


def _look_over(root: Path, index: sqlite3.Connection | None, known: Mapping[str, Row]) -> Catalogue:
    """The archives that are there now; those that the index knows are not opened."""
    rows: dict[str, Row] = {}
    fresh: dict[str, str] = {}
    for folder, stamp in scan_archives(root):
        row = known.get(folder)
        if row is None or row.stamp != stamp or stamp.startswith(DOUBT):
            row, fresh[folder] = _read_row(root, folder, stamp)
        rows[folder] = row
    ordered = sorted(rows.values(), key=lambda row: (row.started, row.id), reverse=True)
    readable = tuple(row for row in ordered if row.problem is None)
    problems = tuple(row for row in ordered if row.problem is not None)
    return Catalogue(root, readable, problems, fresh, index)


def _read_row(root: Path, folder: str, stamp: str) -> tuple[Row, str]:
    """The row of an archive and the text of its `run.json`."""
    try:
        text, data = read_summary(f"{root}/{folder}")
    except ReadingError as error:
        name = folder.rpartition("/")[2].rpartition("_")[2]
        return Row(folder, stamp, name, "", None, "", 0, "[]", error.what), "{}"
    started, tags = microseconds(data["started"]), data.get("tags")
    names = (data["id"], data["experiment"], data.get("case"), data["status"])
    return Row(folder, stamp, *names, started, json.dumps(tags) if tags else "[]", None), text


# The database


def _open_index(path: Path) -> tuple[sqlite3.Connection | None, dict[str, Row]]:
    """The index and what it knows; a damaged one is begun again, None stands for no index."""
    for attempt in (1, 2):
        index = None
        try:
            index = sqlite3.connect(path, timeout=_TIMEOUT, isolation_level=None)
            if _is_ours(index):
                return index, _known_rows(index)
            index.close()
            return None, {}
        except sqlite3.OperationalError as error:
            damaged = "decode" in str(error) or "no such" in str(error)
        except (sqlite3.DatabaseError, TypeError):
            damaged = True
        if index is not None:
            index.close()
        if not damaged or attempt == 2:
            break
        for leftover in (path, path.with_name(path.name + "-journal")):
            with contextlib.suppress(OSError):
                leftover.unlink()
    return None, {}


def _is_ours(index: sqlite3.Connection) -> bool:
    """Whether this is an index of ours, made one where it is empty or of another version."""
    (application,) = index.execute("PRAGMA application_id").fetchone()
    (version,) = index.execute("PRAGMA user_version").fetchone()
    if (application, version) == (_APPLICATION, VERSION):
        return True
    (tables,) = index.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if tables and application != _APPLICATION:
        return False
    index.execute("BEGIN IMMEDIATE")  # two processes may be here; the second finds it made
    (version,) = index.execute("PRAGMA user_version").fetchone()
    if version != VERSION:
        for table in ("archives", "summaries"):
            index.execute(f"DROP TABLE IF EXISTS {table}")
        for statement in _TABLES.split(";"):
            index.execute(statement)
        index.execute(f"PRAGMA application_id = {_APPLICATION}")
        index.execute(f"PRAGMA user_version = {VERSION}")
    index.execute("COMMIT")
    return True


def _known_rows(index: sqlite3.Connection) -> dict[str, Row]:
    rows = {row[0]: Row._make(row) for row in index.execute("SELECT * FROM archives")}
    if not all(type(row.started) is int for row in rows.values()):
        raise sqlite3.DatabaseError("the index is not what was written")
    return rows


def _remember(index: sqlite3.Connection, catalogue: Catalogue, known: Mapping[str, Row]) -> None:
    """Bring the index up to date. It is a cache: where that fails, it stays as it is."""
    rows = {row.folder: row for row in (*catalogue.rows, *catalogue.problems)}
    gone = known.keys() - rows.keys()
    if not catalogue.fresh and not gone:
        return
    with contextlib.suppress(sqlite3.Error):
        index.execute("PRAGMA synchronous = NORMAL")
        index.execute("BEGIN IMMEDIATE")
        for folder in gone:
            index.execute("DELETE FROM archives WHERE folder = ?", (folder,))
            index.execute("DELETE FROM summaries WHERE folder = ?", (folder,))
        fresh = [(rows[folder], text) for folder, text in catalogue.fresh.items()]
        try:
            _insert(index, fresh)
        except (UnicodeEncodeError, sqlite3.OperationalError):
            for each in fresh:  # a lone surrogate in a name, JSON too deep for SQLite: left out
                with contextlib.suppress(UnicodeEncodeError, sqlite3.OperationalError):
                    _insert(index, [each])
        index.execute("COMMIT")


def _insert(index: sqlite3.Connection, fresh: Sequence[tuple[Row, str]]) -> None:
    index.executemany(_INSERT_SUMMARY, [(row.folder, text) for row, text in fresh])
    index.executemany(_INSERT_ROW, [row for row, _ in fresh])
