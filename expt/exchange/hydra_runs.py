"""Output folders of Hydra, of single runs and of sweeps: values, overrides, log and files.

    .hydra/config.yaml      the values, interpolations as they were written
    .hydra/overrides.yaml   what was typed          .hydra/hydra.yaml   the job
    JOB.log                 the log                 anything else       artifacts

Hydra does not say how a run ended and what it measured. It started at the moment that its folder
is called after, and ended at the last line of its log.
"""

from __future__ import annotations

import datetime as dt
import os
import re
from typing import TYPE_CHECKING, Final

from expt.exchange.bounded import list_bounded, read_bytes, read_holders
from expt.exchange.foreign import ForeignRun, foreign_node_id, moment, safe_part, table_of
from expt.exchange.yaml_files import read_yaml, read_yaml_list
from expt.ground.clock import on_local_clock
from expt.ground.errors import DamagedArchive, ReadingError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_CONFIG: Final = ".hydra/config.yaml"
_JOB: Final = ".hydra/hydra.yaml"
_OVERRIDES: Final = ".hydra/overrides.yaml"
_FOLDER: Final = re.compile(r"(\d{4}-\d\d-\d\d)[/\\_](\d\d)-(\d\d)-(\d\d)")
_LINE: Final = re.compile(rb"^\[(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),(\d{3})\]", re.MULTILINE)
_LONGEST_LOG: Final = 1 << 26


def read_hydra(path: Path) -> Iterator[ForeignRun | ReadingError]:
    """The runs at and below `path`; in place of one that cannot be read, the error."""
    return read_holders(path, _CONFIG, _read)


def _read(folder: Path) -> ForeignRun:
    names = list_bounded(folder)
    hydra = table_of(read_yaml(folder, _JOB).get("hydra"))
    job, runtime = table_of(hydra.get("job")), table_of(hydra.get("runtime"))
    overrides = [str(one) for one in read_yaml_list(folder, _OVERRIDES)]
    log = f"{job.get('name')}.log"
    log = log if log in names else next((n for n in names if n.endswith(".log")), "")
    stamps = _stamps(read_bytes(folder, log, _LONGEST_LOG)) if log else []
    place = str(runtime.get("output_dir") or folder.absolute())
    notices = ["Hydra does not say how the run ended"]
    started = _time_of(place)
    if started is None:
        started = stamps[0] if stamps else moment(os.lstat(folder / _CONFIG).st_mtime)
        notices.append("its folder is not called after its start: that is of the log, or a file's")
    if started is None:
        raise DamagedArchive("nothing says when it started", str(folder))
    finished = max([*stamps[-1:], started])
    job_name = str(job.get("name") or folder.name)
    is_sweep = hydra.get("mode") in ("MULTIRUN", "RunMode.MULTIRUN") or folder.name.isdigit()
    return ForeignRun(
        format="hydra",
        source=folder,
        id="/".join(re.split(r"[/\\]", place)[-4:]),
        experiment=foreign_node_id(f"{job_name}.py", job_name),
        case="-".join(safe_part(one.replace("=", "-")) for one in overrides) or None
        if is_sweep
        else None,
        status="completed",
        started=started,
        finished=finished,
        duration=(finished - started).total_seconds(),
        params=read_yaml(folder, _CONFIG),
        artifacts={name: name for name in names if name != log},
        log=log or b"",
        command=(f"{job_name}.py", *overrides),
        notices=notices,
    )


def _time_of(place: str) -> dt.datetime | None:
    """The local time that a folder is called after."""
    found = list(_FOLDER.finditer(place))
    if not found:
        return None
    day, hour, minute, second = found[-1].groups()
    return _local(f"{day} {hour}:{minute}:{second}")


def _stamps(log: bytes) -> list[dt.datetime]:
    """The times of the first and the last line of a log, as Hydra formats one."""
    found = [_local(f"{match[1].decode()}.{match[2].decode()}") for match in _LINE.finditer(log)]
    times = [time for time in found if time is not None]
    return [times[0], times[-1]] if times else []


def _local(text: str) -> dt.datetime | None:
    try:
        return on_local_clock(dt.datetime.fromisoformat(text))
    except (ValueError, OverflowError, OSError):
        return None
