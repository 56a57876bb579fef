"""The one writer of imported runs: a `ForeignRun` becomes an archive like any other.

claim ─► params, environment, code ─► run.json "running" ─► log, series, artifacts, results
      ─► run.json, as it ended there ─► manifest, synced

Until the end the archive says running; where the import dies, readers say lost. What fails in
between removes it: an archive is whole, or it is not there.
"""

from __future__ import annotations

import shutil
from collections import Counter
from typing import TYPE_CHECKING, Any

from expt.archive.kept_code import keep_code
from expt.archive.owner import owner_of_this_process
from expt.archive.returned import ResultFiles, storable_result
from expt.archive.writer import Archive, run_folder
from expt.ground import layout
from expt.ground.encoding import Unstorable, to_json
from expt.ground.files import open_inside, sync_archive
from expt.ground.model import LAYER_IMPORTED, Experiment, Origin, RunRecord
from expt.ground.objects import safe_repr
from expt.ground.value_classes import evolve
from expt.parameters.secret_values import mask_secrets
from expt.parameters.secrets import find_secrets
from expt.reading.fields import leaf_names
from expt.reading.series.statistics import summarise_series
from expt.tracking.recorder import open_recorder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from expt.exchange.foreign import ForeignRun
    from expt.tracking.recorder import Recorder


def write_archive(
    run: ForeignRun, runs: Path, tags: Sequence[str] = ()
) -> tuple[Path, tuple[str, ...]]:
    """Make an archive of `run` below the archive root `runs`: its folder, and its notices.

    `tags` are added to those that it has.

    Raises `ExptError` or `OSError` where it cannot be written, with nothing left behind.
    """
    place, _, function = run.experiment.partition("::")
    experiment = Experiment(run.experiment, place, function, 0)
    archive = Archive.claim(runs, run_folder(experiment, ()), run.started)
    try:
        return archive.path, _fill(archive, run, tags)
    except BaseException:
        shutil.rmtree(archive.path, ignore_errors=True)
        raise


def _fill(archive: Archive, run: ForeignRun, tags: Sequence[str]) -> tuple[str, ...]:
    notices = list(run.notices)
    params = dict(_storable(run.params, notices))
    secrets = {leaf for name, value in params.items() for leaf in find_secrets(name, value)}
    if secrets:
        told = ", ".join(sorted(secrets))
        notices.append(f"masked in params, and in no other file that was copied: {told}")
    params = mask_secrets(params, secrets)
    archive.write_params(params)
    archive.write_environment(dict(_storable(run.environment, notices)))
    sources = _write_code(archive, run, notices)
    record = _begun(archive.id, run, params, sources, tags)
    archive.write_record(record)
    _write_log(archive, run)
    folder = archive.path / layout.SERIES_DIR
    recorder = open_recorder(folder, label=archive.id)
    try:
        notices += _record_entries(recorder, run)
        results = dict(_save_results(archive, run, notices))
    finally:
        recorder.close()
    for name, file in run.artifacts.items():
        with open_inside(run.source, file) as source, archive.open(name) as copy:
            shutil.copyfileobj(source, copy, 1024 * 1024)
    record = evolve(
        record,
        status=run.status,
        finished=run.finished.isoformat() if run.finished else None,
        duration=run.duration,
        results=results,
        series=summarise_series(folder),
        error=run.error,
        notices=tuple(notices),
        owner={},
    )
    archive.write_record(record)
    archive.write_manifest()
    if refused := sync_archive(archive.path):
        raise refused
    return record.notices


def _begun(
    run_id: str,
    run: ForeignRun,
    params: Mapping[str, Any],
    sources: Mapping[str, tuple[str, str]],
    tags: Sequence[str],
) -> RunRecord:
    """The record of a run that is being imported."""
    return RunRecord(
        id=run_id,
        experiment=run.experiment,
        case=run.case,
        description=run.description,
        status="running",
        started=run.started.isoformat(),
        params=params,
        words=run.words,
        origins={name: (Origin(LAYER_IMPORTED, run.format),) for name in leaf_names(params)},
        sources=sources,
        lineage={
            "extends": [],
            "deviations": {},
            "session": None,
            "sweep": None,
            "fingerprint": None,
            "imported_from": imported_from(run),
        },
        tags=tuple(dict.fromkeys([*run.tags, *tags])),
        note=run.note,
        command=tuple(run.command),
        host=run.host,
        owner=owner_of_this_process(),
    )


def imported_from(run: ForeignRun) -> dict[str, str]:
    """What `lineage` says of where a run came from."""
    return {"format": run.format, "id": run.id, "path": str(run.source.absolute())}


def _storable(values: Mapping[str, Any], notices: list[str]) -> Iterator[tuple[str, Any]]:
    """The values that an archive holds; of others their text."""
    for name, value in values.items():
        try:
            to_json(value)
        except (Unstorable, RecursionError, ValueError):
            notices.append(f"of '{name}' only the text is kept")
            value = safe_repr(value)
        yield name, value


def _write_code(
    archive: Archive, run: ForeignRun, notices: list[str]
) -> dict[str, tuple[str, str]]:
    """`code/`; the path, module and hash of each file."""
    files = keep_code(run.code)
    archive.write_code(files)
    if left_out := sorted(run.code.keys() - files.keys()):
        notices.append(f"no code, or too large for it: {', '.join(left_out)}")
    return {
        path: (path.removesuffix(".py").replace("/", "."), content.sha256)
        for path, content in files.items()
    }


def _write_log(archive: Archive, run: ForeignRun) -> None:
    with open(archive.path / layout.LOG_FILE, "wb") as copy:
        if isinstance(run.log, bytes):
            copy.write(run.log)
        else:
            with open_inside(run.source, run.log) as source:
                shutil.copyfileobj(source, copy, 1024 * 1024)


def _record_entries(recorder: Recorder, run: ForeignRun) -> list[str]:
    """Track what was tracked there; a notice for each kind of value that cannot be."""
    refused: Counter[str] = Counter()
    for entry in run.entries:
        try:
            if isinstance(entry, ValueError):
                raise entry
            recorder.record(
                entry.name, entry.value, when=entry.when, step=entry.step, kind=entry.kind
            )
        except (TypeError, ValueError) as error:
            refused[str(error)] += 1
    times = {why: f" ({count} times)" if count > 1 else "" for why, count in refused.items()}
    return [*(f"{why}{told}" for why, told in times.items()), *recorder.notices]


def _save_results(
    archive: Archive, run: ForeignRun, notices: list[str]
) -> Iterator[tuple[str, Any]]:
    files = ResultFiles(archive.save)
    for name, value in run.results.items():
        stored, notice = storable_result(name, value, files)
        if notice is not None:
            notices.append(notice)
        yield name, stored
