"""What `run.json` says at a run's start, and at the end of a run whose worker is gone."""

from __future__ import annotations

import contextlib
import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from expt.archive.manifest import write_manifest
from expt.archive.owner import owner_of_this_process
from expt.archive.record import read_record
from expt.archive.search_facts import write_search_terms
from expt.archive.series_lines import read_results
from expt.archive.writer import Archive, run_folder, write_record
from expt.ground import layout
from expt.ground.clock import local_now
from expt.ground.errors import DamagedArchive
from expt.ground.files import remove_unfinished
from expt.ground.model import LAYER_COMMAND, RERUN_OF, Outcome, RunRecord
from expt.ground.options import runs_root
from expt.ground.value_classes import evolve
from expt.parameters.masking import make_scrubber
from expt.parameters.secret_values import mask_secrets
from expt.parameters.secrets import mask_argument
from expt.reading.series.statistics import summarise_series
from expt.running import scrubbing
from expt.running.supplies import remove_temporary

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Mapping

    from expt.ground.messages import Begin, RunStarted, SessionInfo
    from expt.ground.model import Case, ErrorInfo, Status
    from expt.ground.options import Options


def claim_archive(
    case: Case,
    options: Options,
    now: dt.datetime,
    announce: Callable[[str, Path], None] = lambda *_: None,
) -> Archive:
    """A folder for a run of `case` that nobody else has; `announce` is told which, once."""
    folder = run_folder(case.experiment, options.selection.configured_paths)
    if options.keeping.scratch:
        root = runs_root(options)
        archive = Archive.claim_scratch(root, folder, case.label, case.experiment.id)
        announce(archive.id, archive.path)
        return archive
    return Archive.claim(runs_root(options), folder, now, announce)


def start_record(
    case: Case, options: Options, session: SessionInfo, run_id: str, now: dt.datetime
) -> RunRecord:
    """The record of a run that begins now, in this process."""
    owner = owner_of_this_process()
    return RunRecord(
        id=run_id,
        experiment=case.experiment.id,
        case=case.label,
        description=case.experiment.description,
        status="running",
        started=now.isoformat(),
        params=mask_secrets(case.params, case.secrets),
        origins=case.origins,
        words=case.words,
        lineage=lineage_of(case, session.id, options),
        tags=options.keeping.tags,
        note=options.keeping.note,
        smoke=options.values.smoke,
        command=_masked_command(options.command, session.secrets, session.secret_names),
        cwd=str(options.cwd),
        host=owner["host"],
        pid=owner["pid"],
        owner=owner,
    )


def write_dead_outcome(
    case: Case,
    begin: Begin,
    started: RunStarted | None,
    status: Status,
    error: ErrorInfo,
    seconds: float,
    usage: Mapping[str, Any],
) -> Outcome:
    """Write the outcome of a run whose worker died; everything it had stored stays.

    `started` is None where the worker died before it had an archive; it may have died just before
    it made the folder that it had announced. Where the run had reached
    its own end before, that end stands. Another run's archive is never touched, wherever it lies.
    """
    options, session = begin.options, begin.session
    assert session is not None  # noqa: S101 - told before the first run
    now = local_now()
    if started is None:
        archive = claim_archive(case, options, now)
        record = start_record(case, options, session, archive.id, now)
    else:
        archive = Archive(Path(started.path), started.run_id)
        archive.path.mkdir(parents=True, exist_ok=True)
        record = _read_or_restore(case, begin, started, now)
        if record.id != started.run_id:
            return Outcome(case.id, started.run_id, "", status, seconds, error=error)
    path = archive.path
    if not (path / layout.ENVIRONMENT_FILE).exists():
        archive.write_environment(session.environment)
    if not (path / layout.PARAMS_FILE).exists():
        archive.write_params(record.params, case.choices)
    remove_unfinished(path)
    remove_temporary(record.id)
    if record.status == "running":
        series = path / layout.SERIES_DIR
        if session.secrets:
            scrubbing.wait_until_written(path / layout.LOG_FILE)
        record = evolve(
            record,
            status=status,
            lineage=end_trial(record.lineage, status),
            finished=now.isoformat(),
            duration=seconds,
            results=read_results(series),
            series=summarise_series(series),
            error=error,
            usage=usage,
        )
        write_record(path, record)
    with contextlib.suppress(OSError, ValueError):  # the record stands, and its hashes are missing
        write_manifest(path)
    return outcome_of(record, case.id, path)


def _read_or_restore(case: Case, begin: Begin, started: RunStarted, now: dt.datetime) -> RunRecord:
    """The record as the worker left it; what we know of the run, where it left none."""
    assert begin.session is not None  # noqa: S101 - told before the first run
    try:
        return read_record(Path(started.path))
    except DamagedArchive:
        return start_record(case, begin.options, begin.session, started.run_id, now)


def outcome_of(record: RunRecord, case_id: str, path: Path) -> Outcome:
    """What a terminal record says, for those who wait for it."""
    return Outcome(
        case_id=case_id,
        run_id=record.id,
        path=str(path),
        status=record.status,
        duration=record.duration or 0.0,
        setup=record.setup or 0.0,
        results=dict(record.results),
        error=record.error,
        notices=tuple(record.notices),
    )


def lineage_of(case: Case, session_id: str, options: Options) -> dict[str, Any]:
    """Where a run comes from: its base, the run that it was made in, its session, its case."""
    lineage = {
        "extends": list(case.experiment.extends),
        "deviations": {**case.deviations, **_set_anew(case, options)},
        "rerun_of": options.rerun_of,
        "parent": options.parent,
        "session": session_id,
        "sweep": dict(case.axes) or None,
        "fingerprint": case.fingerprint,
    }
    given = case.runs.items()
    told: dict[str, Any] = {
        "choices": dict(case.choices),
        "inputs": {name: run.id for name, run in given if not _is_need(name, case)},
        "needs": {name: run.id for name, run in given if _is_need(name, case)},
    }
    if case.trial is not None:
        trial = case.trial
        named = {"study": trial.study, "number": trial.number, "state": "running"}
        told["search"] = {**named, **write_search_terms(trial.terms)}
        if trial.by_hand:
            told["search"]["by_hand"] = list(trial.by_hand)
    return {**lineage, **{name: facts for name, facts in told.items() if facts}}


def _is_need(name: str, case: Case) -> bool:
    """Whether the run of a dotted name was made for the case."""
    return name.partition("[")[0] in case.needs


def end_trial(lineage: Mapping[str, Any], state: str) -> Mapping[str, Any]:
    """The lineage of a run that has ended, with the state of its trial where it is one."""
    search = lineage.get("search")
    return {**lineage, "search": {**search, "state": state}} if search else lineage


def _set_anew(case: Case, options: Options) -> dict[str, Any]:
    """What `-p` sets otherwise than the run that this one runs again, by dotted name."""
    if options.rerun_of is None:
        return {}
    return {
        name: chain[0].value
        for name, chain in case.origins.items()
        if chain[0].layer == LAYER_COMMAND and not (chain[0].where or "").startswith(RERUN_OF)
    }


@functools.lru_cache(maxsize=1)
def _masked_command(
    words: tuple[str, ...], texts: tuple[str, ...], names: frozenset[str]
) -> tuple[str, ...]:
    """The command line without secrets: no word that sets one, whichever of them won.

    All runs of a session have the same.
    """
    scrub = make_scrubber(texts)
    return tuple(scrub(mask_argument(word, names)) for word in words)
