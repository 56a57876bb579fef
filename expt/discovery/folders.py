"""What the `[expt]` tables of folders say that discovery needs: bases, marks and axes.

A file that is broken is no matter here: planning reports it. Only where it may host an experiment
is it told of at once, since without that experiment nobody would read it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import attrs

from expt.discovery.labels import MAX_LISTED
from expt.ground.errors import ExptError, ParameterError
from expt.ground.layout import PARAMS_FILE, RESERVED_TABLE
from expt.ground.model import Axis
from expt.ground.toml_reading import parse_toml, read_bytes
from expt.parameters import is_range

if TYPE_CHECKING:
    from pathlib import Path

Expand = Callable[[Any], Sequence[Any]]
"""The points of an axis that is written as a range; raises `ExptError` for what is none."""


@attrs.frozen
class Base:
    """One entry of `extends`: `PATH::experiment_x` as it stands, and where."""

    text: str
    where: str


@attrs.frozen
class Folder:
    """The `[expt]` table of one folder, and the top-level `keys` beside it.

    `unread` are axes whose points are not known here, `zipped` those that go in step with others;
    `repeats` says that planning adds the axis of `repeat`.
    """

    keys: frozenset[str] = frozenset()
    extends: tuple[Base, ...] = ()
    use: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()
    axes: tuple[Axis, ...] = ()
    unread: tuple[str, ...] = ()
    zipped: tuple[str, ...] = ()
    repeats: bool = False
    mistakes: tuple[ExptError, ...] = ()

    @property
    def says_more(self) -> bool:
        """Whether experiments below differ from what their source shows."""
        return bool(self.marks or self.axes or self.unread or self.zipped or self.repeats)


_KEYS: Final = re.compile(rb"^[ \t]*\[?[ \t]*([A-Za-z_]\w*)[ \t]*[=.\]]", re.MULTILINE)
_NOTHING: Final = Folder()


class Folders:
    """The `[expt]` tables of a tree, each read once."""

    def __init__(self, root: Path, expand: Expand | None = None) -> None:
        self._root = root
        self._expand = expand
        self._read: dict[str, Folder] = {}

    def at(self, folder: str) -> Folder:
        """The table of one folder (relative to the root, '' for the root itself)."""
        if folder not in self._read:
            self._read[folder] = self._read_folder(folder)
        return self._read[folder]

    def _read_folder(self, folder: str) -> Folder:
        path = f"{folder}/{PARAMS_FILE}" if folder else PARAMS_FILE
        try:
            content = read_bytes(self._root / path)
        except OSError:
            return _NOTHING
        if content is None:
            return _NOTHING
        keys = frozenset(key.decode() for key in _KEYS.findall(content))
        if RESERVED_TABLE.encode() not in content:
            return Folder(keys)
        try:
            values, text = parse_toml(content, path, ParameterError)
        except ExptError as mistake:
            return Folder(keys, mistakes=(mistake,) if b"extends" in content else ())
        table = values.get(RESERVED_TABLE)
        if not isinstance(table, dict):
            return Folder(keys)
        return attrs.evolve(_read_table(table, text, path, self._expand), keys=keys)


def _read_table(table: dict[str, Any], text: str, path: str, expand: Expand | None) -> Folder:
    extends = table.get("extends", [])
    mistakes = []
    bases = []
    for entry in extends if isinstance(extends, list) else [extends]:
        if isinstance(entry, str) and "::" in entry:
            bases.append(Base(entry, _where(path, text, entry, "extends")))
        else:
            what = f"'extends' takes 'PATH::experiment_name', or a list of them, not {entry!r}"
            mistakes.append(ParameterError(what, _where(path, text, "extends")))
    axes: list[Axis] = []
    unread: list[str] = []
    for name, points in _named_points(table.get("sweep"), expand).items():
        if points is None or len(points) > MAX_LISTED:
            unread.append(name)
        else:
            where = _where(path, text, name.rpartition(".")[2])
            axes.append(Axis((name,), tuple((point,) for point in points), where))
    zipped = _named_points(table.get("zip"), expand)
    columns = [points for points in zipped.values() if points is not None]
    lengths = {len(points) for points in columns}
    if len(columns) < len(zipped) or len(lengths) > 1 or max(lengths, default=0) > MAX_LISTED:
        unread.extend(zipped)
    elif zipped:
        points_together = tuple(zip(*columns, strict=True))
        axes.append(Axis(tuple(zipped), points_together, _where(path, text, "zip")))
    return Folder(
        extends=tuple(bases),
        use=_texts(table.get("use")),
        marks=_texts(table.get("marks")),
        axes=tuple(axes),
        unread=tuple(unread),
        zipped=_grouped(table.get("zip")),
        repeats="repeat" in table,
        mistakes=tuple(mistakes),
    )


def _grouped(value: Any) -> tuple[str, ...]:
    """The names in `zip = ["lr", "wd"]` or in a list of such lists."""
    groups = value if isinstance(value, list) else []
    return (*_texts(groups), *(name for group in groups for name in _texts(group)))


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(v for v in value if isinstance(v, str)) if isinstance(value, list) else ()


def _named_points(
    table: Any, expand: Expand | None, prefix: str = ""
) -> dict[str, Sequence[Any] | None]:
    """The points of each axis by its dotted name; None for what planning must read."""
    named: dict[str, Sequence[Any] | None] = {}
    for key, value in table.items() if isinstance(table, dict) else ():
        name = f"{prefix}{key}"
        if isinstance(value, dict) and not is_range(value):
            named.update(_named_points(value, expand, f"{name}."))
        elif isinstance(value, list):
            named[name] = value
        else:
            named[name] = _expanded(value, expand)
    return named


def _expanded(value: Any, expand: Expand | None) -> Sequence[Any] | None:
    if expand is None or not isinstance(value, dict):
        return None
    try:
        return expand(value)
    except ExptError:  # planning tells of it
        return None


def _where(path: str, text: str, *words: str) -> str:
    """`path:line` of the first line with a key or a text, the first of `words` that is there."""
    for word in words:
        found = re.search(rf"^[^#\n]*{re.escape(word)}", text, re.MULTILINE)
        if found:
            return f"{path}:{text.count(chr(10), 0, found.end()) + 1}"
    return path
