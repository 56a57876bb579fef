"""Runs of Sacred's FileStorageObserver, read as they lie; nothing of jsonpickle is made an object.

ID/run.json       experiment, status, times (UTC without a zone), host, result, fail_trace
ID/config.json    the values             ID/metrics.json   name: steps, timestamps, values
ID/info.json      what was kept in info  ID/cout.txt       the output
_sources/…        the code, named in run.json; everything else in ID/ is an artifact
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from expt.archive.returned import named_results
from expt.exchange.bounded import list_bounded, read_bytes, read_holders, read_json
from expt.exchange.foreign import (
    ForeignEntry,
    ForeignRun,
    foreign_node_id,
    parsed_moment,
    status_of,
    table_of,
)
from expt.ground.errors import DamagedArchive, ReadingError
from expt.ground.model import ErrorInfo

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from expt.ground.model import Status

_RUN: Final = "run.json"
_OWN: Final = (_RUN, "config.json", "metrics.json", "info.json", "cout.txt")
_STATUSES: Final[dict[Any, Status]] = {
    "COMPLETED": "completed",
    "FAILED": "failed",
    "TIMEOUT": "failed",
    "INTERRUPTED": "interrupted",
}
_MOST_CODE: Final = 1 << 20  # bytes of one file


def read_sacred(path: Path) -> Iterator[ForeignRun | ReadingError]:
    """The runs at and below `path`; in place of one that cannot be read, the error."""
    return read_holders(path, _RUN, _read)


def _read(folder: Path) -> ForeignRun:
    run = read_json(folder, _RUN)
    experiment = run.get("experiment")
    started = parsed_moment(run.get("start_time"))
    if not isinstance(experiment, dict) or started is None:
        raise DamagedArchive(f"{_RUN} is none of Sacred's", str(folder))
    names = list_bounded(folder)
    finished = parsed_moment(run.get("stop_time"))
    notices: list[str] = []
    status = status_of(run.get("status"), _STATUSES, notices)
    if resources := run.get("resources"):
        notices.append(f"Sacred keeps resources beside its runs, and they stay there: {resources}")
    meta, host = table_of(run.get("meta")), table_of(run.get("host"))
    name, file = str(experiment.get("name") or ""), str(experiment.get("mainfile") or "sacred")
    comment = table_of(meta.get("options")).get("--comment")
    results = {} if run.get("result") is None else named_results(_plain(run["result"]))
    if info := _plain(read_json(folder, "info.json")):
        results["info"] = info
    return ForeignRun(
        format="sacred",
        source=folder,
        id=f"{name}/{folder.name}/{run.get('start_time')}",
        experiment=foreign_node_id(file, name or folder.parent.name),
        status=status,
        started=started,
        finished=finished,
        duration=(finished - started).total_seconds() if finished else None,
        params=table_of(_plain(read_json(folder, "config.json"))),
        results=results,
        entries=_entries(folder, read_json(folder, "metrics.json"), started),
        artifacts={one: one for one in names if one not in _OWN}
        | {f"sacred/{one}": one for one in (_RUN,)},
        code=dict(_code(folder, experiment)),
        log="cout.txt" if "cout.txt" in names else b"",
        environment=_environment(experiment, host),
        error=_error(run),
        note=comment if isinstance(comment, str) else None,
        command=(str(run["command"]),) if run.get("command") else (),
        host=str(host.get("hostname") or ""),
        notices=notices,
    )


def _entries(
    folder: Path, metrics: Mapping[str, Any], started: dt.datetime
) -> Iterator[ForeignEntry]:
    for name, told in metrics.items():
        columns = [table_of(told).get(key) for key in ("steps", "timestamps", "values")]
        lists = [one for one in columns if isinstance(one, list)]
        if len(lists) != 3 or len({len(one) for one in lists}) != 1:
            raise DamagedArchive(f"metrics.json is torn at '{name}'", str(folder))
        for step, time, value in zip(*lists, strict=True):
            when = parsed_moment(time) or started
            yield ForeignEntry(name, _plain(value), when.timestamp(), step)


def _plain(value: Any) -> Any:
    """jsonpickle's arrays and tuples as lists; any other object stays the table that it is."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "py/tuple" in value and isinstance(value["py/tuple"], list):
        return _plain(value["py/tuple"])
    if str(value.get("py/object")).startswith("numpy.") and "values" in value:
        return _plain(value["values"])
    return {key: _plain(item) for key, item in value.items()}


def _code(folder: Path, experiment: Mapping[str, Any]) -> Iterator[tuple[str, bytes]]:
    """What `run.json` names, from the folder beside the runs; nothing else of it."""
    sources = experiment.get("sources")
    for pair in sources if isinstance(sources, list) else ():
        if isinstance(pair, list) and len(pair) == 2 and all(isinstance(p, str) for p in pair):
            name, stored = pair
            if content := read_bytes(folder.parent, stored, _MOST_CODE):
                yield name.lstrip("/"), content


def _environment(experiment: Mapping[str, Any], host: Mapping[str, Any]) -> dict[str, Any]:
    listed = experiment.get("dependencies")
    pairs = [str(one).partition("==") for one in (listed if isinstance(listed, list) else ())]
    system = host.get("os")
    return {
        "python": host.get("python_version"),
        "platform": system[-1] if isinstance(system, list) and system else None,
        "packages": {name: version for name, _, version in pairs if version},
    }


def _error(run: Mapping[str, Any]) -> ErrorInfo | None:
    trace = run.get("fail_trace")
    if not isinstance(trace, list) or not trace:
        return None
    lines = "".join(map(str, trace))
    kind, _, message = lines.rstrip("\n").rpartition("\n")[2].partition(": ")
    return ErrorInfo(kind, message, lines)
