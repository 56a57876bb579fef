"""Runs as a Process Run Crate: a zip of their archives with a description that machines read.

    ro-crate-metadata.json   what is in it (RO-Crate 1.1), what was done (Process Run Crate 0.5)
    ro-crate-preview.html    the page that 'expt report' writes
    runs/…                   the archives: a run is a CreateAction whose instrument is the
                             experiment, whose objects are its values, code and inputs, and whose
                             results are its results and its other files

https://w3id.org/ro/crate/1.1, https://w3id.org/ro/wfrun/process/0.5
"""

from __future__ import annotations

import datetime as dt
import mimetypes
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from expt.archive.packing import pack_archives
from expt.exchange.readable import git_of, parts_of_place
from expt.exchange.text_values import text_of_value
from expt.ground.encoding import dumps
from expt.ground.files import list_inside
from expt.ground.layout import CODE_DIR, ENVIRONMENT_FILE, PARAMS_FILE
from expt.ground.text import counted
from expt.ground.version import __version__
from expt.page.frozen import make_report
from expt.reading.fields import leaf_values

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from expt.reading.run import Run

_METADATA: Final = "ro-crate-metadata.json"
_PREVIEW: Final = "ro-crate-preview.html"
_PROFILE: Final = "https://w3id.org/ro/wfrun/process/0.5"
_EXPT: Final = "https://pypi.org/project/expt-runner/"
_LICENSE: Final = "#license"
_COMPLETED: Final = "http://schema.org/CompletedActionStatus"
_FAILED: Final = "http://schema.org/FailedActionStatus"
_WELL: Final = ("completed", "skipped")
_LABELS: Final = {
    ".toml": "application/toml",
    ".jsonl": "application/jsonl",
    ".npy": "application/x-npy",
}
_Entity = dict[str, Any]


def write_ro_crate(runs: Sequence[Run], destination: str) -> Iterator[str]:
    """The zip `destination`. Raises `UsageError` where the page's extra lacks."""
    places = {run.id: "/".join(["runs", *parts_of_place(run)]) for run in runs}
    preview = make_report(runs, "Research object")
    graph = _graph(runs, places)
    content = {"@context": "https://w3id.org/ro/crate/1.1/context", "@graph": graph}
    pack_archives(
        [(places[run.id], run.path) for run in runs],
        Path(destination).absolute(),
        {_METADATA: dumps(content, indent=1).encode(), _PREVIEW: preview.encode()},
    )
    yield "a license, and who ran it: add 'author' and 'agent' to ro-crate-metadata.json"


def _graph(runs: Sequence[Run], places: dict[str, str]) -> list[_Entity]:
    described = [_describe(run, places[run.id]) for run in runs]
    experiments = {one["@id"]: one for run in runs for one in [_experiment(run)]}
    newest = max((run.finished or run.started for run in runs), default=dt.datetime.now(dt.UTC))
    names = sorted({run.experiment for run in runs})
    root = {
        "@id": "./",
        "@type": "Dataset",
        "name": f"{counted(len(runs), 'run')} of {_listed(names)}",
        "description": "Runs of computational experiments: values, results, series, code and "
        "environment of each, as expt archived them.",
        "datePublished": newest.isoformat(),
        "license": _ref(_LICENSE),
        "conformsTo": _ref(_PROFILE),
        "hasPart": [_ref(f"{_encoded(place)}/") for place in places.values()],
        "mentions": [_ref(f"#run-{run.id}") for run in runs],
    }
    return [
        {
            "@id": _METADATA,
            "@type": "CreativeWork",
            "conformsTo": _ref("https://w3id.org/ro/crate/1.1"),
            "about": _ref("./"),
        },
        root,
        {
            "@id": _PREVIEW,
            "@type": "CreativeWork",
            "name": "The runs as a page",
            "encodingFormat": "text/html",
            "about": _ref("./"),
        },
        {"@id": _PROFILE, "@type": "CreativeWork", "name": "Process Run Crate", "version": "0.5"},
        {
            "@id": _LICENSE,
            "@type": "CreativeWork",
            "name": "No license was stated",
            "description": "All rights are with the authors until they state a license here.",
        },
        {
            "@id": _EXPT,
            "@type": "SoftwareApplication",
            "name": "expt",
            "url": _EXPT,
            "softwareVersion": __version__,
        },
        *experiments.values(),
        *(entity for entities in described for entity in entities),
    ]


