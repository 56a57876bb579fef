"""A state that a run goes on from, as one file: data without pickle, in both directions.

    state.json   strict JSON with tags     0.npy, 1.npy …   its arrays     2.bin   its bytes

Beside the tags of `ground.encoding`: `{"$array": "0.npy"}`, `{"$scalar": "0.npy"}` for a numpy
scalar, `{"$bytes": "2.bin"}`, `{"$complex": [re, im]}`, `{"$tuple": […]}`, `{"$set": […]}`,
`{"$frozenset": […]}`. What comes back is of the types that were given: a run that goes on must not
notice.
"""

from __future__ import annotations

import datetime as dt
import io
import json
import zipfile
from pathlib import Path, PurePath
from typing import Any, Final

from expt.archive.array_files import read_npy, write_npy
from expt.archive.artifacts import stored_array
from expt.ground.encoding import DEEPEST, are_names, from_json, parse_strict, to_json
from expt.ground.ndarrays import as_array
from expt.ground.objects import is_of, type_name

_STATE: Final = "state.json"
_LEAVES: Final = (float, Path, PurePath, dt.datetime, dt.date, dt.time)
_COLLECTIONS: Final[dict[type, str]] = {tuple: "$tuple", set: "$set", frozenset: "$frozenset"}
_DEEPEST: Final = DEEPEST // 3  # a dict whose keys are no texts takes three levels of JSON


def encode_state(state: Any) -> bytes:
    """The content of a state's file.

    Takes None, bool, int, float, complex, str, bytes, numpy arrays and scalars (what is another
    library's array becomes numpy's), dates, paths, and lists, tuples, sets and dicts of them.
    Raises `TypeError`, which says where in the state, for anything else.
    """
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as file:
        told = _Encoder(file).encode(state, "the state", 0)
        file.writestr(_STATE, json.dumps(told, allow_nan=False))
    return stream.getvalue()


def decode_state(content: bytes) -> Any:
    """The state of a file's content. May raise anything for damage."""
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        if broken := file.testzip():
            raise ValueError(f"the checksum of {broken} is wrong")
        return _decode(parse_strict(file.read(_STATE)), file)


class _Encoder:
    """Makes JSON of values; arrays and bytes become members of `file`."""

    def __init__(self, file: zipfile.ZipFile) -> None:
        self._file = file
        self._count = 0

    def encode(self, value: Any, where: str, depth: int) -> Any:
        kind = type(value)
        if value is None or kind in (bool, int, str):
            return value
        if kind in _LEAVES or isinstance(value, PurePath):
            return to_json(value, where)
        if depth > _DEEPEST:
            raise TypeError(f"{where} is nested too deep, or holds itself")
        if kind is dict:
            return self._encode_dict(value, where, depth + 1)
        if kind is list or kind in _COLLECTIONS:
            items = [self.encode(v, f"{where}[{i}]", depth + 1) for i, v in enumerate(value)]
            return items if kind is list else {_COLLECTIONS[kind]: items}
        if kind is complex:
            return {"$complex": [to_json(value.real), to_json(value.imag)]}
        if kind in (bytes, bytearray):
            return {"$bytes": self._add(bytes(value), "bin")}
        return self._encode_array(value, where)

    def _encode_dict(self, value: dict[Any, Any], where: str, depth: int) -> Any:
        pairs = [
            (
                self.encode(key, f"a key of {where}", depth),
                self.encode(v, f"{where}[{key!r}]", depth),
            )
            for key, v in value.items()
        ]
        if are_names(value):
            return dict(pairs)
        return {"$dict": [list(pair) for pair in pairs]}

    def _encode_array(self, value: Any, where: str) -> Any:
        is_scalar = is_of(value, "numpy", "generic")
        if not is_scalar and as_array(value) is None:
            raise TypeError(
                f"{where} is of type '{type_name(value)}', which no checkpoint holds; "
                "'with checkpoint.folder() as path' keeps files of any kind"
            )
        try:
            array = stored_array(value)
        except TypeError as error:
            raise TypeError(f"{where} is {error}") from None
        stream = io.BytesIO()
        write_npy(stream, array)
        return {"$scalar" if is_scalar else "$array": self._add(stream.getvalue(), "npy")}

    def _add(self, content: bytes, suffix: str) -> str:
        name = f"{self._count}.{suffix}"
        self._count += 1
        self._file.writestr(name, content)
        return name


def _decode(told: Any, file: zipfile.ZipFile) -> Any:
    if isinstance(told, list):
        return [_decode(item, file) for item in told]
    if not isinstance(told, dict):
        return told
    if len(told) == 1:
        ((tag, body),) = told.items()
        if tag.startswith("$"):
            return _decode_tag(tag, body, file)
    return {key: _decode(item, file) for key, item in told.items()}


def _decode_tag(tag: str, body: Any, file: zipfile.ZipFile) -> Any:
    if tag in ("$array", "$scalar"):
        with file.open(body) as member:
            array = read_npy(member, file.getinfo(body).file_size)
        return array[()] if tag == "$scalar" else array
    if tag == "$bytes":
        return file.read(body)
    if tag == "$complex":
        return complex(*(from_json(part) for part in body))
    if tag == "$dict":
        return {_decode(key, file): _decode(item, file) for key, item in body}
    for kind, known in _COLLECTIONS.items():
        if tag == known:
            return kind(_decode(item, file) for item in body)
    return from_json({tag: body})
