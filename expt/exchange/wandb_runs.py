"""Runs of Weights & Biases as they lie on a disk, in both directions, without its package.

    offline-run-DATE_TIME-ID/
      run-ID.wandb       what was logged, record by record: `wandb sync` sends it
      files/             config.yaml, wandb-summary.json, wandb-metadata.json, output.log, media/…

A run is written as `wandb` leaves it offline. W&B keeps one row a step with one time for all that
was logged at it: the times of the others, and what no row can hold, go along as files. Read are the
log, and where there is none, the files.
"""

from __future__ import annotations

import math
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from expt.archive.array_files import PICTURE_FORMATS, read_picture
from expt.exchange import bounded, leaving_out
from expt.exchange import protobuf_wire as wire
from expt.exchange import wandb_messages as messages
from expt.exchange.foreign import (
    ForeignEntry,
    ForeignRun,
    finite,
    foreign_node_id,
    moment,
    parsed_moment,
)
from expt.exchange.own_facts import tell_facts
from expt.exchange.own_files import FACTS, OWN, made_anew, own_files, with_own_files, write_files
from expt.exchange.readable import write_each
from expt.exchange.wandb_log import LogWriter, read_log
from expt.exchange.wandb_sync import is_project, sync_runs
from expt.exchange.yaml_files import read_yaml
from expt.ground.clock import on_local_clock
from expt.ground.errors import DamagedArchive, ReadingError, UsageError
from expt.ground.files import list_inside, open_inside
from expt.ground.layout import ARTIFACTS_DIR
from expt.ground.model import KINDS
from expt.ground.spread import is_number
from expt.ground.value_classes import define, field

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from expt.ground.model import Kind, Status
    from expt.reading.run import Run
    from expt.reading.series.tracked import Series

_FILES: Final = "files"
_NOT_HELD: Final[tuple[Kind, ...]] = ("figure", "image", "array", "structured")
_PRODUCER: Final = "0.31.0+expt"  # the version of the format
_CONSUMER: Final = "0.70.0"


# Out


def write_wandb(runs: Sequence[Run], destination: str) -> Iterator[str]:
    """An offline run for each, in the folder `destination`, ready for `wandb sync`; or uploaded, to
    a project at `wandb://ENTITY/PROJECT`."""
    if is_project(destination):
        with tempfile.TemporaryDirectory(prefix="expt-wandb-") as folder:
            written, told = write_each(runs, lambda run: _write_run(run, Path(folder)))
            sync_runs([Path(folder, _folder_name(run)) for run in written], destination)
    else:
        written, told = write_each(runs, lambda run: _write_run(run, Path(destination)))
    yield from told
    for kind in leaving_out.kinds_left_out(written, _NOT_HELD):
        yield f"{kind} (as files alone)"
    yield from leaving_out.numbers_left_out(written, "which W&B's page rounds")
    crowded = {name: None for run in written for name in _names_of_crowded(run)}
    if crowded:
        yield f"entries that share a step, all but the last: {leaving_out.named(crowded)}"
    yield "times: one for all that was tracked at a step"


def _folder_name(run: Run) -> str:
    return f"offline-run-{on_local_clock(run.started):%Y%m%d_%H%M%S}-{run.id}"


def _write_run(run: Run, place: Path) -> None:
    with made_anew(place / _folder_name(run)) as folder:
        (folder / _FILES).mkdir()
        files = _write_files(run, folder / _FILES)
        writer = LogWriter()
        with open(folder / f"run-{run.id}.wandb", "xb") as log:
            log.write(writer.begun)
            for number, record in enumerate(_records(run, files), 1):
                log.write(writer.add(record + wire.whole(messages.NUMBER, number)))


def _write_files(run: Run, folder: Path) -> list[str]:
    facts = tell_facts(run, kinds=KINDS)
    names = list_inside(run.path, ARTIFACTS_DIR)
    files = {f"{ARTIFACTS_DIR}/{name}": run.path / ARTIFACTS_DIR / name for name in names}
    own = own_files(run, facts)
    write_files(folder, files | own)
    (folder / "output.log").write_text(run.log, encoding="utf-8", errors="replace")
    return ["output.log", *files, *own]


