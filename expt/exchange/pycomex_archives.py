"""Archives of PyComex (0.29, and as far as they are alike, older ones): read, never executed.

    experiment_meta.json    parameters, description, status, times, the names that were tracked
    experiment_data.json    tracked values, by name; a "/" in a name nests; and everything else
    experiment_code.py, *.py    the experiment, what it extends, its mixins: copied as text
    experiment_out.log      the log
    .track/NAME_001.png     tracked figures, named in the data
    .dependencies.json      packages and Python, where __REPRODUCIBLE__ was set
    anything else           what the experiment committed

PyComex keeps no step and no time of a tracked value: the step is its place, the time is that of
the picture's file where that lies within the run, else of the run's start. Data is written at the
end of a run alone.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, Final

from expt.exchange import bounded
from expt.exchange.foreign import (
    ForeignEntry,
    ForeignRun,
    finite,
    foreign_node_id,
    moment,
    status_of,
)
from expt.ground.errors import DamagedArchive, ReadingError
from expt.ground.model import ErrorInfo
from expt.ground.spread import is_number

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from expt.ground.model import Status

META: Final = "experiment_meta.json"
_DATA: Final = "experiment_data.json"
_PACKAGES: Final = ".dependencies.json"
_LOG: Final = "experiment_out.log"
_PICTURES: Final = ".track/"
_STATUSES: Final[dict[Any, Status]] = {"done": "completed", "failed": "failed"}
_STAMP: Final = re.compile(r"^\d{4}-\d\d-\d\d [\d:,.]+ - ?", re.MULTILINE)
_TRACEBACK: Final = re.compile(
    r"^EXPERIMENT ERROR: (?P<message>.*?)\n(?P<traceback>Traceback .*?^\S*?(?:: .*?)?)\n\n",
    re.MULTILINE | re.DOTALL,
)
_LONGEST_LOG: Final = 1 << 26  # bytes of a log in which the error is looked for
_Plain = dict[str, Any]


def read_pycomex(path: Path) -> Iterator[ForeignRun | ReadingError]:
    """The archives at and below `path`; in place of one that cannot be read, the error."""
    return bounded.read_holders(path, META, _read)


def _read(folder: Path) -> ForeignRun:
    meta = bounded.read_json(folder, META)
    data = bounded.read_json(folder, _DATA)
    names = bounded.list_bounded(folder)
    started = moment(meta.get("start_time"))
    if started is None:
        raise DamagedArchive(f"{META} has no 'start_time'", str(folder))
    given = _parameters(meta)
    tracked = {name: _find(data, name) for name in _tracked_names(meta)}
    tracked = {name: values for name, values in tracked.items() if isinstance(values, list)}
    finished = moment(meta.get("end_time"))
    notices: list[str] = []
    if timeless := sorted(name for name in tracked if not _are_pictures(tracked[name])):
        told = ", ".join(timeless)
        notices.append(f"PyComex keeps no times of what is tracked; the run's start stands: {told}")
    status = status_of(meta.get("status"), _STATUSES, notices)
    notices += [
        f"of the parameter '{name}' PyComex kept the text alone"
        for name, parameter in given.items()
        if parameter.get("usable") is False
    ]
    code = {name: bounded.read_bytes(folder, name) for name in names if _is_code(name)}
    return ForeignRun(
        format="pycomex",
        source=folder,
        id=f"{meta.get('namespace') or ''}/{folder.name}",
        experiment=foreign_node_id(
            str(meta.get("namespace") or ""), str(meta.get("name") or folder.parent.name)
        ),
        status=status,
        started=started,
        finished=finished,
        duration=finite(meta.get("duration")) if finished else None,
        description=str(meta.get("short_description") or meta.get("description") or "")
        .strip()
        .partition("\n")[0],
        params={name: parameter.get("value") for name, parameter in given.items()},
        words={
            name: {"description": parameter["description"].strip()}
            for name, parameter in given.items()
            if isinstance(parameter.get("description"), str) and parameter["description"].strip()
        },
        results=_without(data, tracked),
        entries=_entries(folder, tracked, started, finished),
        artifacts={
            name: name
            for name in names
            if not (name in code or name in (_DATA, _LOG) or name.startswith(_PICTURES))
        },
        code=code,
        environment=_environment(folder),
        log=_LOG if _LOG in names else b"",
        error=_error(folder, meta),
        notices=notices,
    )


def _parameters(meta: Mapping[str, Any]) -> dict[str, _Plain]:
    """The experiment's parameters; those of PyComex itself, `__DEBUG__` …, stay in its file."""
    given = meta.get("parameters")
    return {
        name: parameter
        for name, parameter in (given.items() if isinstance(given, dict) else ())
        if isinstance(parameter, dict) and "value" in parameter and not name.startswith("__")
    }


