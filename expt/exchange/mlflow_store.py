"""MLflow's file store (`mlruns/`), in both directions, without MLflow.

    EXPERIMENT/meta.yaml          name
    EXPERIMENT/RUN/meta.yaml      status, start_time, end_time in milliseconds, run_name
              …/params/KEY        its text           …/tags/KEY
              …/metrics/KEY       a line a value: milliseconds, value, step
              …/artifacts/…       files

https://github.com/mlflow/mlflow, `mlflow/store/tracking/file_store.py`.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from expt.exchange.bounded import list_bounded, read_bytes, reject_no_folder
from expt.exchange.foreign import ForeignEntry, ForeignRun, foreign_node_id, moment, status_of
from expt.exchange.mlflow_server import is_address, send_runs
from expt.exchange.mlflow_words import MlflowRun, tell_left_out, tell_run
from expt.exchange.own_files import FACTS, OWN, made_anew, with_own_files, write_files
from expt.exchange.readable import write_each
from expt.exchange.text_values import value_of_text
from expt.exchange.yaml_files import read_yaml
from expt.ground.errors import DamagedArchive, ReadingError, UsageError
from expt.ground.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from expt.ground.model import Status
    from expt.reading.run import Run

_META: Final = "meta.yaml"
_NUMBERS: Final = {"RUNNING": 1, "SCHEDULED": 2, "FINISHED": 3, "FAILED": 4, "KILLED": 5}
_STATUSES: Final[dict[Any, Status]] = {
    **dict.fromkeys((3, "FINISHED"), "completed"),
    **dict.fromkeys((4, "FAILED"), "failed"),
}


# Out


def write_mlflow(runs: Sequence[Run], destination: str) -> Iterator[str]:
    """Into the file store at a path, or to the server at an address."""
    if is_address(destination):
        written, failures = send_runs(runs, destination)
    else:
        store = Path(destination).absolute()
        written, failures = write_each(runs, lambda run: _write_run(tell_run(run), store))
    yield from failures
    yield from tell_left_out(written)


def _write_run(told: MlflowRun, store: Path) -> None:
    experiment = _experiment_folder(store, told)
    run_id = _digest(told.id)[:32]
    folder = experiment / run_id
    meta: dict[str, Any] = {
        "artifact_uri": (folder / "artifacts").as_uri(),
        "end_time": told.end,
        "entry_point_name": "",
        "experiment_id": experiment.name,
        "lifecycle_stage": "active",
        "run_id": run_id,
        "run_name": told.name,
        "source_name": "",
        "source_type": 4,
        "source_version": "",
        "start_time": told.start,
        "status": _NUMBERS[told.status],
        "tags": [],
        "user_id": "expt",
    }
    with made_anew(folder) as unfinished:
        for name in ("params", "metrics", "tags", "artifacts"):
            (unfinished / name).mkdir()
        for part, texts in (("params", told.params), ("tags", told.tags)):
            for key, text in texts.items():
                _write(unfinished / part / key, text)
        _write_metrics(unfinished / "metrics", told)
        write_files(unfinished / "artifacts", told.artifacts)
        _write_meta(unfinished, meta)


def _write_metrics(folder: Path, told: MlflowRun) -> None:
    lines: list[str] = []
    key = None
    for metric in told.metrics:
        if metric.key != key and key is not None:
            _write(folder / key, "".join(lines))
            lines = []
        key = metric.key
        lines.append(f"{metric.when} {metric.value!r} {metric.step}\n")
    if key is not None:
        _write(folder / key, "".join(lines))


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8", errors="replace")


def _experiment_folder(store: Path, told: MlflowRun) -> Path:
    """The folder of the experiment of that name, made if it is not there."""
    number = int(_digest(told.experiment)[:15], 16)
    folder = store / str(number).zfill(18)
    if not (folder / _META).exists():
        folder.mkdir(parents=True, exist_ok=True)
        about = {
            "artifact_location": folder.as_uri(),
            "creation_time": told.start,
            "experiment_id": folder.name,
            "last_update_time": told.start,
            "lifecycle_stage": "active",
            "name": told.experiment,
        }
        _write_meta(folder, about)
    return folder


def _write_meta(folder: Path, meta: Mapping[str, Any]) -> None:
    """YAML, of which JSON is a part."""
    lines = (f"{key}: {json.dumps(value)}\n" for key, value in meta.items())
    write_atomically(folder / _META, "".join(lines).encode())


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


# In


def read_mlflow(path: Path) -> Iterator[ForeignRun | ReadingError]:
    """The runs of a store, of an experiment in it, or one run."""
    reject_no_folder(path)
    found = False
    for folder in _candidates(path):
        try:
            meta = read_yaml(folder, _META)
            if "run_id" not in meta and "run_uuid" not in meta:
                continue
            found = True
            if meta.get("lifecycle_stage") != "deleted":
                yield _read_run(folder, meta)
        except ReadingError as error:
            found = True
            yield error
    if not found:
        what = "it is no file store of MLflow: no meta.yaml of a run is there"
        raise UsageError(what, str(path), "name the folder that is called mlruns")


def _candidates(path: Path) -> Iterator[Path]:
    """Folders with a `meta.yaml`, down to those of runs."""
    pending = [(path, 0)]
    while pending:
        folder, depth = pending.pop()
        if (folder / _META).is_file():
            yield folder
        if depth < 2:
            with os.scandir(folder) as entries:
                names = sorted(
                    entry.name
                    for entry in entries
                    if entry.is_dir(follow_symlinks=False) and not entry.name.startswith(".")
                )
            pending += [(folder / name, depth + 1) for name in reversed(names)]


def _read_run(folder: Path, meta: Mapping[str, Any]) -> ForeignRun:
    files = list_bounded(folder)
    started, finished = _moment(meta.get("start_time")), _moment(meta.get("end_time"))
    if started is None:
        raise DamagedArchive(f"{_META} has no 'start_time'", str(folder))
    tags = {name: _text(folder, name) for name in files if name.startswith("tags/")}
    status = status_of(meta.get("status"), _STATUSES, [])
    notices = []
    if meta.get("status") in (1, 2, "RUNNING", "SCHEDULED"):
        notices.append("it had not ended when it was imported")
    uri = meta.get("artifact_uri")
    if isinstance(uri, str) and not uri.rstrip("/").endswith(f"{folder.name}/artifacts"):
        notices.append(f"its artifacts are elsewhere, and not copied: {uri}")
    experiment = read_yaml(folder.parent, _META).get("name") or folder.parent.name
    parts = {name: name.partition("/")[2] for name in files if name.startswith("artifacts/")}
    own = {name: inner for name, inner in parts.items() if inner.startswith(f"{OWN}/")}
    kept = own if f"artifacts/{FACTS}" in own else {}
    run = ForeignRun(
        format="mlflow",
        source=folder,
        id=str(meta.get("run_id") or meta.get("run_uuid")),
        experiment=foreign_node_id("mlflow", str(experiment)),
        case=None,
        status=status,
        started=started,
        finished=finished,
        duration=(finished - started).total_seconds() if finished else None,
        params={
            name.partition("/")[2]: value_of_text(_text(folder, name))
            for name in files
            if name.startswith("params/")
        },
        entries=_entries(folder, files),
        artifacts={inner: name for name, inner in parts.items() if name not in kept}
        | ({} if kept else {f"mlflow/{name}": name for name in tags}),
        note=tags.get("tags/mlflow.note.content") or None,
        command=(tags["tags/mlflow.source.name"],) if "tags/mlflow.source.name" in tags else (),
        tags=[text for name, text in tags.items() if name == "tags/mlflow.runName"],
        notices=notices,
    )
    return with_own_files(run, folder, "artifacts/", kept)


def _entries(folder: Path, files: Sequence[str]) -> Iterator[ForeignEntry]:
    for name in files:
        if not name.startswith("metrics/"):
            continue
        key = name.partition("/")[2]
        for number, line in enumerate(_text(folder, name).splitlines()):
            when, value, step = [*line.split(), "", "", ""][:3]
            try:
                yield ForeignEntry(
                    key, float(value), int(when) / 1000, int(step) if step else number, "scalar"
                )
            except (ValueError, OverflowError):
                raise DamagedArchive(
                    f"{name}:{number + 1} has no value of a metric", str(folder)
                ) from None


def _text(folder: Path, name: str) -> str:
    return read_bytes(folder, name).decode("utf-8", "replace")


def _moment(milliseconds: Any) -> Any:
    return moment(milliseconds / 1000) if isinstance(milliseconds, int) else None
