"""What stands in files and has no effect: keys that nothing takes, listeners that nothing calls.

`params.toml`    a key, a table of an experiment, an axis      likely a typo
`--params FILE`  a key
`@expt.sweep`    an axis
`@expt.on`       a hook point
`--plugin FILE`  a provider, a listener, an analysis

Experiments that were not selected are not imported: what any source below the folder mentions is
given the benefit of doubt.
"""

from __future__ import annotations

import os
import re
import unicodedata
from types import FunctionType
from typing import TYPE_CHECKING, Any

from expt.discovery.walk import walk_sources
from expt.ground.declarations import LISTENERS_ATTRIBUTE, PROVIDER_ATTRIBUTE
from expt.ground.errors import did_you_mean, suggestion
from expt.ground.launchers import find_rank
from expt.ground.layout import ANALYSIS_PREFIX, RESERVED_TABLE
from expt.ground.model import BUILTIN_PROVIDERS, LAYER_EXTENDS
from expt.ground.value_classes import frozen
from expt.parameters.choices import read_choices
from expt.parameters.coercion.annotations import alternatives
from expt.parameters.coercion.plain import key_fields
from expt.parameters.layers import Layer
from expt.parameters.params_files import experiment_values, folder_values
from expt.parameters.seeds import SEED, is_drawn
from expt.parameters.typed_text import first_key
from expt.planning.contents import place_of
from expt.planning.hook_points import read_points
from expt.planning.unknown import function_names

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path
    from types import ModuleType

    from expt.ground.model import Case
    from expt.ground.options import Options
    from expt.ground.toml_lines import KeyPath
    from expt.parameters.params_files import ParamsFile
    from expt.planning.binding import Binding
    from expt.planning.places import Files


@frozen
class _Suspect:
    """A name that no planned experiment takes, where it stands, and the names that there are."""

    name: str
    where: str
    what: str
    known: Collection[str]

    def tell(self) -> str:
        if self.name in BUILTIN_PROVIDERS:
            return f"{self.where}: '{self.name}' is a built-in provider and has no value: rename it"
        hint = did_you_mean(self.name, self.known)
        return f"{self.where}: {self.what}" + (f"; {hint}" if hint else "")


def unused_keys(
    files: Files,
    bindings: Sequence[Binding],
    taken: Mapping[str, frozenset[str]],
    values_files: Sequence[ParamsFile] = (),
) -> list[str]:
    """A warning with file and line for each key, table and axis that nothing takes.

    `taken` are the names that the planned experiments ask for; `values_files` those of
    `--params`, which counts for all of them.
    """
    warnings: dict[str, None] = {}
    for path, file in sorted(files.params_read.items()):
        below = [binding for binding in bindings if file in binding.files]
        suspects = list(_suspects(file, below, taken)) if below else []
        warnings.update(_certain(suspects, files.root / path.rpartition("/")[0]))
    for file in values_files:
        warnings.update(_certain(list(_suspects(file, bindings, taken)), files.root))
    for binding in bindings:
        known = taken[binding.experiment.id] | {"seed"}
        for rank in binding.ranks:
            if isinstance(rank, Layer) and rank.name == LAYER_EXTENDS:
                place = rank.where(()) or binding.experiment.place
                for name in rank.values.keys() - known:
                    what = f"nothing takes the parameter '{name}' of expt.extends"
                    warnings[_Suspect(name, place, what, known).tell()] = None
        for name in binding.declared_axes:
            if first_key(name) not in known:
                what = f"nothing takes the axis '{name}'"
                place = str(binding.function.place)
                warnings[_Suspect(name, place, what, known).tell()] = None
    return list(warnings)


def _suspects(
    file: ParamsFile, below: Sequence[Binding], taken: Mapping[str, frozenset[str]]
) -> Iterator[_Suspect]:
    functions = {name for binding in below for name in function_names(binding)}
    for path, table in _tables(file):
        used = _taken_by(below, taken)
        yield from _keys(file, path, folder_values(table), used)
        for name in table:
            own = experiment_values(table, name)
            if own and name in functions:
                addressed = [binding for binding in below if name in function_names(binding)]
                yield from _keys(file, (*path, name), own, _taken_by(addressed, taken))
            elif own:
                what = f"no experiment is named '{name}'"
                yield _Suspect(name, file.where((*path, name)), what, functions)
    used = _taken_by(below, taken)
    for name in file.reserved.get("choices", {}):
        if name not in used:
            where = file.where((RESERVED_TABLE, "choices", name))
            yield _Suspect(name, where, f"nothing takes the choice '{name}'", used)
    axes, _ = file.axes()
    for axis in axes:
        for name in axis.names:
            if first_key(name) not in used:
                yield _Suspect(
                    name, axis.where or file.path, f"nothing takes the axis '{name}'", used
                )


def _tables(file: ParamsFile) -> Iterator[tuple[KeyPath, Mapping[str, object]]]:
    yield (), file.values
    if "smoke" in file.reserved:
        yield (RESERVED_TABLE, "smoke"), file.reserved["smoke"]
    for name, table in file.reserved.get("variants", {}).items():
        yield (RESERVED_TABLE, "variants", name), table