def _experiment(run: Run) -> _Entity:
    git = git_of(run)
    entity: _Entity = {
        "@id": _experiment_id(run),
        "@type": "SoftwareApplication",
        "name": run.experiment,
        "description": run.description or f"The experiment {run.experiment}",
        "softwareRequirements": _ref(_EXPT),
        "url": str(git.get("remote") or _EXPT),
    }
    version = git.get("commit") or run.lineage.get("fingerprint") or "as archived"
    return entity | {"softwareVersion": str(version)}


def _experiment_id(run: Run) -> str:
    commit = git_of(run).get("commit")
    return f"urn:expt:{_encoded(run.experiment, '')}{':' + str(commit)[:12] if commit else ''}"


def _describe(run: Run, place: str) -> Iterator[_Entity]:
    """The folder, its files, the values and what was done."""
    names = list(list_inside(run.path))
    ids = {name: _encoded(f"{place}/{name}") for name in names}
    folder = f"{_encoded(place)}/"
    yield {
        "@id": folder,
        "@type": "Dataset",
        "name": f"{run.node_id} {run.id}",
        "description": f"The archive of one run, {run.status}",
        "hasPart": [_ref(one) for one in ids.values()],
    }
    for name in names:
        yield {
            "@id": ids[name],
            "@type": "File",
            "name": name,
            "contentSize": str(os.lstat(run.path / name).st_size),
            "encodingFormat": _format_of(name),
        }
    values = [_property(run, "param", name, value) for name, value in leaf_values(run.params)]
    results = [_property(run, "result", name, value) for name, value in leaf_values(run.results)]
    yield from values
    yield from results
    given = [name for name in names if name in (PARAMS_FILE, ENVIRONMENT_FILE)]
    given += [name for name in names if name.startswith(f"{CODE_DIR}/")]
    made = [name for name in names if name not in given]
    action: _Entity = {
        "@id": f"#run-{run.id}",
        "@type": "CreateAction",
        "name": f"Run {run.id} of {run.node_id}",
        "description": run.note or run.description or f"A run of {run.node_id}",
        "startTime": _time(run.started),
        "instrument": _ref(_experiment_id(run)),
        "object": [_ref(ids[name]) for name in given] + [_ref(one["@id"]) for one in values],
        "result": [_ref(ids[name]) for name in made] + [_ref(one["@id"]) for one in results],
    }
    if run.status != "running":  # the profile has no word for it
        action["actionStatus"] = _COMPLETED if run.status in _WELL else _FAILED
    if run.finished:
        action["endTime"] = _time(run.finished)
    if run.failure and run.status != "completed":
        action["error"] = run.failure
    yield action


def _time(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).isoformat(timespec="milliseconds")


def _property(run: Run, kind: str, name: str, value: Any) -> _Entity:
    plain = value if type(value) in (int, float, str, bool) else text_of_value(value)
    if isinstance(plain, float) and not abs(plain) < float("inf"):
        plain = str(plain)  # JSON-LD has no other number
    return {
        "@id": f"#{kind}-{run.id}-{_encoded(name, '')}",
        "@type": "PropertyValue",
        "name": name,
        "value": plain,
    }


def _format_of(name: str) -> str:
    suffix = os.path.splitext(name)[1].lower()
    return _LABELS.get(suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{len(names)} experiments"


def _encoded(text: str, safe: str = "/") -> str:
    """As a part of a URI, whatever bytes a file's name has."""
    return quote(text, safe, errors="surrogatepass")


def _ref(identifier: str) -> dict[str, str]:
    return {"@id": identifier}
