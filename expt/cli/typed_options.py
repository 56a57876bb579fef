"""What was typed for `expt run` → `Options`, over the configuration."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from expt.cli.devices import read_devices
from expt.ground import layout
from expt.ground.errors import UsageError
from expt.ground.options import (
    KeepingOptions,
    Options,
    RunningOptions,
    SearchWords,
    SelectionOptions,
    TellingOptions,
    ValueOptions,
)
from expt.ground.value_classes import evolve, field_names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

T = TypeVar("T")

_LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}


def read_log_level(text: str | None) -> int | None:
    """A level of the standard library's `logging` as its number. Raises `UsageError`."""
    if text is None:
        return None
    level = _LEVELS.get(text.lower())
    if level is None and text.isascii() and text.isdigit() and len(text) < 5:
        level = int(text)
    if level is None:
        hint = f"levels: {', '.join(sorted(_LEVELS))}, or a number up to 9999"
        raise UsageError(f"'{text}' is no level of log records", f"--log-level {text}", hint)
    return level


def _read_executor(words: argparse.Namespace, devices: int) -> dict[str, Any]:
    """What `--executor`, `-n`, `--pdb` and `--devices` say. Raises `UsageError`."""
    spelled, workers = words.executor, words.workers
    if words.detach and (spelled or "").partition(":")[0] != "slurm":
        what = "nothing here goes on when expt is gone"
        raise UsageError(what, "--detach", "what is left to Slurm does: --executor slurm")
    if spelled in (None, "workers", "inline"):
        workers = 0 if words.pdb or spelled == "inline" else 1 if workers is None else workers
        workers = min(workers, devices or workers)
        return {"workers": workers, "engine": None, "at_engine": None}
    at = f"--executor {spelled}"
    if devices:
        raise UsageError("'--devices' is of our own workers: an engine gives its own", at)
    if words.pdb or workers == 0:
        told = "--pdb" if words.pdb else "-n 0"
        raise UsageError(f"'{told}' runs everything in this process, and an engine nothing", at)
    return {"workers": 1, "engine": spelled, "at_engine": workers}


def _read_values(words: argparse.Namespace) -> dict[str, list[Any]]:
    """What `-p`, `--sweep` and `--zip` say. Raises `UsageError`."""
    if not (words.params or words.sweeps or words.zips):
        return {"params": [], "sweeps": [], "zips": []}
    # slow, and not needed to list
    from expt.parameters.sweeps import parse_sweep, parse_zip, reject_swept_twice
    from expt.parameters.typed_text import parse_assignment

    values: dict[str, list[Any]] = {
        "params": [parse_assignment(text) for text in words.params],
        "sweeps": [parse_sweep(text) for text in words.sweeps],
        "zips": [parse_zip(text) for text in words.zips],
    }
    reject_swept_twice(values["sweeps"])
    return values


def _read_search(words: argparse.Namespace) -> SearchWords:
    """What `--search` and its kin say. Raises `UsageError`."""
    said = SearchWords(trials=words.search, sampler=words.sampler, prune=words.prune)
    if not (words.maximize or words.minimize or words.space):
        return said
    from expt.parameters.search_tables import parse_objectives, parse_space  # as above

    return evolve(
        said,
        objectives=parse_objectives(words.maximize, words.minimize),
        space=tuple(parse_space(text) for text in words.space),
    )


def make_options(
    words: argparse.Namespace,
    *,
    root: Path,
    cwd: Path,
    configuration: Mapping[str, Any],
    command: tuple[str, ...],
) -> Options:
    """The options of a command line over a configuration. Raises `UsageError`."""
    # not needed for --help
    from expt.discovery.selection import place_node_id

    configured = layout.usual_paths(configuration)
    places, node_ids = split_words(words.paths)
    if not places:
        places = [str(root / path) for path in configured]
    runs = words.runs or layout.usual_runs(root, configuration)
    devices = read_devices(words.devices)
    # what is not named here is what was typed
    typed = argparse.Namespace(
        **{
            **vars(words),
            "paths": [absolute(place, cwd) for place in places],
            "configured_paths": configured,
            "node_ids": [place_node_id(text, cwd, root) for text in node_ids],
            "deselect": [place_node_id(text, cwd, root) for text in words.deselect],
            "ignore": [*configuration.get("ignore", ()), *words.ignore],
            **_read_values(words),
            "params_files": [
                _find_values(file, cwd, absolute(runs, cwd)) for file in words.params_files
            ],
            **_read_executor(words, len(devices)),
            "devices": devices,
            "search": _read_search(words),
            "timeout": words.timeout or configuration.get("timeout"),
            "runs": absolute(runs, cwd),
            "report": None if words.report is None else absolute(words.report, cwd),
            "junit": absolute(words.junit, cwd) if words.junit else None,
            "log_level": read_log_level(words.log_level or configuration.get("log_level")),
            "render": words.render and configuration.get("render", True),
            "verbosity": words.verbose - words.quiet,
        }
    )
    return Options(
        root=root,
        cwd=cwd,
        selection=_take(SelectionOptions, typed),
        values=_take(ValueOptions, typed),
        running=_take(RunningOptions, typed),
        keeping=_take(KeepingOptions, typed),
        telling=_take(TellingOptions, typed),
        command=command,
        plugins=(*configuration.get("plugins", ()), *words.plugins),
        plugin_options={name: getattr(words, name) for name in words.plugin_names},
        configuration=configuration,
    )


def _find_values(text: str, cwd: Path, runs: Path) -> Path:
    """The file of values that a word for `--params` means: a file, or that of an archived run."""
    file = absolute(text, cwd)
    if os.path.lexists(file) and not (file / layout.RUN_FILE).is_file():
        return file
    from expt.ground.errors import NoSuchRun
    from expt.reading.references import load_run  # not needed for --help

    try:
        return load_run(text, runs).path / layout.PARAMS_FILE
    except NoSuchRun as error:
        if Path(text).suffix:
            return file  # the reader of files says that it is not there
        what = f"there is no file '{text}', and no run that answers to it"
        raise UsageError(what, f"--params {text}", error.hint or "") from None


def _take(group: type[T], typed: argparse.Namespace) -> T:
    """The fields of `group` from what was typed; lists become tuples."""
    given = {name: getattr(typed, name) for name in field_names(group)}
    return group(**{k: tuple(v) if isinstance(v, list) else v for k, v in given.items()})


def absolute(place: str | Path, cwd: Path) -> Path:
    """`place` from `cwd`, without `..`, links not followed."""
    return Path(os.path.abspath(cwd / place))


def split_words(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The paths to look into, and the node ids to select; a node id names its path too."""
    places: list[str] = []
    node_ids: list[str] = []
    for word in words:
        place, colons, _ = word.partition("::")
        if colons:
            node_ids.append(word)
        if place not in places:
            places.append(place or ".")
    return places, node_ids