def _records(run: Run, files: Sequence[str]) -> Iterator[bytes]:
    yield wire.block(
        messages.HEADER, wire.block(1, wire.block(1, _PRODUCER) + wire.block(2, _CONSUMER))
    )
    config = b"".join(
        wire.block(1, messages.make_item(name, value)) for name, value in run.params.items()
    )
    project = run.experiment.rpartition("::")[2]
    about = wire.block(1, run.id) + wire.block(3, project) + wire.block(4, config)
    about += wire.block(8, run.case or run.short_id) + wire.block(9, run.note or run.description)
    about += b"".join(wire.block(10, tag) for tag in run.tags)
    yield wire.block(messages.RUN, about + wire.block(17, messages.timestamp_of(run.started)))
    yield wire.block(
        messages.FILE_LIST, b"".join(wire.block(1, wire.block(1, name)) for name in files)
    )
    start = run.started.timestamp()
    for step, (when, values) in sorted(_rows(run).items()):
        told = {"_step": step, "_timestamp": when, "_runtime": max(when - start, 0), **values}
        items = b"".join(
            wire.block(1, messages.make_nested(name, value)) for name, value in told.items()
        )
        yield wire.block(messages.HISTORY, items + wire.block(2, wire.whole(1, step)))
    last = {name: value for name, value in run.last.items() if name in run.series}
    summary = {**last, **run.results}
    yield wire.block(
        messages.SUMMARY,
        b"".join(wire.block(1, messages.make_item(n, value)) for n, value in summary.items()),
    )
    ended = wire.whole(1, 0 if run.status in ("completed", "skipped") else 1)
    yield wire.block(messages.EXIT, ended + wire.whole(2, int(run.duration or 0)))


def _rows(run: Run) -> dict[int, tuple[float, dict[str, Any]]]:
    """What was tracked at each step, and when the last of it was."""
    rows: dict[int, tuple[float, dict[str, Any]]] = {}
    for name, series in run.series.items():
        if series.kind in _NOT_HELD:
            continue
        values = series.values.tolist() if hasattr(series.values, "tolist") else series.values
        for step, when, value in zip(_steps_of(series), series.times.tolist(), values, strict=True):
            before, told = rows.setdefault(step, (when, {}))
            told[name] = value
            rows[step] = (max(before, when), told)
    return rows


def _steps_of(series: Series) -> list[int]:
    """W&B counts from zero."""
    return [max(step, 0) for step in leaving_out.whole_steps(series)]


def _names_of_crowded(run: Run) -> Iterator[str]:
    """Series that a row a step cannot hold."""
    for name, series in run.series.items():
        if series.kind not in _NOT_HELD and len(set(_steps_of(series))) < len(series):
            yield name


# In


def read_wandb(path: Path) -> Iterator[ForeignRun | ReadingError]:
    """The runs at and below `path`: folders with a log, or with `files/`."""
    bounded.reject_no_folder(path)
    found = False
    for folder, log in _find_runs(path):
        found = True
        try:
            yield _read(folder, log)
        except ReadingError as error:
            yield error
        except (ValueError, OSError) as error:
            yield DamagedArchive(f"its log cannot be read: {error}", str(folder))
    if not found:
        raise UsageError(
            "no run of W&B is there", str(path), "name the folder wandb/, or a run in it"
        )


def _find_runs(path: Path) -> Iterator[tuple[Path, str | None]]:
    pending = [path]
    while pending:
        folder = pending.pop()
        names = sorted(os.listdir(folder))
        logs = [name for name in names if name.startswith("run-") and name.endswith(".wandb")]
        if logs:
            yield folder, logs[0]
        elif _has_files(folder):
            yield folder, None
        else:
            below = [folder / name for name in reversed(names)]
            pending += [one for one in below if one.is_dir() and not one.is_symlink()]


def _has_files(folder: Path) -> bool:
    names = ("config.yaml", "wandb-summary.json")
    return any((folder / _FILES / name).is_file() for name in names)


