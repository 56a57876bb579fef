"""What a format has no place for, as one text beside the rest: so a run comes back as it was.

    {"id", "experiment", "case", "status", "started", …, "params", "results", "kinds", "whole"}

Formats keep numbers, steps and times in their own way, and whoever reads them sees those; this text
has what they would lose: the types of values, results, the kind of a picture, whether numbers are
whole. It is as trustworthy as the rest of the file: everything in it is checked.
"""

from __future__ import annotations

import io
import itertools
from typing import TYPE_CHECKING, Any, Final

from expt.archive.array_files import read_npy
from expt.archive.entry_files import FILE_KINDS
from expt.exchange.foreign import ForeignEntry, finite, foreign_node_id, parsed_moment
from expt.exchange.readable import held_series
from expt.ground.encoding import dumps, loads
from expt.ground.errors import told_as_damage
from expt.ground.model import KINDS, STATUSES, ErrorInfo
from expt.ground.value_classes import evolve

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from expt.exchange.foreign import ForeignRun
    from expt.ground.model import Kind
    from expt.reading.run import Run
    from expt.reading.series.tracked import Series

_ENDED: Final = ("completed", "failed", "interrupted", "skipped")


def tell_facts(
    run: Run,
    added: Iterable[str] = (),
    keys: Mapping[str, str] | None = None,
    kinds: Collection[Kind] = (),
) -> str:
    """The text. `added` are names under which the format shows something that is no series, `keys`
    the names of series as the format spells them. Series of `kinds` are in the text: their values,
    or the paths of their files in the archive.
    """
    error, held = run.error, held_series(run)
    return dumps(
        {
            "id": run.id,
            "experiment": run.experiment,
            "case": run.case,
            "description": run.description,
            "status": run.status,
            "started": run.started.isoformat(),
            "finished": run.finished.isoformat() if run.finished else None,
            "duration": run.duration,
            "params": run.params,
            "results": run.results,
            "error": error and [error.type, error.message, error.traceback],
            "tags": list(run.tags),
            "note": run.note,
            "kinds": {name: one.get("kind") for name, one in held.items()},
            "whole": [name for name in held if _is_whole(run, name)],
            "added": list(added),
            "series": {n: list(_rows(run, s)) for n, s in run.series.items() if s.kind in kinds},
            "names": {key: name for name, key in (keys or {}).items() if key != name},
        }
    )


def _rows(run: Run, series: Series) -> Iterator[list[Any]]:
    """Step, time, and value or file of each entry."""
    values = [file.relative_to(run.path).as_posix() for file in series.files]
    told = values or [_plain(value) for value in series.values]
    for row in zip(series.steps.tolist(), series.times.tolist(), told, strict=True):
        yield list(row)


def _plain(value: Any) -> Any:
    """A value with the columns of a table as lists."""
    if not isinstance(value, dict):
        return value
    return {k: v.tolist() if hasattr(v, "tolist") else v for k, v in value.items()}


def _is_whole(run: Run, name: str) -> bool:
    series = run.series[name]
    return series.kind == "scalar" and series.values.dtype.kind == "i"


def with_facts(
    found: ForeignRun, text: str | bytes, read: Callable[[str], bytes] | None = None
) -> ForeignRun:
    """`found` with what the text says of it; as it was where that is not what expt wrote.

    `read` gives the content of a file that the text names.
    """
    try:
        facts = loads(text)
    except (ValueError, RecursionError):
        return found
    started = parsed_moment(facts.get("started")) if isinstance(facts, dict) else None
    status = facts.get("status") if isinstance(facts, dict) else None
    if started is None or status not in STATUSES:
        return found
    unended = status not in _ENDED
    error = facts.get("error")
    return evolve(
        found,
        id=_text(facts, "id") or found.id,
        experiment=foreign_node_id("", _text(facts, "experiment") or found.experiment),
        case=_text(facts, "case"),
        description=_text(facts, "description") or "",
        status="interrupted" if unended else status,
        started=started,
        finished=parsed_moment(facts.get("finished")),
        duration=finite(facts.get("duration")),
        params=_table(facts, "params"),
        results=_table(facts, "results"),
        error=ErrorInfo(*map(str, error)) if isinstance(error, list) and len(error) == 3 else None,
        tags=[tag for tag in _list(facts, "tags") if isinstance(tag, str)],
        note=_text(facts, "note"),
        entries=itertools.chain(_as_it_was(found.entries, facts), _rest(facts, read)),
        notices=(f"it had not ended when it was exported: it was {status}",) if unended else (),
    )


def _as_it_was(
    entries: Iterable[ForeignEntry | ValueError], facts: Mapping[str, Any]
) -> Iterator[ForeignEntry | ValueError]:
    kinds, added = _table(facts, "kinds"), set(map(str, _list(facts, "added")))
    names = _table(facts, "names")
    whole = set(map(str, _list(facts, "whole")))
    for entry in entries:
        if isinstance(entry, ValueError):
            yield entry
            continue
        if entry.name in added:
            continue
        name = names.get(entry.name)
        if isinstance(name, str):
            entry = evolve(entry, name=name)
        kind = kinds.get(entry.name)
        if kind in KINDS:
            entry = evolve(entry, kind=kind)
        if entry.name in whole and finite(entry.value) is not None:
            entry = evolve(entry, value=int(entry.value))
        yield entry


def _rest(facts: Mapping[str, Any], read: Callable[[str], bytes] | None) -> Iterator[ForeignEntry]:
    kinds = _table(facts, "kinds")
    for name, rows in _table(facts, "series").items():
        kind = kinds.get(name)
        if kind not in KINDS or not isinstance(rows, list):
            continue
        for row in rows:
            if not isinstance(row, list) or len(row) != 3 or finite(row[1]) is None:
                continue
            step, when, value = row
            if kind in FILE_KINDS:
                value = read(value) if read is not None and isinstance(value, str) else b""
                if kind == "array":
                    with told_as_damage(f"the array '{name}' cannot be read", "its artifacts"):
                        value = read_npy(io.BytesIO(value), len(value))
            yield ForeignEntry(name, value, when, step, kind)


def _text(facts: Mapping[str, Any], name: str) -> str | None:
    value = facts.get(name)
    return value if isinstance(value, str) else None


def _table(facts: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = facts.get(name)
    return {k: v for k, v in value.items() if type(k) is str} if isinstance(value, dict) else {}


def _list(facts: Mapping[str, Any], name: str) -> list[Any]:
    value = facts.get(name)
    return value if isinstance(value, list) else []