def _taken_by(bindings: Iterable[Binding], taken: Mapping[str, frozenset[str]]) -> set[str]:
    return {name for binding in bindings for name in taken[binding.experiment.id]} | {"seed"}


def _keys(
    file: ParamsFile, path: KeyPath, values: Mapping[str, object], used: set[str]
) -> Iterator[_Suspect]:
    of = f" of [{'.'.join(path)}]" if path else ""
    for name in values:
        if name not in used:
            what = f"nothing takes the parameter '{name}'{of}"
            yield _Suspect(name, file.where((*path, name)), what, used)


def _certain(suspects: Sequence[_Suspect], folder: Path) -> dict[str, None]:
    """Those that no source below the folder mentions, told."""
    names = {suspect.name for suspect in suspects} - BUILTIN_PROVIDERS
    mentioned = _mentioned(folder, names) if names else set()
    return {suspect.tell(): None for suspect in suspects if suspect.name not in mentioned}


def _mentioned(folder: Path, names: Collection[str]) -> set[str]:
    """Those of the names that a module says, and of experiments those that a folder extends."""
    words = "|".join(re.escape(name) for name in names)
    in_module = re.compile(rf"(?<!\w)(?:{words})(?!\w)")
    in_table = re.compile(rf"(?<=::)(?:{words})(?!\w)")
    found: set[str] = set()
    for name, content in walk_sources(folder):
        if len(found) == len(names):
            break
        text = content.decode("utf-8", "replace")
        if not text.isascii():
            text = unicodedata.normalize("NFKC", text)  # as Python reads names
        found.update((in_module if name.endswith(".py") else in_table).findall(text))
    return found


def unknown_keys(binding: Binding, annotation_of: Callable[[str], Any]) -> Iterator[str]:
    """A warning with file and line for each, where all that the choice may become are classes."""
    for name, choice in read_choices(binding.files).items():
        parts = [part for part in alternatives(annotation_of(name)) if part is not type(None)]
        if not parts or not all(map(key_fields, parts)):
            continue
        known = {key for part in parts for key in key_fields(part)}
        for member, table in choice.members.items():
            for key in table.values:
                if key not in known:
                    hint = suggestion(key, known, "keys")
                    where = table.where((name, key))
                    yield f"{where}: '{name}' has no key '{key}' for its member '{member}'; {hint}"


# Seeds and runs


def unshared_seeds(cases: Sequence[Case], options: Options) -> list[str]:
    """A warning where other processes run the same cases, and each draws seeds of its own."""
    rank = find_rank(os.environ)
    if rank is None or options.launch is not None:
        return []
    if not any(is_drawn(case.origins.get(SEED, ())) for case in cases):
        return []
    return [
        f"each process of {rank.launcher} draws seeds of its own: -p seed=0, say, for all of them"
    ]


def older_runs(cases: Sequence[Case]) -> list[str]:
    """A warning for each run that is given while the session makes a newer one of its experiment.

    What is given was decided before anything runs: nobody is to take it for the new one.
    """
    planned = {case.experiment.id for case in cases}
    return list(
        dict.fromkeys(
            f"{case.origins[leaf][0].where}: '{leaf}' of {case.experiment.id} is the run {run.id}, "
            f"which is older than this session; the one that {run.newest_of} leaves now is not "
            "waited for"
            for case in cases
            for leaf, run in case.runs.items()
            if run.newest_of in planned
        )
    )


# Plugins


def untaken_parts(
    plugins: Iterable[ModuleType], provided: Collection[Callable[..., Any]], files: Files
) -> Iterator[str]:
    """A warning for what a plugin's file has and nothing takes from there.

    `provided` are the providers that plugins hand over.
    """
    for module in plugins:
        for name, value in vars(module).items():
            if not isinstance(value, FunctionType) or value.__module__ != module.__name__:
                continue
            home = "move it into a conftest.py"
            if hasattr(value, PROVIDER_ATTRIBUTE) and value not in provided:
                what, home = "the provider", f"return it from expt_make_providers, or {home}"
            elif hasattr(value, LISTENERS_ATTRIBUTE):
                what = "the listener"
            elif name.startswith(ANALYSIS_PREFIX):
                what = "the analysis"
            else:
                continue
            yield f"{place_of(value, files)}: nothing takes {what} '{name}' of a plugin: {home}"


# Listeners


def unheard_points(root: Path, bindings: Sequence[Binding]) -> list[str]:
    """A warning for each listener of a hook point that no source below the root calls."""
    listeners = {listener.point: listener for binding in bindings for listener in binding.listeners}
    if not listeners:
        return []
    sources = (content for name, content in walk_sources(root) if name.endswith(".py"))
    called = read_points(sources)
    if called is None:
        return []
    return [
        f"{listener.place}: nothing calls the hook point '{point}'"
        + (f"; {hint}" if (hint := did_you_mean(point, called)) else "")
        for point, listener in listeners.items()
        if point not in called
    ]
