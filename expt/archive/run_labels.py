"""`labels.json`: what people say of a run after its end, beside what the run said itself.

    {"tags": ["best"], "removed": ["wip"], "note": "look again"}

`tags` are added to those of `run.json`, `removed` are taken from them, a `note` that is not null
stands in the place of the run's own. It is the one file of an archive that changes after the end.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from expt.ground.encoding import dumps, loads
from expt.ground.errors import DamagedArchive
from expt.ground.files import read_inside, write_atomically
from expt.ground.layout import LABELS_FILE
from expt.ground.locks import alone_in
from expt.ground.value_classes import evolve, frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

_LARGEST: Final = 1024 * 1024  # bytes


@frozen
class Labels:
    """What was added to a run; nothing where nobody added anything."""

    tags: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    note: str | None = None

    def add_to(self, tags: Iterable[str]) -> tuple[str, ...]:
        """The tags of a run that has `tags` of its own, each once."""
        return tuple(dict.fromkeys(tag for tag in (*tags, *self.tags) if tag not in self.removed))

    def with_tags(self, names: Iterable[str]) -> Labels:
        """These labels with `names` added."""
        names = tuple(names)
        tags = tuple(dict.fromkeys((*self.tags, *names)))
        return evolve(self, tags=tags, removed=_without(self.removed, names))

    def without_tags(self, names: Iterable[str]) -> Labels:
        """These labels with `names` taken away, also from what the run itself says."""
        names = tuple(names)
        removed = tuple(dict.fromkeys((*self.removed, *names)))
        return evolve(self, tags=_without(self.tags, names), removed=removed)


def read_labels(archive: Path) -> Labels:
    """The labels of an archive. Raises `DamagedArchive` where its file is not what was written."""
    if not os.path.lexists(f"{archive}/{LABELS_FILE}"):  # a tenth of what it takes to open it
        return Labels()
    content = read_inside(archive, LABELS_FILE, _LARGEST)
    if content is None:
        return Labels()
    try:
        data = loads(content)
        note = data.get("note")
        if note is None or isinstance(note, str):
            return Labels(_texts(data, "tags"), _texts(data, "removed"), note)
    except (ValueError, TypeError, AttributeError, RecursionError):
        pass
    raise DamagedArchive(f"{LABELS_FILE} is not what expt writes", str(archive))


def write_labels(archive: Path, labels: Labels) -> None:
    """Make `labels` those of an archive, at once. Raises `OSError`."""
    write_atomically(archive / LABELS_FILE, dumps(vars(labels), indent=1).encode())


def change_labels(archive: Path, change: Callable[[Labels], Labels]) -> None:
    """Make of an archive's labels what `change` makes of them, at once.

    What somebody else changes at this moment is kept. Raises `OSError` and `DamagedArchive`.
    """
    with alone_in(archive):
        write_labels(archive, change(read_labels(archive)))


def _texts(data: dict[str, Any], key: str) -> tuple[str, ...]:
    texts = data.get(key) or []
    if not isinstance(texts, list) or not all(type(text) is str for text in texts):
        raise TypeError(key)
    return tuple(texts)


def _without(tags: tuple[str, ...], names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(tag for tag in tags if tag not in names)