@define
class _Found:
    """What the records of a log say beside its rows."""

    run_id: str = ""
    project: str = ""
    name: str = ""
    note: str = ""
    tags: list[str] = field(factory=list)
    host: str = ""
    started: float = 0.0
    last: float = 0.0
    config: dict[str, Any] = field(factory=dict)
    summary: dict[str, Any] = field(factory=dict)
    tracked: set[str] = field(factory=set)
    exit_code: int | None = None
    runtime: float = 0.0
    output: list[str] = field(factory=list)
    damage: str = ""


def _read(folder: Path, log: str | None) -> ForeignRun:
    names = bounded.list_bounded(folder)
    found = _Found(run_id=folder.name.rpartition("-")[2])
    if log is not None:
        _look_through(folder, log, found)
    _look_at_files(folder, found)
    started = moment(found.started)
    if started is None:
        raise DamagedArchive("nothing says when it started", str(folder))
    seconds = found.runtime or max(found.last - found.started, 0)
    finished = moment(found.started + seconds)
    notices = [found.damage] if found.damage else []
    status: Status = "completed" if found.exit_code == 0 else "failed"
    if found.exit_code is None:
        status = "completed" if log is None else "interrupted"
        notices.append("W&B does not say how the run ended")
    own = {name for name in names if name.startswith(f"{_FILES}/{OWN}/")}
    own = own if f"{_FILES}/{FACTS}" in own else set()
    kept = f"{_FILES}/output.log"
    inner = {
        name.removeprefix(f"{_FILES}/").removeprefix(f"{ARTIFACTS_DIR}/" if own else ""): name
        for name in names
        if name.startswith(f"{_FILES}/") and name not in own and name != kept
    }
    run = ForeignRun(
        format="wandb",
        source=folder,
        id=found.run_id,
        experiment=foreign_node_id("wandb", found.project or "run"),
        status=status,
        started=started,
        finished=finished,
        duration=seconds,
        params=found.config,
        results={n: v for n, v in found.summary.items() if n not in found.tracked},
        entries=() if own else _entries(folder, log, found.started),
        artifacts=inner,
        log=kept if kept in names else "".join(found.output).encode(),
        tags=[*filter(None, [found.name]), *found.tags],
        note=found.note or None,
        host=found.host,
        environment=_environment(folder),
        notices=notices,
    )
    return with_own_files(run, folder, f"{_FILES}/", own)


def _look_through(folder: Path, log: str, found: _Found) -> None:
    try:
        for record in _records_in(folder, log):
            for number, content in record.items():
                _look_at(number, content, found)
    except ValueError as error:
        if not found.started:
            raise
        found.damage = f"{log} is read up to its damage: {error}"


def _records_in(folder: Path, log: str) -> Iterator[dict[int, int | bytes]]:
    with open_inside(folder, log) as file:
        yield from map(wire.fields_of, read_log(file))


def _look_at(number: int, content: int | bytes, found: _Found) -> None:
    if number == messages.RUN:
        _look_at_run(wire.bytes_of(content), found)
    elif number == messages.CONFIG:
        found.config |= messages.read_config(content)
    elif number == messages.SUMMARY:
        for field, item in wire.read_fields(wire.bytes_of(content)):
            if field == 1:
                path, value = messages.read_item(item)
                messages.put(found.summary, path, value)
    elif number == messages.HISTORY:
        row = messages.read_row(content)
        found.last = max(found.last, finite(row.get("_timestamp")) or 0.0)
        found.tracked |= {name.partition(".")[0] for name in row}
        found.tracked |= set(row)
    elif number == messages.EXIT:
        fields = wire.fields_of(content)
        found.exit_code, found.runtime = (
            wire.int_of(fields.get(1)),
            float(wire.int_of(fields.get(2))),
        )
    elif number == messages.OUTPUT:
        found.output.append(wire.text_of(wire.fields_of(content).get(3)))


