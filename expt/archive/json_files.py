"""The JSON files beside `run.json`, each written and read here, and checked when it is read.

    environment.json       the machine, the packages, the commit
    code/analyses.json     [{"name": "analysis_a", "path": "m.py"}]: what goes into the script
    plots/index.json       {"loss": ["loss.png"]}: the files of each series
    plots/notices.json     ["…"]: what could not be drawn

A file that is not there is empty. What is not what was written is a `DamagedArchive`.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any, Final, TypeVar

from expt.ground import layout
from expt.ground.encoding import dumps, loads
from expt.ground.errors import DamagedArchive
from expt.ground.files import read_inside, write_atomically

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

T = TypeVar("T")

LARGEST: Final = 1 << 26  # bytes of one such file
_INDEX: Final = f"{layout.PLOTS_DIR}/{layout.PLOTS_INDEX}"
_NOTICES: Final = f"{layout.PLOTS_DIR}/{layout.PLOTS_NOTICES}"
_ANALYSES: Final = f"{layout.CODE_DIR}/{layout.ANALYSES_FILE}"


def environment_to_bytes(environment: Mapping[str, Any]) -> bytes:
    """The content of `environment.json`."""
    return dumps(environment).encode()


def read_environment(archive: Path) -> dict[str, Any]:
    """What `snapshot.take_environment` took. Raises `DamagedArchive`."""
    return _read(archive, layout.ENVIRONMENT_FILE, _is_environment, dict[str, Any])


def analyses_to_bytes(analyses: Sequence[Mapping[str, str]]) -> bytes:
    """The content of `code/analyses.json`."""
    return dumps(list(analyses), indent=1).encode()


def read_analyses(archive: Path) -> list[dict[str, Any]]:
    """`{"name", "path"}` of each analysis of the run, in order. Raises `DamagedArchive`."""
    return _read(archive, _ANALYSES, _are_analyses, list[dict[str, Any]])


def write_plots(archive: Path, index: Mapping[str, Sequence[str]], notices: Iterable[str]) -> None:
    """Tell which files there are in `plots/` and what could not be drawn; each where there is any.

    Raises `OSError`.
    """
    told = list(dict.fromkeys(notices))
    _write_or_remove(archive, _NOTICES, told)
    _write_or_remove(archive, _INDEX, dict(index) if any(index.values()) else None)


def _write_or_remove(archive: Path, name: str, content: Any) -> None:
    if content:
        (archive / name).parent.mkdir(exist_ok=True)
        write_atomically(archive / name, dumps(content, indent=1).encode())
    else:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{archive}/{name}")


def read_plots(archive: Path) -> dict[str, list[str]]:
    """Name of a series → names of its files in `plots/`. Raises `DamagedArchive`."""
    return _read(archive, _INDEX, _is_index, dict[str, list[str]])


def read_plot_notices(archive: Path) -> list[str]:
    """What could not be drawn. Raises `DamagedArchive`."""
    return _read(archive, _NOTICES, _are_texts, list[str])


def _read(archive: Path, name: str, is_sound: Callable[[Any], bool], empty: type[T]) -> T:
    content = read_inside(archive, name, LARGEST)
    if content is None:
        return empty()
    try:
        value: T = loads(content)
    except ValueError as error:
        raise DamagedArchive(f"{name} is no strict JSON: {error}", str(archive)) from None
    if not is_sound(value):
        raise DamagedArchive(f"{name} is not what was written", str(archive))
    return value


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_index(value: Any) -> bool:
    return _is_object(value) and all(_are_texts(files) for files in value.values())


def _are_analyses(value: Any) -> bool:
    return isinstance(value, list) and all(
        _has(entry, name=str, path=str) and "name" in entry for entry in value
    )


def _is_environment(value: Any) -> bool:
    texts = dict.fromkeys(("python", "implementation", "executable", "platform", "machine"), str)
    accelerators = value.get("accelerators") or [] if _is_object(value) else None
    return (
        isinstance(accelerators, list)
        and all(_has(each, name=str, driver=str) for each in accelerators)
        and _has(value, memory=int, cpu=dict, git=dict, packages=dict, variables=dict, **texts)
        and abs(value.get("memory") or 0) < 2**63
        and _has(value.get("cpu") or {}, model=str, count=int, usable=int)
        and _has(
            value.get("git") or {}, commit=str, branch=str, remote=str, problem=str, dirty=bool
        )
    )


def _is_object(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(name, str) for name in value)


def _has(value: Any, **types: type) -> bool:
    """Whether `value` is an object in which each of the names, where it is, has its type.

    A `dict` is an object in turn: a tag could give it keys that are no texts.
    """
    return _is_object(value) and all(
        value.get(name) is None
        or (_is_object(value[name]) if kind is dict else type(value[name]) is kind)
        for name, kind in types.items()
    )
