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
from pathlib import PurePosixPath
from typing import Any, Final

from expt.archive.artifact_names import NUMBERED
from expt.archive.artifacts import natural_suffix
from expt.ground.encoding import dumps
from expt.ground.layout import ARTIFACTS_DIR
from expt.ground.ndarrays import as_array, is_masked
from expt.ground.objects import HOSTILE, field_values, is_row, safe_repr
from expt.ground.real_numbers import INT64_MAX, INT64_MIN, exact_number

Save = Callable[[str, Any], Any]

LONGEST_RESULT: Final = 1 << 22  # characters of JSON; a longer one is a file beside `run.json`
_LONGEST_REPR: Final = 10_000
_DEEPEST: Final = 20


def storable_result(name: str, value: Any, save_artifact: Save) -> tuple[Any, str | None]:
    """What `results` keeps of `value`, and what a person should know.

    A file becomes the artifact `results/NAME` by `save_artifact`, which returns its path.
    """
    notes: list[str] = []
    try:
        stored = _make_storable(value, f"results/{name}", save_artifact, notes, 0)
    except HOSTILE:  # whatever it is asked, a dead reference, say
        notes.append("it objects to being looked at, and only its repr is kept")
        stored = _short_repr(value)
    return stored, _notice(name, notes) if notes else None


def file_of_result(name: str, value: Any, save_artifact: Save) -> tuple[PurePosixPath, str] | None:
    """The artifact of what is a file by nature, and what a person should know; else None.

    Raises as `save_artifact`, and `TypeError` for an array that its library does not give.
    """
    suffix = natural_suffix(value)
    if suffix is None:
        return None
    notes: list[str] = []
    path = _kept_file(value, f"results/{name}", suffix, save_artifact, notes)
    return path, _notice(name, notes)


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


def _make_storable(value: Any, name: str, save: Save, notes: list[str], depth: int) -> Any:
    if type(value) is float or (type(value) is int and INT64_MIN <= value <= INT64_MAX):
        return value
    size = _json_size(value)
    if size is not None:
        return value if size <= LONGEST_RESULT else _as_plain_file(value, name, save, notes)
    if isinstance(value, Enum):
        return _make_storable(value.value, name, save, notes, depth + 1)
    parts = _parts_of(value) if depth < _DEEPEST else None
    if isinstance(parts, dict):
        return {
            _storable_key(key): _make_storable(item, _below(name, key), save, notes, depth + 1)
            for key, item in parts.items()
        }
    if parts is not None:
        return [
            _make_storable(item, f"{name}/{index}", save, notes, depth + 1)
            for index, item in enumerate(parts)
        ]
    number = _one_number(value)
    return _artifact_or_repr(value, name, save, notes) if number is None else number


def _json_size(value: Any) -> int | None:
    """How many characters of JSON `value` takes; None where JSON does not hold it."""
    try:
        return len(dumps(value))
    except HOSTILE:
        return None


def _as_plain_file(value: Any, name: str, save: Save, notes: list[str]) -> Any:
    """A plain value that would make `run.json` too long to be listed."""
    try:
        return _kept_file(value, name, ".txt" if isinstance(value, str) else ".json", save, notes)
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


def _below(name: str, key: Any) -> str:
    return f"{name}/{key if isinstance(key, str) else safe_repr(key)}"


def _one_number(value: Any) -> float | int | None:
    try:
        return exact_number(value)
    except HOSTILE:  # or a number that no float holds
        return None


def _artifact_or_repr(value: Any, name: str, save: Save, notes: list[str]) -> Any:
    kind = type(value).__name__
    try:
        suffix = natural_suffix(value)
        if suffix is not None:
            return _kept_file(value, name, suffix, save, notes)
    except HOSTILE as error:  # or a full disk: the rest must be kept
        notes.append(f"the {kind} could not be saved ({type(error).__name__}: {error})")
    notes.append(f"of the {kind} only the repr is kept")
    return _short_repr(value)


def _kept_file(value: Any, name: str, suffix: str, save: Save, notes: list[str]) -> PurePosixPath:
    """Save an artifact; its path as it stands in the archive."""
    path = save(name if name.endswith(suffix) else name + suffix, value)
    notes.append(f"the {type(value).__name__} is the artifact '{path.name}'")
    steps = 1 if path.name.startswith(NUMBERED) else name.count("/") + 1
    return PurePosixPath(ARTIFACTS_DIR, *path.parts[-steps:])


def _short_repr(value: Any) -> str:
    text = safe_repr(value)
    return text if len(text) <= _LONGEST_REPR else text[:_LONGEST_REPR] + "…"
