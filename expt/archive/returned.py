"""What `results` keeps of a value that a run returned: nothing is refused, nothing raises.

    what JSON holds             itself; of more than 4 MiB an artifact
    a dict, list, dataclass …   each of its parts, likewise
    one real number             that number
    an array, picture, frame …  an artifact, by its path
    any other object            its repr

Whatever an object does when it is looked at stays here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableSequence, Sequence
from enum import Enum
from pathlib import Path, PurePosixPath
from typing import Any, Final

from expt.archive.artifact_names import NUMBERED
from expt.archive.artifacts import natural_suffix
from expt.ground.encoding import dumps
from expt.ground.layout import ARTIFACTS_DIR
from expt.ground.ndarrays import as_array, is_masked
from expt.ground.objects import HOSTILE, field_values, is_row, safe_repr
from expt.ground.real_numbers import INT64_MAX, INT64_MIN, exact_number

Steps = tuple[str | tuple[str, str], ...]
"""The name of a result, and keys below it: of a key that is no text, its type and its repr."""

LONGEST_RESULT: Final = 1 << 22  # characters of JSON; a longer one is a file beside `run.json`
_LONGEST_REPR: Final = 10_000
_DEEPEST: Final = 20


class ResultFiles:
    """Saves what of results is a file, each as an artifact of its own below `results/`.

    `save_artifact` takes a name and a value, and returns the path.
    """

    def __init__(self, save_artifact: Callable[[str, Any], Path]) -> None:
        self._save = save_artifact
        self._owners: dict[str, Steps] = {}

    def save(self, steps: Steps, suffix: str, value: Any) -> tuple[PurePosixPath, str]:
        """The artifact's path as it stands in the archive, and what a person should know."""
        whole = "/".join(
            ("results", *(step if isinstance(step, str) else step[1] for step in steps))
        )
        stem = whole.removesuffix(suffix)
        name, count = stem + suffix, 1
        while self._owners.setdefault(name, steps) != steps:  # `x` and `x.npy`, "a/b" and b of a
            count += 1
            name = f"{stem} ({count}){suffix}"
        path = self._save(name, value)
        parts = 1 if path.name.startswith(NUMBERED) else name.count("/") + 1
        notice = f"the {type(value).__name__} is the artifact '{path.name}'"
        return PurePosixPath(ARTIFACTS_DIR, *path.parts[-parts:]), notice


def storable_result(name: str, value: Any, files: ResultFiles) -> tuple[Any, str | None]:
    """What `results` keeps of `value`, and what a person should know."""
    notes: list[str] = []
    try:
        stored = _make_storable(value, (name,), files, notes, 0)
    except HOSTILE:  # whatever it is asked, a dead reference, say
        notes.append("it objects to being looked at, and only its repr is kept")
        stored = _short_repr(value)
    return stored, _notice(name, notes) if notes else None


def file_of_result(name: str, value: Any, files: ResultFiles) -> tuple[PurePosixPath, str] | None:
    """The artifact of what is a file by nature, and what a person should know; else None.

    Raises as what saves artifacts, and `TypeError` for an array that its library does not give.
    """
    suffix = natural_suffix(value)
    if suffix is None:
        return None
    path, note = files.save((name,), suffix, value)
    return path, _notice(name, [note])


def _notice(name: str, notes: Sequence[str]) -> str:
    return f"the result '{name}' was not a plain value: {'; '.join(dict.fromkeys(notes))}"


def named_results(returned: Any) -> dict[str, Any]:
    """The results by name of what a run returned: the items of a mapping, else `value`."""
    items = _parts_of(returned) if _is_mapping(returned) else None
    if not isinstance(items, dict):
        return {"value": returned}
    named = {str.__str__(name): item for name, item in items.items() if isinstance(name, str)}
    for name, item in items.items():
        if not isinstance(name, str):
            text = safe_repr(name)
            named[f"{text} ({type(name).__name__})" if text in named else text] = item
    return named


def _is_mapping(value: Any) -> bool:
    try:
        return isinstance(value, Mapping)
    except HOSTILE:
        return False


def _make_storable(
    value: Any, steps: Steps, files: ResultFiles, notes: list[str], depth: int
) -> Any:
    if type(value) is float or (type(value) is int and INT64_MIN <= value <= INT64_MAX):
        return value
    size = _json_size(value)
    if size is not None:
        return value if size <= LONGEST_RESULT else _as_plain_file(value, steps, files, notes)
    if isinstance(value, Enum):
        return _make_storable(value.value, steps, files, notes, depth + 1)
    parts = _parts_of(value) if depth < _DEEPEST else None
    if isinstance(parts, dict):
        return {
            _storable_key(key): _make_storable(item, (*steps, _step(key)), files, notes, depth + 1)
            for key, item in parts.items()
        }
    if parts is not None:
        return [
            _make_storable(item, (*steps, str(index)), files, notes, depth + 1)
            for index, item in enumerate(parts)
        ]
    number = _one_number(value)
    return _artifact_or_repr(value, steps, files, notes) if number is None else number


def _json_size(value: Any) -> int | None:
    """How many characters of JSON `value` takes; None where JSON does not hold it."""
    try:
        return len(dumps(value))
    except HOSTILE:
        return None


def _as_plain_file(value: Any, steps: Steps, files: ResultFiles, notes: list[str]) -> Any:
    """A plain value that would make `run.json` too long to be listed."""
    try:
        return _kept_file(value, steps, ".txt" if isinstance(value, str) else ".json", files, notes)
    except OSError as error:  # a full disk
        notes.append(f"the {type(value).__name__} could not be saved ({error})")
        return _short_repr(value)


def _parts_of(value: Any) -> dict[Any, Any] | list[Any] | None:
    """The items, fields or elements that a value is made of; None where it is no structure."""
    try:
        if isinstance(value, Mapping):
            return dict(value.items())
        if is_row(value) or _is_list_like(value):
            return list(value)
        fields = field_values(value)
        if fields is not None:
            return fields
        array = as_array(value)
        if array is not None and array.dtype.hasobject and array.ndim and not is_masked(array):
            return list(array.tolist())
    except HOSTILE:
        return None
    return None


def _is_list_like(value: Any) -> bool:
    """Whether it is a deque or its kind: what is at hand and can be changed."""
    return isinstance(value, MutableSequence) and not isinstance(value, (bytearray, memoryview))


def _storable_key(key: Any) -> Any:
    return _short_repr(key) if _json_size(key) is None else key


def _step(key: Any) -> str | tuple[str, str]:
    return key if isinstance(key, str) else (type(key).__name__, safe_repr(key))


def _one_number(value: Any) -> float | int | None:
    try:
        return exact_number(value)
    except HOSTILE:  # or a number that no float holds
        return None


def _artifact_or_repr(value: Any, steps: Steps, files: ResultFiles, notes: list[str]) -> Any:
    kind = type(value).__name__
    try:
        suffix = natural_suffix(value)
        if suffix is not None:
            return _kept_file(value, steps, suffix, files, notes)
    except HOSTILE as error:  # or a full disk: the rest must be kept
        notes.append(f"the {kind} could not be saved ({type(error).__name__}: {error})")
    notes.append(f"of the {kind} only the repr is kept")
    return _short_repr(value)


def _kept_file(
    value: Any, steps: Steps, suffix: str, files: ResultFiles, notes: list[str]
) -> PurePosixPath:
    path, note = files.save(steps, suffix, value)
    notes.append(note)
    return path


def _short_repr(value: Any) -> str:
    text = safe_repr(value)
    return text if len(text) <= _LONGEST_REPR else text[:_LONGEST_REPR] + "…"