def _tracked_names(meta: Mapping[str, Any]) -> list[str]:
    listed = meta.get("__track__")
    names = listed if isinstance(listed, list) else []
    return list(dict.fromkeys(name for name in names if isinstance(name, str)))


def _find(data: Any, name: str) -> Any:
    """The value at `a/b`, by its whole name or down the nested tables."""
    if name in data:
        return data[name]
    for part in name.split("/"):
        if not isinstance(data, dict) or part not in data:
            return None
        data = data[part]
    return data


def _without(data: _Plain, tracked: Mapping[str, Any], above: str = "") -> _Plain:
    """What is no tracked value: the results."""
    left = {}
    for name, value in data.items():
        whole = f"{above}{name}"
        if whole in tracked:
            continue
        if isinstance(value, dict) and any(one.startswith(f"{whole}/") for one in tracked):
            value = _without(value, tracked, f"{whole}/")
            if not value:
                continue
        left[name] = value
    return left


def _entries(
    folder: Path,
    tracked: Mapping[str, list[Any]],
    started: dt.datetime,
    finished: dt.datetime | None,
) -> Iterator[ForeignEntry]:
    start, end = started.timestamp(), (finished or started).timestamp()
    for name, values in tracked.items():
        are_pictures = _are_pictures(values)
        for step, value in enumerate(values):
            if are_pictures:
                picture = bounded.read_bytes(folder, str(value), bounded.LARGEST_PICTURE)
                made = os.lstat(folder / str(value)).st_mtime if picture else start
                when = made if start <= made <= end else start  # a copy has another time
                yield ForeignEntry(name, picture, when, step, "figure")
            elif is_number(value) or isinstance(value, bool):
                yield ForeignEntry(name, value, start, step, "scalar")
            else:
                yield ForeignEntry(name, value, start, step)


def _are_pictures(values: list[Any]) -> bool:
    return bool(values) and all(
        isinstance(value, str) and value.startswith(_PICTURES) for value in values
    )


def _is_code(name: str) -> bool:
    return name.endswith(".py") or name in ("experiment_config.yml", "requirements.txt")


def _environment(folder: Path) -> _Plain:
    found = bounded.read_json(folder, _PACKAGES)
    packages = {
        name: about["version"]
        for name, about in found.items()
        if isinstance(about, dict) and not name.startswith("__") and "version" in about
    }
    python = found.get("__python__")
    version = python.get("version") if isinstance(python, dict) else None
    return {"python": version, "packages": packages} if packages else {}


def _error(folder: Path, meta: Mapping[str, Any]) -> ErrorInfo | None:
    """What the experiment raised: its type is in the file, the rest in the log."""
    if not meta.get("has_error"):
        return None
    log = bounded.read_bytes(folder, _LOG, _LONGEST_LOG).decode("utf-8", "replace")
    found = list(_TRACEBACK.finditer(_STAMP.sub("", log)))
    message, traceback = (found[-1]["message"], found[-1]["traceback"]) if found else ("", "")
    return ErrorInfo(str(meta.get("error_type") or "Exception"), message, traceback)
