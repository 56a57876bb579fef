"""Archives by the hundred, as a listing asks for them: a column for each value that they have.

    folder              stamp     id   status     …  params·lr  results·accuracy  …
    walk/2026-…_a7qk…   17000…    a7…  completed  …  0.01       0.93              …
    walk/2026-…_k3zp…   17001…    k3…  failed     …  0.1        (none)            …

What is asked of a hundred thousand archives is asked of a few lists, and a value that nobody asks
for is not even decoded. A column is bytes of numbers, lines of text, or JSON, checked when it is
decoded: what is not as `Shelf.of` makes it is damage, and raises `ValueError`.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import operator
import struct
import zlib
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from expt.ground.model import STATUSES
from expt.reading.scanning import LABELLED

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence, Set

    Column = list[Any]
    Content = str | bytes

SIZE: Final = 512
"""Archives that a full shelf has: what one that changed makes the index write again."""


class Row(NamedTuple):
    """What the index says of one archive; `problem` says why one cannot be read.

    `folder` is relative to the archive root; `started` counts microseconds since 1970; `tags` are
    also those that people added. `status` is what the file says: whether a run still runs is found
    out on reading. `told`: whether the columns have every value of it.
    """

    folder: str
    stamp: str
    id: str
    experiment: str
    case: str | None
    status: str
    started: int
    tags: Sequence[str]
    problem: str | None
    told: bool

    @property
    def is_labelled(self) -> bool:
        """Whether people added labels after the end."""
        return LABELLED in self.stamp


_STATUS, _TAGS, _PROBLEM, _TOLD = map(Row._fields.index, ("status", "tags", "problem", "told"))
_TEXT_OR_NONE: Final[frozenset[type]] = frozenset({str, type(None)})
_TYPES: Final[Mapping[str, frozenset[type]]] = {
    "folder": frozenset({str}),
    "stamp": frozenset({str}),
    "id": frozenset({str}),
    "experiment": frozenset({str}),
    "case": _TEXT_OR_NONE,
    "status": frozenset({str}),
    "started": frozenset({int}),
    "tags": frozenset({list}),
    "problem": _TEXT_OR_NONE,
    "told": frozenset({bool}),
}
_VALUES: Final[frozenset[type]] = frozenset({str, int, float, bool, list, type(None)})


class Shelf:
    """Some archives: their rows, of which `places` still count, and columns of their values."""

    def __init__(
        self,
        heads: Sequence[Column],
        names: Mapping[str, None],
        fetch: Callable[[str], Column],
        number: int | None = None,
    ) -> None:
        self.number = number
        self.names = names
        self.heads = heads
        self.places: Sequence[int] = range(len(heads[0]))
        self._fetch = fetch
        self._columns: dict[str, Column] = {}

    @classmethod
    def of(cls, rows: Sequence[Row], values: Sequence[Mapping[str, Any]]) -> Shelf:
        """The shelf of rows and of what `values_of` says of each."""
        names = dict.fromkeys(itertools.chain.from_iterable(values))
        heads: list[Column] = [list(column) for column in zip(*rows, strict=True)]
        return cls(heads, names, lambda name: [each.get(name) for each in values])

    def __len__(self) -> int:
        return len(self.heads[0])

    @property
    def folders(self) -> Column:
        return self.heads[0]

    def changes(self, ask: Callable[[Sequence[str]], Sequence[str]]) -> dict[int, str]:
        """Place → stamp of now, of archives that are not as they were: '' of one that is gone.

        `ask` gives the stamps of folders.
        """
        folders, stamps = self.heads[:2]
        found = ask(folders)
        if found == stamps:
            return {}
        return {place: stamp for place, stamp in enumerate(found) if stamp != stamps[place]}

    def take_from(self, left: set[str]) -> list[int]:
        """Take its folders out of `left`; the places of those that are not there, or no more."""
        own = set(self.folders)
        if len(own) == len(self) and own <= left:
            left -= own
            return []
        missing = []
        for place, folder in enumerate(self.folders):
            if folder in left:
                left.remove(folder)
            else:
                missing.append(place)
        return missing

    def leave_out(self, places: Container[int]) -> None:
        """Count the archives at these places no more."""
        if places:
            self.places = [place for place in self.places if place not in places]

    @property
    def is_whole(self) -> bool:
        """Whether every archive of it still counts."""
        return len(self.places) == len(self)

    @property
    def is_small(self) -> bool:
        """Whether it is joined with others when these are written."""
        return len(self) < SIZE // 2

    def rows(self, may: Sequence[int] | None = None) -> Iterator[Row]:
        """The rows of what can be read; with `may`, a truth value for each, less those of which
        it is false, where a run ended and its columns tell everything."""
        places = self.places
        if may is not None:
            if any(self.unsure):
                may = list(map(operator.or_, may, self.unsure))
            places = [place for place in places if may[place]]
        rows: Iterator[Row]
        if len(places) == len(self):
            rows = map(Row._make, zip(*self.heads, strict=True))
        else:
            rows = map(self.row, places)
        return (row for row in rows if row.problem is None) if self._has_problems else rows

    def folders_told(self, answers: Sequence[int], wanted: int) -> Iterator[str]:
        """The folders of which the answer is that one, where columns tell what the run would."""
        told = zip(self.folders, answers, self.unsure, strict=True)
        return (folder for folder, answer, unsure in told if answer == wanted and not unsure)

    def ids(self) -> Iterable[str]:
        """The ids of what can be read."""
        if self.is_whole and not self._has_problems:
            return self.head("id")
        return (row.id for row in self.rows())

    def firsts(self, names: Sequence[str]) -> Column:
        """For each archive the first value that any of these columns has; None also where it does
        not count, has not ended, or columns do not tell."""
        columns = [self.column(name) for name in names if name in self.names]
        if not columns or None in columns:
            return [None] * len(self)
        counted = bytearray(len(self))
        unsure = self.unsure
        for place in self.places:
            counted[place] = not unsure[place]
        return [
            next((value for value in each if value is not None), None) if counts else None
            for counts, *each in zip(counted, *columns, strict=True)  # type: ignore[var-annotated]
        ]

    def problems(self) -> Iterator[Row]:
        """The rows of what cannot be read."""
        rows = map(self.row, self.places) if self._has_problems else ()
        return (row for row in rows if row.problem is not None)

    @cached_property
    def unsure(self) -> list[bool]:
        """For each archive whether columns may not tell what the run would."""
        statuses, told = self.heads[_STATUS], self.heads[_TOLD]
        if "running" not in statuses and False not in told:
            return [False] * len(self)
        return [
            status == "running" or not tells for status, tells in zip(statuses, told, strict=True)
        ]

    @property
    def _has_problems(self) -> bool:
        return self.heads[_PROBLEM].count(None) < len(self)

    def head(self, name: str) -> Column:
        """A field of the rows, for each archive."""
        return self.heads[Row._fields.index(name)]

    def row(self, place: int) -> Row:
        """The row of one of its places."""
        return Row._make([head[place] for head in self.heads])

    def column(self, name: str) -> Column | None:
        """A value for each archive, None where it has none; None for one of damaged content."""
        if name not in self._columns:
            if name not in self.names:
                return [None] * len(self)
            try:
                self._columns[name] = self._fetch(name)
            except ValueError:
                return None
        return self._columns[name]


def join_shelves(shelves: Iterable[Shelf]) -> list[Shelf]:
    """What counts in any of the shelves, in full shelves; a damaged one is left out."""
    rows: list[Row] = []
    values: list[dict[str, Any]] = []
    for shelf in shelves:
        columns = {name: shelf.column(name) for name in shelf.names}
        if None in columns.values():
            continue
        for place in shelf.places:
            rows.append(shelf.row(place))
            values.append({n: c[place] for n, c in columns.items() if c and c[place] is not None})
    order = sorted(range(len(rows)), key=lambda place: rows[place].folder)
    return [
        Shelf.of([rows[place] for place in some], [values[place] for place in some])
        for some in (order[start : start + SIZE] for start in range(0, len(order), SIZE))
    ]


# Between a shelf and what is kept of it


def encode_heads(shelf: Shelf) -> list[Content]:
    """The rows of a shelf: the content of each of the fields of `Row`, and of the names."""
    return [*map(encode_column, shelf.heads), json.dumps(list(shelf.names))]


def decode_heads(contents: Sequence[Any], number: int, fetch: Callable[[str], Column]) -> Shelf:
    """The shelf of what `encode_heads` made. Raises `ValueError` for anything else."""
    size = None
    heads = []
    for content, types in zip(contents, _TYPES.values(), strict=False):
        head = _decode(content, types, size)
        size = len(head)
        heads.append(head)
    tags = (tag for tags in heads[_TAGS] if tags for tag in tags)
    if not set(heads[_STATUS]) <= _STATUSES or not all(type(tag) is str for tag in tags):
        raise ValueError("a row is not as it was made")
    names = _decode(contents[len(heads)], _TYPES["id"], None)
    return Shelf(heads, dict.fromkeys(names), fetch, number)


def encode_column(column: Column) -> Content:
    """A column as it is kept.

    d, or q, and bytes       float64 or int64, where all are numbers of that type
    =, and a line for each   where all are texts of ASCII, without a line break
    {"all": "completed"}     one value throughout
    {"of": […], "at": […]}   lists that are alike, and which of them each is
    [0.1, null, …]           anything else
    """
    types = set(map(type, column))
    if len(types) > 1:
        return json.dumps(column, separators=(",", ":"))
    (kind,) = types
    if column.count(column[0]) == len(column) > 1:
        return json.dumps({"all": column[0]})
    if kind in _PACKED:
        with contextlib.suppress(struct.error):  # beyond int64
            return struct.pack(f"<c{len(column)}{_PACKED[kind]}", _PACKED[kind].encode(), *column)
    if kind is str:
        lines = "\n".join(column)
        if lines.isascii() and lines.count("\n") == len(column) - 1:
            return f"={lines}"
    if kind is list:
        of = {each: number for number, each in enumerate(dict.fromkeys(map(tuple, column)))}
        return json.dumps({"of": list(of), "at": [of[tuple(each)] for each in column]})
    return json.dumps(column, separators=(",", ":"))


def decode_column(content: Any, size: int) -> Column:
    """What `encode_column` made of the values of `size` archives. Raises `ValueError`."""
    return _decode(content, _VALUES, size)


def checksum(*contents: object) -> int:
    """What tells whether contents of the index are as they were written."""
    return zlib.crc32(
        b"\0".join(
            content if type(content) is bytes else str(content).encode("utf-8", "surrogatepass")
            for content in contents
        )
    )


_STATUSES: Final = frozenset({*STATUSES, ""})
_PACKED: Final[Mapping[type, str]] = {float: "d", int: "q"}
_NUMBERS: Final = {letter.encode(): (kind, letter) for kind, letter in _PACKED.items()}


def _decode(content: Any, types: frozenset[type], size: int | None) -> Column:
    """A column of `size` values, of these types alone. Raises `ValueError`."""
    try:
        column, kinds = _unpack(content, size)
    except (TypeError, KeyError, IndexError, struct.error, RecursionError):
        raise ValueError("a column is not as it was made") from None
    if not kinds <= types or len(column) != (len(column) if size is None else size):
        raise ValueError("a column is not as it was made")
    return column


def _unpack(content: Any, size: int | None) -> tuple[Column, Set[type]]:
    """The values of a column, and their types."""
    if type(content) is bytes:
        kind, letter = _NUMBERS[content[:1]]
        return list(struct.unpack(f"<{len(content) // 8}{letter}", content[1:])), {kind}
    if content[0] == "=":
        return content[1:].split("\n"), {str}
    made = json.loads(content)
    if type(made) is dict and "of" in made:
        made = [made["of"][number] for number in made["at"]]
    elif type(made) is dict:
        return [made["all"]] * (size or 0), {type(made["all"])}
    if type(made) is not list:
        raise TypeError
    return made, set(map(type, made))
