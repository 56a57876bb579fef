"""What differs between two runs, and what was compared: values, code, inputs, surroundings.

    causes    params  code  inputs  packages  environment  git      the likeliest first
    effects   results  last

An empty part is a promise: it was compared, and nothing differs. A part that could not be compared
is None, and `problems` says why.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final

from expt.archive.manifest import hash_of
from expt.ground.encoding import is_same, to_json
from expt.ground.errors import DamagedArchive, ReadingError
from expt.ground.files import read_inside
from expt.ground.layout import ARTIFACTS_DIR, CODE_DIR, OWN_SERIES
from expt.ground.model import LAYER_DRAWN
from expt.ground.value_classes import frozen
from expt.reading.fields import leaf_values

if TYPE_CHECKING:
    from expt.reading.run import Run

Pairs = Mapping[str, tuple[Any, Any]]
"""Name → the value in the one run and in the other; None stands for a value that is not there."""

CAUSES: Final = ("params", "code", "inputs", "packages", "environment", "git")
COMPARED: Final = (*CAUSES, "results", "last")
_IMPORTED: Final = re.compile(r"^\s*(?:import|from)\s+([A-Za-z_]\w*)", re.MULTILINE)
_LARGEST: Final = 16 * 1024 * 1024  # bytes of one file of code
_LARGEST_HASHED: Final = 1 << 28  # bytes of an artifact that are read for a comparison
_ABSENT: Final = object()


@frozen
class Difference:
    """Two runs and what differs between them; `code` is path → unified diff.

    `same` counts what was compared in each part and does not differ.
    """

    one: Run
    other: Run
    params: Pairs | None
    code: Mapping[str, str] | None
    inputs: Pairs | None
    packages: Pairs | None
    environment: Pairs | None
    git: Pairs | None
    results: Pairs | None
    last: Pairs | None
    same: Mapping[str, int]
    problems: tuple[str, ...] = ()

    @property
    def likely_cause(self) -> tuple[str, list[str]] | None:
        """The part that most likely made results differ, and what of it; None for none.

        What somebody changed is asked first: values, code, inputs. A seed that was drawn differs
        between any two runs, so that it comes behind them, and before what is around a run.
        """
        if not self.results and not self.last:
            return None
        named = {part: list(getattr(self, part) or ()) for part in CAUSES}
        drawn = [name for name in named["params"] if any(map(_draws(name), (self.one, self.other)))]
        changed = [name for name in named["params"] if name not in drawn]
        asked = [("params", changed), *((part, named[part]) for part in ("code", "inputs"))]
        asked += [("params", drawn), *((part, named[part]) for part in CAUSES[3:])]
        return next(((part, names) for part, names in asked if names), None)

    def as_json(self) -> dict[str, Any]:
        """Strict JSON with tags: a key for each part."""
        parts = {part: getattr(self, part) for part in COMPARED}
        return {
            part: None if pairs is None else {n: to_json(_listed(v)) for n, v in pairs.items()}
            for part, pairs in parts.items()
        }


def _draws(name: str) -> Callable[[Run], bool]:
    """Whether a run drew the value of a parameter, since nobody gave one."""

    def is_drawn(run: Run) -> bool:
        try:
            chain = run.origins.get(name, ())
        except DamagedArchive:
            return False
        return bool(chain) and chain[0].layer == LAYER_DRAWN

    return is_drawn


def find_difference(one: Run, other: Run) -> Difference:
    """Everything that differs between two runs. A damaged part is None, and told as a problem."""
    same: dict[str, int] = {}
    problems: list[str] = []

    def compare(part: str, take: Callable[[Run], Mapping[str, Any]]) -> Pairs | None:
        try:
            before, after = dict(take(one)), dict(take(other))
        except ReadingError as error:
            problems.append(f"{part} not compared: {error.what}")
            return None
        pairs = _differing(before, after)
        same[part] = len(before.keys() | after.keys()) - len(pairs)
        return pairs

    found: dict[str, Any] = {part: compare(part, take) for part, take in _TAKEN.items()}
    if found["code"] is not None:
        texts = [text for run in (one, other) for text in run.code.values()]
        found["code"] = {name: _unified(name, *pair) for name, pair in found["code"].items()}
        found["packages"] = found["packages"] and _imported_first(found["packages"], texts)
    return Difference(one, other, **found, same=same, problems=tuple(problems))


@frozen
class Varying:
    """What may be why several runs differ: part → name → its value in each of them, None for none.

    Of code it is the beginning of each file's hash. `same` and `problems` are as in `Difference`.
    """

    parts: Mapping[str, Mapping[str, list[Any]]]
    same: Mapping[str, int]
    problems: tuple[str, ...]

    @property
    def environment(self) -> Mapping[str, list[Any]] | None:
        """What differs around the runs; None where it could not be compared."""
        return self.parts.get("environment")


def find_varying(runs: Sequence[Run]) -> Varying:
    """Code, inputs, packages, environment and git of runs, as far as they differ."""
    parts: dict[str, dict[str, list[Any]]] = {}
    same: dict[str, int] = {}
    problems: list[str] = []
    for part in CAUSES[1:]:
        take = _code_hashes if part == "code" else _TAKEN[part]
        try:
            taken = [take(run) for run in runs]
        except ReadingError as error:
            problems.append(f"{part} not compared: {error.what}")
            continue
        names = dict.fromkeys(name for one in taken for name in one)
        rows = {name: [one.get(name) for one in taken] for name in names}
        parts[part] = {
            name: row
            for name, row in rows.items()
            if not all(is_same(row[0], value) for value in row[1:])
        }
        same[part] = len(rows) - len(parts[part])
    return Varying(parts, same, (*problems, *_find_unread_values(runs)))


def _results_of(run: Run) -> Mapping[str, Any]:
    """Results by dotted name; of one that is an artifact also the hash, since its path says
    nothing of what it holds."""
    return {name: _with_hash(run, value) for name, value in leaf_values(run.results)}


def _with_hash(run: Run, value: Any) -> Any:
    if not isinstance(value, PurePath) or value.parts[:1] != (ARTIFACTS_DIR,):
        return value
    try:
        return f"{value} sha256 {hash_of(run.path, value.as_posix(), _LARGEST_HASHED)[:12]}"
    except (OSError, ValueError) as error:
        raise DamagedArchive(f"the artifact '{value}' cannot be read", str(run.path)) from error


def _find_unread_values(runs: Iterable[Run]) -> tuple[str, ...]:
    """Which last values of these runs are left out of a comparison, and why."""
    told = []
    for run in runs:
        try:
            _last_of(run)
        except ReadingError as error:
            told.append(f"last of {run.short_id} not compared: {error.what}")
    return tuple(told)


def _last_of(run: Run) -> Mapping[str, Any]:
    """The last of every scalar series that was tracked.

    Raises `DamagedArchive` where `run.last` leaves one out.
    """
    _ = run.series_summaries
    return {name: value for name, value in run.last.items() if not name.startswith(OWN_SERIES)}


def find_undetermined(runs: Iterable[Run]) -> list[tuple[Run, Run, tuple[str, ...]]]:
    """Pairs of completed runs with one fingerprint and one seed whose results differ.

    With each pair the names of the results that do; one pair for each fingerprint.
    """
    first: dict[tuple[str, str], Run] = {}
    found: dict[tuple[str, str], tuple[Run, Run, tuple[str, ...]]] = {}
    for run in runs:
        try:
            fingerprint = run.lineage.get("fingerprint")
        except ReadingError:  # named where that run is shown
            continue
        if run.status != "completed" or not fingerprint:
            continue
        key = (str(fingerprint), json.dumps(to_json(run.params.get("seed")), sort_keys=True))
        known = first.setdefault(key, run)
        if known is run or key in found:
            continue
        try:
            names = _differing(_results_of(known), _results_of(run))
        except ReadingError:
            continue
        if names:
            found[key] = (known, run, tuple(names))
    return list(found.values())


def _differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    pairs = {}
    for name in dict.fromkeys((*before, *after)):
        one, other = before.get(name, _ABSENT), after.get(name, _ABSENT)
        if one is _ABSENT or other is _ABSENT or not is_same(one, other):
            pairs[name] = (_or_none(one), _or_none(other))
    return pairs


def _or_none(value: Any) -> Any:
    return None if value is _ABSENT else value


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


# Code


def _code_of(run: Run) -> Mapping[str, bytes]:
    read = (read_inside(run.path, f"{CODE_DIR}/{name}", _LARGEST) for name in run.code)
    return {name: content or b"" for name, content in zip(run.code, read, strict=True)}


def _code_hashes(run: Run) -> Mapping[str, str]:
    return {name: hashlib.sha256(code).hexdigest()[:7] for name, code in _code_of(run).items()}


def _unified(name: str, before: bytes | None, after: bytes | None) -> str:
    texts = [(content or b"").decode("utf-8", "backslashreplace") for content in (before, after)]
    names = ["/dev/null" if content is None else name for content in (before, after)]
    one, other = (text.splitlines(keepends=True) for text in texts)
    lines = difflib.unified_diff(one, other, names[0], names[1])
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )


# Surroundings


def _inputs_of(run: Run) -> Mapping[str, Any]:
    """What each input holds: where it lay and when it was touched is no difference."""
    return {name: _content_of(entry) for name, entry in run.inputs.items()}


def _content_of(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    if not entry.get("sha256"):  # too large for one
        return entry
    return {name: entry[name] for name in ("kind", "size", "sha256") if name in entry}


def _surroundings(run: Run, part: str) -> Mapping[str, Any]:
    """Leaves of `environment.json`: of the packages, or of all but packages and git."""
    environment = run.environment
    if not environment:
        raise ReadingError("it has no environment.json", str(run.path))
    if part:
        found = environment.get(part)
        return found if isinstance(found, Mapping) else {}
    rest = {name: value for name, value in environment.items() if name not in ("packages", "git")}
    return dict(leaf_values(rest))


def _git_of(run: Run) -> Mapping[str, Any]:
    git = run.environment.get("git")
    known = git.items() if isinstance(git, Mapping) else ()
    facts = {name: value for name, value in known if value is not None}
    if patch := run.patch:
        facts["uncommitted"] = hashlib.sha256(patch.encode()).hexdigest()[:12]
    return facts


def _imported_first(packages: Pairs, texts: Iterable[str]) -> Pairs:
    """The packages that the archived code imports by name, then the others."""
    used = {name.lower() for text in texts for name in _IMPORTED.findall(text)}
    return dict(
        sorted(packages.items(), key=lambda pair: pair[0].replace("-", "_").lower() not in used)
    )


_TAKEN: Final[Mapping[str, Callable[[Run], Mapping[str, Any]]]] = {
    "params": lambda run: dict(leaf_values(run.params)),
    "code": _code_of,
    "inputs": _inputs_of,
    "packages": lambda run: _surroundings(run, "packages"),
    "environment": lambda run: _surroundings(run, ""),
    "git": _git_of,
    "results": _results_of,
    "last": _last_of,
}
"""What is compared of a run: each part of `COMPARED`."""
