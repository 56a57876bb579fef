"""What `@expt.needs` says: arguments that are the runs of other experiments, made for this one.

    compare ──► evaluate ──► train        made first: train, then evaluate, then compare

A need stands where a default stands: any layer that gives its name a value takes its place, and
then nothing is made for it.
"""

from __future__ import annotations

import contextlib
import inspect
import os
from types import CodeType
from typing import TYPE_CHECKING, Any, Final

from expt.ground.declarations import NEEDS_ATTRIBUTE, Extension, InputRun
from expt.ground.errors import PlanningError, did_you_mean, suggestion
from expt.ground.model import BUILTIN_PROVIDERS, folder_place
from expt.ground.text import visible
from expt.ground.value_classes import frozen
from expt.parameters.coercion.annotations import (
    annotations_in,
    checks_nothing,
    expected_text,
    wants_run,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from expt.ground.model import Experiment
    from expt.planning.places import Files, Host
    from expt.planning.providers import Function

_MANY: Final = list[InputRun]


@frozen(eq=False)
class Need:
    """One argument: the run of `target`, a node id; with `many`, the runs of all its cases."""

    name: str
    target: str
    where: str
    many: bool = False

    def annotation(self, said: Any) -> Any:
        """The annotation of whoever asks for it: what is said, where that says anything."""
        if not checks_nothing(said):
            return said
        return _MANY if self.many else InputRun


def read_needs(function: Function, host: Host, files: Files) -> dict[str, Need]:
    """The needs of an experiment's function, by argument. Raises `PlanningError`.

    What is hosted beside the experiment, and extends what its base needs, takes its place.
    """
    said: Mapping[str, Any] = getattr(function.call, NEEDS_ATTRIBUTE, {})
    needs = {}
    for name, named in said.items():
        where = str(function.place)
        if name in BUILTIN_PROVIDERS:
            raise PlanningError(f"'{name}' is a built-in provider, and can be no need", where)
        annotation = function.annotations.get(name, Any)
        many = not checks_nothing(annotation) and not wants_run(annotation)
        if many and not wants_run(annotations_in(annotation)(0)):
            raise PlanningError(
                f"'{name}' is needed, and is given a run: it cannot be {expected_text(annotation)}",
                where,
                "annotate it as expt.Run, or as list[expt.Run] for the runs of all cases",
            )
        target = _node_id(named, function.place.path, where, files)
        needs[name] = Need(name, _beside(target, host, files), where, many)
    return needs


def reject_untaken(needs: Iterable[Need], taken: Iterable[str], experiment: str) -> None:
    """Raise `PlanningError` for a need that neither the experiment nor a provider asks for."""
    known = sorted(taken)
    for need in needs:
        if need.name not in known:
            what = f"'{experiment}' needs '{need.name}', and nothing takes that argument"
            raise PlanningError(what, need.where, suggestion(need.name, known, "arguments"))


def find_needed(need: Need, files: Files) -> Experiment:
    """The experiment that a need names. Raises `PlanningError`, `CollectionError`."""
    place, _, name = need.target.rpartition("::")
    if name.endswith("]"):
        hint = "its cases are chosen by the values that both experiments take"
        what = f"'{visible(need.target)}' is a case, and no experiment"
        raise PlanningError(what, need.where, hint)
    if not _exists(files, place):
        folder = os.path.dirname(place)
        names = os.listdir(files.root / folder) if _exists(files, folder) else []
        raise PlanningError(
            f"there is no '{visible(place)}' that could be needed",
            need.where,
            did_you_mean(os.path.basename(place), names)
            or "paths are relative to the folder of the file, or to the root directory",
        )
    found = files.experiments(place)
    for experiment in found:
        if experiment.name == name:
            return experiment
    known = [experiment.name for experiment in found]
    told = f"'{place}' has no experiment '{visible(name)}', which '{need.name}' needs"
    raise PlanningError(told, need.where, suggestion(name, known, "there is"))


def _beside(target: str, host: Host, files: Files) -> str:
    """The node id of what extends `target` in the place of an experiment that extends another."""
    if host.base is None:
        return target
    place = host.file or host.folder or "."
    for experiment in files.experiments(place):
        if target in experiment.extends:
            return experiment.id
    return target


def _node_id(experiment: Any, path: str, where: str, files: Files) -> str:
    """The node id of what a decorator in the file `path` names."""
    if isinstance(experiment, str):
        return _named(experiment, path, files)
    if isinstance(experiment, Extension):
        return f"{files.relative(experiment.file)}::{experiment.name}"
    code = None
    with contextlib.suppress(ValueError):  # an object that wraps itself
        code = getattr(inspect.unwrap(experiment), "__code__", None)
    if not isinstance(code, CodeType):
        what = f"an instance of {type(experiment).__name__} is no experiment that can be needed"
        raise PlanningError(what, where, "name it by its node id")
    return f"{files.relative(code.co_filename)}::{code.co_name}"


def _named(text: str, path: str, files: Files) -> str:
    """The node id that a text in the file `path` means; of what is not there, as it would be."""
    place, _, name = text.rpartition("::")
    if not place:
        return f"{path}::{name}"
    near = _normal(os.path.join(os.path.dirname(path), place))
    found = next((one for one in (near, _normal(place)) if _exists(files, one)), near)
    is_folder = _exists(files, found) and (files.root / found).is_dir()
    return f"{folder_place(found) if is_folder else found}::{name}"


def _normal(path: str) -> str:
    return os.path.normpath(path).replace(os.sep, "/")


def _exists(files: Files, path: str) -> bool:
    if os.path.isabs(path) or path.startswith("../"):
        return False
    try:
        return (files.root / path).exists()
    except (OSError, ValueError):  # a name too long for the system, a NUL
        return False


def needed_annotation(needs: Mapping[str, Need], name: str, said: Any) -> Any:
    """What is said of an argument; of one that is needed and not annotated, that it is a run."""
    need = needs.get(name)
    return said if need is None else need.annotation(said)
