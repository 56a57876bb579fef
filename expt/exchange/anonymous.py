"""Archives of which nobody can be told: for reviewers who must not know who wrote a paper.

archive ─► a copy, file by file ─► anonymous.json ─► manifest ─► packed
           run.json, environment.json   host, owner, remote, variables with paths are gone
           texts                        names, addresses, hosts, paths are replaced
           pictures that expt drew      left out where they may have a name
           anything else                as it is, or left out where it names somebody

Names of files change too. `anonymous.json` has the hash of every changed file as it was and as it
is; where a hash stands in `run.json` it is the new one, so that the copy is whole: `expt verify`.
"""

from __future__ import annotations

import hashlib
import itertools
import os
from typing import TYPE_CHECKING, Any, Final

from expt.archive.json_files import environment_to_bytes
from expt.archive.manifest import write_manifest
from expt.archive.record import record_to_bytes
from expt.exchange.compressed import compressed_in
from expt.exchange.identities import HOST
from expt.ground import layout
from expt.ground.encoding import dumps, loads
from expt.ground.files import list_inside, open_inside, read_inside
from expt.ground.value_classes import define, evolve, field
from expt.parameters.masking import replace_in_texts

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from expt.exchange.identities import Identities
    from expt.parameters.masking import Scrub
    from expt.reading.run import Run

CHANGES_FILE: Final = "anonymous.json"
_REMADE: Final = (layout.MANIFEST_FILE, layout.RUN_FILE, CHANGES_FILE)
_LARGEST_TEXT: Final = 1 << 28  # bytes of a file that is rewritten
_LARGEST_WORDS: Final = 1 << 28  # bytes of names and texts that were tracked
_PICTURES: Final = f"{layout.PLOTS_DIR}/"
_PIECE: Final = 1 << 24  # bytes of a larger one that are searched at once
_OVERLAP: Final = 1 << 12  # bytes: longer than any name
_TELLING: Final = ("SLURM_NODELIST", "SLURM_JOB_NAME", "SLURM_JOB_ID", "CONDA_DEFAULT_ENV")


@define
class Copied:
    """What became of one archive: files that were changed, those that are not in the copy, and code
    in which a name is a word of the program."""

    changed: dict[str, dict[str, Any]] = field(factory=dict)
    left_out: list[str] = field(factory=list)
    still_named: list[str] = field(factory=list)


def copy_anonymous(run: Run, folder: Path, identities: Identities) -> Copied:
    """A copy of the archive in the new folder `folder`, with its manifest. Raises `OSError`."""
    scrub, mild = identities.scrubber(), identities.scrubber(weak=False)
    copied = Copied()
    drawn = _what_is_drawn(run)
    is_drawn = scrub(drawn) != drawn  # no letter of a picture can be replaced
    digests: dict[str, str] = {}
    for name in list_inside(run.path):
        if name in _REMADE:
            continue
        if is_drawn and name.startswith(_PICTURES):
            if _PICTURES not in copied.left_out:
                copied.left_out.append(_PICTURES)
            continue
        if os.lstat(run.path / name).st_size > _LARGEST_TEXT:
            if not _copy_large(run.path, name, folder / scrub(name), identities):
                copied.left_out.append(scrub(name))
            continue
        with open_inside(run.path, name) as file:
            content = file.read()
        new = _without_names(name, content, scrub, mild)
        if new is None:
            if any(map(identities.found_in, itertools.chain([content], compressed_in(content)))):
                copied.left_out.append(scrub(name))
                continue
            new = content
        _write(folder, scrub(name), new)
        if name.endswith(".py") and scrub(text := new.decode("utf-8", "replace")) != text:
            copied.still_named.append(scrub(name))
        if new != content:
            was, now = _digest(content), _digest(new)
            digests[was] = now
            copied.changed[scrub(name)] = {"was": was, "is": now}
    text = record_to_bytes(_nobodys(run)).decode("ascii")
    for was, now in digests.items():
        text = text.replace(was, now)
    _write(folder, layout.RUN_FILE, scrub(text).encode())
    about = {"format": 1, "files": copied.changed, "left_out": copied.left_out}
    _write(folder, CHANGES_FILE, dumps(about, indent=1).encode())
    write_manifest(folder)
    return copied


def _what_is_drawn(run: Run) -> str:
    """The words that pictures of the run may hold: names, titles, values, tracked texts."""
    files = [f"{layout.SERIES_DIR}/{name}" for name in (layout.NAMES_FILE, layout.ENTRIES_FILE)]
    texts = [read_inside(run.path, name, _LARGEST_WORDS) or b"" for name in files]
    told = dumps([run.node_id, run.description, run.params, run.results])
    return b"\n".join([told.encode(), *texts]).decode("utf-8", "replace")


def _copy_large(archive: Path, name: str, place: Path, identities: Identities) -> bool:
    """A file that is not taken into memory: as it is, or, where it names somebody, not at all."""
    tail = b""
    place.parent.mkdir(parents=True, exist_ok=True)
    with open_inside(archive, name) as file, open(place, "xb") as copy:
        while piece := file.read(_PIECE):
            if identities.found_in(tail + piece):
                break
            copy.write(piece)
            tail = piece[-_OVERLAP:]
        else:
            return True
    place.unlink()
    return False


def _nobodys(run: Run) -> Any:
    """The record without what it tells of a machine."""
    record = run.record
    return evolve(record, host=HOST if record.host else "", pid=0, owner={})


def _without_names(name: str, content: bytes, scrub: Scrub, mild: Scrub) -> bytes | None:
    """The content of a text without names; None for what is no text."""
    if name == layout.ENVIRONMENT_FILE:
        return scrub(_strip_environment(content).decode("utf-8", "replace")).encode()
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return None
    if "\0" in text:
        return None
    changed = mild(text)
    changed = replace_in_texts(changed, scrub) if name.endswith(".py") else scrub(changed)
    return content if changed == text else changed.encode()


def _strip_environment(content: bytes) -> bytes:
    """`environment.json` without remote, paths and names of machines."""
    try:
        environment = loads(content)
    except (ValueError, RecursionError):
        return b"{}"
    if not isinstance(environment, dict):
        return b"{}"
    git, executable = environment.get("git"), environment.get("executable")
    if isinstance(git, dict):
        environment["git"] = {**git, "remote": None}
    if isinstance(executable, str):
        environment["executable"] = executable.replace("\\", "/").rpartition("/")[2]
    variables = environment.get("variables")
    environment["variables"] = _plain_variables(variables if isinstance(variables, dict) else {})
    return environment_to_bytes(environment)


def _plain_variables(variables: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value
        for name, value in variables.items()
        if name not in _TELLING and not any(mark in str(value) for mark in "/\\")
    }


def _write(folder: Path, name: str, content: bytes) -> None:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    with open(file, "xb") as stream:  # two names that became one are not one file
        stream.write(content)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