def _look_at_run(content: bytes, found: _Found) -> None:
    fields = wire.fields_of(content)
    found.run_id, found.project = wire.text_of(fields.get(1)), wire.text_of(fields.get(3))
    found.name, found.note = wire.text_of(fields.get(8)), wire.text_of(fields.get(9))
    found.host = wire.text_of(fields.get(13))
    found.tags = [wire.text_of(tag) for number, tag in wire.read_fields(content) if number == 10]
    found.config |= messages.read_config(fields.get(4) or b"")
    time = wire.fields_of(fields.get(17))
    found.started = wire.int_of(time.get(1)) + wire.int_of(time.get(2)) / 1e9


def _entries(folder: Path, log: str | None, started: float) -> Iterator[ForeignEntry]:
    for row in _rows_of_log(folder, log) if log else _rows_of_file(folder):
        step = row.get("_step")
        step = step if isinstance(step, int) else None
        when = finite(row.get("_timestamp")) or started
        for name, value in row.items():
            if not name.startswith("_"):
                yield from _entry(folder, name, value, when, step)


def _rows_of_log(folder: Path, log: str) -> Iterator[dict[str, Any]]:
    try:
        for record in _records_in(folder, log):
            if messages.HISTORY in record:
                yield messages.read_row(record[messages.HISTORY])
    except ValueError:
        return  # told of already


def _rows_of_file(folder: Path) -> Iterator[dict[str, Any]]:
    """`wandb-history.jsonl`, which older versions leave."""
    name = f"{_FILES}/wandb-history.jsonl"
    for line in bounded.read_bytes(folder, name).splitlines():
        yield bounded.parse_json(line, name, folder)


def _entry(
    folder: Path, name: str, value: Any, when: float, step: int | None
) -> Iterator[ForeignEntry]:
    if is_number(value) or isinstance(value, bool):
        yield ForeignEntry(name, value, when, step, "scalar")
    elif isinstance(value, str):
        spoken = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
        number = spoken.get(value)
        kind: Kind = "text" if number is None else "scalar"
        yield ForeignEntry(name, value if number is None else number, when, step, kind)
    elif isinstance(value, dict) and value.get("_type") == "image-file":
        file = f"{_FILES}/{value.get('path')}"
        suffix = os.path.splitext(file)[1].lower()
        picture = bounded.read_bytes(folder, file, bounded.LARGEST_PICTURE)
        if suffix == ".png":
            yield ForeignEntry(name, picture, when, step, "image")
        elif suffix in PICTURE_FORMATS and picture:
            with open_inside(folder, file) as stream:
                yield ForeignEntry(name, read_picture(stream, suffix), when, step, "image")
    elif isinstance(value, (dict, list)):
        yield ForeignEntry(name, value, when, step, "structured")


def _look_at_files(folder: Path, found: _Found) -> None:
    """What the files say that the log did not."""
    files = folder / _FILES
    if not files.is_dir() or files.is_symlink():
        return
    if not found.config and (files / "config.yaml").is_file():
        about = read_yaml(folder, f"{_FILES}/config.yaml")
        found.config = {
            name: value["value"]
            for name, value in about.items()
            if isinstance(value, dict)
            and "value" in value
            and name not in ("_wandb", "wandb_version")
        }
    if not found.summary:
        for name, value in bounded.read_json(folder, f"{_FILES}/wandb-summary.json").items():
            found.summary |= {} if name.startswith("_") else {name: value}
            if name == "_runtime":
                found.runtime = found.runtime or finite(value) or 0.0
    if not found.started:
        metadata = bounded.read_json(folder, f"{_FILES}/wandb-metadata.json")
        started = parsed_moment(metadata.get("startedAt"))
        found.started = started.timestamp() if started else 0.0
        found.host = found.host or str(metadata.get("host") or "")
        found.project = found.project or Path(str(metadata.get("program") or "")).stem
    for row in _rows_of_file(folder):
        found.tracked |= set(row)


def _environment(folder: Path) -> dict[str, Any]:
    text = bounded.read_bytes(folder, f"{_FILES}/requirements.txt").decode("utf-8", "replace")
    pairs = [line.strip().partition("==") for line in text.splitlines()]
    packages = {name: version for name, mark, version in pairs if mark}
    return {"packages": packages} if packages else {}
