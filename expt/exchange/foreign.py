"""What passes between a format and archives: the values of a foreign run, and the two seams."""

from __future__ import annotations

import datetime as dt
import math
import re
from typing import TYPE_CHECKING, Any, Final

from expt.ground.clock import on_local_clock
from expt.ground.layout import EXPERIMENT_PREFIX
from expt.ground.spread import is_number
from expt.ground.value_classes import field, frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from expt.ground.errors import ReadingError
    from expt.ground.model import ErrorInfo, Kind, Status
    from expt.reading.run import Run

_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_.+-]+")
_LONGEST_PART: Final = 80


@frozen(eq=False)
class ForeignEntry:
    """One value that another tool tracked, at `when` (Unix seconds).

    `kind` names it where the value alone does not; a picture may be the bytes of a PNG. Without a
    step it is the count of its series.
    """

    name: str
    value: Any
    when: float
    step: float | None = None
    kind: Kind | None = None


@frozen(eq=False)
class ForeignRun:
    """One run as another tool left it: what an archive will say of it.

    `source` is where it was read, `id` what names it there for ever: the same run is not imported
    twice. `experiment` is a node id, see `foreign_node_id`. `entries` are read when they are
    written; in place of one that cannot be, the error. `artifacts` and `log` are files below
    `source`; `code` is text, by relative path.
    `notices` say what the archive does not have of it.
    """

    format: str
    source: Path
    id: str
    experiment: str
    status: Status
    started: dt.datetime
    finished: dt.datetime | None = None
    duration: float | None = None
    case: str | None = None
    description: str = ""
    params: Mapping[str, Any] = field(factory=dict)
    words: Mapping[str, Mapping[str, str]] = field(factory=dict)
    results: Mapping[str, Any] = field(factory=dict)
    entries: Iterable[ForeignEntry | ValueError] = ()
    artifacts: Mapping[str, str] = field(factory=dict)
    code: Mapping[str, bytes] = field(factory=dict)
    log: str | bytes = b""
    environment: Mapping[str, Any] = field(factory=dict)
    error: ErrorInfo | None = None
    tags: Sequence[str] = ()
    note: str | None = None
    command: Sequence[str] = ()
    host: str = ""
    notices: Sequence[str] = ()


@frozen
class Export:
    """A format that runs can be written in.

    `write(runs, destination)` writes them and returns what the format cannot hold, a sentence
    each. `destination` is a path, or an address where the format has any; where the format `adds`
    to what is there, it may exist. `what` is told by `expt export --help`.
    """

    what: str
    write: Callable[[Sequence[Run], str], Iterable[str]]
    adds: bool = False


@frozen
class Import:
    """A format that runs can be read from.

    `read(path)` gives the runs at and below `path`, and an error in place of one that cannot be
    read. Raises `UsageError` where there are none at all, or a package lacks.
    """

    what: str
    read: Callable[[Path], Iterator[ForeignRun | ReadingError]]


def foreign_node_id(place: str, name: str) -> str:
    """`results/mnist::experiment_mnist`: the node id of what another tool calls `place`, `name`.

    One that is a node id already (`name` with `::`) stays what it is, as far as it can be a path.
    """
    if "::" in name:
        place, _, name = name.partition("::")
    parts = [safe_part(part) for part in re.split(r"[/\\]", place)]
    name = safe_part(name.removeprefix(EXPERIMENT_PREFIX)) or "unnamed"
    return f"{'/'.join(filter(None, parts)) or 'imported'}::{EXPERIMENT_PREFIX}{name}"


def safe_part(text: str) -> str:
    """A text as one part of a path, on any system; empty where nothing is left of it."""
    return _UNSAFE.sub("_", text)[:_LONGEST_PART].strip(".").lstrip("-")


def moment(seconds: Any) -> dt.datetime | None:
    """The local time of Unix seconds; None for what is none."""
    if not is_number(seconds):
        return None
    try:
        return on_local_clock(dt.datetime.fromtimestamp(seconds, dt.UTC)) if seconds > 0 else None
    except (ValueError, OverflowError, OSError):
        return None


def parsed_moment(text: Any) -> dt.datetime | None:
    """The time of an ISO 8601 text, one without a zone being UTC; None for what is none."""
    if not isinstance(text, str):
        return None
    try:
        time = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    return on_local_clock(time if time.tzinfo else time.replace(tzinfo=dt.UTC))


def status_of(word: Any, words: Mapping[Any, Status], notices: list[str]) -> Status:
    """What a word of another tool's for a run's end means; a notice for one that it has not."""
    status = words.get(word) if isinstance(word, (str, int)) else None
    if status is None:
        notices.append(f"it had not ended when it was imported: it said {word!r}")
    return status or "interrupted"


def table_of(value: Any) -> dict[str, Any]:
    """A value of JSON that is a table; an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def finite(value: Any) -> float | None:
    """A finite number as a float; None for anything else."""
    try:
        number = float(value) if is_number(value) else math.nan
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
